//! [`tridiagonal_eigen`]: the largest eigenvalues of a symmetric tridiagonal matrix and their eigenvectors.

use crate::Philox;

/// The `count` largest eigenvalues of the symmetric matrix with this `diagonal` and these numbers `beside` it, the largest first, and
/// their eigenvectors, of length 1.
///
/// Eigenvalues by bisection (Givens 1954), several at a time; eigenvectors by inverse iteration, those of near
/// eigenvalues made orthogonal to each other, as LAPACK's `dstein` does. Of eigenvalues that differ by less than 1e-9 of the largest,
/// vectors may be mixed and the order changed. It is `None` where numbers are not finite, all are 0, or a vector is not found.
///
/// ```
/// use fornax_core::linalg::tridiagonal_eigen;
///
/// let (values, vectors) = tridiagonal_eigen(&[2.0, 2.0], &[1.0], 1).unwrap();
/// assert!((values[0] - 3.0).abs() < 1e-12 && (vectors[0][0] - vectors[0][1]).abs() < 1e-12);
/// ```
///
/// # Panics
/// If there is not one number less beside the diagonal than on it, or there are fewer eigenvalues than asked for.
pub fn tridiagonal_eigen(
    diagonal: &[f64],
    beside: &[f64],
    count: usize,
) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
    assert!(diagonal.len() == beside.len() + 1 && count <= diagonal.len(), "{count} of {}", diagonal.len());
    if diagonal.iter().chain(beside).any(|x| !x.is_finite()) {
        return None;
    }
    // By a power of two, so that squares neither overflow nor vanish.
    let largest = diagonal.iter().chain(beside).fold(0.0f64, |largest, x| largest.max(x.abs()));
    let scale = largest.log2().floor().clamp(-1000.0, 1000.0).exp2();
    let [diagonal, beside] = [diagonal, beside].map(|x| x.iter().map(|x| x / scale).collect::<Vec<f64>>());
    let (values, vectors) = Tridiagonal { diagonal: &diagonal, beside: &beside }.largest(count)?;
    Some((values.into_iter().map(|value| value * scale).collect(), vectors))
}

#[derive(Clone, Copy)]
pub(super) struct Tridiagonal<'a> {
    diagonal: &'a [f64],
    beside: &'a [f64],
}

/// Eigenvalues that are sought at once.
const LANES: usize = 16;

impl Tridiagonal<'_> {
    /// The largest eigenvalues, the largest first, and their eigenvectors, unless those are not found.
    fn largest(&self, count: usize) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
        // An error of 1e-10: in each round inverse iteration leaves so much of an eigenvector, divided by how far its eigenvalue is
        // away, and nearer ones do no harm.
        const STEPS: usize = 34;
        // Closer to each other than this, relative to the norm, eigenvectors are made orthogonal.
        const NEAR: f64 = 1e-3;
        const EXACT: f64 = 1e-9;
        const ROUNDS: usize = 3;
        let norm = self.norm();
        if norm == 0.0 {
            return None;
        }
        let size = self.diagonal.len();
        let mut random = Philox::new(0).named("eigenvectors");
        let starts: Vec<f64> = (0..size + count).map(|_| f64::from(random.uniform_in(-1.0, 1.0))).collect();
        let mut values: Vec<f64> = Vec::with_capacity(count);
        let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
        for first in (0..count).step_by(LANES) {
            let found = bisect(*self, first, norm, STEPS);
            let factors = factorize(*self, found, norm);
            let end = count.min(first + LANES);
            values.extend(&found[..end - first]);
            vectors.extend((first..end).map(|at| starts[at..at + size].to_vec()));
            for _ in 0..ROUNDS {
                solve(&factors, &mut vectors[first..]);
                for at in first..end {
                    let (before, vector) = vectors.split_at_mut(at);
                    let vector = &mut vector[0];
                    normalize(vector);
                    let near = before.iter().zip(&values).rev();
                    for (other, _) in near.take_while(|(_, value)| **value - values[at] <= NEAR * norm) {
                        let inside: f64 = other.iter().zip(&*vector).map(|(a, b)| a * b).sum();
                        vector.iter_mut().zip(other).for_each(|(x, other)| *x -= inside * other);
                    }
                    normalize(vector);
                }
            }
            for (value, vector) in values.iter_mut().zip(&vectors).skip(first) {
                let (nearer, residual) = self.rayleigh(vector);
                let is_found = residual <= EXACT * norm;
                if !is_found {
                    return None;
                }
                *value = nearer;
            }
        }
        Some((values, vectors))
    }

    /// No eigenvalue is larger in size (Gershgorin).
    fn norm(&self) -> f64 {
        let beside = |at: usize| self.beside.get(at).map_or(0.0, |x| x.abs());
        let rows = self.diagonal.iter().enumerate();
        rows.map(|(at, x)| x.abs() + beside(at) + at.checked_sub(1).map_or(0.0, beside)).fold(0.0, f64::max)
    }

    /// `vᵀTv` of a vector of length 1, and how far `T v` is from as many times `v`.
    fn rayleigh(&self, vector: &[f64]) -> (f64, f64) {
        let size = vector.len();
        let image: Vec<f64> = (0..size)
            .map(|at| {
                let before = if at > 0 { self.beside[at - 1] * vector[at - 1] } else { 0.0 };
                let behind = if at + 1 < size { self.beside[at] * vector[at + 1] } else { 0.0 };
                before + self.diagonal[at] * vector[at] + behind
            })
            .collect();
        let value: f64 = image.iter().zip(vector).map(|(a, b)| a * b).sum();
        let squares = image.iter().zip(vector).map(|(image, x)| (image - value * x).powi(2));
        (value, squares.sum::<f64>().sqrt())
    }
}

