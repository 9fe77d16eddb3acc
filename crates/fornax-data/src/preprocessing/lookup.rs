//! Vocabularies: strings or integers as indices.

use std::borrow::Borrow;
use std::hash::Hash;

use fornax_core::{Array, Error, Result};
use hashbrown::HashMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What a [`Lookup`] can hold: strings and integers.
pub trait Token:
    Clone + Ord + Hash + Serialize + DeserializeOwned + std::fmt::Debug + sealed::Sealed
{
    /// The token as it is looked up.
    type Borrowed: ?Sized + Eq + Hash + std::fmt::Debug;

    /// Which of `buckets` out-of-vocabulary indices an unknown token gets.
    fn bucket(token: &Self::Borrowed, buckets: usize) -> usize;
}

impl Token for String {
    type Borrowed = str;

    fn bucket(token: &str, buckets: usize) -> usize {
        // FNV-1a, stable over versions and platforms.
        let hash = token.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        (hash % buckets as u64) as usize
    }
}

impl Token for i32 {
    type Borrowed = i32;

    fn bucket(token: &i32, buckets: usize) -> usize {
        i64::from(*token).rem_euclid(buckets as i64) as usize
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for String {}
    impl Sealed for i32 {}
}

/// A vocabulary of strings; see [`Lookup`].
pub type StringLookup = Lookup<String>;

/// A vocabulary of integers; see [`Lookup`].
pub type IntegerLookup = Lookup<i32>;

/// Tokens as indices, as `StringLookup` and `IntegerLookup` of Keras.
///
/// Indices are, in this order: 0 for the mask token if there is one; `num_oov_indices` for unknown tokens; the
/// vocabulary. A fitted vocabulary is sorted by count, the most frequent first, and tokens of equal count from the
/// greatest to the smallest: the order of Keras. With several out-of-vocabulary indices an integer gets its
/// remainder, as in Keras, and a string its FNV-1a hash's (Keras uses FarmHash).
///
/// Defaults: one out-of-vocabulary index, no mask token, any number of tokens.
///
/// ```
/// use fornax_data::preprocessing::StringLookup;
///
/// let lookup = StringLookup::new().fit(["cat", "dog", "dog", "ant"])?;
/// assert_eq!(lookup.vocabulary(), ["dog", "cat", "ant"]);
/// assert_eq!(lookup.apply(["dog", "emu", "ant"])?.to_i32(), [1, 0, 3]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved<T>", into = "Saved<T>", bound = "T: Token")]
pub struct Lookup<T: Token> {
    saved: Saved<T>,
    places: HashMap<T, usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "T: Token")]
struct Saved<T: Token> {
    vocabulary: Vec<T>,
    num_oov_indices: usize,
    mask_token: Option<T>,
    max_tokens: Option<usize>,
}

impl<T: Token> Default for Lookup<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Token> Lookup<T> {
    /// The defaults, with an empty vocabulary.
    pub fn new() -> Self {
        let saved = Saved { vocabulary: vec![], num_oov_indices: 1, mask_token: None, max_tokens: None };
        Self { saved, places: HashMap::new() }
    }

    /// The number of indices for unknown tokens; with 0 an unknown token is an error.
    pub fn num_oov_indices(mut self, count: usize) -> Self {
        self.saved.num_oov_indices = count;
        self
    }

    /// The token that stands for "nothing here" and has the index 0.
    pub fn mask_token(mut self, token: impl Into<T>) -> Self {
        self.saved.mask_token = Some(token.into());
        self
    }

    /// The highest number of indices, those for the mask and for unknown tokens included.
    pub fn max_tokens(mut self, count: usize) -> Self {
        self.saved.max_tokens = Some(count);
        self
    }

