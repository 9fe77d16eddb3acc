//! [`Logs`]: named figures of an epoch or an evaluation, in the order in which they are shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Figures by name: `loss`, the metrics, and the same behind `val_`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(String, Option<f64>)>", into = "Vec<(String, Option<f64>)>")]
pub struct Logs(Vec<(String, f64)>);

/// JSON has no NaN: a figure that is not finite is `null` in a file and NaN again when it is read.
impl From<Vec<(String, Option<f64>)>> for Logs {
    fn from(saved: Vec<(String, Option<f64>)>) -> Self {
        Self(saved.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
    }
}

impl From<Logs> for Vec<(String, Option<f64>)> {
    fn from(logs: Logs) -> Self {
        logs.0.into_iter().map(|(name, value)| (name, value.is_finite().then_some(value))).collect()
    }
}

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
