//! [`Softmax`]: probabilities over any axes, masked positions left out.

use fornax_core::{Backend, DynTensor, Mask, Result, Value, ops::Activation};
use serde::{Deserialize, Serialize};

use super::{activate, last_axes};
use crate::{Axis, Context, Layer, Shape, WeightSpecs};

/// `y_i = e^x_i / sum_j e^x_j` over `axis`.
///
/// Positions that the mask leaves out get probability 0 and count for nothing, if the mask has an axis that the
/// sum runs over; a row without any position becomes zeros.
///
/// # Shapes
/// - input and output: `[batch, ..]`
///
/// Default: the last axis. Source: `keras.layers.Softmax`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::Softmax};
///
/// let network = Sequential::<Flex>::new([2, 2]).add(Softmax::new().axis(1)).build()?;
/// let y = network.predict(&Array::from_vec([1, 2, 2], vec![0.0, 7.0, 0.0, 7.0])?)?;
/// assert_eq!(y.to_f32(), [0.5, 0.5, 0.5, 0.5]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Softmax {
    axis: Axis,
}

impl Default for Softmax {
    fn default() -> Self {
        Self { axis: (-1).into() }
    }
}

impl Softmax {
    /// Probabilities over the last axis.
    pub fn new() -> Self {
        Self::default()
    }

    /// The axis or axes that the probabilities of sum 1 run over.
    pub fn axis(mut self, axis: impl Into<Axis>) -> Self {
        self.axis = axis.into();
        self
    }
}

impl Layer for Softmax {
    const CLASS_NAME: &'static str = "Softmax";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        self.axis.resolve_behind_batch(input.rank() + 1)?;
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, _context: &mut Context<'_, B>) -> Result<Value<B>> {
        let axes = self.axis.resolve_behind_batch(x.rank())?;
        let left_out = x.mask().filter(|mask| axes[0] < mask.shape().len()).map(|mask| mask.clone().not());
        let Some(left_out) = left_out else {
            let z = x.float();
            return Ok(if axes == [z.rank() - 1] {
                activate(z, Activation::Softmax)
            } else {
                over(z, &axes).into()
            });
        };
        let z = x.float();
        let left_out = stretch(left_out, &z);
        Ok(over(z.fill_where(left_out.clone(), -1e9), &axes).fill_where(left_out, 0.0).into())
    }
}

/// Softmax over several axes as one.
fn over<B: Backend>(z: DynTensor<B>, axes: &[usize]) -> DynTensor<B> {
    let (order, back) = last_axes(z.rank(), axes);
    let z = z.permute(&order);
    let shape = z.shape();
    let joined: usize = shape[shape.len() - axes.len()..].iter().product();
    let rows = z.len() / joined.max(1);
    let y = B::activate(z.reshape(&[rows, joined]), Activation::Softmax);
    y.reshape(&shape).permute(&back)
}

/// A mask over the leading axes as one over all.
fn stretch<B: Backend>(mask: Mask<B>, like: &DynTensor<B>) -> Mask<B> {
    let mut shape = mask.shape();
    shape.resize(like.rank(), 1);
    mask.reshape(&shape).expand(&like.shape())
}
