//! [`FastTextClassifier`]: a linear classifier of words, word n-grams and character n-grams, hashed.

use std::path::Path;

use fornax_core::ops::Examples;
use fornax_core::{Array, Backend, DynTensor, Error, Philox, Result};
use fornax_data::archive;
use fornax_layers::setters;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::subwords::hash;
use crate::word_vectors::initial_rows;
use crate::{Determinism, Subwords, Tokens, WordCounts};

/// The version that this crate writes, and the newest that it reads.
const VERSION: u64 = 1;

/// Texts of a batch; the learning rate is the same for all of them.
const BATCH: usize = 256;

/// fastText's multiplier of the hashes of word n-grams.
const NGRAM_FACTOR: u64 = 116_049_371;

/// A linear classifier of texts as fastText trains it: softmax of the mean of vectors of the words of a text, of its word
/// n-grams, and, with subwords, of the words' character n-grams.
///
/// `p = softmax(V h)`, `h` the mean of all these vectors, all of them and `V` trained text after text down the gradient of
/// `-ln p` of the right class. N-grams share `buckets` vectors by their hashes. The learning rate falls to 0 text by text; each epoch has
/// an order of its own.
///
/// Defaults (those of fastText): 100 elements, learning rate 0.1, 5 epochs, no word n-grams, 2 000 000 buckets, words that
/// occur once, no subwords; Hogwild and seed 0. Source: Joulin et al., *Bag of tricks for efficient text classification*, 2017.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_nlp::FastTextClassifier;
///
/// let texts = [["a", "fine", "day"], ["a", "dull", "book"], ["fine", "and", "bright"], ["dull", "and", "long"]];
/// let model = FastTextClassifier::new(10).buckets(1000).epochs(100).fit(&texts, &[1, 0, 1, 0], 2)?;
/// let p = model.probabilities(&["so", "fine"]);
/// assert!(p[1] > 0.8 && (p[0] + p[1] - 1.0).abs() < 1e-6);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FastTextClassifier {
    dimension: usize,
    learning_rate: f64,
    epochs: usize,
    word_ngrams: usize,
    buckets: usize,
    min_count: u64,
    subwords: Option<Subwords>,
    determinism: Determinism,
    seed: u64,
}

/// A trained [`FastTextClassifier`].
#[derive(Clone, Debug, PartialEq)]
pub struct FastTextModel {
    settings: FastTextClassifier,
    counts: WordCounts,
    /// `[words + buckets, dimension]`.
    inputs: Vec<f32>,
    /// `[classes, dimension]`.
    outputs: Vec<f32>,
    losses: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    settings: FastTextClassifier,
    counts: WordCounts,
    losses: Vec<f64>,
}

impl FastTextClassifier {
    /// Vectors of `dimension` elements, with the defaults.
    pub fn new(dimension: usize) -> Self {
        Self {
            dimension,
            learning_rate: 0.1,
            epochs: 5,
            word_ngrams: 1,
            buckets: 2_000_000,
            min_count: 1,
            subwords: None,
            determinism: Determinism::default(),
            seed: 0,
        }
    }

    setters! {
        /// The learning rate of the first text.
        learning_rate: f64,
        /// How often every text is trained.
        epochs: usize,
        /// The words of the longest word n-grams; 1 for words alone.
        word_ngrams: usize,
        /// The vectors that word n-grams are hashed to.
        buckets: usize,
        /// How often a word has to occur.
        min_count: u64,
        /// The character n-grams of words; they share the buckets of the word n-grams, whatever number they state.
        subwords: Some(Subwords),
        /// Whether a training can be repeated.
        determinism: Determinism,
        /// What vectors and orders are drawn from.
        seed: u64,
    }

    /// Trains on texts and the numbers of their classes, on the CPU.
    ///
    /// # Errors
    /// If a setting makes no sense, there is no text or no class for each, a class is not below `classes`, no word is
    /// frequent enough, or the loss is not finite.
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    pub fn fit<T: Tokens + Sync>(
        &self,
        texts: &[T],
        labels: &[u32],
        classes: usize,
    ) -> Result<FastTextModel> {
        self.fit_on::<fornax_core::Cpu, _>(texts, labels, classes, &Default::default())
    }

