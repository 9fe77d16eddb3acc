//! Hinge losses: nothing beyond a margin, a line before it.

use fornax_core::{Backend, DynTensor, Result, Value};

use super::binary::complement;
use super::{LossFunction, Pair, Targets, drop_last, mean_last, sum_last};

loss! {
    /// `max(1 - t y, 0)`, the mean over the last axis; targets are -1 and 1, or 0 and 1, which become -1 and 1.
    ///
    /// # Shapes
    /// - targets and outputs: `[batch, .., n]`; targets of `[batch]` fit outputs of `[batch, 1]`
    /// - losses: `[batch, ..]`
    ///
    /// Source: `keras.losses.Hinge`.
    Hinge {}
}

loss! {
    /// The square of `max(1 - t y, 0)`, the mean over the last axis; as [`Hinge`](struct@Hinge) otherwise.
    /// Source: `keras.losses.SquaredHinge`.
    SquaredHinge {}
}

loss! {
    /// `max(n - p + 1, 0)`, where `p = sum_c t_c y_c` and `n = max_c (1 - t_c) y_c`; targets are one-hot.
    ///
    /// # Shapes
    /// - targets and outputs: `[batch, .., classes]`
    /// - losses: `[batch, ..]`
    ///
    /// Source: `keras.losses.CategoricalHinge`.
    CategoricalHinge {}
}

impl LossFunction for Hinge {
    fn targets(&self) -> Targets {
        Targets::Signs
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        Ok(mean_last(margins(y_true, y_pred)?))
    }
}

impl LossFunction for SquaredHinge {
    fn targets(&self) -> Targets {
        Targets::Signs
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        Ok(mean_last(margins(y_true, y_pred)?.square()))
    }
}

impl LossFunction for CategoricalHinge {
    fn targets(&self) -> Targets {
        Targets::Distribution
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let Pair { truth, prediction, .. } = Pair::new(y_true, y_pred)?;
        let shape = drop_last(&prediction.shape());
        let last = prediction.rank() - 1;
        let right = sum_last(truth.clone().mul(prediction.clone()));
        let wrong = complement(truth).mul(prediction).max_axis(last).reshape(&shape);
        Ok(wrong.sub(right).add_scalar(1.0).clamp_min(0.0))
    }
}

/// `max(1 - t y, 0)`.
fn margins<B: Backend>(y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
    let Pair { truth, prediction, .. } = Pair::new(y_true, y_pred)?;
    Ok(complement(signs(truth).mul(prediction)).clamp_min(0.0))
}

/// 0 and 1 as -1 and 1, if there is nothing else; without a copy to the host.
fn signs<B: Backend>(t: DynTensor<B>) -> DynTensor<B> {
    let others = t.equal_scalar(0.0).not().and(t.equal_scalar(1.0).not()).to_float().sum();
    let binary = others.equal_scalar(0.0).to_float().reshape(&vec![1; t.rank()]);
    t.clone().add(t.add_scalar(-1.0).mul(binary))
}
