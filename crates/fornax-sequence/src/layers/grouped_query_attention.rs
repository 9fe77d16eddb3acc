//! [`GroupedQueryAttention`]: dot-product attention in which several heads share a key and a value head.

use fornax_core::{Backend, Error, Result, Value};
use fornax_layers::{Constraint, Context, Initializer, MultiLayer, Regularizer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::projections::{Heads, Projections, at_least_one, projection_setters};
use super::roles::Roles;

/// [`MultiHeadAttention`](super::MultiHeadAttention) with fewer heads of keys and values than of queries: query head
/// `h` attends by key head `h / (num_query_heads / num_key_value_heads)`, which is not copied for it.
///
/// # Shapes
/// - inputs and output: those of `MultiHeadAttention`
/// - weights: `query/kernel [features, query heads, head_dim]`, `key/kernel` and `value/kernel`
///   `[features, key heads, head_dim]`, `attention_output/kernel [query heads, head_dim, features]`, with biases
///
/// Defaults: no dropout, with biases, `GlorotUniform` kernels, zero biases. Source: Ainslie et al. 2023;
/// `keras.layers.GroupQueryAttention`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::Flex;
/// use fornax_layers::Sequential;
/// use fornax_sequence::layers::GroupedQueryAttention;
///
/// let network = Sequential::<Flex>::new([7, 16]).add(GroupedQueryAttention::new(4, 6, 2)).build()?;
/// // Queries and output of 6 heads, keys and values of 2.
/// assert_eq!(network.parameter_count(), (16 * 24 + 24) + 2 * (16 * 8 + 8) + (24 * 16 + 16));
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupedQueryAttention {
    head_dim: usize,
    num_query_heads: usize,
    num_key_value_heads: usize,
    #[serde(flatten)]
    projections: Projections,
}

impl Default for GroupedQueryAttention {
    fn default() -> Self {
        Self::new(1, 1, 1)
    }
}

impl GroupedQueryAttention {
    /// `num_query_heads` heads of queries over `num_key_value_heads` heads of keys and values of `head_dim` elements.
    pub fn new(head_dim: usize, num_query_heads: usize, num_key_value_heads: usize) -> Self {
        Self { head_dim, num_query_heads, num_key_value_heads, projections: Projections::default() }
    }

    projection_setters!();
}

impl MultiLayer for GroupedQueryAttention {
    const NAME: &'static str = "GroupedQueryAttention";

    fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let (heads, key_heads) = (self.num_query_heads, self.num_key_value_heads);
        let named =
            [("head_dim", self.head_dim), ("num_query_heads", heads), ("num_key_value_heads", key_heads)];
        at_least_one(&named)?;
        if heads % key_heads != 0 {
            let wanted = format!("a multiple of num_key_value_heads, {key_heads}");
            return Err(Error::argument("num_query_heads", heads, wanted));
        }
        let roles = Roles::new(inputs)?;
        let widths = roles.check()?;
        let heads = Heads { heads, key_heads, width: self.head_dim, value_width: self.head_dim };
        self.projections.build("", heads, widths, widths[0], weights)?;
        Ok(vec![roles.query.clone()])
    }

    fn call_all<B: Backend>(
        &self,
        inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        Ok(vec![self.projections.call(Roles::new(&inputs)?, context)?])
    }
}
