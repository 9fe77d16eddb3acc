//! [`Tagger`]: a tag for every word of a sentence, from raw text or from words.

mod builder;
mod encoder;
mod file;
mod network;

use fornax_core::{Backend, Error, Result};
use fornax_layers::{Network, Registry};
use fornax_sequence::crf;
use fornax_sequence::metrics::{SpanReport, span_f1};

pub use builder::TaggerBuilder;
use encoder::SentenceEncoder;

/// The words of a sentence and the tag of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedSentence {
    words: Vec<String>,
    features: Option<Vec<String>>,
    tags: Vec<String>,
}

impl TaggedSentence {
    /// Words and tags.
    ///
    /// # Errors
    /// If there is no word, or not a tag for each.
    pub fn new(words: Vec<String>, tags: Vec<String>) -> Result<Self> {
        if words.is_empty() {
            return Err(Error::data("sentence", "no word", "at least one"));
        }
        each_has_one("tags", &words, &tags)?;
        Ok(Self { words, features: None, tags })
    }

    /// What else is known of each word, for example its part of speech; without it the tagger takes the case of the letters.
    ///
    /// # Errors
    /// If there is not one for each word.
    pub fn features(self, features: Vec<String>) -> Result<Self> {
        each_has_one("features", &self.words, &features)?;
        Ok(Self { features: Some(features), ..self })
    }

    /// The words.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The tag of each word.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }
}

fn each_has_one(name: &str, words: &[String], values: &[String]) -> Result<()> {
    if words.len() == values.len() {
        return Ok(());
    }
    Err(Error::data(name, format!("{} of {} words", values.len(), words.len()), "one a word"))
}

/// Sentences that are tagged together.
const BATCH: usize = 64;

/// A bidirectional LSTM over words, their letters and what else is known of them, under a conditional random field, with all that
/// turns text into its inputs; [`TaggerBuilder`] learns it.
///
/// Source: X. Ma, E. Hovy, *End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF*, ACL 2016.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_nlp::{TaggedSentence, TaggerBuilder};
///
/// let split = |text: &str| text.split(' ').map(str::to_owned).collect();
/// let sentence = |words, tags| TaggedSentence::new(split(words), split(tags)).unwrap();
/// let some = [sentence("dogs bark", "NOUN VERB"), sentence("we see dogs", "PRON VERB NOUN")];
/// let train: Vec<_> = (0..80).map(|at| some[at % 2].clone()).collect();
/// let (tagger, _) = TaggerBuilder::new().units(8).epochs(12).verbose(false).fit(&train)?;
/// assert_eq!(tagger.tag_text("Dogs bark")?, [("Dogs".into(), "NOUN".into()), ("bark".into(), "VERB".into())]);
/// assert_eq!(tagger.accuracy(&some)?, 1.0);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Tagger<B: Backend> {
    encoder: SentenceEncoder,
    network: Network<B>,
}

impl<B: Backend> Tagger<B> {
    /// The tags that there are.
    pub fn tags(&self) -> &[String] {
        self.encoder.tags.tokens()
    }

    /// The network on ids of words, letters and features.
    pub fn network(&self) -> &Network<B> {
        &self.network
    }

    /// The tag of each word of a sentence; no words have no tags.
    ///
    /// # Errors
    /// If the tagger wants features of words.
    pub fn tag<S: AsRef<str>>(&self, words: &[S]) -> Result<Vec<String>> {
        Ok(self.tag_batch(&[words])?.swap_remove(0))
    }

    /// The words of a text by the tagger's tokenizer, each with its tag. The text is taken as one sentence.
    ///
    /// # Errors
    /// As for [`tag`](Self::tag).
    pub fn tag_text(&self, text: &str) -> Result<Vec<(String, String)>> {
        let words = self.encoder.tokenizer.tokens(text);
        let tags = self.tag(&words)?;
        Ok(words.into_iter().zip(tags).collect())
    }

    /// The tags of several sentences.
    ///
    /// # Errors
    /// As for [`tag`](Self::tag).
    pub fn tag_batch<S: AsRef<str>>(&self, sentences: &[impl AsRef<[S]>]) -> Result<Vec<Vec<String>>> {
        let owned = |words: &[S]| words.iter().map(|word| word.as_ref().to_owned()).collect();
        let sentences = sentences.iter().map(|words| TaggedSentence {
            words: owned(words.as_ref()),
            features: None,
            tags: vec![],
        });
        self.tags_of(&sentences.collect::<Vec<_>>())
    }

    /// The tags of sentences whose own tags are not looked at: the way to tag words with features.
    ///
    /// # Errors
    /// If the tagger wants features of words and there are none.
    pub fn tags_of(&self, sentences: &[TaggedSentence]) -> Result<Vec<Vec<String>>> {
        let mut found = vec![vec![]; sentences.len()];
        // Sentences of near-equal length together, so that little of a batch is padding.
        let mut order: Vec<usize> =
            (0..sentences.len()).filter(|&at| !sentences[at].words.is_empty()).collect();
        order.sort_by_key(|&at| sentences[at].words.len());
        for batch in order.chunks(BATCH) {
            let longest = sentences[batch[batch.len() - 1]].words.len();
            let batch_sentences: Vec<&TaggedSentence> = batch.iter().map(|&at| &sentences[at]).collect();
            let (inputs, _) = self.encoder.inputs(&batch_sentences, longest)?;
            let tags = crf::tags(&self.network.predict_all(&inputs, BATCH)?[0])?;
            for (&at, tags) in batch.iter().zip(tags) {
                found[at] = tags.into_iter().map(|tag| self.tags()[tag].clone()).collect();
            }
        }
        Ok(found)
    }

    /// The share of words whose tag is right.
    ///
    /// # Errors
    /// If there is no word, or the tagger wants features of words and there are none.
    pub fn accuracy(&self, sentences: &[TaggedSentence]) -> Result<f64> {
        let words: usize = sentences.iter().map(|sentence| sentence.tags.len()).sum();
        if words == 0 {
            return Err(Error::data("sentences", "no word", "at least one"));
        }
        let found = self.tags_of(sentences)?;
        let pairs =
            sentences.iter().zip(&found).flat_map(|(sentence, found)| sentence.tags.iter().zip(found));
        Ok(pairs.filter(|(wanted, found)| wanted == found).count() as f64 / words as f64)
    }

    /// Precision, recall and F1 of the spans that tags like `B-NP`, `I-NP` and `O` mark, as conlleval counts them.
    ///
    /// # Errors
    /// If a tag is no such tag, or the tagger wants features of words and there are none.
    pub fn span_f1(&self, sentences: &[TaggedSentence]) -> Result<SpanReport> {
        let wanted: Vec<&[String]> = sentences.iter().map(|sentence| &sentence.tags[..]).collect();
        span_f1(&wanted, &self.tags_of(sentences)?)
    }
}

/// Adds the layers of this crate to a registry.
pub fn register<B: Backend>(registry: &mut Registry<B>) {
    registry.register::<network::MaskOf>();
}
