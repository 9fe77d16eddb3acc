//! [`TextClassifier`]: raw text in, the name of a class and its probability out.

mod builder;
mod encoder;
mod file;
mod models;
#[cfg(feature = "tokenizers")]
mod pieces;
mod tokenizer;

use std::fmt;

use fornax_core::{Array, Backend, Result};
use fornax_data::text::LabelledTexts;
use fornax_layers::Network;
use fornax_train::metrics::{ClassificationReport, ConfusionMatrix};
use rayon::prelude::*;

pub use builder::{FitReport, TextClassifierBuilder};
pub use models::{BagOfEmbeddings, TextCNN, TextLSTM, TextModel, TextTransformer, TfidfRegression};
pub use tokenizer::TextTokenizer;

use crate::{FastTextModel, FittedLogisticRegression, TfidfVectorizer};
use encoder::TextEncoder;

/// A classifier of texts that [`TextClassifierBuilder`] has learned: tokenizer, vocabulary, weights and names of the classes.
///
/// A text without a known word has a prediction as every other has. The probabilities of a text do not depend on the texts that
/// are predicted with it, but for rounding.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::Cpu;
/// use fornax_data::text::LabelledTexts;
/// use fornax_nlp::{BagOfEmbeddings, TextClassifier, TextClassifierBuilder};
///
/// let rows = [("a fine film", "pos"), ("a dull film", "neg")];
/// let texts = LabelledTexts::from_pairs((0..60).map(|at| rows[at % 2]))?;
/// let builder = TextClassifierBuilder::new(BagOfEmbeddings::new().dimension(4)).verbose(false);
/// let (classifier, report) = builder.fit(&texts)?;
/// assert_eq!(classifier.predict("So fine")?.label, "pos");
/// assert_eq!(classifier.evaluate(&texts)?.accuracy(), 1.0);
///
/// let path = std::env::temp_dir().join(format!("fornax-text-{}.fornax", std::process::id()));
/// classifier.save(&path)?;
/// let loaded = TextClassifier::<Cpu>::load(&path)?;
/// assert_eq!(loaded.predict("So fine")?, classifier.predict("So fine")?);
/// # std::fs::remove_file(path).unwrap();
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Debug)]
pub struct TextClassifier<B: Backend> {
    class_names: Vec<String>,
    kind: Kind<B>,
}

#[derive(Debug)]
enum Kind<B: Backend> {
    Regression { tfidf: Box<TfidfVectorizer>, regression: FittedLogisticRegression },
    FastText { tokenizer: TextTokenizer, model: Box<FastTextModel> },
    Network { encoder: Box<TextEncoder>, network: Network<B> },
}

/// The most probable class of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Its name.
    pub label: String,
    /// Its probability.
    pub probability: f32,
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{:.4}", self.label, self.probability)
    }
}

/// Texts that are predicted together.
const BATCH: usize = 64;

impl<B: Backend> TextClassifier<B> {
    /// The names of the classes, in the order of the probabilities.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// The network on the ids of words; none of the linear models.
    pub fn network(&self) -> Option<&Network<B>> {
        match &self.kind {
            Kind::Regression { .. } | Kind::FastText { .. } => None,
            Kind::Network { network, .. } => Some(network),
        }
    }

    /// The words (of the baseline: n-grams) that are told apart.
    pub fn vocabulary_len(&self) -> usize {
        match &self.kind {
            Kind::Regression { tfidf, .. } => tfidf.counts().terms().len(),
            Kind::FastText { model, .. } => model.counts().len(),
            Kind::Network { encoder, .. } => encoder.vocabulary.len(),
        }
    }

    /// The most probable class of a text.
    ///
    /// # Errors
    /// If the classifier is from a file whose parts do not fit each other.
    pub fn predict(&self, text: &str) -> Result<Prediction> {
        Ok(self.predict_batch(&[text])?.swap_remove(0))
    }

    /// The most probable class of each text; of equal ones the first.
    ///
    /// # Errors
    /// As for [`predict`](Self::predict).
    pub fn predict_batch<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Vec<Prediction>> {
        let probabilities = self.probabilities(texts)?.to_f32();
        let rows = probabilities.chunks_exact(self.class_names.len());
        Ok(rows
            .map(|row| {
                let best = best(row);
                Prediction { label: self.class_names[best].clone(), probability: row[best] }
            })
            .collect())
    }

    /// The probabilities of the classes, `[texts, classes]`.
    ///
    /// # Errors
    /// As for [`predict`](Self::predict).
    pub fn probabilities<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Array> {
        let classes = self.class_names.len();
        match &self.kind {
            Kind::Regression { tfidf, regression } => regression.predict(&tfidf.transform(texts)?),
            Kind::FastText { tokenizer, model } => {
                let each = |text: &S| Ok(model.probabilities(&tokenizer.tokens(text.as_ref())?));
                let rows = texts.par_iter().map(each).collect::<Result<Vec<_>>>()?;
                Array::from_vec([texts.len(), classes], rows.concat())
            }
            Kind::Network { encoder, network } => {
                let ids = encoder.encode(texts)?;
                // Texts of near-equal length together, so that little of a batch is padding.
                let mut order: Vec<usize> = (0..ids.len()).collect();
                order.sort_by_key(|&text| ids[text].len());
                let mut probabilities = vec![0.0; ids.len() * classes];
                for batch in order.chunks(BATCH) {
                    let rows: Vec<&[i32]> = batch.iter().map(|&text| &ids[text][..]).collect();
                    let found = network.predict_all(&[TextEncoder::pad(&rows)?.0], BATCH)?[0].to_f32();
                    for (&text, found) in batch.iter().zip(found.chunks_exact(classes)) {
                        probabilities[text * classes..][..classes].copy_from_slice(found);
                    }
                }
                Array::from_vec([ids.len(), classes], probabilities)
            }
        }
    }

    /// Accuracy, and precision, recall and F1 of each class.
    ///
    /// # Errors
    /// If there is no text, or a label that the classifier has not learned.
    pub fn evaluate(&self, texts: &LabelledTexts) -> Result<ClassificationReport> {
        Ok(self.confusion(texts)?.report())
    }

    /// How often texts of each class were said to be of each class.
    ///
    /// # Errors
    /// As for [`evaluate`](Self::evaluate).
    pub fn confusion(&self, texts: &LabelledTexts) -> Result<ConfusionMatrix> {
        if texts.is_empty() {
            return Err(fornax_core::Error::data("texts", "none", "at least one"));
        }
        let labels: Vec<usize> =
            texts.labels_among(&self.class_names)?.into_iter().map(|label| label as usize).collect();
        let probabilities = self.probabilities(texts.texts())?.to_f32();
        let predictions: Vec<usize> = probabilities.chunks_exact(self.class_names.len()).map(best).collect();
        ConfusionMatrix::new(&labels, &predictions, self.class_names.len())?
            .class_names(self.class_names.clone())
    }
}

fn best(row: &[f32]) -> usize {
    (0..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
}
