//! [`TranslatorBuilder`]: how a translator is learned.

use fornax_core::{Backend, Error, Result};
use fornax_data::text::{Punctuation, Tokenizer};
use fornax_layers::setters;
use fornax_optim::CosineDecay;
use fornax_train::losses::SparseCategoricalCrossentropy;
use fornax_train::{Compile, Fit, History};

use super::languages::{Languages, words};
use super::models::TranslationModel;
use super::{Architecture, Translator};

/// How a [`Translator`] is learned: so that `-sum_t ln p(y_t | x, y_1 .. y_{t-1})` of the words `y` of translations of texts `x`, their
/// end included, becomes small.
///
/// Defaults: words in lower case, marks words of their own; words that occur twice (others are the unknown word), any number; the
/// first 45 words of a text; label smoothing 0.1; 10 epochs by Adam, in batches and with a learning rate that each model states, which
/// rises in 400 steps and falls as a cosine to 0 by the last epoch; seed 0.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_nlp::{TranslationGRU, TranslatorBuilder};
///
/// let pairs: Vec<_> = [("ja", "yes"), ("nein", "no")].into_iter().cycle().take(64).collect();
/// let model = TranslationGRU::new().dimension(8).units(16).dropout(0.0);
/// let builder = TranslatorBuilder::new(model).learning_rate(0.02).warmup(4).batch_size(8).verbose(false);
/// let (_, history) = builder.validation_data(pairs.clone()).fit(&pairs)?;
/// let [first, .., last] = history.epochs() else { panic!("there are ten") };
/// assert!(last.logs.get("val_loss") < first.logs.get("val_loss"));
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TranslatorBuilder {
    model: TranslationModel,
    source_tokenizer: Tokenizer,
    target_tokenizer: Tokenizer,
    min_count: usize,
    max_vocabulary: Option<usize>,
    max_length: usize,
    validation_data: Option<Vec<(String, String)>>,
    label_smoothing: f64,
    learning_rate: Option<f64>,
    warmup: u64,
    epochs: usize,
    batch_size: Option<usize>,
    seed: u64,
    verbose: bool,
}

impl TranslatorBuilder {
    /// The defaults of a model.
    pub fn new(model: impl Into<TranslationModel>) -> Self {
        let tokenizer = Tokenizer::new().lowercase(true).punctuation(Punctuation::Split);
        Self {
            model: model.into(),
            source_tokenizer: tokenizer.clone(),
            target_tokenizer: tokenizer,
            min_count: 2,
            max_vocabulary: None,
            max_length: 45,
            validation_data: None,
            label_smoothing: 0.1,
            learning_rate: None,
            warmup: 400,
            epochs: 10,
            batch_size: None,
            seed: 0,
            verbose: true,
        }
    }

    setters! {
        /// How texts that are translated become words.
        source_tokenizer: Tokenizer,
        /// How texts that are translated into become words; translations have the case that it leaves.
        target_tokenizer: Tokenizer,
        /// How often a word has to occur to be told apart from others.
        min_count: usize,
        /// The greatest number of words of each language, four special ones included.
        max_vocabulary: Some(usize),
        /// The words of a text that are trained on, one less of a translation.
        max_length: usize,
        /// How much of the probability is wanted of words that are not the next one.
        label_smoothing: f64,
        /// The greatest learning rate; by default the model's.
        learning_rate: Some(f64),
        /// The steps in which the learning rate rises.
        warmup: u64,
        /// How often the pairs are trained on.
        epochs: usize,
        /// Pairs a step; by default the model's.
        batch_size: Some(usize),
        /// What weights, order and dropout are drawn from.
        seed: u64,
        /// Whether to show progress (only where standard error is a terminal).
        verbose: bool,
    }

    /// Pairs whose loss is told after each epoch.
    pub fn validation_data<S: Into<String>>(mut self, pairs: impl IntoIterator<Item = (S, S)>) -> Self {
        let owned = |(source, target): (S, S)| (source.into(), target.into());
        self.validation_data = Some(pairs.into_iter().map(owned).collect());
        self
    }

    /// Learns from texts and their translations, on the CPU; also returns the loss of each epoch.
    ///
    /// # Errors
    /// If there is no pair, a text has no word, or a setting makes no sense.
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    pub fn fit<S: AsRef<str> + Sync>(
        &self,
        pairs: &[(S, S)],
    ) -> Result<(Translator<fornax_core::Cpu>, History)> {
        self.fit_on(pairs, Default::default())
    }

    /// [`fit`](Self::fit) on a device of any backend.
    ///
    /// # Errors
    /// As for `fit`.
    pub fn fit_on<B: Backend, S: AsRef<str> + Sync>(
        &self,
        pairs: &[(S, S)],
        device: B::Device,
    ) -> Result<(Translator<B>, History)> {
        if self.max_length < 2 {
            return Err(Error::argument("max_length", self.max_length, "at least 2"));
        }
        let tokenizers = [self.source_tokenizer.clone(), self.target_tokenizer.clone()];
        let texts = words(&tokenizers, pairs)?;
        let languages = Languages::fit(&tokenizers, &texts, self.min_count, self.max_vocabulary)?;
        let (set, buckets) = languages.dataset(&texts, self.max_length)?;
        let batch_size = self.batch_size.unwrap_or(self.model.batch_size());
        let mut fit = Fit::new().epochs(self.epochs).batch_size(batch_size).length_buckets(buckets);
        if let Some(pairs) = &self.validation_data {
            let within = |error: Error| error.within("validation data");
            let texts = words(&tokenizers, pairs).map_err(within)?;
            fit = fit.validation_data(&languages.dataset(&texts, self.max_length).map_err(within)?.0);
        }

        let network = self.model.network::<B>(languages.sizes(), self.seed, device)?;
        let architecture = Architecture::of(&network)?;
        let steps = (self.epochs * set.len() / batch_size.max(1)).max(1) as u64;
        let rate = self.learning_rate.unwrap_or(self.model.learning_rate());
        let optimizer = self.model.optimizer(CosineDecay::new(0.0, steps).warmup(rate, self.warmup));
        let loss = SparseCategoricalCrossentropy::new()
            .from_logits(true)
            .ignore_class(Some(0))
            .label_smoothing(self.label_smoothing);
        let mut model = network.compile(optimizer, loss, ())?;
        let history = model.fit(&set, fit.verbose(self.verbose))?;
        Ok((Translator { languages, network: model.into_network(), architecture }, history))
    }
}
