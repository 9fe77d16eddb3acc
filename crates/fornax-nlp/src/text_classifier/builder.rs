//! [`TextClassifierBuilder`]: how a text classifier is learned.

use std::sync::Arc;
use std::time::Instant;

use fornax_core::{Array, Backend, Error, Result};
use fornax_data::datasets::Split;
use fornax_data::text::{LabelledTexts, Punctuation, Side, Tokenizer, VocabularyBuilder};
use fornax_data::{Dataset, LengthBuckets};
use fornax_layers::{Network, setters};
use fornax_optim::Optimizer;
use fornax_train::callbacks::EarlyStopping;
use fornax_train::losses::SparseCategoricalCrossentropy;
use fornax_train::metrics::{Accuracy, ClassificationReport};
use fornax_train::{Compile, Fit, History};
use rayon::prelude::*;

use super::encoder::TextEncoder;
use super::models::{Given, TextModel, TfidfRegression, Training};
use super::{Kind, TextClassifier, TextTokenizer};
use crate::{FastTextClassifier, KeyedVectors};

/// How a [`TextClassifier`] is learned.
///
/// Defaults: words in lower case, marks words of their own; words that occur twice (others are the unknown word), any number;
/// the last 400 words of a text; a tenth of the texts of each class held out, on whose accuracy training ends early after 3 epochs
/// without a better one, with the best epoch's weights; optimizer, batch size and epochs by the model; seed 0.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_data::text::LabelledTexts;
/// use fornax_nlp::{TextClassifier, TextClassifierBuilder, TfidfRegression};
///
/// let rows = [("a fine film", "pos"), ("a dull film", "neg")];
/// let texts = LabelledTexts::from_pairs((0..40).map(|at| rows[at % 2]))?;
/// let (classifier, report) = TextClassifierBuilder::new(TfidfRegression::new()).fit(&texts)?;
/// assert_eq!(report.validation.unwrap().accuracy(), 1.0);
/// let prediction = classifier.predict("Fine!")?;
/// assert!(prediction.label == "pos" && prediction.probability > 0.8);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TextClassifierBuilder {
    model: TextModel,
    tokenizer: TextTokenizer,
    min_count: usize,
    max_vocabulary: Option<usize>,
    max_length: usize,
    truncate: Side,
    vectors: Option<(Arc<KeyedVectors>, bool)>,
    optimizer: Option<Optimizer>,
    batch_size: Option<usize>,
    epochs: Option<usize>,
    validation_split: Option<f64>,
    validation_data: Option<LabelledTexts>,
    patience: usize,
    seed: u64,
    verbose: bool,
}

/// What [`TextClassifierBuilder::fit`] tells.
#[derive(Clone, Debug)]
pub struct FitReport {
    /// Loss and accuracy of each epoch; none of the linear models.
    pub history: History,
    /// Accuracy, and precision, recall and F1 of each class, on the texts that were held out.
    pub validation: Option<ClassificationReport>,
    /// The texts that were trained on.
    pub texts: usize,
    /// The words (of the baseline: n-grams) that are told apart.
    pub vocabulary: usize,
    /// The seconds that all of it took.
    pub seconds: f64,
}

impl TextClassifierBuilder {
    /// The defaults of a model.
    pub fn new(model: impl Into<TextModel>) -> Self {
        Self {
            model: model.into(),
            tokenizer: Tokenizer::new().lowercase(true).punctuation(Punctuation::Split).into(),
            min_count: 2,
            max_vocabulary: None,
            max_length: 400,
            truncate: Side::Pre,
            vectors: None,
            optimizer: None,
            batch_size: None,
            epochs: None,
            validation_split: Some(0.1),
            validation_data: None,
            patience: 3,
            seed: 0,
            verbose: true,
        }
    }

