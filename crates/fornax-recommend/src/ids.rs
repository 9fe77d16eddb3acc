//! Ids of users and items, and the numbers that matrices know them by.

use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::marker::PhantomData;

use fornax_core::{Error, Result};

/// What can name a user or an item: a number, a string, a type of one's own.
pub trait Id: Clone + Debug + Display + Eq + Hash + Send + Sync {}

impl<T: Clone + Debug + Display + Eq + Hash + Send + Sync> Id for T {}

/// The number of a row or a column, of a type of its own for users and for items: a matrix that is transposed by
/// mistake does not compile.
pub trait Index: Copy + Debug + Eq + Ord + Hash + Send + Sync + 'static {
    /// What errors call it.
    const NAME: &'static str;

    /// The index of this number.
    fn new(number: u32) -> Self;

    /// The number.
    fn get(self) -> usize;
}

macro_rules! index {
    ($(#[$meta:meta])* $type:ident, $name:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(u32);

        impl Index for $type {
            const NAME: &'static str = $name;

            fn new(number: u32) -> Self {
                Self(number)
            }

            fn get(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index! {
    /// The number of a user: a row of [`UserItems`](crate::UserItems).
    UserIndex, "user"
}

index! {
    /// The number of an item: a column of [`UserItems`](crate::UserItems).
    ItemIndex, "item"
}

index! {
    /// The number of a feature: a column of [`Features`](crate::Features).
    FeatureIndex, "feature"
}

/// A row or column of a matrix that is neither of users, of items nor of features.
impl Index for u32 {
    const NAME: &'static str = "number";

    fn new(number: u32) -> Self {
        number
    }

    fn get(self) -> usize {
        self as usize
    }
}

/// Ids and their numbers, in the order in which they first came.
///
/// ```
/// use fornax_recommend::{Ids, Index, ItemIndex};
///
/// let mut items = Ids::<String, ItemIndex>::default();
/// items.insert("pear".into())?;
/// items.insert("plum".into())?;
/// assert_eq!(items.insert("pear".into())?, ItemIndex::new(0));
/// assert_eq!(items.id(ItemIndex::new(1)), "plum");
/// assert_eq!(items.expect("fig").unwrap_err().to_string(), "item: found fig, wanted one of the 2 that are known");
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ids<T, X> {
    ids: Vec<T>,
    numbers: HashMap<T, u32>,
    index: PhantomData<X>,
}

impl<T, X> Default for Ids<T, X> {
    fn default() -> Self {
        Self { ids: vec![], numbers: HashMap::new(), index: PhantomData }
    }
}

impl<T: Id, X: Index> Ids<T, X> {
    /// The number of an id, a new one if it is not known.
    ///
    /// # Errors
    /// If there are 2^32 - 1 ids already.
    pub fn insert(&mut self, id: T) -> Result<X> {
        if let Some(&number) = self.numbers.get(&id) {
            return Ok(X::new(number));
        }
        let number = next_number::<X>(self.ids.len(), &id)?;
        self.ids.push(id.clone());
        self.numbers.insert(id, number);
        Ok(X::new(number))
    }

    /// The number of an id; none if it is not known.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, id: &Q) -> Option<X>
    where
        T: std::borrow::Borrow<Q>,
    {
        self.numbers.get(id).map(|&number| X::new(number))
    }

    /// The number of an id.
    ///
    /// # Errors
    /// If it is not known.
    pub fn expect<Q: Display + Eq + Hash + ?Sized>(&self, id: &Q) -> Result<X>
    where
        T: std::borrow::Borrow<Q>,
    {
        let wanted = || format!("one of the {} that are known", self.len());
        self.get(id).ok_or_else(|| Error::data(X::NAME, id, wanted()))
    }

    /// The id of a number.
    ///
    /// # Panics
    /// If the number is that of another set of ids, beyond the last one here.
    pub fn id(&self, index: X) -> &T {
        &self.ids[index.get()]
    }

    /// All ids, by number.
    pub fn as_slice(&self) -> &[T] {
        &self.ids
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The number that an id gets which comes `after` so many more.
    pub(crate) fn next(&self, after: usize, id: &T) -> Result<X> {
        next_number::<X>(self.ids.len() + after, id).map(X::new)
    }

    /// The ids that `keep` says, in their order, and the new number of each old one.
    pub(crate) fn select(&self, keep: &[bool]) -> (Self, Vec<Option<u32>>) {
        let mut kept = Self::default();
        let numbers = self.ids.iter().zip(keep).map(|(id, &keep)| {
            keep.then(|| {
                let number = kept.ids.len() as u32;
                kept.ids.push(id.clone());
                kept.numbers.insert(id.clone(), number);
                number
            })
        });
        let numbers = numbers.collect();
        (kept, numbers)
    }
}

/// The number of an id that comes after `known` others. The last number stays free, so that counts fit too.
fn next_number<X: Index>(known: usize, id: &impl Display) -> Result<u32> {
    u32::try_from(known).ok().filter(|&number| number < u32::MAX).ok_or_else(|| {
        Error::data(
            format!("{} {id}", X::NAME),
            format!("{known} others before it"),
            "at most 2^32 - 1 in all",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_overflow_are_an_error() {
        assert_eq!(next_number::<UserIndex>(u32::MAX as usize - 1, &"u").unwrap(), u32::MAX - 1);
        let error = next_number::<UserIndex>(u32::MAX as usize, &"u").unwrap_err().to_string();
        assert_eq!(error, "user u: found 4294967295 others before it, wanted at most 2^32 - 1 in all");
    }

    #[test]
    fn a_selection_keeps_the_order() {
        let mut ids = Ids::<u32, UserIndex>::default();
        [7, 3, 9, 1].into_iter().for_each(|id| drop(ids.insert(id)));
        let (kept, numbers) = ids.select(&[false, true, false, true]);
        assert_eq!(kept.as_slice(), [3, 1]);
        assert_eq!(numbers, [None, Some(0), None, Some(1)]);
        assert_eq!((kept.get(&1), kept.get(&7)), (Some(UserIndex::new(1)), None));
    }
}
