//! [`ActivationLayer`]: an activation function as a layer of its own.

use fornax_core::{Backend, Result, Value, ops::Activation};
use serde::{Deserialize, Serialize};

use super::activate;
use crate::{Context, Entry, IntoEntry, Layer, LayerExt, Shape, WeightSpecs};

/// `y = f(x)`, Keras's `Activation` layer. A model also takes the [`Activation`] itself: `.add(Relu)`.
///
/// # Shapes
/// - input and output: `[batch, ..]`; the softmaxes are over the last axis
///
/// Source: `keras.layers.Activation`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, ops::Activation::Relu};
/// use fornax_layers::Sequential;
///
/// let network = Sequential::<Flex>::new([2]).add(Relu).build()?;
/// let y = network.predict(&Array::from_vec([1, 2], vec![-3.0, 2.0])?)?;
/// assert_eq!(y.to_f32(), [0.0, 2.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ActivationLayer {
    activation: Activation,
}

impl ActivationLayer {
    /// The function as a layer.
    pub fn new(activation: Activation) -> Self {
        Self { activation }
    }
}

impl Layer for ActivationLayer {
    const CLASS_NAME: &'static str = "Activation";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, _context: &mut Context<'_, B>) -> Result<Value<B>> {
        Ok(activate(x.float(), self.activation))
    }
}

impl<B: Backend> IntoEntry<B> for Activation {
    fn into_entry(self) -> Entry<B> {
        ActivationLayer::new(self).into_entry()
    }
}

impl LayerExt for Activation {}
