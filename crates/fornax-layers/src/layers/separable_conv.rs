//! [`SeparableConv1D`], [`SeparableConv2D`]: convolution of each channel, then a product over channels.

use fornax_core::{Backend, Error, Result, Value, ops::Activation};
use serde::{Deserialize, Serialize};

use super::arguments::{OutputArguments, WindowArguments, output_setters, window_setters};
use super::depthwise_conv::{depthwise, depthwise_outputs};
use super::spatial::{Lengths, Padding, by_axes, spatial_axes};
use crate::{Constraint, Context, Initializer, Layer, Regularizer, Shape, WeightSpecs};

/// Separable convolution over one axis.
pub type SeparableConv1D = SeparableConv<1>;
/// Separable convolution over two axes.
pub type SeparableConv2D = SeparableConv<2>;

/// `y = g(depthwise(x, D) P + b)`: a depthwise convolution without bias, then a dense map at each position.
///
/// # Shapes
/// - input: `[batch, spatial.., channels]`, `N` spatial axes
/// - output: `[batch, positions.., filters]`
/// - weights: `depthwise_kernel [kernel_size.., channels, depth_multiplier]`,
///   `pointwise_kernel [1.., channels * depth_multiplier, filters]`, `bias [filters]`
///
/// Defaults: one depthwise filter a channel, stride 1, `Padding::Valid`, dilation 1, linear, with bias,
/// `GlorotUniform` kernels, zero bias. Source: `keras.layers.SeparableConv2D`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value};
/// use fornax_layers::{Initializer, Sequential, layers::SeparableConv1D};
///
/// let ones = Initializer::Ones;
/// let layer = SeparableConv1D::new(1, 2).depthwise_initializer(ones).pointwise_initializer(ones);
/// let network = Sequential::<Flex>::new([3, 2]).add(layer).build()?;
/// let x = Array::from_vec([1, 3, 2], vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0])?;
/// let y = network.infer(vec![Value::from_array(&x, network.device())])?;
/// assert_eq!(y[0].to_array().to_f32(), [33.0, 55.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, bound = "")]
pub struct SeparableConv<const N: usize> {
    filters: usize,
    #[serde(flatten)]
    window: WindowArguments,
    depth_multiplier: usize,
    #[serde(flatten)]
    output: OutputArguments,
    depthwise_initializer: Initializer,
    pointwise_initializer: Initializer,
    depthwise_regularizer: Option<Regularizer>,
    pointwise_regularizer: Option<Regularizer>,
    depthwise_constraint: Option<Constraint>,
    pointwise_constraint: Option<Constraint>,
}

impl<const N: usize> Default for SeparableConv<N> {
    fn default() -> Self {
        Self::new(1, 1)
    }
}

impl<const N: usize> SeparableConv<N> {
    /// A layer of `filters` outputs a position from windows of `kernel_size`.
    pub fn new(filters: usize, kernel_size: impl Into<Lengths>) -> Self {
        Self {
            filters,
            window: WindowArguments::new(kernel_size),
            depth_multiplier: 1,
            output: OutputArguments::default(),
            depthwise_initializer: Initializer::GlorotUniform,
            pointwise_initializer: Initializer::GlorotUniform,
            depthwise_regularizer: None,
            pointwise_regularizer: None,
            depthwise_constraint: None,
            pointwise_constraint: None,
        }
    }

    window_setters!();
    output_setters!();
    setters! {
        /// Depthwise filters a channel.
        depth_multiplier: usize,
        /// Where `D` starts.
        depthwise_initializer: Initializer,
        /// Where `P` starts.
        pointwise_initializer: Initializer,
        /// A penalty on `D`.
        depthwise_regularizer: Some(Regularizer),
        /// A penalty on `P`.
        pointwise_regularizer: Some(Regularizer),
        /// A projection of `D` after each step.
        depthwise_constraint: Some(Constraint),
        /// A projection of `P` after each step.
        pointwise_constraint: Some(Constraint),
    }
}

impl<const N: usize> Layer for SeparableConv<N> {
    const CLASS_NAME: &'static str = by_axes(N, ["SeparableConv1D", "SeparableConv2D", "SeparableConv3D"]);

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        let spatial = spatial_axes(input, N)?;
        if self.filters == 0 {
            return Err(Error::argument("filters", 0, "at least 1"));
        }
        let channels = input.last()?;
        let between = depthwise_outputs(channels, self.depth_multiplier)?;
        let windows = self.window.windows(N)?;
        let depthwise = [&windows.size[..], &[channels, self.depth_multiplier]].concat();
        weights
            .add("depthwise_kernel", &depthwise, self.depthwise_initializer)
            .regularizer(self.depthwise_regularizer)
            .constraint(self.depthwise_constraint);
        weights
            .add(
                "pointwise_kernel",
                &[&[1; N][..], &[between, self.filters]].concat(),
                self.pointwise_initializer,
            )
            .regularizer(self.pointwise_regularizer)
            .constraint(self.pointwise_constraint);
        self.output.build(self.filters, weights);
        windows.output_shape(spatial, Some(self.filters))
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let depthwise_weights = (context.weight("depthwise_kernel"), None);
        let between = depthwise(x.float(), depthwise_weights, Activation::Linear, &self.window.windows(N)?)?;
        let pointwise = context.weight("pointwise_kernel").rows();
        let z = B::dense(between, pointwise, context.optional("bias"), self.output.fused());
        self.output.finish(z, context)
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}
