//! [`ConjugateGradients`]: steps towards the solutions of the normal equations of many rows at once.

use super::Aligned;
use super::few_rows::multiply_few;
use super::weighted::add_weighted;
use crate::math::{madd, sum_of_lanes};

/// The equations of a row, `(G + ridge I + sum of w_t y_t y_tᵀ) x = sum of b_t y_t` for the rows `y_t` of a table.
#[derive(Clone, Copy, Debug)]
pub struct RowEquations<'a> {
    /// The rows of the table.
    pub indices: &'a [u32],
    /// `w`, one each.
    pub weights: &'a [f32],
    /// `b`, one each.
    pub right: &'a [f32],
    /// The ridge.
    pub ridge: f32,
}

/// Steps of the conjugate gradient method on the normal equations of several rows, whose products with `G` are one product of
/// matrices; no matrix of a row is ever made.
///
/// The rows `y_t` of all equations stay in the second-level cache while all steps are made, unless one has too many of them.
///
/// ```
/// use fornax_core::linalg::{ConjugateGradients, RowEquations};
///
/// let mut table = vec![0.0; 2 * 16];
/// (table[0], table[17]) = (1.0, 2.0);
/// let row = RowEquations { indices: &[0, 1], weights: &[3.0, 1.0], right: &[8.0, 5.0], ridge: 1.0 };
/// let mut x = [0.0; 16];
/// ConjugateGradients::new(16).solve(&[row], &[0.0; 256], &table, 2, &mut x);
/// assert!((x[0] - 2.0).abs() < 1e-6 && (x[1] - 2.0).abs() < 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct ConjugateGradients {
    width: usize,
    /// `[rows, width]` each.
    residuals: Aligned,
    directions: Aligned,
    products: Aligned,
    squares: Vec<f32>,
}

/// A residual whose square is below this is none.
const SOLVED: f32 = 1e-20;

impl ConjugateGradients {
    /// Entries of all rows that are solved at once, so that what they name in the table stays in the second-level cache.
    pub const fn entries(width: usize) -> usize {
        (32 << 10) / width
    }

    /// For rows of `width` elements, a multiple of 16.
    ///
    /// # Panics
    /// If it is none.
    pub fn new(width: usize) -> Self {
        assert!(width > 0 && width.is_multiple_of(16), "rows come in multiples of 16, not {width}");
        let [residuals, directions, products] = std::array::from_fn(|_| Aligned::default());
        Self { width, residuals, directions, products, squares: vec![] }
    }

    /// Makes so many steps from `x [rows, width]`, which has the better solutions then; `gram` is `G [width, width]`.
    ///
    /// # Panics
    /// If the lengths do not fit, or an index is beyond the table.
    pub fn solve(
        &mut self,
        rows: &[RowEquations<'_>],
        gram: &[f32],
        table: &[f32],
        steps: usize,
        x: &mut [f32],
    ) {
        let width = self.width;
        assert_eq!((gram.len(), x.len()), (width * width, rows.len() * width), "gram and solutions");
        let fit = |row: &RowEquations| {
            row.indices.len() == row.weights.len() && row.indices.len() == row.right.len()
        };
        assert!(rows.iter().all(fit), "a weight and a right side for each");
        let products = self.products.room(x.len());
        multiply(rows, gram, table, x, true, products);
        let (residuals, directions) = (self.residuals.room(x.len()), self.directions.room(x.len()));
        residuals.iter_mut().zip(&*products).for_each(|(residual, product)| *residual = -product);
        directions.copy_from_slice(residuals);
        self.squares.clear();
        self.squares.extend(residuals.chunks_exact(width).map(square));
        for _ in 0..steps {
            multiply(rows, gram, table, directions, false, products);
            let each = x.chunks_exact_mut(width).zip(residuals.chunks_exact_mut(width));
            let each = each.zip(directions.chunks_exact_mut(width)).zip(products.chunks_exact(width));
            for ((((x, r), p), product), square) in each.zip(&mut self.squares) {
                if *square > SOLVED {
                    *square = step(x, r, p, product, *square);
                }
            }
        }
    }
}

/// The products of the matrices of all rows with their vectors, less the right sides if wanted.
fn multiply(
    rows: &[RowEquations<'_>],
    gram: &[f32],
    table: &[f32],
    vectors: &[f32],
    less_right: bool,
    out: &mut [f32],
) {
    let Some(width) = vectors.len().checked_div(rows.len()) else { return };
    multiply_few(vectors, gram, width, out);
    let each = vectors.chunks_exact(width).zip(out.chunks_exact_mut(width));
    for (row, (vector, product)) in rows.iter().zip(each) {
        add_scaled(row.ridge, vector, product);
        let right = if less_right { row.right } else { &[] };
        let is_far = less_right || row.indices.len() > 2 * ConjugateGradients::entries(width);
        add_weighted(row.indices, row.weights, right, table, vector, product, is_far);
    }
}

simd_fn! {
    fn add_scaled(factor: f32, x: &[f32], out: &mut [f32]) {
        out.iter_mut().zip(x).for_each(|(out, &x)| *out = madd::<FMA>(factor, x, *out));
    }
}

/// The product of two vectors, in sixteen sums.
#[inline(always)]
fn dot_of<const FMA: bool>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [[0.0f32; 8]; 2];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for (sums, (a, b)) in sums.iter_mut().zip(a.chunks_exact(8).zip(b.chunks_exact(8))) {
            for lane in 0..8 {
                sums[lane] = madd::<FMA>(a[lane], b[lane], sums[lane]);
            }
        }
    }
    let [low, high] = sums;
    sum_of_lanes(std::array::from_fn(|lane| low[lane] + high[lane]))
}

