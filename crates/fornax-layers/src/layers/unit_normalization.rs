//! [`UnitNormalization`] and [`RMSNormalization`]: samples scaled by their length.

use fornax_core::{Backend, DynTensor, Result, Value};
use serde::{Deserialize, Serialize};

use super::batch_normalization::check_epsilon;
use super::last_axes;
use crate::{Axis, Context, Initializer, Layer, Shape, WeightSpecs};

/// `y = x / |x|`, the Euclidean norm over `axis`; zeros stay zeros.
///
/// # Shapes
/// - input and output: `[batch, ..]`
///
/// Default: the last axis. Source: `keras.layers.UnitNormalization`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::UnitNormalization};
///
/// let network = Sequential::<Flex>::new([2]).add(UnitNormalization::new()).build()?;
/// let y = network.predict(&Array::from_vec([2, 2], vec![3.0, 4.0, 0.0, 0.0])?)?;
/// assert_eq!(y.to_f32(), [0.6, 0.8, 0.0, 0.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitNormalization {
    axis: Axis,
}

impl Default for UnitNormalization {
    fn default() -> Self {
        Self { axis: (-1).into() }
    }
}

impl UnitNormalization {
    /// Over the last axis.
    pub fn new() -> Self {
        Self::default()
    }

    /// The axis or axes of the norm.
    pub fn axis(mut self, axis: impl Into<Axis>) -> Self {
        self.axis = axis.into();
        self
    }
}

/// Norms below 1e-12 count as 1e-12.
const SMALLEST_SQUARE: f64 = 1e-24;

impl Layer for UnitNormalization {
    const CLASS_NAME: &'static str = "UnitNormalization";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        self.axis.resolve_behind_batch(input.rank() + 1)?;
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, _context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let axes = self.axis.resolve_behind_batch(x.rank())?;
        let squares = axes.into_iter().fold(x.clone().square(), DynTensor::sum_axis);
        Ok(x.div(squares.clamp_min(SMALLEST_SQUARE).sqrt()).into())
    }
}

/// `y = scale x / sqrt(mean(x²) + epsilon)`, the mean over `axis`.
///
/// # Shapes
/// - input and output: `[batch, ..]`
/// - weights: `scale`, of the lengths of `axis`
///
/// Defaults: the last axis, epsilon 1e-6. Source: Zhang and Sennrich 2019; `keras.layers.RMSNormalization`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::RMSNormalization};
///
/// let network = Sequential::<Flex>::new([2]).add(RMSNormalization::new().epsilon(0.0)).build()?;
/// let y = network.predict(&Array::from_vec([1, 2], vec![1.0, 7.0])?)?;
/// assert_eq!(y.to_f32(), [0.2, 1.4]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct RMSNormalization {
    axis: Axis,
    epsilon: f64,
}

impl Default for RMSNormalization {
    fn default() -> Self {
        Self { axis: (-1).into(), epsilon: 1e-6 }
    }
}

impl RMSNormalization {
    /// Over the last axis.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// What keeps the division finite.
        epsilon: f64,
    }

    /// The axis or axes of the mean.
    pub fn axis(mut self, axis: impl Into<Axis>) -> Self {
        self.axis = axis.into();
        self
    }
}

impl Layer for RMSNormalization {
    const CLASS_NAME: &'static str = "RMSNormalization";

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        check_epsilon(self.epsilon)?;
        let axes = self.axis.resolve_behind_batch(input.rank() + 1)?;
        let shape = axes.into_iter().map(|axis| input.known(axis - 1)).collect::<Result<Vec<_>>>()?;
        weights.add("scale", &shape, Initializer::Ones);
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let axes = self.axis.resolve_behind_batch(x.rank())?;
        let (order, back) = last_axes(x.rank(), &axes);
        let x = x.permute(&order);
        let shape = x.shape();
        let scale = context.row("scale");
        let len = scale.len();
        let rows = x.len() / len.max(1);
        let rows = x.reshape(&[rows, len]);
        let size = rows.clone().square().mean_axis(1).add_scalar(self.epsilon).sqrt();
        Ok(rows.div(size).mul(scale).reshape(&shape).permute(&back).into())
    }
}
