//! [`UpSampling1D`], [`UpSampling2D`], [`UpSampling3D`]: spatial axes made longer by a whole factor.

use fornax_core::{Backend, DynTensor, Error, Result, Value};
use serde::{Deserialize, Serialize};

use super::spatial::{ChannelsLast, Lengths, by_axes, spatial_axes};
use crate::{Context, Layer, Shape, WeightSpecs};

/// One axis made longer.
pub type UpSampling1D = UpSampling<1>;
/// Two axes made longer.
pub type UpSampling2D = UpSampling<2>;
/// Three axes made longer.
pub type UpSampling3D = UpSampling<3>;

/// `y[i] = x[i / size]`, or between neighbours by distance.
///
/// Interpolation takes elements as intervals and values at their middles: position `i` of the output lies at
/// `(i + 1/2) / size - 1/2` of the input, and beyond the ends is what is at the ends.
///
/// # Shapes
/// - input: `[batch, spatial.., channels]`, `N` spatial axes
/// - output: `[batch, spatial * size.., channels]`
///
/// Defaults: size 2, nearest. Source: `keras.layers.UpSampling2D`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value};
/// use fornax_layers::{Sequential, layers::{Interpolation, UpSampling2D}};
///
/// let layer = UpSampling2D::new([1, 2]).interpolation(Interpolation::Bilinear);
/// let network = Sequential::<Flex>::new([1, 2, 1]).add(layer).build()?;
/// let x = Array::from_vec([1, 1, 2, 1], vec![0.0, 4.0])?;
/// let y = network.infer(vec![Value::from_array(&x, network.device())])?;
/// assert_eq!(y[0].to_array().to_f32(), [0.0, 1.0, 3.0, 4.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, bound = "")]
pub struct UpSampling<const N: usize> {
    size: Lengths,
    #[serde(skip_serializing)]
    data_format: ChannelsLast,
    #[serde(skip_serializing_if = "Interpolation::is_nearest")]
    interpolation: Interpolation,
}

/// What is between the elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Interpolation {
    /// The nearest element.
    #[default]
    Nearest,
    /// A weighted mean of the two nearest along each axis.
    Bilinear,
}

impl Interpolation {
    fn is_nearest(&self) -> bool {
        *self == Self::Nearest
    }
}

impl<const N: usize> Default for UpSampling<N> {
    fn default() -> Self {
        Self::new(2)
    }
}

impl<const N: usize> UpSampling<N> {
    /// A layer that makes axes `size` times as long.
    pub fn new(size: impl Into<Lengths>) -> Self {
        Self { size: size.into(), data_format: ChannelsLast, interpolation: Interpolation::Nearest }
    }
}

impl UpSampling<2> {
    setters! {
        /// What is between the elements.
        interpolation: Interpolation,
    }
}

impl<const N: usize> Layer for UpSampling<N> {
    const CLASS_NAME: &'static str = by_axes(N, ["UpSampling1D", "UpSampling2D", "UpSampling3D"]);

    fn build(&self, input: &Shape, _: &mut WeightSpecs) -> Result<Shape> {
        let spatial = spatial_axes(input, N)?.iter();
        if N != 2 && !self.interpolation.is_nearest() {
            return Err(Error::argument("interpolation", "bilinear", "nearest, unless over two axes"));
        }
        let size = self.size.lengths("size", N)?;
        let mut axes: Vec<_> = spatial.zip(size).map(|(len, size)| len.map(|len| len * size)).collect();
        axes.push(input.axes()[N]);
        Ok(axes.into())
    }

    fn call<B: Backend>(&self, x: Value<B>, _: &mut Context<'_, B>) -> Result<Value<B>> {
        let size = self.size.lengths("size", N)?.into_iter().enumerate();
        let y = size.fold(x.float(), |x, (axis, size)| match self.interpolation {
            Interpolation::Nearest => repeat(x, axis + 1, size),
            Interpolation::Bilinear => interpolate(x, axis + 1, size),
        });
        Ok(y.into())
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}

/// Each element of `axis` `size` times.
fn repeat<B: Backend>(x: DynTensor<B>, axis: usize, size: usize) -> DynTensor<B> {
    interleave(vec![x; size], axis)
}

/// Each element of `axis` as `size` values from between its neighbours.
fn interpolate<B: Backend>(x: DynTensor<B>, axis: usize, size: usize) -> DynTensor<B> {
    let len = x.shape()[axis];
    let part = |start: usize, end: usize| x.clone().slice(axis, start, end, 1);
    let (before, after) = match len {
        0 | 1 => (x.clone(), x.clone()),
        _ => (
            DynTensor::concatenate(vec![part(0, 1), part(0, len - 1)], axis),
            DynTensor::concatenate(vec![part(1, len), part(len - 1, len)], axis),
        ),
    };
    let phase = |phase: usize| {
        let distance = (phase as f64 + 0.5) / size as f64 - 0.5;
        let neighbour = if distance < 0.0 { &before } else { &after };
        x.clone().mul_scalar(1.0 - distance.abs()).add(neighbour.clone().mul_scalar(distance.abs()))
    };
    interleave((0..size).map(phase).collect(), axis)
}

/// Tensors of one shape, their elements along `axis` in turns.
fn interleave<B: Backend>(each: Vec<DynTensor<B>>, axis: usize) -> DynTensor<B> {
    let mut joined = each[0].shape();
    let mut split = joined.clone();
    joined[axis] *= each.len();
    split.insert(axis + 1, 1);
    let each = each.into_iter().map(|tensor| tensor.reshape(&split)).collect();
    DynTensor::concatenate(each, axis + 1).reshape(&joined)
}
