//! The products that the iteration needs, for sparse and for dense matrices, on the side that is smaller.

use std::borrow::Cow;

use fornax_core::linalg::{Aligned, BLOCK, DenseRows, Matrix, SparseRows, VECTORS, multiply};
use fornax_core::{Array, Error, Result};

use crate::ids::Index;
use crate::sparse::SparseMatrix;

/// A matrix that [`TruncatedSvd`](crate::TruncatedSvd) decomposes.
pub trait SvdInput: sealed::Sealed + Sync {
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

    /// How many vectors are multiplied at once.
    fn block(&self) -> usize;

    /// `out = AᵀA x` of a block of vectors, `[block, columns]`.
    fn gram(&self, x: &[f32], out: &mut [f32]);

    /// `out = A x` of `[columns, width]`, for rows `stride` numbers apart, a multiple of [`BLOCK`].
    fn apply(&self, x: &[f32], width: usize, stride: usize, out: &mut [f32]);
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

    fn block(&self) -> usize {
        BLOCK
    }

    fn gram(&self, x: &[f32], out: &mut [f32]) {
        let n = self.small_side();
        let [mut beside, mut images] = [Aligned::zeros(x.len()), Aligned::zeros(x.len())];
        Matrix::new(x, BLOCK, n).t().scaled(1.0, &mut beside, BLOCK);
        self.rows().gram_multiply(self.scale, &beside, &mut images);
        Matrix::new(&images, n, BLOCK).t().scaled(1.0, out, n);
    }

    fn apply(&self, x: &[f32], _width: usize, stride: usize, out: &mut [f32]) {
        self.rows().multiply(self.scale, x, stride, out);
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
        // Of numbers without a sign the bits are in the order of the numbers, those of infinity and NaN the last.
        let bits = values(self).iter().fold(0, |largest, value| largest.max(value.abs().to_bits()));
        if bits >= f32::INFINITY.to_bits()
            && let Some(at) = self.first_non_finite()
        {
            let place = format!("matrix, row {}, column {}", at / self.row_len(), at % self.row_len());
            return Err(Error::data(place, self.to_f32()[at], "a finite number"));
        }
        Ok(f32::from_bits(bits))
    }

    fn operator(&self, turned: bool, scale: f32) -> Box<dyn Operator + '_> {
        let numbers = values(self);
        let from = Matrix::new(&numbers, self.row_count(), self.row_len());
        let from = if turned { from.t() } else { from };
        let [rows, columns] = from.shape();
        let stride = Aligned::stride(columns);
        let mut values = Aligned::zeros(rows * stride);
        from.scaled(scale, &mut values, stride);
        Box::new(Dense { values, rows, columns, stride })
    }
}

fn values(array: &Array) -> Cow<'_, [f32]> {
    array.as_f32().map_or_else(|| Cow::Owned(array.to_f32()), Cow::Borrowed)
}

/// Numbers of a matrix that stays in the last cache. Fewer vectors at once need fewer products with a vector in all, but read a
/// matrix that comes from memory more often.
const CACHED: usize = 4 << 20;

/// Rows begin on cache lines.
struct Dense {
    values: Aligned,
    rows: usize,
    columns: usize,
    stride: usize,
}

impl Operator for Dense {
    fn small_side(&self) -> usize {
        self.columns
    }

    fn multiplications(&self) -> usize {
        2 * self.rows * self.columns
    }

    fn block(&self) -> usize {
        if self.values.len() <= CACHED { VECTORS } else { 2 * VECTORS }
    }

    fn gram(&self, x: &[f32], out: &mut [f32]) {
        DenseRows::new(&self.values, self.rows, self.columns, self.stride).gram_multiply(x, out);
    }

    fn apply(&self, x: &[f32], width: usize, stride: usize, out: &mut [f32]) {
        let matrix = Matrix::strided(&self.values, self.rows, self.columns, self.stride);
        multiply(1.0, matrix, Matrix::strided(x, self.columns, width, stride), 0.0, out, stride);
    }
}
