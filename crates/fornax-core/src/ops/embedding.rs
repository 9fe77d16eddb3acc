//! Embedding: rows of a table by index, `y[.., :] = table[indices[..], :]`.

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::{constant, inner, record};
use crate::{DynTensor, Indices};

/// Table look-ups on a backend. Every index has to lie in the table.
pub trait EmbeddingOps: Burn {
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

impl<B: EmbeddingOps, C: CheckpointStrategy> EmbeddingOps for Autodiff<B, C> {
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
