//! [`Attention`]: attention by dot products, without projections (Luong).

use fornax_core::{Backend, DynTensor, Result, Value};
use fornax_layers::{Context, Initializer, MultiLayer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::single_head::{Call, checked};

/// How [`Attention`] scores a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreMode {
    /// `q k`.
    #[default]
    Dot,
    /// `w sum(tanh(q + k))`.
    Concat,
}

/// `y = softmax(scale q kᵀ) v`, without projections.
///
/// Inputs are `[query, value]` or `[query, value, key]`. Values that the value's mask leaves out are not seen;
/// outputs of masked queries are 0, and the output carries the query's mask. A query that sees nothing gets zeros.
///
/// # Shapes
/// - query: `[batch, queries, features]`; key: `[batch, keys, features]`; value: `[batch, keys, value features]`
/// - output: `[batch, queries, value features]`
/// - weights: `scale [1]` with `use_scale`, `concat_score_weight [1]` with `ScoreMode::Concat`
///
/// Defaults: dot products that are not scaled, no dropout, no causal mask (an argument of the call in Keras).
/// Source: Luong et al. 2015; `keras.layers.Attention`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Apply, Functional, input};
/// use fornax_sequence::layers::Attention;
///
/// let (query, value) = (input::<Flex>([1, 1]), input([2, 1]));
/// let y = Attention::new().apply([&query, &value])?;
/// let network = Functional::new([&query, &value], &y).build()?;
/// let inputs = [Array::from_vec([1, 1, 1], vec![0.0])?, Array::from_vec([1, 2, 1], vec![1.0, 3.0])?];
/// assert_eq!(network.predict_all(&inputs, 1)?[0].to_f32(), [2.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Attention {
    use_scale: bool,
    score_mode: ScoreMode,
    dropout: f64,
    use_causal_mask: bool,
    seed: Option<u64>,
}

impl Attention {
    /// Dot products.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Whether scores are multiplied by a learned number.
        use_scale: bool,
        /// How a key is scored.
        score_mode: ScoreMode,
        /// The fraction of the weights that training drops.
        dropout: f64,
        /// Whether query `i` sees no key behind `i`.
        use_causal_mask: bool,
        /// A seed of the layer's own for dropout.
        seed: Some(u64),
    }
}

impl MultiLayer for Attention {
    const NAME: &'static str = "Attention";

    fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let (output, _) = checked(inputs, self.dropout)?;
        if self.use_scale {
            weights.add("scale", &[1], Initializer::Ones);
        }
        if self.score_mode == ScoreMode::Concat {
            weights.add("concat_score_weight", &[1], Initializer::Ones);
        }
        Ok(vec![output])
    }

    fn call_all<B: Backend>(
        &self,
        inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let call = Call::new(&inputs, context, (self.use_causal_mask, self.dropout, self.seed))?;
        let scale = context.optional("scale");
        let scaled = |x: DynTensor<B>| match &scale {
            Some(scale) => {
                let rank = x.rank();
                x.mul(scalar(scale.clone(), rank))
            }
            None => x,
        };
        let y = match self.score_mode {
            ScoreMode::Dot => call.by_products(scaled(call.query.clone())),
            ScoreMode::Concat => {
                let sums = call.sums(scaled).sum_axis(3);
                let shape = sums.shape();
                let weight = scalar(context.weight("concat_score_weight"), 3);
                call.by_scores(sums.reshape(&shape[..3]).mul(weight))
            }
        };
        Ok(call.finish(y))
    }
}

/// A learned number, to be multiplied with a tensor of `rank` axes.
fn scalar<B: Backend>(weight: DynTensor<B>, rank: usize) -> DynTensor<B> {
    weight.reshape(&vec![1; rank])
}
