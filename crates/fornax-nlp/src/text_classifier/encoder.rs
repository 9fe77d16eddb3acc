//! [`TextEncoder`]: texts as the ids of their words.

use fornax_core::{Array, Error, Result};
use fornax_data::text::{Padding, Side, Vocabulary};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::TextTokenizer;

/// A tokenizer and a vocabulary whose index 0 is padding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TextEncoder {
    pub(super) tokenizer: TextTokenizer,
    pub(super) vocabulary: Vocabulary,
    pub(super) max_length: usize,
    pub(super) truncate: Side,
    /// Padding that every text has before and behind its words, so that what a window of this size may see of padding does
    /// not depend on the other texts of a batch.
    pub(super) margin: usize,
}

/// The widest margin.
pub(super) const WIDEST: usize = 1 << 10;

impl TextEncoder {
    /// An error if a file holds what no builder makes.
    pub(super) fn check(&self) -> Result<()> {
        if self.max_length == 0 {
            return Err(Error::argument("max_length", 0, "at least 1"));
        }
        if self.margin > WIDEST {
            return Err(Error::argument("margin of padding", self.margin, format!("at most {WIDEST}")));
        }
        Ok(())
    }

    /// The ids of each text: of at most `max_length` words, and of the unknown word where there is none.
    pub(super) fn encode<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Result<Vec<Vec<i32>>> {
        texts.par_iter().map(|text| self.ids(&self.tokenizer.tokens(text.as_ref())?)).collect()
    }

    /// The ids of the words of a text.
    pub(super) fn ids(&self, words: &[String]) -> Result<Vec<i32>> {
        let excess = words.len().saturating_sub(self.max_length);
        let words = match self.truncate {
            Side::Pre => &words[excess..],
            Side::Post => &words[..words.len() - excess],
        };
        let mut ids = vec![0; self.margin];
        ids.extend(self.vocabulary.encode(words)?);
        if ids.len() == self.margin {
            ids.push(self.vocabulary.index("<unk>").unwrap_or_default() as i32);
        }
        ids.resize(ids.len() + self.margin, 0);
        Ok(ids)
    }

    /// Rows of one length, and the length of each text.
    pub(super) fn pad<S: AsRef<[i32]>>(ids: &[S]) -> Result<(Array, Vec<usize>)> {
        let padded = Padding::new().apply(ids)?;
        Ok((padded.array, padded.lengths))
    }
}

#[cfg(test)]
mod tests {
    use fornax_data::text::{Tokenizer, VocabularyBuilder};

    use super::*;

    #[test]
    fn texts_are_cut_and_have_margins() {
        let vocabulary = VocabularyBuilder::new().fit(&[["a", "b", "c"]]).unwrap();
        let encoder = TextEncoder {
            tokenizer: Tokenizer::new().into(),
            vocabulary,
            max_length: 2,
            truncate: Side::Pre,
            margin: 0,
        };
        assert_eq!(encoder.encode(&["a b c", "z", ""]).unwrap(), [vec![3, 4], vec![1], vec![1]]);
        let encoder = TextEncoder { truncate: Side::Post, margin: 2, ..encoder };
        assert_eq!(encoder.encode(&["a b c", ""]).unwrap(), [vec![0, 0, 2, 3, 0, 0], vec![0, 0, 1, 0, 0]]);
        assert!(encoder.check().is_ok());
        assert!(TextEncoder { max_length: 0, ..encoder.clone() }.check().is_err());
        assert!(TextEncoder { margin: WIDEST + 1, ..encoder }.check().is_err());
    }
}
