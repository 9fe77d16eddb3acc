//! Rows of a table: copied, added up by index, replaced in place.
//!
//! Rows are added in the order of the indices, so sums do not depend on anything else.

use super::host::{Host, HostTensor};
use super::impl_for_cpu;
use super::tasks::{MOVE, each, unwritten};
use crate::ops::EmbeddingOps;
use crate::prefetch::prefetch_row;
use crate::{DynTensor, Indices};

/// Parts that a table or what is looked up in it is cut into, whatever the number of threads: more than threads, because
/// frequent words lie close together.
const PARTS: usize = 64;

/// How many rows ahead memory is asked for one.
pub(super) const AHEAD: usize = 6;

/// The row numbers; a negative one is a panic, as one behind the table is.
pub(super) fn row_numbers<B: Host>(indices: &Indices<B>) -> impl Iterator<Item = usize> {
    indices.to_vec().into_iter().map(|row| usize::try_from(row).expect("indices are not negative"))
}

fn lookup<B: Host>(table: DynTensor<B>, indices: &Indices<B>) -> DynTensor<B> {
    let table = table.standard();
    let width = table.shape()[1];
    let mut shape = indices.shape();
    shape.push(width);
    let rows: Vec<u32> = row_numbers(indices).map(|row| row as u32).collect();
    let mut y = unwritten(rows.len() * width);
    let part = rows.len().div_ceil(PARTS).max(1);
    let parts = y.chunks_mut((part * width).max(1)).zip(rows.chunks(part));
    each(parts.collect(), 2 * MOVE * rows.len() * width, |_, (y, rows)| {
        for (at, y) in y.chunks_exact_mut(width).enumerate() {
            prefetch_row(table.floats(), width, rows, at, AHEAD);
            y.copy_from_slice(&table.floats()[rows[at] as usize * width..][..width]);
        }
    });
    DynTensor::from_floats(y, &shape)
}

/// Where the indices of each row begin among all, and their places in that order: a counting sort.
fn by_row(rows: usize, numbers: &[usize]) -> (Vec<usize>, Vec<u32>) {
    let mut starts = vec![0; rows + 1];
    numbers.iter().for_each(|row| starts[row + 1] += 1);
    (0..rows).for_each(|row| starts[row + 1] += starts[row]);
    let (mut next, mut order) = (starts.clone(), vec![0; numbers.len()]);
    for (at, &row) in numbers.iter().enumerate() {
        order[next[row]] = at as u32;
        next[row] += 1;
    }
    (starts, order)
}

fn backward<B: Host>(rows: usize, indices: &Indices<B>, dy: DynTensor<B>) -> DynTensor<B> {
    let dy = dy.standard();
    let width = *dy.shape().last().expect("at least one axis");
    let numbers: Vec<_> = row_numbers(indices).collect();
    DynTensor::from_floats(sums_by_row(rows, &numbers, dy.floats(), width), &[rows, width])
}

/// For each of so many rows the sum of the `dy [numbers, width]` that have its number.
pub(super) fn sums_by_row(rows: usize, numbers: &[usize], dy: &[f32], width: usize) -> Vec<f32> {
    let (starts, order) = by_row(rows, numbers);
    let mut table = unwritten(rows * width);
    let part = rows.div_ceil(PARTS).max(1);
    let parts: Vec<_> = table.chunks_mut((part * width).max(1)).collect();
    each(parts, MOVE * (rows * width + 3 * dy.len()), |at, table| {
        for (row, sum) in (at * part..).zip(table.chunks_exact_mut(width)) {
            let mut rows = (starts[row]..starts[row + 1]).map(|at| {
                prefetch_row(dy, width, &order, at, AHEAD);
                &dy[order[at] as usize * width..][..width]
            });
            match rows.next() {
                Some(first) => sum.copy_from_slice(first),
                None => sum.fill(0.0),
            }
            rows.for_each(|dy| add(sum, dy));
        }
    });
    table
}

simd_fn! {
    /// `x += y`.
    fn add(x: &mut [f32], y: &[f32]) {
        x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
    }
}

fn replace<B: Host>(table: DynTensor<B>, indices: &Indices<B>, values: DynTensor<B>) -> DynTensor<B> {
    let (mut table, values) = (table.standard(), values.standard());
    let width = table.shape()[1];
    let all = table.floats_mut();
    for (value, row) in values.floats().chunks_exact(width.max(1)).zip(row_numbers(indices)) {
        all[row * width..][..width].copy_from_slice(value);
    }
    table
}

impl_for_cpu!(EmbeddingOps {
    const DISTINCT_ROWS: bool = true;

    fn embedding_lookup(table: DynTensor<Self>, indices: Indices<Self>) -> DynTensor<Self> {
        lookup(table, &indices)
    }

    fn embedding_lookup_backward(rows: usize, indices: Indices<Self>, dy: DynTensor<Self>) -> DynTensor<Self> {
        backward(rows, &indices, dy)
    }

    fn replace_rows(table: DynTensor<Self>, indices: Indices<Self>, values: DynTensor<Self>) -> DynTensor<Self> {
        replace(table, &indices, values)
    }
});
