//! [`DepthwiseConv1D`], [`DepthwiseConv2D`]: convolution of each channel on its own.

use fornax_core::{Backend, DynTensor, Error, Result, Value, ops::Activation};
use serde::{Deserialize, Serialize};

use super::arguments::{OutputArguments, WindowArguments, output_setters, window_setters};
use super::spatial::{Lengths, Padding, Windows, by_axes, spatial_axes};
use crate::{Constraint, Context, Initializer, Layer, Regularizer, Shape, WeightSpecs};

/// Depthwise convolution over one axis.
pub type DepthwiseConv1D = DepthwiseConv<1>;
/// Depthwise convolution over two axes.
pub type DepthwiseConv2D = DepthwiseConv<2>;

/// `y[o, c m + j] = g(b[c m + j] + sum over k of x[o * stride + k * dilation - before, c] W[k, c, j])`, with the
/// `depth_multiplier` `m` and `j < m`.
///
/// # Shapes
/// - input: `[batch, spatial.., channels]`, `N` spatial axes
/// - output: `[batch, positions.., channels * depth_multiplier]`
/// - weights: `kernel [kernel_size.., channels, depth_multiplier]`, `bias [channels * depth_multiplier]`
///
/// Defaults: one filter a channel, stride 1, `Padding::Valid`, dilation 1, linear, with bias, `GlorotUniform`
/// kernel, zero bias. Source: `keras.layers.DepthwiseConv2D`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value};
/// use fornax_layers::{Initializer, Sequential, layers::DepthwiseConv1D};
///
/// let layer = DepthwiseConv1D::new(2).depthwise_initializer(Initializer::Ones);
/// let network = Sequential::<Flex>::new([3, 2]).add(layer).build()?;
/// let x = Array::from_vec([1, 3, 2], vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0])?;
/// let y = network.infer(vec![Value::from_array(&x, network.device())])?;
/// assert_eq!(y[0].to_array().to_f32(), [3.0, 30.0, 5.0, 50.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, bound = "")]
pub struct DepthwiseConv<const N: usize> {
    depth_multiplier: usize,
    #[serde(flatten)]
    window: WindowArguments,
    #[serde(flatten)]
    output: OutputArguments,
    depthwise_initializer: Initializer,
    depthwise_regularizer: Option<Regularizer>,
    depthwise_constraint: Option<Constraint>,
}

impl<const N: usize> Default for DepthwiseConv<N> {
    fn default() -> Self {
        Self::new(1)
    }
}

impl<const N: usize> DepthwiseConv<N> {
    /// A layer of windows of `kernel_size`.
    pub fn new(kernel_size: impl Into<Lengths>) -> Self {
        Self {
            depth_multiplier: 1,
            window: WindowArguments::new(kernel_size),
            output: OutputArguments::default(),
            depthwise_initializer: Initializer::GlorotUniform,
            depthwise_regularizer: None,
            depthwise_constraint: None,
        }
    }

    window_setters!();
    output_setters!();
    setters! {
        /// Filters a channel.
        depth_multiplier: usize,
        /// Where `W` starts.
        depthwise_initializer: Initializer,
        /// A penalty on `W`.
        depthwise_regularizer: Some(Regularizer),
        /// A projection of `W` after each step.
        depthwise_constraint: Some(Constraint),
    }
}

impl<const N: usize> Layer for DepthwiseConv<N> {
    const CLASS_NAME: &'static str = by_axes(N, ["DepthwiseConv1D", "DepthwiseConv2D", "DepthwiseConv3D"]);

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        let spatial = spatial_axes(input, N)?;
        let channels = input.last()?;
        let outputs = depthwise_outputs(channels, self.depth_multiplier)?;
        let windows = self.window.windows(N)?;
        let kernel = [&windows.size[..], &[channels, self.depth_multiplier]].concat();
        weights
            .add("kernel", &kernel, self.depthwise_initializer)
            .regularizer(self.depthwise_regularizer)
            .constraint(self.depthwise_constraint);
        self.output.build(outputs, weights);
        windows.output_shape(spatial, Some(outputs))
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let weights = (context.weight("kernel"), context.optional("bias"));
        let z = depthwise(x.float(), weights, self.output.fused(), &self.window.windows(N)?)?;
        self.output.finish(z, context)
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}

/// The number of channels behind a depthwise convolution.
pub(super) fn depthwise_outputs(channels: usize, depth_multiplier: usize) -> Result<usize> {
    if depth_multiplier == 0 {
        return Err(Error::argument("depth_multiplier", 0, "at least 1"));
    }
    if channels == 0 {
        return Err(Error::shape("input", "0 channels", "at least one channel"));
    }
    let wanted =
        || Error::argument("depth_multiplier", depth_multiplier, format!("a factor of {channels} channels"));
    channels.checked_mul(depth_multiplier).ok_or_else(wanted)
}

/// A convolution with a group a channel: of `[.., channels, multiplier]` the kernel of a group is a column.
pub(super) fn depthwise<B: Backend>(
    x: DynTensor<B>,
    (kernel, bias): (DynTensor<B>, Option<DynTensor<B>>),
    activation: Activation,
    windows: &Windows,
) -> Result<DynTensor<B>> {
    let [size @ .., channels, multiplier] = &kernel.shape()[..] else {
        unreachable!("a depthwise kernel has its window, channels and filters a channel")
    };
    let shape = [size, &[1, channels * multiplier]].concat();
    let geometry = windows.convolution(&x.shape(), *channels)?;
    Ok(B::conv(x, kernel.reshape(&shape), bias, activation, &geometry))
}
