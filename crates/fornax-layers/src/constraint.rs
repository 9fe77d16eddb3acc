//! Constraints: projections that weights go through after each optimizer step.

use fornax_core::{Backend, DynTensor};
use serde::{Deserialize, Serialize};

/// A projection, Keras's formulas; norms are taken over `axis`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "class_name", content = "config")]
#[non_exhaustive]
pub enum Constraint {
    /// Scaled down where the norm is above `max_value`.
    MaxNorm {
        /// The largest norm.
        max_value: f64,
        /// The axis of the norm.
        axis: usize,
    },
    /// Negative weights become 0.
    NonNeg,
    /// Scaled to norm 1.
    UnitNorm {
        /// The axis of the norm.
        axis: usize,
    },
    /// Scaled towards a norm between two bounds.
    MinMaxNorm {
        /// The smallest norm.
        min_value: f64,
        /// The largest norm.
        max_value: f64,
        /// How far to go, from 0 to 1.
        rate: f64,
        /// The axis of the norm.
        axis: usize,
    },
}

/// Keras's `epsilon()`, which keeps divisions by a norm finite.
const EPSILON: f64 = 1e-7;

impl Constraint {
    /// The projected weight.
    pub fn project<B: Backend>(&self, w: DynTensor<B>) -> DynTensor<B> {
        let norm = |w: &DynTensor<B>, axis: usize| w.clone().square().sum_axis(axis).sqrt();
        match *self {
            Self::NonNeg => w.clamp_min(0.0),
            Self::MaxNorm { max_value, axis } => {
                let norms = norm(&w, axis);
                let wanted = norms.clone().clamp_max(max_value);
                w.mul(wanted.div(norms.add_scalar(EPSILON)))
            }
            Self::UnitNorm { axis } => {
                let norms = norm(&w, axis).add_scalar(EPSILON);
                w.div(norms)
            }
            Self::MinMaxNorm { min_value, max_value, rate, axis } => {
                let norms = norm(&w, axis);
                let clipped = norms.clone().clamp_min(min_value).clamp_max(max_value).mul_scalar(rate);
                let wanted = clipped.add(norms.clone().mul_scalar(1.0 - rate));
                w.mul(wanted.div(norms.add_scalar(EPSILON)))
            }
        }
    }
}
