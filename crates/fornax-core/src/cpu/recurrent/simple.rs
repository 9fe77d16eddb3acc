//! The Elman network's step.

use std::ops::Range;

use super::super::math::rational_tanh;
use super::cell::{Cell, Layout};
use crate::ops::RecurrentCell;

/// One block, with tanh or a rectifier.
#[derive(Clone, Copy)]
pub(super) struct Simple {
    pub(super) relu: bool,
}

impl Cell for Simple {
    const CELL: RecurrentCell = RecurrentCell::Simple;
    const BLOCKS: usize = 1;
    const KERNEL: Range<usize> = 0..1;
    const RECURRENT: Range<usize> = 0..1;
    const EXTRA: usize = 0;
    const DIRECT: bool = false;

    fn gate(block: usize) -> usize {
        block
    }

    fn forward(self, at: Layout, gates: &mut [f32], h: &mut [f32], _c: &mut [f32]) {
        forward(at, gates, h, self.relu);
    }

    fn backward(self, at: Layout, kept: (&[f32], &[f32]), dh: &mut [f32], _dc: &mut [f32], dz: &mut [f32]) {
        backward(at, kept.1, dh, dz, self.relu);
    }
}

simd_fn! {
    fn forward(at: Layout, gates: &mut [f32], h: &mut [f32], relu: bool) {
        let n = at.units;
        for (row, h) in gates.chunks_exact_mut(at.gates).zip(h.chunks_exact_mut(n)) {
            let z = &mut row[..n];
            if relu {
                z.iter_mut().for_each(|z| *z = if *z < 0.0 { 0.0 } else { *z });
            } else {
                z.iter_mut().for_each(|z| *z = rational_tanh::<FMA>(*z));
            }
            h.copy_from_slice(z);
        }
    }
}

simd_fn! {
    fn backward(at: Layout, gates: &[f32], dh: &[f32], dz: &mut [f32], relu: bool) {
        let n = at.units;
        let rows = gates.chunks_exact(at.gates).zip(dh.chunks_exact(n));
        for ((row, dh), dz) in rows.zip(dz.chunks_exact_mut(n)) {
            let each = dz.iter_mut().zip(dh.iter().zip(&row[..n]));
            if relu {
                each.for_each(|(dz, (dh, y))| *dz = if *y > 0.0 { *dh } else { 0.0 });
            } else {
                each.for_each(|(dz, (dh, y))| *dz = dh * (1.0 - y * y));
            }
        }
    }
}
