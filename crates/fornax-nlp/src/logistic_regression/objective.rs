//! The function that logistic regression minimises, its gradient and its Hessian times a vector.
//!
//! With `Z = X W`, `P = softmax(Z)` and the labels `Y` one-hot: `f = |W|^2 / 2 - c sum ln P[i, y_i]`,
//! `grad = W + c X^T (P - Y)` and, with `U = X V`, `H V = V + c X^T (P * (U - rowsum(P * U)))`. Two classes have one output:
//! the sigmoid and `P * (1 - P) * U`. The intercept is one more column of ones without a penalty.

use fornax_core::Result;
use fornax_data::CsrMatrix;
use rayon::prelude::*;

use super::trust_region::Objective;

pub(super) struct Losses<'a> {
    rows: &'a CsrMatrix,
    columns: CsrMatrix,
    labels: &'a [usize],
    outputs: usize,
    c: f64,
    intercept: bool,
}

impl<'a> Losses<'a> {
    pub(super) fn new(
        rows: &'a CsrMatrix,
        labels: &'a [usize],
        classes: usize,
        c: f64,
        intercept: bool,
    ) -> Result<Self> {
        let outputs = if classes == 2 { 1 } else { classes };
        Ok(Self { rows, columns: rows.transpose()?, labels, outputs, c, intercept })
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// The number of weights: `[features, outputs]`, the intercepts last.
    pub(super) fn width(&self) -> usize {
        (self.rows.column_count() + usize::from(self.intercept)) * self.outputs
    }

    /// The weights that have a penalty come first.
    fn penalized(&self) -> usize {
        self.rows.column_count() * self.outputs
    }

    /// `X W + b`, `[rows, outputs]`.
    fn scores(&self, w: &[f64]) -> Vec<f64> {
        let mut scores = vec![0.0; self.rows.row_count() * self.outputs];
        scores.par_chunks_mut(self.outputs).with_min_len(64).enumerate().for_each(|(row, scores)| {
            if self.intercept {
                scores.copy_from_slice(&w[self.penalized()..]);
            }
            accumulate(self.rows.row(row), w, scores);
        });
        scores
    }

    /// `X^T R` for `[rows, outputs]`, and the sums of its columns for the intercept.
    fn transposed_times(&self, r: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; self.width()];
        let (features, intercept) = product.split_at_mut(self.penalized());
        features.par_chunks_mut(self.outputs).with_min_len(256).enumerate().for_each(|(column, product)| {
            accumulate(self.columns.row(column), r, product);
        });
        if self.intercept {
            for r in r.chunks_exact(self.outputs) {
                intercept.iter_mut().zip(r).for_each(|(sum, r)| *sum += r);
            }
        }
        product
    }

    /// `v + c X^T r`, the intercept without `v`.
    fn with_penalty(&self, v: &[f64], r: &[f64]) -> Vec<f64> {
        let mut sum = self.transposed_times(r);
        sum.iter_mut().for_each(|sum| *sum *= self.c);
        sum.iter_mut().zip(&v[..self.penalized()]).for_each(|(sum, v)| *sum += v);
        sum
    }
}

/// `y += sum_j x_j w[j, :]` over the elements of a sparse vector.
fn accumulate((places, values): (&[u32], &[f32]), w: &[f64], y: &mut [f64]) {
    let outputs = y.len();
    if let [y] = y {
        *y += places.iter().zip(values).map(|(&j, &x)| w[j as usize] * f64::from(x)).sum::<f64>();
        return;
    }
    for (&place, &value) in places.iter().zip(values) {
        let w = &w[place as usize * outputs..][..outputs];
        y.iter_mut().zip(w).for_each(|(y, w)| *y += f64::from(value) * w);
    }
}

