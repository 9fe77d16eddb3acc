//! The gates of the GRU whose reset gate acts behind the product.

use std::ops::Range;

use super::super::math::{madd, rational_sigmoid, rational_tanh};
use super::cell::{Cell, Layout};
use crate::ops::RecurrentCell;

/// Blocks n, z, r and the product of the state with `U_n`: the kernel adds to the first three, the recurrent kernel to
/// the last three.
#[derive(Clone, Copy)]
pub(super) struct Gru;

impl Cell for Gru {
    const CELL: RecurrentCell = RecurrentCell::Gru { reset_after: true };
    const BLOCKS: usize = 4;
    const KERNEL: Range<usize> = 0..3;
    const RECURRENT: Range<usize> = 1..4;
    const EXTRA: usize = 0;
    const DIRECT: bool = true;

    fn gate(block: usize) -> usize {
        [2, 0, 1, 2][block]
    }

    fn has_recurrent_bias() -> bool {
        true
    }

    fn forward(self, at: Layout, gates: &mut [f32], h: &mut [f32], _c: &mut [f32]) {
        forward(at, gates, h);
    }

    fn backward(self, at: Layout, kept: (&[f32], &[f32]), dh: &mut [f32], _dc: &mut [f32], dz: &mut [f32]) {
        backward(at, kept, dh, dz);
    }
}

simd_fn! {
    fn forward(at: Layout, gates: &mut [f32], h: &mut [f32]) {
        let n = at.units;
        for (row, h) in gates.chunks_exact_mut(at.gates).zip(h.chunks_exact_mut(n)) {
            let (new, rest) = row.split_at_mut(n);
            let (update, rest) = rest.split_at_mut(n);
            let (reset, inside) = rest.split_at_mut(n);
            forward_row::<FMA>(new, update, reset, &inside[..n], h);
        }
    }
}

/// A function of its own, because the compiler takes slice parameters to be disjoint, without which it does not
/// vectorise.
#[inline(always)]
fn forward_row<const FMA: bool>(
    new: &mut [f32],
    update: &mut [f32],
    reset: &mut [f32],
    inside: &[f32],
    h: &mut [f32],
) {
    let n = new.len();
    let (update, reset, inside, h) = (&mut update[..n], &mut reset[..n], &inside[..n], &mut h[..n]);
    for j in 0..n {
        update[j] = rational_sigmoid::<FMA>(update[j]);
        reset[j] = rational_sigmoid::<FMA>(reset[j]);
        new[j] = rational_tanh::<FMA>(madd::<FMA>(reset[j], inside[j], new[j]));
        h[j] = madd::<FMA>(update[j], h[j] - new[j], new[j]);
    }
}

simd_fn! {
    fn backward(at: Layout, kept: (&[f32], &[f32]), dh: &mut [f32], dz: &mut [f32]) {
        let n = at.units;
        let rows = kept.0.chunks_exact(at.factors).zip(kept.1.chunks_exact(at.gates));
        for ((factors, gates), (dh, dz)) in rows.zip(dh.chunks_exact_mut(n).zip(dz.chunks_exact_mut(4 * n))) {
            let (dnew, dz) = dz.split_at_mut(n);
            let (dupdate, dz) = dz.split_at_mut(n);
            let (dreset, dinside) = dz.split_at_mut(n);
            backward_row(&factors[at.features..], gates, dh, dnew, dupdate, dreset, dinside);
        }
    }
}

/// See [`forward_row`].
#[inline(always)]
fn backward_row(
    h: &[f32],
    gates: &[f32],
    dh: &mut [f32],
    dnew: &mut [f32],
    dupdate: &mut [f32],
    dreset: &mut [f32],
    dinside: &mut [f32],
) {
    let n = dh.len();
    let block = |at: usize| &gates[at * n..(at + 1) * n];
    let (h, new, update, reset, inside) = (&h[..n], block(0), block(1), block(2), block(3));
    let (dnew, dupdate) = (&mut dnew[..n], &mut dupdate[..n]);
    let (dreset, dinside) = (&mut dreset[..n], &mut dinside[..n]);
    for j in 0..n {
        dupdate[j] = dh[j] * (h[j] - new[j]) * (update[j] - update[j] * update[j]);
        let direct = dh[j] * update[j];
        dnew[j] = (dh[j] - direct) * (1.0 - new[j] * new[j]);
        dreset[j] = dnew[j] * inside[j] * (reset[j] - reset[j] * reset[j]);
        dinside[j] = dnew[j] * reset[j];
        dh[j] = direct;
    }
}
