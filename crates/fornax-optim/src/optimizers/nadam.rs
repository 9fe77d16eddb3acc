//! [`Nadam`]: Adam with Nesterov momentum.

use fornax_core::ops::UpdateRule;

use crate::Optimizer;

optimizer! {
    /// Adam with Nesterov momentum: with `u_t = b1 (1 - 0.96^t / 2)` and `U_t = u_1 .. u_t`,
    /// `w -= lr (u_{t+1} m / (1 - U_{t+1}) + (1 - u_t) g / (1 - U_t)) / (sqrt(v / (1 - b2^t)) + eps)`.
    ///
    /// Defaults: learning rate 0.001, `beta_1` 0.9, `beta_2` 0.999, `epsilon` 1e-7. Sources: `keras.optimizers.Nadam`;
    /// T. Dozat, *Incorporating Nesterov momentum into Adam*, ICLR workshop 2016.
    Nadam(learning_rate = 0.001, weight_decay = None) {
        /// Decay of the first moment.
        beta_1: f64 = 0.9,
        /// Decay of the second moment.
        beta_2: f64 = 0.999,
        /// Added to the root.
        epsilon: f64 = 1e-7,
    }
}

impl From<Nadam> for Optimizer {
    fn from(from: Nadam) -> Self {
        let rule = UpdateRule::Nadam { beta_1: from.beta_1, beta_2: from.beta_2, epsilon: from.epsilon };
        from.with_rule(rule)
    }
}
