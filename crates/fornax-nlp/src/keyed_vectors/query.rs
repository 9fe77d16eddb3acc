//! Questions to word vectors: what is near, what does not belong.

use fornax_core::linalg::row_products;
use fornax_core::{Error, Result};

use super::{KeyedVectors, dot, norm};

/// How an analogy is scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Analogy {
    /// The cosine to the sum of the vectors of length 1, negative ones subtracted (Mikolov et al. 2013).
    #[default]
    CosAdd,
    /// The product of the cosines to the positive words over that to the negative ones, each moved to 0 to 1 (Levy and
    /// Goldberg 2014).
    CosMul,
}

/// A question for the words nearest to others.
///
/// Defaults: 10 words of the whole vocabulary, by [`Analogy::CosAdd`]. Words of the question are never answers.
pub struct Query<'a> {
    vectors: &'a KeyedVectors,
    positive: Vec<String>,
    negative: Vec<String>,
    count: usize,
    restricted: Option<usize>,
    analogy: Analogy,
    keep: Option<Box<dyn Fn(&str) -> bool + 'a>>,
}

impl<'a> Query<'a> {
    /// Words to be near to.
    pub fn positive<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.positive.extend(words.into_iter().map(Into::into));
        self
    }

    /// Words to be far from.
    pub fn negative<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.negative.extend(words.into_iter().map(Into::into));
        self
    }

    /// The number of answers.
    pub fn count(self, count: usize) -> Self {
        Self { count, ..self }
    }

    /// Only the first so many words can be answers.
    pub fn restrict(self, words: usize) -> Self {
        Self { restricted: Some(words), ..self }
    }

    /// How answers are scored.
    pub fn analogy(self, analogy: Analogy) -> Self {
        Self { analogy, ..self }
    }

    /// Which words can be answers.
    pub fn filter(self, keep: impl Fn(&str) -> bool + 'a) -> Self {
        Self { keep: Some(Box::new(keep)), ..self }
    }

    /// The nearest words with their scores, the nearest first; equal ones in the order of the vocabulary.
    ///
    /// # Errors
    /// If there is no positive or negative word, or one is not known.
    pub fn answer(self) -> Result<Vec<(&'a str, f32)>> {
        let vectors = self.vectors;
        let known = |words: &[String]| {
            words.iter().map(|word| vectors.expect_index(word)).collect::<Result<Vec<usize>>>()
        };
        let (positive, negative) = (known(&self.positive)?, known(&self.negative)?);
        if positive.is_empty() && negative.is_empty() {
            return Err(Error::argument("positive and negative", "no word", "at least one"));
        }
        let rows = self.restricted.unwrap_or(usize::MAX).min(vectors.len());
        let scores = match self.analogy {
            Analogy::CosAdd => vectors.additive_scores(&positive, &negative, rows)?,
            Analogy::CosMul => vectors.multiplicative_scores(&positive, &negative, rows)?,
        };
        let allowed = |at: &usize| {
            let asked = positive.contains(at) || negative.contains(at);
            !asked && self.keep.as_ref().is_none_or(|keep| keep(&vectors.words()[*at]))
        };
        Ok(vectors.best(&scores, (0..rows).filter(allowed).collect(), self.count))
    }
}

