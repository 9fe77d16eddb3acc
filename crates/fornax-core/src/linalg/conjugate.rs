//! [`ConjugateGradients`]: steps towards the solutions of the normal equations of many rows at once.

use std::ops::Range;

use super::matrix::{Matrix, multiply};
use crate::math::madd;
use crate::prefetch::prefetch_row;

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
/// The rows `y_t` are gathered once, into a panel that stays in the second-level cache while all steps are made; those of a row
/// that has too many for it, for each product anew.
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
    panel: Vec<f32>,
    /// `[rows, width]` each.
    residuals: Vec<f32>,
    directions: Vec<f32>,
    products: Vec<f32>,
    squares: Vec<f32>,
}

/// A residual whose square is below this is none.
const SOLVED: f32 = 1e-20;

impl ConjugateGradients {
    /// Entries of all rows that are solved at once, whose panels together fit into the second-level cache.
    pub const fn entries(width: usize) -> usize {
        (32 << 10) / width
    }

    /// For rows of `width` elements, a multiple of 16.
    ///
    /// # Panics
    /// If it is none.
    pub fn new(width: usize) -> Self {
        assert!(width > 0 && width.is_multiple_of(16), "rows come in multiples of 16, not {width}");
        let none = Vec::new;
        Self {
            width,
            panel: none(),
            residuals: none(),
            directions: none(),
            products: none(),
            squares: none(),
        }
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
        let entries = rows.iter().map(|row| row.indices.len()).sum::<usize>();
        let mut panel = Panel { table, width, rows: std::mem::take(&mut self.panel), is_whole: false };
        if entries <= 2 * Self::entries(width) {
            panel.rows.clear();
            rows.iter().for_each(|row| panel.gather(row.indices));
            panel.is_whole = true;
        }
        self.products.resize(x.len(), 0.0);
        self.multiply(rows, gram, &mut panel, x, true);
        self.residuals.clear();
        self.residuals.extend(self.products.iter().map(|product| -product));
        self.directions.clone_from(&self.residuals);
        self.squares.clear();
        self.squares.extend(self.residuals.chunks_exact(width).map(|r| dot(r, r)));
        for _ in 0..steps {
            let directions = std::mem::take(&mut self.directions);
            self.multiply(rows, gram, &mut panel, &directions, false);
            self.directions = directions;
            let each = x.chunks_exact_mut(width).zip(self.residuals.chunks_exact_mut(width));
            let each =
                each.zip(self.directions.chunks_exact_mut(width)).zip(self.products.chunks_exact(width));
            for ((((x, r), p), product), square) in each.zip(&mut self.squares) {
                if *square > SOLVED {
                    *square = step(x, r, p, product, *square);
                }
            }
        }
        self.panel = panel.rows;
    }

    /// The products of the matrices of all rows with their vectors, less the right sides if wanted.
    fn multiply(
        &mut self,
        rows: &[RowEquations<'_>],
        gram: &[f32],
        panel: &mut Panel<'_>,
        vectors: &[f32],
        less_right: bool,
    ) {
        let width = self.width;
        let (left, right) = (Matrix::new(vectors, rows.len(), width), Matrix::new(gram, width, width));
        multiply(1.0, left, right, 0.0, &mut self.products, width);
        let mut first = 0;
        let each = vectors.chunks_exact(width).zip(self.products.chunks_exact_mut(width));
        for (row, (vector, product)) in rows.iter().zip(each) {
            product.iter_mut().zip(vector).for_each(|(product, x)| *product += row.ridge * x);
            panel.visit(row.indices, first, |rows, range| {
                let right = if less_right { &row.right[range.clone()] } else { &[] };
                add_weighted(rows, &row.weights[range], right, vector, product)
            });
            first += row.indices.len();
        }
    }
}

/// Rows of a table side by side.
struct Panel<'a> {
    table: &'a [f32],
    width: usize,
    rows: Vec<f32>,
    /// Whether it has those of all equations, else some of one.
    is_whole: bool,
}

