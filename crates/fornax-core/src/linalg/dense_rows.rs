//! [`DenseRows`]: products of a dense matrix with a block of vectors, each of which lies in one piece as the rows do.

use std::ops::Range;

use rayon::prelude::*;

use super::Aligned;
use super::gram::{parts, sum_parts};
use super::matrix::assert_rows;
use super::row_tiles::{Add, Images, VECTORS, block_len, pack, unpack, zeros};
use crate::lanes::Kernel;

/// A matrix whose rows begin `stride` numbers apart.
#[derive(Clone, Copy, Debug)]
pub struct DenseRows<'a> {
    pub(super) values: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) stride: usize,
}

/// Rows whose images are made before the same rows are multiplied by them: up to some 4000 columns they then are in the second
/// cache.
const TILE: usize = 48;

/// Rows that are worth sums of their own.
const WORTH: usize = 480;

/// Columns of vectors that a thread cleans or combines at once.
const COLUMNS: usize = 4096;

impl<'a> DenseRows<'a> {
    /// # Panics
    /// If rows overlap or the slice is too short for the last one.
    pub fn new(values: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        assert_rows(values.len(), rows, columns, stride);
        Self { values, rows, columns, stride: if rows > 1 { stride } else { columns } }
    }

    /// `out = x AᵀA`, for `x` and `out` of `[vectors, columns]`.
    ///
    /// Sums do not depend on the number of threads.
    ///
    /// ```
    /// use fornax_core::linalg::DenseRows;
    ///
    /// let matrix = DenseRows::new(&[1.0, 2.0, 3.0, 4.0], 2, 2, 2);
    /// let mut x = [0.0; 8];
    /// x[..2].fill(1.0);
    /// let mut out = [0.0; 8];
    /// matrix.gram_multiply(&x, &mut out);
    /// assert_eq!(out[..2], [24.0, 34.0]);
    /// ```
    ///
    /// # Panics
    /// If the vectors are no multiple of 4 or a length does not fit.
    pub fn gram_multiply(self, x: &[f32], out: &mut [f32]) {
        self.check(x.len());
        assert_eq!(x.len(), out.len(), "numbers of x and out");
        let vectors = x.len() / self.columns;
        let x = pack(x, self.columns, 0..self.columns);
        let mut packed = zeros(vectors, self.columns);
        let parts = parts(packed.len(), self.rows / WORTH);
        let rows = (0..parts).map(|part| self.rows * part / parts..self.rows * (part + 1) / parts);
        sum_parts(rows.collect(), &mut packed, |rows, sums| {
            let mut images = vec![0.0; TILE.min(rows.len()) * vectors];
            for start in rows.clone().step_by(TILE) {
                let tile = self.rows(start..rows.end.min(start + TILE));
                let images = &mut images[..tile.rows * vectors];
                tile.images(&x, images);
                tile.add(images, sums);
            }
        });
        unpack(&packed, self.columns, 0..self.columns, out);
    }

    /// `c = A xᵀ`, which it returns as `[rows, vectors]`, and `x -= cᵀ A`, for `x [vectors, columns]`: where the rows of `A` are
    /// orthonormal, what lies in their space is taken away.
    ///
    /// Sums do not depend on the number of threads.
    ///
    /// ```
    /// use fornax_core::linalg::DenseRows;
    ///
    /// let basis = DenseRows::new(&[0.0, 1.0], 1, 2, 2);
    /// let mut x = [3.0; 8];
    /// let found = basis.remove(&mut x);
    /// assert_eq!((found[0], x[0], x[1]), (3.0, 3.0, 0.0));
    /// ```
    ///
    /// # Panics
    /// If the vectors are no multiple of 4.
    pub fn remove(self, x: &mut [f32]) -> Vec<f32> {
        self.check(x.len());
        let vectors = x.len() / self.columns;
        let runs = self.runs();
        let of_run = |run: &Range<usize>| {
            let mut images = vec![0.0; self.rows * vectors];
            let packed = pack(x, self.columns, run.clone());
            self.columns(run.clone()).images(&packed, &mut images);
            (packed, images)
        };
        let mut pieces: Vec<(Aligned, Vec<f32>)> = runs.par_iter().map(of_run).collect();
        let mut sums = vec![0.0; self.rows * vectors];
        for (_, images) in &pieces {
            sums.iter_mut().zip(images).for_each(|(sum, image)| *sum -= image);
        }
        pieces.par_iter_mut().zip(&runs).for_each(|((packed, _), run)| {
            self.columns(run.clone()).add(&sums, packed);
        });
        for ((packed, _), run) in pieces.iter().zip(&runs) {
            unpack(packed, self.columns, run.clone(), x);
        }
        let mut found = vec![0.0; self.rows * vectors];
        for (row, found) in found.chunks_exact_mut(vectors.max(1)).enumerate() {
            for (v, found) in found.iter_mut().enumerate() {
                *found = -sums[self.image(row, v)];
            }
        }
        found
    }