fn normalize(vector: &mut [f64]) {
    let largest = vector.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    let inverse = 1.0 / largest;
    let length = vector.iter().map(|x| (x * inverse).powi(2)).sum::<f64>().sqrt();
    let inverse = inverse / length;
    vector.iter_mut().for_each(|x| *x *= inverse);
}

simd_fn! {
    /// The largest eigenvalues but `first` ones, by the number of negative pivots of `T - x` (Sturm).
    fn bisect(matrix: Tridiagonal<'_>, first: usize, norm: f64, steps: usize) -> [f64; LANES] {
        let size = matrix.diagonal.len();
        // A pivot that vanishes.
        let least = norm * f64::EPSILON * f64::EPSILON;
        let (mut low, mut high) = ([-norm; LANES], [norm; LANES]);
        for _ in 0..steps {
            let middle: [f64; LANES] = std::array::from_fn(|lane| 0.5 * (low[lane] + high[lane]));
            let (mut pivots, mut below) = ([1.0; LANES], [0.0; LANES]);
            for row in 0..size {
                let beside = if row == 0 { 0.0 } else { matrix.beside[row - 1] };
                let (diagonal, square) = (matrix.diagonal[row], beside * beside);
                for lane in 0..LANES {
                    let pivot = diagonal - middle[lane] - square / pivots[lane];
                    let pivot = if pivot.abs() < least { -least } else { pivot };
                    below[lane] += if pivot < 0.0 { 1.0 } else { 0.0 };
                    pivots[lane] = pivot;
                }
            }
            for lane in 0..LANES {
                // So many are at most the one that is sought.
                let wanted = size as f64 - (first + lane) as f64;
                let at_most = below[lane] < wanted;
                low[lane] = if at_most { middle[lane] } else { low[lane] };
                high[lane] = if at_most { high[lane] } else { middle[lane] };
            }
        }
        std::array::from_fn(|lane| 0.5 * (low[lane] + high[lane]))
    }
}

/// `P (T - x) = L U` with the larger of two pivots at each step, for several `x`.
pub(super) struct Factors {
    rows: Vec<FactorRow>,
}

struct FactorRow {
    /// One over the diagonal of `U`, and the two diagonals above it.
    pivot: [f64; LANES],
    above: [[f64; LANES]; 2],
    /// How often the row is taken from the next one, and whether the two change places before.
    factor: [f64; LANES],
    changes: [bool; LANES],
}

