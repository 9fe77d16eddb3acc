//! [`SparseRows`]: products of a sparse matrix with a block of vectors, which lie side by side: a stored entry meets all of them at once.

// Plain loops over constant bounds are what the compiler unrolls into registers.
#![allow(clippy::needless_range_loop)]

use rayon::prelude::*;

use super::gram::{BLOCK, parts, sum_parts};
use crate::lanes::{Kernel, Lanes};
use crate::prefetch::prefetch_row;

/// A sparse matrix by rows: row `r` has the entries `offsets[r]..offsets[r + 1]` of `indices` (columns) and `values`.
#[derive(Clone, Copy, Debug)]
pub struct SparseRows<'a> {
    /// Where each row begins, and the end of the last one.
    pub offsets: &'a [usize],
    /// The column of each entry.
    pub indices: &'a [u32],
    /// The value of each entry.
    pub values: &'a [f32],
}

impl<'a> SparseRows<'a> {
    /// `out = (scale A) x`, for `x [columns, width]` and `out [rows, width]`; `width` is a multiple of 16.
    ///
    /// ```
    /// use fornax_core::linalg::SparseRows;
    ///
    /// let matrix = SparseRows { offsets: &[0, 2, 3], indices: &[0, 2, 1], values: &[1.0, 2.0, 3.0] };
    /// let x: Vec<f32> = (0..48).map(|at| (at / 16) as f32).collect();
    /// let mut out = [0.0; 32];
    /// matrix.multiply(1.0, &x, 16, &mut out);
    /// assert_eq!((out[0], out[16]), (4.0, 3.0));
    /// ```
    ///
    /// # Panics
    /// If a length does not fit, or an entry lies outside of `x`.
    pub fn multiply(self, scale: f32, x: &[f32], width: usize, out: &mut [f32]) {
        assert!(width > 0 && width.is_multiple_of(BLOCK), "vectors come in multiples of 16, not {width}");
        assert_eq!(out.len(), (self.offsets.len() - 1) * width, "a row of the product for each row");
        const ROWS: usize = 256;
        out.par_chunks_mut(ROWS * width).enumerate().for_each(|(part, out)| {
            let first = part * ROWS;
            let rows = Self { offsets: &self.offsets[first..=first + out.len() / width], ..self };
            // SAFETY: the kernel checks its places.
            unsafe { Product { rows, scale, x, width, out }.run_widest() }
        });
    }

    /// `out = (scale A)ᵀ (scale A) x`, for `x` and `out` of `[columns, 16]`, best on cache lines.
    ///
    /// The product `A x` never is as a whole: each row's is added to what its columns get while it is in registers. So all
    /// that is met at random is `x` and `out`.
    ///
    /// # Panics
    /// If a length does not fit, or an entry lies outside of `x`.
    pub fn gram_multiply(self, scale: f32, x: &[f32], out: &mut [f32]) {
        assert!(
            x.len() == out.len() && x.len().is_multiple_of(BLOCK),
            "{} and {} numbers",
            x.len(),
            out.len()
        );
        // Zeros and sums of a part cost as much as some entries for each column.
        let worth = BLOCK * self.indices.len() / (4 * out.len().max(1));
        let runs = self.cut(parts(out.len(), worth.max(2)));
        sum_parts(runs, out, |offsets, out| {
            let rows = Self { offsets, ..self };
            // SAFETY: the kernel checks its places.
            unsafe { Gram { rows, scale, x, out }.run_widest() }
        });
    }

    /// The offsets of at most so many runs of rows with about equally many entries.
    fn cut(self, parts: usize) -> Vec<&'a [usize]> {
        let (mut runs, mut first) = (vec![], 0);
        let rows = self.offsets.len() - 1;
        for part in 1..=parts {
            let wanted = self.indices.len() * part / parts;
            let next = match part == parts {
                true => rows,
                false => self.offsets.partition_point(|&offset| offset < wanted).min(rows),
            };
            if next > first {
                runs.push(&self.offsets[first..=next]);
                first = next;
            }
        }
        runs
    }
}

/// How many entries before a block is needed it is asked for.
const AHEAD: usize = 8;

/// Sums that are made at once, so that additions wait less for each other.
const SUMS: usize = 4;

impl SparseRows<'_> {
    /// The columns and values of the rows in turn.
    fn rows(&self) -> impl Iterator<Item = (&[u32], &[f32])> {
        let ranges = self.offsets.windows(2).map(|ends| ends[0]..ends[1]);
        ranges.map(|range| (&self.indices[range.clone()], &self.values[range]))
    }
}

/// `value block + to`.
#[inline(always)]
unsafe fn block_times<L: Lanes, const V: usize>(value: f32, block: &[f32], mut to: [L; V]) -> [L; V] {
    unsafe {
        let value = L::splat(&value);
        for v in 0..V {
            to[v] = L::load(block.as_ptr().add(v * L::LEN)).multiply_add(value, to[v]);
        }
        to
    }
}

