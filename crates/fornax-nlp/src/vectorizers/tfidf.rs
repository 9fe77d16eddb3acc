//! [`TfidfVectorizer`]: counts of n-grams, weighed by how few texts have them.

use fornax_core::{Error, Result};
use fornax_data::CsrMatrix;
use fornax_layers::setters;
use serde::{Deserialize, Serialize};

use super::CountVectorizer;

/// What the length of a row is made 1 by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// The sum of absolute values.
    L1,
    /// The root of the sum of squares.
    L2,
}

/// `tf(t, d) idf(t)`, each row then divided by its norm; `idf(t) = ln((1 + n) / (1 + df(t))) + 1` for an n-gram that `df(t)` of
/// the `n` fitted texts have, without `smooth_idf` `ln(n / df(t)) + 1`; `tf` is the count or, with `sublinear_tf`, `1 + ln count`.
///
/// Defaults: those of [`CountVectorizer`], idf smoothed, counts as they are, norm L2. Source: Salton and Buckley 1988 in the
/// form of `sklearn.feature_extraction.text.TfidfVectorizer`.
///
/// ```
/// use fornax_nlp::TfidfVectorizer;
///
/// let tfidf = TfidfVectorizer::new().fit(&["so good", "so bad"])?;
/// assert_eq!(tfidf.counts().terms(), ["bad", "good", "so"]);
/// let rare = 1.5_f64.ln() + 1.0;
/// let row = tfidf.transform(&["good so"])?;
/// assert!((row.row(0).1[0] - (rare / (rare * rare + 1.0).sqrt()) as f32).abs() < 1e-6);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TfidfVectorizer {
    counts: CountVectorizer,
    weighting: Weighting,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Weighting {
    use_idf: bool,
    smooth_idf: bool,
    sublinear_tf: bool,
    norm: Option<Norm>,
}

impl Default for TfidfVectorizer {
    fn default() -> Self {
        Self::new()
    }
}

impl TfidfVectorizer {
    /// The defaults, not fitted.
    pub fn new() -> Self {
        Self::of(CountVectorizer::new())
    }

    /// Weights of these counts, fitted or not.
    pub fn of(counts: CountVectorizer) -> Self {
        let weighting =
            Weighting { use_idf: true, smooth_idf: true, sublinear_tf: false, norm: Some(Norm::L2) };
        Self { counts, weighting }
    }

    setters! {
        in weighting:
        /// Whether n-grams that few texts have weigh more.
        use_idf: bool,
        /// Whether the idf counts one more text that has every n-gram.
        smooth_idf: bool,
        /// Whether the logarithm of a count takes its place.
        sublinear_tf: bool,
        /// What each row is divided by.
        norm: Into(Option<Norm>),
    }

    /// The n-grams and their counts.
    pub fn counts(&self) -> &CountVectorizer {
        &self.counts
    }

    /// `idf` of each n-gram; 1 without `use_idf`.
    pub fn idf(&self) -> Vec<f64> {
        let smooth = if self.weighting.smooth_idf { 1.0 } else { 0.0 };
        let texts = self.counts.documents() as f64 + smooth;
        let idf = |&df: &u32| match self.weighting.use_idf {
            true => (texts / (f64::from(df) + smooth)).ln() + 1.0,
            false => 1.0,
        };
        self.counts.document_frequencies().iter().map(idf).collect()
    }

    /// Learns the n-grams of texts and how many have each: those of the training part.
    ///
    /// # Errors
    /// As for [`CountVectorizer::fit`].
    pub fn fit<S: AsRef<str> + Sync>(self, texts: &[S]) -> Result<Self> {
        Ok(self.fit_transform(texts)?.0)
    }

    /// [`fit`](Self::fit), and the rows of the same texts.
    ///
    /// # Errors
    /// As for `fit`.
    pub fn fit_transform<S: AsRef<str> + Sync>(self, texts: &[S]) -> Result<(Self, CsrMatrix)> {
        let (counts, mut matrix) = self.counts.fit_transform(texts)?;
        let fitted = Self { counts, ..self };
        fitted.weigh(&mut matrix);
        Ok((fitted, matrix))
    }

    /// Texts as weighted rows; a text without a known n-gram has a row of zeros.
    ///
    /// # Errors
    /// If this is not fitted.
    pub fn transform<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<CsrMatrix> {
        let mut matrix = self.counts.transform(texts).map_err(|error: Error| error.within("TF-IDF"))?;
        self.weigh(&mut matrix);
        Ok(matrix)
    }

    fn weigh(&self, matrix: &mut CsrMatrix) {
        let Weighting { sublinear_tf, norm, .. } = self.weighting;
        let idf = self.idf();
        let mut weights: Vec<f64> = vec![];
        for row in 0..matrix.row_count() {
            let (columns, counts) = matrix.row(row);
            weights.clear();
            weights.extend(columns.iter().zip(counts).map(|(&column, &count)| {
                let count = f64::from(count);
                idf[column as usize] * if sublinear_tf { 1.0 + count.ln() } else { count }
            }));
            let length = match norm {
                None => 1.0,
                Some(Norm::L1) => weights.iter().map(|weight| weight.abs()).sum(),
                Some(Norm::L2) => weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt(),
            };
            let length = if length > 0.0 { length } else { 1.0 };
            let values = matrix.row_values_mut(row).iter_mut();
            values.zip(&weights).for_each(|(value, weight)| *value = (weight / length) as f32);
        }
    }
}
