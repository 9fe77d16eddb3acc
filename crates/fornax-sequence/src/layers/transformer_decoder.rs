//! [`TransformerDecoder`]: a block of causal self-attention, attention to an encoder's output, and a feed-forward
//! network.

use fornax_core::ops::{Activation, AttentionOptions};
use fornax_core::{Backend, DynTensor, Error, Mask, Result, Value};
use fornax_layers::{Context, Initializer, MultiLayer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::transformer_block::{Block, Dropouts, Sight, block_setters};
use crate::decoding::cache::{KeyValues, Memory};

/// `a = norm(x + attention(x))`, causal; `b = norm(a + attention(a, memory))`;
/// `y = norm(b + W_2 f(W_1 b + b_1) + b_2)`; with `normalize_first` `a = x + attention(norm(x))` and so on.
///
/// Inputs are `[target, memory]`, or `target` alone for a block without attention to a memory. Steps that the masks
/// of either leave out are not seen; the output carries the target's mask.
///
/// # Shapes
/// - target and output: `[batch, time, features]`, as many features as heads or a multiple
/// - memory: `[batch, memory time, memory features]`
/// - weights: those of `TransformerEncoder`, and with a memory those of `MultiHeadAttention` under
///   `cross_attention/` and of `cross_attention_layer_norm`, behind those of self-attention
///
/// Defaults: post-norm, relu, no dropout, epsilon 1e-5. Source: Vaswani et al. 2017; the names are those of
/// `keras_hub.layers.TransformerDecoder`, the computation (dropout of the hidden units included) is that of
/// `torch.nn.TransformerDecoderLayer`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::Flex;
/// use fornax_layers::{Apply, Functional, input};
/// use fornax_sequence::layers::TransformerDecoder;
///
/// let (target, memory) = (input::<Flex>([5, 4]), input([7, 6]));
/// let y = TransformerDecoder::new(8, 2).apply([&target, &memory])?;
/// let network = Functional::new([&target, &memory], &y).build()?;
/// assert_eq!(network.output_shapes()[0], [5, 4].into());
/// let cross = network.variables().iter().find(|variable| variable.name().ends_with("cross_attention/key/kernel"));
/// assert_eq!(cross.unwrap().shape(), [6, 2, 2]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TransformerDecoder {
    #[serde(flatten)]
    pub(super) block: Block,
}

/// An encoder's output and the steps of it that count.
pub(super) type Encoded<B> = (DynTensor<B>, Option<Mask<B>>);

impl TransformerDecoder {
    /// A block with `intermediate_dim` hidden units of the feed-forward network and `num_heads` heads.
    pub fn new(intermediate_dim: usize, num_heads: usize) -> Self {
        Self { block: Block::new(intermediate_dim, num_heads) }
    }

    block_setters!();

    /// The weights for `width` features and a memory of so many under a prefix.
    pub(super) fn build_at(
        &self,
        prefix: &str,
        width: usize,
        memory: Option<usize>,
        weights: &mut WeightSpecs,
    ) -> Result<()> {
        self.block.check(width)?;
        self.block.build_attention(&format!("{prefix}self_attention"), [width, width], weights)?;
        if let Some(memory) = memory {
            self.block.build_attention(&format!("{prefix}cross_attention"), [width, memory], weights)?;
        }
        self.block.build_feed_forward(prefix, width, weights);
        Ok(())
    }

