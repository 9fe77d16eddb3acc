//! [`WordIndex`]: words and the place of each.

use std::hash::BuildHasher;

use fornax_core::{Error, Result};
use hashbrown::{DefaultHashBuilder, HashTable};

/// Words, each once, in an order, and a table from a word to its place.
#[derive(Clone, Debug, Default)]
pub(crate) struct WordIndex {
    words: Vec<String>,
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl WordIndex {
    pub(crate) fn new(words: Vec<String>) -> Result<Self> {
        if words.len() > i32::MAX as usize {
            return Err(Error::data("words", words.len(), format!("at most {}", i32::MAX)));
        }
        let (hasher, mut places) = (DefaultHashBuilder::default(), HashTable::with_capacity(words.len()));
        for (place, word) in words.iter().enumerate() {
            let hash = |&place: &u32| hasher.hash_one(words[place as usize].as_str());
            let known = |&other: &u32| words[other as usize] == *word;
            let own_hash = hash(&(place as u32));
            if places.find(own_hash, known).is_some() {
                return Err(Error::data(
                    format!("word {place}"),
                    format!("{word:?} again"),
                    "every word once",
                ));
            }
            places.insert_unique(own_hash, place as u32, hash);
        }
        Ok(Self { words, places, hasher })
    }

    #[inline]
    pub(crate) fn get(&self, word: &str) -> Option<u32> {
        let known = |&place: &u32| self.words[place as usize] == word;
        self.places.find(self.hasher.hash_one(word), known).copied()
    }

    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }
}

impl PartialEq for WordIndex {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}
