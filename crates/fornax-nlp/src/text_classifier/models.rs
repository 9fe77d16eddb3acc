//! [`TextModel`]: what a text classifier computes.

use fornax_core::ops::Activation::{Relu, Softmax};
use fornax_core::{Backend, Error, Result};
use fornax_layers::layers::{
    Add, Concatenate, Conv1D, Dense, Dropout, Embedding, GlobalAveragePooling1D, GlobalMaxPooling1D,
};
use fornax_layers::{Apply, Constraint, Functional, Initializer, Network, Sequential, input, setters};
use fornax_optim::{Adam, Optimizer};
use fornax_sequence::layers::{Bidirectional, LSTM, PositionEmbedding, TransformerEncoder};

use super::encoder::WIDEST;
use crate::{FastTextClassifier, LogisticRegression, TfidfVectorizer};

/// What a text classifier computes, from [`TfidfRegression`], [`FastTextClassifier`], [`TextCNN`], [`TextLSTM`], [`BagOfEmbeddings`] or
/// [`TextTransformer`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TextModel {
    /// Logistic regression on TF-IDF.
    Tfidf(TfidfRegression),
    /// A linear model of hashed n-grams.
    FastText(FastTextClassifier),
    /// A convolutional network.
    Cnn(TextCNN),
    /// A recurrent network.
    Lstm(TextLSTM),
    /// The mean of word vectors.
    Bag(BagOfEmbeddings),
    /// Self-attention.
    Transformer(TextTransformer),
}

/// Logistic regression on the TF-IDF of n-grams: the baseline.
///
/// Defaults: words and pairs of words that two texts have, `1 + ln tf`, `c` 10; the vectorizer's own tokenizer.
#[derive(Clone, Debug)]
pub struct TfidfRegression {
    pub(super) vectorizer: TfidfVectorizer,
    pub(super) regression: LogisticRegression,
}

/// Convolutions over windows of word vectors, the greatest value of each over time, dropout, softmax.
///
/// Defaults: vectors of 300 elements uniform within 0.25, 100 maps of windows of 3, 4 and 5 words, dropout 0.5 behind them and
/// none before, the norm of each class's weights at most 3; Adam (lazy, 0.001), batches of 50, at most 25 epochs. Source: Y. Kim,
/// *Convolutional Neural Networks for Sentence Classification*, EMNLP 2014 (CNN-rand), who trains with Adadelta.
#[derive(Clone, Debug)]
pub struct TextCNN {
    dimension: usize,
    windows: Vec<usize>,
    filters: usize,
    embedding_dropout: f64,
    dropout: f64,
    max_norm: f64,
}

/// Word vectors, an LSTM, and softmax on its last output.
///
/// Defaults: vectors of 128 elements, 64 units in one direction, dropout 0.2 before and behind the LSTM; Adam (lazy, 0.001),
/// batches of 32, 5 epochs. Source: the IMDB example of Keras.
#[derive(Clone, Debug)]
pub struct TextLSTM {
    dimension: usize,
    units: usize,
    bidirectional: bool,
    dropout: f64,
}

/// The mean of the word vectors, dropout, softmax.
///
/// Defaults: vectors of 64 elements, dropout 0.2; Adam (lazy, 0.005), batches of 32, 10 epochs. Source: Iyyer et al., *Deep
/// Unordered Composition Rivals Syntactic Methods for Text Classification*, ACL 2015 (NBOW).
#[derive(Clone, Debug)]
pub struct BagOfEmbeddings {
    dimension: usize,
    dropout: f64,
}

/// Word and position vectors, blocks of self-attention, the mean over time, softmax.
///
/// Defaults: vectors of 64 elements, 1 block of 4 heads with 128 hidden units, dropout 0.1; Adam (lazy, 0.001), batches of 32, 5
/// epochs. Source: Vaswani et al. 2017; the text classification example of Keras.
#[derive(Clone, Debug)]
pub struct TextTransformer {
    dimension: usize,
    blocks: usize,
    heads: usize,
    hidden: usize,
    dropout: f64,
}

