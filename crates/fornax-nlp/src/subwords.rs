//! [`Subwords`]: the character n-grams of words, hashed to rows of a table.

use fornax_core::{Error, Result};
use fornax_layers::setters;
use serde::{Deserialize, Serialize};

/// What fastText has for the end of a line; it has no n-grams.
const END_OF_LINE: &str = "</s>";

/// Character n-grams of words, each hashed to one of a number of vectors, so that words share what they share in
/// spelling and a word that was never seen has a vector.
///
/// A word stands between `<` and `>`; its n-grams are those of `min_n` to `max_n` characters, these marks included. An
/// n-gram has the vector whose number is its hash (FNV-1a of 32 bits, each byte taken as a signed number) modulo `buckets`.
///
/// Defaults (those of fastText): 3 to 6 characters, 2 000 000 buckets. Source: Bojanowski et al., *Enriching word vectors with
/// subword information*, 2017, and fastText, whose files depend on the hash.
///
/// ```
/// use fornax_nlp::Subwords;
///
/// assert_eq!(Subwords::default().min_n(3).max_n(4).ngrams("tea"), ["<te", "<tea", "tea", "tea>", "ea>"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subwords {
    pub(crate) min_n: usize,
    pub(crate) max_n: usize,
    pub(crate) buckets: usize,
}

impl Default for Subwords {
    fn default() -> Self {
        Self { min_n: 3, max_n: 6, buckets: 2_000_000 }
    }
}

impl Subwords {
    setters! {
        /// The characters of the shortest n-grams.
        min_n: usize,
        /// The characters of the longest n-grams.
        max_n: usize,
        /// The number of vectors that n-grams are hashed to.
        buckets: usize,
    }

    /// The n-grams of a word.
    pub fn ngrams(&self, word: &str) -> Vec<String> {
        let mut ngrams = vec![];
        self.each_ngram(word, |ngram| ngrams.push(ngram.to_owned()));
        ngrams
    }

    /// Calls `each` with the bucket of every n-gram of a word.
    pub(crate) fn each_bucket(&self, word: &str, mut each: impl FnMut(u32)) {
        if self.buckets == 0 {
            return;
        }
        self.each_ngram(word, |ngram| each((u64::from(hash(ngram)) % self.buckets as u64) as u32));
    }

    pub(crate) fn each_ngram(&self, word: &str, mut each: impl FnMut(&str)) {
        if word == END_OF_LINE {
            return;
        }
        let word = format!("<{word}>");
        let mut bounds: Vec<usize> = word.char_indices().map(|(at, _)| at).collect();
        bounds.push(word.len());
        let characters = bounds.len() - 1;
        for start in 0..characters {
            let longest = start.saturating_add(self.max_n).min(characters);
            for end in start.saturating_add(self.min_n.max(1))..=longest {
                // The marks alone say nothing.
                if end - start > 1 || (start > 0 && end < characters) {
                    each(&word[bounds[start]..bounds[end]]);
                }
            }
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.min_n == 0 {
            return Err(Error::argument("min_n", 0, "at least 1"));
        }
        if self.max_n < self.min_n {
            return Err(Error::argument("max_n", self.max_n, format!("at least min_n, {}", self.min_n)));
        }
        if self.buckets == 0 || self.buckets > i32::MAX as usize {
            return Err(Error::argument("buckets", self.buckets, format!("1 to {}", i32::MAX)));
        }
        Ok(())
    }
}

/// fastText's hash of a word or n-gram.
pub(crate) fn hash(ngram: &str) -> u32 {
    ngram.bytes().fold(2_166_136_261, |hash: u32, byte| {
        // fastText widens a signed byte.
        (hash ^ i32::from(byte as i8) as u32).wrapping_mul(16_777_619)
    })
}

/// For each word the rows of inputs whose mean it is: its own, and behind the words' those of its n-grams.
pub(crate) struct Bags {
    rows: Vec<u32>,
    ends: Vec<usize>,
}

impl Bags {
    pub(crate) fn new(words: &[String], subwords: &Subwords) -> Self {
        let (mut rows, mut ends) = (vec![], Vec::with_capacity(words.len()));
        for (word, own) in words.iter().zip(0..) {
            rows.push(own);
            subwords.each_bucket(word, |bucket| rows.push(words.len() as u32 + bucket));
            ends.push(rows.len());
        }
        Self { rows, ends }
    }

    #[inline]
    pub(crate) fn get(&self, word: u32) -> &[u32] {
        let word = word as usize;
        let start = if word == 0 { 0 } else { self.ends[word - 1] };
        &self.rows[start..self.ends[word]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_alone_and_the_end_of_a_line_have_no_ngrams() {
        let subwords = Subwords::default().min_n(1).max_n(2);
        assert_eq!(subwords.ngrams("ab"), ["<a", "a", "ab", "b", "b>"]);
        assert!(subwords.ngrams("</s>").is_empty());
        assert_eq!(Subwords::default().ngrams("é"), ["<é>"]);
        assert!(Subwords::default().max_n(0).ngrams("word").is_empty());
    }

    #[test]
    fn words_are_bags_of_their_own_row_and_those_behind_the_words() {
        let words = ["ab".to_owned(), "</s>".to_owned()];
        let bags = Bags::new(&words, &Subwords::default().buckets(10));
        assert_eq!(bags.get(0)[0], 0);
        assert_eq!(bags.get(0).len(), 1 + 3);
        assert!(bags.get(0)[1..].iter().all(|row| (2..12).contains(row)));
        assert_eq!(bags.get(1), [1]);
    }
}
