//! What a [`TextVectorization`](super::TextVectorization) is told and has learned, and how it counts.

use std::ops::ControlFlow;

use fornax_core::{Error, Result};
use hashbrown::HashMap;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::VectorizationMode;
use crate::text::{Punctuation, Side, Tokenizer};

/// What is set and what is learned: the form in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    pub(super) tokenizer: Tokenizer,
    pub(super) ngrams: usize,
    pub(super) max_tokens: Option<usize>,
    pub(super) output_mode: VectorizationMode,
    pub(super) output_sequence_length: Option<usize>,
    pub(super) pad: Side,
    pub(super) truncate: Side,
    pub(super) pad_to_max_tokens: bool,
    pub(super) vocabulary: Vec<String>,
    pub(super) idf_weights: Vec<f32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tokenizer: Tokenizer::new().lowercase(true).punctuation(Punctuation::Strip),
            ngrams: 1,
            max_tokens: None,
            output_mode: VectorizationMode::Int,
            output_sequence_length: None,
            pad: Side::Post,
            truncate: Side::Post,
            pad_to_max_tokens: false,
            vocabulary: vec![],
            idf_weights: vec![],
        }
    }
}

impl Settings {
    /// Indices before the vocabulary.
    pub(super) fn special_count(&self) -> usize {
        if self.output_mode == VectorizationMode::Int { 2 } else { 1 }
    }

    pub(super) fn check(&self) -> Result<()> {
        let least = self.special_count() + 1;
        if let Some(most) = self.max_tokens.filter(|&most| most < least) {
            return Err(Error::argument("max_tokens", most, format!("at least {least}")));
        }
        if self.pad_to_max_tokens && self.max_tokens.is_none() {
            return Err(Error::argument("pad_to_max_tokens", true, "max_tokens with it"));
        }
        for (name, value) in
            [("ngrams", Some(self.ngrams)), ("output_sequence_length", self.output_sequence_length)]
        {
            if value == Some(0) {
                return Err(Error::argument(name, 0, "at least 1"));
            }
        }
        Ok(())
    }

    /// Calls `each` with the tokens of a text until it breaks.
    pub(super) fn try_visit(&self, text: &str, each: &mut impl FnMut(&str) -> ControlFlow<()>) {
        if self.ngrams == 1 {
            let _ = self.tokenizer.try_visit(text, each);
            return;
        }
        let words = self.tokenizer.tokens(text);
        let runs = (1..=self.ngrams).flat_map(|size| words.windows(size));
        let _ = { runs }.try_for_each(|run| each(&run.join(" ")));
    }

    fn counts_of<S: AsRef<str>>(&self, texts: &[S]) -> HashMap<String, Occurrences> {
        let mut counts: HashMap<String, Occurrences> = HashMap::new();
        for (text, place) in texts.iter().zip(1..) {
            self.try_visit(text.as_ref(), &mut |token| {
                let counted = counts.entry_ref(token).or_default();
                counted.tokens += 1;
                counted.texts += u64::from(counted.last != place);
                counted.last = place;
                ControlFlow::Continue(())
            });
        }
        counts
    }

    /// How often each token occurs in texts.
    pub(super) fn counts<S: AsRef<str> + Sync>(&self, texts: &[S]) -> HashMap<String, Occurrences> {
        texts.par_chunks(TEXTS).map(|texts| self.counts_of(texts)).reduce(HashMap::new, merged)
    }
}

/// Texts that one task counts; the sums of whole numbers depend on nothing.
const TEXTS: usize = 512;

/// How often a token occurs, and in how many texts.
#[derive(Clone, Copy, Default)]
pub(super) struct Occurrences {
    pub(super) tokens: u64,
    pub(super) texts: u64,
    /// Behind the place of the last text that has the token.
    last: usize,
}

fn merged(a: HashMap<String, Occurrences>, b: HashMap<String, Occurrences>) -> HashMap<String, Occurrences> {
    let (mut large, small) = if a.len() < b.len() { (b, a) } else { (a, b) };
    for (token, more) in small {
        let sum = large.entry(token).or_default();
        (sum.tokens, sum.texts) = (sum.tokens + more.tokens, sum.texts + more.texts);
    }
    large
}