simd_fn! {
    fn factorize(matrix: Tridiagonal<'_>, values: [f64; LANES], norm: f64) -> Factors {
        const ZERO: [f64; LANES] = [0.0; LANES];
        let size = matrix.diagonal.len();
        let beside = |at: usize| matrix.beside.get(at).copied().unwrap_or(0.0);
        let least = f64::EPSILON * norm;
        let mut rows = Vec::with_capacity(size);
        let mut row = [values.map(|value| matrix.diagonal[0] - value), [beside(0); LANES]];
        for at in 1..=size {
            // Behind the last row comes one of zeros.
            let (first, last) = (if at < size { beside(at - 1) } else { 0.0 }, beside(at));
            let diagonal = if at < size { matrix.diagonal[at] } else { 0.0 };
            let mut next = FactorRow { pivot: ZERO, above: [ZERO; 2], factor: ZERO, changes: [false; LANES] };
            for lane in 0..LANES {
                let middle = diagonal - values[lane];
                let changes = first.abs() > row[0][lane].abs();
                let (pivot, rest) = if changes { (first, row[0][lane]) } else { (row[0][lane], first) };
                let (above, rest_above) = if changes { (middle, row[1][lane]) } else { (row[1][lane], middle) };
                let (second, rest_second) = if changes { (last, 0.0) } else { (0.0, last) };
                let pivot = 1.0 / if pivot.abs() < least { least } else { pivot };
                let factor = rest * pivot;
                next.pivot[lane] = pivot;
                next.above[0][lane] = above;
                next.above[1][lane] = second;
                next.factor[lane] = factor;
                next.changes[lane] = changes;
                row[0][lane] = rest_above - factor * above;
                row[1][lane] = rest_second - factor * second;
            }
            rows.push(next);
        }
        Factors { rows }
    }
}

