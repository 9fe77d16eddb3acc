//! [`RepeatVector`]: a vector at each of several time steps.

use fornax_core::{Backend, Error, Result, Value};
use serde::{Deserialize, Serialize};

use crate::{Context, Layer, Shape, WeightSpecs};

/// `y[t] = x` for `n` time steps.
///
/// # Shapes
/// - input: `[batch, features]`
/// - output: `[batch, n, features]`
///
/// Source: `keras.layers.RepeatVector`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value};
/// use fornax_layers::{Sequential, layers::RepeatVector};
///
/// let network = Sequential::<Flex>::new([2]).add(RepeatVector::new(2)).build()?;
/// let x = Array::from_vec([1, 2], vec![1.0, 2.0])?;
/// let y = network.infer(vec![Value::from_array(&x, network.device())])?;
/// assert_eq!(y[0].to_array().to_f32(), [1.0, 2.0, 1.0, 2.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct RepeatVector {
    n: usize,
}

impl Default for RepeatVector {
    fn default() -> Self {
        Self::new(1)
    }
}

impl RepeatVector {
    /// A layer to `n` time steps.
    pub fn new(n: usize) -> Self {
        Self { n }
    }
}

impl Layer for RepeatVector {
    const CLASS_NAME: &'static str = "RepeatVector";

    fn build(&self, input: &Shape, _: &mut WeightSpecs) -> Result<Shape> {
        input.expect_rank(1, "[features]")?;
        if self.n == 0 {
            return Err(Error::argument("n", 0, "at least 1"));
        }
        Ok(vec![Some(self.n), input.axes()[0]].into())
    }

    fn call<B: Backend>(&self, x: Value<B>, _: &mut Context<'_, B>) -> Result<Value<B>> {
        let shape = x.shape();
        let [batch, features] = [shape[0], shape[1]];
        Ok(x.float().reshape(&[batch, 1, features]).expand(&[batch, self.n, features]).into())
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}
