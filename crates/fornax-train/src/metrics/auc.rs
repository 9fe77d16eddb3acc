//! [`AUC`]: the area under the ROC or the precision-recall curve, by thresholds.

use fornax_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::confusion::divide;
use super::host::{HostBatch, HostMetric};

/// Which curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// True positive rate over false positive rate.
    #[default]
    #[serde(rename = "ROC")]
    Roc,
    /// Precision over recall.
    #[serde(rename = "PR")]
    Pr,
}

/// How the area between two thresholds is filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Summation {
    /// By the mean of the two; of the precision-recall curve by the interpolation of Davis and Goadrich (2006).
    #[default]
    Interpolation,
    /// By the smaller.
    Minoring,
    /// By the larger.
    Majoring,
}

metric! {
    /// The area under the ROC curve (or precision over recall) from the counts at evenly spaced thresholds.
    ///
    /// # Shapes
    /// - targets and outputs: `[batch, ..]`, all elements alike
    ///
    /// Defaults: 200 thresholds, ROC, interpolation, outputs are probabilities. Source: `keras.metrics.AUC`.
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use fornax_core::{Array, Flex, Value};
    /// use fornax_train::metrics::AUC;
    ///
    /// let device = Default::default();
    /// let value = |values: Vec<f32>| Value::<Flex>::from_array(&values.into(), &device);
    /// let mut state = AUC.state();
    /// state.update(&value(vec![0.0, 0.0, 1.0, 1.0]), &value(vec![0.0, 0.5, 0.3, 0.9]), None)?;
    /// assert_eq!(state.result()?, 0.75);
    /// # }
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    AUC {
        /// The number of thresholds, those below 0 and above 1 included.
        num_thresholds: usize = 200,
        /// Which curve.
        curve: Curve = Curve::Roc,
        /// How the area between two thresholds is filled.
        summation_method: Summation = Summation::Interpolation,
        /// Whether the outputs are logits.
        from_logits: bool = false,
    }
}

impl HostMetric for AUC {
    fn name(&self) -> &'static str {
        "auc"
    }

    /// The weight of ones and of zeros in each bucket between two thresholds.
    fn sums(&self, _columns: usize) -> usize {
        2 * self.num_thresholds
    }

    fn update(&self, sums: &mut [f64], batch: &HostBatch) -> Result<()> {
        let (ones, zeros) = sums.split_at_mut(self.num_thresholds);
        for (truth, prediction, weight) in batch.rows() {
            for (&t, &y) in truth.iter().zip(prediction) {
                let y = if self.from_logits { 1.0 / (1.0 + (-y).exp()) } else { y };
                // A prediction on a threshold belongs below it, in f32 as Keras rounds.
                let bucket = (y.clamp(0.0, 1.0) * (self.num_thresholds - 1) as f32).ceil() - 1.0;
                let buckets = if t != 0.0 { &mut *ones } else { &mut *zeros };
                buckets[bucket.max(0.0) as usize] += weight;
            }
        }
        Ok(())
    }

    fn result(&self, sums: &[f64]) -> f64 {
        let (ones, zeros) = sums.split_at(self.num_thresholds);
        let points = Points { hits: from_above(ones), alarms: from_above(zeros) };
        match (self.curve, self.summation_method) {
            (Curve::Pr, Summation::Interpolation) => points.interpolated_precision(),
            (Curve::Pr, method) => area(&points.recall(), &points.precision(), method),
            (Curve::Roc, method) => area(&points.alarm_rate(), &points.recall(), method),
        }
    }

    fn validate(&self) -> Result<()> {
        if self.num_thresholds > 1 {
            return Ok(());
        }
        Err(Error::argument("num_thresholds", self.num_thresholds, "at least 2"))
    }
}

/// True and false positives at each threshold, from the lowest.
struct Points {
    hits: Vec<f64>,
    alarms: Vec<f64>,
}

impl Points {
    fn recall(&self) -> Vec<f64> {
        self.hits.iter().map(|&hits| divide(hits, self.hits[0])).collect()
    }

    fn alarm_rate(&self) -> Vec<f64> {
        self.alarms.iter().map(|&alarms| divide(alarms, self.alarms[0])).collect()
    }

    fn precision(&self) -> Vec<f64> {
        self.hits.iter().zip(&self.alarms).map(|(&hits, &alarms)| divide(hits, hits + alarms)).collect()
    }

    /// Davis and Goadrich: between two thresholds true positives are linear in all positives.
    fn interpolated_precision(&self) -> f64 {
        let positives: Vec<f64> = self.hits.iter().zip(&self.alarms).map(|(a, b)| a + b).collect();
        let mut sum = 0.0;
        for at in 0..self.hits.len() - 1 {
            let (high, low) = (positives[at], positives[at + 1]);
            let hits = self.hits[at] - self.hits[at + 1];
            let slope = divide(hits, (high - low).max(0.0));
            let intercept = self.hits[at + 1] - slope * low;
            let ratio = if high > 0.0 && low > 0.0 { high / low } else { 1.0 };
            sum += divide(slope * (hits + intercept * ratio.ln()), self.hits[0]);
        }
        sum
    }
}

/// The sums from each bucket to the last.
fn from_above(buckets: &[f64]) -> Vec<f64> {
    let mut sums = buckets.to_vec();
    for at in (0..sums.len() - 1).rev() {
        sums[at] += sums[at + 1];
    }
    sums
}

fn area(x: &[f64], y: &[f64], method: Summation) -> f64 {
    let height = |a: f64, b: f64| match method {
        Summation::Interpolation => (a + b) / 2.0,
        Summation::Minoring => a.min(b),
        Summation::Majoring => a.max(b),
    };
    x.windows(2).zip(y.windows(2)).map(|(x, y)| (x[0] - x[1]) * height(y[0], y[1])).sum()
}
