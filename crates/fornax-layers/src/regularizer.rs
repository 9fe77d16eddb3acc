//! Regularizers: penalties that weights or outputs add to the loss.

use fornax_core::{Backend, DynTensor, Error, Result};
use serde::{Deserialize, Serialize};

use crate::keras_object::from_keras_object;

/// A penalty, Keras's formulas and defaults (`L2` has no half).
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{DynTensor, Flex};
/// use fornax_layers::Regularizer;
///
/// let w = DynTensor::<Flex>::from_vec(vec![1.0, -2.0], &[2], &Default::default());
/// assert_eq!(Regularizer::l2(0.5).penalty(w)?.to_scalar(), 2.5);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", tag = "class_name", content = "config")]
#[non_exhaustive]
pub enum Regularizer {
    /// `l1 sum |w|`.
    L1 {
        /// The factor; 0.01 where a file does not say.
        #[serde(default = "hundredth")]
        l1: f64,
    },
    /// `l2 sum w²`.
    L2 {
        /// The factor; 0.01 where a file does not say.
        #[serde(default = "hundredth")]
        l2: f64,
    },
    /// `l1 sum |w| + l2 sum w²`.
    L1L2 {
        /// The factor of the absolute values; 0 where a file does not say.
        #[serde(default)]
        l1: f64,
        /// The factor of the squares; 0 where a file does not say.
        #[serde(default)]
        l2: f64,
    },
    /// `factor * mean |cos|` over pairs of different rows (or columns) of a matrix.
    OrthogonalRegularizer {
        /// The factor; 0.01 where a file does not say.
        #[serde(default = "hundredth")]
        factor: f64,
        /// `rows` or `columns`.
        #[serde(default)]
        mode: OrthogonalMode,
    },
}

from_keras_object!(Regularizer, &[("l1_l2", "L1L2")]);

fn hundredth() -> f64 {
    0.01
}

/// Which vectors of a matrix an orthogonal regularizer drives apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrthogonalMode {
    /// The rows.
    #[default]
    Rows,
    /// The columns.
    Columns,
}

impl Regularizer {
    /// `l1 sum |w|`.
    pub fn l1(l1: f64) -> Self {
        Self::L1 { l1 }
    }

    /// `l2 sum w²`.
    pub fn l2(l2: f64) -> Self {
        Self::L2 { l2 }
    }

    /// `l1 sum |w| + l2 sum w²`.
    pub fn l1_l2(l1: f64, l2: f64) -> Self {
        Self::L1L2 { l1, l2 }
    }

    /// The penalty `[1]` of `w`.
    ///
    /// # Errors
    /// If an orthogonal regularizer meets a weight that is not a matrix.
    pub fn penalty<B: Backend>(&self, w: DynTensor<B>) -> Result<DynTensor<B>> {
        let l1 = |w: DynTensor<B>, factor: f64| w.abs().sum().mul_scalar(factor);
        let l2 = |w: DynTensor<B>, factor: f64| w.square().sum().mul_scalar(factor);
        Ok(match *self {
            Self::L1 { l1: factor } => l1(w, factor),
            Self::L2 { l2: factor } => l2(w, factor),
            Self::L1L2 { l1: a, l2: b } => l1(w.clone(), a).add(l2(w, b)),
            Self::OrthogonalRegularizer { factor, mode } => {
                if w.rank() != 2 {
                    return Err(Error::shape(
                        "orthogonal regularizer",
                        format!("{:?}", w.shape()),
                        "a matrix",
                    ));
                }
                orthogonality(if mode == OrthogonalMode::Rows { w } else { w.t() }).mul_scalar(factor)
            }
        })
    }
}

/// The mean of `|cos|` over the pairs of different rows; a row of zeros is orthogonal to all.
fn orthogonality<B: Backend>(rows: DynTensor<B>) -> DynTensor<B> {
    let norms = rows.clone().square().sum_axis(1).clamp_min(1e-14).sqrt();
    let unit = rows.div(norms);
    let count = unit.shape()[0];
    let pairs = (count * count.saturating_sub(1)) as f64 / 2.0;
    let products = unit.clone().matmul(unit.t());
    let mut off = vec![1.0; count * count];
    (0..count).for_each(|i| off[i * count + i] = 0.0);
    let off = DynTensor::from_vec(off, &[count, count], &products.device());
    products.mul(off).abs().sum().mul_scalar(0.5 / pairs.max(1.0))
}

#[cfg(test)]
mod tests {
    use fornax_core::NdArray;

    use super::*;
    use crate::keras_object::assert_reads;

    /// Values of `keras.regularizers`, Keras 3.15.1.
    #[test]
    fn penalties_of_keras() {
        let orthogonal = |mode| Regularizer::OrthogonalRegularizer { factor: 0.5, mode };
        for (regularizer, wanted) in [
            (Regularizer::l1(0.1), 1.03),
            (Regularizer::l2(0.1), 3.005),
            (Regularizer::l1_l2(0.1, 0.2), 7.04),
            (orthogonal(OrthogonalMode::Rows), 0.469_465_5),
            (orthogonal(OrthogonalMode::Columns), 0.223_606_78),
        ] {
            let w = vec![3.0, 0.1, -2.0, -4.0, 0.2, 1.0];
            let w = DynTensor::<NdArray>::from_vec(w, &[2, 3], &Default::default());
            let found = regularizer.penalty(w).unwrap().to_scalar();
            assert!((found - wanted).abs() < 1e-6, "{regularizer:?}: {found}, wanted {wanted}");
        }
        let vector = DynTensor::<NdArray>::zeros(&[3], &Default::default());
        assert!(orthogonal(OrthogonalMode::Rows).penalty(vector).is_err());
    }

    #[test]
    fn keras_forms_are_read() {
        assert_reads(&[r#""l1""#, r#""L1""#, r#"{"class_name": "L1"}"#], &Regularizer::l1(0.01));
        assert_reads(&[r#""l2""#, r#"{"class_name": "L2", "config": {"l2": 0.01}}"#], &Regularizer::l2(0.01));
        assert_reads(&[r#""L1L2""#, r#""l1_l2""#], &Regularizer::l1_l2(0.0, 0.0));
        assert_reads(&[r#"{"class_name": "L1L2", "config": {"l2": 0.1}}"#], &Regularizer::l1_l2(0.0, 0.1));
        assert_reads(
            &[r#""orthogonal_regularizer""#],
            &Regularizer::OrthogonalRegularizer { factor: 0.01, mode: OrthogonalMode::Rows },
        );
        assert!(serde_json::from_str::<Regularizer>(r#""l3""#).is_err());
    }
}
