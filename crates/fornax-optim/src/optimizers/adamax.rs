//! [`Adamax`]: Adam by the infinity norm.

use fornax_core::ops::UpdateRule;

use crate::Optimizer;

optimizer! {
    /// Adam with the infinity norm: `m = b1 m + (1 - b1) g`, `u = max(b2 u, |g|)`,
    /// `w -= lr / (1 - b1^t) m / (u + eps)`.
    ///
    /// Defaults: learning rate 0.001, `beta_1` 0.9, `beta_2` 0.999, `epsilon` 1e-7. Sources: `keras.optimizers.Adamax`;
    /// D. Kingma and J. Ba, *Adam*, section 7, ICLR 2015.
    Adamax(learning_rate = 0.001, weight_decay = None) {
        /// Decay of the first moment.
        beta_1: f64 = 0.9,
        /// Decay of the second moment.
        beta_2: f64 = 0.999,
        /// Added to the root.
        epsilon: f64 = 1e-7,
    }
}

impl From<Adamax> for Optimizer {
    fn from(from: Adamax) -> Self {
        let rule = UpdateRule::Adamax { beta_1: from.beta_1, beta_2: from.beta_2, epsilon: from.epsilon };
        from.with_rule(rule)
    }
}
