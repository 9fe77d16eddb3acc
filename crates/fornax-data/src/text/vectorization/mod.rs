//! [`TextVectorization`]: texts as indices of words or as counts, the transform behind the layer of the same name.

mod settings;

use std::ops::ControlFlow;

use fornax_core::{Array, Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use settings::{Occurrences, Settings};

use super::{Padding, Side, Tokenizer, WordIndex};

/// What [`TextVectorization`] makes of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VectorizationMode {
    /// The index of each token: 0 pads, 1 is any unknown token, the vocabulary follows.
    #[default]
    Int,
    /// 1 at the index of every token that occurs; index 0 is any unknown token.
    MultiHot,
    /// How often the token of each index occurs.
    Count,
    /// The count times `ln(1 + N / (1 + n))`, where `n` of the `N` texts of the fit have the token; unknown tokens have the
    /// mean of these weights.
    TfIdf,
}

/// Texts as indices of their tokens, or as one number for each token of the vocabulary.
///
/// The vocabulary has the most frequent tokens, those of equal count from the greatest to the smallest. With `ngrams` `n` runs
/// of 1, 2, .. `n` tokens, joined by a blank, count as tokens, all runs of one length before those of the next.
///
/// # Shapes
/// - `Int`: `[texts, output_sequence_length]`, without that as long as the longest text has tokens
/// - others: `[texts, vocabulary]`, with `pad_to_max_tokens` `[texts, max_tokens]`
///
/// Defaults: lower case without ASCII punctuation, divided at white space, single tokens, any number of them, indices, padded and
/// cut at the end.
/// Source: `keras.layers.TextVectorization`, which puts in lower case letters of ASCII only.
///
/// ```
/// use fornax_data::text::TextVectorization;
///
/// let vectorization = TextVectorization::new().output_sequence_length(4).fit(&["The cat sat.", "The dog!"])?;
/// assert_eq!(vectorization.vocabulary(), ["the", "sat", "dog", "cat"]);
/// let ids = vectorization.apply(&["A dog sat", "the cat and the dog"])?;
/// assert_eq!(ids.to_i32(), [1, 4, 3, 0, 2, 5, 1, 2]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, try_from = "Settings", into = "Settings")]
pub struct TextVectorization {
    settings: Settings,
    /// The vocabulary, which the settings have in a file only.
    words: WordIndex,
}

impl Default for TextVectorization {
    fn default() -> Self {
        Self::new()
    }
}

impl TextVectorization {
    /// The defaults, without a vocabulary.
    pub fn new() -> Self {
        Self { settings: Settings::default(), words: WordIndex::default() }
    }

    /// How texts become words.
    pub fn tokenizer(mut self, tokenizer: Tokenizer) -> Self {
        self.settings.tokenizer = tokenizer;
        self
    }

    /// The longest run of words that counts as a token.
    pub fn ngrams(mut self, ngrams: usize) -> Self {
        self.settings.ngrams = ngrams;
        self
    }

    /// The greatest number of indices, those for padding and unknown tokens included.
    pub fn max_tokens(mut self, max_tokens: usize) -> Self {
        self.settings.max_tokens = Some(max_tokens);
        self
    }

    /// What becomes of a text.
    pub fn output_mode(mut self, output_mode: VectorizationMode) -> Self {
        self.settings.output_mode = output_mode;
        self
    }

    /// The length of every row of indices: longer texts are cut, shorter ones padded.
    pub fn output_sequence_length(mut self, length: usize) -> Self {
        self.settings.output_sequence_length = Some(length);
        self
    }

    /// Where a row of indices is padded.
    pub fn pad(mut self, side: Side) -> Self {
        self.settings.pad = side;
        self
    }

    /// Where a row of indices is cut.
    pub fn truncate(mut self, side: Side) -> Self {
        self.settings.truncate = side;
        self
    }

    /// Whether rows of numbers are as wide as `max_tokens` where the vocabulary is smaller.
    pub fn pad_to_max_tokens(mut self, pad: bool) -> Self {
        self.settings.pad_to_max_tokens = pad;
        self
    }

    /// Learns the vocabulary of texts, those of the training part, and forgets a former one. Keras calls this `adapt`.
    ///
    /// # Errors
    /// If a setting makes no sense, or there is no token.
    pub fn fit<S: AsRef<str> + Sync>(mut self, texts: &[S]) -> Result<Self> {
        self.settings.idf_weights = vec![];
        self.settings.check()?;
        let merged = self.settings.counts(texts);
        if merged.is_empty() {
            return Err(Error::data(
                "texts",
                format!("{} without a token", texts.len()),
                "at least one token",
            ));
        }
        let mut counts: Vec<(String, Occurrences)> = merged.into_iter().collect();
        counts.sort_unstable_by(|(a, x), (b, y)| y.tokens.cmp(&x.tokens).then_with(|| b.cmp(a)));
        counts.truncate(
            self.settings.max_tokens.map_or(usize::MAX, |most| most - self.settings.special_count()),
        );
        if self.settings.output_mode == VectorizationMode::TfIdf {
            let weight = |occurrences: &Occurrences| {
                (1.0 + texts.len() as f64 / (1.0 + occurrences.texts as f64)).ln() as f32
            };
            self.settings.idf_weights = counts.iter().map(|(_, occurrences)| weight(occurrences)).collect();
        }
        self.settings.vocabulary = counts.into_iter().map(|(token, _)| token).collect();
        Self::try_from(self.settings)
    }