    /// Learns the vocabulary of `tokens`.
    ///
    /// # Errors
    /// If there is no token besides the mask, or if `max_tokens` leaves no room for one.
    pub fn fit<Q: Borrow<T::Borrowed>>(self, tokens: impl IntoIterator<Item = Q>) -> Result<Self>
    where
        T: Borrow<T::Borrowed>,
        T::Borrowed: ToOwned<Owned = T>,
    {
        let mut counts: HashMap<T, usize> = HashMap::new();
        for token in tokens {
            match counts.get_mut(token.borrow()) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(token.borrow().to_owned(), 1);
                }
            }
        }
        if let Some(mask) = &self.saved.mask_token {
            counts.remove::<T>(mask);
        }
        let mut sorted: Vec<(T, usize)> = counts.into_iter().collect();
        sorted.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| b.0.cmp(&a.0)));
        let room = self.saved.max_tokens.map_or(usize::MAX, |most| most.saturating_sub(self.first()));
        self.with_vocabulary(sorted.into_iter().take(room).map(|(token, _)| token))
    }

    /// Takes a known vocabulary, in this order.
    ///
    /// # Errors
    /// If it is empty, has a token twice or the mask token, or is longer than `max_tokens` allows.
    pub fn with_vocabulary<I: Into<T>>(mut self, tokens: impl IntoIterator<Item = I>) -> Result<Self> {
        self.saved.vocabulary = tokens.into_iter().map(Into::into).collect();
        if self.saved.vocabulary.is_empty() {
            return Err(Error::data("vocabulary", "no token", "at least one"));
        }
        Self::try_from(self.saved)
    }

    /// The tokens of the vocabulary, without those for the mask and for unknown tokens.
    pub fn vocabulary(&self) -> &[T] {
        &self.saved.vocabulary
    }

    /// The number of indices, those for the mask and for unknown tokens included.
    pub fn len(&self) -> usize {
        self.first() + self.saved.vocabulary.len()
    }

    /// Whether the vocabulary is empty: neither fitted nor given.
    pub fn is_empty(&self) -> bool {
        self.saved.vocabulary.is_empty()
    }

    /// The index of a token.
    ///
    /// # Errors
    /// If the vocabulary is empty, or if the token is unknown and there is no index for that.
    pub fn index(&self, token: &T::Borrowed) -> Result<usize>
    where
        T: Borrow<T::Borrowed>,
    {
        if self.is_empty() {
            return Err(Error::data("lookup", "no vocabulary", "one that is fitted or given"));
        }
        if let Some(&place) = self.places.get(token) {
            return Ok(place);
        }
        match self.saved.num_oov_indices {
            0 => Err(Error::data("lookup", format!("the unknown token {token:?}"), "one of the vocabulary")),
            buckets => Ok(usize::from(self.saved.mask_token.is_some()) + T::bucket(token, buckets)),
        }
    }

    /// The index of a token of the vocabulary or of the mask token; none of an unknown one.
    pub fn position(&self, token: &T::Borrowed) -> Option<usize>
    where
        T: Borrow<T::Borrowed>,
    {
        self.places.get(token).copied()
    }

    /// The token at an index; none for unknown tokens.
    pub fn token(&self, index: usize) -> Option<&T> {
        match (index, &self.saved.mask_token) {
            (0, Some(mask)) => Some(mask),
            _ => self.saved.vocabulary.get(index.checked_sub(self.first())?),
        }
    }

    /// The index of the first token of the vocabulary.
    fn first(&self) -> usize {
        usize::from(self.saved.mask_token.is_some()) + self.saved.num_oov_indices
    }
}

impl Lookup<String> {
    /// The indices of `tokens`, as integers `[n]`.
    ///
    /// # Errors
    /// As for [`index`](Self::index).
    pub fn apply<S: AsRef<str>>(&self, tokens: impl IntoIterator<Item = S>) -> Result<Array> {
        let indices = tokens.into_iter().map(|token| Ok(self.index(token.as_ref())? as i32));
        Ok(indices.collect::<Result<Vec<_>>>()?.into())
    }
}

impl Lookup<i32> {
    /// The indices of all elements, in the same shape.
    ///
    /// # Errors
    /// As for [`index`](Self::index).
    pub fn apply(&self, array: &Array) -> Result<Array> {
        let indices =
            array.to_i32().iter().map(|token| Ok(self.index(token)? as i32)).collect::<Result<_>>()?;
        Array::from_i32(array.shape(), indices)
    }
}

impl<T: Token> TryFrom<Saved<T>> for Lookup<T> {
    type Error = Error;

    fn try_from(saved: Saved<T>) -> Result<Self> {
        let mut lookup = Self { saved, places: HashMap::new() };
        let (first, count) = (lookup.first(), lookup.len());
        if let Some(most) = lookup.saved.max_tokens.filter(|&most| count > most) {
            return Err(Error::argument("max_tokens", most, format!("at least {count}, as there are")));
        }
        // Indices are i32 in arrays.
        if i32::try_from(count).is_err() {
            return Err(Error::argument("vocabulary", format!("{count} indices"), "fewer than 2^31"));
        }
        for (place, token) in lookup.saved.vocabulary.iter().enumerate() {
            if lookup.places.insert(token.clone(), first + place).is_some() {
                return Err(Error::data("vocabulary", format!("{token:?} twice"), "every token once"));
            }
        }
        if let Some(mask) = &lookup.saved.mask_token
            && lookup.places.insert(mask.clone(), 0).is_some()
        {
            return Err(Error::data("vocabulary", format!("the mask token {mask:?}"), "other tokens only"));
        }
        Ok(lookup)
    }
}

