//! [`WordCounts`]: the words of a corpus and how often each occurs.

use fornax_core::{Error, Result};
use fornax_data::text::WordIndex;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::Corpus;

/// The words of a corpus by count, the most frequent first, equal counts in the order of their bytes.
///
/// ```
/// use fornax_nlp::WordCounts;
///
/// let corpus = [vec!["a", "b", "a"], vec!["c", "b", "a"]];
/// let counts = WordCounts::of(&corpus[..], 2, None)?;
/// assert_eq!(counts.words(), ["a", "b"]);
/// assert_eq!(counts.counts(), [3, 2]);
/// assert_eq!(counts.index("b"), Some(1));
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct WordCounts {
    index: WordIndex,
    counts: Vec<u64>,
}

/// The form in a file.
#[derive(Clone, Serialize, Deserialize)]
struct Saved {
    words: Vec<String>,
    counts: Vec<u64>,
}

impl WordCounts {
    /// Counts the words of a corpus, of which those stay that occur `min_count` times, and of these the `max_size` most
    /// frequent ones.
    ///
    /// # Errors
    /// If the corpus cannot be read, has no word, or none that is frequent enough.
    pub fn of<C: Corpus + ?Sized>(corpus: &C, min_count: u64, max_size: Option<usize>) -> Result<Self> {
        let counts = count(corpus)?;
        let different = counts.len();
        if different == 0 {
            return Err(Error::data("corpus", "no word", "at least one"));
        }
        let most = counts.values().copied().max().unwrap_or_default();
        let mut words: Vec<_> = counts.into_iter().filter(|(_, count)| *count >= min_count).collect();
        if words.is_empty() || max_size == Some(0) {
            let found = format!("{different} words, the most frequent one {most} times");
            return Err(Error::data("corpus", found, format!("a word that occurs {min_count} times")));
        }
        words.sort_unstable_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
        words.truncate(max_size.unwrap_or(usize::MAX));
        let (words, counts) = words.into_iter().unzip();
        Self::new(words, counts)
    }

    /// Words with their counts, in the order that is given.
    pub(crate) fn new(words: Vec<String>, counts: Vec<u64>) -> Result<Self> {
        if words.len() != counts.len() {
            return Err(Error::data("counts", counts.len(), format!("{}, as there are words", words.len())));
        }
        Ok(Self { index: WordIndex::new(words)?, counts })
    }

    /// The words, the most frequent first.
    pub fn words(&self) -> &[String] {
        self.index.words()
    }

    /// How often each word occurs.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The number of words.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The index of a word; none of one that is not counted.
    #[inline]
    pub fn index(&self, word: &str) -> Option<u32> {
        self.index.get(word)
    }

    /// The occurrences of all words together.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds the counts of a corpus: new words that occur `min_count` times there come behind the known ones. Returns how
    /// many these are.
    ///
    /// # Errors
    /// If the corpus cannot be read, or there would be more than 2^31 words.
    pub(crate) fn extend<C: Corpus + ?Sized>(&mut self, corpus: &C, min_count: u64) -> Result<usize> {
        let mut new = vec![];
        for (word, count) in count(corpus)? {
            match self.index(&word) {
                Some(known) => self.counts[known as usize] += count,
                None if count >= min_count => new.push((word, count)),
                None => {}
            }
        }
        new.sort_unstable_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
        let added = new.len();
        let (mut words, mut counts) = (self.words().to_vec(), self.counts.clone());
        for (word, count) in new {
            words.push(word);
            counts.push(count);
        }
        *self = Self::new(words, counts)?;
        Ok(added)
    }
}

fn count<C: Corpus + ?Sized>(corpus: &C) -> Result<HashMap<String, u64>> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    corpus.visit(&mut |tokens| {
        for token in tokens {
            *counts.entry_ref(token).or_insert(0) += 1;
        }
        Ok(())
    })?;
    Ok(counts)
}

impl TryFrom<Saved> for WordCounts {
    type Error = Error;

    fn try_from(Saved { words, counts }: Saved) -> Result<Self> {
        Self::new(words, counts)
    }
}

impl From<WordCounts> for Saved {
    fn from(counts: WordCounts) -> Self {
        Self { words: counts.words().to_vec(), counts: counts.counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_thresholds_and_extension() {
        let corpus = vec![vec!["b", "a", "b"], vec![], vec!["c", "a", "d"]];
        let mut counts = WordCounts::of(&corpus, 1, None).unwrap();
        assert_eq!(counts.words(), ["a", "b", "c", "d"]);
        assert_eq!((counts.counts(), counts.total()), (&[2, 2, 1, 1][..], 6));
        assert_eq!(WordCounts::of(&corpus, 1, Some(3)).unwrap().words(), ["a", "b", "c"]);
        let more = vec![vec!["e", "a", "f", "e"]];
        assert_eq!(counts.extend(&more, 2).unwrap(), 1);
        assert_eq!((counts.words()[4].as_str(), counts.index("e"), counts.index("f")), ("e", Some(4), None));
        assert_eq!(counts.counts(), [3, 2, 1, 1, 2]);
    }

    #[test]
    fn corpora_without_words_are_errors() {
        let fault = |corpus: Vec<Vec<&str>>, min| WordCounts::of(&corpus, min, None).unwrap_err().to_string();
        assert_eq!(fault(vec![vec![]], 1), "corpus: found no word, wanted at least one");
        assert_eq!(
            fault(vec![vec!["a", "b", "a"]], 5),
            "corpus: found 2 words, the most frequent one 2 times, wanted a word that occurs 5 times"
        );
    }
}
