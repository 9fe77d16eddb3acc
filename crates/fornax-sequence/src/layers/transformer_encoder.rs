//! [`TransformerEncoder`]: a block of self-attention and a feed-forward network.

use fornax_core::ops::Activation;
use fornax_core::{Backend, DynTensor, Mask, Result, Value};
use fornax_layers::{Context, Initializer, Layer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::transformer_block::{Block, Dropouts, Sight, block_setters};

/// `a = norm(x + attention(x))`, `y = norm(a + W_2 f(W_1 a + b_1) + b_2)`; with `normalize_first`
/// `a = x + attention(norm(x))` and so on.
///
/// Steps that the input's mask leaves out are not seen.
///
/// # Shapes
/// - input and output: `[batch, time, features]`, as many features as heads or a multiple
/// - weights: those of `MultiHeadAttention` under `self_attention/`, `feedforward_intermediate_dense/kernel
///   [features, intermediate_dim]`, `feedforward_output_dense/kernel [intermediate_dim, features]` with biases, and
///   `gamma` and `beta` of `self_attention_layer_norm` and `feedforward_layer_norm`
///
/// Defaults: post-norm, relu, no dropout, epsilon 1e-5. Source: Vaswani et al. 2017; the names are those of
/// `keras_hub.layers.TransformerEncoder`, the computation (dropout of the hidden units included) is that of
/// `torch.nn.TransformerEncoderLayer`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::Sequential;
/// use fornax_sequence::layers::TransformerEncoder;
///
/// let network = Sequential::<Flex>::new([3, 4]).add(TransformerEncoder::new(8, 2)).build()?;
/// assert_eq!(network.parameter_count(), 4 * (4 * 4 + 4) + (4 * 8 + 8) + (8 * 4 + 4) + 2 * 8);
/// let y = network.predict(&Array::from_vec([1, 3, 4], (0..12).map(|x| (x * x) as f32).collect())?)?.to_f32();
/// // Post-norm: each step ends with mean 0.
/// assert!(y.chunks(4).all(|step| step.iter().sum::<f32>().abs() < 1e-5));
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TransformerEncoder {
    pub(super) use_causal_mask: bool,
    #[serde(flatten)]
    pub(super) block: Block,
}

impl TransformerEncoder {
    /// A block with `intermediate_dim` hidden units of the feed-forward network and `num_heads` heads.
    pub fn new(intermediate_dim: usize, num_heads: usize) -> Self {
        Self { use_causal_mask: false, block: Block::new(intermediate_dim, num_heads) }
    }

    setters! {
        /// Whether a step sees no later one.
        use_causal_mask: bool,
    }
    block_setters!();

    /// The weights for `width` features under a prefix.
    pub(super) fn build_at(&self, prefix: &str, width: usize, weights: &mut WeightSpecs) -> Result<()> {
        self.block.check(width)?;
        self.block.build_attention(&format!("{prefix}self_attention"), [width, width], weights)?;
        self.block.build_feed_forward(prefix, width, weights);
        Ok(())
    }

    /// The output by the weights under a prefix.
    pub(super) fn call_at<B: Backend>(
        &self,
        prefix: &str,
        x: DynTensor<B>,
        mask: Option<Mask<B>>,
        (context, dropouts): (&mut Context<'_, B>, &mut Dropouts),
    ) -> Result<DynTensor<B>> {
        let sight = Sight { causal: self.use_causal_mask, keys: mask };
        let attention = format!("{prefix}self_attention");
        let x = self.block.attention(&attention, x, None, sight, (&mut *context, &mut *dropouts))?;
        self.block.feed_forward(prefix, x, (context, dropouts))
    }
}

impl Layer for TransformerEncoder {
    const CLASS_NAME: &'static str = "TransformerEncoder";

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        input.expect_rank(2, "[time, features]")?;
        self.build_at("", input.last()?, weights)?;
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let mask = x.time_mask()?.cloned();
        let mut dropouts = Dropouts::new(self.block.dropout, context);
        Ok(self.call_at("", x.float(), mask, (context, &mut dropouts))?.into())
    }
}
