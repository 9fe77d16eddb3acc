//! Losses of numbers: the mean over the last axis of a function of the error.

use fornax_core::{Backend, DynTensor, Error, Result, Value, ops::Activation};

use super::categorical::EPSILON;
use super::{LossFunction, Pair, Targets, mean_last};

loss! {
    /// `(y - t)²`, the mean over the last axis.
    ///
    /// # Shapes
    /// - targets and outputs: `[batch, .., n]`; targets of `[batch]` fit outputs of `[batch, 1]`
    /// - losses: `[batch, ..]`
    ///
    /// Source: `keras.losses.MeanSquaredError`.
    MeanSquaredError {}
}

loss! {
    /// `|y - t|`, the mean over the last axis; shapes as of [`MeanSquaredError`](struct@MeanSquaredError).
    /// Source: `keras.losses.MeanAbsoluteError`.
    MeanAbsoluteError {}
}

loss! {
    /// `100 |y - t| / max(|t|, 1e-7)`, the mean over the last axis; shapes as of
    /// [`MeanSquaredError`](struct@MeanSquaredError). Source: `keras.losses.MeanAbsolutePercentageError`.
    MeanAbsolutePercentageError {}
}

loss! {
    /// `(log(1 + y) - log(1 + t))²` with `y` and `t` of at least 1e-7, the mean over the last axis; shapes as of
    /// [`MeanSquaredError`](struct@MeanSquaredError). Source: `keras.losses.MeanSquaredLogarithmicError`.
    MeanSquaredLogarithmicError {}
}

loss! {
    /// `e²/2` for `|e| <= delta`, else `delta |e| - delta²/2`, where `e = y - t`; the mean over the last axis.
    ///
    /// Shapes as of [`MeanSquaredError`](struct@MeanSquaredError). Default: `delta` 1. Sources:
    /// `keras.losses.Huber`; P. Huber, *Robust estimation of a location parameter*, 1964.
    Huber {
        /// Where the square becomes a line.
        delta: f64 = 1.0,
    }
}

loss! {
    /// `log cosh(y - t)`, the mean over the last axis; shapes as of [`MeanSquaredError`](struct@MeanSquaredError).
    /// Source: `keras.losses.LogCosh`.
    LogCosh {}
}

/// Implements a loss by its value for each element, from the target `t` and the output `y`.
macro_rules! elementwise {
    ($($name:ident($self:ident, $t:ident, $y:ident) => $value:expr;)*) => {
        $(impl LossFunction for $name {
            fn targets(&self) -> Targets {
                Targets::Real
            }

            fn losses<B: Backend>(&$self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
                let Pair { truth: $t, prediction: $y, .. } = Pair::new(y_true, y_pred)?;
                Ok(mean_last($value))
            }

            fn validate(&self) -> Result<()> {
                Validate::check(self)
            }
        })*
    };
}

elementwise! {
    MeanSquaredError(self, t, y) => y.sub(t).square();
    MeanAbsoluteError(self, t, y) => y.sub(t).abs();
    MeanAbsolutePercentageError(self, t, y) => {
        let scale = t.clone().abs().clamp_min(EPSILON);
        y.sub(t).abs().div(scale).mul_scalar(100.0)
    };
    MeanSquaredLogarithmicError(self, t, y) => {
        let log = |x: DynTensor<B>| x.clamp_min(EPSILON).log1p();
        log(y).sub(log(t)).square()
    };
    Huber(self, t, y) => {
        // With c = min(|e|, delta): c²/2 + delta (|e| - c).
        let error = y.sub(t).abs();
        let near = error.clone().clamp_max(self.delta);
        near.clone().square().mul_scalar(0.5).add(error.sub(near).mul_scalar(self.delta))
    };
    LogCosh(self, t, y) => {
        // log cosh e = e + softplus(-2 e) - log 2.
        let error = y.sub(t);
        let tail = B::activate(error.clone().mul_scalar(-2.0), Activation::Softplus);
        error.add(tail).add_scalar(-std::f64::consts::LN_2)
    };
}

trait Validate {
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

impl Validate for MeanSquaredError {}
impl Validate for MeanAbsoluteError {}
impl Validate for MeanAbsolutePercentageError {}
impl Validate for MeanSquaredLogarithmicError {}
impl Validate for LogCosh {}

impl Validate for Huber {
    fn check(&self) -> Result<()> {
        if self.delta.is_finite() && self.delta > 0.0 {
            return Ok(());
        }
        Err(Error::argument("delta", self.delta, "a finite number above 0"))
    }
}
