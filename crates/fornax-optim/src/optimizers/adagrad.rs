//! [`Adagrad`]: steps scaled by the sum of squared gradients.

use fornax_core::ops::UpdateRule;

use crate::Optimizer;

optimizer! {
    /// `a += g²`, `w -= lr g / sqrt(a + eps)`.
    ///
    /// Defaults: learning rate 0.001, `initial_accumulator_value` 0.1, `epsilon` 1e-7. Sources:
    /// `keras.optimizers.Adagrad`; J. Duchi et al., *Adaptive subgradient methods*, JMLR 2011.
    Adagrad(learning_rate = 0.001, weight_decay = None) {
        /// Where the sum of squares starts.
        initial_accumulator_value: f64 = 0.1,
        /// Added under the root.
        epsilon: f64 = 1e-7,
    }
}

impl From<Adagrad> for Optimizer {
    fn from(from: Adagrad) -> Self {
        let rule = UpdateRule::Adagrad {
            initial_accumulator_value: from.initial_accumulator_value,
            epsilon: from.epsilon,
        };
        from.with_rule(rule)
    }
}
