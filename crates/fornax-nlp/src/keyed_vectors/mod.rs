//! [`KeyedVectors`]: words and their vectors, to be asked.

mod detect;
mod evaluation;
mod own_format;
mod query;
mod subword_vectors;
mod word2vec_format;

use fornax_core::{Array, Error, Floats, Result};
use fornax_data::text::WordIndex;

pub use evaluation::{AnalogyReport, AnalogySection, WordPairsReport};
pub use query::{Analogy, Query};
pub use subword_vectors::SubwordVectors;
pub use word2vec_format::VectorFile;

/// Words and a vector for each, in an order that files keep: by convention the most frequent word first.
///
/// ```
/// use fornax_nlp::KeyedVectors;
///
/// let words = ["man", "woman", "king", "queen"].map(str::to_owned);
/// let vectors = KeyedVectors::new(words.to_vec(), 2, vec![1.0, 0.1, 0.1, 1.0, 2.0, 1.1, 1.1, 2.0])?;
/// assert_eq!(vectors.vector("king")?, [2.0, 1.1]);
/// assert_eq!(vectors.most_similar(&["king", "woman"], &["man"], 1)?[0].0, "queen");
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct KeyedVectors {
    index: WordIndex,
    dimension: usize,
    /// `[words, dimension]`.
    vectors: Floats,
    norms: Floats,
}

impl KeyedVectors {
    /// Words with their vectors, `[words, dimension]` one after the other.
    ///
    /// # Errors
    /// If there is no word or one comes twice, or there are not `dimension` finite numbers for each.
    pub fn new(words: Vec<String>, dimension: usize, vectors: Vec<f32>) -> Result<Self> {
        if words.is_empty() || dimension == 0 {
            let found = format!("{} words of {dimension} elements", words.len());
            return Err(Error::data("word vectors", found, "at least one of each"));
        }
        if words.len().checked_mul(dimension) != Some(vectors.len()) {
            let wanted = format!("{} words of {dimension} elements", words.len());
            return Err(Error::shape("word vectors", format!("{} numbers", vectors.len()), wanted));
        }
        let index = WordIndex::new(words)?;
        if let Some(at) = vectors.iter().position(|value| !value.is_finite()) {
            let place = format!("vector of {:?}", index.words()[at / dimension]);
            return Err(Error::data(place, vectors[at], "finite numbers"));
        }
        let norms: Vec<f32> = vectors.chunks_exact(dimension).map(norm).collect();
        Ok(Self { index, dimension, vectors: vectors.into(), norms: norms.into() })
    }

    /// The words in their order.
    pub fn words(&self) -> &[String] {
        self.index.words()
    }

    /// The number of words.
    pub fn len(&self) -> usize {
        self.norms.len()
    }

    /// Whether there is no word; never.
    pub fn is_empty(&self) -> bool {
        self.norms.is_empty()
    }

    /// The elements of a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The place of a word in the order; none if it is not known.
    pub fn index(&self, word: &str) -> Option<usize> {
        self.index.get(word).map(|index| index as usize)
    }

    /// All vectors, `[words, dimension]`.
    pub fn vectors(&self) -> Array {
        Array::from_vec([self.len(), self.dimension], self.vectors.to_vec()).expect("a vector for each word")
    }

    /// The vector of a word.
    ///
    /// # Errors
    /// If the word is not known.
    pub fn vector(&self, word: &str) -> Result<&[f32]> {
        Ok(self.row(self.expect_index(word)?))
    }

    /// The cosine of the angle between the vectors of two words.
    ///
    /// # Errors
    /// If one of the words is not known.
    pub fn similarity(&self, a: &str, b: &str) -> Result<f32> {
        let (a, b) = (self.expect_index(a)?, self.expect_index(b)?);
        Ok(dot(self.row(a), self.row(b)) / (self.norms[a] * self.norms[b]).max(f32::MIN_POSITIVE))
    }

    /// The first words, and no more than there are.
    pub(crate) fn first(self, count: usize) -> Self {
        if count >= self.len() {
            return self;
        }
        let words = self.words()[..count].to_vec();
        Self {
            index: WordIndex::new(words).expect("words that were there once"),
            dimension: self.dimension,
            vectors: self.vectors[..count * self.dimension].to_vec().into(),
            norms: self.norms[..count].to_vec().into(),
        }
    }

    fn row(&self, index: usize) -> &[f32] {
        &self.vectors[index * self.dimension..][..self.dimension]
    }

    fn expect_index(&self, word: &str) -> Result<usize> {
        let wanted = || format!("one of the {} words", self.len());
        self.index(word).ok_or_else(|| Error::data("word", format!("{word:?}"), wanted()))
    }

    /// Adds a word's vector of length 1, times `weight`.
    fn add_unit(&self, index: usize, weight: f32, to: &mut [f32]) {
        let scale = weight / self.norms[index].max(f32::MIN_POSITIVE);
        to.iter_mut().zip(self.row(index)).for_each(|(to, value)| *to += scale * value);
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>() as f32
}

fn norm(vector: &[f32]) -> f32 {
    dot(vector, vector).sqrt()
}
