//! Focal losses: cross entropies in which what is predicted well already counts less.

use fornax_core::{Backend, DynTensor, Error, Result, Value, ops::Activation};

use super::binary::{complement, entropies, smoothed};
use super::categorical::{clip, normalised, smoothed_classes, smoothing};
use super::{LossFunction, Pair, Targets, mean_last, sum_last};

loss! {
    /// `(1 - p_t)^gamma` times the binary cross entropy, where `p_t = t p + (1 - t)(1 - p)`, the mean over the last
    /// axis; with class balancing times `alpha t + (1 - alpha)(1 - t)`.
    ///
    /// Shapes as of [`BinaryCrossentropy`](struct@super::BinaryCrossentropy). Defaults: `gamma` 2, `alpha` 0.25, no
    /// balancing, from probabilities. Sources: `keras.losses.BinaryFocalCrossentropy`; T.-Y. Lin et al., *Focal loss
    /// for dense object detection*, ICCV 2017.
    BinaryFocalCrossentropy {
        /// Whether `alpha` weighs the two classes.
        apply_class_balancing: bool = false,
        /// The weight of class 1; class 0 has the rest of 1.
        alpha: f64 = 0.25,
        /// How fast what is predicted well loses weight.
        gamma: f64 = 2.0,
        /// Whether the outputs are logits.
        from_logits: bool = false,
        /// How much of the targets is drawn to one half.
        label_smoothing: f64 = 0.0,
    }
}

loss! {
    /// `-sum_c alpha (1 - p_c)^gamma t_c log p_c`.
    ///
    /// Shapes as of [`CategoricalCrossentropy`](struct@super::CategoricalCrossentropy). Defaults: `alpha` 0.25,
    /// `gamma` 2, from probabilities. Source: `keras.losses.CategoricalFocalCrossentropy`.
    CategoricalFocalCrossentropy {
        /// A factor.
        alpha: f64 = 0.25,
        /// How fast what is predicted well loses weight.
        gamma: f64 = 2.0,
        /// Whether the outputs are logits.
        from_logits: bool = false,
        /// How much of the targets is spread evenly over all classes.
        label_smoothing: f64 = 0.0,
    }
}

impl LossFunction for BinaryFocalCrossentropy {
    fn targets(&self) -> Targets {
        Targets::Unit
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let pair = Pair::new(y_true, y_pred)?;
        let t = smoothed(pair.truth, self.label_smoothing);
        let (p, logits) = match self.from_logits {
            true => (B::activate(pair.prediction.clone(), Activation::Sigmoid), Some(pair.prediction)),
            false => (pair.prediction, pair.logits),
        };
        let entropy = entropies(t.clone(), p.clone(), logits);
        let hit = t.clone().mul(p.clone()).add(complement(t.clone()).mul(complement(p)));
        let mut losses = power(complement(hit), self.gamma).mul(entropy);
        if self.apply_class_balancing {
            let balance = t.clone().mul_scalar(self.alpha).add(complement(t).mul_scalar(1.0 - self.alpha));
            losses = losses.mul(balance);
        }
        Ok(mean_last(losses))
    }

    fn validate(&self) -> Result<()> {
        focus(self.gamma)?;
        smoothing(self.label_smoothing)
    }
}

impl LossFunction for CategoricalFocalCrossentropy {
    fn targets(&self) -> Targets {
        Targets::Distribution
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let pair = Pair::new(y_true, y_pred)?;
        let t = smoothed_classes(pair.truth, self.label_smoothing);
        let p = match self.from_logits {
            true => B::activate(pair.prediction, Activation::Softmax),
            false => pair.prediction,
        };
        let p = clip(normalised(p));
        let weight = power(complement(p.clone()), self.gamma).mul_scalar(-self.alpha);
        Ok(sum_last(weight.mul(t).mul(p.log())))
    }

    fn validate(&self) -> Result<()> {
        focus(self.gamma)?;
        smoothing(self.label_smoothing)
    }
}

/// `x^gamma` for `x` of at least 0; a small whole power by products, which have a gradient at 0.
fn power<B: Backend>(x: DynTensor<B>, gamma: f64) -> DynTensor<B> {
    match gamma {
        0.0 => x.zeros_like().add_scalar(1.0),
        1.0 => x,
        2.0 => x.square(),
        3.0 => x.clone().square().mul(x),
        _ => x.clamp_min(1e-30).log().mul_scalar(gamma).exp(),
    }
}

fn focus(gamma: f64) -> Result<()> {
    if gamma.is_finite() && gamma >= 0.0 {
        return Ok(());
    }
    Err(Error::argument("gamma", gamma, "a finite number of at least 0"))
}