    /// Takes a known vocabulary, in this order.
    ///
    /// # Errors
    /// If it is empty, has a token twice or is larger than `max_tokens` allows, or the mode is that of TF-IDF, whose weights are
    /// only known to [`fit`](Self::fit).
    pub fn with_vocabulary<S: Into<String>>(mut self, tokens: impl IntoIterator<Item = S>) -> Result<Self> {
        self.settings.vocabulary = tokens.into_iter().map(Into::into).collect();
        self.settings.idf_weights = vec![];
        if self.settings.vocabulary.is_empty() {
            return Err(Error::data("vocabulary", "no token", "at least one"));
        }
        Self::try_from(self.settings)
    }

    /// The tokens, without the places of padding and of unknown ones.
    pub fn vocabulary(&self) -> &[String] {
        self.words.words()
    }

    /// The number of indices: the `input_dim` of an embedding behind it.
    pub fn len(&self) -> usize {
        self.settings.special_count() + self.vocabulary().len()
    }

    /// Whether there is no vocabulary yet.
    pub fn is_empty(&self) -> bool {
        self.vocabulary().is_empty()
    }

    /// The length of a row of [`apply`](Self::apply); none where it is that of the longest text.
    pub fn width(&self) -> Option<usize> {
        match (self.settings.output_mode, self.settings.max_tokens) {
            (VectorizationMode::Int, _) => self.settings.output_sequence_length,
            (_, Some(most)) if self.settings.pad_to_max_tokens => Some(most),
            _ => Some(self.len()),
        }
    }

    /// Texts as rows.
    ///
    /// # Errors
    /// If there is no vocabulary or no text.
    pub fn apply<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Array> {
        let Settings { output_mode, output_sequence_length, truncate, .. } = self.settings;
        // Words that would be cut at the end are not looked up.
        let most = output_sequence_length
            .filter(|_| output_mode == VectorizationMode::Int && truncate == Side::Post);
        let ids = self.indices(texts, most.unwrap_or(usize::MAX))?;
        if output_mode == VectorizationMode::Int {
            let longest = || ids.iter().map(Vec::len).max().unwrap_or_default().max(1);
            let padding = Padding::new().pad(self.settings.pad).truncate(truncate);
            return Ok(padding.length(self.width().unwrap_or_else(longest)).apply(&ids)?.array);
        }
        let width = self.width().expect("only rows of indices have no width of their own");
        let mut rows = vec![0.0; ids.len() * width];
        let weights = &self.settings.idf_weights;
        let unknown = weights.iter().sum::<f32>() / weights.len().max(1) as f32;
        rows.par_chunks_mut(width).zip(&ids).for_each(|(row, ids)| {
            for &id in ids {
                let index = id as usize;
                match output_mode {
                    VectorizationMode::MultiHot => row[index] = 1.0,
                    VectorizationMode::TfIdf => {
                        row[index] += index.checked_sub(1).map_or(unknown, |at| weights[at])
                    }
                    VectorizationMode::Count | VectorizationMode::Int => row[index] += 1.0,
                }
            }
        });
        Array::from_vec([ids.len(), width], rows)
    }

    /// The indices of the tokens of each text, in their order, neither cut nor padded.
    ///
    /// # Errors
    /// If there is no vocabulary.
    pub fn encode<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Vec<Vec<i32>>> {
        self.indices(texts, usize::MAX)
    }

    /// The indices of at most so many tokens of each text, the first ones.
    fn indices<S: AsRef<str> + Sync>(&self, texts: &[S], most: usize) -> Result<Vec<Vec<i32>>> {
        if self.is_empty() {
            return Err(Error::argument("vocabulary", "none", "one that is fitted or given"));
        }
        let first = self.settings.special_count() as i32;
        let ids = |text: &S| {
            let mut ids = Vec::with_capacity(most.min(256));
            self.settings.try_visit(text.as_ref(), &mut |token| {
                ids.push(self.words.get(token).map_or(first - 1, |place| first + place as i32));
                if ids.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            ids
        };
        Ok(texts.par_iter().map(ids).collect())
    }
}

impl TryFrom<Settings> for TextVectorization {
    type Error = Error;

    fn try_from(mut settings: Settings) -> Result<Self> {
        settings.check()?;
        let (tokens, weights) = (settings.vocabulary.len(), settings.idf_weights.len());
        let wanted = if settings.output_mode == VectorizationMode::TfIdf { tokens } else { 0 };
        if weights != wanted {
            return Err(Error::argument(
                "idf_weights",
                format!("{weights} weights"),
                format!("{wanted}, as fitted"),
            ));
        }
        let indices = settings.special_count() + tokens;
        if let Some(most) = settings.max_tokens.filter(|&most| most < indices) {
            return Err(Error::argument("max_tokens", most, format!("at least {indices}, as there are")));
        }
        if settings.output_mode == VectorizationMode::Int && settings.vocabulary.iter().any(String::is_empty)
        {
            return Err(Error::data(
                "vocabulary",
                "an empty token, which stands for padding",
                "other tokens only",
            ));
        }
        let words = WordIndex::new(std::mem::take(&mut settings.vocabulary))?;
        Ok(Self { settings, words })
    }
}

impl From<TextVectorization> for Settings {
    fn from(vectorization: TextVectorization) -> Self {
        Self { vocabulary: vectorization.words.into_words(), ..vectorization.settings }
    }
}
