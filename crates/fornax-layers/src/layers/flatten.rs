//! [`Flatten`]: all axes behind the batch axis as one.

use fornax_core::{Backend, Result, Value};
use serde::{Deserialize, Serialize};

use super::spatial::ChannelsLast;
use crate::{Context, Layer, Shape, WeightSpecs};

/// The elements of a sample in row-major order.
///
/// # Shapes
/// - input: `[batch, ..]`
/// - output: `[batch, elements]`
///
/// Source: `keras.layers.Flatten`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::Flex;
/// use fornax_layers::{Sequential, Shape, layers::Flatten};
///
/// let network = Sequential::<Flex>::new([3, 4, 2]).add(Flatten::new()).build()?;
/// assert_eq!(network.output_shapes(), [Shape::from([24])]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Flatten {
    #[serde(skip_serializing)]
    data_format: ChannelsLast,
}

impl Flatten {
    /// The layer.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Layer for Flatten {
    const CLASS_NAME: &'static str = "Flatten";

    fn build(&self, input: &Shape, _: &mut WeightSpecs) -> Result<Shape> {
        let elements = input.axes().iter().copied().product::<Option<usize>>();
        Ok(vec![elements].into())
    }

    fn call<B: Backend>(&self, x: Value<B>, _: &mut Context<'_, B>) -> Result<Value<B>> {
        let shape = x.shape();
        Ok(x.reshape(&[shape[0], shape[1..].iter().product()]))
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}