macro_rules! default_is_new {
    ($($model:ident in $variant:ident,)*) => {
        $(impl Default for $model {
            fn default() -> Self {
                Self::new()
            }
        }

        impl From<$model> for TextModel {
            fn from(model: $model) -> Self {
                Self::$variant(model)
            }
        })*
    };
}

default_is_new! {
    TfidfRegression in Tfidf,
    TextCNN in Cnn,
    TextLSTM in Lstm,
    BagOfEmbeddings in Bag,
    TextTransformer in Transformer,
}

impl From<FastTextClassifier> for TextModel {
    fn from(model: FastTextClassifier) -> Self {
        Self::FastText(model)
    }
}

impl TfidfRegression {
    /// The defaults.
    pub fn new() -> Self {
        let counts = crate::CountVectorizer::new().ngram_range(1..=2).min_df(2usize);
        let vectorizer = TfidfVectorizer::of(counts).sublinear_tf(true);
        Self { vectorizer, regression: LogisticRegression::new().c(10.0) }
    }

    setters! {
        /// How texts become rows.
        vectorizer: TfidfVectorizer,
        /// How the weights are found.
        regression: LogisticRegression,
    }
}

impl TextCNN {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            dimension: 300,
            windows: vec![3, 4, 5],
            filters: 100,
            embedding_dropout: 0.0,
            dropout: 0.5,
            max_norm: 3.0,
        }
    }

    setters! {
        /// The elements of a word vector.
        dimension: usize,
        /// The words of each window.
        windows: Into(Vec<usize>),
        /// The maps of each window.
        filters: usize,
        /// The share of the elements of word vectors that training leaves out.
        embedding_dropout: f64,
        /// The share of features that training leaves out.
        dropout: f64,
        /// The largest norm of a class's weights.
        max_norm: f64,
    }

    fn network<B: Backend>(&self, given: &Given<B>) -> Result<Network<B>> {
        let ids = input([None]);
        let start = Initializer::RandomUniform { minval: -0.25, maxval: 0.25 };
        let embedding = Embedding::new(given.vocabulary, self.dimension).embeddings_initializer(start);
        let x = Dropout::new(self.embedding_dropout).apply(&embedding.apply(&ids)?)?;
        let mut maps = vec![];
        for &window in &self.windows {
            let y = Conv1D::new(self.filters, window).activation(Relu).apply(&x)?;
            maps.push(GlobalMaxPooling1D::new().apply(&y)?);
        }
        let y = if let [map] = &maps[..] { map.clone() } else { Concatenate::new().apply(&maps[..])? };
        let y = Dropout::new(self.dropout).apply(&y)?;
        let dense = Dense::new(given.classes).kernel_constraint(Constraint::max_norm(self.max_norm));
        let y = dense.activation(Softmax).apply(&y)?;
        Functional::new(&ids, &y).seed(given.seed).device(given.device.clone()).build()
    }
}

impl TextLSTM {
    /// The defaults.
    pub fn new() -> Self {
        Self { dimension: 128, units: 64, bidirectional: false, dropout: 0.2 }
    }

    setters! {
        /// The elements of a word vector.
        dimension: usize,
        /// The units of the LSTM, in each direction.
        units: usize,
        /// Whether a second LSTM reads backwards.
        bidirectional: bool,
        /// The share of features that training leaves out.
        dropout: f64,
    }

    fn network<B: Backend>(&self, given: &Given<B>) -> Result<Network<B>> {
        let x = given.embedded(self.dimension).add(Dropout::new(self.dropout));
        let lstm = LSTM::new(self.units);
        let x = if self.bidirectional { x.add(Bidirectional::new(lstm)) } else { x.add(lstm) };
        x.add(Dropout::new(self.dropout)).add(Dense::new(given.classes).activation(Softmax)).build()
    }
}

impl BagOfEmbeddings {
    /// The defaults.
    pub fn new() -> Self {
        Self { dimension: 64, dropout: 0.2 }
    }

    setters! {
        /// The elements of a word vector.
        dimension: usize,
        /// The share of features that training leaves out.
        dropout: f64,
    }

    fn network<B: Backend>(&self, given: &Given<B>) -> Result<Network<B>> {
        let x = given.embedded(self.dimension).add(GlobalAveragePooling1D::new());
        x.add(Dropout::new(self.dropout)).add(Dense::new(given.classes).activation(Softmax)).build()
    }
}

