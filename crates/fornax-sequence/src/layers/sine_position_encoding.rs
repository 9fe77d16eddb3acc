//! [`SinePositionEncoding`]: positions as sines and cosines.

use fornax_core::{Backend, DynTensor, Error, Result, Value};
use fornax_layers::{Context, Layer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

/// `y[t, 2i] = sin(t w_i)`, `y[t, 2i + 1] = cos(t w_i)` with `w_i = max_wavelength^(-2 i / features)`: what is added
/// to an embedding so that it tells its position.
///
/// # Shapes
/// - input and output: `[batch, time, features]`; the values of the input do not matter
///
/// Default: 10 000. Source: Vaswani et al. 2017; `keras_hub.layers.SinePositionEncoding`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Apply, Functional, input, layers::Add};
/// use fornax_sequence::layers::SinePositionEncoding;
///
/// let x = input::<Flex>([2, 2]);
/// let y = Add.apply([&x, &SinePositionEncoding::new().apply(&x)?])?;
/// let y = Functional::new(&x, &y).build()?.predict(&Array::from_vec([1, 2, 2], vec![0.5; 4])?)?;
/// assert_eq!(y.to_f32(), [0.5, 1.5, 0.5 + 1f32.sin(), 0.5 + 1f32.cos()]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SinePositionEncoding {
    max_wavelength: f64,
}

impl Default for SinePositionEncoding {
    fn default() -> Self {
        Self { max_wavelength: 10_000.0 }
    }
}

impl SinePositionEncoding {
    /// Wave lengths up to 10 000 steps (times 2 pi).
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// The longest wave length.
        max_wavelength: f64,
    }
}

/// An error unless a wave length is a finite number above 0.
pub(super) fn check_wavelength(longest: f64) -> Result<()> {
    match longest.is_finite() && longest > 0.0 {
        true => Ok(()),
        false => Err(Error::argument("max_wavelength", longest, "a finite number above 0")),
    }
}

/// The encodings `[1, steps, width]` of the positions from `offset` on.
pub(crate) fn encodings<B: Backend>(
    [offset, steps, width]: [usize; 3],
    longest: f64,
    device: &B::Device,
) -> DynTensor<B> {
    let encode = |(step, feature): (usize, usize)| {
        let angle = step as f64 * longest.powf(-((feature / 2 * 2) as f64) / width as f64);
        (if feature % 2 == 0 { angle.sin() } else { angle.cos() }) as f32
    };
    let places = (offset..offset + steps).flat_map(|step| (0..width).map(move |feature| (step, feature)));
    DynTensor::from_vec(places.map(encode).collect(), &[1, steps, width], device)
}

impl Layer for SinePositionEncoding {
    const CLASS_NAME: &'static str = "SinePositionEncoding";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        check_wavelength(self.max_wavelength)?;
        input.expect_rank(2, "[time, features]")?;
        input.last()?;
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, _context: &mut Context<'_, B>) -> Result<Value<B>> {
        let shape = x.shape();
        let y = encodings([0, shape[1], shape[2]], self.max_wavelength, &x.device());
        Ok(y.expand(&shape).into())
    }
}
