//! The cross entropy of yes and no: `-t log p - (1 - t) log(1 - p)`.

use fornax_core::{Backend, DynTensor, Result, Value, ops::Activation};

use super::categorical::{clip, smoothing};
use super::{LossFunction, Pair, Targets, mean_last};

loss! {
    /// `-t log p - (1 - t) log(1 - p)`, the mean over the last axis.
    ///
    /// # Shapes
    /// - targets and outputs: `[batch, .., n]`; targets of `[batch]` fit outputs of `[batch, 1]`
    /// - losses: `[batch, ..]`
    ///
    /// Behind a sigmoid layer the loss is computed from its logits `z`, as `softplus(z) - t z`. Defaults: from
    /// probabilities, no smoothing. Source: `keras.losses.BinaryCrossentropy`.
    BinaryCrossentropy {
        /// Whether the outputs are logits.
        from_logits: bool = false,
        /// How much of the targets is drawn to one half.
        label_smoothing: f64 = 0.0,
    }
}

impl LossFunction for BinaryCrossentropy {
    fn targets(&self) -> Targets {
        Targets::Unit
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let pair = Pair::new(y_true, y_pred)?;
        let targets = smoothed(pair.truth, self.label_smoothing);
        let logits = pair.logits.or_else(|| self.from_logits.then(|| pair.prediction.clone()));
        Ok(mean_last(entropies(targets, pair.prediction, logits)))
    }

    fn validate(&self) -> Result<()> {
        smoothing(self.label_smoothing)
    }
}

/// The cross entropy of each element, from the logits where there are some.
pub(super) fn entropies<B: Backend>(
    targets: DynTensor<B>,
    probabilities: DynTensor<B>,
    logits: Option<DynTensor<B>>,
) -> DynTensor<B> {
    match logits {
        Some(z) => B::activate(z.clone(), Activation::Softplus).sub(targets.mul(z)),
        None => {
            let p = clip(probabilities);
            let yes = targets.clone().mul(p.clone().log());
            let no = complement(targets).mul(complement(p).log());
            yes.add(no).neg()
        }
    }
}

/// `1 - x`.
pub(super) fn complement<B: Backend>(x: DynTensor<B>) -> DynTensor<B> {
    x.neg().add_scalar(1.0)
}

/// `(1 - s) t + s / 2`.
pub(super) fn smoothed<B: Backend>(targets: DynTensor<B>, smoothing: f64) -> DynTensor<B> {
    if smoothing == 0.0 { targets } else { targets.mul_scalar(1.0 - smoothing).add_scalar(0.5 * smoothing) }
}
