//! [`Masking`]: time steps of one value are padding.

use fornax_core::{Backend, Result, Value};
use serde::{Deserialize, Serialize};

use crate::{Context, Layer, Shape, WeightSpecs};

/// A time step all of whose features are `mask_value` becomes zeros and is left out by the layers behind.
///
/// # Shapes
/// - input and output: `[batch, time, .., features]`
///
/// Default: `mask_value` 0. Source: `keras.layers.Masking`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value};
/// use fornax_layers::{Sequential, layers::Masking};
///
/// let network = Sequential::<Flex>::new([2, 2]).add(Masking::new(-1.0)).build()?;
/// let x = Array::from_vec([1, 2, 2], vec![-1.0, -1.0, -1.0, 2.0])?;
/// let y = network.infer(vec![Value::from_array(&x, network.device())])?;
/// assert_eq!(y[0].to_array().to_f32(), [0.0, 0.0, -1.0, 2.0]);
/// assert_eq!(y[0].mask().unwrap().clone().to_float().to_vec(), [0.0, 1.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Masking {
    mask_value: f64,
}

impl Masking {
    /// Steps of `mask_value` are padding.
    pub fn new(mask_value: f64) -> Self {
        Self { mask_value }
    }
}

impl Layer for Masking {
    const CLASS_NAME: &'static str = "Masking";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        match input.rank() {
            0 | 1 => Err(fornax_core::Error::shape("input", input, "[time, features] behind the batch axis")),
            _ => Ok(input.clone()),
        }
    }

    fn call<B: Backend>(&self, x: Value<B>, _context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let shape = x.shape();
        let last = shape.len() - 1;
        let differing = x.equal_scalar(self.mask_value).not().to_float().sum_axis(last);
        let padding = differing.equal_scalar(0.0);
        let mask = padding.clone().not().reshape(&shape[..last]);
        Ok(Value::from(x.fill_where(padding.expand(&shape), 0.0)).with_mask(Some(mask)))
    }
}
