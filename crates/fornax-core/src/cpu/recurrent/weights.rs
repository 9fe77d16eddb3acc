//! The weights of a layer, packed for products with the rows of a part.

use std::ops::Range;

use super::super::panels::{PANEL, Panels};
use super::super::transpose::transpose;
use super::Lengths;
use super::cell::Cell;

/// Both kernels with a block for each gate, padded with zeros, and the bias of a row of pre-activations.
pub(super) struct Weights {
    pub(super) kernel: Panels,
    pub(super) recurrent: Panels,
    pub(super) bias: Vec<f32>,
}

/// The first 16 numbers, zeros behind the last.
fn padded_chunk(values: &[f32]) -> [f32; PANEL] {
    values.first_chunk().copied().unwrap_or_else(|| {
        let mut chunk = [0.0; PANEL];
        chunk[..values.len()].copy_from_slice(values);
        chunk
    })
}

impl Weights {
    pub(super) fn pack<C: Cell>(lengths: Lengths, kernel: &[f32], recurrent: &[f32], bias: &[f32]) -> Self {
        let (units, padded) = (lengths.units, lengths.layout::<C>().units);
        let wide = C::CELL.gates() * units;
        let pack = |depth: usize, blocks: Range<usize>, values: &[f32]| {
            Panels::pack(depth, blocks.len() * padded, |column, rows| {
                let (block, unit) = (column / padded, column % padded);
                let first = C::gate(blocks.start + block) * units + unit;
                for (to, row) in rows.iter_mut().zip(values.chunks_exact(wide)) {
                    *to = padded_chunk(&row[first..first + units - unit]);
                }
            })
        };
        let mut sums = vec![0.0; C::BLOCKS * padded];
        for (row, blocks) in bias_rows::<C>() {
            for block in blocks {
                let from = row * wide + C::gate(block) * units;
                let out = &mut sums[block * padded..][..units];
                out.iter_mut().zip(&bias[from..]).for_each(|(sum, b)| *sum += b);
            }
        }
        Self {
            kernel: pack(lengths.features, C::KERNEL, kernel),
            recurrent: pack(units, C::RECURRENT, recurrent),
            bias: sums,
        }
    }

    /// Both kernels transposed, that of the inputs where it is wanted; no bias.
    pub(super) fn pack_transposed<C: Cell>(
        lengths: Lengths,
        kernel: Option<&[f32]>,
        recurrent: &[f32],
    ) -> Self {
        let (units, padded) = (lengths.units, lengths.layout::<C>().units);
        let wide = C::CELL.gates() * units;
        let pack = |rows: usize, blocks: Range<usize>, values: &[f32]| {
            let columns = rows.next_multiple_of(PANEL);
            Panels::pack(blocks.len() * padded, columns, |first, to| {
                let count = (rows - first).min(PANEL);
                if count < PANEL || units < padded {
                    to.fill([0.0; PANEL]);
                }
                for (block, to) in blocks.clone().zip(to.chunks_exact_mut(padded)) {
                    let from = &values[first * wide + C::gate(block) * units..];
                    transpose(from, wide, [count, units], to.as_flattened_mut(), PANEL);
                }
            })
        };
        Self {
            kernel: kernel.map_or_else(Panels::empty, |kernel| pack(lengths.features, C::KERNEL, kernel)),
            recurrent: pack(units, C::RECURRENT, recurrent),
            bias: vec![],
        }
    }
}

/// The rows of the bias and the blocks that each is added to.
pub(super) fn bias_rows<C: Cell>() -> Vec<(usize, Range<usize>)> {
    let mut rows = vec![(0, C::KERNEL)];
    if C::has_recurrent_bias() {
        rows.push((1, C::RECURRENT));
    }
    rows
}