impl KeyedVectors {
    /// A question with all its options.
    pub fn query(&self) -> Query<'_> {
        let (positive, negative, analogy) = (vec![], vec![], Analogy::default());
        Query { vectors: self, positive, negative, count: 10, restricted: None, analogy, keep: None }
    }

    /// The `count` words nearest to the positive words and far from the negative ones, with the cosine of the angle to the
    /// sum of their vectors of length 1.
    ///
    /// # Errors
    /// If there is no word in the question, or one is not known.
    pub fn most_similar(
        &self,
        positive: &[&str],
        negative: &[&str],
        count: usize,
    ) -> Result<Vec<(&str, f32)>> {
        let (positive, negative) = (positive.iter().copied(), negative.iter().copied());
        self.query().positive(positive).negative(negative).count(count).answer()
    }

    /// The words that are to `b` as `to` is to `a`: `a` to `to` as `b` to what?
    ///
    /// # Errors
    /// If a word is not known.
    pub fn analogy(&self, a: &str, to: &str, b: &str, count: usize) -> Result<Vec<(&str, f32)>> {
        self.most_similar(&[to, b], &[a], count)
    }

    /// The words nearest to a vector, with the cosine.
    ///
    /// # Errors
    /// If the vector has another dimension.
    pub fn similar_by_vector(&self, vector: &[f32], count: usize) -> Result<Vec<(&str, f32)>> {
        if vector.len() != self.dimension {
            return Err(Error::shape("vector", format!("{} elements", vector.len()), self.dimension));
        }
        let scores = self.cosines(vector, self.len())?;
        Ok(self.best(&scores, (0..self.len()).collect(), count))
    }

    /// The word that is farthest from the mean of all of them.
    ///
    /// # Errors
    /// If there is no word or one is not known.
    pub fn doesnt_match<'w>(&self, words: &[&'w str]) -> Result<&'w str> {
        let known = words.iter().map(|word| self.expect_index(word)).collect::<Result<Vec<usize>>>()?;
        let mut mean = vec![0.0; self.dimension];
        known.iter().for_each(|&index| self.add_unit(index, 1.0, &mut mean));
        let cosine = |index: usize| dot(self.row(index), &mean) / self.norms[index].max(f32::MIN_POSITIVE);
        let far = words.iter().zip(known).min_by(|(_, a), (_, b)| cosine(*a).total_cmp(&cosine(*b)));
        let far = far.ok_or_else(|| Error::argument("words", "none", "at least one"))?;
        Ok(far.0)
    }

    /// The `count` words of highest score among `candidates`, the best first.
    fn best(&self, scores: &[f32], mut candidates: Vec<usize>, count: usize) -> Vec<(&str, f32)> {
        let better = |&a: &usize, &b: &usize| scores[b].total_cmp(&scores[a]).then(a.cmp(&b));
        if (1..candidates.len()).contains(&count) {
            candidates.select_nth_unstable_by(count - 1, better);
        }
        candidates.truncate(count);
        candidates.sort_unstable_by(better);
        candidates.into_iter().map(|at| (&*self.words()[at], scores[at])).collect()
    }

    /// The cosines of the first `rows` vectors to one.
    fn cosines(&self, vector: &[f32], rows: usize) -> Result<Vec<f32>> {
        let size = norm(vector).max(f32::MIN_POSITIVE);
        let mut scores = row_products(vector, &self.vectors[..rows * self.dimension], self.dimension)?;
        for (score, norm) in scores.iter_mut().zip(&*self.norms) {
            *score /= norm.max(f32::MIN_POSITIVE) * size;
        }
        Ok(scores)
    }

    fn additive_scores(&self, positive: &[usize], negative: &[usize], rows: usize) -> Result<Vec<f32>> {
        let mut sum = vec![0.0; self.dimension];
        positive.iter().for_each(|&index| self.add_unit(index, 1.0, &mut sum));
        negative.iter().for_each(|&index| self.add_unit(index, -1.0, &mut sum));
        self.cosines(&sum, rows)
    }

    fn multiplicative_scores(&self, positive: &[usize], negative: &[usize], rows: usize) -> Result<Vec<f32>> {
        let shifted = |index: &usize| {
            let cosines = self.cosines(self.row(*index), rows)?;
            Ok(cosines.into_iter().map(|cosine| (1.0 + cosine) / 2.0).collect::<Vec<f32>>())
        };
        let product = |indices: &[usize]| {
            indices.iter().try_fold(vec![1.0; rows], |product, index| {
                Result::Ok(product.into_iter().zip(shifted(index)?).map(|(a, b)| a * b).collect::<Vec<f32>>())
            })
        };
        // gensim's constant against a division by zero.
        let parts = product(positive)?.into_iter().zip(product(negative)?);
        Ok(parts.map(|(above, below)| above / (below + 1e-6)).collect())
    }
}
