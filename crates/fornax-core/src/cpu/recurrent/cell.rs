//! What the kernels ask of a cell: where its numbers lie, and one step forward and backward for some rows.

use std::ops::Range;

use crate::ops::RecurrentCell;

/// A cell on padded units: the pre-activations of a row are **blocks** of so many numbers.
pub(super) trait Cell: Copy + Sync {
    const CELL: RecurrentCell;
    /// Blocks of pre-activations.
    const BLOCKS: usize;
    /// The blocks, the first ones, that begin with the bias and the product with the kernel.
    const KERNEL: Range<usize>;
    /// The blocks to which the product with the recurrent kernel is added.
    const RECURRENT: Range<usize>;
    /// Blocks that are kept beside the activations.
    const EXTRA: usize;
    /// Whether the state also goes into the next one directly.
    const DIRECT: bool;

    /// The gate of the layer's kernels at `block`.
    fn gate(block: usize) -> usize;

    /// Whether the bias has a second row, for the product with the recurrent kernel.
    fn has_recurrent_bias() -> bool {
        false
    }

    /// One step for as many rows as `gates` holds: turns pre-activations into activations and moves the states.
    fn forward(self, at: Layout, gates: &mut [f32], h: &mut [f32], c: &mut [f32]);

    /// The cotangents `dz` of the pre-activations from those of the states behind the step; `dc` becomes that of the state
    /// before it, and so does `dh` as far as it is direct.
    fn backward(self, at: Layout, kept: (&[f32], &[f32]), dh: &mut [f32], dc: &mut [f32], dz: &mut [f32]);
}

/// What is kept of a row of a step lies in two buffers: the factors of the two products, `x` and the state before the
/// step, and the gates: pre-activations that become activations, with the extra blocks behind them.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) features: usize,
    /// Units, a multiple of 16.
    pub(super) units: usize,
    /// The distance of two rows of factors.
    pub(super) factors: usize,
    /// The distance of two rows of gates.
    pub(super) gates: usize,
}

impl Layout {
    pub(super) fn new<C: Cell>(features: usize, units: usize) -> Self {
        // An odd number of cache lines: rows at a power of two would share a few places of the cache.
        let odd = |len: usize| (len.div_ceil(16) | 1) * 16;
        Self { features, units, factors: odd(features + units), gates: odd((C::BLOCKS + C::EXTRA) * units) }
    }
}
