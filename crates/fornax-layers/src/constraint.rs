//! Constraints: projections that weights go through after each optimizer step.

use fornax_core::{Backend, DynTensor, Result};
use serde::{Deserialize, Serialize};

use crate::Axis;
use crate::keras_object::from_keras_object;

/// A projection, Keras's formulas and defaults; norms are taken over `axis`, counted in the weight.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{DynTensor, Flex};
/// use fornax_layers::Constraint;
///
/// let w = DynTensor::<Flex>::from_vec(vec![3.0, 0.1, 4.0, 0.2], &[2, 2], &Default::default());
/// let projected = Constraint::max_norm(2.0).project(w).to_vec();
/// assert!((projected[0] - 1.2).abs() < 1e-6 && (projected[1] - 0.1).abs() < 1e-6);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "class_name", content = "config")]
#[non_exhaustive]
pub enum Constraint {
    /// Scaled down where the norm is above `max_value`.
    MaxNorm {
        /// The largest norm; 2 where a file does not say.
        #[serde(default = "two")]
        max_value: f64,
        /// The axes of the norm.
        #[serde(default = "first")]
        axis: Axis,
    },
    /// Negative weights become 0.
    NonNeg,
    /// Scaled to norm 1.
    UnitNorm {
        /// The axes of the norm.
        #[serde(default = "first")]
        axis: Axis,
    },
    /// Scaled towards a norm between two bounds.
    MinMaxNorm {
        /// The smallest norm.
        #[serde(default)]
        min_value: f64,
        /// The largest norm; 1 where a file does not say.
        #[serde(default = "one")]
        max_value: f64,
        /// How far to go, from 0 to 1.
        #[serde(default = "one")]
        rate: f64,
        /// The axes of the norm.
        #[serde(default = "first")]
        axis: Axis,
    },
}

from_keras_object!(Constraint, &[]);

fn first() -> Axis {
    0.into()
}

fn one() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}

/// Keras's `epsilon()`, which keeps divisions by a norm finite.
const EPSILON: f64 = 1e-7;

impl Constraint {
    /// Norms over axis 0 of at most `max_value`.
    pub fn max_norm(max_value: f64) -> Self {
        Self::MaxNorm { max_value, axis: first() }
    }

    /// Norms over axis 0 of 1.
    pub fn unit_norm() -> Self {
        Self::UnitNorm { axis: first() }
    }

    /// Norms over axis 0 between `min_value` and `max_value`.
    pub fn min_max_norm(min_value: f64, max_value: f64) -> Self {
        Self::MinMaxNorm { min_value, max_value, rate: 1.0, axis: first() }
    }

    /// An error unless a weight of `rank` axes has the axes of the norm.
    ///
    /// # Errors
    /// If it has not.
    pub fn check(&self, rank: usize) -> Result<()> {
        match self {
            Self::NonNeg => Ok(()),
            Self::MaxNorm { axis, .. } | Self::UnitNorm { axis } | Self::MinMaxNorm { axis, .. } => {
                axis.resolve(rank).map(drop)
            }
        }
    }

    /// The projected weight.
    ///
    /// # Panics
    /// If the weight has not the axes of the norm; a model [checks](Self::check) that when it is built.
    pub fn project<B: Backend>(&self, w: DynTensor<B>) -> DynTensor<B> {
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

fn norm<B: Backend>(w: &DynTensor<B>, axis: Axis) -> DynTensor<B> {
    let axes = axis.resolve(w.rank()).expect("the model has checked the axes of the norm");
    axes.into_iter().fold(w.clone().square(), DynTensor::sum_axis).sqrt()
}

#[cfg(test)]
mod tests {
    use fornax_core::NdArray;

    use super::*;
    use crate::keras_object::assert_reads;

    /// Values of `keras.constraints`, Keras 3.15.1.
    #[test]
    fn projections_of_keras() {
        for (constraint, wanted) in [
            (Constraint::max_norm(2.0), [1.2, 0.1, -1.788_854_4, -1.6, 0.2, 0.894_427_2]),
            (
                Constraint::MaxNorm { max_value: 1.0, axis: 1.into() },
                [0.831_730_4, 0.027_724_346, -0.554_486_9, -0.969_003_1, 0.048_450_157, 0.242_250_79],
            ),
            (Constraint::NonNeg, [3.0, 0.1, 0.0, 0.0, 0.2, 1.0]),
            (Constraint::unit_norm(), [0.6, 0.447_213_38, -0.894_427_2, -0.8, 0.894_426_76, 0.447_213_6]),
            (
                Constraint::UnitNorm { axis: [0, 1].into() },
                [0.547_266_66, 0.018_242_223, -0.364_844_44, -0.729_688_9, 0.036_484_446, 0.182_422_22],
            ),
            (
                Constraint::MinMaxNorm { min_value: 1.0, max_value: 2.0, rate: 0.5, axis: 0.into() },
                [2.1, 0.273_606_66, -1.894_427_1, -2.8, 0.547_213_3, 0.947_213_53],
            ),
        ] {
            let w = vec![3.0, 0.1, -2.0, -4.0, 0.2, 1.0];
            let w = DynTensor::<NdArray>::from_vec(w, &[2, 3], &Default::default());
            for (found, wanted) in constraint.project(w).to_vec().into_iter().zip(wanted) {
                assert!((found - wanted).abs() < 1e-6, "{constraint:?}: {found}, wanted {wanted}");
            }
        }
    }

    #[test]
    fn an_axis_that_is_not_there_is_an_error() {
        assert!(Constraint::MaxNorm { max_value: 1.0, axis: 2.into() }.check(2).is_err());
        assert!(Constraint::MaxNorm { max_value: 1.0, axis: (-1).into() }.check(1).is_ok());
        assert!(Constraint::NonNeg.check(0).is_ok());
    }

    #[test]
    fn keras_forms_are_read() {
        assert_reads(
            &[r#""non_neg""#, r#""NonNeg""#, r#"{"class_name": "NonNeg", "config": {}}"#],
            &Constraint::NonNeg,
        );
        assert_reads(&[r#""max_norm""#, r#"{"class_name": "MaxNorm"}"#], &Constraint::max_norm(2.0));
        assert_reads(&[r#""unit_norm""#], &Constraint::unit_norm());
        assert_reads(&[r#""min_max_norm""#], &Constraint::min_max_norm(0.0, 1.0));
        assert_reads(
            &[r#"{"module": "keras.constraints", "class_name": "MaxNorm", "registered_name": null,
                  "config": {"max_value": 3, "axis": [0, 1, 2]}}"#],
            &Constraint::MaxNorm { max_value: 3.0, axis: [0, 1, 2].into() },
        );
        assert!(serde_json::from_str::<Constraint>(r#"{"class_name": "MaxNorm", "config": 3}"#).is_err());
        assert!(serde_json::from_str::<Constraint>("3").is_err());
    }
}
