//! [`Tokenizer`]: texts as words, by white space, Unicode's word boundaries, a pattern or characters.

use std::ops::ControlFlow;

use fornax_core::{Error, Result};
use regex::Regex;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

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
    /// That of ASCII is left out wherever it stands (`dont`, `35`), before a text is divided: `strip_punctuation` of Keras.
    Strip,
}

/// What a text is divided into.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Division {
    /// What stands between white space.
    #[default]
    Whitespace,
    /// Words by the boundaries of Unicode Standard Annex 29; what has no letter or digit is left out.
    UnicodeWords,
    /// Characters (Unicode scalar values), white space among them.
    Characters,
    /// What matches a pattern, its first group where it has one; see [`Tokenizer::pattern`].
    Pattern(Pattern),
}

/// A regular expression in the syntax of the `regex` crate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Regex);

impl TryFrom<String> for Pattern {
    type Error = Error;

    fn try_from(pattern: String) -> Result<Self> {
        let wanted = |error| Error::argument("pattern", &pattern, format!("a regular expression: {error}"));
        Regex::new(&pattern).map(Self).map_err(wanted)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.as_str().to_owned()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// A text as words.
///
/// Defaults: what stands between white space; case and punctuation stay.
///
/// ```
/// use fornax_data::text::{Division, Punctuation, Tokenizer};
///
/// let text = "Don't \"stop\", it's 3.5!";
/// let tokenizer = Tokenizer::new().lowercase(true).punctuation(Punctuation::Split);
/// assert_eq!(tokenizer.tokens(text), ["don't", "\"", "stop", "\"", ",", "it's", "3.5", "!"]);
/// assert_eq!(Tokenizer::new().divide(Division::UnicodeWords).tokens(text), ["Don't", "stop", "it's", "3.5"]);
/// assert_eq!(Tokenizer::pattern(r"\b\w\w+\b")?.tokens(text), ["Don", "stop", "it"]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tokenizer {
    lowercase: bool,
    punctuation: Punctuation,
    #[serde(default)]
    division: Division,
}

impl Tokenizer {
    /// The tokenizer with its defaults.
    pub const fn new() -> Self {
        Self { lowercase: false, punctuation: Punctuation::Keep, division: Division::Whitespace }
    }

    /// What matches a regular expression in the syntax of the `regex` crate, or its first group where it has one.
    ///
    /// # Errors
    /// If it is no regular expression.
    pub fn pattern(pattern: &str) -> Result<Self> {
        Ok(Self::new().divide(Division::Pattern(Pattern::try_from(pattern.to_owned())?)))
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

    /// What texts are divided into.
    pub fn divide(self, division: Division) -> Self {
        Self { division, ..self }
    }

    /// The words of a text.
    pub fn tokens(&self, text: &str) -> Vec<String> {
        let mut tokens = vec![];
        self.visit(text, |token| tokens.push(token.to_owned()));
        tokens
    }

    /// Calls `each` with the words of a text, in their order.
    pub fn visit(&self, text: &str, mut each: impl FnMut(&str)) {
        let _ = self.try_visit(text, |word| {
            each(word);
            ControlFlow::Continue(())
        });
    }

    /// [`visit`](Self::visit) until `each` breaks.
    pub fn try_visit(&self, text: &str, mut each: impl FnMut(&str) -> ControlFlow<()>) -> ControlFlow<()> {
        let changes = self.lowercase || self.punctuation == Punctuation::Strip;
        let words_alone = self.division == Division::Whitespace && text.is_ascii();
        let text = if changes && !words_alone { &*self.standardized(text) } else { text };
        let mut part = |word: &str| match self.punctuation {
            Punctuation::Keep | Punctuation::Strip => each(word),
            marks => split(word, marks == Punctuation::Split, &mut each),
        };
        match &self.division {
            Division::Whitespace if words_alone && changes => {
                changed_ascii_words(text, self.lowercase, self.punctuation == Punctuation::Strip, part)
            }
            Division::Whitespace if words_alone => ascii_words(text, part),
            Division::Whitespace => text.split_whitespace().try_for_each(part),
            Division::UnicodeWords => text.unicode_words().try_for_each(part),
            Division::Characters => text.chars().try_for_each(|c| part(c.encode_utf8(&mut [0; 4]))),
            Division::Pattern(Pattern(pattern)) if pattern.captures_len() == 1 => {
                pattern.find_iter(text).try_for_each(|found| part(found.as_str()))
            }
            Division::Pattern(Pattern(pattern)) => {
                let mut groups = pattern.captures_iter(text).filter_map(|groups| groups.get(1));
                groups.try_for_each(|group| part(group.as_str()))
            }
        }
    }

    /// The text before it is divided.
    fn standardized(&self, text: &str) -> String {
        let mut text = if self.lowercase { text.to_lowercase() } else { text.to_owned() };
        text.retain(|c| !(self.punctuation == Punctuation::Strip && c.is_ascii_punctuation()));
        text
    }
}

/// As `char::is_whitespace`, which counts the vertical tabulator.
const fn is_space(byte: u8) -> bool {
    byte == b' ' || (b'\t' <= byte && byte <= b'\r')
}

/// What a byte of ASCII that ends a word becomes, and one that is left out.
const SPACE: u8 = 0x80;
const NOTHING: u8 = 0x81;

/// What each byte of ASCII becomes, `[strip, lowercase]`.
static CHANGED: [[[u8; 128]; 2]; 2] =
    [[changed(false, false), changed(false, true)], [changed(true, false), changed(true, true)]];

const fn changed(strip: bool, lowercase: bool) -> [u8; 128] {
    let mut table = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        let own = byte as u8;
        table[byte] = match own {
            _ if is_space(own) => SPACE,
            _ if strip && own.is_ascii_punctuation() => NOTHING,
            _ if lowercase => own.to_ascii_lowercase(),
            _ => own,
        };
        byte += 1;
    }
    table
}

/// What stands between white space in a text of ASCII, changed; a few words are made at a time.
fn changed_ascii_words(
    text: &str,
    lowercase: bool,
    strip: bool,
    mut each: impl FnMut(&str) -> ControlFlow<()>,
) -> ControlFlow<()> {
    const AT_ONCE: usize = 64;
    let table = &CHANGED[usize::from(strip)][usize::from(lowercase)];
    let mut bytes = vec![0; text.len()];
    let (mut ends, mut words, mut length) = ([0; AT_ONCE], 0, 0);
    let mut hand_over = |bytes: &[u8], ends: &[usize]| {
        let made = std::str::from_utf8(bytes).expect("ASCII is UTF-8");
        let mut start = 0;
        ends.iter().try_for_each(|&end| {
            let word = &made[start..end];
            start = end;
            each(word)
        })
    };
    let mut start = 0;
    for byte in text.bytes() {
        let new = table[usize::from(byte & 0x7f)];
        if new == SPACE {
            if start < length {
                ends[words] = length;
                (words, start) = (words + 1, length);
                if words == AT_ONCE {
                    hand_over(&bytes[..length], &ends)?;
                    (words, start, length) = (0, 0, 0);
                }
            }
        } else {
            // Without a branch: what is left out is written over by the next byte.
            bytes[length] = new;
            length += usize::from(new != NOTHING);
        }
    }
    if start < length {
        ends[words] = length;
        words += 1;
    }
    hand_over(&bytes[..length], &ends[..words])
}

/// What stands between white space in a text of ASCII.
fn ascii_words(text: &str, mut each: impl FnMut(&str) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if is_space(byte) {
            if start < at {
                each(&text[start..at])?;
            }
            start = at + 1;
        }
    }
    if start < text.len() { each(&text[start..]) } else { ControlFlow::Continue(()) }
}

