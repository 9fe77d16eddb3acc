//! Words of a text, by white space and punctuation.

use serde::{Deserialize, Serialize};

/// What becomes of punctuation and symbols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Punctuation {
    /// It stays where it is.
    #[default]
    Keep,
    /// Every mark is a token, but for one between two letters or digits (`don't`, `3.5`, `e-mail`).
    Split,
    /// It is left out, but for a mark between two letters or digits.
    Remove,
}

/// Words divided by white space.
///
/// Defaults: case and punctuation stay.
///
/// ```
/// use fornax_data::text::{Punctuation, Tokenizer};
///
/// let tokenizer = Tokenizer::new().lowercase(true).punctuation(Punctuation::Split);
/// assert_eq!(tokenizer.tokens("Don't \"stop\", it's 3.5!"), ["don't", "\"", "stop", "\"", ",", "it's", "3.5", "!"]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokenizer {
    lowercase: bool,
    punctuation: Punctuation,
}

impl Tokenizer {
    /// The tokenizer with its defaults.
    pub const fn new() -> Self {
        Self { lowercase: false, punctuation: Punctuation::Keep }
    }

    /// Whether words are put in lower case.
    pub const fn lowercase(mut self, lowercase: bool) -> Self {
        self.lowercase = lowercase;
        self
    }

    /// What becomes of punctuation.
    pub const fn punctuation(mut self, punctuation: Punctuation) -> Self {
        self.punctuation = punctuation;
        self
    }

    /// The words of a text.
    pub fn tokens(&self, text: &str) -> Vec<String> {
        let text = if self.lowercase { text.to_lowercase() } else { text.to_owned() };
        let mut tokens = vec![];
        for word in text.split_whitespace() {
            match self.punctuation {
                Punctuation::Keep => tokens.push(word.to_owned()),
                marks => split(word, marks == Punctuation::Split, &mut tokens),
            }
        }
        tokens
    }
}

/// The parts of a word between its marks and, if wanted, the marks.
fn split(word: &str, marks: bool, tokens: &mut Vec<String>) {
    let chars: Vec<char> = word.chars().collect();
    let wordlike = |at: usize| chars.get(at).is_some_and(|c| c.is_alphanumeric());
    // Combining marks belong to the letter before them.
    let combines = |c: char| ('\u{300}'..='\u{36f}').contains(&c);
    let mut part = String::new();
    for (at, &c) in chars.iter().enumerate() {
        let inside = at > 0 && wordlike(at - 1) && wordlike(at + 1);
        if c.is_alphanumeric() || inside || combines(c) {
            part.push(c);
            continue;
        }
        tokens.extend((!part.is_empty()).then(|| std::mem::take(&mut part)));
        tokens.extend(marks.then(|| c.to_string()));
    }
    tokens.extend((!part.is_empty()).then_some(part));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_kept_split_or_removed() {
        let text = " (Ünï) foo-bar -- a.b, x.\u{2026} e\u{301}t\n";
        let tokens = |punctuation| Tokenizer::new().punctuation(punctuation).tokens(text);
        assert_eq!(tokens(Punctuation::Keep), ["(Ünï)", "foo-bar", "--", "a.b,", "x.\u{2026}", "e\u{301}t"]);
        assert_eq!(
            tokens(Punctuation::Split),
            ["(", "Ünï", ")", "foo-bar", "-", "-", "a.b", ",", "x", ".", "\u{2026}", "e\u{301}t"]
        );
        assert_eq!(tokens(Punctuation::Remove), ["Ünï", "foo-bar", "a.b", "x", "e\u{301}t"]);
        assert!(Tokenizer::new().tokens(" \t").is_empty());
    }
}
