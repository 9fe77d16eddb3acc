//! [`WordIndex`]: words and the place of each.

use std::hash::BuildHasher;

use fornax_core::{Error, Result};
use hashbrown::DefaultHashBuilder;

/// Words, each once, in an order, and a table from a word to its place.
///
/// Words of up to 16 bytes lie in the table itself, so that looking one up reads one line of memory.
///
/// ```
/// use fornax_data::text::WordIndex;
///
/// let index = WordIndex::new(vec!["tea".into(), "coffee".into()])?;
/// assert_eq!((index.get("coffee"), index.get("rum")), (Some(1), None));
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct WordIndex {
    words: Vec<String>,
    /// A power of two of them, of which at most half are taken; none of no words.
    slots: Vec<Slot>,
    seeds: [u64; 2],
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    key: Key,
    /// The word's place, `FREE` where there is none.
    place: u32,
}

const FREE: u32 = u32::MAX;

/// The bytes of a short word, or the hash of a long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    halves: [u64; 2],
    len: u32,
}

/// The longest word that is its own key.
const SHORT: usize = 16;

impl WordIndex {
    /// Words and their places.
    ///
    /// # Errors
    /// If a word comes twice, or there are more than 2^31 - 1.
    pub fn new(words: Vec<String>) -> Result<Self> {
        if words.len() > i32::MAX as usize {
            return Err(Error::data("words", words.len(), format!("at most {}", i32::MAX)));
        }
        let hasher = DefaultHashBuilder::default();
        let seeds = [hasher.hash_one(1u8), hasher.hash_one(2u8)];
        let count = if words.is_empty() { 0 } else { (2 * words.len()).next_power_of_two() };
        let empty = Slot { key: Key { halves: [0; 2], len: 0 }, place: FREE };
        let mut index = Self { words: vec![], slots: vec![empty; count], seeds };
        for (place, word) in words.iter().enumerate() {
            let key = index.key(word);
            let (at, other) = index.find(key, &words, word);
            if other.is_some() {
                let found = format!("{word:?} again");
                return Err(Error::data(format!("word {place}"), found, "every word once"));
            }
            index.slots[at] = Slot { key, place: place as u32 };
        }
        index.words = words;
        Ok(index)
    }

    /// The place of a word; none of an unknown one.
    #[inline]
    pub fn get(&self, word: &str) -> Option<u32> {
        match self.slots.is_empty() {
            true => None,
            false => self.find(self.key(word), &self.words, word).1,
        }
    }

    /// The words, in their order.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The words alone.
    pub fn into_words(self) -> Vec<String> {
        self.words
    }

    /// The slot of a word, or the free one that it would have; and its place.
    #[inline]
    fn find(&self, key: Key, words: &[String], word: &str) -> (usize, Option<u32>) {
        let mask = self.slots.len() - 1;
        let mut at = self.hash(key) as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.place == FREE {
                return (at, None);
            }
            if slot.key == key && (word.len() <= SHORT || words[slot.place as usize] == word) {
                return (at, Some(slot.place));
            }
            at = (at + 1) & mask;
        }
    }

    /// Of short words of one length no two have the same.
    #[inline]
    fn key(&self, word: &str) -> Key {
        let bytes = word.as_bytes();
        let eight = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().expect("eight bytes"));
        let four = |at: usize| u64::from(u32::from_le_bytes(*bytes[at..].first_chunk().expect("four bytes")));
        let len = bytes.len();
        let halves = match len {
            0 => [0; 2],
            1..4 => {
                [u64::from(bytes[0]) | u64::from(bytes[len / 2]) << 8 | u64::from(bytes[len - 1]) << 16, 0]
            }
            4..8 => [four(0) | four(len - 4) << 32, 0],
            8..=SHORT => [eight(0), eight(len - 8)],
            _ => {
                let whole = bytes
                    .chunks_exact(8)
                    .map(|chunk| u64::from_le_bytes(*chunk.first_chunk().expect("eight bytes")));
                [whole.fold(eight(len - 8), |hash, chunk| self.mixed(hash, chunk)), 0]
            }
        };
        Key { halves, len: len as u32 }
    }

    #[inline]
    fn hash(&self, key: Key) -> u64 {
        self.mixed(key.halves[0], key.halves[1] ^ u64::from(key.len))
    }

    /// Both halves of a product of 128 bits.
    #[inline]
    fn mixed(&self, a: u64, b: u64) -> u64 {
        let product = u128::from(a ^ self.seeds[0]) * u128::from(b ^ self.seeds[1]);
        product as u64 ^ (product >> 64) as u64
    }
}

impl PartialEq for WordIndex {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(fornax_testkit::config(256))]

        /// Words of all lengths are found where they are, and others are not.
        #[test]
        fn places_are_those_of_a_map(words in proptest::collection::vec("[ab\0é]{0,20}", 0..200)) {
            let mut places = HashMap::new();
            let mut once = vec![];
            for word in &words[..words.len() / 2] {
                places.entry(word.as_str()).or_insert_with(|| {
                    once.push(word.clone());
                    once.len() as u32 - 1
                });
            }
            let index = WordIndex::new(once).unwrap();
            for word in &words {
                prop_assert_eq!(index.get(word), places.get(word.as_str()).copied());
            }
        }
    }

    #[test]
    fn a_word_twice_is_an_error() {
        let words = ["tea", "a word of more than sixteen bytes", "a word of more than sixteen bytes"];
        let error = WordIndex::new(words.map(str::to_owned).into()).unwrap_err().to_string();
        assert_eq!(
            error,
            "word 2: found \"a word of more than sixteen bytes\" again, wanted every word once"
        );
    }
}