    /// `yᵀ A` for `y [rows, vectors]`, as `[vectors, columns]`.
    ///
    /// ```
    /// use fornax_core::linalg::DenseRows;
    ///
    /// let matrix = DenseRows::new(&[1.0, 2.0, 3.0, 4.0], 2, 2, 2);
    /// assert_eq!(matrix.combined(&[1.0, 0.5, 10.0, 0.0])[..3], [31.0, 42.0, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If `y` is no multiple of the rows.
    pub fn combined(self, y: &[f32]) -> Vec<f32> {
        assert!(
            self.rows > 0 && y.len().is_multiple_of(self.rows),
            "{} numbers for {} rows",
            y.len(),
            self.rows
        );
        let vectors = y.len() / self.rows;
        let mut out = vec![0.0; vectors * self.columns];
        let runs = self.runs();
        let mut images = vec![0.0; self.rows * vectors.next_multiple_of(VECTORS)];
        for (row, y) in y.chunks_exact(vectors.max(1)).enumerate() {
            for (v, &y) in y.iter().enumerate() {
                images[self.image(row, v)] = y;
            }
        }
        let of_run = |run: &Range<usize>| {
            let mut packed = zeros(vectors, run.len());
            self.columns(run.clone()).add(&images, &mut packed);
            packed
        };
        let pieces: Vec<Aligned> = runs.par_iter().map(of_run).collect();
        for (packed, run) in pieces.iter().zip(&runs) {
            unpack(packed, self.columns, run.clone(), &mut out);
        }
        out
    }

    fn check(&self, len: usize) {
        assert!(
            self.columns > 0 && len.is_multiple_of(VECTORS * self.columns),
            "{len} numbers are no multiple of 4 vectors of {}",
            self.columns
        );
    }

    /// The columns cut into runs, each for a thread.
    fn runs(&self) -> Vec<Range<usize>> {
        let starts = (0..self.columns).step_by(COLUMNS);
        starts.map(|start| start..self.columns.min(start + COLUMNS)).collect()
    }

    fn rows(self, rows: Range<usize>) -> Self {
        Self { values: &self.values[rows.start * self.stride..], rows: rows.len(), ..self }
    }

    fn columns(self, columns: Range<usize>) -> Self {
        let start = columns.start.min(self.values.len());
        Self { values: &self.values[start..], columns: columns.len(), ..self }
    }

    /// Where the image of a row under a vector is.
    fn image(&self, row: usize, vector: usize) -> usize {
        (vector / VECTORS * self.rows + row) * VECTORS + vector % VECTORS
    }

    /// The images of packed vectors, `[blocks, rows, VECTORS]`.
    fn images(self, x: &[f32], images: &mut [f32]) {
        let blocks = self.blocks(x.len(), images.len());
        images.fill(0.0);
        let (x, images) = (x.as_ptr(), images.as_mut_ptr());
        // SAFETY: the assertions and those of `new` bound all places.
        unsafe { Images { matrix: self, blocks, x, images }.run_widest() }
    }

