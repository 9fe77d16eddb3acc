//! [`Conv1D`], [`Conv2D`], [`Conv3D`]: convolution with a learned kernel.

use fornax_core::ops::{Activation, ConvPool};
use fornax_core::{Backend, Error, Result, Value};
use serde::{Deserialize, Serialize};

use super::arguments::{OutputArguments, WindowArguments, output_setters, window_setters};
use super::spatial::{Lengths, Padding, Windows, by_axes, spatial_axes};
use crate::layer::{Fusion, PoolingBehind};
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
    #[serde(flatten)]
    window: WindowArguments,
    groups: usize,
    #[serde(flatten)]
    output: OutputArguments,
    kernel_initializer: Initializer,
    kernel_regularizer: Option<Regularizer>,
    kernel_constraint: Option<Constraint>,
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
            window: WindowArguments::new(kernel_size),
            groups: 1,
            output: OutputArguments::default(),
            kernel_initializer: Initializer::GlorotUniform,
            kernel_regularizer: None,
            kernel_constraint: None,
        }
    }

    window_setters!();
    output_setters!();
    setters! {
        /// Parts into which channels and filters are cut.
        groups: usize,
        /// Where `W` starts.
        kernel_initializer: Initializer,
        /// A penalty on `W`.
        kernel_regularizer: Some(Regularizer),
        /// A projection of `W` after each step.
        kernel_constraint: Some(Constraint),
    }

    fn windows(&self) -> Result<Windows> {
        if N == 1 && self.window.padding == Padding::Causal {
            let valid = WindowArguments { padding: Padding::Valid, ..self.window.clone() };
            return Ok(Windows { padding: Padding::Causal, ..valid.windows(N)? });
        }
        self.window.windows(N)
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
        self.output.build(self.filters, weights);
        windows.output_shape(spatial, Some(self.filters))
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let geometry = self.windows()?.convolution(&x.shape(), self.groups)?;
        let (kernel, bias) = (context.weight("kernel"), context.optional("bias"));
        let activation = self.output.fused();
        let y = match context.pooling {
            Some(PoolingBehind { windows, place }) => {
                let pool = windows.pooling(&geometry.output_shape(&x.shape(), &kernel.shape()));
                let pool = pool.map_err(|error| error.within(place))?;
                B::conv_pool(x, kernel, bias, &ConvPool { activation, geometry, pool })
            }
            None => B::conv(x, kernel, bias, activation, &geometry),
        };
        self.output.finish(y, context)
    }

    fn fusion(&self) -> Fusion {
        let output = &self.output;
        match output.fused() == output.activation && output.activity_regularizer.is_none() {
            true => Fusion::BeforePooling,
            false => Fusion::None,
        }
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}
