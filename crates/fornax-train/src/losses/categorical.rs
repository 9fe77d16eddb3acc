//! Cross entropies over classes: `-sum_c t_c log p_c`.

use fornax_core::{Backend, DynTensor, Error, Indices, Mask, Result, Value};

use super::{LossFunction, Pair, Targets, drop_last, sum_last};

/// What Keras keeps probabilities from 0 and 1.
pub(super) const EPSILON: f64 = 1e-7;

loss! {
    /// `-log p_t` for the class index `t` of each sample or time step; with label smoothing `s`
    /// `-(1 - s) log p_t - s mean over c of log p_c`.
    ///
    /// # Shapes
    /// - targets: `[batch, ..]` or `[batch, .., 1]`, class indices
    /// - outputs: `[batch, .., classes]`, probabilities, or logits with [`from_logits`](Self::from_logits)
    /// - losses: `[batch, ..]`
    ///
    /// Behind a softmax layer the loss is computed from its logits. Defaults: from probabilities, no class ignored, no
    /// smoothing. Source: `keras.losses.SparseCategoricalCrossentropy`; smoothing as in `torch.nn.CrossEntropyLoss`.
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use fornax_core::{Array, Flex, Value};
    /// use fornax_train::losses::{Loss, SparseCategoricalCrossentropy};
    ///
    /// let device = Default::default();
    /// let labels = Value::<Flex>::from_array(&vec![0, 2].into(), &device);
    /// let logits = Array::from_vec([2, 3], vec![0.0, 0.0, 0.0, 1.0, 1.0, 1.0])?;
    /// let logits = Value::from_array(&logits, &device);
    /// let loss = Loss::from(SparseCategoricalCrossentropy::new().from_logits(true));
    /// let value = loss.reduced(&labels, &logits, None)?.to_scalar();
    /// assert!((value - 3f64.ln()).abs() < 1e-6);
    /// # }
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    SparseCategoricalCrossentropy {
        /// Whether the outputs are logits.
        from_logits: bool = false,
        /// A label that does not count.
        ignore_class: Option<i64> = None,
        /// How much of the targets is spread evenly over all classes.
        label_smoothing: f64 = 0.0,
    }
}

loss! {
    /// `-sum_c t_c log p_c` for the class probabilities `t` of each sample or time step, one-hot as a rule.
    ///
    /// # Shapes
    /// - targets and outputs: `[batch, .., classes]`
    /// - losses: `[batch, ..]`
    ///
    /// Behind a softmax layer the loss is computed from its logits. Defaults: from probabilities, no smoothing.
    /// Source: `keras.losses.CategoricalCrossentropy`.
    CategoricalCrossentropy {
        /// Whether the outputs are logits.
        from_logits: bool = false,
        /// How much of the targets is spread evenly over all classes.
        label_smoothing: f64 = 0.0,
    }
}

impl LossFunction for SparseCategoricalCrossentropy {
    fn targets(&self) -> Targets {
        Targets::Classes { ignored: self.ignore_class }
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let shape = y_pred.shape();
        let losses = drop_last(&shape);
        let found = y_true.shape();
        if shape.len() < 2
            || !(found == losses
                || (found.len() == shape.len() && drop_last(&found) == losses && found.last() == Some(&1)))
        {
            return Err(Error::shape("targets", format!("{found:?}"), format!("{losses:?}, class indices")));
        }
        let rows: usize = losses.iter().product();
        let counts = self.counts(y_true).map(|mask| mask.reshape(&[rows]));
        let labels = y_true.clone().indices().reshape(&[rows]);
        let labels = match &counts {
            Some(counts) => without(labels, counts.clone()),
            None => labels,
        };
        let (result, _) = B::sparse_cross_entropy(self.logits(y_pred).rows(), labels, self.label_smoothing);
        let result = match counts {
            Some(counts) => result.fill_where(counts.not(), 0.0),
            None => result,
        };
        Ok(result.reshape(&losses))
    }

    fn mask<B: Backend>(&self, y_true: &Value<B>) -> Option<Mask<B>> {
        let counts = self.counts(y_true)?;
        let mut shape = counts.shape();
        if shape.len() > 1 && shape.last() == Some(&1) {
            shape.pop();
        }
        Some(counts.reshape(&shape))
    }

    fn validate(&self) -> Result<()> {
        smoothing(self.label_smoothing)
    }
}

impl SparseCategoricalCrossentropy {
    /// Which labels are not of the ignored class.
    fn counts<B: Backend>(&self, y_true: &Value<B>) -> Option<Mask<B>> {
        let ignored = self.ignore_class?;
        Some(y_true.clone().indices().equal_scalar(ignored).not())
    }

    fn logits<B: Backend>(&self, y_pred: &Value<B>) -> DynTensor<B> {
        match y_pred.logits() {
            Some(logits) => logits.clone(),
            None if self.from_logits => y_pred.clone().float(),
            // The softmax of the clipped logarithms divides by the sum of the probabilities.
            None => clip(y_pred.clone().float()).log(),
        }
    }
}

/// The labels with 0 where they do not count.
fn without<B: Backend>(labels: Indices<B>, counts: Mask<B>) -> Indices<B> {
    labels.to_float().fill_where(counts.not(), 0.0).to_indices()
}

impl LossFunction for CategoricalCrossentropy {
    fn targets(&self) -> Targets {
        Targets::Distribution
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let pair = Pair::new(y_true, y_pred)?;
        let targets = smoothed_classes(pair.truth, self.label_smoothing);
        let logits = pair.logits.or_else(|| self.from_logits.then(|| pair.prediction.clone()));
        Ok(match logits {
            Some(logits) => {
                let shape = drop_last(&logits.shape());
                B::cross_entropy(logits.rows(), targets.rows()).0.reshape(&shape)
            }
            None => sum_last(targets.mul(clip(normalised(pair.prediction)).log()).neg()),
        })
    }

    fn validate(&self) -> Result<()> {
        smoothing(self.label_smoothing)
    }
}

/// `[1e-7, 1 - 1e-7]`.
pub(super) fn clip<B: Backend>(p: DynTensor<B>) -> DynTensor<B> {
    p.clamp_min(EPSILON).clamp_max(1.0 - EPSILON)
}

/// The probabilities over their sum.
pub(super) fn normalised<B: Backend>(p: DynTensor<B>) -> DynTensor<B> {
    let last = p.rank() - 1;
    let sum = p.clone().sum_axis(last);
    p.div(sum)
}

/// `(1 - s) t + s / classes`.
pub(super) fn smoothed_classes<B: Backend>(targets: DynTensor<B>, smoothing: f64) -> DynTensor<B> {
    if smoothing == 0.0 {
        return targets;
    }
    let classes = targets.shape().last().copied().unwrap_or(1);
    targets.mul_scalar(1.0 - smoothing).add_scalar(smoothing / classes as f64)
}

pub(super) fn smoothing(value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::argument("label_smoothing", value, "a number from 0 to 1"))
}
