//! Metrics of numbers: root mean squared error, R², cosine similarity, and the plain mean of the outputs.

use fornax_core::{Backend, DynTensor, Result, Value};

use super::host::{HostBatch, HostMetric};
use super::mean::MeanMetric;
use crate::losses::{Pair, cosines};

metric! {
    /// `sqrt(mean (y - t)²)`. Source: `keras.metrics.RootMeanSquaredError`, which forgets masks; this does not.
    RootMeanSquaredError {}
}

metric! {
    /// The mean cosine of the angle between targets and outputs over the last axis.
    /// Source: `keras.metrics.CosineSimilarity`.
    CosineSimilarity {}
}

metric! {
    /// The mean of the outputs, whatever the targets. Source: `keras.metrics.Mean`.
    Mean {}
}

metric! {
    /// `1 - sum (y - t)² / sum (t - mean t)²`, the mean over the columns.
    ///
    /// # Shapes
    /// - targets and outputs: `[batch, .., n]`
    ///
    /// Source: `keras.metrics.R2Score`.
    R2Score {}
}

impl MeanMetric for RootMeanSquaredError {
    fn name(&self) -> &'static str {
        "root_mean_squared_error"
    }

    fn values<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let Pair { truth, prediction, .. } = Pair::new(y_true, y_pred)?;
        Ok(prediction.sub(truth).square())
    }
}

impl MeanMetric for CosineSimilarity {
    fn name(&self) -> &'static str {
        "cosine_similarity"
    }

    fn values<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        cosines(y_true, y_pred)
    }
}

impl MeanMetric for Mean {
    fn name(&self) -> &'static str {
        "mean"
    }

    fn values<B: Backend>(&self, _y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        Ok(y_pred.clone().float())
    }
}

impl HostMetric for R2Score {
    fn name(&self) -> &'static str {
        "r2_score"
    }

    /// Of each column the weight, the mean of the targets, the sum of the squares about it, that of the errors.
    fn sums(&self, columns: usize) -> usize {
        4 * columns
    }

    fn update(&self, sums: &mut [f64], batch: &HostBatch) -> Result<()> {
        for (truth, prediction, weight) in batch.rows().filter(|(_, _, weight)| *weight != 0.0) {
            for (column, (&t, &y)) in truth.iter().zip(prediction).enumerate() {
                let (t, y) = (f64::from(t), f64::from(y));
                let [count, mean, about, errors] = &mut sums[4 * column..4 * column + 4] else { continue };
                // Welford's update: no cancellation where the mean is large, unlike sums of squares.
                *count += weight;
                let off = t - *mean;
                *mean += weight * off / *count;
                *about += weight * off * (t - *mean);
                *errors += weight * (y - t) * (y - t);
            }
        }
        Ok(())
    }

    fn result(&self, sums: &[f64]) -> f64 {
        let scores = sums.chunks_exact(4).map(|column| {
            let score = 1.0 - column[3] / column[2];
            if score.is_infinite() { 0.0 } else { score }
        });
        scores.sum::<f64>() / (sums.len() / 4) as f64
    }
}
