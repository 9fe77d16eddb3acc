//! [`Permute`]: the axes behind the batch axis in another order.

use fornax_core::{Backend, Error, Result, Value};
use serde::{Deserialize, Serialize};

use crate::{Context, Layer, Shape, WeightSpecs};

/// Axis `i` of the output is axis `dims[i]` of the input; axes count from 1, the batch axis stays in front.
///
/// # Shapes
/// - input: `[batch, ..]`, as many axes as `dims`
/// - output: the same lengths in another order
///
/// Source: `keras.layers.Permute`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value};
/// use fornax_layers::{Sequential, layers::Permute};
///
/// let network = Sequential::<Flex>::new([2, 3]).add(Permute::new([2, 1])).build()?;
/// let x = Array::from_vec([1, 2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// let y = network.infer(vec![Value::from_array(&x, network.device())])?;
/// assert_eq!(y[0].to_array().to_f32(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Permute {
    dims: Vec<usize>,
}

impl Permute {
    /// A layer to the axes `dims`.
    pub fn new(dims: impl IntoIterator<Item = usize>) -> Self {
        Self { dims: dims.into_iter().collect() }
    }
}

impl Layer for Permute {
    const CLASS_NAME: &'static str = "Permute";

    fn build(&self, input: &Shape, _: &mut WeightSpecs) -> Result<Shape> {
        let mut sorted = self.dims.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(1..=input.rank()) {
            let wanted = format!("the axes 1 to {} of {input} in some order", input.rank());
            return Err(Error::argument("dims", format!("{:?}", self.dims), wanted));
        }
        Ok(self.dims.iter().map(|&axis| input.axes()[axis - 1]).collect::<Vec<_>>().into())
    }

    fn call<B: Backend>(&self, x: Value<B>, _: &mut Context<'_, B>) -> Result<Value<B>> {
        Ok(x.float().permute(&[&[0], &self.dims[..]].concat()).into())
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}
