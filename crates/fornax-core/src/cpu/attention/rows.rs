//! Loops over the rows of a block of scores.

use std::ops::Range;

use crate::Philox;
use crate::math::exp;

/// Dropout of weights: the mask of an element is the number at its place in `[batch, heads, queries, keys]`.
#[derive(Clone, Copy)]
pub(super) struct Drop {
    pub(super) rate: f64,
    pub(super) random: Philox,
    pub(super) shape: [usize; 3],
}

impl Drop {
    /// 0 or `1 / (1 - rate)` for each element of a block.
    pub(super) fn draw(
        self,
        (sample, head): (usize, usize),
        queries: &Range<usize>,
        keys: &Range<usize>,
        out: &mut [f32],
    ) {
        let [heads, query_count, key_count] = self.shape;
        for (query, row) in queries.clone().zip(out.chunks_exact_mut(keys.len())) {
            let place = ((sample * heads + head) * query_count + query) * key_count + keys.start;
            self.random.at(self.random.position() + place as u64).fill_uniform(row);
        }
        keep_or_drop(out, self.rate, (1.0 / (1.0 - self.rate)) as f32);
    }
}

simd_fn! {
    /// `kept` where the number drawn is not below `rate`, else 0.
    fn keep_or_drop(drawn: &mut [f32], rate: f64, kept: f32) {
        drawn.iter_mut().for_each(|u| *u = if f64::from(*u) < rate { 0.0 } else { kept });
    }
}

simd_fn! {
    /// `x *= factor`.
    fn multiply(x: &mut [f32], factor: &[f32]) {
        x.iter_mut().zip(factor).for_each(|(x, factor)| *x *= factor);
    }
}

/// What a row has seen so far.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) largest: f32,
    pub(super) total: f32,
    /// What the row's sums have to be multiplied with.
    pub(super) correction: f32,
}

simd_fn! {
    /// Scores become exponentials below the row's largest so far, and each row's state moves on.
    fn exponentials(scores: &mut [f32], columns: usize, scale: f32, rows: &mut [Row]) {
        for (scores, row) in scores.chunks_exact_mut(columns).zip(rows) {
            let mut lanes = [f32::NEG_INFINITY; 16];
            let mut chunks = scores.chunks_exact_mut(16);
            for chunk in &mut chunks {
                for (lane, score) in lanes.iter_mut().zip(chunk) {
                    *score *= scale;
                    *lane = if *score > *lane { *score } else { *lane };
                }
            }
            let mut largest = row.largest;
            for score in chunks.into_remainder() {
                *score *= scale;
                largest = if *score > largest { *score } else { largest };
            }
            for lane in lanes {
                largest = if lane > largest { lane } else { largest };
            }
            // Below a largest of minus infinity every score is hidden (or NaN, which stays).
            let base = if largest == f32::NEG_INFINITY { 0.0 } else { largest };
            let mut sums = [0.0f32; 16];
            let mut chunks = scores.chunks_exact_mut(16);
            for chunk in &mut chunks {
                for (sum, score) in sums.iter_mut().zip(chunk) {
                    *score = exp(*score - base);
                    *sum += *score;
                }
            }
            let mut sum: f32 = sums.iter().sum();
            for score in chunks.into_remainder() {
                *score = exp(*score - base);
                sum += *score;
            }
            row.correction = exp(row.largest - base);
            row.total = row.total * row.correction + sum;
            row.largest = largest;
        }
    }
}

simd_fn! {
    /// Scores become weights: `exp(scale score - log_sum)`.
    fn weights(scores: &mut [f32], columns: usize, scale: f32, log_sums: &[f32]) {
        for (scores, log_sum) in scores.chunks_exact_mut(columns).zip(log_sums) {
            scores.iter_mut().for_each(|score| *score = exp(*score * scale - log_sum));
        }
    }
}

simd_fn! {
    /// `dweights` become the cotangents of the products `q k`: `weights (dweights - projection) scale`.
    fn slopes(weights: &[f32], dweights: &mut [f32], columns: usize, scale: f32, projections: &[f32]) {
        let rows = dweights.chunks_exact_mut(columns).zip(weights.chunks_exact(columns));
        for ((dweights, weights), projection) in rows.zip(projections) {
            dweights.iter_mut().zip(weights).for_each(|(d, weight)| *d = weight * (*d - projection) * scale);
        }
    }
}

simd_fn! {
    /// The sum of products.
    fn dot(x: &[f32], y: &[f32]) -> f32 {
        x.iter().zip(y).map(|(x, y)| x * y).sum()
    }
}
