//! [`SentenceEncoder`]: sentences as ids of words, letters and features.

use std::borrow::Cow;

use fornax_core::{Array, Error, Result};
use fornax_data::text::{OutOfVocabulary, Padded, Padding, Tokenizer, Vocabulary, VocabularyBuilder};
use serde::{Deserialize, Serialize};

use super::TaggedSentence;

/// Letters that are read of a word.
pub(super) const LETTERS: usize = 16;

/// A tokenizer, and vocabularies whose index 0 is padding but for that of the tags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SentenceEncoder {
    pub(super) tokenizer: Tokenizer,
    pub(super) words: Vocabulary,
    pub(super) letters: Vocabulary,
    pub(super) features: Vocabulary,
    /// Whether sentences bring their features.
    features_given: bool,
    pub(super) tags: Vocabulary,
}

impl SentenceEncoder {
    /// Learns the vocabularies. Words that are rare become the unknown word, so that training meets it.
    pub(super) fn fit(tokenizer: Tokenizer, train: &[TaggedSentence], min_count: usize) -> Result<Self> {
        let features_given = train.first().is_some_and(|sentence| sentence.features.is_some());
        let lower: Vec<_> = train.iter().map(|sentence| lower(&sentence.words)).collect();
        let words = train.iter().flat_map(|sentence| &sentence.words);
        let spelled: Vec<_> = words.map(|word| letters(word)).collect();
        let features = train.iter().map(|sentence| features(sentence, features_given));
        let tags: Vec<_> = train.iter().map(|sentence| &sentence.tags[..]).collect();
        let all = VocabularyBuilder::new().specials([""; 0]).out_of_vocabulary(OutOfVocabulary::Error);
        Ok(Self {
            tokenizer,
            words: VocabularyBuilder::new().min_count(min_count).fit(&lower)?,
            letters: VocabularyBuilder::new().min_count(5).fit(&spelled)?,
            features: VocabularyBuilder::new().min_count(2).fit(&features.collect::<Result<Vec<_>>>()?)?,
            features_given,
            tags: all.fit(&tags)?,
        })
    }

    /// Words `[sentences, longest]`, letters `[sentences, longest, LETTERS]` and features `[sentences, longest]`, and the lengths;
    /// sentences are cut to `longest` words.
    pub(super) fn inputs(
        &self,
        sentences: &[&TaggedSentence],
        longest: usize,
    ) -> Result<(Vec<Array>, Vec<usize>)> {
        // A word that is spelled like padding is an unknown one.
        let ids = |sentence: &&TaggedSentence| {
            let ids = self.words.encode(&lower(&sentence.words))?;
            Ok(ids.into_iter().map(|id| id.max(1)).collect())
        };
        let words = pad(sentences.iter().map(ids), longest)?;
        let features =
            sentences.iter().map(|sentence| self.features.encode(&features(sentence, self.features_given)?));
        let features = pad(features, longest)?;
        let spelled = sentences.iter().flat_map(|sentence| {
            let word = |at| sentence.words.get(at).map_or("", String::as_str);
            (0..longest).map(move |at| self.letters.encode(&letters(word(at))))
        });
        let spelled = pad(spelled, LETTERS)?.array.reshape([sentences.len(), longest, LETTERS])?;
        Ok((vec![words.array, spelled, features.array], words.lengths))
    }

    /// Tags `[sentences, longest]`.
    pub(super) fn targets(&self, sentences: &[TaggedSentence], longest: usize) -> Result<Array> {
        Ok(pad(sentences.iter().map(|sentence| self.tags.encode(&sentence.tags)), longest)?.array)
    }
}

fn pad(rows: impl Iterator<Item = Result<Vec<i32>>>, length: usize) -> Result<Padded> {
    Padding::new().length(length).apply(&rows.collect::<Result<Vec<_>>>()?)
}

fn lower(words: &[String]) -> Vec<String> {
    words.iter().map(|word| word.to_lowercase()).collect()
}

fn letters(word: &str) -> Vec<String> {
    word.chars().map(String::from).collect()
}

fn features(sentence: &TaggedSentence, given: bool) -> Result<Cow<'_, [String]>> {
    match (&sentence.features, given) {
        (Some(features), true) => Ok(features.into()),
        (None, false) => Ok(sentence.words.iter().map(|word| case(word)).collect()),
        (Some(_), false) => Err(Error::data("features", "some", "none, as in training")),
        (None, true) => Err(Error::data("features", "none", "one a word, as in training")),
    }
}

/// The kinds of a word's letters in a row, each once: `Xx` of `Paris`, `d-x` of `24-hour`.
fn case(word: &str) -> String {
    let mut kinds: Vec<char> = word
        .chars()
        .map(|letter| match letter {
            _ if letter.is_uppercase() => 'X',
            _ if letter.is_alphabetic() => 'x',
            _ if letter.is_numeric() => 'd',
            _ => letter,
        })
        .collect();
    kinds.dedup();
    kinds.into_iter().take(4).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_of_words() {
        assert_eq!(["Paris", "24-hour", "e.g.", ""].map(case), ["Xx", "d-x", "x.x.", ""]);
    }
}
