//! [`AdamW`]: Adam with decoupled weight decay.

use fornax_core::ops::UpdateRule;

use crate::Optimizer;

optimizer! {
    /// Adam that shrinks each weight by `w * weight_decay * lr` before the step.
    ///
    /// Defaults: those of [`Adam`](crate::Adam), `weight_decay` 0.004. Sources: `keras.optimizers.AdamW`; I. Loshchilov and
    /// F. Hutter, *Decoupled weight decay regularization*, ICLR 2019.
    ///
    /// ```
    /// use fornax_optim::{AdamW, Optimizer};
    ///
    /// let optimizer: Optimizer = AdamW::default().into();
    /// assert_eq!(optimizer.options().weight_decay, Some(0.004));
    /// ```
    AdamW(learning_rate = 0.001, weight_decay = Some(0.004)) {
        /// Decay of the first moment.
        beta_1: f64 = 0.9,
        /// Decay of the second moment.
        beta_2: f64 = 0.999,
        /// Added to the root.
        epsilon: f64 = 1e-7,
        /// Whether the largest second moment so far takes the place of the present one.
        amsgrad: bool = false,
    }
}

impl From<AdamW> for Optimizer {
    fn from(from: AdamW) -> Self {
        let rule = UpdateRule::Adam {
            beta_1: from.beta_1,
            beta_2: from.beta_2,
            epsilon: from.epsilon,
            amsgrad: from.amsgrad,
        };
        from.with_rule(rule)
    }
}