impl<T: Token> From<Lookup<T>> for Saved<T> {
    fn from(lookup: Lookup<T>) -> Self {
        lookup.saved
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ties_go_from_the_greatest_to_the_smallest_as_in_keras() {
        // numpy.lexsort((tokens, counts))[::-1] of index_lookup.py.
        let lookup = StringLookup::new().fit(["b", "a", "c", "a", "B", "é"]).unwrap();
        assert_eq!(lookup.vocabulary(), ["a", "é", "c", "b", "B"]);
        let numbers = IntegerLookup::new().fit([12, 1138, 42, 42, -5]).unwrap();
        assert_eq!(numbers.vocabulary(), [42, 1138, 12, -5]);
    }

    #[test]
    fn special_indices_come_first() {
        let lookup =
            StringLookup::new().mask_token("").num_oov_indices(2).with_vocabulary(["x", "y"]).unwrap();
        assert_eq!(lookup.len(), 5);
        assert_eq!(lookup.apply(["x", "y", ""]).unwrap().to_i32(), [3, 4, 0]);
        let unknown = lookup.apply(["p", "q", "r", "s", "t"]).unwrap().to_i32();
        assert!(
            unknown.iter().all(|index| (1..=2).contains(index))
                && unknown.contains(&1)
                && unknown.contains(&2)
        );
        let tokens: Vec<_> = (0..6).map(|index| lookup.token(index).map(String::as_str)).collect();
        assert_eq!(tokens, [Some(""), None, None, Some("x"), Some("y"), None]);
        let numbers = IntegerLookup::new().num_oov_indices(3).with_vocabulary([7, 9]).unwrap();
        let x = Array::from_i32([2, 2], vec![7, 9, -1, 10]).unwrap();
        let indices = numbers.apply(&x).unwrap();
        assert_eq!((indices.shape(), indices.to_i32()), (&[2, 2][..], vec![3, 4, 2, 1]));
    }

    #[test]
    fn the_most_frequent_fit_into_max_tokens() {
        let lookup =
            StringLookup::new().max_tokens(3).mask_token("c").fit(["a", "b", "b", "c", "c", "c"]).unwrap();
        assert_eq!(lookup.vocabulary(), ["b"]);
        assert!(StringLookup::new().max_tokens(1).fit(["a"]).is_err(), "no room besides the unknown");
        assert!(StringLookup::new().max_tokens(2).with_vocabulary(["a", "b"]).is_err());
    }

    #[test]
    fn rejections() {
        let strict = StringLookup::new().num_oov_indices(0).with_vocabulary(["a"]).unwrap();
        let error = strict.apply(["a", "b"]).unwrap_err().to_string();
        assert_eq!(error, "lookup: found the unknown token \"b\", wanted one of the vocabulary");
        assert!(StringLookup::new().apply(["a"]).unwrap_err().to_string().contains("no vocabulary"));
        assert!(StringLookup::new().fit(Vec::<String>::new()).is_err());
        assert!(StringLookup::new().with_vocabulary(["a", "a"]).is_err());
        assert!(StringLookup::new().mask_token("a").with_vocabulary(["a"]).is_err());
        let bad = r#"{"vocabulary":["a","a"],"num_oov_indices":1,"mask_token":null,"max_tokens":null}"#;
        assert!(serde_json::from_str::<StringLookup>(bad).is_err());
    }

    proptest! {
        #[test]
        fn known_tokens_come_back_and_saving_changes_nothing(
            tokens in proptest::collection::vec("[a-e]{0,2}", 1..40), oov in 0usize..3, mask: bool,
        ) {
            let lookup = StringLookup::new().num_oov_indices(oov);
            let lookup = if mask { lookup.mask_token("<mask>") } else { lookup };
            let lookup = lookup.fit(tokens.iter().map(String::as_str)).unwrap();
            for token in &tokens {
                prop_assert_eq!(lookup.token(lookup.index(token).unwrap()), Some(token));
            }
            let saved = serde_json::to_string(&lookup).unwrap();
            prop_assert_eq!(serde_json::from_str::<StringLookup>(&saved).unwrap(), lookup);
        }
    }
}
