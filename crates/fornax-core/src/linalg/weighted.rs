//! A product of `YᵀWY` with a vector, for a few rows `Y` of a table.

// Plain loops over constant bounds are what the compiler unrolls into registers.
#![allow(clippy::needless_range_loop)]

use crate::lanes::{Kernel, Lanes};
use crate::prefetch::prefetch;

/// `out += sum of (w_t (y_t . v) - b_t) y_t` for the rows `y_t` of a table that `indices` names; without right sides `b` is 0.
///
/// Eight products with `v` at a time, then up to eight vectors of `out` stay in registers. Rows that are `far`, not in the
/// second-level cache, are asked for before.
///
/// # Panics
/// If the lengths differ, the rows are no multiples of 16 numbers, or an index is beyond the table.
pub(super) fn add_weighted(
    indices: &[u32],
    weights: &[f32],
    right: &[f32],
    table: &[f32],
    v: &[f32],
    out: &mut [f32],
    is_far: bool,
) {
    let width = v.len();
    assert!(width > 0 && width.is_multiple_of(16) && out.len() == width, "vectors of {width}, {}", out.len());
    assert!(indices.len() == weights.len() && (right.is_empty() || right.len() == weights.len()));
    let rows = table.len() / width;
    assert!(indices.iter().all(|&index| (index as usize) < rows), "an index beyond {rows} rows");
    // SAFETY: the assertions bound all rows and vectors.
    unsafe { AddWeighted { indices, weights, right, table: table.as_ptr(), v, out, is_far }.run_widest() }
}

/// Rows whose products with `v` are computed at once.
const ROWS: usize = 8;

/// Rows that are read twice, for their products and to be added: they stay in the first-level cache meanwhile.
const CHUNK: usize = 32;

struct AddWeighted<'a> {
    indices: &'a [u32],
    weights: &'a [f32],
    right: &'a [f32],
    table: *const f32,
    v: &'a [f32],
    out: &'a mut [f32],
    is_far: bool,
}

impl Kernel for AddWeighted<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(mut self) {
        let width = self.v.len();
        let mut at = 0;
        while at < self.indices.len() {
            let end = (at + CHUNK).min(self.indices.len());
            let (mut rows, mut factors) = ([self.table; CHUNK], [0.0; CHUNK]);
            unsafe {
                for row in at..end {
                    rows[row - at] = self.table.add(self.indices[row] as usize * width);
                }
                let mut row = at;
                while row + ROWS <= end {
                    self.products::<L, ROWS>(row, &rows[row - at..], &mut factors[row - at..]);
                    row += ROWS;
                }
                while row < end {
                    self.products::<L, 1>(row, &rows[row - at..], &mut factors[row - at..]);
                    row += 1;
                }
                let (rows, factors) = (&rows[..end - at], &factors[..end - at]);
                let mut column = 0;
                while column + 8 * L::LEN <= width {
                    self.add::<L, 8>(column, rows, factors);
                    column += 8 * L::LEN;
                }
                while column < width {
                    self.add::<L, 1>(column, rows, factors);
                    column += L::LEN;
                }
            }
            at = end;
        }
    }
}

impl AddWeighted<'_> {
    /// What `R` rows from `at` on are multiplied by.
    #[inline(always)]
    unsafe fn products<L: Lanes, const R: usize>(&self, at: usize, rows: &[*const f32], factors: &mut [f32]) {
        let width = self.v.len();
        unsafe {
            if self.is_far {
                for ahead in (at + ROWS..at + ROWS + R).take_while(|&row| row < self.indices.len()) {
                    prefetch(self.table.wrapping_add(self.indices[ahead] as usize * width), width);
                }
            }
            let mut sums = [L::zero(); ROWS];
            for column in (0..width).step_by(L::LEN) {
                let v = L::load(self.v.as_ptr().add(column));
                for r in 0..R {
                    sums[r] = L::load(rows[r].add(column)).multiply_add(v, sums[r]);
                }
            }
            let mut products = [0.0; ROWS];
            L::sums(sums, products.as_mut_ptr());
            for r in 0..R {
                let right = self.right.get(at + r).copied().unwrap_or(0.0);
                factors[r] = self.weights[at + r] * products[r] - right;
            }
        }
    }

    /// `V` vectors of the sum, from `column` on.
    #[inline(always)]
    unsafe fn add<L: Lanes, const V: usize>(&mut self, column: usize, rows: &[*const f32], factors: &[f32]) {
        unsafe {
            let out = self.out.as_mut_ptr().add(column);
            let mut sums = [L::zero(); V];
            for v in 0..V {
                sums[v] = L::load(out.add(v * L::LEN));
            }
            for (row, factor) in rows.iter().zip(factors) {
                let factor = L::splat(factor);
                for v in 0..V {
                    sums[v] = factor.multiply_add(L::load(row.add(column + v * L::LEN)), sums[v]);
                }
            }
            for v in 0..V {
                sums[v].store(out.add(v * L::LEN));
            }
        }
    }
}
