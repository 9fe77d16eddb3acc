//! The weights of a layer, packed for products with the rows of a part.

use std::ops::Range;

use super::super::panels::{PANEL, Panels};
use super::Lengths;
use super::cell::Cell;

/// Both kernels with a block for each gate, padded with zeros, and the bias of a row of pre-activations.
pub(super) struct Weights {
    pub(super) kernel: Panels,
    pub(super) recurrent: Panels,
    pub(super) bias: Vec<f32>,
}

/// Block and first unit of 16 columns.
fn place(column: usize, units: usize) -> (usize, usize) {
    (column / units, column % units)
}

impl Weights {
    pub(super) fn pack<C: Cell>(lengths: Lengths, kernel: &[f32], recurrent: &[f32], bias: &[f32]) -> Self {
        let (units, padded) = (lengths.units, lengths.layout::<C>().units);
        let wide = C::CELL.gates() * units;
        let pack = |depth: usize, blocks: Range<usize>, values: &[f32]| {
            Panels::pack(depth, blocks.len() * padded, |row, column, out| {
                let (block, unit) = place(column, padded);
                let count = units.saturating_sub(unit).min(PANEL);
                let from = row * wide + C::gate(blocks.start + block) * units + unit;
                out[..count].copy_from_slice(&values[from..from + count]);
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
            Panels::pack(blocks.len() * padded, columns, |at, first, out| {
                let (block, unit) = (at / padded, at % padded);
                if unit < units {
                    let column = C::gate(blocks.start + block) * units + unit;
                    let from = values[first * wide + column..].iter().step_by(wide);
                    out.iter_mut().zip(from).for_each(|(out, &value)| *out = value);
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