impl TextTransformer {
    /// The defaults.
    pub fn new() -> Self {
        Self { dimension: 64, blocks: 1, heads: 4, hidden: 128, dropout: 0.1 }
    }

    setters! {
        /// The elements of a word vector, a multiple of the heads.
        dimension: usize,
        /// The blocks of attention.
        blocks: usize,
        /// The heads of attention.
        heads: usize,
        /// The hidden units of a block's feed-forward network.
        hidden: usize,
        /// The share of features that training leaves out.
        dropout: f64,
    }

    fn network<B: Backend>(&self, given: &Given<B>) -> Result<Network<B>> {
        let ids = input([None]);
        let words = Embedding::new(given.vocabulary, self.dimension).mask_zero(true).apply(&ids)?;
        let positions = PositionEmbedding::new(given.max_length).apply(&words)?;
        let mut x = Add.apply([&words, &positions])?;
        for _ in 0..self.blocks {
            x = TransformerEncoder::new(self.hidden, self.heads).dropout(self.dropout).apply(&x)?;
        }
        let y = GlobalAveragePooling1D::new().apply(&x)?;
        let y = Dropout::new(self.dropout).apply(&y)?;
        let y = Dense::new(given.classes).activation(Softmax).apply(&y)?;
        Functional::new(&ids, &y).seed(given.seed).device(given.device.clone()).build()
    }
}

/// What the texts and the machine say about a network.
pub(super) struct Given<B: Backend> {
    pub(super) vocabulary: usize,
    pub(super) classes: usize,
    pub(super) max_length: usize,
    pub(super) seed: u64,
    pub(super) device: B::Device,
}

impl<B: Backend> Given<B> {
    /// Ids as vectors, padding masked.
    fn embedded(&self, dimension: usize) -> Sequential<B> {
        let embedding = Embedding::new(self.vocabulary, dimension).mask_zero(true);
        Sequential::new([None]).seed(self.seed).device(self.device.clone()).add(embedding)
    }
}

/// How a network is trained where nothing else is said.
pub(super) struct Training {
    pub(super) optimizer: Optimizer,
    pub(super) batch_size: usize,
    pub(super) epochs: usize,
}

impl TextModel {
    pub(super) fn training(&self) -> Training {
        let (rate, batch_size, epochs) = match self {
            Self::Cnn(_) => (1e-3, 50, 25),
            Self::Bag(_) => (5e-3, 32, 10),
            Self::Tfidf(_) | Self::FastText(_) | Self::Lstm(_) | Self::Transformer(_) => (1e-3, 32, 5),
        };
        Training { optimizer: Adam::new(rate).lazy(true).into(), batch_size, epochs }
    }

    /// The elements of a word vector; none without such vectors.
    pub(super) fn dimension(&self) -> Option<usize> {
        match self {
            Self::Tfidf(_) | Self::FastText(_) => None,
            Self::Cnn(model) => Some(model.dimension),
            Self::Lstm(model) => Some(model.dimension),
            Self::Bag(model) => Some(model.dimension),
            Self::Transformer(model) => Some(model.dimension),
        }
    }

    /// The padding around every text.
    pub(super) fn margin(&self) -> Result<usize> {
        let Self::Cnn(TextCNN { windows, .. }) = self else { return Ok(0) };
        match (windows.iter().max(), windows.contains(&0)) {
            (Some(&widest), false) if widest <= WIDEST => Ok(widest),
            _ => {
                Err(Error::argument("windows", format!("{windows:?}"), format!("lengths from 1 to {WIDEST}")))
            }
        }
    }

    /// The network on ids, the layer `embedding` first; none for what is no network.
    pub(super) fn network<B: Backend>(&self, given: &Given<B>) -> Result<Option<Network<B>>> {
        Ok(Some(match self {
            Self::Tfidf(_) | Self::FastText(_) => return Ok(None),
            Self::Cnn(model) => model.network(given)?,
            Self::Lstm(model) => model.network(given)?,
            Self::Bag(model) => model.network(given)?,
            Self::Transformer(model) => model.network(given)?,
        }))
    }
}
