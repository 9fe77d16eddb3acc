//! [`ActivityRegularization`]: a penalty on what passes through.

use fornax_core::{Backend, Result, Value};
use serde::{Deserialize, Serialize};

use crate::{Context, Layer, Regularizer, Shape, WeightSpecs};

/// `y = x`, and in training the loss grows by `(l1 sum |x| + l2 sum x²) / batch`.
///
/// # Shapes
/// - input and output: `[batch, ..]`
///
/// Defaults: both factors 0. Source: `keras.layers.ActivityRegularization`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Philox, Value};
/// use fornax_layers::{Sequential, layers::ActivityRegularization};
///
/// let mut network = Sequential::<Flex>::new([2]).add(ActivityRegularization::new(0.5, 0.25)).build()?;
/// let x = Array::from_vec([2, 2], vec![1.0, -2.0, 0.0, 1.0])?;
/// let lifted = network.lift();
/// let (_, effects) = network.train(&lifted, vec![Value::from_array(&x, network.device())], Philox::new(1))?;
/// assert_eq!(effects.losses[0].to_scalar(), (0.5 * 4.0 + 0.25 * 6.0) / 2.0);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ActivityRegularization {
    l1: f64,
    l2: f64,
}

impl ActivityRegularization {
    /// The factors of the absolute values and of the squares.
    pub fn new(l1: f64, l2: f64) -> Self {
        Self { l1, l2 }
    }
}

impl Layer for ActivityRegularization {
    const CLASS_NAME: &'static str = "ActivityRegularization";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        context.regularize_activity(Some(Regularizer::l1_l2(self.l1, self.l2)), &x.clone().float())?;
        Ok(x)
    }
}
