//! [`Adadelta`]: steps in the unit of the weight.

use fornax_core::ops::UpdateRule;

use crate::Optimizer;

optimizer! {
    /// `a = rho a + (1 - rho) g²`, `d = -sqrt(u + eps) / sqrt(a + eps) g`, `u = rho u + (1 - rho) d²`, `w += lr d`.
    ///
    /// Defaults: learning rate 0.001 (1 in the paper), `rho` 0.95, `epsilon` 1e-7. Sources: `keras.optimizers.Adadelta`;
    /// M. Zeiler, *ADADELTA*, 2012.
    Adadelta(learning_rate = 0.001, weight_decay = None) {
        /// Decay of both mean squares.
        rho: f64 = 0.95,
        /// Added under the roots.
        epsilon: f64 = 1e-7,
    }
}

impl From<Adadelta> for Optimizer {
    fn from(from: Adadelta) -> Self {
        let rule = UpdateRule::Adadelta { rho: from.rho, epsilon: from.epsilon };
        from.with_rule(rule)
    }
}
