//! [`Adam`]: steps scaled by running moments of the gradient.

use fornax_core::ops::UpdateRule;

use crate::Optimizer;

optimizer! {
    /// Adam: `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g²`,
    /// `w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt v + eps)`.
    ///
    /// Defaults: learning rate 0.001, `beta_1` 0.9, `beta_2` 0.999, `epsilon` 1e-7. Sources: `keras.optimizers.Adam`;
    /// D. Kingma and J. Ba, *Adam*, ICLR 2015; S. Reddi et al., *On the convergence of Adam and beyond*, ICLR 2018.
    ///
    /// ```
    /// use fornax_optim::{Adam, Optimizer};
    ///
    /// let optimizer: Optimizer = Adam::new(0.01).beta_2(0.99).into();
    /// assert_eq!(optimizer.learning_rate().at(0), 0.01);
    /// let error = Optimizer::from(Adam::default().beta_1(1.0)).validate().unwrap_err();
    /// assert_eq!(error.to_string(), "beta_1: found 1, wanted a number of at least 0 and below 1");
    /// ```
    Adam(learning_rate = 0.001, weight_decay = None) {
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

impl From<Adam> for Optimizer {
    fn from(from: Adam) -> Self {
        let rule = UpdateRule::Adam {
            beta_1: from.beta_1,
            beta_2: from.beta_2,
            epsilon: from.epsilon,
            amsgrad: from.amsgrad,
        };
        from.with_rule(rule)
    }
}
