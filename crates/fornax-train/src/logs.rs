//! [`Logs`]: named figures of an epoch or an evaluation, in the order in which they are shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Figures by name: `loss`, the metrics, and the same behind `val_`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Logs(Vec<(String, f64)>);

impl Logs {
    /// The figure `name`.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// The names and figures in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    pub(crate) fn push(&mut self, name: impl Into<String>, value: f64) {
        self.0.push((name.into(), value));
    }

    /// These figures, then those of `other` with `prefix` before their names.
    pub(crate) fn extend(&mut self, prefix: &str, other: &Self) {
        self.0.extend(other.iter().map(|(name, value)| (format!("{prefix}{name}"), value)));
    }
}

/// As Keras shows them: `loss: 0.2931 - accuracy: 0.9158`.
impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { " - " };
            if value != 0.0 && value.abs() < 1e-3 {
                write!(f, "{separator}{name}: {value:.4e}")?;
            } else {
                write!(f, "{separator}{name}: {value:.4}")?;
            }
        }
        Ok(())
    }
}
