//! [`Transformer`]: the encoder-decoder model from token ids to logits.

use fornax_core::ops::Activation;
use fornax_core::{Backend, DynTensor, Error, Mask, Result, Value};
use fornax_layers::{Context, Initializer, MultiLayer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Map;

use super::ids::{check_ids, check_sides, padding, sides};
use super::projections::at_least_one;
use super::sine_position_encoding::encodings;
use super::transformer_block::{Block, Dropouts, block_setters, build_norm};
use super::{TransformerDecoder, TransformerEncoder};
use crate::decoding::cache::{KeyValues, Memory};

/// The logits of the next target token at each target step, given the source: embeddings times `sqrt(width)` plus
/// sine position encodings, encoder blocks over the source, decoder blocks over the target, and the product with the
/// target embedding (or a kernel of its own).
///
/// Id 0 is padding: it is not seen, and the output carries the target's mask, so that losses count the other steps
/// only. Training is teacher forcing: the inputs are the source and the target from its start token on, the labels
/// the target from its first word on. [`TransformerStep`](crate::decoding::TransformerStep) decodes a step at a time.
///
/// # Shapes
/// - inputs: source ids `[batch, source time]` and target ids `[batch, target time]`
/// - output: logits `[batch, target time, target vocabulary]`
/// - weights: `source_embedding [source vocabulary, width]`, `target_embedding [target vocabulary, width]`, those of
///   the blocks under `encoder_0/`, ..., `decoder_0/`, ..., with pre-norm `encoder_layer_norm` and
///   `decoder_layer_norm`, and without tying `output/kernel [width, target vocabulary]` and `output/bias`
///
/// Defaults: six blocks each, the base model's 2048 hidden units and 8 heads, dropout 0.1, post-norm, relu, the output
/// tied to the target embedding, two embeddings. Embeddings start normal with deviation `width^-1/2`. Source: Vaswani
/// et al. 2017; tying: Press and Wolf 2017.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Apply, Functional, input};
/// use fornax_optim::{Adam, Noam};
/// use fornax_sequence::layers::Transformer;
/// use fornax_train::{Compile, losses::SparseCategoricalCrossentropy};
///
/// let (source, target) = (input::<Flex>([4]), input([3]));
/// let layer = Transformer::new(20, 20, 8).num_layers(1).intermediate_dim(16).num_heads(2).share_embeddings(true);
/// let logits = layer.apply([&source, &target])?;
/// let loss = SparseCategoricalCrossentropy::new().from_logits(true).ignore_class(Some(0)).label_smoothing(0.1);
/// let mut model = Functional::new([&source, &target], &logits).compile(Adam::new(Noam::new(8, 100)), loss, ())?;
///
/// let source = Array::from_i32([1, 4], vec![5, 6, 7, 0])?;
/// let (given, wanted) = (Array::from_i32([1, 3], vec![1, 9, 8])?, Array::from_i32([1, 3], vec![9, 8, 2])?);
/// let pair = fornax_data::Dataset::from_parts(vec![source, given], vec![wanted])?;
/// let first = model.train_on_batch(&pair)?.get("loss").unwrap();
/// let last = (0..40).map(|_| model.train_on_batch(&pair).unwrap().get("loss").unwrap()).last().unwrap();
/// assert!(last < first);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Transformer {
    source_vocabulary: usize,
    target_vocabulary: usize,
    width: usize,
    num_encoder_layers: usize,
    num_decoder_layers: usize,
    share_embeddings: bool,
    tie_output: bool,
    max_wavelength: f64,
    #[serde(flatten, deserialize_with = "block")]
    block: Block,
}

/// A block's arguments as a configuration gives them; those it leaves out are the base model's.
fn block<'de, D: Deserializer<'de>>(config: D) -> std::result::Result<Block, D::Error> {
    let given = Map::deserialize(config)?;
    let mut block = serde_json::to_value(Transformer::default().block).map_err(D::Error::custom)?;
    block.as_object_mut().expect("a block's fields").extend(given);
    Block::deserialize(block).map_err(D::Error::custom)
}

impl Default for Transformer {
    fn default() -> Self {
        Self::new(2, 2, 512)
    }
}