impl Panel<'_> {
    fn gather(&mut self, indices: &[u32]) {
        const AHEAD: usize = 6;
        for (at, &index) in indices.iter().enumerate() {
            prefetch_row(self.table, self.width, indices, at, AHEAD);
            self.rows.extend_from_slice(&self.table[index as usize * self.width..][..self.width]);
        }
    }

    /// The rows of these indices, of which the first is the `first` of all, and which of the indices they are.
    fn visit(&mut self, indices: &[u32], first: usize, mut each: impl FnMut(&[f32], Range<usize>)) {
        if self.is_whole {
            return each(&self.rows[first * self.width..][..indices.len() * self.width], 0..indices.len());
        }
        const ROWS: usize = 64;
        for (at, indices) in indices.chunks(ROWS).enumerate() {
            self.rows.clear();
            self.gather(indices);
            each(&self.rows, at * ROWS..at * ROWS + indices.len());
        }
    }
}

simd_fn! {
    /// `out += sum of (w_t (y_t . v) - b_t) y_t`, four rows at a time; without a right side `b` is 0.
    fn add_weighted(panel: &[f32], weights: &[f32], right: &[f32], v: &[f32], out: &mut [f32]) {
        let width = v.len();
        let (fours, four_weights) = (panel.chunks_exact(4 * width), weights.chunks_exact(4));
        let (rest, rest_weights) = (fours.remainder(), four_weights.remainder());
        let right_of = |at: usize| right.get(at).copied().unwrap_or(0.0);
        let mut first = 0;
        for (rows, weights) in fours.zip(four_weights) {
            let line = |at: usize| &rows[at * width..][..width];
            let [a, b, c, d] = [line(0), line(1), line(2), line(3)];
            let mut sums = [[0.0f32; 8]; 4];
            let lines = a.chunks_exact(8).zip(b.chunks_exact(8)).zip(c.chunks_exact(8).zip(d.chunks_exact(8)));
            for (v, ((a, b), (c, d))) in v.chunks_exact(8).zip(lines) {
                for lane in 0..8 {
                    sums[0][lane] = madd::<FMA>(a[lane], v[lane], sums[0][lane]);
                    sums[1][lane] = madd::<FMA>(b[lane], v[lane], sums[1][lane]);
                    sums[2][lane] = madd::<FMA>(c[lane], v[lane], sums[2][lane]);
                    sums[3][lane] = madd::<FMA>(d[lane], v[lane], sums[3][lane]);
                }
            }
            let mut factors = [0.0f32; 4];
            for at in 0..4 {
                factors[at] = weights[at] * sum_of_lanes(sums[at]) - right_of(first + at);
            }
            first += 4;
            let [fa, fb, fc, fd] = factors;
            let lines = a.iter().zip(b).zip(c.iter().zip(d));
            for (out, ((&a, &b), (&c, &d))) in out.iter_mut().zip(lines) {
                let sum = madd::<FMA>(fa, a, madd::<FMA>(fb, b, *out));
                *out = madd::<FMA>(fc, c, madd::<FMA>(fd, d, sum));
            }
        }
        for (at, (row, &weight)) in rest.chunks_exact(width).zip(rest_weights).enumerate() {
            let factor = weight * dot_of::<FMA>(row, v) - right_of(first + at);
            for (out, &y) in out.iter_mut().zip(row) {
                *out = madd::<FMA>(factor, y, *out);
            }
        }
    }
}

/// The sum of eight numbers, by halves.
#[inline(always)]
fn sum_of_lanes(mut lanes: [f32; 8]) -> f32 {
    for half in [4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

#[inline(always)]
fn dot_of<const FMA: bool>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for lane in 0..8 {
            sums[lane] = madd::<FMA>(a[lane], b[lane], sums[lane]);
        }
    }
    sum_of_lanes(sums)
}

simd_fn! {
    fn dot(a: &[f32], b: &[f32]) -> f32 {
        dot_of::<FMA>(a, b)
    }
}

/// A step of `x` along `p`, and the next direction; returns the square of the new residual.
fn step(x: &mut [f32], r: &mut [f32], p: &mut [f32], product: &[f32], square: f32) -> f32 {
    let alpha = square / dot(p, product);
    for ((x, r), (p, product)) in x.iter_mut().zip(&mut *r).zip(p.iter().zip(product)) {
        *x += alpha * p;
        *r -= alpha * product;
    }
    let new = dot(r, r);
    let beta = new / square;
    p.iter_mut().zip(&*r).for_each(|(p, r)| *p = r + beta * *p);
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Philox;
    use crate::linalg::NormalEquations;

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