simd_fn! {
    /// Solves for a vector for each `x`, or the first ones.
    fn solve(factors: &Factors, vectors: &mut [Vec<f64>]) {
        let of_row = |at: usize| {
            let mut numbers = [0.0; LANES];
            numbers.iter_mut().zip(&*vectors).for_each(|(to, vector)| *to = vector[at]);
            numbers
        };
        let mut solved: Vec<[f64; LANES]> = (0..factors.rows.len()).map(of_row).collect();
        solved.push([0.0; LANES]);
        for (at, row) in factors.rows.iter().enumerate() {
            let (this, next) = (solved[at], solved[at + 1]);
            for lane in 0..LANES {
                let (kept, rest) = if row.changes[lane] { (next[lane], this[lane]) } else { (this[lane], next[lane]) };
                solved[at][lane] = kept;
                solved[at + 1][lane] = rest - row.factor[lane] * kept;
            }
        }
        let mut behind = [[0.0; LANES]; 2];
        for (row, solved) in factors.rows.iter().zip(&mut solved).rev() {
            for lane in 0..LANES {
                let known = solved[lane] - row.above[1][lane] * behind[1][lane];
                solved[lane] = (known - row.above[0][lane] * behind[0][lane]) * row.pivot[lane];
            }
            behind = [*solved, behind[0]];
        }
        for (lane, vector) in vectors.iter_mut().enumerate() {
            vector.iter_mut().zip(&solved).for_each(|(to, solved)| *to = solved[lane]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the numbers on and beside the diagonal, times a number.
    fn check(diagonal: &[f64], beside: &[f64], count: usize) {
        check_scaled(diagonal, beside, count, 1.0);
    }

    fn check_scaled(diagonal: &[f64], beside: &[f64], count: usize, scale: f64) {
        let matrix = Tridiagonal { diagonal, beside };
        let [large, large_beside] =
            [diagonal, beside].map(|x| x.iter().map(|x| x * scale).collect::<Vec<f64>>());
        let found = tridiagonal_eigen(&large, &large_beside, count);
        let (values, vectors) = found.unwrap_or_else(|| panic!("nothing for {diagonal:?} and {beside:?}"));
        let values: Vec<f64> = values.into_iter().map(|value| value / scale).collect();
        assert_eq!((values.len(), vectors.len()), (count, count));
        let norm = matrix.norm();
        for (at, vector) in vectors.iter().enumerate() {
            let (value, residual) = matrix.rayleigh(vector);
            let off = (value - values[at]).abs();
            assert!(off < 1e-12 * norm && residual < 1e-9 * norm, "{at}: {off}, {residual}");
            assert!(at == 0 || values[at] <= values[at - 1] + 1e-9 * norm);
            for (other, before) in vectors[..=at].iter().enumerate() {
                let inside: f64 = before.iter().zip(vector).map(|(a, b)| a * b).sum();
                let wanted = if other == at { 1.0 } else { 0.0 };
                assert!((inside - wanted).abs() < 1e-9, "{other} and {at}: {inside}");
            }
            // So many are larger: the pivots of the matrix without a little more than the value tell.
            let mut pivot = 1.0;
            let negative = (0..diagonal.len()).filter(|&row| {
                let square = if row == 0 { 0.0 } else { beside[row - 1] * beside[row - 1] };
                pivot = diagonal[row] - values[at] - 1e-9 * norm - square / pivot;
                pivot < 0.0
            });
            let larger = diagonal.len() - negative.count();
            assert!(larger <= at, "{larger} are larger than value {at}");
        }
    }

    #[test]
    fn second_differences() {
        for size in [1, 2, 15, 16, 17, 100] {
            let (diagonal, beside) = (vec![2.0; size], vec![-1.0; size - 1]);
            let (values, _) = tridiagonal_eigen(&diagonal, &beside, size).unwrap();
            for (at, value) in values.into_iter().enumerate() {
                let angle = (size - at) as f64 * std::f64::consts::PI / (size + 1) as f64;
                assert!((value - (2.0 - 2.0 * angle.cos())).abs() < 1e-12, "value {at} of {size}");
            }
            check(&diagonal, &beside, size);
        }
    }

    #[test]
    fn random_numbers_of_any_size() {
        let mut random = Philox::new(1);
        for (size, scale) in [(3, 1.0), (40, 1e-30), (81, 1e30), (30, 1e-200), (30, 1e200), (208, 1.0)] {
            let mut numbers =
                |len: usize| -> Vec<f64> { (0..len).map(|_| f64::from(random.normal())).collect() };
            let (diagonal, beside) = (numbers(size), numbers(size - 1));
            check_scaled(&diagonal, &beside, size.div_ceil(2), scale);
        }
    }

    #[test]
    fn equal_values_and_parts_that_do_not_meet() {
        check(&[2.0; 30], &[0.0; 29], 20);
        check(&[1.0, 3.0, 3.0, 3.0, -1.0], &[0.0; 4], 5);
        let (half, beside): (Vec<f64>, Vec<f64>) =
            (0..20).map(|at| ((at as f64).sin(), (at as f64).cos())).unzip();
        let twice = [half.as_slice(), &half].concat();
        let apart = [&beside[..19], &[0.0], &beside[..19]].concat();
        check(&twice, &apart, 20);
    }

    /// Pairs at any distance, and a matrix of Wilkinson's glued to itself, whose eigenvalues come in clusters.
    #[test]
    fn near_values() {
        for gap in (3..=14).map(|digits| 0.1f64.powi(digits)) {
            let diagonal: Vec<f64> =
                (0..40).map(|at| f64::from(at / 2) + if at % 2 == 0 { 0.0 } else { gap }).collect();
            check(&diagonal, &[0.0; 39], 20);
            check(&diagonal, &[0.1 * gap; 39], 20);
        }
        let one: Vec<f64> = (-10..=10).map(|at: i32| f64::from(at.abs())).collect();
        for glue in [1e-3, 1e-8, 1e-12, 0.0] {
            let diagonal = one.repeat(5);
            let beside: Vec<f64> =
                (1..diagonal.len()).map(|at| if at % 21 == 0 { glue } else { 1.0 }).collect();
            check(&diagonal, &beside, 50);
        }
    }

    #[test]
    fn the_largest_of_large_numbers() {
        let (values, _) = tridiagonal_eigen(&[-1e32, 3e31], &[0.0], 1).unwrap();
        assert!((values[0] / 3e31 - 1.0).abs() < 1e-12, "{}", values[0]);
    }

    #[test]
    fn nothing_is_found_in_what_is_no_matrix() {
        assert!(tridiagonal_eigen(&[0.0; 3], &[0.0; 2], 1).is_none());
        assert!(tridiagonal_eigen(&[f64::NAN, 1.0], &[0.0], 1).is_none());
        assert!(tridiagonal_eigen(&[f64::INFINITY, 1.0], &[0.0], 1).is_none());
        let (values, vectors) = tridiagonal_eigen(&[1.0, 2.0], &[0.0], 0).unwrap();
        assert!(values.is_empty() && vectors.is_empty());
    }
}