    setters! {
        /// How texts become words, or the tokens of a `tokenizer.json`; the baseline has that of its vectorizer.
        tokenizer: Into(TextTokenizer),
        /// How often a word has to occur.
        min_count: usize,
        /// The greatest number of words, two special ones included.
        max_vocabulary: Some(usize),
        /// How many words of a text are read.
        max_length: usize,
        /// Where too long texts are cut.
        truncate: Side,
        /// Texts a step.
        batch_size: Some(usize),
        /// The greatest number of epochs.
        epochs: Some(usize),
        /// The share of each class's texts that is held out; `None` holds out none.
        validation_split: Into(Option<f64>),
        /// Texts to be judged on in place of a share.
        validation_data: Some(LabelledTexts),
        /// Epochs without a better accuracy on the texts held out after which training ends.
        patience: usize,
        /// What weights, order and dropout are drawn from.
        seed: u64,
        /// Whether to show progress (only where standard error is a terminal).
        verbose: bool,
    }

    /// The optimizer; a lazy one changes the vectors of a batch's words alone.
    pub fn optimizer(mut self, optimizer: impl Into<Optimizer>) -> Self {
        self.optimizer = Some(optimizer.into());
        self
    }

    /// Where the vectors of known words start, and whether training changes them; those of other words are drawn.
    pub fn vectors(mut self, vectors: impl Into<Arc<KeyedVectors>>, trainable: bool) -> Self {
        self.vectors = Some((vectors.into(), trainable));
        self
    }

    /// Learns from texts, on the CPU.
    ///
    /// # Errors
    /// If there is no text, or texts of one class alone, a setting makes no sense, vectors have another dimension than the model,
    /// or a text that was given to be judged on has a label that no text to train on has.
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    pub fn fit(&self, texts: &LabelledTexts) -> Result<(TextClassifier<fornax_core::Cpu>, FitReport)> {
        self.fit_on(texts, Default::default())
    }

    /// [`fit`](Self::fit) on a device of any backend.
    ///
    /// # Errors
    /// As for `fit`.
    pub fn fit_on<B: Backend>(
        &self,
        texts: &LabelledTexts,
        device: B::Device,
    ) -> Result<(TextClassifier<B>, FitReport)> {
        let clock = Instant::now();
        let counts = texts.class_counts();
        if counts.iter().filter(|&&count| count > 0).count() < 2 {
            let found = format!("{} texts, of one class or none", texts.len());
            return Err(Error::data("texts", found, "texts of two classes or more"));
        }
        let (train, validation) = self.split(texts)?;
        let names = texts.class_names();
        let (kind, history) = match &self.model {
            TextModel::Tfidf(model) => (regression(model, &train, names.len())?, History::default()),
            TextModel::FastText(model) => (self.fasttext(model, &train, &device)?, History::default()),
            _ => self.network(&train, validation.as_ref(), device)?,
        };
        let classifier = TextClassifier { class_names: names.to_vec(), kind };
        let report = FitReport {
            history,
            validation: validation.map(|held_out| classifier.evaluate(&held_out)).transpose()?,
            texts: train.len(),
            vocabulary: classifier.vocabulary_len(),
            seconds: clock.elapsed().as_secs_f64(),
        };
        Ok((classifier, report))
    }

    fn split(&self, texts: &LabelledTexts) -> Result<(LabelledTexts, Option<LabelledTexts>)> {
        match (&self.validation_data, self.validation_split) {
            (Some(given), _) => {
                let given = given.clone().with_class_names(texts.class_names().to_vec());
                let given = given.map_err(|error| error.within("validation data"))?;
                if given.is_empty() {
                    return Err(Error::data("validation data", "no text", "at least one"));
                }
                Ok((texts.clone(), Some(given)))
            }
            (None, Some(fraction)) => {
                let split = texts.split_stratified(fraction, self.seed);
                let Split { train, test } = split.map_err(|error| error.within("validation_split"))?;
                Ok((train, Some(test)))
            }
            (None, None) => Ok((texts.clone(), None)),
        }
    }

    /// The tokens of each text.
    fn words(&self, texts: &LabelledTexts) -> Result<Vec<Vec<String>>> {
        texts.texts().par_iter().map(|text| self.tokenizer.tokens(text)).collect()
    }

