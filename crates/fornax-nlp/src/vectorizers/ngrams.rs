//! N-grams of words and of characters.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// What n-grams are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analyzer {
    /// Words, joined by a blank.
    #[default]
    Word,
    /// Characters of the words joined by a blank.
    Char,
    /// Characters of each word with a blank before and behind it; a word that is shorter than an n-gram is one n-gram,
    /// once.
    CharWb,
}

impl Analyzer {
    /// Calls `each` with every n-gram of `sizes` words or characters, in an order that depends on nothing else.
    pub(super) fn visit(self, words: &[String], sizes: &RangeInclusive<usize>, mut each: impl FnMut(&str)) {
        match self {
            Self::Word => of_words(words, sizes, each),
            Self::Char => {
                let text = words.join(" ");
                of_characters(&text, sizes, &mut each);
            }
            Self::CharWb => {
                let mut text = String::new();
                for word in words {
                    text.clear();
                    text.extend([" ", word, " "]);
                    of_characters(&text, sizes, &mut each);
                    if text.chars().count() < *sizes.start() {
                        each(&text);
                    }
                }
            }
        }
    }
}

fn of_words(words: &[String], sizes: &RangeInclusive<usize>, mut each: impl FnMut(&str)) {
    let mut gram = String::new();
    for start in 0..words.len() {
        gram.clear();
        for (size, word) in (1..=*sizes.end()).zip(&words[start..]) {
            if size > 1 {
                gram.push(' ');
            }
            gram.push_str(word);
            if sizes.contains(&size) {
                each(&gram);
            }
        }
    }
}

fn of_characters(text: &str, sizes: &RangeInclusive<usize>, each: &mut impl FnMut(&str)) {
    let bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let longest = bounds.len() - 1;
    for size in *sizes.start()..=longest.min(*sizes.end()) {
        for gram in bounds.windows(size + 1) {
            each(&text[gram[0]..gram[size]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grams(analyzer: Analyzer, text: &str, sizes: RangeInclusive<usize>) -> Vec<String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let mut grams = vec![];
        analyzer.visit(&words, &sizes, |gram| grams.push(gram.to_owned()));
        grams
    }

    #[test]
    fn words_and_characters() {
        assert_eq!(grams(Analyzer::Word, "a b c", 1..=2), ["a", "a b", "b", "b c", "c"]);
        assert_eq!(grams(Analyzer::Word, "a b", 3..=4), [""; 0]);
        assert_eq!(grams(Analyzer::Char, "aé b", 2..=2), ["aé", "é ", " b"]);
        assert_eq!(grams(Analyzer::Char, "", 1..=2), [""; 0]);
        assert_eq!(grams(Analyzer::CharWb, "ab c", 3..=4), [" ab", "ab ", " ab ", " c "]);
        assert_eq!(grams(Analyzer::CharWb, "a b", 4..=6), [" a ", " b "]);
    }
}
