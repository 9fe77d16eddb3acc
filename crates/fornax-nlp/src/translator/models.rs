//! [`TranslationModel`]: what a translator computes.

use fornax_core::{Backend, Result};
use fornax_layers::{Apply, Functional, Network, input, setters};
use fornax_optim::{Adam, Schedule};
use fornax_sequence::layers::{DecoderAttention, RNNEncoderDecoder, Transformer};

/// What a translator computes, from [`TranslationTransformer`] or [`TranslationGRU`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TranslationModel {
    /// Self-attention.
    Transformer(TranslationTransformer),
    /// Recurrent layers with attention.
    Gru(TranslationGRU),
}

/// A [`Transformer`] with pre-norm blocks, its output tied to the target's word vectors.
///
/// Defaults: vectors of 256 elements, 3 blocks each of 8 heads with 512 hidden units, dropout 0.1; batches of 128, a learning rate
/// of up to 0.001.
/// Source: Vaswani et al., *Attention Is All You Need*, NIPS 2017; pre-norm: Xiong et al., ICML 2020.
#[derive(Clone, Debug)]
pub struct TranslationTransformer {
    dimension: usize,
    blocks: usize,
    heads: usize,
    hidden: usize,
    dropout: f64,
}

/// An [`RNNEncoderDecoder`]: GRUs over both languages, and attention of the target's steps to the source's.
///
/// Defaults: vectors of 256 elements, 256 units, Luong's attention, dropout 0.2; batches of 64, a learning rate of up to 0.002,
/// gradients of a norm of 1 at most. Source: Bahdanau et al. 2015; Luong et al. 2015.
#[derive(Clone, Debug)]
pub struct TranslationGRU {
    dimension: usize,
    units: usize,
    attention: DecoderAttention,
    dropout: f64,
}

impl Default for TranslationTransformer {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for TranslationGRU {
    fn default() -> Self {
        Self::new()
    }
}

impl From<TranslationTransformer> for TranslationModel {
    fn from(model: TranslationTransformer) -> Self {
        Self::Transformer(model)
    }
}

impl From<TranslationGRU> for TranslationModel {
    fn from(model: TranslationGRU) -> Self {
        Self::Gru(model)
    }
}

impl TranslationTransformer {
    /// The defaults.
    pub fn new() -> Self {
        Self { dimension: 256, blocks: 3, heads: 8, hidden: 512, dropout: 0.1 }
    }

    setters! {
        /// The elements of a word vector, a multiple of the heads.
        dimension: usize,
        /// The blocks of the encoder, and of the decoder.
        blocks: usize,
        /// The heads of attention.
        heads: usize,
        /// The hidden units of a block's feed-forward network.
        hidden: usize,
        /// The share of features that training leaves out.
        dropout: f64,
    }
}

impl TranslationGRU {
    /// The defaults.
    pub fn new() -> Self {
        Self { dimension: 256, units: 256, attention: DecoderAttention::Luong, dropout: 0.2 }
    }

    setters! {
        /// The elements of a word vector.
        dimension: usize,
        /// The units of the decoder, and of the encoder in each direction.
        units: usize,
        /// Where the decoder attends, and by which score.
        attention: DecoderAttention,
        /// The share of features that training leaves out.
        dropout: f64,
    }
}

impl TranslationModel {
    /// From the ids of source and target to the logits of the next id, between vocabularies of so many words.
    pub(super) fn network<B: Backend>(
        &self,
        [from, to]: [usize; 2],
        seed: u64,
        device: B::Device,
    ) -> Result<Network<B>> {
        let (source, target) = (input([None]), input([None]));
        let logits = match self {
            Self::Transformer(model) => Transformer::new(from, to, model.dimension)
                .num_layers(model.blocks)
                .num_heads(model.heads)
                .intermediate_dim(model.hidden)
                .normalize_first(true)
                .dropout(model.dropout)
                .apply([&source, &target])?,
            Self::Gru(model) => RNNEncoderDecoder::new(from, to, model.dimension, model.units)
                .attention(model.attention)
                .dropout(model.dropout)
                .apply([&source, &target])?,
        };
        Functional::new([&source, &target], &logits).seed(seed).device(device).build()
    }

    /// The greatest learning rate where nothing else is said.
    pub(super) fn learning_rate(&self) -> f64 {
        match self {
            Self::Transformer(_) => 1e-3,
            Self::Gru(_) => 2e-3,
        }
    }

    /// The pairs of a step where nothing else is said.
    pub(super) fn batch_size(&self) -> usize {
        match self {
            Self::Transformer(_) => 128,
            Self::Gru(_) => 64,
        }
    }

    pub(super) fn optimizer(&self, rate: impl Into<Schedule>) -> Adam {
        match self {
            Self::Transformer(_) => Adam::new(rate),
            Self::Gru(_) => Adam::new(rate).global_clipnorm(1.0),
        }
    }
}