    /// The output by the weights under a prefix.
    pub(super) fn call_at<B: Backend>(
        &self,
        prefix: &str,
        (x, mask): (DynTensor<B>, Option<Mask<B>>),
        memory: Option<Encoded<B>>,
        (context, dropouts): (&mut Context<'_, B>, &mut Dropouts),
    ) -> Result<DynTensor<B>> {
        let sight = Sight { causal: true, keys: mask };
        let name = format!("{prefix}self_attention");
        let mut x = self.block.attention(&name, x, None, sight, (&mut *context, &mut *dropouts))?;
        if let Some((memory, mask)) = memory {
            let sight = Sight { causal: false, keys: mask };
            let name = format!("{prefix}cross_attention");
            x = self.block.attention(&name, x, Some(memory), sight, (&mut *context, &mut *dropouts))?;
        }
        self.block.feed_forward(prefix, x, (context, dropouts))
    }

    /// The keys and values of an encoder's output, which every step attends to.
    pub(super) fn memory_at<B: Backend>(
        &self,
        prefix: &str,
        memory: DynTensor<B>,
        context: &mut Context<'_, B>,
    ) -> Result<[DynTensor<B>; 2]> {
        let prefix = format!("{prefix}cross_attention/");
        self.block.projections().keys_and_values(&prefix, [memory.clone(), memory], 0, context)
    }

    /// The output for the next step `x [rows, 1, features]`, whose keys and values join the cache. The rows of a
    /// sample of the memory are neighbours.
    pub(super) fn step_at<B: Backend>(
        &self,
        prefix: &str,
        x: DynTensor<B>,
        cache: &mut KeyValues<B>,
        memory: &Memory<B>,
        context: &mut Context<'_, B>,
    ) -> Result<DynTensor<B>> {
        let mut dropouts = Dropouts::new(0.0, context);
        let projections = self.block.projections();
        let norm = |name: &str| format!("{prefix}{name}_layer_norm");
        let x =
            self.block.residual(&norm("self_attention"), x, (context, &mut dropouts), |x, context, _| {
                let prefix = format!("{prefix}self_attention/");
                let q = projections.queries(&prefix, x.clone(), 0, context)?;
                let [k, v] = projections.keys_and_values(&prefix, [x.clone(), x], 0, context)?;
                projections.output(&prefix, cache.attend(q, k, v), context)
            })?;
        let x =
            self.block.residual(&norm("cross_attention"), x, (context, &mut dropouts), |x, context, _| {
                let prefix = format!("{prefix}cross_attention/");
                let q = projections.queries(&prefix, x, 0, context)?;
                let shape = q.shape();
                let samples = memory.keys.shape()[0];
                let mut options = AttentionOptions::new(shape[3]);
                if let Some(mask) = &memory.mask {
                    options = options.keys(mask.clone());
                }
                // The rows of a sample are the queries of one attention: its keys are read once for all of them.
                let q = q.reshape(&[samples, shape[0] / samples, shape[2], shape[3]]);
                let [y, _] = B::dot_product_attention(q, memory.keys.clone(), memory.values.clone(), options);
                projections.output(&prefix, y.reshape(&shape), context)
            })?;
        self.block.feed_forward(prefix, x, (context, &mut dropouts))
    }
}

impl MultiLayer for TransformerDecoder {
    const NAME: &'static str = "TransformerDecoder";

    fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let (target, memory) = match inputs {
            [target] => (target, None),
            [target, memory] => (target, Some(memory)),
            _ => {
                let found = format!("{} tensors", inputs.len());
                return Err(Error::shape("inputs", found, "[target] or [target, memory]"));
            }
        };
        inputs.iter().try_for_each(|input| input.expect_rank(2, "[time, features]"))?;
        self.build_at("", target.last()?, memory.map(Shape::last).transpose()?, weights)?;
        Ok(vec![target.clone()])
    }

    fn call_all<B: Backend>(
        &self,
        inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let mut parts = inputs.into_iter().map(|input| {
            let mask = input.time_mask()?.cloned();
            Ok((input.float(), mask))
        });
        let target = parts.next().expect("the shapes were checked")?;
        let memory = parts.next().transpose()?;
        let (mask, batch) = (target.1.clone(), target.0.shape()[0]);
        if let Some((memory, _)) = &memory
            && memory.shape()[0] != batch
        {
            let found = format!("{} samples", memory.shape()[0]);
            return Err(Error::shape("memory", found, format!("{batch}, those of the target")));
        }
        let mut dropouts = Dropouts::new(self.block.dropout, context);
        let y = self.call_at("", target, memory, (context, &mut dropouts))?;
        Ok(vec![Value::from(y).with_mask(mask)])
    }
}