impl Transformer {
    /// A model of `width` features between vocabularies of so many ids, padding included.
    pub fn new(source_vocabulary: usize, target_vocabulary: usize, width: usize) -> Self {
        Self {
            source_vocabulary,
            target_vocabulary,
            width,
            num_encoder_layers: 6,
            num_decoder_layers: 6,
            share_embeddings: false,
            tie_output: true,
            max_wavelength: 10_000.0,
            block: Block { dropout: 0.1, ..Block::new(2048, 8) },
        }
    }

    setters! {
        /// Encoder blocks.
        num_encoder_layers: usize,
        /// Decoder blocks.
        num_decoder_layers: usize,
        /// Whether source and target have one embedding; their vocabularies are of one size then.
        share_embeddings: bool,
        /// Whether the logits are products with the target embedding.
        tie_output: bool,
        /// The longest wave length of the position encodings.
        max_wavelength: f64,
    }
    setters! {
        in block:
        /// Hidden units of the feed-forward networks.
        intermediate_dim: usize,
        /// Heads of attention.
        num_heads: usize,
    }
    block_setters!();

    /// So many encoder and decoder blocks.
    pub fn num_layers(self, layers: usize) -> Self {
        self.num_encoder_layers(layers).num_decoder_layers(layers)
    }

    /// The ids of the target's vocabulary.
    pub(crate) fn target_vocabulary(&self) -> usize {
        self.target_vocabulary
    }

    fn encoder(&self) -> TransformerEncoder {
        TransformerEncoder { block: self.block.clone(), ..TransformerEncoder::default() }
    }

    fn decoder(&self) -> TransformerDecoder {
        TransformerDecoder { block: self.block.clone() }
    }

    /// The vectors of ids from position `offset` on.
    fn embed<B: Backend>(
        &self,
        (side, ids): (&str, Value<B>),
        offset: usize,
        context: &Context<'_, B>,
    ) -> Result<DynTensor<B>> {
        let table = match context.optional(&format!("{side}_embedding")) {
            Some(table) => table,
            None => context.weight("target_embedding"),
        };
        check_ids(side, &ids, table.shape()[0])?;
        let steps = ids.shape()[1];
        let x = B::embedding_lookup(table, ids.indices()).mul_scalar((self.width as f64).sqrt());
        let positions = encodings([offset, steps, self.width], self.max_wavelength, &x.device());
        Ok(x.add(positions))
    }

