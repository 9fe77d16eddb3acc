//! What a decoder keeps between steps: the keys and values of its own steps, in memory laid out once, and those of the
//! encoder's output.

use fornax_core::ops::AttentionOptions;
use fornax_core::{Backend, DynTensor, Indices, Mask};

/// Keys and values of the steps so far, `[rows, steps, heads, width]`, of which the first are used.
#[derive(Clone, Debug)]
pub(crate) struct KeyValues<B: Backend> {
    /// Taken out while they are written, so that nothing else holds them and they are written in place.
    stores: Option<[DynTensor<B>; 2]>,
    used: usize,
}

impl<B: Backend> KeyValues<B> {
    pub(crate) fn new(shape: [usize; 4], device: &B::Device) -> Self {
        let store = || DynTensor::zeros(&shape, device);
        Self { stores: Some([store(), store()]), used: 0 }
    }

    /// The keys and values `[rows, 1, heads, width]` join the others, and the queries attend to all of them.
    pub(crate) fn attend(&mut self, q: DynTensor<B>, k: DynTensor<B>, v: DynTensor<B>) -> DynTensor<B> {
        let [keys, values] = self.stores.take().expect("they are put back");
        let keys = keys.assign(1, self.used, k);
        let values = values.assign(1, self.used, v);
        self.used += 1;
        let shape = q.shape();
        let options = AttentionOptions::new(shape[3]).lengths(vec![self.used; shape[0]]);
        let [y, _] = B::dot_product_attention(q, keys.clone(), values.clone(), options);
        self.stores = Some([keys, values]);
        y
    }

    /// Row `i` becomes what row `rows[i]` was; only steps that are used are moved.
    pub(crate) fn reorder(&mut self, rows: &[usize], device: &B::Device) {
        let used = self.used;
        let stores = self.stores.take().expect("they are put back").map(|store| {
            if used == 0 || store.shape()[0] != rows.len() {
                return select(store, rows, device);
            }
            let moved = select(store.clone().slice(1, 0, used, 1), rows, device);
            store.assign(1, 0, moved)
        });
        self.stores = Some(stores);
    }
}

/// Keys and values of the encoder's output, `[samples, time, heads, width]`, and the steps that count.
#[derive(Clone, Debug)]
pub(crate) struct Memory<B: Backend> {
    pub(crate) keys: DynTensor<B>,
    pub(crate) values: DynTensor<B>,
    pub(crate) mask: Option<Mask<B>>,
}

impl<B: Backend> Memory<B> {
    /// Sample `i` becomes what sample `samples[i]` was.
    pub(crate) fn reorder(&mut self, samples: &[usize], device: &B::Device) {
        let take = |tensor: &DynTensor<B>| select(tensor.clone(), samples, device);
        (self.keys, self.values) = (take(&self.keys), take(&self.values));
        self.mask = self.mask.take().map(|mask| select(mask.to_float(), samples, device).equal_scalar(1.0));
    }
}

fn select<B: Backend>(tensor: DynTensor<B>, rows: &[usize], device: &B::Device) -> DynTensor<B> {
    let rows: Vec<i32> = rows.iter().map(|&row| row as i32).collect();
    let len = rows.len();
    tensor.select(0, Indices::from_vec(rows, &[len], device))
}