    /// [`fit`](Self::fit) on a device of any backend. What is no CPU takes 64 texts as one step.
    ///
    /// # Errors
    /// As for `fit`.
    pub fn fit_on<B: Backend, T: Tokens + Sync>(
        &self,
        texts: &[T],
        labels: &[u32],
        classes: usize,
        device: &B::Device,
    ) -> Result<FastTextModel> {
        self.check()?;
        if labels.len() != texts.len() {
            return Err(Error::data("labels", labels.len(), format!("{}, one for each text", texts.len())));
        }
        if let Some(at) = labels.iter().position(|&label| label as usize >= classes) {
            return Err(Error::data(format!("label {at}"), labels[at], format!("below {classes}")));
        }
        let counts = WordCounts::of(texts, self.min_count, None)?;
        let mut rows = counts.len();
        if self.word_ngrams > 1 || self.subwords.is_some() {
            rows += self.buckets;
        }
        let width = B::padded_width(self.dimension);
        if rows.checked_mul(width).is_none_or(|len| len > isize::MAX as usize / 8) || rows > u32::MAX as usize
        {
            let wanted = format!("a table of {rows} rows that memory holds");
            return Err(Error::argument("dimension", self.dimension, wanted));
        }
        let bags: Vec<Vec<u32>> = texts.par_iter().map(|text| self.bag(&counts, text.tokens())).collect();
        let inputs = initial_rows(self.seed, self.dimension, 0..rows, width);
        let mut tables = [
            DynTensor::<B>::from_vec(inputs, &[rows, width], device),
            DynTensor::zeros(&[classes, width], device),
        ];
        let (mut examples, mut losses) = (Examples::default(), vec![]);
        let hogwild = self.determinism == Determinism::Hogwild;
        let total = (texts.len() * self.epochs) as f64;
        for epoch in 0..self.epochs {
            let order = Philox::new(self.seed).named("order").stream(epoch as u64).permutation(texts.len());
            let mut loss = 0.0;
            for (batch, texts) in order.chunks(BATCH).enumerate() {
                examples.clear();
                texts.iter().for_each(|&text| examples.push(&bags[text], &[labels[text]], &[]));
                let done = (epoch * order.len() + batch * BATCH) as f64 / total;
                let alpha = self.learning_rate * (1.0 - done);
                let (trained, part) = B::train_bag_classifier(tables, &examples, alpha, hogwild);
                (tables, loss) = (trained, loss + part);
            }
            if !loss.is_finite() {
                let place = format!("epoch {}", epoch + 1);
                let found = format!("the loss {loss}");
                return Err(Error::training(place, found, "a finite one: lower the learning rate"));
            }
            losses.push(loss / texts.len() as f64);
        }
        let [inputs, outputs] = tables.map(|table| table.slice(1, 0, self.dimension, 1).to_vec());
        Ok(FastTextModel { settings: self.clone(), counts, inputs, outputs, losses })
    }

    fn check(&self) -> Result<()> {
        for (name, value) in [("dimension", self.dimension), ("word_ngrams", self.word_ngrams)] {
            if value == 0 {
                return Err(Error::argument(name, value, "at least 1"));
            }
        }
        if self.buckets == 0 || self.buckets > i32::MAX as usize {
            return Err(Error::argument("buckets", self.buckets, format!("1 to {}", i32::MAX)));
        }
        if !(self.learning_rate.is_finite() && self.learning_rate >= 0.0) {
            let wanted = "a number that is not negative";
            return Err(Error::argument("learning_rate", self.learning_rate, wanted));
        }
        self.subwords.map_or(Ok(()), |subwords| subwords.check())
    }

