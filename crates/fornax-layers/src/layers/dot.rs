//! [`Dot`]: sums of products of two tensors along an axis each.

use fornax_core::{Backend, DynTensor, Error, Result, Value};
use serde::{Deserialize, Serialize};

use super::last_axes;
use crate::{Axis, Context, MultiLayer, Shape, WeightSpecs};

/// `y[b, i.., j..] = sum over k of x_1[b, i.., k] x_2[b, k, j..]`, `k` being one of `axes` in each input.
///
/// # Shapes
/// - inputs: two, `[batch, ..]`, of equal lengths along `axes`
/// - output: `[batch, axes of the first.., axes of the second..]` but for the two summed; `[batch, 1]` if none is
///   left
///
/// `axes` counts from the batch; `normalize` scales both to length 1 along their axis first, which makes the
/// cosine. Default: the last axes, not normalized. Source: `keras.layers.Dot`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Apply, Functional, input, layers::Dot};
///
/// let (a, b) = (input::<Flex>([2]), input([2]));
/// let network = Functional::new([&a, &b], &Dot::new(1).apply([&a, &b])?).build()?;
/// let (a, b) = (Array::from_vec([1, 2], vec![1.0, 2.0])?, Array::from_vec([1, 2], vec![3.0, 4.0])?);
/// assert_eq!(network.predict_all(&[a, b], 1)?[0].to_f32(), [11.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Dot {
    axes: Axis,
    normalize: bool,
}

impl Default for Dot {
    fn default() -> Self {
        Self::new(-1)
    }
}

impl Dot {
    /// Sums along `axes`: one for both inputs, or a pair.
    pub fn new(axes: impl Into<Axis>) -> Self {
        Self { axes: axes.into(), normalize: false }
    }

    setters! {
        /// Whether to scale to length 1 first.
        normalize: bool,
    }

    fn axes(&self, ranks: [usize; 2]) -> Result<[usize; 2]> {
        let pair = match *self.axes.as_slice() {
            [both] => [both, both],
            [first, second] => [first, second],
            _ => return Err(Error::argument("axes", self.axes, "one axis or two")),
        };
        let [first, second] = [0, 1].map(|at| Axis::from(pair[at]).resolve_behind_batch(ranks[at]));
        Ok([first?[0], second?[0]])
    }
}

/// Keras's `epsilon()`: no length is taken for shorter.
const EPSILON: f64 = 1e-7;

impl MultiLayer for Dot {
    const NAME: &'static str = "Dot";

    fn build_all(&self, inputs: &[Shape], _weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let [x, y] = inputs else {
            let list: Vec<String> = inputs.iter().map(Shape::to_string).collect();
            let found = format!("{} ({})", inputs.len(), list.join(", "));
            return Err(Error::shape("inputs", found, "two tensors"));
        };
        let axes = self.axes([x.rank() + 1, y.rank() + 1])?;
        let lengths = [x.axes()[axes[0] - 1], y.axes()[axes[1] - 1]];
        if let [Some(a), Some(b)] = lengths
            && a != b
        {
            let wanted = format!("equal lengths along axes {} and {}", axes[0], axes[1]);
            return Err(Error::shape("inputs", format!("{x}, {y}"), wanted));
        }
        let rest = |shape: &Shape, axis: usize| {
            let mut rest = shape.axes().to_vec();
            rest.remove(axis - 1);
            rest
        };
        let mut shape = [rest(x, axes[0]), rest(y, axes[1])].concat();
        if shape.is_empty() {
            shape.push(Some(1));
        }
        Ok(vec![shape.into()])
    }

    fn call_all<B: Backend>(
        &self,
        inputs: Vec<Value<B>>,
        _context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let shapes: Vec<Vec<usize>> = inputs.iter().map(Value::shape).collect();
        let axes = self.axes([shapes[0].len(), shapes[1].len()])?;
        if shapes[0][axes[0]] != shapes[1][axes[1]] || shapes[0][0] != shapes[1][0] {
            let wanted = format!("equal lengths along axes {} and {}", axes[0], axes[1]);
            return Err(Error::shape("inputs", format!("{shapes:?}"), wanted));
        }
        let (batch, len) = (shapes[0][0], shapes[0][axes[0]]);
        let mut shape = vec![batch];
        let mut sides = inputs.into_iter().zip(axes).map(|(x, axis)| {
            let x = x.float();
            let x = if self.normalize { unit(x, axis) } else { x };
            let order = last_axes(x.rank(), &[axis]).0;
            let x = x.permute(&order);
            let rest = x.shape()[1..x.rank() - 1].to_vec();
            shape.extend(&rest);
            x.reshape(&[batch, rest.iter().product(), len])
        });
        let (x, y) = (sides.next().expect("two inputs"), sides.next().expect("two inputs"));
        drop(sides);
        if shape.len() == 1 {
            shape.push(1);
        }
        Ok(vec![x.matmul(y.permute(&[0, 2, 1])).reshape(&shape).into()])
    }
}

fn unit<B: Backend>(x: DynTensor<B>, axis: usize) -> DynTensor<B> {
    let length = x.clone().square().sum_axis(axis).clamp_min(EPSILON * EPSILON).sqrt();
    x.div(length)
}
