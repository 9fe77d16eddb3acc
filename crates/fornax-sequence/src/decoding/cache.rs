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
        let shape = q.shape();
        let steps = keys.shape()[1];
        let places: Vec<usize> = (0..shape[0]).map(|row| row * steps + self.used).collect();
        let (keys, values) = (write(keys, &places, k), write(values, &places, v));
        self.used += 1;
        let options = AttentionOptions::new(shape[3]).lengths(vec![self.used; shape[0]]);
        let [y, _] = B::dot_product_attention(q, keys.clone(), values.clone(), options);
        self.stores = Some([keys, values]);
        y
    }

    /// Row `i` becomes what row `rows[i]` was; only rows that change and steps that are used are moved.
    pub(crate) fn reorder(&mut self, rows: &[usize], device: &B::Device) {
        let used = self.used;
        let stores = self.stores.take().expect("they are put back").map(|store| {
            let shape = store.shape();
            if used == 0 || shape[0] != rows.len() {
                return select(store, rows, device);
            }
            let changed = || rows.iter().enumerate().filter(|(to, from)| to != *from);
            let length = shape[1];
            let steps = |row: usize| (row * length)..(row * length + used);
            let from: Vec<usize> = changed().flat_map(|(_, &from)| steps(from)).collect();
            if from.is_empty() {
                return store;
            }
            let to: Vec<usize> = changed().flat_map(|(to, _)| steps(to)).collect();
            let table = store.reshape(&[shape[0] * length, shape[2] * shape[3]]);
            let moved = B::embedding_lookup(table.clone(), indices(&from, device));
            write(table.reshape(&shape), &to, moved)
        });
        self.stores = Some(stores);
    }
}

/// `[rows, steps, heads, width]` with other values at some places of its rows and steps; in place where nothing else holds
/// it. Burn's `slice_assign` of Flex always copies.
fn write<B: Backend>(store: DynTensor<B>, places: &[usize], values: DynTensor<B>) -> DynTensor<B> {
    let (shape, device) = (store.shape(), store.device());
    let width = shape[2] * shape[3];
    let table = store.reshape(&[shape[0] * shape[1], width]);
    let values = values.reshape(&[places.len(), width]);
    B::replace_rows(table, indices(places, &device), values).reshape(&shape)
}

fn indices<B: Backend>(places: &[usize], device: &B::Device) -> Indices<B> {
    Indices::from_vec(places.iter().map(|&place| place as i32).collect(), &[places.len()], device)
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
    tensor.select(0, indices(rows, device))
}
