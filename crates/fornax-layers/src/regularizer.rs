//! Regularizers: penalties that weights or outputs add to the loss.

use fornax_core::{Backend, DynTensor, Error, Result};
use serde::{Deserialize, Serialize};

/// A penalty, Keras's formulas and defaults (`L2` has no half).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "class_name", content = "config")]
#[non_exhaustive]
pub enum Regularizer {
    /// `l1 sum |w|`.
    L1 {
        /// The factor.
        l1: f64,
    },
    /// `l2 sum w²`.
    L2 {
        /// The factor.
        l2: f64,
    },
    /// `l1 sum |w| + l2 sum w²`.
    L1L2 {
        /// The factor of the absolute values.
        l1: f64,
        /// The factor of the squares.
        l2: f64,
    },
    /// `factor / 2 * mean |cos|` over pairs of different rows (or columns) of a matrix.
    OrthogonalRegularizer {
        /// The factor.
        factor: f64,
        /// `rows` or `columns`.
        mode: OrthogonalMode,
    },
}

/// Which vectors of a matrix an orthogonal regularizer drives apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrthogonalMode {
    /// The rows.
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
                    return Err(Error::shape("orthogonal regularizer", format!("{:?}", w.shape()), "a matrix"));
                }
                let rows = if mode == OrthogonalMode::Rows { w } else { w.t() };
                let norms = rows.clone().square().sum_axis(1).sqrt();
                let unit = rows.div(norms);
                let count = unit.shape()[0];
                let pairs = (count * (count - 1)) as f64 / 2.0;
                let products = unit.clone().matmul(unit.t());
                let mut off = vec![1.0; count * count];
                (0..count).for_each(|i| off[i * count + i] = 0.0);
                let off = DynTensor::from_vec(off, &[count, count], &products.device());
                products.mul(off).abs().sum().mul_scalar(factor * 0.5 / pairs.max(1.0))
            }
        })
    }
}
