//! The products that the iteration needs, for sparse and for dense matrices, on the side that is smaller.

use std::borrow::Cow;

use fornax_core::linalg::{DenseRows, Matrix, SparseRows};
use fornax_core::{Array, Error, Result};

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

/// Products of a matrix with vectors that lie side by side.
pub trait Operator: Sync {
    /// The number of columns.
    fn small_side(&self) -> usize;

    /// The multiplications of `AᵀA x` for one vector.
    fn multiplications(&self) -> usize;

    /// `out = AᵀA x` of `[columns, BLOCK]`.
    fn gram(&self, x: &[f32], out: &mut [f32]);

    /// `out = A x` of `[columns, width]`; `width` is a multiple of 16.
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

    fn gram(&self, x: &[f32], out: &mut [f32]) {
        self.rows().gram_multiply(self.scale, x, out);
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
        Ok(values(self).iter().fold(0.0, |largest, value| value.abs().max(largest)))
    }

    fn operator(&self, turned: bool, scale: f32) -> Box<dyn Operator + '_> {
        let values = values(self);
        let matrix = Matrix::new(&values, self.row_count(), self.row_len());
        let rows = DenseRows::new(if turned { matrix.t() } else { matrix }, scale);
        let small_side = self.row_count().min(self.row_len());
        Box::new(Dense { rows, small_side, multiplications: 2 * values.len() })
    }
}

fn values(array: &Array) -> Cow<'_, [f32]> {
    array.as_f32().map_or_else(|| Cow::Owned(array.to_f32()), Cow::Borrowed)
}

struct Dense {
    rows: DenseRows,
    small_side: usize,
    multiplications: usize,
}

impl Operator for Dense {
    fn small_side(&self) -> usize {
        self.small_side
    }

    fn multiplications(&self) -> usize {
        self.multiplications
    }

    fn gram(&self, x: &[f32], out: &mut [f32]) {
        self.rows.gram_multiply(x, out);
    }

    fn apply(&self, x: &[f32], width: usize, out: &mut [f32]) {
        self.rows.multiply(x, width, out);
    }
}