    /// The encoder's output for source ids `[batch, time]`, and which steps count.
    fn encode<B: Backend>(
        &self,
        source: Value<B>,
        at: (&mut Context<'_, B>, &mut Dropouts),
    ) -> Result<(DynTensor<B>, Mask<B>)> {
        let (context, dropouts) = at;
        let mask = padding(&source.clone().indices());
        let x = self.embed(("source", source), 0, context)?;
        let mut x = dropouts.apply(x);
        for index in 0..self.num_encoder_layers {
            let prefix = format!("encoder_{index}/");
            x = self.encoder().call_at(&prefix, x, Some(mask.clone()), (&mut *context, &mut *dropouts))?;
        }
        Ok((self.last_norm("encoder_layer_norm", x, context), mask))
    }

    /// With pre-norm the sum behind the last block is not normalized yet.
    fn last_norm<B: Backend>(&self, name: &str, x: DynTensor<B>, context: &Context<'_, B>) -> DynTensor<B> {
        if self.block.normalize_first { self.block.norm(name, x, context) } else { x }
    }

    /// The kernel of the logits, `[width, target vocabulary]`.
    pub(crate) fn output_kernel<B: Backend>(&self, context: &Context<'_, B>) -> DynTensor<B> {
        if self.tie_output { context.weight("target_embedding").t() } else { context.weight("output/kernel") }
    }

    fn logits<B: Backend>(
        &self,
        x: DynTensor<B>,
        kernel: DynTensor<B>,
        context: &Context<'_, B>,
    ) -> DynTensor<B> {
        let x = self.last_norm("decoder_layer_norm", x, context);
        B::dense(x, kernel, context.optional("output/bias"), Activation::Linear)
    }

    /// What the decoder's blocks keep of the sources.
    pub(crate) fn memories<B: Backend>(
        &self,
        source: Value<B>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Memory<B>>> {
        let mut dropouts = Dropouts::new(0.0, context);
        let (encoded, mask) = self.encode(source, (&mut *context, &mut dropouts))?;
        (0..self.num_decoder_layers)
            .map(|index| {
                let prefix = format!("decoder_{index}/");
                let [keys, values] = self.decoder().memory_at(&prefix, encoded.clone(), context)?;
                Ok(Memory { keys, values, mask: Some(mask.clone()) })
            })
            .collect()
    }

    /// Empty caches of `steps` positions for `rows` rows, one a block.
    pub(crate) fn caches<B: Backend>(
        &self,
        rows: usize,
        steps: usize,
        device: &B::Device,
    ) -> Vec<KeyValues<B>> {
        let heads = self.block.num_heads;
        let shape = [rows, steps, heads, self.width / heads];
        (0..self.num_decoder_layers).map(|_| KeyValues::new(shape, device)).collect()
    }

    /// The logits `[rows, vocabulary]` behind the ids `[rows, 1]` at a position.
    pub(crate) fn step<B: Backend>(
        &self,
        ids: Value<B>,
        position: usize,
        (caches, memories): (&mut [KeyValues<B>], &[Memory<B>]),
        output: &DynTensor<B>,
        context: &mut Context<'_, B>,
    ) -> Result<DynTensor<B>> {
        let mut x = self.embed(("target", ids), position, context)?;
        for (index, (cache, memory)) in caches.iter_mut().zip(memories).enumerate() {
            x = self.decoder().step_at(&format!("decoder_{index}/"), x, cache, memory, context)?;
        }
        Ok(self.logits(x.rows(), output.clone(), context))
    }
}

impl MultiLayer for Transformer {
    const NAME: &'static str = "Transformer";

    fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let time = check_sides(inputs)?;
        at_least_one(&[
            ("source_vocabulary", self.source_vocabulary),
            ("target_vocabulary", self.target_vocabulary),
            ("width", self.width),
            ("num_decoder_layers", self.num_decoder_layers),
        ])?;
        super::sine_position_encoding::check_wavelength(self.max_wavelength)?;
        if self.share_embeddings && self.source_vocabulary != self.target_vocabulary {
            let wanted = format!("{}, that of the source, to share embeddings", self.source_vocabulary);
            return Err(Error::argument("target_vocabulary", self.target_vocabulary, wanted));
        }
        let stddev = (self.width as f32).sqrt().recip();
        let start = Initializer::RandomNormal { mean: 0.0, stddev };
        if !self.share_embeddings {
            weights.add("source_embedding", &[self.source_vocabulary, self.width], start);
        }
        weights.add("target_embedding", &[self.target_vocabulary, self.width], start);
        for index in 0..self.num_encoder_layers {
            self.encoder().build_at(&format!("encoder_{index}/"), self.width, weights)?;
        }
        for index in 0..self.num_decoder_layers {
            self.decoder().build_at(&format!("decoder_{index}/"), self.width, Some(self.width), weights)?;
        }
        if self.block.normalize_first {
            build_norm("encoder_layer_norm", self.width, weights);
            build_norm("decoder_layer_norm", self.width, weights);
        }
        if !self.tie_output {
            let shape = [self.width, self.target_vocabulary];
            weights.add("output/kernel", &shape, self.block.kernel_initializer);
            weights.add("output/bias", &[self.target_vocabulary], self.block.bias_initializer);
        }
        Ok(vec![vec![time, Some(self.target_vocabulary)].into()])
    }

    fn call_all<B: Backend>(
        &self,
        inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let [source, target] = sides(inputs)?;
        let mut dropouts = Dropouts::new(self.block.dropout, context);
        let (memory, memory_mask) = self.encode(source, (&mut *context, &mut dropouts))?;
        let mask = padding(&target.clone().indices());
        let x = self.embed(("target", target), 0, context)?;
        let mut x = dropouts.apply(x);
        for index in 0..self.num_decoder_layers {
            let memory = Some((memory.clone(), Some(memory_mask.clone())));
            let target = (x, Some(mask.clone()));
            let prefix = format!("decoder_{index}/");
            x = self.decoder().call_at(&prefix, target, memory, (&mut *context, &mut dropouts))?;
        }
        let logits = self.logits(x, self.output_kernel(context), context);
        Ok(vec![Value::from(logits).with_mask(Some(mask))])
    }
}
