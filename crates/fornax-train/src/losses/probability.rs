//! Losses between distributions: Kullback-Leibler divergence and the Poisson likelihood.

use fornax_core::{Backend, DynTensor, Result, Value};

use super::categorical::EPSILON;
use super::{LossFunction, Pair, Targets, mean_last, sum_last};

loss! {
    /// `sum_c t_c log(t_c / p_c)` with `t` and `p` clipped to `[1e-7, 1]`.
    ///
    /// # Shapes
    /// - targets and outputs: `[batch, .., classes]`
    /// - losses: `[batch, ..]`
    ///
    /// Source: `keras.losses.KLDivergence`.
    KLDivergence {}
}

loss! {
    /// `y - t log(y + 1e-7)`, the mean over the last axis; `y` is the expected count.
    ///
    /// # Shapes
    /// - targets and outputs: `[batch, .., n]`
    /// - losses: `[batch, ..]`
    ///
    /// Source: `keras.losses.Poisson`.
    Poisson {}
}

impl LossFunction for KLDivergence {
    fn targets(&self) -> Targets {
        Targets::Unit
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let pair = Pair::new(y_true, y_pred)?;
        let clip = |x: DynTensor<B>| x.clamp_min(EPSILON).clamp_max(1.0);
        let t = clip(pair.truth);
        let ratio = t.clone().log().sub(clip(pair.prediction).log());
        Ok(sum_last(t.mul(ratio)))
    }
}

impl LossFunction for Poisson {
    fn targets(&self) -> Targets {
        Targets::Real
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let Pair { truth, prediction, .. } = Pair::new(y_true, y_pred)?;
        let expected = truth.mul(prediction.clone().add_scalar(EPSILON).log());
        Ok(mean_last(prediction.sub(expected)))
    }
}
