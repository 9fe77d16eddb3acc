//! [`DenseRows`]: products of a dense matrix with a block of vectors that read the matrix once.

// Plain loops over constant bounds are what the compiler unrolls into registers.
#![allow(clippy::needless_range_loop)]

use super::gram::{BLOCK, parts, sum_parts};
use super::{Aligned, Matrix, multiply};
use crate::lanes::{Kernel, Lanes};

/// A copy of a matrix whose rows begin on cache lines, an odd number of lines apart, so that the same column of several rows does
/// not lie in the same set of the cache.
#[derive(Clone, Debug)]
pub struct DenseRows {
    values: Aligned,
    rows: usize,
    columns: usize,
    stride: usize,
}

/// Rows are filled up with rows of zeros to a multiple of this, which is one of those that any kernel takes at once.
const WHOLE: usize = 48;

/// Multiples of [`WHOLE`] rows that are worth sums of their own.
const WORTH: usize = 5;

impl DenseRows {
    /// `scale A`.
    pub fn new(matrix: Matrix<'_, f32>, scale: f32) -> Self {
        // Squares of this side, so that a transpose finds the lines it needs in the cache.
        const SIDE: usize = 64;
        let [rows, columns] = matrix.shape;
        let lines = columns.div_ceil(16) | 1;
        let stride = 16 * lines;
        let mut values = Aligned::zeros(rows.next_multiple_of(WHOLE) * stride);
        for first in (0..rows).step_by(SIDE) {
            for start in (0..columns).step_by(SIDE) {
                let end = columns.min(start + SIDE);
                for row in first..rows.min(first + SIDE) {
                    let to = &mut values[row * stride + start..row * stride + end];
                    to.iter_mut().zip(matrix.row(row, start)).for_each(|(to, value)| *to = scale * value);
                }
            }
        }
        Self { values, rows, columns, stride }
    }

    /// `out = A x`, for `x [columns, width]` and `out [rows, width]`.
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn multiply(&self, x: &[f32], width: usize, out: &mut [f32]) {
        assert_eq!((x.len(), out.len()), (self.columns * width, self.rows * width), "numbers of x and out");
        let matrix = Matrix::strided(&self.values, self.rows, self.columns, self.stride);
        multiply(1.0, matrix, Matrix::new(x, self.columns, width), 0.0, out, width);
    }

    /// `out = AᵀA x`, for `x` and `out` of `[columns, 16]`, best on cache lines.
    ///
    /// Some rows at a time: their products with `x` stay in registers, and are multiplied by the same rows, which then are in the
    /// cache.
    ///
    /// ```
    /// use fornax_core::linalg::{DenseRows, Matrix};
    ///
    /// let matrix = DenseRows::new(Matrix::new(&[1.0, 2.0, 3.0, 4.0], 2, 2), 1.0);
    /// let mut x = [0.0; 32];
    /// x[..16].fill(1.0);
    /// let mut out = [0.0; 32];
    /// matrix.gram_multiply(&x, &mut out);
    /// assert_eq!((out[0], out[16]), (10.0, 14.0));
    /// ```
    ///
    /// # Panics
    /// If a length does not fit.
    pub fn gram_multiply(&self, x: &[f32], out: &mut [f32]) {
        for (name, len) in [("x", x.len()), ("out", out.len())] {
            assert_eq!(len, self.columns * BLOCK, "numbers of {name}, a block for each column");
        }
        if out.is_empty() {
            return;
        }
        let tiles = self.rows.div_ceil(WHOLE);
        let parts = parts(out.len(), tiles / WORTH);
        let starts = (0..parts).map(|part| [tiles * part / parts, tiles * (part + 1) / parts]);
        let rows = starts.map(|ends| ends.map(|tile| tile * WHOLE * self.stride));
        sum_parts(rows.collect(), out, |[start, end], sums| {
            let rows = &self.values[start..end];
            let (columns, stride) = (self.columns, self.stride);
            // SAFETY: `x` and `sums` have a block for each column, and rows come in multiples of WHOLE.
            unsafe { Gram { rows, columns, stride, x: x.as_ptr(), out: sums.as_mut_ptr() }.run_widest() }
        });
    }
}