    /// Adds the products of `images [blocks, rows, VECTORS]` to packed vectors.
    fn add(self, images: &[f32], out: &mut [f32]) {
        let blocks = self.blocks(out.len(), images.len());
        let (images, out) = (images.as_ptr(), out.as_mut_ptr());
        // SAFETY: the assertions and those of `new` bound all places.
        unsafe { Add { matrix: self, blocks, images, out }.run_widest() }
    }

    fn blocks(&self, packed: usize, images: usize) -> usize {
        let blocks = packed / block_len(self.columns).max(1);
        assert_eq!(packed, blocks * block_len(self.columns), "numbers of packed vectors");
        assert_eq!(images, blocks * VECTORS * self.rows, "an image for each row");
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Philox;

    #[test]
    fn products_are_those_of_loops() {
        let mut random = Philox::new(1);
        let shapes =
            [(1, 1, 4), (3, 40, 16), (47, 5, 8), (50, 32, 4), (131, 530, 12), (1000, 17, 8), (5, 9001, 4)];
        for (rows, columns, vectors) in shapes {
            let stride = columns + 3;
            let mut numbers = |len: usize| (0..len).map(|_| random.normal()).collect::<Vec<f32>>();
            let (dense, x) = (numbers(rows * stride), numbers(vectors * columns));
            let wide = |at: f32| f64::from(at);
            let image = |row: usize, v: usize| -> f64 {
                (0..columns).map(|c| wide(dense[row * stride + c]) * wide(x[v * columns + c])).sum()
            };
            let images: Vec<f64> = (0..rows * vectors).map(|at| image(at / vectors, at % vectors)).collect();
            let sum = |v: usize, c: usize| -> f64 {
                (0..rows).map(|row| wide(dense[row * stride + c]) * images[row * vectors + v]).sum()
            };
            let near = |found: f32, wanted: f64, name: &str| {
                let allowed = 3e-6 * (wanted.abs() + (rows + columns) as f64);
                let what = format!("{name} {rows} x {columns}, {vectors} vectors: {found}, wanted {wanted}");
                assert!((wide(found) - wanted).abs() < allowed, "{what}");
            };
            let matrix = DenseRows::new(&dense, rows, columns, stride);
            let mut out = vec![f32::NAN; x.len()];
            matrix.gram_multiply(&x, &mut out);
            let mut left = x.clone();
            let found = matrix.remove(&mut left);
            found.iter().zip(&images).for_each(|(&found, &wanted)| near(found, wanted, "image"));
            let some = vectors - 3;
            let y: Vec<f32> = found.chunks_exact(vectors).flat_map(|row| &row[..some]).copied().collect();
            for (at, combined) in matrix.combined(&y).into_iter().enumerate() {
                near(combined, sum(at / columns, at % columns), "combined");
            }
            for (at, (&out, &left)) in out.iter().zip(&left).enumerate() {
                let (v, c) = (at / columns, at % columns);
                near(out, sum(v, c), "gram");
                near(left, wide(x[at]) - sum(v, c), "left");
            }
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let mut random = Philox::new(1);
        for (rows, columns) in [(2000, 40), (5, 9001)] {
            let mut numbers = |len: usize| (0..len).map(|_| random.normal()).collect::<Vec<f32>>();
            let (dense, x, y) = (numbers(rows * columns), numbers(8 * columns), numbers(rows * 3));
            let matrix = DenseRows::new(&dense, rows, columns, columns);
            let [one, two, four] = [1, 2, 4].map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let (mut out, mut left) = (vec![0.0; x.len()], x.clone());
                    matrix.gram_multiply(&x, &mut out);
                    [matrix.remove(&mut left), out, left, matrix.combined(&y)]
                })
            });
            assert!(one == two && one == four, "{rows} x {columns}");
        }
    }

    #[test]
    #[should_panic(expected = "2 x 16 of stride 18446744073709551615 in 16 numbers")]
    fn rows_that_begin_nowhere() {
        DenseRows::new(&[0.0; 16], 2, 16, usize::MAX);
    }
}
