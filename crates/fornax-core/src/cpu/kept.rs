//! What is worked out from shapes alone: a model asks for the same in every step.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// How many are kept, the latest ones.
const COUNT: usize = 256;

/// Values by the shapes that they follow from.
pub(super) struct Kept<K, V: ?Sized>(Mutex<VecDeque<(K, Arc<V>)>>);

impl<K: Clone + PartialEq, V: ?Sized> Kept<K, V> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    /// The value of `key`, made if it is not there.
    pub(super) fn get(&self, key: &K, make: impl FnOnce() -> Arc<V>) -> Arc<V> {
        let kept = || self.0.lock().expect("nothing panics while the values are locked");
        let found = kept().iter().find(|(of, _)| of == key).map(|(_, value)| value.clone());
        found.unwrap_or_else(|| {
            let value = make();
            let mut kept = kept();
            // Another thread may have been faster.
            if let Some((_, value)) = kept.iter().find(|(of, _)| of == key) {
                return value.clone();
            }
            kept.truncate(COUNT - 1);
            kept.push_front((key.clone(), value.clone()));
            value
        })
    }
}
