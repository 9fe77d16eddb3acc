//! Which of two figures is the better one.

use serde::{Deserialize, Serialize};

/// Whether a monitored figure should fall or rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// By the name: accuracies, AUC, precision, recall, F1, IoU and R2 rise, everything else falls.
    #[default]
    Auto,
    /// Smaller is better.
    Min,
    /// Larger is better.
    Max,
}

/// The best value so far of a monitored figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    pub(crate) value: Option<f64>,
    pub(crate) rises: bool,
    pub(crate) min_delta: f64,
}

impl Best {
    pub(crate) fn new(monitor: &str, mode: Mode, min_delta: f64) -> Self {
        const RISING: [&str; 9] =
            ["acc", "auc", "precision", "recall", "f1", "fbeta", "iou", "r2", "similarity"];
        let rises = match mode {
            Mode::Auto => RISING.iter().any(|part| monitor.contains(part)),
            Mode::Min => false,
            Mode::Max => true,
        };
        Self { value: None, rises, min_delta: min_delta.abs() }
    }

    /// Whether `value` is better than the best by more than `min_delta`.
    pub(crate) fn is_improved_by(&self, value: f64) -> bool {
        match self.value {
            None => !value.is_nan(),
            Some(best) if self.rises => value - self.min_delta > best,
            Some(best) => value + self.min_delta < best,
        }
    }

    /// Takes `value` over if it is better; whether it was.
    pub(crate) fn improve(&mut self, value: f64) -> bool {
        let improved = self.is_improved_by(value);
        if improved {
            self.value = Some(value);
        }
        improved
    }
}