simd_fn! {
    fn square(x: &[f32]) -> f32 {
        dot_of::<FMA>(x, x)
    }
}

simd_fn! {
    /// A step of `x` along `p`, and the next direction; returns the square of the new residual.
    fn step(x: &mut [f32], r: &mut [f32], p: &mut [f32], product: &[f32], square: f32) -> f32 {
        let alpha = square / dot_of::<FMA>(p, product);
        for ((x, r), (&p, &product)) in x.iter_mut().zip(&mut *r).zip(p.iter().zip(product)) {
            *x = madd::<FMA>(alpha, p, *x);
            *r = madd::<FMA>(-alpha, product, *r);
        }
        let new = dot_of::<FMA>(r, r);
        let beta = new / square;
        p.iter_mut().zip(&*r).for_each(|(p, &r)| *p = madd::<FMA>(beta, *p, r));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Philox;
    use crate::linalg::{Matrix, NormalEquations, multiply};

    /// So many steps as a vector has elements are the solution, for several rows at once and from any start.
    #[test]
    fn steps_lead_to_the_solution() {
        let mut random = Philox::new(3);
        let (width, used) = (32, 20);
        let mut table = vec![0.0; 60 * width];
        for row in table.chunks_exact_mut(width) {
            row[..used].iter_mut().for_each(|x| *x = random.normal());
        }
        let mut gram = vec![0.0; width * width];
        let all = Matrix::new(&table, 60, width);
        multiply(0.1, all.t(), all, 0.0, &mut gram, width);
        // The last is longer than a panel.
        let lengths = [0, 1, 3, 4, 9, 40, 5000];
        let indices: Vec<Vec<u32>> =
            lengths.iter().map(|&len| (0..len).map(|_| random.below(60) as u32).collect()).collect();
        let weights: Vec<Vec<f32>> =
            lengths.iter().map(|&len| (0..len).map(|_| random.uniform()).collect()).collect();
        let right: Vec<Vec<f32>> =
            lengths.iter().map(|&len| (0..len).map(|_| random.normal()).collect()).collect();
        let rows: Vec<RowEquations> = (0..lengths.len())
            .map(|at| RowEquations {
                indices: &indices[at],
                weights: &weights[at],
                right: &right[at],
                ridge: 0.5 + at as f32,
            })
            .collect();
        let mut x = vec![0.0; rows.len() * width];
        x.chunks_exact_mut(width).for_each(|x| x[..used].iter_mut().for_each(|x| *x = random.normal()));
        let mut solver = ConjugateGradients::new(width);
        solver.solve(&rows, &gram, &table, 3 * used, &mut x);
        let mut equations = NormalEquations::new(width);
        for (row, x) in rows.iter().zip(x.chunks_exact(width)) {
            equations.reset(&gram, row.ridge);
            equations.add(row.indices, row.weights, row.right, &table);
            let wanted = equations.solve().unwrap();
            let worst = x.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-4, "{} entries: off by {worst}", row.indices.len());
        }
        let mut alone = vec![0.0; width];
        solver.solve(&rows[5..6], &gram, &table, 3 * used, &mut alone);
        assert!(alone.iter().zip(&x[5 * width..]).all(|(a, b)| (a - b).abs() < 1e-4));
        let before = x.clone();
        solver.solve(&rows, &gram, &table, 0, &mut x);
        assert_eq!(x, before);
    }
}