    fn fasttext<B: Backend>(
        &self,
        model: &FastTextClassifier,
        train: &LabelledTexts,
        device: &B::Device,
    ) -> Result<Kind<B>> {
        let words = self.words(train)?;
        let labels: Vec<u32> = train.labels().iter().map(|&label| label as u32).collect();
        let model = model.clone().seed(self.seed).epochs(self.epochs.unwrap_or(model.epoch_count()));
        let model = model.fit_on::<B, _>(&words, &labels, train.class_names().len(), device)?;
        Ok(Kind::FastText { tokenizer: self.tokenizer.clone(), model: Box::new(model) })
    }

    fn network<B: Backend>(
        &self,
        train: &LabelledTexts,
        validation: Option<&LabelledTexts>,
        device: B::Device,
    ) -> Result<(Kind<B>, History)> {
        let words = self.words(train)?;
        let vocabulary = VocabularyBuilder::new().min_count(self.min_count);
        let vocabulary = match self.max_vocabulary {
            Some(most) => vocabulary.max_size(most).fit(&words)?,
            None => vocabulary.fit(&words)?,
        };
        let encoder = TextEncoder {
            tokenizer: self.tokenizer.clone(),
            vocabulary,
            max_length: self.max_length,
            truncate: self.truncate,
            margin: self.model.margin()?,
        };
        encoder.check()?;
        let given = Given {
            vocabulary: encoder.vocabulary.len(),
            classes: train.class_names().len(),
            max_length: self.max_length,
            seed: self.seed,
            device,
        };
        let mut network = self.model.network(&given)?.expect("the baseline is fitted elsewhere");
        if let Some((vectors, trainable)) = &self.vectors {
            self.start(&mut network, &encoder, vectors, *trainable)?;
        }
        let ids = words.iter().map(|words| encoder.ids(words)).collect::<Result<Vec<_>>>()?;
        let (ids, lengths) = TextEncoder::pad(&ids)?;
        let set = Dataset::new(ids, train.labels().to_vec())?;
        let Training { optimizer, batch_size, epochs } = self.model.training();
        let mut fit = Fit::new()
            .epochs(self.epochs.unwrap_or(epochs))
            .batch_size(self.batch_size.unwrap_or(batch_size))
            .length_buckets(LengthBuckets::new(lengths))
            .verbose(self.verbose);
        if let Some(validation) = validation {
            let (ids, _) = TextEncoder::pad(&encoder.encode(validation.texts())?)?;
            let early = EarlyStopping::new("val_accuracy").patience(self.patience).restore_best_weights();
            fit = fit.validation_data(&Dataset::new(ids, validation.labels().to_vec())?).callback(early);
        }
        let optimizer = self.optimizer.clone().unwrap_or(optimizer);
        let mut model = network.compile(optimizer, SparseCategoricalCrossentropy, [Accuracy])?;
        let history = model.fit(&set, fit)?;
        Ok((Kind::Network { encoder: Box::new(encoder), network: model.into_network() }, history))
    }

    /// Gives known words their vectors.
    fn start<B: Backend>(
        &self,
        network: &mut Network<B>,
        encoder: &TextEncoder,
        vectors: &KeyedVectors,
        trainable: bool,
    ) -> Result<()> {
        let dimension = vectors.dimension();
        if self.model.dimension() != Some(dimension) {
            let wanted =
                format!("{:?}, the dimension of the model", self.model.dimension().unwrap_or_default());
            return Err(Error::argument("dimension of the vectors", dimension, wanted));
        }
        let name = "embedding/embeddings";
        let mut table = network.weight(name)?.to_f32();
        for (word, row) in encoder.vocabulary.tokens().iter().zip(table.chunks_exact_mut(dimension)) {
            if vectors.index(word).is_some() {
                row.copy_from_slice(vectors.vector(word)?);
            }
        }
        network.set_weight(name, &Array::from_vec([encoder.vocabulary.len(), dimension], table)?)?;
        network.set_trainable("embedding", trainable)
    }
}

fn regression<B: Backend>(model: &TfidfRegression, train: &LabelledTexts, classes: usize) -> Result<Kind<B>> {
    let (tfidf, rows) = model.vectorizer.clone().fit_transform(train.texts())?;
    let labels: Vec<usize> = train.labels().iter().map(|&label| label as usize).collect();
    let regression = model.regression.fit(&rows, &labels, classes)?;
    Ok(Kind::Regression { tfidf: Box::new(tfidf), regression })
}
