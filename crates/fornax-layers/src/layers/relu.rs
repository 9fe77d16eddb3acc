//! [`ReLU`], [`LeakyReLU`] and [`ELU`]: rectifiers with constants of their own.

use fornax_core::{Backend, Error, Result, Value, ops::Activation};
use serde::{Deserialize, Serialize};

use crate::{Context, Layer, Shape, WeightSpecs};

/// `min(x, max_value)` where `x > threshold`, else `negative_slope (x - threshold)`.
///
/// # Shapes
/// - input and output: `[batch, ..]`
///
/// Defaults: no largest value, slope 0, threshold 0. Source: `keras.layers.ReLU`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::ReLU};
///
/// let relu = ReLU::new().max_value(4.0).negative_slope(0.5).threshold(1.0);
/// let network = Sequential::<Flex>::new([3]).add(relu).build()?;
/// let y = network.predict(&Array::from_vec([1, 3], vec![-1.0, 2.0, 9.0])?)?;
/// assert_eq!(y.to_f32(), [-1.0, 2.0, 4.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReLU {
    max_value: Option<f64>,
    negative_slope: f64,
    threshold: f64,
}

impl ReLU {
    /// `max(x, 0)`.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// The largest output.
        max_value: Some(f64),
        /// The slope below the threshold.
        negative_slope: f64,
        /// Where the function leaves zero.
        threshold: f64,
    }
}

impl Layer for ReLU {
    const CLASS_NAME: &'static str = "ReLU";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        not_negative("max_value", self.max_value.unwrap_or(0.0))?;
        not_negative("negative_slope", self.negative_slope)?;
        not_negative("threshold", self.threshold)?;
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, _context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let below = match self.negative_slope {
            0.0 => None,
            slope => Some(x.clone().add_scalar(-self.threshold).clamp_max(0.0).mul_scalar(slope)),
        };
        let above = match self.threshold {
            0.0 => B::activate(x, Activation::Relu),
            threshold => {
                let low = x.less_equal_scalar(threshold);
                x.fill_where(low, 0.0)
            }
        };
        let above = match self.max_value {
            Some(most) => above.clamp_max(most),
            None => above,
        };
        Ok(match below {
            Some(below) => above.add(below),
            None => above,
        }
        .into())
    }
}

/// `x` where positive, else `negative_slope x`.
///
/// # Shapes
/// - input and output: `[batch, ..]`
///
/// Default slope 0.3, unlike the function `leaky_relu` with 0.2. Source: `keras.layers.LeakyReLU`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::LeakyReLU};
///
/// let network = Sequential::<Flex>::new([2]).add(LeakyReLU::new().negative_slope(0.25)).build()?;
/// let y = network.predict(&Array::from_vec([1, 2], vec![-4.0, 4.0])?)?;
/// assert_eq!(y.to_f32(), [-1.0, 4.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LeakyReLU {
    #[serde(alias = "alpha")]
    negative_slope: f64,
}

impl Default for LeakyReLU {
    fn default() -> Self {
        Self { negative_slope: 0.3 }
    }
}

impl LeakyReLU {
    /// A slope of 0.3.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// The slope below 0.
        negative_slope: f64,
    }
}

impl Layer for LeakyReLU {
    const CLASS_NAME: &'static str = "LeakyReLU";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        not_negative("negative_slope", self.negative_slope)?;
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, _context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let below = x.clone().clamp_max(0.0).mul_scalar(self.negative_slope);
        Ok(x.clamp_min(0.0).add(below).into())
    }
}

/// `x` where positive, else `alpha (e^x - 1)`.
///
/// # Shapes
/// - input and output: `[batch, ..]`
///
/// Default `alpha` 1. Source: Clevert et al. 2016; `keras.layers.ELU`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::ELU};
///
/// let network = Sequential::<Flex>::new([2]).add(ELU::new().alpha(2.0)).build()?;
/// let y = network.predict(&Array::from_vec([1, 2], vec![-100.0, 3.0])?)?;
/// assert_eq!(y.to_f32(), [-2.0, 3.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ELU {
    alpha: f64,
}

impl Default for ELU {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl ELU {
    /// An `alpha` of 1.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// What the function tends to far below 0, negated.
        alpha: f64,
    }
}

impl Layer for ELU {
    const CLASS_NAME: &'static str = "ELU";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, _context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        if self.alpha == 1.0 {
            return Ok(B::activate(x, Activation::Elu).into());
        }
        let below = x.clone().clamp_max(0.0).exp().add_scalar(-1.0).mul_scalar(self.alpha);
        Ok(x.clamp_min(0.0).add(below).into())
    }
}

fn not_negative(name: &str, value: f64) -> Result<()> {
    if value >= 0.0 { Ok(()) } else { Err(Error::argument(name, value, "at least 0")) }
}
