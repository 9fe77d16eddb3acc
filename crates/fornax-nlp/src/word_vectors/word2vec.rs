//! [`Word2Vec`]: how word vectors are trained.

use std::path::PathBuf;

use fornax_core::{Backend, Error, Result};
use fornax_layers::setters;
use serde::{Deserialize, Serialize};

use super::WordVectors;
use super::windows::Documents;
use crate::{Corpus, Subwords, WordCounts};

/// What is predicted from what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// A word from each word around it.
    #[default]
    SkipGram,
    /// A word from the mean of the words around it (continuous bag of words).
    Cbow,
}

/// Whether a training can be repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Determinism {
    /// Several threads change the same vectors without waiting for each other (Niu et al. 2011). With one thread the
    /// same as `Exact`.
    #[default]
    Hogwild,
    /// Example after example: the same bits for any number of threads, which then read and prepare texts.
    Exact,
}

/// Word vectors trained on a corpus by predicting words from the words around them.
///
/// For a word `w` and each word `c` that is at most `b` words away, `b` drawn from 1 to `window`, skip-gram with negative
/// sampling maximises `ln sigmoid(x_c . v_w) + sum_k ln sigmoid(-x_c . v_k)` over wrong words `k` drawn in proportion to
/// `count^noise_exponent`; all words around `w` share its wrong words. CBOW puts the mean of the `x_c` in the place of each.
/// With [`Subwords`] a word's `x` is the mean of its own vector and those of its n-grams, and skip-gram predicts the words around
/// `w` from it, as fastText does.
/// Hierarchical softmax has the inner nodes on the way to `w` in a Huffman tree as outputs. Words are left out of the
/// texts with probability `1 - sqrt(t / f) - t / f`, where `f` is their share of the corpus and `t` is `sample`.
///
/// Defaults (those of gensim): window 5, 5 wrong words, exponent 0.75 (with subwords 0.5, as fastText), no hierarchical
/// softmax, sample 1e-3, words that occur 5 times, learning rate 0.025 that falls to 0.0001 word by word, 5 epochs, skip-gram
/// (gensim: CBOW), Hogwild, seed 0. Source: Mikolov et al. 2013 (arXiv 1301.3781 and 1310.4546) and word2vec.c.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_nlp::Word2Vec;
///
/// let texts = [["tea", "or", "coffee", "to", "drink"], ["rain", "and", "snow", "will", "fall"]];
/// let corpus: Vec<_> = (0..200).map(|at| texts[at % 2]).collect();
/// let trained = Word2Vec::new(16).sample(0.0).learning_rate(0.1).fit(&corpus)?;
/// let vectors = trained.keyed_vectors()?;
/// assert!(vectors.similarity("tea", "coffee")? > vectors.similarity("tea", "snow")?);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word2Vec {
    pub(crate) dimension: usize,
    pub(super) subwords: Option<Subwords>,
    pub(super) architecture: Architecture,
    pub(super) window: usize,
    pub(super) negative: usize,
    pub(super) noise_exponent: Option<f64>,
    pub(super) hierarchical_softmax: bool,
    pub(super) sample: f64,
    pub(super) min_count: u64,
    pub(super) max_vocabulary: Option<usize>,
    pub(super) learning_rate: f64,
    pub(super) min_learning_rate: f64,
    pub(super) epochs: usize,
    pub(super) determinism: Determinism,
    pub(super) seed: u64,
    #[serde(skip)]
    pub(super) verbose: bool,
    #[serde(skip)]
    pub(super) checkpoint: Option<PathBuf>,
}

impl Word2Vec {
    /// Vectors of `dimension` elements, with the defaults.
    pub fn new(dimension: usize) -> Self {
        Self {
            dimension,
            subwords: None,
            architecture: Architecture::default(),
            window: 5,
            negative: 5,
            noise_exponent: None,
            hierarchical_softmax: false,
            sample: 1e-3,
            min_count: 5,
            max_vocabulary: None,
            learning_rate: 0.025,
            min_learning_rate: 1e-4,
            epochs: 5,
            determinism: Determinism::default(),
            seed: 0,
            verbose: true,
            checkpoint: None,
        }
    }

