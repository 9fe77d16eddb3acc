//! Eigenvalues and eigenvectors of symmetric matrices: all of them, or the largest, for which most of the work is left out.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{self, ComputeEigenvectors, tridiag};
use faer::linalg::householder::{
    apply_block_householder_sequence_on_the_left_in_place_scratch as apply_scratch,
    apply_block_householder_sequence_on_the_left_in_place_with_conj as apply,
};
use faer::linalg::qr::no_pivoting::factor::recommended_block_size;
use faer::{Conj, Mat, MatRef, Par};
use fornax_core::linalg::tridiagonal_eigen;
use fornax_core::{Error, Result};

/// Below this size all eigenvectors take no longer than some.
const SMALL: usize = 48;

/// Eigenvalues of a symmetric matrix, the largest first, and its eigenvectors as columns of a row-major matrix.
pub(super) fn eigen(matrix: &[f64], size: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let matrix = MatRef::from_row_major_slice(matrix, size, size);
    let (mut values, mut vectors) = (Diag::zeros(size), Mat::zeros(size, size));
    let scratch =
        evd::self_adjoint_evd_scratch::<f64>(size, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    let (to_values, to_vectors) = (values.as_mut(), Some(vectors.as_mut()));
    evd::self_adjoint_evd(matrix, to_values, to_vectors, Par::Seq, stack, Default::default()).map_err(
        |_| Error::training("truncated SVD", "eigenvalues that do not converge", "finite products"),
    )?;
    let turned = (0..size * size).map(|at| vectors[(at / size, size - 1 - at % size)]).collect();
    Ok((values.column_vector().iter().rev().copied().collect(), turned))
}

/// The `count` largest eigenvalues, the largest first, and their eigenvectors as columns of a row-major matrix `[size, count]`.
///
/// By a tridiagonal matrix and [`tridiagonal_eigen`]; where that finds no vectors, all are decomposed.
pub(super) fn largest(matrix: &[f64], size: usize, count: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let found = if size < SMALL || 2 * count > size { None } else { some(matrix, size, count) };
    if let Some(found) = found {
        return Ok(found);
    }
    let (mut values, vectors) = eigen(matrix, size)?;
    values.truncate(count);
    Ok((values, vectors.chunks_exact(size).flat_map(|row| &row[..count]).copied().collect()))
}

fn some(matrix: &[f64], size: usize, count: usize) -> Option<(Vec<f64>, Vec<f64>)> {
    let mut reduced = MatRef::from_row_major_slice(matrix, size, size).to_owned();
    let block = recommended_block_size::<f64>(size, size);
    let mut factors = Mat::zeros(block, size - 1);
    let scratch = tridiag::tridiag_in_place_scratch::<f64>(size, Par::Seq, Default::default())
        .or(apply_scratch::<f64>(size - 1, block, count));
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    tridiag::tridiag_in_place(reduced.as_mut(), factors.as_mut(), Par::Seq, stack, Default::default());
    let diagonal: Vec<f64> = (0..size).map(|at| reduced[(at, at)]).collect();
    let beside: Vec<f64> = (1..size).map(|at| reduced[(at, at - 1)]).collect();
    let (values, columns) = tridiagonal_eigen(&diagonal, &beside, count)?;
    let mut vectors = Mat::from_fn(size, count, |row, column| columns[column][row]);
    let basis = reduced.submatrix(1, 0, size - 1, size - 1);
    let below = vectors.as_mut().subrows_mut(1, size - 1);
    apply(basis, factors.as_ref(), Conj::No, below, Par::Seq, MemStack::new(&mut memory));
    Some((values, (0..size * count).map(|at| vectors[(at / count, at % count)]).collect()))
}

#[cfg(test)]
mod tests {
    use fornax_core::Philox;

    use super::*;

    fn symmetric(size: usize, seed: u64) -> Vec<f64> {
        let mut random = Philox::new(seed);
        let half: Vec<f64> = (0..size * size).map(|_| f64::from(random.normal())).collect();
        (0..size * size).map(|at| half[at] + half[at % size * size + at / size]).collect()
    }

    fn check(matrix: &[f64], size: usize, count: usize, (values, vectors): &(Vec<f64>, Vec<f64>)) {
        let (wanted, _) = eigen(matrix, size).unwrap();
        let norm = wanted.iter().fold(f64::MIN_POSITIVE, |norm, x| norm.max(x.abs()));
        assert_eq!((values.len(), vectors.len()), (count, size * count));
        for column in 0..count {
            assert!((values[column] - wanted[column]).abs() < 1e-10 * norm, "value {column} of {size}");
            for row in 0..size {
                let image: f64 =
                    (0..size).map(|k| matrix[row * size + k] * vectors[k * count + column]).sum();
                let off = image - values[column] * vectors[row * count + column];
                assert!(off.abs() < 1e-9 * norm, "vector {column} of {size} is off by {off}");
            }
            for other in 0..=column {
                let inside: f64 =
                    (0..size).map(|k| vectors[k * count + column] * vectors[k * count + other]).sum();
                let wanted = if other == column { 1.0 } else { 0.0 };
                assert!((inside - wanted).abs() < 1e-9, "vectors {column} and {other} of {size}: {inside}");
            }
        }
    }

    #[test]
    fn the_largest_are_those_of_all() {
        for (size, count) in [(1, 1), (5, 2), (48, 1), (63, 30), (97, 9), (144, 64), (224, 64)] {
            let matrix = symmetric(size, size as u64);
            check(&matrix, size, count, &largest(&matrix, size, count).unwrap());
        }
    }

    #[test]
    fn equal_values_and_parts_that_do_not_meet() {
        let size = 60;
        let diagonal = |value: &dyn Fn(usize) -> f64| -> Vec<f64> {
            (0..size * size).map(|at| if at / size == at % size { value(at / size) } else { 0.0 }).collect()
        };
        let block = symmetric(size / 2, 3);
        let half = size / 2;
        let twice: Vec<f64> = (0..size * size)
            .map(|at| (at / size, at % size))
            .map(
                |(row, column)| {
                    if row / half == column / half { block[row % half * half + column % half] } else { 0.0 }
                },
            )
            .collect();
        for matrix in [
            diagonal(&|_| 0.0),
            diagonal(&|_| 2.0),
            diagonal(&|at| if at % 2 == 0 { 3.0 } else { -5.0 }),
            diagonal(&|at| (at as f64 * 0.7).sin() * 1e-30),
            twice,
        ] {
            check(&matrix, size, 20, &largest(&matrix, size, 20).unwrap());
        }
    }

    #[test]
    fn some_are_found_without_all() {
        let matrix = symmetric(100, 1);
        check(&matrix, 100, 40, &some(&matrix, 100, 40).unwrap());
        let pairs: Vec<f64> = (0..10_000)
            .map(|at| (at / 100, at % 100))
            .map(|(row, column)| if row == column { (row / 2) as f64 } else { 0.0 })
            .collect();
        check(&pairs, 100, 30, &some(&pairs, 100, 30).unwrap());
    }
}
