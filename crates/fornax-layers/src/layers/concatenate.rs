//! [`Concatenate`]: tensors joined along an axis.

use fornax_core::{Backend, DynTensor, Error, Mask, Result, Value};
use serde::{Deserialize, Serialize};

use super::merging::any_mask;
use crate::{Axis, Context, MultiLayer, Shape, WeightSpecs};

/// The inputs one behind the other along `axis`.
///
/// Joined along time, masks are joined too, an input without one counting everywhere; joined along features, a
/// time step counts where it counts in any input.
///
/// # Shapes
/// - inputs: `[batch, ..]`, equal but for `axis`
/// - output: `[batch, ..]` with the sum of the lengths along `axis`
///
/// Default: the last axis. Source: `keras.layers.Concatenate`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Apply, Functional, input, layers::Concatenate};
///
/// let (a, b) = (input::<Flex>([1]), input([2]));
/// let network = Functional::new([&a, &b], &Concatenate::new().apply([&a, &b])?).build()?;
/// let (a, b) = (Array::from_vec([1, 1], vec![1.0])?, Array::from_vec([1, 2], vec![2.0, 3.0])?);
/// assert_eq!(network.predict_all(&[a, b], 1)?[0].to_f32(), [1.0, 2.0, 3.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Concatenate {
    axis: i32,
}

impl Default for Concatenate {
    fn default() -> Self {
        Self { axis: -1 }
    }
}

impl Concatenate {
    /// Joined along the last axis.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// The axis along which the inputs are joined.
        axis: i32,
    }
}

impl MultiLayer for Concatenate {
    const NAME: &'static str = "Concatenate";

    fn build_all(&self, inputs: &[Shape], _weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let list = || inputs.iter().map(Shape::to_string).collect::<Vec<_>>().join(", ");
        if inputs.len() < 2 {
            return Err(Error::shape(
                "inputs",
                format!("{} ({})", inputs.len(), list()),
                "at least two tensors",
            ));
        }
        let rank = inputs[0].rank() + 1;
        let axis = Axis::from(self.axis).resolve_behind_batch(rank)?[0] - 1;
        let fits = |shape: &Shape| {
            let equal = |(at, (a, b)): (usize, (&Option<usize>, &Option<usize>))| {
                at == axis || a.is_none() || b.is_none() || a == b
            };
            shape.rank() + 1 == rank && shape.axes().iter().zip(inputs[0].axes()).enumerate().all(equal)
        };
        if !inputs.iter().all(fits) {
            let wanted = format!("equal lengths but along axis {}", axis + 1);
            return Err(Error::shape("inputs", list(), wanted));
        }
        let known = |at: usize| inputs.iter().find_map(|shape| shape.axes()[at]);
        let joined = inputs.iter().map(|shape| shape.axes()[axis]).sum::<Option<usize>>();
        let shape = (0..rank - 1).map(|at| if at == axis { joined } else { known(at) });
        Ok(vec![shape.collect::<Vec<_>>().into()])
    }

    fn call_all<B: Backend>(
        &self,
        inputs: Vec<Value<B>>,
        _context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let shapes: Vec<Vec<usize>> = inputs.iter().map(Value::shape).collect();
        let axis = Axis::from(self.axis).resolve_behind_batch(shapes[0].len())?[0];
        let fits = |shape: &Vec<usize>| {
            let equal = |(at, (a, b)): (usize, (&usize, &usize))| at == axis || a == b;
            shape.len() == shapes[0].len() && shape.iter().zip(&shapes[0]).enumerate().all(equal)
        };
        if !shapes.iter().all(fits) {
            let wanted = format!("equal lengths but along axis {axis}");
            return Err(Error::shape("inputs", format!("{shapes:?}"), wanted));
        }
        let mask = joined_mask(&inputs, axis);
        let joined = DynTensor::concatenate(inputs.into_iter().map(Value::float).collect(), axis);
        Ok(vec![Value::from(joined).with_mask(mask)])
    }
}

fn joined_mask<B: Backend>(inputs: &[Value<B>], axis: usize) -> Option<Mask<B>> {
    let known = inputs.iter().find_map(Value::mask)?;
    let rank = known.shape().len();
    if axis >= rank {
        return any_mask(inputs);
    }
    let part = |x: &Value<B>| match x.mask() {
        Some(mask) => mask.clone(),
        None => DynTensor::<B>::zeros(&x.shape()[..rank], &x.device()).equal_scalar(0.0),
    };
    let parts: Vec<Mask<B>> = inputs.iter().map(part).collect();
    let same_rank = parts.iter().all(|part| part.shape().len() == rank);
    same_rank.then(|| Mask::concatenate(parts, axis))
}
