//! [`NormalEquations`]: least squares of one row against the few rows of a table that it names.

use super::upper;
use crate::math::madd;
use crate::prefetch::prefetch_row;
use crate::{Error, Result};

/// The normal equations `(G + ridge I + sum of w_t y_t y_tᵀ) x = sum of b_t y_t` for rows `y_t` of a table `[rows, width]`.
///
/// The rows are gathered once, in panels that stay in the first-level cache, each times the root of its weight; of the matrix
/// `PᵀP` of a panel only the upper half is computed, in tiles of registers; so is its Cholesky factor.
///
/// ```
/// use fornax_core::linalg::NormalEquations;
///
/// let mut table = vec![0.0; 2 * 16];
/// (table[0], table[17]) = (1.0, 2.0);
/// let mut equations = NormalEquations::new(16);
/// equations.reset(&[0.0; 256], 1.0);
/// equations.add(&[0, 1], &[3.0, 1.0], &[8.0, 5.0], &table);
/// let x = equations.solve()?;
/// assert!((x[0] - 2.0).abs() < 1e-6 && (x[1] - 2.0).abs() < 1e-6);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NormalEquations {
    width: usize,
    /// The upper half of `[width, width]`.
    matrix: Vec<f32>,
    right: Vec<f32>,
    /// 1 over the diagonal of the factor.
    inverses: Vec<f32>,
    panel: Vec<f32>,
}

/// How many rows before one is needed it is asked for.
const AHEAD: usize = 6;

/// Numbers of a panel: 16 KiB.
const PANEL: usize = 4 << 10;

impl NormalEquations {
    /// For rows of `width` elements, a multiple of 16.
    ///
    /// # Panics
    /// If it is none.
    pub fn new(width: usize) -> Self {
        assert!(width > 0 && width.is_multiple_of(16), "rows come in multiples of 16, not {width}");
        let rows = (PANEL / width).max(4);
        Self {
            width,
            matrix: vec![0.0; width * width],
            right: vec![0.0; width],
            inverses: vec![0.0; width],
            panel: vec![0.0; rows * width],
        }
    }

    /// Begins anew with `gram + ridge I`, of `[width, width]`.
    ///
    /// # Panics
    /// If the matrix has another size.
    pub fn reset(&mut self, gram: &[f32], ridge: f32) {
        self.matrix.copy_from_slice(gram);
        self.matrix.iter_mut().step_by(self.width + 1).for_each(|x| *x += ridge);
        self.right.fill(0.0);
    }

    /// Adds the rows `indices` of the table, with weights `w` of 0 or more and right sides `b`.
    ///
    /// # Panics
    /// If the lengths differ, or an index is beyond the table.
    pub fn add(&mut self, indices: &[u32], weights: &[f32], right: &[f32], table: &[f32]) {
        assert!(
            indices.len() == weights.len() && indices.len() == right.len(),
            "a weight and a right side for each"
        );
        let rows = self.panel.len() / self.width;
        for start in (0..indices.len()).step_by(rows) {
            let range = start..(start + rows).min(indices.len());
            let (indices, weights, right) =
                (&indices[range.clone()], &weights[range.clone()], &right[range.clone()]);
            gather(indices, weights, right, table, self.width, &mut self.panel, &mut self.right);
            upper::add_gram(&self.panel[..range.len() * self.width], self.width, &mut self.matrix);
        }
    }

    /// The solution; the equations have to begin anew after it.
    ///
    /// # Errors
    /// If the matrix is not positive definite up to rounding.
    pub fn solve(&mut self) -> Result<&[f32]> {
        if !upper::factor(&mut self.matrix, &mut self.inverses) {
            return Err(Error::training(
                "normal equations",
                "a matrix that is not positive definite",
                "a larger ridge",
            ));
        }
        upper::solve(&self.matrix, &self.inverses, &mut self.right);
        Ok(&self.right)
    }
}

simd_fn! {
    fn gather(
        indices: &[u32], weights: &[f32], right: &[f32], table: &[f32], width: usize, panel: &mut [f32], sums: &mut [f32],
    ) {
        for (at, panel) in panel.chunks_exact_mut(width).take(indices.len()).enumerate() {
            prefetch_row(table, width, indices, at, AHEAD);
            let row = &table[indices[at] as usize * width..][..width];
            let (root, right) = (weights[at].sqrt(), right[at]);
            for ((panel, sum), &x) in panel.iter_mut().zip(&mut *sums).zip(row) {
                *panel = root * x;
                *sum = madd::<FMA>(right, x, *sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, DVector};

    use super::*;
    use crate::Philox;

    #[test]
    fn solutions_are_those_of_nalgebra() {
        let mut random = Philox::new(3);
        for (width, used, rows) in [(16, 1, 0), (16, 16, 3), (48, 37, 20), (64, 64, 500), (272, 260, 90)] {
            let table_rows = 2 * rows + 1;
            let mut table = vec![0.0; table_rows * width];
            for row in table.chunks_exact_mut(width) {
                row[..used].iter_mut().for_each(|x| *x = random.normal());
            }
            let indices: Vec<u32> = (0..rows).map(|_| random.below(table_rows) as u32).collect();
            let weights: Vec<f32> =
                (0..rows).map(|at| if at % 5 == 0 { 0.0 } else { 3.0 * random.uniform() }).collect();
            let right: Vec<f32> = (0..rows).map(|_| random.normal()).collect();
            let all = DMatrix::from_row_slice(table_rows, width, &table).cast::<f64>();
            let gram = all.transpose() * &all;
            let start: Vec<f32> = gram.transpose().iter().map(|&x| x as f32).collect();
            let mut wanted = gram + DMatrix::identity(width, width) * 0.5;
            let mut sides = DVector::zeros(width);
            for ((&index, &weight), &right) in indices.iter().zip(&weights).zip(&right) {
                let row = all.row(index as usize).transpose();
                wanted += &row * row.transpose() * f64::from(weight);
                sides += row * f64::from(right);
            }
            let wanted = wanted.cholesky().unwrap().solve(&sides);
            let mut equations = NormalEquations::new(width);
            for _ in 0..2 {
                equations.reset(&start, 0.5);
                equations.add(&indices, &weights, &right, &table);
                let found = equations.solve().unwrap();
                let worst =
                    found.iter().zip(&wanted).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
                assert!(worst < 1e-3 * wanted.amax().max(1e-3), "{width} x {rows}: off by {worst}");
            }
        }
        let mut singular = NormalEquations::new(16);
        singular.reset(&[0.0; 256], 0.0);
        assert!(singular.solve().unwrap_err().to_string().contains("not positive definite"));
        let mut indefinite = [0.0; 256];
        indefinite.iter_mut().step_by(17).for_each(|x| *x = 1.0);
        indefinite[13 * 17] = -1.0;
        singular.reset(&indefinite, 0.0);
        assert!(singular.solve().is_err());
        singular.reset(&[0.0; 256], f32::NAN);
        assert!(singular.solve().is_err());
    }
}