    setters! {
        /// The n-grams that words share; none by default.
        subwords: Some(Subwords),
        /// What is predicted from what.
        architecture: Architecture,
        /// The greatest distance of a word that another is predicted from.
        window: usize,
        /// The wrong words of an example.
        negative: usize,
        /// The power of the counts in proportion to which wrong words are drawn.
        noise_exponent: Some(f64),
        /// Whether the nodes of a Huffman tree are predicted, too; with `negative` 0 they alone.
        hierarchical_softmax: bool,
        /// The share of the corpus from which on occurrences of a word are left out; 0 keeps all.
        sample: f64,
        /// How often a word has to occur.
        min_count: u64,
        /// The greatest number of words.
        max_vocabulary: Some(usize),
        /// The learning rate of the first word.
        learning_rate: f64,
        /// The learning rate of the last word.
        min_learning_rate: f64,
        /// How often the corpus is read for training.
        epochs: usize,
        /// Whether a training can be repeated.
        determinism: Determinism,
        /// What vectors, windows and wrong words are drawn from.
        seed: u64,
        /// Whether to show progress (only where standard error is a terminal).
        verbose: bool,
    }

    /// Has `fit` write its state to this file after each epoch, and go on from it where it is there: with
    /// [`Determinism::Exact`] to the same bits as without the interruption.
    pub fn checkpoint(self, path: impl Into<PathBuf>) -> Self {
        Self { checkpoint: Some(path.into()), ..self }
    }

    /// Counts the words of a corpus and trains their vectors on it, on the CPU.
    ///
    /// # Errors
    /// If a setting makes no sense, the corpus cannot be read or has no word that is frequent enough, the loss is not
    /// finite, or the checkpoint cannot be written or is of other settings or of another corpus.
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    pub fn fit<C: Corpus + ?Sized>(&self, corpus: &C) -> Result<WordVectors<fornax_core::Cpu>> {
        self.fit_on(corpus, Default::default())
    }

    /// [`fit`](Self::fit) on a device of any backend. What is no CPU takes a few hundred examples at once, as one step.
    ///
    /// # Errors
    /// As for `fit`.
    pub fn fit_on<B: Backend, C: Corpus + ?Sized>(
        &self,
        corpus: &C,
        device: B::Device,
    ) -> Result<WordVectors<B>> {
        self.fit_with(corpus, None, device)
    }

    /// With vectors of texts.
    pub(super) fn fit_with<B: Backend, C: Corpus + ?Sized>(
        &self,
        corpus: &C,
        documents: Option<Documents>,
        device: B::Device,
    ) -> Result<WordVectors<B>> {
        self.check()?;
        let counts = WordCounts::of(corpus, self.min_count, self.max_vocabulary)?;
        let mut vectors = match &self.checkpoint {
            Some(path) if path.exists() => WordVectors::resumed(self, &counts, documents, path, device)?,
            _ => WordVectors::with_documents(self.clone(), counts, documents, device)?,
        };
        vectors.train_from(corpus, vectors.losses().len(), self.epochs)?;
        Ok(vectors)
    }

    /// The learning rate where `done` of the words, between 0 and 1, are trained.
    pub(super) fn rate(&self, done: f64) -> f64 {
        let rate = self.learning_rate - (self.learning_rate - self.min_learning_rate) * done;
        rate.max(self.min_learning_rate.min(self.learning_rate))
    }

    /// The power of the counts where wrong words are drawn.
    pub(super) fn exponent(&self) -> f64 {
        self.noise_exponent.unwrap_or(if self.subwords.is_some() { 0.5 } else { 0.75 })
    }

    pub(super) fn check(&self) -> Result<()> {
        if let Some(subwords) = self.subwords {
            subwords.check()?;
        }
        for (name, value) in [("dimension", self.dimension), ("window", self.window)] {
            if value == 0 {
                return Err(Error::argument(name, value, "at least 1"));
            }
        }
        if u32::try_from(self.window).is_err() {
            return Err(Error::argument("window", self.window, "less than 2^32"));
        }
        if self.negative == 0 && !self.hierarchical_softmax {
            return Err(Error::argument("negative", 0, "at least 1 without hierarchical softmax"));
        }
        let rates = [("learning_rate", self.learning_rate), ("min_learning_rate", self.min_learning_rate)];
        for (name, value) in rates.into_iter().chain([("sample", self.sample)]) {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::argument(name, value, "a number that is not negative"));
            }
        }
        if !self.exponent().is_finite() {
            return Err(Error::argument("noise_exponent", self.exponent(), "a finite number"));
        }
        Ok(())
    }
}
