//! Inputs that are rows of a table by place: `z = x W + b` of each row once, and the cotangents by sums over its places.

use super::super::embedding::sums_by_row;
use super::super::gemm::{Matrix, gemm};
use super::super::product::Finish;
use super::super::tasks::unwritten;
use super::cell::{Cell, Layout};
use crate::ops::Places;

/// What a time step of a sequence begins with.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    /// Its input: `[batch, time, features]`.
    Inputs(&'a [f32]),
    /// Its product with the kernel, with the bias: that of a row `[gates * units]` by place.
    Products(&'a [f32], &'a Places),
}

/// The products `[rows, gates * units]` of rows `[rows, features]` with the kernel, and with the bias of the blocks.
pub(super) fn project<C: Cell>(
    x: &[f32],
    kernel: &[f32],
    blocks: &[f32],
    (units, at): (usize, Layout),
) -> Vec<f32> {
    let wide = C::CELL.gates() * units;
    let features = kernel.len() / wide;
    let rows = x.len() / features.max(1);
    let mut bias = vec![0.0; wide];
    from_blocks::<C>(blocks, units, at, &mut bias);
    let mut z = unwritten(rows * wide);
    let finish = Finish { bias: Some(&bias), ..Finish::default() };
    gemm([rows, wide, features], Matrix::rows(x, features), Matrix::rows(kernel, wide), &mut z, wide, finish);
    z
}

/// The blocks of a row of pre-activations from a product `[gates * units]`.
pub(super) fn into_blocks<C: Cell>(z: &[f32], units: usize, at: Layout, gates: &mut [f32]) {
    for (block, gates) in C::KERNEL.zip(gates.chunks_exact_mut(at.units)) {
        gates[..units].copy_from_slice(&z[C::gate(block) * units..][..units]);
        gates[units..].fill(0.0);
    }
}

/// A row `[gates * units]` from the blocks of a row of pre-activations.
fn from_blocks<C: Cell>(blocks: &[f32], units: usize, at: Layout, z: &mut [f32]) {
    for (block, from) in C::KERNEL.zip(blocks.chunks_exact(at.units)) {
        z[C::gate(block) * units..][..units].copy_from_slice(&from[..units]);
    }
}

/// The cotangents of the rows `[rows, features]` and of the kernel, where they are wanted, from those of the pre-activations of
/// each step and the rows that the steps take.
pub(super) fn project_backward<C: Cell>(
    x: &[f32],
    kernel: &[f32],
    (blocks, places): (&[f32], &[usize]),
    (units, at): (usize, Layout),
    [want_x, want_kernel]: [bool; 2],
) -> [Option<Vec<f32>>; 2] {
    let wide = C::CELL.gates() * units;
    let features = kernel.len() / wide;
    let rows = x.len() / features.max(1);
    let of_row = C::BLOCKS * at.units;
    let mut dz = sums_by_row(rows, places, blocks, of_row);
    if units < at.units || !(0..C::BLOCKS).map(C::gate).eq(0..C::CELL.gates()) {
        let blocks = std::mem::replace(&mut dz, unwritten(rows * wide));
        for (blocks, dz) in blocks.chunks_exact(of_row).zip(dz.chunks_exact_mut(wide)) {
            from_blocks::<C>(blocks, units, at, dz);
        }
    }
    let cotangent = Matrix::rows(&dz, wide);
    let dx = want_x.then(|| {
        let mut dx = unwritten(rows * features);
        let kernel = Matrix::rows(kernel, wide).t();
        gemm([rows, features, wide], cotangent, kernel, &mut dx, features, Finish::default());
        dx
    });
    let dkernel = want_kernel.then(|| {
        let mut dkernel = unwritten(features * wide);
        let xt = Matrix::rows(x, features).t();
        gemm([features, wide, rows], xt, cotangent, &mut dkernel, wide, Finish::default());
        dkernel
    });
    [dx, dkernel]
}
