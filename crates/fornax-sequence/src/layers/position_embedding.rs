//! [`PositionEmbedding`]: a learned vector for each position.

use fornax_core::{Backend, Error, Result, Value};
use fornax_layers::{Context, Initializer, Layer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

/// `y[t, :] = embeddings[t, :]`: what is added to an embedding so that it tells its position.
///
/// # Shapes
/// - input and output: `[batch, time, features]`, `time` up to `sequence_length`; the values of the input do not
///   matter
/// - weights: `embeddings [sequence_length, features]`
///
/// Default: `GlorotUniform`. Source: Gehring et al. 2017; `keras_hub.layers.PositionEmbedding`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::Sequential;
/// use fornax_sequence::layers::PositionEmbedding;
///
/// let mut network = Sequential::<Flex>::new([None, Some(1)]).add(PositionEmbedding::new(3)).build()?;
/// let table = Array::from_vec([3, 1], vec![1.0, 2.0, 3.0])?;
/// network.set_weight("position_embedding/embeddings", &table)?;
/// assert_eq!(network.predict(&Array::from_vec([1, 2, 1], vec![0.0; 2])?)?.to_f32(), [1.0, 2.0]);
/// let error = network.predict(&Array::from_vec([1, 4, 1], vec![0.0; 4])?).unwrap_err();
/// assert!(error.to_string().contains("found 4 steps, wanted at most 3"), "{error}");
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct PositionEmbedding {
    sequence_length: usize,
    initializer: Initializer,
}

impl Default for PositionEmbedding {
    fn default() -> Self {
        Self::new(1)
    }
}

impl PositionEmbedding {
    /// Vectors for the positions below `sequence_length`.
    pub fn new(sequence_length: usize) -> Self {
        Self { sequence_length, initializer: Initializer::GlorotUniform }
    }

    setters! {
        /// Where the vectors start.
        initializer: Initializer,
    }

    fn check(&self, steps: usize) -> Result<()> {
        match steps <= self.sequence_length {
            true => Ok(()),
            false => {
                let wanted = format!("at most {}, the sequence_length", self.sequence_length);
                Err(Error::shape("input", format!("{steps} steps"), wanted))
            }
        }
    }
}

impl Layer for PositionEmbedding {
    const CLASS_NAME: &'static str = "PositionEmbedding";

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        super::projections::at_least_one(&[("sequence_length", self.sequence_length)])?;
        input.expect_rank(2, "[time, features]")?;
        input.axes()[0].map_or(Ok(()), |steps| self.check(steps))?;
        weights.add("embeddings", &[self.sequence_length, input.last()?], self.initializer);
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let shape = x.shape();
        self.check(shape[1])?;
        let table = context.weight("embeddings").slice(0, 0, shape[1], 1);
        Ok(table.reshape(&[1, shape[1], shape[2]]).expand(&shape).into())
    }
}
