//! [`SGD`]: gradient descent with momentum.

use fornax_core::ops::UpdateRule;

use crate::Optimizer;

optimizer! {
    /// Gradient descent: `w -= lr g`; with momentum `m = momentum m - lr g`, `w += m`, or by Nesterov
    /// `w += momentum m - lr g`.
    ///
    /// Defaults: learning rate 0.01, no momentum. Sources: `keras.optimizers.SGD`; Y. Nesterov, 1983.
    ///
    /// ```
    /// use fornax_optim::{Optimizer, SGD};
    ///
    /// let optimizer: Optimizer = SGD::new(0.1).momentum(0.9).nesterov(true).into();
    /// assert_eq!(optimizer.class_name(), "SGD");
    /// assert_eq!(optimizer.rule().slots().len(), 1);
    /// ```
    SGD(learning_rate = 0.01, weight_decay = None) {
        /// Decay of the velocity.
        momentum: f64 = 0.0,
        /// Whether the step looks ahead.
        nesterov: bool = false,
    }
}

impl From<SGD> for Optimizer {
    fn from(from: SGD) -> Self {
        let rule = UpdateRule::Sgd { momentum: from.momentum, nesterov: from.nesterov };
        from.with_rule(rule)
    }
}
