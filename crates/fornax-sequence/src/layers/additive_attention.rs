//! [`AdditiveAttention`]: attention by sums, without projections (Bahdanau).

use fornax_core::{Backend, Result, Value};
use fornax_layers::{Context, Initializer, MultiLayer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::single_head::{Call, checked};

/// `y = softmax(s) v` with `s_ij = sum over c of scale_c tanh(q_ic + k_jc)`.
///
/// Inputs, masks and shapes are those of [`Attention`](super::Attention); query and key have one width.
///
/// # Shapes
/// - weights: `scale [features]` with `use_scale`
///
/// Defaults: with scale, from `GlorotUniform`, no dropout, no causal mask. Source: Bahdanau et al. 2015;
/// `keras.layers.AdditiveAttention`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Apply, Functional, input};
/// use fornax_sequence::layers::AdditiveAttention;
///
/// let (query, value) = (input::<Flex>([1, 1]), input([2, 1]));
/// let y = AdditiveAttention::new().use_scale(false).apply([&query, &value])?;
/// let network = Functional::new([&query, &value], &y).build()?;
/// let inputs = [Array::from_vec([1, 1, 1], vec![0.0])?, Array::from_vec([1, 2, 1], vec![-1.0, 1.0])?];
/// let y = network.predict_all(&inputs, 1)?[0].to_f32();
/// // Weights of e^tanh(-1) and e^tanh(1).
/// assert!((y[0] - 1f32.tanh().tanh()).abs() < 1e-6);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AdditiveAttention {
    use_scale: bool,
    dropout: f64,
    use_causal_mask: bool,
    seed: Option<u64>,
}

impl Default for AdditiveAttention {
    fn default() -> Self {
        Self { use_scale: true, dropout: 0.0, use_causal_mask: false, seed: None }
    }
}

impl AdditiveAttention {
    /// With a learned scale a feature.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Whether features are weighed by learned numbers.
        use_scale: bool,
        /// The fraction of the weights that training drops.
        dropout: f64,
        /// Whether query `i` sees no key behind `i`.
        use_causal_mask: bool,
        /// A seed of the layer's own for dropout.
        seed: Some(u64),
    }
}

impl MultiLayer for AdditiveAttention {
    const NAME: &'static str = "AdditiveAttention";

    fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let (output, width) = checked(inputs, self.dropout)?;
        if self.use_scale {
            weights.add("scale", &[width], Initializer::GlorotUniform);
        }
        Ok(vec![output])
    }

    fn call_all<B: Backend>(
        &self,
        inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let call = Call::new(&inputs, context, (self.use_causal_mask, self.dropout, self.seed))?;
        let sums = call.sums(|x| x);
        let sums = match context.optional("scale") {
            Some(scale) => {
                let width = scale.len();
                sums.mul(scale.reshape(&[1, 1, 1, width]))
            }
            None => sums,
        };
        let shape = sums.shape();
        let y = call.by_scores(sums.sum_axis(3).reshape(&shape[..3]));
        Ok(call.finish(y))
    }
}
