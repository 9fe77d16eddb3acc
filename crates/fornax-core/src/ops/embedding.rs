//! Embedding: rows of a table by index, `y[.., :] = table[indices[..], :]`.

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::{constant, inner, record};
use crate::{DynTensor, Indices};

/// Table look-ups on a backend. Every index has to lie in the table.
pub trait EmbeddingOps: Burn {
    /// Whether looking up each row once, and saying which place takes which, saves work in what is computed from rows. The
    /// indices have to be known on the host for that.
    const DISTINCT_ROWS: bool = false;

    /// `[..]` indices of a table `[rows, width]` to `[.., width]`.
    fn embedding_lookup(table: DynTensor<Self>, indices: Indices<Self>) -> DynTensor<Self> {
        reference(table, indices)
    }

    /// The cotangent of the table: the rows of `dy` added up by index.
    fn embedding_lookup_backward(
        rows: usize,
        indices: Indices<Self>,
        dy: DynTensor<Self>,
    ) -> DynTensor<Self> {
        reference_backward(rows, indices, dy)
    }

    /// The rows as tensors that no graph ties to the table: with autodiff they are a leaf of their own, whose gradient
    /// is that of the rows alone (a row-sparse gradient of the table).
    fn embedding_leaf(table: DynTensor<Self>, indices: Indices<Self>) -> DynTensor<Self> {
        Self::embedding_lookup(table, indices)
    }

    /// The table `[rows, width]` with other values in the rows of the distinct `indices [count]`.
    fn replace_rows(
        table: DynTensor<Self>,
        indices: Indices<Self>,
        values: DynTensor<Self>,
    ) -> DynTensor<Self> {
        reference_replace(table, indices, values)
    }
}

pub(crate) fn reference<B: Burn>(table: DynTensor<B>, indices: Indices<B>) -> DynTensor<B> {
    let mut shape = indices.shape();
    let count = shape.iter().product();
    shape.push(table.shape()[1]);
    table.select(0, indices.reshape(&[count])).reshape(&shape)
}

pub(crate) fn reference_backward<B: Burn>(
    rows: usize,
    indices: Indices<B>,
    dy: DynTensor<B>,
) -> DynTensor<B> {
    let count = indices.shape().iter().product();
    let dy = dy.rows();
    let table = DynTensor::<B>::zeros(&[rows, dy.shape()[1]], &dy.device());
    DynTensor(B::float_select_add(table.0, 0, indices.reshape(&[count]).0, dy.0))
}

pub(crate) fn reference_replace<B: Burn>(
    table: DynTensor<B>,
    indices: Indices<B>,
    values: DynTensor<B>,
) -> DynTensor<B> {
    let before = table.clone().select(0, indices.clone());
    DynTensor(B::float_select_add(table.0, 0, indices.0, values.sub(before).0))
}

/// The distinct indices, ascending, and the place of each index among them; none may be negative.
///
/// ```
/// assert_eq!(fornax_core::ops::distinct(&[7, 2, 7, 0]), (vec![0, 2, 7], vec![2, 1, 2, 0]));
/// ```
pub fn distinct(indices: &[i32]) -> (Vec<i32>, Vec<i32>) {
    /// Numbers to be gone through for each index: to sort them costs more.
    const FEW: usize = 64;
    let largest = indices.iter().max().map_or(0, |&largest| largest as usize);
    if largest > FEW * indices.len() {
        let mut rows = indices.to_vec();
        rows.sort_unstable();
        rows.dedup();
        let place = |row: &i32| rows.binary_search(row).expect("the row is among its own") as i32;
        let places = indices.iter().map(place).collect();
        return (rows, places);
    }
    let mut place_of = vec![-1; largest + 1];
    indices.iter().for_each(|&index| place_of[index as usize] = 0);
    let mut rows = vec![];
    for (row, place) in place_of.iter_mut().enumerate().filter(|(_, place)| **place == 0) {
        *place = rows.len() as i32;
        rows.push(row as i32);
    }
    let places = indices.iter().map(|&index| place_of[index as usize]).collect();
    (rows, places)
}

impl<B: EmbeddingOps, C: CheckpointStrategy> EmbeddingOps for Autodiff<B, C> {
    const DISTINCT_ROWS: bool = B::DISTINCT_ROWS;

    fn embedding_lookup(table: DynTensor<Self>, indices: Indices<Self>) -> DynTensor<Self> {
        record(
            [table],
            |[table]| {
                let rows = table.shape()[0];
                let indices = Indices::<B>(indices.0);
                (B::embedding_lookup(table, indices.clone()), (rows, indices))
            },
            |(rows, indices), dy, _| [Some(B::embedding_lookup_backward(rows, indices, dy))],
        )
    }

    fn embedding_leaf(table: DynTensor<Self>, indices: Indices<Self>) -> DynTensor<Self> {
        let rows: DynTensor<Self> = constant(B::embedding_lookup(inner(table), Indices(indices.0)));
        DynTensor(rows.0.require_grad())
    }
}
