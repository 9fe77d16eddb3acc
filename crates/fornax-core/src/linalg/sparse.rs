//! Products of a sparse matrix with a block of vectors, which lie side by side: a stored entry meets all of them at once.

use rayon::prelude::*;

use crate::math::madd;
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

/// Numbers in the accumulators of a Gram product, all parts together: 256 MiB.
const ACCUMULATED: usize = 64 << 20;

/// The most parts that rows are cut into; sums do not depend on the number of threads, but on this.
const PARTS: usize = 16;

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
        assert!(width > 0 && width.is_multiple_of(16), "vectors come in multiples of 16, not {width}");
        assert_eq!(out.len(), (self.offsets.len() - 1) * width, "a row of the product for each row");
        const ROWS: usize = 256;
        out.par_chunks_mut(ROWS * width).enumerate().for_each(|(part, out)| {
            let rows = part * ROWS..part * ROWS + out.len() / width;
            rows_times(&self.offsets[rows.start..=rows.end], self.indices, self.values, scale, x, width, out);
        });
    }

    /// `out = (scale A)^T (scale A) x`, for `x` and `out` of `[columns, width]`; `width` is a multiple of 16.
    ///
    /// The product `A x` never is as a whole: each row's is added to what its columns get while it is in the cache. So all
    /// that is met at random is `x` and `out`.
    ///
    /// # Panics
    /// If a length does not fit, or an entry lies outside of `x`.
    pub fn gram_multiply(self, scale: f32, x: &[f32], width: usize, out: &mut [f32]) {
        assert!(width > 0 && width.is_multiple_of(16), "vectors come in multiples of 16, not {width}");
        assert_eq!(x.len(), out.len(), "the product has the shape of the factor");
        let parts = (ACCUMULATED / out.len().max(1)).clamp(2, PARTS);
        let sums: Vec<Vec<f32>> = self
            .cut(parts)
            .into_par_iter()
            .map(|offsets| {
                let mut sums = vec![0.0; out.len()];
                gram_rows(offsets, self.indices, self.values, scale, x, width, &mut sums);
                sums
            })
            .collect();
        out.par_chunks_mut(1 << 14).enumerate().for_each(|(chunk, out)| {
            out.fill(0.0);
            for sums in &sums {
                let sums = &sums[chunk << 14..][..out.len()];
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
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

simd_fn! {
    fn rows_times(
        offsets: &[usize], indices: &[u32], values: &[f32], scale: f32, x: &[f32], width: usize, out: &mut [f32],
    ) {
        for (range, out) in offsets.windows(2).zip(out.chunks_exact_mut(width)) {
            let range = range[0]..range[1];
            row_times::<FMA>(&indices[range.clone()], &values[range], scale, x, width, out);
        }
    }
}

simd_fn! {
    fn gram_rows(
        offsets: &[usize], indices: &[u32], values: &[f32], scale: f32, x: &[f32], width: usize, out: &mut [f32],
    ) {
        let mut row = vec![0.0; width];
        for range in offsets.windows(2) {
            let (columns, values) = (&indices[range[0]..range[1]], &values[range[0]..range[1]]);
            row_times::<FMA>(columns, values, scale, x, width, &mut row);
            for (entry, (&column, &value)) in columns.iter().zip(values).enumerate() {
                prefetch_row(out, width, columns, entry, AHEAD);
                let value = scale * value;
                let out = &mut out[column as usize * width..][..width];
                for (out, &row) in out.iter_mut().zip(&row) {
                    *out = madd::<FMA>(value, row, *out);
                }
            }
        }
    }
}

/// `out =` the sum of the rows of `x` that the columns name, each times its scaled value.
#[inline(always)]
fn row_times<const FMA: bool>(
    columns: &[u32],
    values: &[f32],
    scale: f32,
    x: &[f32],
    width: usize,
    out: &mut [f32],
) {
    let mut at = 0;
    while at + 32 <= width {
        strip::<FMA, 32>(columns, values, scale, x, width, at, out);
        at += 32;
    }
    if at < width {
        strip::<FMA, 16>(columns, values, scale, x, width, at, out);
    }
}

/// How many entries before a row is needed it is asked for.
const AHEAD: usize = 8;

/// `S` elements of the sum, which stay in registers; the first strip asks for whole rows.
#[inline(always)]
fn strip<const FMA: bool, const S: usize>(
    columns: &[u32],
    values: &[f32],
    scale: f32,
    x: &[f32],
    width: usize,
    at: usize,
    out: &mut [f32],
) {
    let mut sums = [0.0f32; S];
    for (entry, (&column, &value)) in columns.iter().zip(values).enumerate() {
        if at == 0 {
            prefetch_row(x, width, columns, entry, AHEAD);
        }
        let row = &x[column as usize * width + at..][..S];
        let value = scale * value;
        for lane in 0..S {
            sums[lane] = madd::<FMA>(value, row[lane], sums[lane]);
        }
    }
    out[at..at + S].copy_from_slice(&sums);
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
        for (rows, columns, width) in [(1, 1, 16), (40, 30, 48), (700, 50, 32), (5, 90, 16)] {
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
            let gram: Vec<f64> = (0..columns * width)
                .map(|at| {
                    let (column, vector) = (at / width, at % width);
                    let each =
                        |row: usize| wide(dense[row * columns + column]) * product[row * width + vector];
                    0.5 * (0..rows).map(each).sum::<f64>()
                })
                .collect();
            let mut found = vec![f32::NAN; columns * width];
            matrix.gram_multiply(0.5, &x, width, &mut found);
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
