//! Linear algebra over slices, for crates that need no tensor.

mod aligned;
mod cholesky;
mod conjugate;
mod dense_rows;
mod few_rows;
mod gram;
mod matrix;
mod normal;
mod pairwise;
mod row_tiles;
mod sparse_rows;
mod top_k;
mod tridiagonal;
mod upper;
mod weighted;

pub use aligned::Aligned;
pub use cholesky::spd_inverse;
pub use conjugate::{ConjugateGradients, RowEquations};
pub use dense_rows::DenseRows;
pub use gram::BLOCK;
pub use matrix::{Matrix, Number, multiply};
pub use normal::NormalEquations;
pub use pairwise::PairwiseRanking;
pub use row_tiles::VECTORS;
pub use sparse_rows::SparseRows;
pub use top_k::TopK;
pub use tridiagonal::tridiagonal_eigen;

use crate::{Error, Result};

/// The products of every row of `x [n, width]` with every row of `y [m, width]`, as `[n, m]`.
///
/// ```
/// let products = fornax_core::linalg::row_products(&[1.0, 2.0], &[3.0, 4.0, 5.0, 6.0], 2)?;
/// assert_eq!(products, [11.0, 17.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
///
/// # Errors
/// If `width` is 0 or the slices are no whole rows.
pub fn row_products(x: &[f32], y: &[f32], width: usize) -> Result<Vec<f32>> {
    for (name, values) in [("x", x), ("y", y)] {
        if width == 0 || !values.len().is_multiple_of(width) {
            return Err(Error::shape(name, format!("{} numbers", values.len()), format!("rows of {width}")));
        }
    }
    let (n, m) = (x.len() / width, y.len() / width);
    let mut out = vec![0.0; n * m];
    if out.is_empty() {
        return Ok(out);
    }
    multiply(1.0, Matrix::new(x, n, width), Matrix::new(y, m, width).t(), 0.0, &mut out, m);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_loops() {
        for (n, m, width) in [(1, 1, 1), (3, 7, 5), (40, 33, 100), (1, 300, 64)] {
            let values =
                |len: usize, seed: f32| (0..len).map(|at| (at as f32 * seed).sin()).collect::<Vec<_>>();
            let (x, y) = (values(n * width, 0.7), values(m * width, 1.3));
            let found = row_products(&x, &y, width).unwrap();
            for (row, found) in found.iter().enumerate() {
                let (x, y) = (&x[row / m * width..][..width], &y[row % m * width..][..width]);
                let wanted: f64 = x.iter().zip(y).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                assert!((f64::from(*found) - wanted).abs() < 1e-5, "{found}, wanted {wanted}");
            }
        }
        assert!(row_products(&[1.0; 3], &[1.0; 2], 2).is_err());
        assert!(row_products(&[], &[], 0).is_err());
        assert!(row_products(&[], &[1.0; 2], 2).unwrap().is_empty());
    }
}
