//! [`Glove`]: word vectors from counts of words that stand near each other.

mod cooccurrences;
mod training;

use fornax_core::{Error, Result};
use fornax_layers::setters;

use crate::{Corpus, KeyedVectors, WordCounts};
use cooccurrences::Counting;
use training::Tables;

/// Word vectors by weighted least squares on the logarithms of cooccurrence counts.
///
/// `X_ij` is the sum of `1 / d` over all places where word `j` stands `d <= window` words from word `i`. Vectors `w`, `c` and
/// biases `a`, `b` minimise the sum over all pairs with `X_ij > 0` of
///
/// `f(X_ij) / 2 (w_i . c_j + a_i + b_j - ln X_ij)^2`, `f(x) = min(1, (x / x_max)^alpha)`
///
/// by AdaGrad, pair after pair in an order that is drawn. The vector of a word is `w_i + c_i`. The bits are the same for any
/// number of threads: pairs are divided into 8 blocks of words and 8 of contexts, of which no two that are trained at a time
/// share a row, so that more than 8 threads do not train faster.
///
/// Defaults: window 15 on both sides, `x_max` 100, `alpha` 0.75, learning rate 0.05, 25 epochs and 4 GiB for pairs, as the
/// reference implementation, words that occur 5 times (there all), seed 0. Source: Pennington, Socher and Manning, *GloVe: Global
/// Vectors for Word Representation*, EMNLP 2014.
///
/// ```
/// use fornax_nlp::Glove;
///
/// let texts = [["tea", "or", "coffee", "to", "drink"], ["rain", "and", "snow", "will", "fall"]];
/// let corpus: Vec<_> = (0..200).map(|at| texts[at % 2]).collect();
/// let trained = Glove::new(8).verbose(false).fit(&corpus)?;
/// let vectors = trained.keyed_vectors();
/// assert!(vectors.similarity("tea", "coffee")? > vectors.similarity("tea", "snow")?);
/// assert!(trained.losses()[24] < trained.losses()[0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Glove {
    dimension: usize,
    window: usize,
    symmetric: bool,
    min_count: u64,
    max_vocabulary: Option<usize>,
    x_max: f64,
    alpha: f64,
    learning_rate: f64,
    epochs: usize,
    memory: u64,
    seed: u64,
    verbose: bool,
}

/// Vectors that [`Glove::fit`] made.
#[derive(Clone, Debug)]
pub struct GloveVectors {
    vectors: KeyedVectors,
    losses: Vec<f64>,
    pairs: usize,
}

impl Glove {
    /// Vectors of `dimension` elements, with the defaults.
    pub fn new(dimension: usize) -> Self {
        Self {
            dimension,
            window: 15,
            symmetric: true,
            min_count: 5,
            max_vocabulary: None,
            x_max: 100.0,
            alpha: 0.75,
            learning_rate: 0.05,
            epochs: 25,
            memory: 4 << 30,
            seed: 0,
            verbose: true,
        }
    }

    setters! {
        /// The greatest distance of words that are near each other.
        window: usize,
        /// Whether words on the right are near, too; else those on the left alone.
        symmetric: bool,
        /// How often a word has to occur.
        min_count: u64,
        /// The greatest number of words.
        max_vocabulary: Some(usize),
        /// The count from which on pairs have the full weight.
        x_max: f64,
        /// The power of the weight below that count.
        alpha: f64,
        /// The learning rate.
        learning_rate: f64,
        /// How often the pairs are trained on.
        epochs: usize,
        /// The most memory that pairs may take, in bytes, 48 for a word and another near it. Vectors are not counted.
        memory: u64,
        /// What vectors and the order of pairs are drawn from.
        seed: u64,
        /// Whether to show progress (only where standard error is a terminal).
        verbose: bool,
    }

    /// Counts the words of a corpus and those near them, and trains vectors, on the CPU. The corpus is read twice.
    ///
    /// # Errors
    /// If a setting makes no sense, the corpus cannot be read, has no word that is frequent enough or no two words near each
    /// other, there are more pairs than memory allows, or the loss is not finite.
    pub fn fit<C: Corpus + ?Sized>(&self, corpus: &C) -> Result<GloveVectors> {
        self.check()?;
        let counts = WordCounts::of(corpus, self.min_count, self.max_vocabulary)?;
        let counting = Counting { window: self.window, symmetric: self.symmetric, memory: self.memory };
        let pairs = counting.pairs(corpus, &counts)?;
        if pairs.is_empty() {
            return Err(Error::data("corpus", "no two words near each other", "texts of two words or more"));
        }
        self.check_size(counts.len())?;
        let count = pairs.len();
        let mut tables = Tables::new(self, counts.len(), pairs);
        let progress = crate::word_vectors::Progress::new(self.verbose, (count * self.epochs) as u64, 0);
        let mut losses = vec![];
        for epoch in 0..self.epochs {
            let loss = tables.epoch(|trained| progress.add(trained, self.learning_rate)) / count as f64;
            if !loss.is_finite() {
                let wanted = "a finite one: lower the learning rate";
                return Err(Error::training(
                    format!("epoch {}", epoch + 1),
                    format!("the loss {loss}"),
                    wanted,
                ));
            }
            progress.end_epoch(epoch + 1, loss);
            losses.push(loss);
        }
        let vectors = KeyedVectors::new(counts.words().to_vec(), self.dimension, tables.vectors())?;
        Ok(GloveVectors { vectors, losses, pairs: count })
    }

    fn check(&self) -> Result<()> {
        for (name, value) in [("dimension", self.dimension), ("window", self.window)] {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least 1"));
            }
        }
        for (name, value) in [("x_max", self.x_max), ("learning_rate", self.learning_rate)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::argument(name, value, "a finite number above 0"));
            }
        }
        match self.alpha.is_finite() && self.alpha >= 0.0 {
            true => Ok(()),
            false => Err(Error::argument("alpha", self.alpha, "a finite number of 0 or more")),
        }
    }

    /// Four tables of so many rows.
    fn check_size(&self, words: usize) -> Result<()> {
        let numbers = self.dimension.checked_add(8).and_then(|width| width.checked_mul(words));
        match numbers.is_some_and(|numbers| numbers <= isize::MAX as usize / 16) {
            true => Ok(()),
            false => {
                let wanted = format!("tables of {words} rows that memory holds");
                Err(Error::argument("dimension", self.dimension, wanted))
            }
        }
    }
}

impl GloveVectors {
    /// The vectors of the words.
    pub fn keyed_vectors(&self) -> &KeyedVectors {
        &self.vectors
    }

    /// The vectors alone.
    pub fn into_keyed_vectors(self) -> KeyedVectors {
        self.vectors
    }

    /// The mean loss of a pair in each epoch.
    pub fn losses(&self) -> &[f64] {
        &self.losses
    }

    /// The number of pairs of a word and a context that stand near each other.
    pub fn pairs(&self) -> usize {
        self.pairs
    }
}
