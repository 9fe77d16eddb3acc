//! [`MultiHeadAttention`]: dot-product attention by several heads.

use fornax_core::{Backend, Result, Value};
use fornax_layers::{Constraint, Context, Initializer, MultiLayer, Regularizer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::projections::{Heads, Projections, at_least_one, projection_setters};
use super::roles::Roles;

/// `y = concat_h(softmax(q_h k_hᵀ / sqrt(key_dim)) v_h) W_o + b_o` with `q_h = x_q W_q,h + b_q,h` and so on.
///
/// Inputs are `x` (self-attention), or `[query, value]`, `[query, value, key]`, `[query, value, key, attention_mask]`
/// as in Keras; `attention_mask` is not 0 where a query sees a key. Keys that the masks of value and key leave out
/// are not seen; the output carries the query's mask. A query that sees nothing gets the output bias. The blocked
/// kernel keeps no attention scores, so that there is no `return_attention_scores`; `attention_axes` is the time
/// axis.
///
/// # Shapes
/// - query: `[batch, queries, features]`; value and key: `[batch, keys, features]`, of widths of their own
/// - attention mask: `[batch, queries, keys]` or `[batch, heads, queries, keys]`
/// - output: `[batch, queries, output_shape]`
/// - weights: `query/kernel [features, heads, key_dim]`, `query/bias [heads, key_dim]`, `key` alike, `value` with
///   `value_dim`, `attention_output/kernel [heads, value_dim, output_shape]`, `attention_output/bias [output_shape]`
///
/// Defaults: `value_dim` is `key_dim`, `output_shape` the query's features, no dropout, with biases,
/// `GlorotUniform` kernels, zero biases. Source: Vaswani et al. 2017; `keras.layers.MultiHeadAttention`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::Sequential;
/// use fornax_sequence::layers::MultiHeadAttention;
///
/// let layer = MultiHeadAttention::new(1, 1).use_bias(false).use_causal_mask(true);
/// let mut network = Sequential::<Flex>::new([2, 1]).add(layer).build()?;
/// for (name, value) in [("query", 0.0), ("key", 0.0), ("value", 1.0), ("attention_output", 1.0)] {
///     let kernel = Array::from_vec([1, 1, 1], vec![value])?;
///     network.set_weight(&format!("multi_head_attention/{name}/kernel"), &kernel)?;
/// }
/// // With equal scores a step is the mean of those up to it.
/// assert_eq!(network.predict(&Array::from_vec([1, 2, 1], vec![1.0, 3.0])?)?.to_f32(), [1.0, 2.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct MultiHeadAttention {
    num_heads: usize,
    key_dim: usize,
    value_dim: Option<usize>,
    output_shape: Option<usize>,
    #[serde(flatten)]
    projections: Projections,
}

impl Default for MultiHeadAttention {
    fn default() -> Self {
        Self::new(1, 1)
    }
}

impl MultiHeadAttention {
    /// `num_heads` heads with queries and keys of `key_dim` elements.
    pub fn new(num_heads: usize, key_dim: usize) -> Self {
        Self { num_heads, key_dim, value_dim: None, output_shape: None, projections: Projections::default() }
    }

    setters! {
        /// The width of a head's values.
        value_dim: Some(usize),
        /// The width of the output.
        output_shape: Some(usize),
    }
    projection_setters!();
}

impl MultiLayer for MultiHeadAttention {
    const NAME: &'static str = "MultiHeadAttention";

    fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let value_dim = self.value_dim.unwrap_or(self.key_dim);
        at_least_one(&[("num_heads", self.num_heads), ("key_dim", self.key_dim), ("value_dim", value_dim)])?;
        let roles = Roles::new(inputs)?;
        let widths = roles.check()?;
        let outputs = self.output_shape.unwrap_or(widths[0]);
        let heads = Heads::equal(self.num_heads, self.key_dim, value_dim);
        self.projections.build("", heads, widths, outputs, weights)?;
        Ok(vec![roles.query.with_last(outputs)])
    }

    fn call_all<B: Backend>(
        &self,
        inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        Ok(vec![self.projections.call(Roles::new(&inputs)?, context)?])
    }
}
