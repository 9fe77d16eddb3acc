//! [`Embedding`]: a learned vector for each index.

use fornax_core::{Backend, Error, Result, Value};
use serde::{Deserialize, Serialize};

use crate::{Constraint, Context, Initializer, Layer, Regularizer, Shape, WeightSpecs};

/// `y[.., :] = embeddings[x[..], :]`.
///
/// With `mask_zero`, index 0 is padding: the output carries a mask that leaves it out. Indices that come from the
/// host carry their range, which is checked without a look at the device.
///
/// # Shapes
/// - input: `[batch, ..]`, indices below `input_dim`
/// - output: `[batch, .., output_dim]`
/// - weights: `embeddings [input_dim, output_dim]`
///
/// Defaults: vectors uniform within 0.05, no mask. Source: `keras.layers.Embedding`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::Embedding};
///
/// let mut network = Sequential::<Flex>::new([2]).add(Embedding::new(3, 2)).build()?;
/// let table = Array::from_vec([3, 2], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0])?;
/// network.set_weight("embedding/embeddings", &table)?;
/// assert_eq!(network.predict(&Array::from_i32([1, 2], vec![2, 0])?)?.to_f32(), [4.0, 5.0, 0.0, 1.0]);
///
/// let error = network.predict(&Array::from_i32([1, 2], vec![0, 3])?).unwrap_err();
/// assert_eq!(error.to_string(), "layer embedding (Embedding): index: found 3, wanted 0 to 2 (input_dim 3)");
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Embedding {
    input_dim: usize,
    output_dim: usize,
    embeddings_initializer: Initializer,
    embeddings_regularizer: Option<Regularizer>,
    embeddings_constraint: Option<Constraint>,
    mask_zero: bool,
}

impl Default for Embedding {
    fn default() -> Self {
        Self::new(1, 1)
    }
}

impl Embedding {
    /// Vectors of `output_dim` elements for the indices below `input_dim`.
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        Self {
            input_dim,
            output_dim,
            embeddings_initializer: Initializer::RandomUniform { minval: -0.05, maxval: 0.05 },
            embeddings_regularizer: None,
            embeddings_constraint: None,
            mask_zero: false,
        }
    }

    setters! {
        /// Where the vectors start.
        embeddings_initializer: Initializer,
        /// A penalty on the vectors.
        embeddings_regularizer: Some(Regularizer),
        /// A projection of the vectors after each step.
        embeddings_constraint: Some(Constraint),
        /// Whether index 0 is padding.
        mask_zero: bool,
    }

    fn check_range(&self, range: Option<(i32, i32)>) -> Result<()> {
        let Some((least, most)) = range else { return Ok(()) };
        let bad = if least < 0 { least } else { most };
        match usize::try_from(bad) {
            Ok(index) if index < self.input_dim => Ok(()),
            _ => {
                let wanted = format!("0 to {} (input_dim {})", self.input_dim - 1, self.input_dim);
                Err(Error::data("index", bad, wanted))
            }
        }
    }
}

impl Layer for Embedding {
    const CLASS_NAME: &'static str = "Embedding";

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        for (name, value) in [("input_dim", self.input_dim), ("output_dim", self.output_dim)] {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least 1"));
            }
        }
        weights
            .add("embeddings", &[self.input_dim, self.output_dim], self.embeddings_initializer)
            .regularizer(self.embeddings_regularizer)
            .constraint(self.embeddings_constraint);
        let mut axes = input.axes().to_vec();
        axes.push(Some(self.output_dim));
        Ok(axes.into())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        self.check_range(x.index_range())?;
        let indices = x.indices();
        let mask = self.mask_zero.then(|| indices.equal_scalar(0).not());
        Ok(context.lookup_by_place("embeddings", indices).with_mask(mask))
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}
