//! [`GaussianNoise`], [`GaussianDropout`] and [`AlphaDropout`]: noise in training, the identity elsewhere.

use fornax_core::{Backend, DynTensor, Error, Philox, Result, Value};
use serde::{Deserialize, Serialize};

use super::dropout::stream;
use crate::{Context, Layer, Shape, WeightSpecs};

/// In training `y = x + stddev n`, `n` standard normal.
///
/// # Shapes
/// - input and output: `[batch, ..]`
///
/// Source: `keras.layers.GaussianNoise`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::GaussianNoise};
///
/// let network = Sequential::<Flex>::new([2]).add(GaussianNoise::new(0.1)).build()?;
/// let x = Array::from_vec([1, 2], vec![1.0, 2.0])?;
/// assert_eq!(network.predict(&x)?, x);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct GaussianNoise {
    stddev: f64,
    seed: Option<u64>,
}

impl Default for GaussianNoise {
    fn default() -> Self {
        Self::new(0.0)
    }
}

impl GaussianNoise {
    /// Noise of deviation `stddev`.
    pub fn new(stddev: f64) -> Self {
        Self { stddev, seed: None }
    }

    setters! {
        /// A seed of the layer's own.
        seed: Some(u64),
    }
}

impl Layer for GaussianNoise {
    const CLASS_NAME: &'static str = "GaussianNoise";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        match self.stddev {
            0.0..f64::INFINITY => Ok(input.clone()),
            stddev => Err(Error::argument("stddev", stddev, "at least 0")),
        }
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        if !context.training() || self.stddev == 0.0 {
            return Ok(x);
        }
        let x = x.float();
        let noise = normal(&x, 0.0, self.stddev, stream(context, self.seed));
        Ok(x.add(noise).into())
    }
}

/// In training `y = x n`, `n` normal with mean 1 and deviation `sqrt(rate / (1 - rate))`, that of dropout's mask.
///
/// # Shapes
/// - input and output: `[batch, ..]`
///
/// Source: Srivastava et al. 2014; `keras.layers.GaussianDropout`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::GaussianDropout};
///
/// let network = Sequential::<Flex>::new([2]).add(GaussianDropout::new(0.5)).build()?;
/// let x = Array::from_vec([1, 2], vec![1.0, 2.0])?;
/// assert_eq!(network.predict(&x)?, x);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct GaussianDropout {
    rate: f64,
    seed: Option<u64>,
}

impl Default for GaussianDropout {
    fn default() -> Self {
        Self::new(0.5)
    }
}

impl GaussianDropout {
    /// The noise of a dropout of `rate`.
    pub fn new(rate: f64) -> Self {
        Self { rate, seed: None }
    }

    setters! {
        /// A seed of the layer's own.
        seed: Some(u64),
    }
}

impl Layer for GaussianDropout {
    const CLASS_NAME: &'static str = "GaussianDropout";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        check_finite_rate(self.rate)?;
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        if !context.training() || self.rate == 0.0 {
            return Ok(x);
        }
        let x = x.float();
        let deviation = (self.rate / (1.0 - self.rate)).sqrt();
        let noise = normal(&x, 1.0, deviation, stream(context, self.seed));
        Ok(x.mul(noise).into())
    }
}

/// In training dropped elements become `a'`, the value that SELU tends to far below 0, and `y = a x + b` with the
/// `a` and `b` that keep mean 0 and variance 1.
///
/// # Shapes
/// - input and output: `[batch, ..]`
/// - `noise_shape`, batch axis included: see [`Dropout`](super::Dropout)
///
/// Source: Klambauer et al. 2017; `keras.layers.AlphaDropout`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::AlphaDropout};
///
/// let network = Sequential::<Flex>::new([2]).add(AlphaDropout::new(0.5)).build()?;
/// let x = Array::from_vec([1, 2], vec![1.0, 2.0])?;
/// assert_eq!(network.predict(&x)?, x);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AlphaDropout {
    rate: f64,
    noise_shape: Option<Vec<Option<usize>>>,
    seed: Option<u64>,
}

impl Default for AlphaDropout {
    fn default() -> Self {
        Self::new(0.5)
    }
}

impl AlphaDropout {
    /// A layer that drops a fraction `rate` of the elements.
    pub fn new(rate: f64) -> Self {
        Self { rate, noise_shape: None, seed: None }
    }

    setters! {
        /// A seed of the layer's own.
        seed: Some(u64),
    }

    /// The shape of the mask, batch axis included: 1 or the input's length (`None`) an axis.
    pub fn noise_shape(mut self, shape: impl Into<Vec<Option<usize>>>) -> Self {
        self.noise_shape = Some(shape.into());
        self
    }

    fn dropout(&self) -> super::Dropout {
        let dropout = super::Dropout::new(self.rate);
        match &self.noise_shape {
            Some(shape) => dropout.noise_shape(shape.clone()),
            None => dropout,
        }
    }
}

/// `-1.6732632423543772 * 1.0507009873554805`.
const SELU_FLOOR: f64 = -1.758_099_340_847_376_6;

impl Layer for AlphaDropout {
    const CLASS_NAME: &'static str = "AlphaDropout";

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        check_finite_rate(self.rate)?;
        self.dropout().build(input, weights)
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        if !context.training() || self.rate == 0.0 {
            return Ok(x);
        }
        let x = x.float();
        let a = ((1.0 - self.rate) * (1.0 + self.rate * SELU_FLOOR.powi(2))).sqrt().recip();
        let b = -a * SELU_FLOOR * self.rate;
        let shape = self.dropout().mask_shape(&x.shape())?;
        let mut drawn = vec![0.0; shape.iter().product()];
        stream(context, self.seed).fill_uniform(&mut drawn);
        let kept = |u: &f32| f64::from(*u) >= self.rate;
        let factor = drawn.iter().map(|u| if kept(u) { a as f32 } else { 0.0 }).collect();
        let shift = drawn.iter().map(|u| if kept(u) { b } else { a * SELU_FLOOR + b } as f32).collect();
        let [factor, shift] = [factor, shift].map(|values| DynTensor::from_vec(values, &shape, &x.device()));
        Ok(x.mul(factor).add(shift).into())
    }
}

/// Normal values of the shape of `like`.
fn normal<B: Backend>(like: &DynTensor<B>, mean: f64, deviation: f64, mut random: Philox) -> DynTensor<B> {
    let value = |_| (mean + deviation * f64::from(random.normal())) as f32;
    DynTensor::from_vec((0..like.len()).map(value).collect(), &like.shape(), &like.device())
}

fn check_finite_rate(rate: f64) -> Result<()> {
    match rate {
        0.0..1.0 => Ok(()),
        _ => Err(Error::argument("rate", rate, "a number from 0 to below 1")),
    }
}
