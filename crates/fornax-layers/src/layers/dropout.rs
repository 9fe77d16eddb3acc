//! [`Dropout`] and the spatial forms that drop whole channels.

use fornax_core::{Backend, Error, Philox, Result, Value};
use serde::{Deserialize, Serialize};

use crate::{Context, Layer, Shape, WeightSpecs};

/// In training `y = x m / (1 - rate)` with a mask `m` that is 0 with probability `rate`; else `y = x`.
///
/// # Shapes
/// - input and output: `[batch, ..]`
/// - `noise_shape`, batch axis included: length 1 where one draw holds along the axis, `None` the input's length
///
/// Defaults: a draw an element, the model's seed. Source: Srivastava et al. 2014; `keras.layers.Dropout`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Philox, Value};
/// use fornax_layers::{Sequential, layers::Dropout};
///
/// let mut network = Sequential::<Flex>::new([1000]).add(Dropout::new(0.25)).build()?;
/// let x = Array::from_vec([1, 1000], vec![3.0; 1000])?;
/// assert_eq!(network.predict(&x)?, x);
///
/// let lifted = network.lift();
/// let (y, _) = network.train(&lifted, vec![Value::from_array(&x, network.device())], Philox::new(1))?;
/// let y = y[0].to_array().to_f32();
/// assert!(y.iter().all(|&y| y == 0.0 || y == 4.0));
/// let dropped = y.iter().filter(|&&y| y == 0.0).count();
/// assert!((210..290).contains(&dropped));
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Dropout {
    rate: f64,
    noise_shape: Option<Vec<Option<usize>>>,
    seed: Option<u64>,
}

impl Default for Dropout {
    fn default() -> Self {
        Self::new(0.5)
    }
}

impl Dropout {
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

    pub(super) fn mask_shape(&self, x: &[usize]) -> Result<Vec<usize>> {
        let Some(wanted) = &self.noise_shape else { return Ok(x.to_vec()) };
        let fits = |(wanted, len): (&Option<usize>, &usize)| match *wanted {
            None => Some(*len),
            Some(1) => Some(1),
            Some(wanted) => (wanted == *len).then_some(wanted),
        };
        let mask: Option<Vec<usize>> = wanted.iter().zip(x).map(fits).collect();
        mask.filter(|mask| mask.len() == x.len() && wanted.len() == x.len()).ok_or_else(|| {
            Error::shape(
                "noise_shape",
                format!("{wanted:?}"),
                format!("1 or the length of each axis of {x:?}"),
            )
        })
    }
}

impl Layer for Dropout {
    const CLASS_NAME: &'static str = "Dropout";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        check_rate(self.rate)?;
        if let Some(wanted) = &self.noise_shape {
            // What is not known yet is checked at the call.
            let axes = std::iter::once(&None).chain(input.axes()).zip(wanted);
            let sample: Vec<usize> = axes.map(|(len, wanted)| len.or(*wanted).unwrap_or(1)).collect();
            if wanted.len() != input.rank() + 1 {
                let found = format!("{wanted:?}");
                return Err(Error::shape("noise_shape", found, format!("as many axes as {input}")));
            }
            self.mask_shape(&sample)?;
        }
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        if !context.training() || self.rate == 0.0 {
            return Ok(x);
        }
        let x = x.float();
        let mask = self.mask_shape(&x.shape())?;
        Ok(B::dropout(x, self.rate, &mask, stream(context, self.seed)).into())
    }
}

/// The generator of a random layer: the step's own, under the layer's seed where it has one.
pub(super) fn stream<B: Backend>(context: &Context<'_, B>, seed: Option<u64>) -> Philox {
    match seed {
        Some(seed) => context.random().reseeded(seed),
        None => context.random(),
    }
}

/// An error unless the rate is a probability.
fn check_rate(rate: f64) -> Result<()> {
    match rate {
        0.0..=1.0 => Ok(()),
        _ => Err(Error::argument("rate", rate, "a number from 0 to 1")),
    }
}

macro_rules! spatial {
    ($(#[$doc:meta])* $name:ident, $class:literal, $rank:literal, $axes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            rate: f64,
            seed: Option<u64>,
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new(0.5)
            }
        }

        impl $name {
            /// A layer that drops a fraction `rate` of the channels.
            pub fn new(rate: f64) -> Self {
                Self { rate, seed: None }
            }

            setters! {
                /// A seed of the layer's own.
                seed: Some(u64),
            }
        }

        impl Layer for $name {
            const CLASS_NAME: &'static str = $class;

            fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
                check_rate(self.rate)?;
                input.expect_rank($rank, $axes)?;
                Ok(input.clone())
            }

            fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
                if !context.training() || self.rate == 0.0 {
                    return Ok(x);
                }
                let x = x.float();
                let mut mask = x.shape();
                mask[1..=$rank - 1].fill(1);
                Ok(B::dropout(x, self.rate, &mask, stream(context, self.seed)).into())
            }
        }
    };
}

spatial! {
    /// [`Dropout`] of whole channels of a sequence: one draw for all time steps.
    ///
    /// # Shapes
    /// - input and output: `[batch, time, channels]`
    ///
    /// Source: Tompson et al. 2014; `keras.layers.SpatialDropout1D`.
    SpatialDropout1D, "SpatialDropout1D", 2, "[time, channels]"
}

spatial! {
    /// [`Dropout`] of whole channels of an image: one draw for all positions.
    ///
    /// # Shapes
    /// - input and output: `[batch, height, width, channels]`
    ///
    /// Source: Tompson et al. 2014; `keras.layers.SpatialDropout2D`.
    SpatialDropout2D, "SpatialDropout2D", 3, "[height, width, channels]"
}

spatial! {
    /// [`Dropout`] of whole channels of a volume: one draw for all positions.
    ///
    /// # Shapes
    /// - input and output: `[batch, depth, height, width, channels]`
    ///
    /// Source: Tompson et al. 2014; `keras.layers.SpatialDropout3D`.
    SpatialDropout3D, "SpatialDropout3D", 4, "[depth, height, width, channels]"
}
