//! The products that the iteration needs, for sparse and for dense matrices, on the side that is smaller.

use std::borrow::Cow;

use fornax_core::linalg::{SparseRows, multiply_narrow};
use fornax_core::{Array, Error, Result};
use rayon::prelude::*;

use crate::ids::Index;
use crate::sparse::SparseMatrix;

/// A matrix that [`TruncatedSvd`](crate::TruncatedSvd) decomposes.
pub trait SvdInput: sealed::Sealed {
    /// Rows and columns.
    ///
    /// # Errors
    /// If this is no matrix.
    #[doc(hidden)]
    fn shape(&self) -> Result<[usize; 2]>;

    /// The largest absolute value.
    ///
    /// # Errors
    /// If one is not finite.
    #[doc(hidden)]
    fn largest(&self) -> Result<f32>;

    /// The products of the matrix, or of its transpose where `turned`, times `scale`.
    #[doc(hidden)]
    fn operator(&self, turned: bool, scale: f32) -> Box<dyn Operator + '_>;
}

mod sealed {
    pub trait Sealed {}
    impl<R, C> Sealed for super::SparseMatrix<R, C> {}
    impl Sealed for fornax_core::Array {}
}

/// Products of a matrix with a block of vectors `[side, width]`; `width` is a multiple of 16.
pub trait Operator {
    /// The number of columns.
    fn small_side(&self) -> usize;

    /// The multiplications of `AᵀA x` for one vector.
    fn multiplications(&self) -> usize;

    /// `out = AᵀA x`.
    fn gram(&self, x: &[f32], width: usize, out: &mut [f32]);

    /// `out = A x`.
    fn apply(&self, x: &[f32], width: usize, out: &mut [f32]);
}

impl<R: Index, C: Index> SvdInput for SparseMatrix<R, C> {
    fn shape(&self) -> Result<[usize; 2]> {
        Ok([self.rows(), self.columns()])
    }

    fn largest(&self) -> Result<f32> {
        Ok(self.values().iter().fold(0.0, |largest, value| value.abs().max(largest)))
    }

    fn operator(&self, turned: bool, scale: f32) -> Box<dyn Operator + '_> {
        match turned {
            true => Box::new(Sparse { matrix: Cow::Owned(self.transposed()), scale }),
            false => Box::new(Sparse { matrix: Cow::Borrowed(self), scale }),
        }
    }
}

struct Sparse<'a, R: Clone, C: Clone> {
    matrix: Cow<'a, SparseMatrix<R, C>>,
    scale: f32,
}

impl<R: Index, C: Index> Sparse<'_, R, C> {
    fn rows(&self) -> SparseRows<'_> {
        let matrix = &self.matrix;
        SparseRows { offsets: matrix.offsets(), indices: matrix.indices(), values: matrix.values() }
    }
}

impl<R: Index, C: Index> Operator for Sparse<'_, R, C> {
    fn small_side(&self) -> usize {
        self.matrix.columns()
    }

    fn multiplications(&self) -> usize {
        2 * self.matrix.len()
    }

    fn gram(&self, x: &[f32], width: usize, out: &mut [f32]) {
        self.rows().gram_multiply(self.scale, x, width, out);
    }

    fn apply(&self, x: &[f32], width: usize, out: &mut [f32]) {
        self.rows().multiply(self.scale, x, width, out);
    }
}

impl SvdInput for Array {
    fn shape(&self) -> Result<[usize; 2]> {
        match Array::shape(self) {
            &[rows, columns] => Ok([rows, columns]),
            shape => Err(Error::shape("matrix", format!("{shape:?}"), "[rows, columns]")),
        }
    }

    fn largest(&self) -> Result<f32> {
        if let Some(at) = self.first_non_finite() {
            let place = format!("matrix, row {}, column {}", at / self.row_len(), at % self.row_len());
            return Err(Error::data(place, self.to_f32()[at], "a finite number"));
        }
        Ok(self.to_f32().iter().fold(0.0, |largest, value| value.abs().max(largest)))
    }

    fn operator(&self, turned: bool, scale: f32) -> Box<dyn Operator + '_> {
        let (rows, columns) = (self.row_count(), self.row_len());
        let values = match self.as_f32() {
            Some(values) if scale == 1.0 => Cow::Borrowed(values),
            _ => Cow::Owned(self.to_f32().iter().map(|x| scale * x).collect()),
        };
        let transposed = Cow::Owned(transposed(&values, rows, columns));
        Box::new(match turned {
            true => Dense { matrix: transposed, transposed: values, small_side: rows },
            false => Dense { matrix: values, transposed, small_side: columns },
        })
    }
}

/// The matrix and its transpose, both row by row, so that either product runs over whole rows.
struct Dense<'a> {
    matrix: Cow<'a, [f32]>,
    transposed: Cow<'a, [f32]>,
    small_side: usize,
}

/// The transpose of a matrix `[rows, columns]`, by blocks that stay in the first-level cache.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const BLOCK: usize = 32;
    let mut out = vec![0.0; values.len()];
    out.par_chunks_mut(BLOCK * rows).enumerate().for_each(|(block, out)| {
        for start in (0..rows).step_by(BLOCK) {
            for (at, out) in out.chunks_exact_mut(rows).enumerate() {
                for row in start..(start + BLOCK).min(rows) {
                    out[row] = values[row * columns + block * BLOCK + at];
                }
            }
        }
    });
    out
}

impl Operator for Dense<'_> {
    fn small_side(&self) -> usize {
        self.small_side
    }

    fn multiplications(&self) -> usize {
        2 * self.matrix.len()
    }

    fn gram(&self, x: &[f32], width: usize, out: &mut [f32]) {
        let mut images = vec![0.0; self.matrix.len() / self.small_side * width];
        self.apply(x, width, &mut images);
        multiply_narrow(&self.transposed, &images, width, out);
    }

    fn apply(&self, x: &[f32], width: usize, out: &mut [f32]) {
        multiply_narrow(&self.matrix, x, width, out);
    }
}
