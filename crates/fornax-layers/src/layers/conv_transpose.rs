//! [`Conv1DTranspose`], [`Conv2DTranspose`], [`Conv3DTranspose`]: convolution the other way, which enlarges.

use fornax_core::{
    Backend, Error, Result, Value,
    ops::{Activation, ConvGeometry},
};
use serde::{Deserialize, Serialize};

use super::arguments::{OutputArguments, WindowArguments, output_setters, window_setters};
use super::spatial::{Lengths, Padding, Windows, by_axes, spatial_axes};
use crate::{Constraint, Context, Initializer, Layer, Regularizer, Shape, WeightSpecs};

/// Transposed convolution over one axis.
pub type Conv1DTranspose = ConvTranspose<1>;
/// Transposed convolution over two axes.
pub type Conv2DTranspose = ConvTranspose<2>;
/// Transposed convolution over three axes.
pub type Conv3DTranspose = ConvTranspose<3>;

/// The map that takes the cotangent of a convolution's output to that of its input, as a layer:
/// `y[i, f] = g(b[f] + sum over o, k, c with o * stride + k * dilation - before = i of x[o, c] W[k, f, c])`.
///
/// An axis of length `n`, with a window that reaches over `r` positions, becomes `(n - 1) stride + r + p` long
/// under `Padding::Valid`, where `output_padding` `p` is by default what a stride above `r` leaves out, and
/// `n stride` long under `Padding::Same`, or `(n - 1) stride + r mod 2 + p` with an `output_padding`.
///
/// # Shapes
/// - input: `[batch, spatial.., channels]`, `N` spatial axes
/// - output: `[batch, positions.., filters]`
/// - weights: `kernel [kernel_size.., filters, channels]`, `bias [filters]`
///
/// Defaults: stride 1, `Padding::Valid`, no output padding, dilation 1, linear, with bias, `GlorotUniform` kernel,
/// zero bias. Stride and dilation may both be above 1, which Keras does not take. Source:
/// `keras.layers.Conv2DTranspose`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value};
/// use fornax_layers::{Initializer, Sequential, layers::Conv1DTranspose};
///
/// let layer = Conv1DTranspose::new(1, 3).strides(2).kernel_initializer(Initializer::Ones);
/// let network = Sequential::<Flex>::new([2, 1]).add(layer).build()?;
/// let x = Array::from_vec([1, 2, 1], vec![1.0, 10.0])?;
/// let y = network.infer(vec![Value::from_array(&x, network.device())])?;
/// assert_eq!(y[0].to_array().to_f32(), [1.0, 1.0, 11.0, 10.0, 10.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, bound = "")]
pub struct ConvTranspose<const N: usize> {
    filters: usize,
    #[serde(flatten)]
    window: WindowArguments,
    output_padding: Option<Lengths>,
    #[serde(flatten)]
    output: OutputArguments,
    kernel_initializer: Initializer,
    kernel_regularizer: Option<Regularizer>,
    kernel_constraint: Option<Constraint>,
}

impl<const N: usize> Default for ConvTranspose<N> {
    fn default() -> Self {
        Self::new(1, 1)
    }
}

impl<const N: usize> ConvTranspose<N> {
    /// A layer of `filters` outputs a position, to which windows of `kernel_size` add.
    pub fn new(filters: usize, kernel_size: impl Into<Lengths>) -> Self {
        Self {
            filters,
            window: WindowArguments::new(kernel_size),
            output_padding: None,
            output: OutputArguments::default(),
            kernel_initializer: Initializer::GlorotUniform,
            kernel_regularizer: None,
            kernel_constraint: None,
        }
    }

    window_setters!();
    output_setters!();
    setters! {
        /// Where `W` starts.
        kernel_initializer: Initializer,
        /// A penalty on `W`.
        kernel_regularizer: Some(Regularizer),
        /// A projection of `W` after each step.
        kernel_constraint: Some(Constraint),
    }

    /// Positions added at the ends, below the stride.
    pub fn output_padding(mut self, output_padding: impl Into<Lengths>) -> Self {
        self.output_padding = Some(output_padding.into());
        self
    }

    fn enlargement(&self) -> Result<Enlargement> {
        let windows = self.window.windows(N)?;
        let extra = match &self.output_padding {
            None => vec![None; N],
            Some(extra) => {
                let lengths = extra.lengths_or_zero("output_padding", N)?;
                if lengths.iter().zip(&windows.stride).any(|(extra, stride)| extra >= stride) {
                    let wanted = format!("values below the strides {}", self.window.strides);
                    return Err(Error::argument("output_padding", extra, wanted));
                }
                lengths.into_iter().map(Some).collect()
            }
        };
        Ok(Enlargement { windows, extra })
    }
}

impl<const N: usize> Layer for ConvTranspose<N> {
    const CLASS_NAME: &'static str = by_axes(N, ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"]);

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        let spatial = spatial_axes(input, N)?;
        if self.filters == 0 {
            return Err(Error::argument("filters", 0, "at least 1"));
        }
        let enlargement = self.enlargement()?;
        let kernel = [&enlargement.windows.size[..], &[self.filters, input.last()?]].concat();
        weights
            .add("kernel", &kernel, self.kernel_initializer)
            .regularizer(self.kernel_regularizer)
            .constraint(self.kernel_constraint);
        self.output.build(self.filters, weights);
        let lengths = spatial.iter().enumerate();
        let lengths = lengths.map(|(axis, len)| len.map(|len| enlargement.length(axis, len)).transpose());
        let mut lengths: Vec<Option<usize>> = lengths.collect::<Result<_>>()?;
        lengths.push(Some(self.filters));
        Ok(lengths.into())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let (geometry, shape) = self.enlargement()?.geometry(&x.shape(), self.filters)?;
        let y = B::conv_input(x, context.weight("kernel"), &geometry, &shape);
        let y = match context.optional("bias") {
            Some(bias) => B::add_bias(y, bias),
            None => y,
        };
        self.output.finish(B::activate(y, self.output.fused()), context)
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}

/// The convolution whose other direction the layer is, and what its stride leaves open of the output's length.
struct Enlargement {
    windows: Windows,
    extra: Vec<Option<usize>>,
}

impl Enlargement {
    /// The length of `axis` of the output for one of `len` of the input.
    fn length(&self, axis: usize, len: usize) -> Result<usize> {
        let (reach, stride) = (self.windows.reach(axis), self.windows.stride[axis]);
        if len == 0 {
            return Err(Error::shape(format!("input axis {}", axis + 1), "length 0", "at least 1"));
        }
        let output = match (self.windows.padding, self.extra[axis]) {
            (Padding::Same, None) => len * stride,
            (Padding::Same, Some(extra)) => (len - 1) * stride + reach % 2 + extra,
            (_, extra) => (len - 1) * stride + extra.map_or(reach.max(stride), |extra| reach + extra),
        };
        match output > 0 && self.windows.positions(axis, output)? == len {
            true => Ok(output),
            false => Err(Error::argument(
                "output_padding",
                format!("an output of length {output} for an input of length {len}"),
                format!("an output that a convolution of stride {stride} takes to length {len}"),
            )),
        }
    }

    fn geometry(&self, input: &[usize], filters: usize) -> Result<(ConvGeometry, Vec<usize>)> {
        let mut shape = input.to_vec();
        for (axis, len) in shape[1..=self.windows.size.len()].iter_mut().enumerate() {
            *len = self.length(axis, *len)?;
        }
        *shape.last_mut().expect("an axis of channels") = filters;
        Ok((self.windows.convolution(&shape, 1)?, shape))
    }
}
