//! Losses of agreement: cosine similarity and the overlap of two sets (Dice, Tversky).

use fornax_core::{Backend, DynTensor, Error, Result, Value};

use super::binary::complement;
use super::categorical::EPSILON;
use super::{LossFunction, Pair, Targets, sum_last};

loss! {
    /// `-t.y / (|t| |y|)` over the last axis: -1 where the directions agree.
    ///
    /// # Shapes
    /// - targets and outputs: `[batch, .., n]`
    /// - losses: `[batch, ..]`
    ///
    /// Source: `keras.losses.CosineSimilarity`.
    CosineSimilarity {}
}

loss! {
    /// `1 - 2 sum(t y) / (sum t + sum y + 1e-7)` over the whole batch.
    ///
    /// # Shapes
    /// - targets and outputs: `[batch, ..]`
    /// - losses: `[1]`
    ///
    /// Source: `keras.losses.Dice`.
    Dice {}
}

loss! {
    /// `1 - i / (i + alpha p + beta n + 1e-7)` over the whole batch, where `i = sum(t y)`, `p = sum((1 - y) t)` and
    /// `n = sum(y (1 - t))`, in Keras's order of the two.
    ///
    /// # Shapes
    /// - targets and outputs: `[batch, ..]`
    /// - losses: `[1]`
    ///
    /// Defaults: `alpha` and `beta` 0.5, which is [`Dice`](struct@Dice). Sources: `keras.losses.Tversky`; S. Salehi et
    /// al., *Tversky loss function for image segmentation*, 2017.
    Tversky {
        /// The weight of targets that the outputs miss.
        alpha: f64 = 0.5,
        /// The weight of outputs that the targets miss.
        beta: f64 = 0.5,
    }
}

impl LossFunction for CosineSimilarity {
    fn targets(&self) -> Targets {
        Targets::Real
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        Ok(cosines(y_true, y_pred)?.neg())
    }
}

/// The cosine of the angle between target and output over the last axis.
pub(crate) fn cosines<B: Backend>(y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
    let Pair { truth, prediction, .. } = Pair::new(y_true, y_pred)?;
    let unit = |x: DynTensor<B>| {
        let last = x.rank() - 1;
        let norm = x.clone().square().sum_axis(last).clamp_min(EPSILON * EPSILON).sqrt();
        x.div(norm)
    };
    Ok(sum_last(unit(truth).mul(unit(prediction))))
}

impl LossFunction for Dice {
    fn targets(&self) -> Targets {
        Targets::Unit
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let Pair { truth: t, prediction: y, .. } = Pair::new(y_true, y_pred)?;
        let both = t.clone().mul(y.clone()).sum().mul_scalar(2.0);
        let all = t.sum().add(y.sum()).add_scalar(EPSILON);
        Ok(complement(both.div(all)))
    }
}

impl LossFunction for Tversky {
    fn targets(&self) -> Targets {
        Targets::Unit
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let Pair { truth: t, prediction: y, .. } = Pair::new(y_true, y_pred)?;
        let both = t.clone().mul(y.clone()).sum();
        let missed = complement(y.clone()).mul(t.clone()).sum().mul_scalar(self.alpha);
        let added = y.mul(complement(t)).sum().mul_scalar(self.beta);
        let all = both.clone().add(missed).add(added).add_scalar(EPSILON);
        Ok(complement(both.div(all)))
    }

    fn validate(&self) -> Result<()> {
        for (name, value) in [("alpha", self.alpha), ("beta", self.beta)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::argument(name, value, "a finite number of at least 0"));
            }
        }
        Ok(())
    }
}
