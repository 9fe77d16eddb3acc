//! Products of a few rows with a square matrix, which is read where it lies: to pack it would take longer than the product.

// Plain loops over constant bounds are what the compiler unrolls into registers.
#![allow(clippy::needless_range_loop)]

use crate::lanes::{Kernel, Lanes};

/// `out = x G` for `x` and `out` of `[rows, width]` and `G [width, width]`, best on cache lines.
///
/// Up to four rows at a time; a number of `x` times a vector of `G` is added to one of `out`, up to 16 of which stay in registers.
///
/// # Panics
/// If the width is no multiple of 16, or a length does not fit.
pub(super) fn multiply_few(x: &[f32], gram: &[f32], width: usize, out: &mut [f32]) {
    assert!(width > 0 && width.is_multiple_of(16), "rows come in multiples of 16, not {width}");
    assert_eq!((x.len() % width, gram.len(), out.len()), (0, width * width, x.len()), "rows of {width}");
    let few =
        FewRows { x: x.as_ptr(), gram: gram.as_ptr(), width, rows: x.len() / width, out: out.as_mut_ptr() };
    // SAFETY: the assertions bound all rows.
    unsafe { few.run_widest() }
}

struct FewRows {
    x: *const f32,
    gram: *const f32,
    width: usize,
    rows: usize,
    out: *mut f32,
}

impl Kernel for FewRows {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let mut row = 0;
        while row < self.rows {
            // SAFETY: the caller's.
            row += unsafe {
                match (self.rows - row, L::REGISTERS) {
                    (4.., 32) => self.rows::<L, 4, 4>(row),
                    (4.., _) => self.rows::<L, 4, 2>(row),
                    (2.., 32) => self.rows::<L, 2, 8>(row),
                    (2.., _) => self.rows::<L, 2, 4>(row),
                    _ => self.rows::<L, 1, 8>(row),
                }
            };
        }
    }
}

impl FewRows {
    /// `R` rows, `V` vectors of each at a time; returns `R`.
    #[inline(always)]
    unsafe fn rows<L: Lanes, const R: usize, const V: usize>(&self, row: usize) -> usize {
        let mut column = 0;
        while column + V * L::LEN <= self.width {
            unsafe { self.tile::<L, R, V>(row, column) };
            column += V * L::LEN;
        }
        while column < self.width {
            unsafe { self.tile::<L, R, 1>(row, column) };
            column += L::LEN;
        }
        R
    }

    #[inline(always)]
    unsafe fn tile<L: Lanes, const R: usize, const V: usize>(&self, row: usize, column: usize) {
        unsafe {
            let x = self.x.add(row * self.width);
            let mut sums = [[L::zero(); V]; R];
            for k in 0..self.width {
                let from = self.gram.add(k * self.width + column);
                let mut vectors = [L::zero(); V];
                for v in 0..V {
                    vectors[v] = L::load(from.add(v * L::LEN));
                }
                for r in 0..R {
                    let by = L::splat(x.add(r * self.width + k));
                    for v in 0..V {
                        sums[r][v] = by.multiply_add(vectors[v], sums[r][v]);
                    }
                }
            }
            for r in 0..R {
                let to = self.out.add((row + r) * self.width + column);
                for v in 0..V {
                    sums[r][v].store(to.add(v * L::LEN));
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
        for (rows, width) in [(0, 16), (1, 16), (2, 80), (3, 128), (4, 48), (11, 144)] {
            let mut numbers = |len: usize| (0..len).map(|_| random.normal()).collect::<Vec<f32>>();
            let (x, gram) = (numbers(rows * width), numbers(width * width));
            let mut out = vec![f32::NAN; rows * width];
            multiply_few(&x, &gram, width, &mut out);
            for (at, found) in out.into_iter().enumerate() {
                let of =
                    |k: usize| f64::from(x[at / width * width + k]) * f64::from(gram[k * width + at % width]);
                let wanted: f64 = (0..width).map(of).sum();
                assert!((f64::from(found) - wanted).abs() < 1e-4, "{found}, wanted {wanted}");
            }
        }
    }
}
