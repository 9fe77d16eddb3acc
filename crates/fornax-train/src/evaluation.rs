//! [`Evaluation`]: what `evaluate` returns.

use std::fmt;

use crate::Logs;

/// The loss and metrics on a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation(pub(crate) Logs);

impl Evaluation {
    /// The mean loss.
    pub fn loss(&self) -> f64 {
        self.0.get("loss").expect("every evaluation has a loss")
    }

    /// The figure `name`.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name)
    }

    /// All figures.
    pub fn logs(&self) -> &Logs {
        &self.0
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