    /// The rows of a text: its words, their character n-grams, its word n-grams.
    fn bag<S: AsRef<str>>(&self, counts: &WordCounts, tokens: &[S]) -> Vec<u32> {
        let (mut rows, buckets) = (vec![], self.buckets as u64);
        let bucket = |hash: u64| counts.len() as u32 + (hash % buckets) as u32;
        for token in tokens {
            rows.extend(counts.index(token.as_ref()));
            if let Some(subwords) = self.subwords {
                subwords.each_ngram(token.as_ref(), |ngram| rows.push(bucket(u64::from(hash(ngram)))));
            }
        }
        if self.word_ngrams > 1 {
            // fastText widens the hashes as signed numbers.
            let hashes: Vec<u64> =
                tokens.iter().map(|token| i64::from(hash(token.as_ref()) as i32) as u64).collect();
            for start in 0..hashes.len() {
                let mut hash = hashes[start];
                for next in hashes[start + 1..].iter().take(self.word_ngrams - 1) {
                    hash = hash.wrapping_mul(NGRAM_FACTOR).wrapping_add(*next);
                    rows.push(bucket(hash));
                }
            }
        }
        rows
    }
}

impl FastTextModel {
    /// The probability of each class for the tokens of a text. Where nothing of it is known, all classes are equal.
    pub fn probabilities<S: AsRef<str>>(&self, tokens: &[S]) -> Vec<f32> {
        let dimension = self.settings.dimension;
        let bag = self.settings.bag(&self.counts, tokens);
        let mut h = vec![0.0f32; dimension];
        for &row in &bag {
            h.iter_mut().zip(&self.inputs[row as usize * dimension..]).for_each(|(h, value)| *h += value);
        }
        h.iter_mut().for_each(|h| *h /= bag.len().max(1) as f32);
        let score = |v: &[f32]| v.iter().zip(&h).map(|(v, h)| v * h).sum::<f32>();
        let mut p: Vec<f32> = self.outputs.chunks_exact(dimension).map(score).collect();
        let largest = p.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        p.iter_mut().for_each(|p| *p = (*p - largest).exp());
        let sum: f32 = p.iter().sum();
        p.iter_mut().for_each(|p| *p /= sum);
        p
    }

    /// The mean loss of a text in each epoch.
    pub fn losses(&self) -> &[f64] {
        &self.losses
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.outputs.len() / self.settings.dimension
    }

    /// Saves settings, words and vectors, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let (settings, counts, losses) = (self.settings.clone(), self.counts.clone(), self.losses.clone());
        let dimension = self.settings.dimension;
        let arrays = [("inputs", &self.inputs), ("outputs", &self.outputs)].map(|(name, values)| {
            let shape = [values.len() / dimension, dimension];
            Ok((name.to_owned(), Array::from_vec(shape, values.clone())?))
        });
        let arrays = arrays.into_iter().collect::<Result<Vec<_>>>()?;
        archive::write(path.as_ref(), VERSION, &Header { settings, counts, losses }, &arrays)
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If the file cannot be read or is not such a file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (Header { settings, counts, losses }, mut arrays) = archive::read::<Header>(path, VERSION)?;
        settings.check().map_err(|error| error.within(path.display()))?;
        let hashed = settings.word_ngrams > 1 || settings.subwords.is_some();
        let rows = counts.len() + if hashed { settings.buckets } else { 0 };
        let mut table = |name: &str, rows: Option<usize>| {
            let array = arrays.remove(name);
            let shape = array.as_ref().map(|array| array.shape().to_vec()).unwrap_or_default();
            match shape[..] {
                [found, width] if width == settings.dimension && rows.is_none_or(|rows| rows == found) => {
                    Ok(array.expect("a shape of an array").to_f32())
                }
                _ => {
                    let wanted = rows.map_or("classes".into(), |rows| rows.to_string());
                    let wanted = format!("[{wanted}, {}]", settings.dimension);
                    Err(Error::format(path, name, format!("shape {shape:?}"), wanted))
                }
            }
        };
        let (inputs, outputs) = (table("inputs", Some(rows))?, table("outputs", None)?);
        Ok(Self { settings, counts, inputs, outputs, losses })
    }
}
