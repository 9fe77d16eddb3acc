//! [`Lion`]: steps by the sign of the momentum.

use fornax_core::ops::UpdateRule;

use crate::Optimizer;

optimizer! {
    /// `w -= lr sign(b1 m + (1 - b1) g)`, then `m = b2 m + (1 - b2) g`.
    ///
    /// Defaults: learning rate 0.001, `beta_1` 0.9, `beta_2` 0.99. Sources: `keras.optimizers.Lion`; X. Chen et al.,
    /// *Symbolic discovery of optimization algorithms*, NeurIPS 2023.
    Lion(learning_rate = 0.001, weight_decay = None) {
        /// Weight of the momentum in the step.
        beta_1: f64 = 0.9,
        /// Decay of the momentum.
        beta_2: f64 = 0.99,
    }
}

impl From<Lion> for Optimizer {
    fn from(from: Lion) -> Self {
        let rule = UpdateRule::Lion { beta_1: from.beta_1, beta_2: from.beta_2 };
        from.with_rule(rule)
    }
}
