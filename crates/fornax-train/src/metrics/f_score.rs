//! F scores: precision and recall in one number, a class at a time.

use fornax_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::host::{HostBatch, HostMetric, Layout};

/// How the scores of the classes become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// From the counts of all classes together.
    Micro,
    /// The mean over the classes.
    #[default]
    Macro,
    /// The mean over the classes, each with the weight of its targets.
    Weighted,
}

metric! {
    /// `2 p r / (p + r)` with precision `p` and recall `r` of each class.
    ///
    /// # Shapes
    /// - targets: `[batch, classes]` of 0 and 1, or class indices `[batch]`
    /// - outputs: `[batch, classes]`
    ///
    /// Defaults: macro average (Keras: none, a score a class), the largest output of a row says 1.
    /// Source: `keras.metrics.F1Score`.
    F1Score {
        /// How the scores of the classes become one.
        average: Average = Average::Macro,
        /// Above it an output says 1; without one the largest of a row does.
        threshold: Option<f64> = None,
    }
}

metric! {
    /// `(1 + b²) p r / (b² p + r)` with precision `p` and recall `r` of each class; as [`F1Score`](struct@F1Score)
    /// otherwise. Default: `beta` 1. Source: `keras.metrics.FBetaScore`.
    FBetaScore {
        /// How much more recall counts than precision.
        beta: f64 = 1.0,
        /// How the scores of the classes become one.
        average: Average = Average::Macro,
        /// Above it an output says 1; without one the largest of a row does.
        threshold: Option<f64> = None,
    }
}

/// What Keras adds to divisors.
const EPSILON: f64 = 1e-7;

impl HostMetric for FBetaScore {
    fn name(&self) -> &'static str {
        "fbeta_score"
    }

    fn layout(&self) -> Layout {
        Layout::OneHot
    }

    /// True positives, false positives and false negatives of each class.
    fn sums(&self, columns: usize) -> usize {
        3 * columns
    }

    fn update(&self, sums: &mut [f64], batch: &HostBatch) -> Result<()> {
        for (truth, prediction, weight) in batch.rows() {
            let largest = prediction.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            for (column, (&t, &y)) in truth.iter().zip(prediction).enumerate() {
                let said = match self.threshold {
                    Some(threshold) => y > threshold as f32,
                    None => y >= largest && y.abs() > 1e-9,
                };
                let (said, t) = (f64::from(u8::from(said)), f64::from(t));
                let counts = &mut sums[3 * column..3 * column + 3];
                counts[0] += weight * said * t;
                counts[1] += weight * said * (1.0 - t);
                counts[2] += weight * (1.0 - said) * t;
            }
        }
        Ok(())
    }

    fn result(&self, sums: &[f64]) -> f64 {
        let score = |counts: &[f64]| {
            let precision = counts[0] / (counts[0] + counts[1] + EPSILON);
            let recall = counts[0] / (counts[0] + counts[2] + EPSILON);
            let square = self.beta * self.beta;
            (1.0 + square) * precision * recall / (square * precision + recall + EPSILON)
        };
        let classes = sums.chunks_exact(3);
        match self.average {
            Average::Micro => {
                let total = |at: usize| sums.iter().skip(at).step_by(3).sum::<f64>();
                score(&[total(0), total(1), total(2)])
            }
            Average::Macro => classes.clone().map(score).sum::<f64>() / classes.len() as f64,
            Average::Weighted => {
                let support = |counts: &[f64]| counts[0] + counts[2];
                let total: f64 = classes.clone().map(support).sum::<f64>() + EPSILON;
                classes.map(|counts| score(counts) * support(counts) / total).sum()
            }
        }
    }

    fn validate(&self) -> Result<()> {
        if !(self.beta.is_finite() && self.beta > 0.0) {
            return Err(Error::argument("beta", self.beta, "a finite number above 0"));
        }
        match self.threshold {
            Some(threshold) if !(threshold > 0.0 && threshold <= 1.0) => {
                Err(Error::argument("threshold", threshold, "a number above 0 and at most 1"))
            }
            _ => Ok(()),
        }
    }
}

impl F1Score {
    fn beta(&self) -> FBetaScore {
        FBetaScore::new().average(self.average).threshold(self.threshold)
    }
}

impl HostMetric for F1Score {
    fn name(&self) -> &'static str {
        "f1_score"
    }

    fn layout(&self) -> Layout {
        Layout::OneHot
    }

    fn sums(&self, columns: usize) -> usize {
        self.beta().sums(columns)
    }

    fn update(&self, sums: &mut [f64], batch: &HostBatch) -> Result<()> {
        self.beta().update(sums, batch)
    }

    fn result(&self, sums: &[f64]) -> f64 {
        self.beta().result(sums)
    }

    fn validate(&self) -> Result<()> {
        self.beta().validate()
    }
}
