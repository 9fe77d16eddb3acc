//! [`TaggerBuilder`]: how a tagger is learned.

use std::sync::Arc;

use fornax_core::{Array, Backend, Error, Result};
use fornax_data::text::{Punctuation, Tokenizer};
use fornax_data::{Dataset, LengthBuckets};
use fornax_layers::{Network, setters};
use fornax_optim::{Adam, ExponentialDecay};
use fornax_sequence::crf::CrfLoss;
use fornax_train::metrics::Accuracy;
use fornax_train::{Compile, Fit, History};

use super::encoder::SentenceEncoder;
use super::network::{Sizes, WORDS, network};
use super::{TaggedSentence, Tagger};
use crate::KeyedVectors;

/// How a [`Tagger`] is learned.
///
/// Defaults: words that occur twice (others are the unknown word), vectors of 100 elements, 150 units in each direction, dropout
/// 0.5, 12 epochs in batches of 32 by Adam with a learning rate of 0.002 that falls by a tenth an epoch, the first 60 words of a
/// sentence, seed 0. A raw text is divided at white space, marks being words of their own.
#[derive(Clone, Debug)]
pub struct TaggerBuilder {
    tokenizer: Tokenizer,
    min_count: usize,
    sizes: Sizes,
    vectors: Option<(Arc<KeyedVectors>, bool)>,
    validation_data: Option<Vec<TaggedSentence>>,
    learning_rate: f64,
    epochs: usize,
    batch_size: usize,
    max_length: usize,
    seed: u64,
    verbose: bool,
}

impl Default for TaggerBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl TaggerBuilder {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            tokenizer: Tokenizer::new().punctuation(Punctuation::Split),
            min_count: 2,
            sizes: Sizes { dimension: 100, units: 150, dropout: 0.5 },
            vectors: None,
            validation_data: None,
            learning_rate: 2e-3,
            epochs: 12,
            batch_size: 32,
            max_length: 60,
            seed: 0,
            verbose: true,
        }
    }

    setters! {
        in sizes:
        /// The elements of a word vector.
        dimension: usize,
        /// The units of the LSTM, in each direction.
        units: usize,
        /// The share of features that training leaves out, before and behind the LSTM.
        dropout: f64,
    }

    setters! {
        /// How a raw text becomes words.
        tokenizer: Tokenizer,
        /// How often a word has to occur to be told apart from others.
        min_count: usize,
        /// The first learning rate.
        learning_rate: f64,
        /// How often the sentences are trained on.
        epochs: usize,
        /// The sentences of a step.
        batch_size: usize,
        /// The words of a sentence that are trained on; all are tagged.
        max_length: usize,
        /// What weights, order and dropout are drawn from.
        seed: u64,
        /// Whether to show progress (only where standard error is a terminal).
        verbose: bool,
    }

    /// Vectors of words in lower case, of which all are told apart, those too that the sentences do not have; and whether
    /// training changes them.
    pub fn vectors(mut self, vectors: impl Into<Arc<KeyedVectors>>, trainable: bool) -> Self {
        self.vectors = Some((vectors.into(), trainable));
        self
    }

    /// Sentences whose loss and accuracy are told after each epoch.
    pub fn validation_data(mut self, sentences: impl Into<Vec<TaggedSentence>>) -> Self {
        self.validation_data = Some(sentences.into());
        self
    }

    /// Learns from sentences, on the CPU; also returns loss and accuracy of each epoch.
    ///
    /// # Errors
    /// If there is no sentence, some have features and some have not, validation data has a tag that they have not, vectors have another dimension than the tagger, or a setting
    /// makes no sense.
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    pub fn fit(&self, sentences: &[TaggedSentence]) -> Result<(Tagger<fornax_core::Cpu>, History)> {
        self.fit_on(sentences, Default::default())
    }

    /// [`fit`](Self::fit) on a device of any backend.
    ///
    /// # Errors
    /// As for `fit`.
    pub fn fit_on<B: Backend>(
        &self,
        sentences: &[TaggedSentence],
        device: B::Device,
    ) -> Result<(Tagger<B>, History)> {
        if sentences.is_empty() {
            return Err(Error::data("sentences", "none", "at least one"));
        }
        let mut encoder = SentenceEncoder::fit(self.tokenizer.clone(), sentences, self.min_count)?;
        if let Some((vectors, _)) = &self.vectors {
            encoder.words = encoder.words.with_tokens(vectors.words())?;
        }
        let (set, lengths) = self.dataset(&encoder, sentences)?;
        let validation = self.validation_data.as_ref().map(|sentences| self.dataset(&encoder, sentences));
        let validation = validation.transpose().map_err(|error| error.within("validation data"))?;
        let mut network = network::<B>(&encoder, &self.sizes, self.seed, device)?;
        if let Some((vectors, trainable)) = &self.vectors {
            self.start(&mut network, &encoder, vectors, *trainable)?;
        }
        let steps_per_epoch = (sentences.len() / self.batch_size.max(1)) as u64;
        let rate = ExponentialDecay::new(self.learning_rate, steps_per_epoch.max(1), 0.9);
        // Most of many vectors are of words that a batch does not have.
        let adam = Adam::new(rate).lazy(self.vectors.is_some());
        let mut model = network.compile(adam, CrfLoss::new(), [Accuracy])?;
        let buckets = LengthBuckets::new(lengths).inputs([0, 1, 2]).targets([0]);
        let mut fit = Fit::new().epochs(self.epochs).batch_size(self.batch_size).length_buckets(buckets);
        if let Some((validation, _)) = &validation {
            fit = fit.validation_data(validation);
        }
        let history = model.fit(&set, fit.verbose(self.verbose))?;
        Ok((Tagger { encoder, network: model.into_network() }, history))
    }

    /// Inputs and tags of sentences, and their lengths.
    fn dataset(
        &self,
        encoder: &SentenceEncoder,
        sentences: &[TaggedSentence],
    ) -> Result<(Dataset, Vec<usize>)> {
        let (inputs, lengths) = encoder.inputs(&sentences.iter().collect::<Vec<_>>(), self.max_length)?;
        let tags = encoder.targets(sentences, self.max_length)?;
        Ok((Dataset::from_parts(inputs, vec![tags])?, lengths))
    }

    /// Gives words their vectors.
    fn start<B: Backend>(
        &self,
        network: &mut Network<B>,
        encoder: &SentenceEncoder,
        vectors: &KeyedVectors,
        trainable: bool,
    ) -> Result<()> {
        let dimension = vectors.dimension();
        if self.sizes.dimension != dimension {
            let wanted = format!("{}, the dimension of the tagger", self.sizes.dimension);
            return Err(Error::argument("dimension of the vectors", dimension, wanted));
        }
        let name = format!("{WORDS}/embeddings");
        let mut table = network.weight(&name)?.to_f32();
        for (word, row) in encoder.words.tokens().iter().zip(table.chunks_exact_mut(dimension)) {
            if vectors.index(word).is_some() {
                row.copy_from_slice(vectors.vector(word)?);
            }
        }
        network.set_weight(&name, &Array::from_vec([encoder.words.len(), dimension], table)?)?;
        network.set_trainable(WORDS, trainable)
    }
}
