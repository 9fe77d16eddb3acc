//! Products of a large matrix with a few columns.

use rayon::prelude::*;

use crate::cpu::panels::{Left, Out, PANEL, Panels};

/// `out [rows, width] = a [rows, depth] x [depth, width]` for a few columns, a multiple of 16: `x` is packed once and the numbers of
/// `a` are used as they lie, where a general product would pack all of `a`.
///
/// ```
/// let mut out = [0.0; 2 * 16];
/// fornax_core::linalg::multiply_narrow(&[2.0, 3.0], &[1.0; 16], 16, &mut out);
/// assert!(out[..16] == [2.0; 16] && out[16..] == [3.0; 16]);
/// ```
///
/// # Panics
/// If the lengths do not fit.
pub fn multiply_narrow(a: &[f32], x: &[f32], width: usize, out: &mut [f32]) {
    assert!(width > 0 && width.is_multiple_of(PANEL), "columns come in multiples of {PANEL}, not {width}");
    let (depth, rows) = (x.len() / width, out.len() / width);
    assert_eq!((depth * width, rows * width), (x.len(), out.len()), "whole rows");
    assert_eq!(a.len(), rows * depth, "a row of the matrix for each of the product");
    let mut panels = Panels::empty();
    panels.repack(x, width);
    const ROWS: usize = 64;
    out.par_chunks_mut(ROWS * width).enumerate().for_each(|(chunk, out)| {
        let rows = out.len() / width;
        let left = Left::rows(&a[chunk * ROWS * depth..][..rows * depth], depth);
        panels.multiply(left, rows, Out::rows(out, width), false);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{Matrix, multiply};

    #[test]
    fn products_are_those_of_any_width() {
        for (rows, depth, width) in [(1, 1, 16), (3, 0, 16), (70, 300, 48), (130, 17, 32)] {
            let value = |at: usize| ((at * 7 % 13) as f32 - 6.0) / 8.0;
            let a: Vec<f32> = (0..rows * depth).map(value).collect();
            let x: Vec<f32> = (0..depth * width).map(|at| value(at + 5)).collect();
            let (mut found, mut wanted) = (vec![f32::NAN; rows * width], vec![f32::NAN; rows * width]);
            multiply_narrow(&a, &x, width, &mut found);
            let left = Matrix::new(&a, rows, depth);
            multiply(1.0, left, Matrix::new(&x, depth, width), 0.0, &mut wanted, width);
            assert_eq!(found, wanted, "{rows} x {depth} x {width}");
        }
    }
}