/// 16 numbers in `V` vectors: the sum of those at `start` of the rows of `x` that the columns name, each times its scaled value.
#[inline(always)]
unsafe fn row_times<L: Lanes, const V: usize>(
    (columns, values): (&[u32], &[f32]),
    scale: f32,
    x: &[f32],
    width: usize,
    start: usize,
) -> [L; V] {
    unsafe {
        let mut sums = [[L::zero(); V]; SUMS];
        let whole = columns.len() / SUMS * SUMS;
        for first in (0..whole).step_by(SUMS) {
            for at in 0..SUMS {
                let entry = first + at;
                if start == 0 {
                    prefetch_row(x, width, columns, entry, AHEAD);
                }
                let block = &x[columns[entry] as usize * width + start..][..BLOCK];
                sums[at] = block_times(scale * values[entry], block, sums[at]);
            }
        }
        for entry in whole..columns.len() {
            let block = &x[columns[entry] as usize * width + start..][..BLOCK];
            sums[0] = block_times(scale * values[entry], block, sums[0]);
        }
        let mut sum = [L::zero(); V];
        for v in 0..V {
            sum[v] = sums[0][v].add(sums[1][v]).add(sums[2][v].add(sums[3][v]));
        }
        sum
    }
}

struct Product<'a> {
    rows: SparseRows<'a>,
    scale: f32,
    x: &'a [f32],
    width: usize,
    out: &'a mut [f32],
}

impl Kernel for Product<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe { if L::LEN == BLOCK { self.blocks::<L, 1>() } else { self.blocks::<L, 2>() } }
    }
}

impl Product<'_> {
    #[inline(always)]
    unsafe fn blocks<L: Lanes, const V: usize>(self) {
        let Self { rows, scale, x, width, out } = self;
        for (row, out) in rows.rows().zip(out.chunks_exact_mut(width)) {
            for (block, out) in out.chunks_exact_mut(BLOCK).enumerate() {
                unsafe {
                    let sum: [L; V] = row_times(row, scale, x, width, block * BLOCK);
                    for v in 0..V {
                        sum[v].store(out.as_mut_ptr().add(v * L::LEN));
                    }
                }
            }
        }
    }
}

/// Adds `AᵀA x` for some rows.
struct Gram<'a> {
    rows: SparseRows<'a>,
    scale: f32,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Gram<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe { if L::LEN == BLOCK { self.blocks::<L, 1>() } else { self.blocks::<L, 2>() } }
    }
}

impl Gram<'_> {
    #[inline(always)]
    unsafe fn blocks<L: Lanes, const V: usize>(self) {
        let Self { rows, scale, x, out } = self;
        for (columns, values) in rows.rows() {
            unsafe {
                let image: [L; V] = row_times((columns, values), scale, x, BLOCK, 0);
                for at in 0..columns.len() {
                    prefetch_row(out, BLOCK, columns, at, AHEAD);
                    let value = L::splat(&(scale * values[at]));
                    let out = out[columns[at] as usize * BLOCK..][..BLOCK].as_mut_ptr();
                    for v in 0..V {
                        let out = out.add(v * L::LEN);
                        value.multiply_add(image[v], L::load(out)).store(out);
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

    fn close(found: &[f32], wanted: &[f64]) {
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((f64::from(*found) - wanted).abs() < 1e-4, "{found}, wanted {wanted}");
        }
    }

    #[test]
    fn products_are_those_of_loops() {
        let mut random = Philox::new(1);
        for (rows, columns, width) in [(1, 1, 16), (40, 30, 48), (700, 50, 32), (700, 50, 16), (5, 90, 16)] {
            let dense: Vec<f32> = (0..rows * columns)
                .map(|_| if random.below(4) == 0 { random.normal() } else { 0.0 })
                .collect();
            let (mut offsets, mut indices, mut values) = (vec![0], vec![], vec![]);
            for row in dense.chunks(columns) {
                for (column, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                    indices.push(column as u32);
                    values.push(value);
                }
                offsets.push(indices.len());
            }
            let matrix = SparseRows { offsets: &offsets, indices: &indices, values: &values };
            let x: Vec<f32> = (0..columns * width).map(|_| random.uniform()).collect();
            let wide = |at: f32| f64::from(at);
            let product: Vec<f64> = (0..rows * width)
                .map(|at| {
                    let row = &dense[at / width * columns..][..columns];
                    0.5 * row
                        .iter()
                        .enumerate()
                        .map(|(c, &a)| wide(a) * wide(x[c * width + at % width]))
                        .sum::<f64>()
                })
                .collect();
            let mut found = vec![f32::NAN; rows * width];
            matrix.multiply(0.5, &x, width, &mut found);
            close(&found, &product);
            if width != BLOCK {
                continue;
            }
            let gram: Vec<f64> = (0..columns * width)
                .map(|at| {
                    let (column, vector) = (at / width, at % width);
                    let each =
                        |row: usize| wide(dense[row * columns + column]) * product[row * width + vector];
                    0.5 * (0..rows).map(each).sum::<f64>()
                })
                .collect();
            let mut found = vec![f32::NAN; columns * width];
            matrix.gram_multiply(0.5, &x, &mut found);
            close(&found, &gram);
        }
    }

    #[test]
    fn runs_hold_every_row_once() {
        let offsets = [0, 0, 100, 101, 101, 130, 131, 200, 200];
        let indices = vec![0; 200];
        let matrix = SparseRows { offsets: &offsets, indices: &indices, values: &[] };
        for parts in 1..12 {
            let runs = matrix.cut(parts);
            assert!(runs.len() <= parts);
            assert_eq!(runs.iter().map(|run| run.len() - 1).sum::<usize>(), 8);
            assert!(runs.windows(2).all(|two| two[0].last() == two[1].first()));
        }
    }
}