/// Adds `AᵀA x` for some rows.
struct Gram<'a> {
    rows: &'a [f32],
    columns: usize,
    stride: usize,
    x: *const f32,
    out: *mut f32,
}

impl Kernel for Gram<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe {
            match (L::LEN, L::REGISTERS) {
                (16, _) => self.tiles::<L, 1, 16>(),
                (_, 16) => self.tiles::<L, 2, 6>(),
                _ => self.tiles::<L, 2, 2>(),
            }
        }
    }
}

impl Gram<'_> {
    /// `R` rows at a time, blocks in `V` vectors.
    #[inline(always)]
    unsafe fn tiles<L: Lanes, const V: usize, const R: usize>(self) {
        const { assert!(WHOLE.is_multiple_of(R) && R.is_multiple_of(2)) };
        for rows in self.rows.chunks_exact(R * self.stride) {
            unsafe {
                let mut images = [[L::zero(); V]; R];
                for column in 0..self.columns {
                    let mut block = [L::zero(); V];
                    for v in 0..V {
                        block[v] = L::load(self.x.add(column * BLOCK + v * L::LEN));
                    }
                    for row in 0..R {
                        let value = L::splat(rows.as_ptr().add(row * self.stride + column));
                        for v in 0..V {
                            images[row][v] = value.multiply_add(block[v], images[row][v]);
                        }
                    }
                }
                for column in 0..self.columns {
                    let out = self.out.add(column * BLOCK);
                    // Two sums, so that additions wait less for each other.
                    let mut sums = [[L::zero(); V]; 2];
                    for v in 0..V {
                        sums[0][v] = L::load(out.add(v * L::LEN));
                    }
                    for row in 0..R {
                        let value = L::splat(rows.as_ptr().add(row * self.stride + column));
                        for v in 0..V {
                            sums[row % 2][v] = value.multiply_add(images[row][v], sums[row % 2][v]);
                        }
                    }
                    for v in 0..V {
                        sums[0][v].add(sums[1][v]).store(out.add(v * L::LEN));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Philox;

    #[test]
    fn products_are_those_of_loops() {
        let mut random = Philox::new(1);
        for (rows, columns) in [(1, 1), (3, 40), (47, 5), (48, 32), (131, 70), (300, 17)] {
            let mut numbers = |len: usize| (0..len).map(|_| random.normal()).collect::<Vec<f32>>();
            let (dense, x) = (numbers(rows * columns), numbers(columns * BLOCK));
            let wide = |at: f32| f64::from(at);
            let product = |row: usize, v: usize| -> f64 {
                (0..columns).map(|c| 0.5 * wide(dense[row * columns + c]) * wide(x[c * BLOCK + v])).sum()
            };
            let turned: Vec<f32> =
                (0..rows * columns).map(|at| dense[at % rows * columns + at / rows]).collect();
            for matrix in [Matrix::new(&dense, rows, columns), Matrix::new(&turned, columns, rows).t()] {
                let matrix = DenseRows::new(matrix, 0.5);
                let mut out = vec![f32::NAN; rows * BLOCK];
                matrix.multiply(&x, BLOCK, &mut out);
                for (at, &found) in out.iter().enumerate() {
                    assert!((wide(found) - product(at / BLOCK, at % BLOCK)).abs() < 1e-4);
                }
                let mut out = vec![f32::NAN; columns * BLOCK];
                matrix.gram_multiply(&x, &mut out);
                for (at, &found) in out.iter().enumerate() {
                    let (column, v) = (at / BLOCK, at % BLOCK);
                    let of_row = |row: usize| 0.5 * wide(dense[row * columns + column]) * product(row, v);
                    let wanted: f64 = (0..rows).map(of_row).sum();
                    assert!((wide(found) - wanted).abs() < 1e-3 * rows as f64, "{found}, wanted {wanted}");
                }
            }
        }
    }
}
