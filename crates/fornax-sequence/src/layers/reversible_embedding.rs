//! [`ReversibleEmbedding`]: an embedding whose table also makes logits.

use fornax_core::ops::Activation;
use fornax_core::{Backend, Result, Value};
use fornax_layers::{Context, Initializer, Layer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::ids::check_ids;
use super::projections::at_least_one;

/// `y[t, :] = embeddings[x[t], :]` of ids; of vectors the logits `y[t, i] = x[t, :] · embeddings[i, :]`. A layer that is applied to
/// both (by [`Shared`](fornax_layers::Shared)) ties the output of a model to its input.
///
/// # Shapes
/// - ids: `[batch, time]`, below `input_dim`; their output: `[batch, time, output_dim]`
/// - vectors: `[batch, time, output_dim]`; their output: `[batch, time, input_dim]`
/// - weights: `embeddings [input_dim, output_dim]`
///
/// Default: vectors uniform within 0.05. Source: Press and Wolf, *Using the output embedding to improve language models*, EACL 2017;
/// `keras_hub.layers.ReversibleEmbedding`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Functional, Shared, input};
/// use fornax_sequence::layers::ReversibleEmbedding;
///
/// let ids = input::<Flex>([2]);
/// let embedding = Shared::new(ReversibleEmbedding::new(3, 2));
/// let logits = embedding.apply(&embedding.apply(&ids)?)?;
/// let mut network = Functional::new(&ids, &logits).build()?;
/// let table = Array::from_vec([3, 2], vec![1.0, 0.0, 0.0, 2.0, 3.0, 1.0])?;
/// network.set_weight("reversible_embedding/embeddings", &table)?;
/// let logits = network.predict(&Array::from_i32([1, 2], vec![1, 2])?)?;
/// assert_eq!(logits.to_f32(), [0.0, 4.0, 2.0, 3.0, 2.0, 10.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ReversibleEmbedding {
    input_dim: usize,
    output_dim: usize,
    embeddings_initializer: Initializer,
}

impl Default for ReversibleEmbedding {
    fn default() -> Self {
        Self::new(1, 1)
    }
}

impl ReversibleEmbedding {
    /// Vectors of `output_dim` elements for the ids below `input_dim`.
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        let embeddings_initializer = Initializer::RandomUniform { minval: -0.05, maxval: 0.05 };
        Self { input_dim, output_dim, embeddings_initializer }
    }

    setters! {
        /// Where the vectors start.
        embeddings_initializer: Initializer,
    }
}

impl Layer for ReversibleEmbedding {
    const CLASS_NAME: &'static str = "ReversibleEmbedding";

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        at_least_one(&[("input_dim", self.input_dim), ("output_dim", self.output_dim)])?;
        weights.add("embeddings", &[self.input_dim, self.output_dim], self.embeddings_initializer);
        match *input.axes() {
            [time] => Ok([time, Some(self.output_dim)].into()),
            [time, Some(width)] if width == self.output_dim => Ok([time, Some(self.input_dim)].into()),
            _ => {
                let wanted = format!("[time] of ids, or [time, {}] of vectors", self.output_dim);
                Err(fornax_core::Error::shape("input", input, wanted))
            }
        }
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        if x.rank() == 2 {
            check_ids("input", &x, self.input_dim)?;
            return Ok(context.lookup("embeddings", x.indices()).into());
        }
        let kernel = context.weight("embeddings").t();
        Ok(B::dense(x.float(), kernel, None, Activation::Linear).into())
    }
}
