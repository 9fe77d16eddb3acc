//! The LSTM's gates.

use std::ops::Range;

use super::super::math::{madd, rational_sigmoid, rational_tanh};
use super::cell::{Cell, Layout};
use crate::ops::RecurrentCell;

/// Blocks i, f, g, o; beside them the cell state before the step and the tanh of the one behind it are kept.
#[derive(Clone, Copy)]
pub(super) struct Lstm;

impl Cell for Lstm {
    const CELL: RecurrentCell = RecurrentCell::Lstm;
    const BLOCKS: usize = 4;
    const KERNEL: Range<usize> = 0..4;
    const RECURRENT: Range<usize> = 0..4;
    const EXTRA: usize = 2;
    const DIRECT: bool = false;

    fn gate(block: usize) -> usize {
        block
    }

    fn forward(self, at: Layout, gates: &mut [f32], h: &mut [f32], c: &mut [f32]) {
        forward(at, gates, h, c);
    }

    fn backward(self, at: Layout, kept: (&[f32], &[f32]), dh: &mut [f32], dc: &mut [f32], dz: &mut [f32]) {
        backward(at, kept.1, dh, dc, dz);
    }
}

simd_fn! {
    fn forward(at: Layout, gates: &mut [f32], h: &mut [f32], c: &mut [f32]) {
        let n = at.units;
        let states = h.chunks_exact_mut(n).zip(c.chunks_exact_mut(n));
        for (row, (h, c)) in gates.chunks_exact_mut(at.gates).zip(states) {
            let (gates, extra) = row.split_at_mut(4 * n);
            let (i, gates) = gates.split_at_mut(n);
            let (f, gates) = gates.split_at_mut(n);
            let (g, o) = gates.split_at_mut(n);
            let (before, squashed) = extra.split_at_mut(n);
            forward_row::<FMA>(i, f, g, o, before, squashed, c, h);
        }
    }
}

/// A function of its own, because the compiler takes slice parameters to be disjoint, without which it does not
/// vectorise.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn forward_row<const FMA: bool>(
    i: &mut [f32],
    f: &mut [f32],
    g: &mut [f32],
    o: &mut [f32],
    before: &mut [f32],
    squashed: &mut [f32],
    c: &mut [f32],
    h: &mut [f32],
) {
    let n = i.len();
    let (f, g, o, c, h) = (&mut f[..n], &mut g[..n], &mut o[..n], &mut c[..n], &mut h[..n]);
    let (before, squashed) = (&mut before[..n], &mut squashed[..n]);
    for j in 0..n {
        i[j] = rational_sigmoid::<FMA>(i[j]);
        f[j] = rational_sigmoid::<FMA>(f[j]);
        g[j] = rational_tanh::<FMA>(g[j]);
        o[j] = rational_sigmoid::<FMA>(o[j]);
        before[j] = c[j];
        c[j] = madd::<FMA>(f[j], c[j], i[j] * g[j]);
        squashed[j] = rational_tanh::<FMA>(c[j]);
        h[j] = o[j] * squashed[j];
    }
}

simd_fn! {
    fn backward(at: Layout, gates: &[f32], dh: &mut [f32], dc: &mut [f32], dz: &mut [f32]) {
        let n = at.units;
        let states = dh.chunks_exact(n).zip(dc.chunks_exact_mut(n));
        for ((row, dz), (dh, dc)) in gates.chunks_exact(at.gates).zip(dz.chunks_exact_mut(4 * n)).zip(states) {
            let (di, dz) = dz.split_at_mut(n);
            let (df, dz) = dz.split_at_mut(n);
            let (dg, d_o) = dz.split_at_mut(n);
            backward_row::<FMA>(row, dh, dc, di, df, dg, d_o);
        }
    }
}

/// See [`forward_row`].
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn backward_row<const FMA: bool>(
    kept: &[f32],
    dh: &[f32],
    dc: &mut [f32],
    di: &mut [f32],
    df: &mut [f32],
    dg: &mut [f32],
    d_o: &mut [f32],
) {
    let n = dc.len();
    let block = |at: usize| &kept[at * n..(at + 1) * n];
    let (i, f, g, o, before, squashed) = (block(0), block(1), block(2), block(3), block(4), block(5));
    let (dh, di, df) = (&dh[..n], &mut di[..n], &mut df[..n]);
    let (dg, d_o) = (&mut dg[..n], &mut d_o[..n]);
    for j in 0..n {
        d_o[j] = dh[j] * squashed[j] * (o[j] - o[j] * o[j]);
        let through = madd::<FMA>(dh[j] * o[j], 1.0 - squashed[j] * squashed[j], dc[j]);
        di[j] = through * g[j] * (i[j] - i[j] * i[j]);
        df[j] = through * before[j] * (f[j] - f[j] * f[j]);
        dg[j] = through * i[j] * (1.0 - g[j] * g[j]);
        dc[j] = through * f[j];
    }
}