impl Objective for Losses<'_> {
    /// `P`, `[rows, outputs]`.
    type At = Vec<f64>;

    fn value(&self, w: &[f64]) -> (f64, Vec<f64>) {
        let mut scores = self.scores(w);
        let losses: f64 = scores
            .chunks_exact(self.outputs)
            .zip(self.labels)
            .map(|(scores, &label)| loss(scores, label))
            .sum();
        scores.chunks_exact_mut(self.outputs).for_each(probabilities);
        let penalty: f64 = w[..self.penalized()].iter().map(|w| w * w).sum();
        (0.5 * penalty + self.c * losses, scores)
    }

    fn gradient(&self, w: &[f64], at: &Vec<f64>) -> Vec<f64> {
        let mut r = at.clone();
        for (r, &label) in r.chunks_exact_mut(self.outputs).zip(self.labels) {
            match r {
                [r] => *r -= label as f64,
                r => r[label] -= 1.0,
            }
        }
        self.with_penalty(w, &r)
    }

    fn hessian_times(&self, at: &Vec<f64>, v: &[f64]) -> Vec<f64> {
        let mut u = self.scores(v);
        for (u, p) in u.chunks_exact_mut(self.outputs).zip(at.chunks_exact(self.outputs)) {
            match (u, p) {
                ([u], [p]) => *u *= p * (1.0 - p),
                (u, p) => {
                    let mean: f64 = u.iter().zip(p).map(|(u, p)| u * p).sum();
                    u.iter_mut().zip(p).for_each(|(u, p)| *u = p * (*u - mean));
                }
            }
        }
        self.with_penalty(v, &u)
    }
}

/// `-ln p(label)`.
fn loss(scores: &[f64], label: usize) -> f64 {
    match scores {
        [z] => {
            let z = if label == 1 { -z } else { *z };
            z.max(0.0) + (-z.abs()).exp().ln_1p()
        }
        scores => {
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            most + scores.iter().map(|z| (z - most).exp()).sum::<f64>().ln() - scores[label]
        }
    }
}

/// Scores become probabilities; one score that of class 1.
pub(super) fn probabilities(scores: &mut [f64]) {
    match scores {
        [z] => {
            let small = (-z.abs()).exp();
            *z = if *z >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
        }
        scores => {
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            scores.iter_mut().for_each(|z| *z = (*z - most).exp());
            let sum: f64 = scores.iter().sum();
            scores.iter_mut().for_each(|p| *p /= sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn derivatives_are_those_of_the_value(
            seed in 0u64..1000, classes in 2usize..4, intercept: bool, c in 0.1..5.0,
        ) {
            let mut random = fornax_core::Philox::new(seed);
            let mut draw = |count: usize| -> Vec<f32> { (0..count).map(|_| random.uniform_in(-1.0, 1.0)).collect() };
            let (rows, features) = (6, 4);
            let mut matrix = CsrMatrix::empty(features).unwrap();
            for row in 0..rows {
                let elements = (0..).zip(draw(features)).filter(|(column, _)| !(column + row as u32).is_multiple_of(3));
                matrix.push_row(elements).unwrap();
            }
            let labels: Vec<usize> = (0..rows).map(|row| row % classes).collect();
            let losses = Losses::new(&matrix, &labels, classes, c, intercept).unwrap();
            let [w, v] = [(); 2].map(|()| draw(losses.width()).into_iter().map(f64::from).collect::<Vec<_>>());
            let moved = |by: f64| -> Vec<f64> { w.iter().zip(&v).map(|(w, v)| w + by * v).collect() };
            let (h, dot) = (1e-5, |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>());
            let gradient = |w: &[f64]| losses.gradient(w, &losses.value(w).1);
            let slope = (losses.value(&moved(h)).0 - losses.value(&moved(-h)).0) / (2.0 * h);
            let expected = dot(&gradient(&w), &v);
            prop_assert!((slope - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{slope} {expected}");
            let bend = losses.hessian_times(&losses.value(&w).1, &v);
            for ((plus, minus), bend) in gradient(&moved(h)).iter().zip(&gradient(&moved(-h))).zip(bend) {
                let found = (plus - minus) / (2.0 * h);
                prop_assert!((found - bend).abs() < 1e-6 * (1.0 + bend.abs()), "{found} {bend}");
            }
        }
    }

    #[test]
    fn great_scores_stay_finite() {
        assert_eq!((loss(&[800.0], 0), loss(&[800.0], 1)), (800.0, 0.0));
        assert_eq!(loss(&[900.0, 0.0, 100.0], 2), 800.0);
        let mut scores = [-800.0];
        probabilities(&mut scores);
        assert_eq!(scores, [0.0]);
        let mut scores = [900.0, 0.0, 900.0];
        probabilities(&mut scores);
        assert_eq!(scores, [0.5, 0.0, 0.5]);
    }
}
