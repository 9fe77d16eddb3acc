//! The products that the iteration needs, for sparse and for dense matrices, on the side that is smaller.

use std::borrow::Cow;

use fornax_core::linalg::{Matrix, SparseRows, multiply};
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
        let values = match self.as_f32() {
            Some(values) if scale == 1.0 => Cow::Borrowed(values),
            _ => Cow::Owned(self.to_f32().iter().map(|x| scale * x).collect()),
        };
        Box::new(Dense { values, rows: self.row_count(), columns: self.row_len(), turned })
    }
}

struct Dense<'a> {
    values: Cow<'a, [f32]>,
    rows: usize,
    columns: usize,
    turned: bool,
}

impl Dense<'_> {
    fn matrix(&self) -> Matrix<'_, f32> {
        let matrix = Matrix::new(&self.values, self.rows, self.columns);
        if self.turned { matrix.t() } else { matrix }
    }
}

impl Operator for Dense<'_> {
    fn small_side(&self) -> usize {
        if self.turned { self.rows } else { self.columns }
    }

    fn multiplications(&self) -> usize {
        2 * self.values.len()
    }

    fn gram(&self, x: &[f32], width: usize, out: &mut [f32]) {
        let large = self.rows.max(self.columns);
        let mut images = vec![0.0; large * width];
        self.apply(x, width, &mut images);
        multiply(1.0, self.matrix().t(), Matrix::new(&images, large, width), 0.0, out, width);
    }

    fn apply(&self, x: &[f32], width: usize, out: &mut [f32]) {
        multiply(1.0, self.matrix(), Matrix::new(x, self.small_side(), width), 0.0, out, width);
    }
}
