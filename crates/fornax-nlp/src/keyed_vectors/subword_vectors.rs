//! [`SubwordVectors`]: a vector for any word, from its n-grams.

use std::path::Path;

use fornax_core::{Error, Result};

use super::{KeyedVectors, dot, norm};
use crate::subwords::{Bags, Subwords};
use crate::word_vectors::fasttext;

/// Vectors of words and of character n-grams: what fastText keeps in a `.bin` file.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_nlp::{Subwords, Word2Vec};
///
/// let corpus = vec![["running", "runner", "runs"], ["singing", "singer", "sings"]];
/// let subwords = Subwords::default().buckets(1000);
/// let trained = Word2Vec::new(8).subwords(subwords).min_count(1).fit(&corpus)?;
/// let vectors = trained.subword_vectors()?;
/// assert!(vectors.keyed_vectors().index("run").is_none());
/// assert_eq!(vectors.vector("run")?.len(), 8);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SubwordVectors {
    words: KeyedVectors,
    subwords: Subwords,
    /// `[buckets, dimension]`.
    ngrams: Vec<f32>,
}

impl SubwordVectors {
    /// From the rows of a table, the words' own first.
    pub(crate) fn new(
        words: &[String],
        subwords: Subwords,
        dimension: usize,
        mut rows: Vec<f32>,
    ) -> Result<Self> {
        if let Some(at) = rows.iter().position(|value| !value.is_finite()) {
            return Err(Error::data(format!("row {}", at / dimension), rows[at], "finite numbers"));
        }
        let bags = Bags::new(words, &subwords);
        let mut means = vec![0.0; words.len() * dimension];
        for (mean, word) in means.chunks_exact_mut(dimension).zip(0..) {
            let bag = bags.get(word).iter().map(|&row| &rows[row as usize * dimension..][..dimension]);
            mean_of(bag, mean);
        }
        rows.drain(..words.len() * dimension);
        Ok(Self { words: KeyedVectors::new(words.to_vec(), dimension, means)?, subwords, ngrams: rows })
    }

    /// Reads a `.bin` file of fastText or gensim, gzipped or not; labels of a classifier are left out.
    ///
    /// # Errors
    /// If the file cannot be read, is none of fastText, or holds quantised vectors.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = fasttext::read(path, false)?;
        let dimension = file.settings.dimension;
        Self::new(file.counts.words(), file.subwords(), dimension, file.inputs)
            .map_err(|error| error.within(path.display()))
    }

    /// The vectors of the words of the vocabulary, to be asked.
    pub fn keyed_vectors(&self) -> &KeyedVectors {
        &self.words
    }

    /// [`keyed_vectors`](Self::keyed_vectors) alone.
    pub fn into_keyed_vectors(self) -> KeyedVectors {
        self.words
    }

    /// The n-grams that words are made of.
    pub fn subwords(&self) -> Subwords {
        self.subwords
    }

    /// The vector of a word; of one that is not in the vocabulary, the mean of those of its n-grams.
    ///
    /// # Errors
    /// If the word is not in the vocabulary and too short for an n-gram.
    pub fn vector(&self, word: &str) -> Result<Vec<f32>> {
        if let Ok(known) = self.words.vector(word) {
            return Ok(known.to_vec());
        }
        let dimension = self.words.dimension();
        let (mut buckets, mut mean) = (vec![], vec![0.0; dimension]);
        self.subwords.each_bucket(word, |bucket| buckets.push(bucket as usize));
        if buckets.is_empty() {
            let Subwords { min_n, max_n, .. } = self.subwords;
            let wanted = format!("a known word, or one with n-grams of {min_n} to {max_n} characters");
            return Err(Error::data("word", format!("{word:?}"), wanted));
        }
        mean_of(buckets.into_iter().map(|bucket| &self.ngrams[bucket * dimension..][..dimension]), &mut mean);
        Ok(mean)
    }

    /// The cosine of the angle between the vectors of two words.
    ///
    /// # Errors
    /// As for [`vector`](Self::vector).
    pub fn similarity(&self, a: &str, b: &str) -> Result<f32> {
        let (a, b) = (self.vector(a)?, self.vector(b)?);
        Ok(dot(&a, &b) / (norm(&a) * norm(&b)).max(f32::MIN_POSITIVE))
    }

    /// The words of the vocabulary that are nearest to a word, which is not among them, with the cosine.
    ///
    /// # Errors
    /// As for [`vector`](Self::vector).
    pub fn most_similar(&self, word: &str, count: usize) -> Result<Vec<(&str, f32)>> {
        let mut nearest = self.words.similar_by_vector(&self.vector(word)?, count.saturating_add(1))?;
        nearest.retain(|(other, _)| *other != word);
        nearest.truncate(count);
        Ok(nearest)
    }
}

/// The mean of rows, summed in their order.
fn mean_of<'a>(rows: impl Iterator<Item = &'a [f32]>, mean: &mut [f32]) {
    let mut count = 0;
    for row in rows {
        mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        count += 1;
    }
    mean.iter_mut().for_each(|sum| *sum /= count.max(1) as f32);
}