/// The parts of a word between its marks and, if wanted, the marks.
fn split(word: &str, marks: bool, each: &mut impl FnMut(&str) -> ControlFlow<()>) -> ControlFlow<()> {
    // Combining marks belong to the letter before them.
    let combines = |c: char| ('\u{300}'..='\u{36f}').contains(&c);
    let mut start = 0;
    let mut before_is_wordlike = false;
    let mut characters = word.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let wordlike = c.is_alphanumeric();
        let inside = before_is_wordlike && characters.peek().is_some_and(|(_, next)| next.is_alphanumeric());
        before_is_wordlike = wordlike;
        if wordlike || inside || combines(c) {
            continue;
        }
        let end = at + c.len_utf8();
        if start < at {
            each(&word[start..at])?;
        }
        if marks {
            each(&word[at..end])?;
        }
        start = end;
    }
    if start < word.len() { each(&word[start..]) } else { ControlFlow::Continue(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        assert_eq!(tokens(Punctuation::Strip), ["Ünï", "foobar", "ab", "x\u{2026}", "e\u{301}t"]);
        assert!(Tokenizer::new().tokens(" \t").is_empty());
    }

    #[test]
    fn texts_are_divided_at_words_patterns_and_characters() {
        let text = "Can't, 可以\u{301} a-b";
        let tokens = |tokenizer: Tokenizer| tokenizer.lowercase(true).tokens(text);
        let divide = |division| tokens(Tokenizer::new().divide(division));
        assert_eq!(divide(Division::UnicodeWords), ["can't", "可", "以\u{301}", "a", "b"]);
        assert_eq!(divide(Division::Characters).concat(), text.to_lowercase());
        assert_eq!(tokens(Tokenizer::pattern("[a-z]+").unwrap()), ["can", "t", "a", "b"]);
        assert_eq!(tokens(Tokenizer::pattern("([a-z])[-']").unwrap()), ["n", "a"]);
        let error = Tokenizer::pattern("(").unwrap_err().to_string();
        assert!(error.starts_with("pattern: found (, wanted a regular expression: "), "{error}");
    }

    proptest! {
        #![proptest_config(fornax_testkit::config(256))]

        /// What is done byte by byte where a text is ASCII is what is done character by character elsewhere.
        #[test]
        fn ascii_is_no_special_case(text in "[ -~\\t\\n\\x0b\\x0c\\r\\x1c]{0,40}") {
            for tokenizer in [Tokenizer::new(), Tokenizer::new().lowercase(true).punctuation(Punctuation::Strip)] {
                let with_more = tokenizer.tokens(&format!("{text} é"));
                let (last, others) = with_more.split_last().unwrap();
                prop_assert_eq!(last, "é");
                prop_assert_eq!(tokenizer.tokens(&text), others);
            }
        }
    }

    #[test]
    fn a_visit_can_end_early() {
        for text in ["a b c", "a b é"] {
            let mut seen = vec![];
            let broken = Tokenizer::new().try_visit(text, |word| {
                seen.push(word.to_owned());
                if seen.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert!(broken.is_break() && seen == ["a", "b"]);
        }
    }

    #[test]
    fn a_saved_tokenizer_comes_back() {
        let tokenizer = Tokenizer::pattern(r"\w+").unwrap().lowercase(true).punctuation(Punctuation::Strip);
        let saved = serde_json::to_string(&tokenizer).unwrap();
        assert_eq!(serde_json::from_str::<Tokenizer>(&saved).unwrap(), tokenizer);
        assert!(serde_json::from_str::<Tokenizer>(&saved.replace(r"\\w+", "(")).is_err());
    }
}
