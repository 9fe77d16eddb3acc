//! The inverse of symmetric positive definite matrices, by Cholesky factorization.

use super::matrix::{Matrix, multiply};
use crate::{Error, Result};

/// Rows of a block.
const BLOCK: usize = 96;

/// The inverse of a symmetric positive definite matrix `[n, n]`, of which the lower half counts: by blocks, so that nearly all
/// of the work is products of matrices.
///
/// ```
/// let inverse = fornax_core::linalg::spd_inverse(vec![4.0, 0.0, 2.0, 2.0], 2)?;
/// assert_eq!(inverse, [0.5, -0.5, -0.5, 1.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
///
/// # Errors
/// If there are not `n²` numbers, or the matrix is not positive definite up to rounding.
pub fn spd_inverse(mut a: Vec<f64>, n: usize) -> Result<Vec<f64>> {
    if n.checked_mul(n) != Some(a.len()) {
        return Err(Error::shape("matrix", format!("{} numbers", a.len()), format!("{n} x {n}")));
    }
    let blocks: Vec<(usize, usize)> =
        (0..n).step_by(BLOCK).map(|start| (start, (start + BLOCK).min(n) - start)).collect();
    // `A = L Lᵀ`, and the inverses of the blocks on the diagonal of `L`.
    let mut inverses = vec![];
    for &(start, size) in &blocks {
        let inverse = diagonal_inverse(&mut a, n, start, size).ok_or_else(|| {
            Error::data(
                "matrix",
                format!("no positive pivot in rows {start} to {}", start + size),
                "a positive definite one",
            )
        })?;
        let (end, below) = (start + size, n - start - size);
        if below > 0 {
            let mut panel = vec![0.0; below * size];
            let rows = Matrix::strided(&a[end * n + start..], below, size, n);
            multiply(1.0, rows, Matrix::new(&inverse, size, size).t(), 0.0, &mut panel, size);
            for (row, panel) in panel.chunks_exact(size).enumerate() {
                a[(end + row) * n + start..][..size].copy_from_slice(panel);
            }
            for column in (0..below).step_by(4 * BLOCK) {
                let width = (below - column).min(4 * BLOCK);
                let left = Matrix::new(&panel[column * size..], below - column, size);
                let right = Matrix::new(&panel[column * size..], width, size).t();
                multiply(-1.0, left, right, 1.0, &mut a[(end + column) * (n + 1)..], n);
            }
        }
        inverses.push(inverse);
    }
    // The inverse of `L`, row of blocks by row of blocks.
    let mut lower = vec![0.0; n * n];
    for (&(start, size), inverse) in blocks.iter().zip(&inverses) {
        if start > 0 {
            let mut sums = vec![0.0; size * start];
            let row = Matrix::strided(&a[start * n..], size, start, n);
            multiply(1.0, row, Matrix::strided(&lower, start, start, n), 0.0, &mut sums, start);
            let out = &mut lower[start * n..];
            multiply(-1.0, Matrix::new(inverse, size, size), Matrix::new(&sums, size, start), 0.0, out, n);
        }
        for (row, inverse) in inverse.chunks_exact(size).enumerate() {
            lower[(start + row) * n + start..][..size].copy_from_slice(inverse);
        }
    }
    // `A⁻¹ = L⁻ᵀ L⁻¹`, its lower half, then the upper one.
    for &(start, size) in &blocks {
        let left = Matrix::strided(&lower[start * n + start..], n - start, size, n).t();
        let right = Matrix::strided(&lower[start * n..], n - start, start + size, n);
        multiply(1.0, left, right, 0.0, &mut a[start * n..], n);
    }
    for row in 0..n {
        for column in row + 1..n {
            a[row * n + column] = a[column * n + row];
        }
    }
    Ok(a)
}

/// Factors a block on the diagonal in place, and inverts the factor; none if it is not positive definite.
fn diagonal_inverse(a: &mut [f64], n: usize, start: usize, size: usize) -> Option<Vec<f64>> {
    let at = |row: usize, column: usize| (start + row) * n + start + column;
    for row in 0..size {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| a[at(row, k)] * a[at(column, k)]).sum();
            let rest = a[at(row, column)] - known;
            a[at(row, column)] = match row == column {
                true if rest > 0.0 && rest.is_finite() => rest.sqrt(),
                true => return None,
                false => rest / a[at(column, column)],
            };
        }
    }
    let mut inverse = vec![0.0; size * size];
    for column in 0..size {
        for row in column..size {
            let unit = f64::from(u8::from(row == column));
            let known: f64 = (column..row).map(|k| a[at(row, k)] * inverse[k * size + column]).sum();
            inverse[row * size + column] = (unit - known) / a[at(row, row)];
        }
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Philox;

    #[test]
    fn inverses_are_inverses() {
        let mut random = Philox::new(5);
        for n in [0, 1, 7, 95, 96, 97, 230, 500] {
            let values: Vec<f64> = (0..n * (n + 3)).map(|_| f64::from(random.normal())).collect();
            let factor = nalgebra::DMatrix::from_vec(n, n + 3, values);
            let matrix = &factor * factor.transpose() + nalgebra::DMatrix::identity(n, n);
            let mut lower: Vec<f64> = matrix.as_slice().to_vec();
            for row in 0..n {
                lower[row * n + row + 1..(row + 1) * n].fill(f64::NAN);
            }
            let inverse = spd_inverse(lower, n).unwrap();
            let product = matrix * nalgebra::DMatrix::from_vec(n, n, inverse);
            let fault = (product - nalgebra::DMatrix::identity(n, n)).abs().max();
            assert!(n == 0 || fault < 1e-8, "{n}: off by {fault}");
        }
        let indefinite = spd_inverse(vec![1.0, 2.0, 2.0, 1.0], 2).unwrap_err().to_string();
        assert!(indefinite.contains("no positive pivot in rows 0 to 2"), "{indefinite}");
        assert!(spd_inverse(vec![f64::NAN], 1).is_err());
        assert!(spd_inverse(vec![1.0; 3], 2).is_err());
    }
}
