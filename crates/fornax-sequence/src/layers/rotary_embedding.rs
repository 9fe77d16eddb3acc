//! [`RotaryEmbedding`]: positions as rotations of pairs of features.

use fornax_core::{Backend, DynTensor, Error, Result, Value};
use fornax_layers::{Context, Layer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

/// Rotates the pair of features `i` and `i + width / 2` of step `t` by the angle
/// `t max_wavelength^(-2 i / width)`, so that products of queries and keys depend on distances only.
///
/// # Shapes
/// - input and output: `[batch, time, ..., features]`, an even number of features
///
/// Default: 10 000. In attention it belongs behind the projections: see the setter `rotary` of the attention layers.
/// Source: Su et al. 2021; the order of features is that of `keras_hub.layers.RotaryEmbedding`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::Sequential;
/// use fornax_sequence::layers::RotaryEmbedding;
///
/// let network = Sequential::<Flex>::new([2, 2]).add(RotaryEmbedding::new()).build()?;
/// let y = network.predict(&Array::from_vec([1, 2, 2], vec![1.0, 0.0, 1.0, 0.0])?)?.to_f32();
/// assert_eq!(y, [1.0, 0.0, 1f32.cos(), 1f32.sin()]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct RotaryEmbedding {
    max_wavelength: f64,
}

impl Default for RotaryEmbedding {
    fn default() -> Self {
        Self { max_wavelength: 10_000.0 }
    }
}

impl RotaryEmbedding {
    /// Wave lengths up to 10 000 steps (times 2 pi).
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// The longest wave length.
        max_wavelength: f64,
    }
}

/// An error unless a width can be rotated.
pub(super) fn check(width: usize, longest: f64) -> Result<()> {
    super::sine_position_encoding::check_wavelength(longest)?;
    match width % 2 {
        0 => Ok(()),
        _ => Err(Error::shape("features", width, "an even number, to be rotated in pairs")),
    }
}

/// `x [batch, time, .., width]` rotated; its first step has the position `offset`.
pub(super) fn rotate<B: Backend>(x: DynTensor<B>, offset: usize, longest: f64) -> DynTensor<B> {
    let shape = x.shape();
    let (steps, width, last) = (shape[1], shape[shape.len() - 1], shape.len() - 1);
    let half = width / 2;
    let angles = |f: fn(f64) -> f64| {
        let values = (offset..offset + steps).flat_map(|step| {
            (0..half).map(move |i| f(step as f64 * longest.powf(-2.0 * i as f64 / width as f64)) as f32)
        });
        let mut shape = vec![1; last + 1];
        (shape[1], shape[last]) = (steps, half);
        DynTensor::from_vec(values.collect(), &shape, &x.device())
    };
    let (cos, sin) = (angles(f64::cos), angles(f64::sin));
    let (a, b) = (x.clone().slice(last, 0, half, 1), x.slice(last, half, width, 1));
    let first = a.clone().mul(cos.clone()).sub(b.clone().mul(sin.clone()));
    DynTensor::concatenate(vec![first, b.mul(cos).add(a.mul(sin))], last)
}

impl Layer for RotaryEmbedding {
    const CLASS_NAME: &'static str = "RotaryEmbedding";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        if input.rank() < 2 {
            return Err(Error::shape(
                "input",
                format!("shape {input}"),
                "[time, .., features] behind the batch axis",
            ));
        }
        check(input.last()?, self.max_wavelength)?;
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, _context: &mut Context<'_, B>) -> Result<Value<B>> {
        Ok(rotate(x.float(), 0, self.max_wavelength).into())
    }
}
