//! Integers and numbers as vectors of zeros and ones: [`CategoryEncoding`] and [`Discretization`].
//!
//! Both run on the host, by the transforms of `fornax_data::preprocessing`: no gradient goes through them.

use fornax_core::{Backend, Error, Result, Value};
use fornax_data::preprocessing::{self, OutputMode};
use serde::{Deserialize, Serialize};

use crate::{Context, Layer, Shape, WeightSpecs};

/// Integers below `num_tokens` as vectors of zeros and ones or counts; see
/// [`preprocessing::CategoryEncoding`].
///
/// # Shapes
/// - one-hot: `[batch, .., 1]` to `[batch, .., num_tokens]`, any other `[batch, .., k]` to
///   `[batch, .., k, num_tokens]`
/// - multi-hot and count: `[batch, .., k]` to `[batch, .., num_tokens]`
///
/// Default: multi-hot. Source: `keras.layers.CategoryEncoding`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_data::preprocessing::OutputMode;
/// use fornax_layers::{Sequential, layers::CategoryEncoding};
///
/// let encoding = CategoryEncoding::new(3).output_mode(OutputMode::Count);
/// let network = Sequential::<Flex>::new([2]).add(encoding).build()?;
/// assert_eq!(network.predict(&Array::from_i32([1, 2], vec![2, 2])?)?.to_f32(), [0.0, 0.0, 2.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct CategoryEncoding {
    num_tokens: usize,
    #[serde(with = "ModeName")]
    output_mode: OutputMode,
}

impl Default for CategoryEncoding {
    fn default() -> Self {
        Self::new(1)
    }
}

impl CategoryEncoding {
    /// Multi-hot vectors of `num_tokens` elements.
    pub fn new(num_tokens: usize) -> Self {
        Self { num_tokens, output_mode: OutputMode::MultiHot }
    }

    setters! {
        /// What the vectors hold.
        output_mode: OutputMode,
    }
}

impl Layer for CategoryEncoding {
    const CLASS_NAME: &'static str = "CategoryEncoding";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        preprocessing::CategoryEncoding::new(self.num_tokens, self.output_mode)?;
        Ok(encoded(input, self.num_tokens, self.output_mode))
    }

    fn call<B: Backend>(&self, x: Value<B>, _context: &mut Context<'_, B>) -> Result<Value<B>> {
        let encoding = preprocessing::CategoryEncoding::new(self.num_tokens, self.output_mode)?;
        let device = x.device();
        Ok(Value::from_array(&encoding.apply(&x.to_array())?, &device))
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}

/// What [`Discretization`] makes of the bins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinMode {
    /// The index of the bin.
    #[default]
    Int,
    /// A vector with a 1 at the place of the bin.
    OneHot,
    /// A vector a sample with a 1 at the place of every bin in it.
    MultiHot,
    /// A vector a sample with the number of elements in each bin.
    Count,
}

/// Numbers as the index of the bin between `bin_boundaries` that they fall into, encoded where wanted; see
/// [`preprocessing::Discretization`].
///
/// # Shapes
/// - `Int`: input and output `[batch, ..]`
/// - others: as [`CategoryEncoding`] of the indices, with a bin more than boundaries
///
/// Default: the index. Source: `keras.layers.Discretization`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::Discretization};
///
/// let network = Sequential::<Flex>::new([3]).add(Discretization::new(vec![0.0, 1.0])).build()?;
/// assert_eq!(network.predict(&Array::from_vec([1, 3], vec![-5.0, 0.0, 2.0])?)?.to_f32(), [0.0, 1.0, 2.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Discretization {
    bin_boundaries: Option<Vec<f32>>,
    output_mode: BinMode,
}

impl Discretization {
    /// Bins of known boundaries, ascending.
    pub fn new(bin_boundaries: Vec<f32>) -> Self {
        Self { bin_boundaries: Some(bin_boundaries), output_mode: BinMode::Int }
    }

    setters! {
        /// What becomes of the indices.
        output_mode: BinMode,
    }

    fn bins(&self) -> Result<(preprocessing::Discretization, Option<OutputMode>)> {
        let Some(boundaries) = &self.bin_boundaries else {
            return Err(Error::argument("bin_boundaries", "none", "the boundaries that were fitted"));
        };
        let mode = match self.output_mode {
            BinMode::Int => None,
            BinMode::OneHot => Some(OutputMode::OneHot),
            BinMode::MultiHot => Some(OutputMode::MultiHot),
            BinMode::Count => Some(OutputMode::Count),
        };
        Ok((preprocessing::Discretization::new(boundaries.clone())?, mode))
    }
}

impl From<&preprocessing::Discretization> for Discretization {
    fn from(fitted: &preprocessing::Discretization) -> Self {
        Self::new(fitted.boundaries().to_vec())
    }
}

impl Layer for Discretization {
    const CLASS_NAME: &'static str = "Discretization";

    fn build(&self, input: &Shape, _weights: &mut WeightSpecs) -> Result<Shape> {
        let (bins, mode) = self.bins()?;
        Ok(match mode {
            Some(mode) => encoded(input, bins.bin_count(), mode),
            None => input.clone(),
        })
    }

    fn call<B: Backend>(&self, x: Value<B>, _context: &mut Context<'_, B>) -> Result<Value<B>> {
        let (bins, mode) = self.bins()?;
        let device = x.device();
        let indices = bins.apply(&x.to_array())?;
        let y = match mode {
            Some(mode) => preprocessing::CategoryEncoding::new(bins.bin_count(), mode)?.apply(&indices)?,
            None => indices,
        };
        Ok(Value::from_array(&y, &device))
    }

    fn keeps_mask(&self) -> bool {
        self.output_mode == BinMode::Int
    }
}

/// The shape of encoded integers.
fn encoded(input: &Shape, width: usize, mode: OutputMode) -> Shape {
    let replaces = mode != OutputMode::OneHot || input.axes().last() == Some(&Some(1));
    if replaces {
        return input.with_last(width);
    }
    let mut axes = input.axes().to_vec();
    axes.push(Some(width));
    axes.into()
}

/// Keras's names of the output modes.
#[derive(Serialize, Deserialize)]
#[serde(remote = "OutputMode", rename_all = "snake_case")]
enum ModeName {
    OneHot,
    #[serde(alias = "binary")]
    MultiHot,
    Count,
}
