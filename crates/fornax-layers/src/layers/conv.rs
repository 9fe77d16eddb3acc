//! [`Conv1D`], [`Conv2D`], [`Conv3D`]: convolution with a learned kernel.

use fornax_core::{Backend, DynTensor, Error, Result, Value, ops::Activation};
use serde::{Deserialize, Serialize};

use super::activate;
use super::spatial::{ChannelsLast, Lengths, Padding, Windows, by_axes, spatial_axes};
use crate::{Constraint, Context, Initializer, Layer, Regularizer, Shape, WeightSpecs};

/// Convolution over one axis, for example time.
pub type Conv1D = Conv<1>;
/// Convolution over two axes, for example of an image.
pub type Conv2D = Conv<2>;
/// Convolution over three axes, for example of a volume or a film.
pub type Conv3D = Conv<3>;

/// `y[o, f] = g(b[f] + sum over k, c of x[o * stride + k * dilation - before, c] W[k, c, f])`, with positions `o`
/// and `k` of `N` components.
///
/// # Shapes
/// - input: `[batch, spatial.., channels]`, `N` spatial axes
/// - output: `[batch, positions.., filters]`
/// - weights: `kernel [kernel_size.., channels / groups, filters]`, `bias [filters]`
///
/// Defaults: stride 1, `Padding::Valid`, dilation 1, one group, linear, with bias, `GlorotUniform` kernel, zero
/// bias. Stride and dilation may both be above 1, which Keras does not take. Source: `keras.layers.Conv2D`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value};
/// use fornax_layers::{Initializer, Sequential, layers::{Conv2D, Padding}};
///
/// let conv = Conv2D::new(1, 2).padding(Padding::Same).kernel_initializer(Initializer::Ones);
/// let network = Sequential::<Flex>::new([2, 2, 1]).add(conv).build()?;
/// let x = Array::from_vec([1, 2, 2, 1], vec![1.0, 2.0, 3.0, 4.0])?;
/// let y = network.infer(vec![Value::from_array(&x, network.device())])?;
/// assert_eq!(y[0].to_array().to_f32(), [10.0, 6.0, 7.0, 4.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, bound = "")]
pub struct Conv<const N: usize> {
    filters: usize,
    kernel_size: Lengths,
    strides: Lengths,
    padding: Padding,
    #[serde(skip_serializing)]
    data_format: ChannelsLast,
    dilation_rate: Lengths,
    groups: usize,
    activation: Activation,
    use_bias: bool,
    kernel_initializer: Initializer,
    bias_initializer: Initializer,
    kernel_regularizer: Option<Regularizer>,
    bias_regularizer: Option<Regularizer>,
    activity_regularizer: Option<Regularizer>,
    kernel_constraint: Option<Constraint>,
    bias_constraint: Option<Constraint>,
}

impl<const N: usize> Default for Conv<N> {
    fn default() -> Self {
        Self::new(1, 1)
    }
}

impl<const N: usize> Conv<N> {
    /// A layer of `filters` outputs a position from windows of `kernel_size`.
    pub fn new(filters: usize, kernel_size: impl Into<Lengths>) -> Self {
        Self {
            filters,
            kernel_size: kernel_size.into(),
            strides: Lengths::All(1),
            padding: Padding::Valid,
            data_format: ChannelsLast,
            dilation_rate: Lengths::All(1),
            groups: 1,
            activation: Activation::Linear,
            use_bias: true,
            kernel_initializer: Initializer::GlorotUniform,
            bias_initializer: Initializer::Zeros,
            kernel_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            kernel_constraint: None,
            bias_constraint: None,
        }
    }

    setters! {
        /// Steps of the window.
        strides: Into(Lengths),
        /// What lies beyond the ends.
        padding: Padding,
        /// Distance of the window's elements.
        dilation_rate: Into(Lengths),
        /// Parts into which channels and filters are cut.
        groups: usize,
        /// `g`.
        activation: Activation,
        /// Whether there is a `b`.
        use_bias: bool,
        /// Where `W` starts.
        kernel_initializer: Initializer,
        /// Where `b` starts.
        bias_initializer: Initializer,
        /// A penalty on `W`.
        kernel_regularizer: Some(Regularizer),
        /// A penalty on `b`.
        bias_regularizer: Some(Regularizer),
        /// A penalty on `y`.
        activity_regularizer: Some(Regularizer),
        /// A projection of `W` after each step.
        kernel_constraint: Some(Constraint),
        /// A projection of `b` after each step.
        bias_constraint: Some(Constraint),
    }

    fn windows(&self) -> Result<Windows> {
        let causal = N == 1 && self.padding == Padding::Causal;
        let padding = if causal { Padding::Valid } else { self.padding };
        let size = ("kernel_size", &self.kernel_size);
        let windows = Windows::new(N, size, &self.strides, &self.dilation_rate, padding)?;
        Ok(Windows { padding: self.padding, ..windows })
    }

    fn check_groups(&self, channels: usize) -> Result<()> {
        if self.filters == 0 {
            return Err(Error::argument("filters", 0, "at least 1"));
        }
        let divides = |count: usize| self.groups > 0 && count.is_multiple_of(self.groups);
        match divides(channels) && divides(self.filters) {
            true => Ok(()),
            false => Err(Error::argument(
                "groups",
                self.groups,
                format!("a divisor of {channels} channels and {} filters", self.filters),
            )),
        }
    }
}

impl<const N: usize> Layer for Conv<N> {
    const CLASS_NAME: &'static str = by_axes(N, ["Conv1D", "Conv2D", "Conv3D"]);

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        let spatial = spatial_axes(input, N)?;
        let channels = input.last()?;
        self.check_groups(channels)?;
        let windows = self.windows()?;
        let kernel = [&windows.size[..], &[channels / self.groups, self.filters]].concat();
        weights
            .add("kernel", &kernel, self.kernel_initializer)
            .regularizer(self.kernel_regularizer)
            .constraint(self.kernel_constraint);
        if self.use_bias {
            weights
                .add("bias", &[self.filters], self.bias_initializer)
                .regularizer(self.bias_regularizer)
                .constraint(self.bias_constraint);
        }
        windows.output_shape(spatial, Some(self.filters))
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let geometry = self.windows()?.convolution(&x.shape(), self.groups)?;
        let z = add_bias(B::conv(x, context.weight("kernel"), &geometry), context.optional("bias"));
        let y = activate(z, self.activation);
        context.regularize_activity(self.activity_regularizer, &y.clone().float())?;
        Ok(y)
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}

/// `y + b` over the last axis.
pub(super) fn add_bias<B: Backend>(y: DynTensor<B>, bias: Option<DynTensor<B>>) -> DynTensor<B> {
    match bias {
        Some(bias) => B::add_bias(y, bias),
        None => y,
    }
}
