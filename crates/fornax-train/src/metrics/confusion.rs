//! Counts of right and wrong positives and negatives, precision and recall.

use fornax_core::{Error, Result};

use super::accuracy::unit;
use super::host::{HostBatch, HostMetric};

/// A count of one cell of the confusion matrix at a threshold.
macro_rules! count {
    ($($(#[$doc:meta])* $name:ident($truth:literal, $said:literal) = $label:literal;)*) => {
        $(metric! {
            $(#[$doc])*
            ///
            /// Targets count as 1 unless 0. Default: threshold 0.5.
            $name {
                /// Above it an output says 1.
                threshold: f64 = 0.5,
            }
        }

        impl HostMetric for $name {
            fn name(&self) -> &'static str {
                $label
            }

            fn sums(&self, _columns: usize) -> usize {
                1
            }

            fn update(&self, sums: &mut [f64], batch: &HostBatch) -> Result<()> {
                for (truth, prediction, weight) in batch.rows() {
                    let cells = truth.iter().zip(prediction);
                    let hits = cells.filter(|&(&t, &y)| (t != 0.0) == $truth && above(y, self.threshold) == $said);
                    sums[0] += weight * hits.count() as f64;
                }
                Ok(())
            }

            fn result(&self, sums: &[f64]) -> f64 {
                sums[0]
            }

            fn validate(&self) -> Result<()> {
                unit("threshold", self.threshold)
            }
        })*
    };
}

count! {
    /// The weight of ones that the outputs say are ones. Source: `keras.metrics.TruePositives`.
    TruePositives(true, true) = "true_positives";
    /// The weight of zeros that the outputs say are zeros. Source: `keras.metrics.TrueNegatives`.
    TrueNegatives(false, false) = "true_negatives";
    /// The weight of zeros that the outputs say are ones. Source: `keras.metrics.FalsePositives`.
    FalsePositives(false, true) = "false_positives";
    /// The weight of ones that the outputs say are zeros. Source: `keras.metrics.FalseNegatives`.
    FalseNegatives(true, false) = "false_negatives";
}

metric! {
    /// `tp / (tp + fp)`: how many of what the outputs say are ones are. 0 where they say none.
    ///
    /// Defaults: threshold 0.5 (none with `top_k`), all classes. Source: `keras.metrics.Precision`.
    Precision {
        /// Above it an output says 1.
        threshold: Option<f64> = None,
        /// Only the `k` largest outputs of a row say 1.
        top_k: Option<usize> = None,
        /// The only column that counts.
        class_id: Option<usize> = None,
    }
}

metric! {
    /// `tp / (tp + fn)`: how many of the ones the outputs find. 0 where there is none.
    ///
    /// Defaults: threshold 0.5 (none with `top_k`), all classes. Source: `keras.metrics.Recall`.
    Recall {
        /// Above it an output says 1.
        threshold: Option<f64> = None,
        /// Only the `k` largest outputs of a row say 1.
        top_k: Option<usize> = None,
        /// The only column that counts.
        class_id: Option<usize> = None,
    }
}

/// Sums are the true positives and the wrong ones: false positives of precision, false negatives of recall.
macro_rules! ratio {
    ($name:ident = $label:literal, |$truth:ident, $said:ident| $wrong:expr) => {
        impl HostMetric for $name {
            fn name(&self) -> &'static str {
                $label
            }

            fn sums(&self, _columns: usize) -> usize {
                2
            }

            fn update(&self, sums: &mut [f64], batch: &HostBatch) -> Result<()> {
                let default = if self.top_k.is_some() { f64::NEG_INFINITY } else { 0.5 };
                let threshold = self.threshold.unwrap_or(default);
                for (truth, prediction, weight) in batch.rows() {
                    let best = top(prediction, self.top_k);
                    for column in columns(self.class_id, batch.columns)? {
                        let ($truth, $said) =
                            (truth[column] != 0.0, best[column] && above(prediction[column], threshold));
                        if $truth && $said {
                            sums[0] += weight;
                        } else if $wrong {
                            sums[1] += weight;
                        }
                    }
                }
                Ok(())
            }

            fn result(&self, sums: &[f64]) -> f64 {
                divide(sums[0], sums[0] + sums[1])
            }

            fn validate(&self) -> Result<()> {
                if self.top_k == Some(0) {
                    return Err(Error::argument("top_k", 0, "at least 1"));
                }
                self.threshold.map_or(Ok(()), |threshold| unit("threshold", threshold))
            }
        }
    };
}

ratio!(Precision = "precision", |truth, said| said && !truth);
ratio!(Recall = "recall", |truth, said| truth && !said);

/// `y > threshold`, in `f32` as Keras compares.
fn above(y: f32, threshold: f64) -> bool {
    y > threshold as f32
}

/// Which outputs are among the `k` largest, the first of equal ones.
fn top(outputs: &[f32], k: Option<usize>) -> Vec<bool> {
    let Some(k) = k else { return vec![true; outputs.len()] };
    let mut order: Vec<usize> = (0..outputs.len()).collect();
    order.sort_by(|&a, &b| outputs[b].total_cmp(&outputs[a]).then(a.cmp(&b)));
    let mut best = vec![false; outputs.len()];
    order.iter().take(k).for_each(|&at| best[at] = true);
    best
}

fn columns(class_id: Option<usize>, count: usize) -> Result<std::ops::Range<usize>> {
    match class_id {
        None => Ok(0..count),
        Some(class) if class < count => Ok(class..class + 1),
        Some(class) => Err(Error::argument("class_id", class, format!("a column of {count}"))),
    }
}

/// `a / b`, 0 where `b` is.
pub(super) fn divide(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}
