//! [`RMSprop`]: steps scaled by the running root mean square of the gradient.

use fornax_core::ops::UpdateRule;

use crate::Optimizer;

optimizer! {
    /// `v = rho v + (1 - rho) g²`, `w -= lr g / sqrt(v + eps)`; centred: `v - mean(g)²` under the root; with
    /// momentum: `m = momentum m + lr g / sqrt(..)`, `w -= m`.
    ///
    /// Defaults: learning rate 0.001, `rho` 0.9, no momentum, `epsilon` 1e-7, not centred. Sources:
    /// `keras.optimizers.RMSprop`; T. Tieleman and G. Hinton, lecture 6.5, 2012.
    RMSprop(learning_rate = 0.001, weight_decay = None) {
        /// Decay of the mean square.
        rho: f64 = 0.9,
        /// Decay of the velocity.
        momentum: f64 = 0.0,
        /// Added under the root.
        epsilon: f64 = 1e-7,
        /// Whether the squared mean of the gradient is subtracted under the root.
        centered: bool = false,
    }
}

impl From<RMSprop> for Optimizer {
    fn from(from: RMSprop) -> Self {
        let rule = UpdateRule::Rmsprop {
            rho: from.rho,
            momentum: from.momentum,
            epsilon: from.epsilon,
            centered: from.centered,
        };
        from.with_rule(rule)
    }
}
