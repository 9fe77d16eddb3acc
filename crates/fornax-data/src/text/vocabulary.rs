//! Words as indices: a [`StringLookup`] with special tokens, thresholds and a rule for unknown words.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use fornax_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::preprocessing::StringLookup;

/// What becomes of a word that is not in the vocabulary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutOfVocabulary {
    /// This special token takes its place.
    Token(String),
    /// It is left out.
    Skip,
    /// It is an error.
    Error,
}

/// Words as indices: special tokens first, then the words by count, the most frequent first, equal counts in the order
/// of their bytes.
///
/// ```
/// use fornax_data::text::VocabularyBuilder;
///
/// let train = [vec!["a", "b", "a"], vec!["c", "b", "a"]];
/// let vocabulary = VocabularyBuilder::new().min_count(2).fit(&train)?;
/// assert_eq!(vocabulary.tokens(), ["<pad>", "<unk>", "a", "b"]);
/// assert_eq!(vocabulary.encode(&["b", "c", "a"])?, [3, 1, 2]);
/// assert_eq!(vocabulary.decode(&[3, 1, 2])?, ["b", "<unk>", "a"]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct Vocabulary {
    words: StringLookup,
    specials: usize,
    out_of_vocabulary: OutOfVocabulary,
    /// What an unknown word becomes.
    unknown: Option<usize>,
}

/// The form in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Saved {
    tokens: Vec<String>,
    specials: usize,
    out_of_vocabulary: OutOfVocabulary,
}

/// How a [`Vocabulary`] is learned.
///
/// Defaults: every word, any number, special tokens `<pad>` (index 0) and `<unk>`, which takes the place of unknown
/// words.
#[derive(Clone, Debug, PartialEq)]
pub struct VocabularyBuilder {
    min_count: usize,
    max_size: Option<usize>,
    specials: Vec<String>,
    out_of_vocabulary: OutOfVocabulary,
}

impl Default for VocabularyBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl VocabularyBuilder {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            min_count: 1,
            max_size: None,
            specials: vec!["<pad>".into(), "<unk>".into()],
            out_of_vocabulary: OutOfVocabulary::Token("<unk>".into()),
        }
    }

    /// How often a word has to occur.
    pub fn min_count(self, min_count: usize) -> Self {
        Self { min_count, ..self }
    }

    /// The greatest number of indices, special tokens included.
    pub fn max_size(self, max_size: usize) -> Self {
        Self { max_size: Some(max_size), ..self }
    }

    /// The special tokens, from index 0.
    pub fn specials<S: Into<String>>(self, specials: impl IntoIterator<Item = S>) -> Self {
        Self { specials: specials.into_iter().map(Into::into).collect(), ..self }
    }

    /// What becomes of unknown words.
    pub fn out_of_vocabulary(self, out_of_vocabulary: OutOfVocabulary) -> Self {
        Self { out_of_vocabulary, ..self }
    }

    /// Learns the vocabulary of tokenized texts, those of the training part.
    ///
    /// # Errors
    /// If special tokens repeat, do not have the token for unknown words or fill the greatest size, or if there would
    /// be no token at all.
    pub fn fit<S: AsRef<str>>(&self, texts: &[impl AsRef<[S]>]) -> Result<Vocabulary> {
        if self.max_size.is_some_and(|most| most <= self.specials.len()) {
            let wanted = format!("more than the {} special tokens", self.specials.len());
            return Err(Error::argument("max_size", self.max_size.unwrap_or_default(), wanted));
        }
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for word in texts.iter().flat_map(|text| text.as_ref()) {
            *counts.entry(word.as_ref()).or_default() += 1;
        }
        for special in &self.specials {
            counts.remove(&**special);
        }
        let mut words: Vec<_> = counts.into_iter().filter(|(_, count)| *count >= self.min_count).collect();
        words.sort_unstable_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
        let words = words.into_iter().map(|(word, _)| word.to_owned());
        let tokens = self.specials.iter().cloned().chain(words).take(self.max_size.unwrap_or(usize::MAX));
        Vocabulary::try_from(Saved {
            tokens: tokens.collect(),
            specials: self.specials.len(),
            out_of_vocabulary: self.out_of_vocabulary.clone(),
        })
    }
}

impl Vocabulary {
    /// All tokens by index, special ones first.
    pub fn tokens(&self) -> &[String] {
        self.words.vocabulary()
    }

    /// The number of indices: the `input_dim` of an embedding.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no token; of a vocabulary that was fitted or loaded, never.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The number of special tokens.
    pub fn special_count(&self) -> usize {
        self.specials
    }

    /// The index of a token; none if it is not in the vocabulary.
    pub fn index(&self, token: &str) -> Option<usize> {
        self.words.position(token)
    }

    /// The indices of the tokens of a text.
    ///
    /// # Errors
    /// If a token is unknown and that is to be an error.
    pub fn encode<S: AsRef<str>>(&self, tokens: &[S]) -> Result<Vec<i32>> {
        let mut indices = Vec::with_capacity(tokens.len());
        for (at, token) in tokens.iter().enumerate() {
            match (self.index(token.as_ref()).or(self.unknown), &self.out_of_vocabulary) {
                (Some(index), _) => indices.push(index as i32),
                (None, OutOfVocabulary::Error) => {
                    let wanted = format!("one of the {} of the vocabulary", self.len());
                    return Err(Error::data(format!("token {at}"), format!("{:?}", token.as_ref()), wanted));
                }
                (None, _) => {}
            }
        }
        Ok(indices)
    }

    /// The tokens of indices.
    ///
    /// # Errors
    /// If an index is not one of the vocabulary.
    pub fn decode(&self, indices: &[i32]) -> Result<Vec<&str>> {
        let tokens = self.tokens();
        let token = |(at, &index): (usize, &i32)| {
            let token = usize::try_from(index).ok().and_then(|index| tokens.get(index));
            let wanted = || format!("0 to {}", tokens.len() - 1);
            token.map(|token| &**token).ok_or_else(|| Error::data(format!("index {at}"), index, wanted()))
        };
        indices.iter().enumerate().map(token).collect()
    }

    /// This vocabulary with further tokens behind its own, those that it does not have yet.
    ///
    /// ```
    /// use fornax_data::text::VocabularyBuilder;
    ///
    /// let vocabulary = VocabularyBuilder::new().fit(&[["a"]])?.with_tokens(["b", "a", "b"])?;
    /// assert_eq!(vocabulary.tokens(), ["<pad>", "<unk>", "a", "b"]);
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there would be more tokens than indices.
    pub fn with_tokens<S: AsRef<str>>(self, tokens: impl IntoIterator<Item = S>) -> Result<Self> {
        let mut seen = HashSet::new();
        let further: Vec<String> = tokens
            .into_iter()
            .filter(|token| self.index(token.as_ref()).is_none() && seen.insert(token.as_ref().to_owned()))
            .map(|token| token.as_ref().to_owned())
            .collect();
        let mut saved = Saved::from(self);
        saved.tokens.extend(further);
        Self::try_from(saved)
    }

    /// Writes the vocabulary as JSON.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        files::write_whole(path.as_ref(), |file| Ok(serde_json::to_writer_pretty(file, self)?))
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If the file cannot be read or does not hold a vocabulary.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
        serde_json::from_reader(BufReader::new(file)).map_err(|error| {
            let at = format!("line {}", error.line());
            Error::format(path, at, error, "a vocabulary")
        })
    }
}

impl TryFrom<Saved> for Vocabulary {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self> {
        let Saved { tokens, specials, out_of_vocabulary } = saved;
        if specials > tokens.len() {
            let wanted = format!("at most {}, the number of tokens", tokens.len());
            return Err(Error::argument("specials", specials, wanted));
        }
        let unknown = match &out_of_vocabulary {
            OutOfVocabulary::Token(token) => {
                let known = tokens[..specials].iter().position(|special| special == token);
                if known.is_none() {
                    let wanted = format!("one of the special tokens ({})", tokens[..specials].join(", "));
                    return Err(Error::argument("token for unknown words", token, wanted));
                }
                known
            }
            _ => None,
        };
        let words = StringLookup::new().num_oov_indices(0).with_vocabulary(tokens)?;
        Ok(Self { words, specials, out_of_vocabulary, unknown })
    }
}

impl From<Vocabulary> for Saved {
    fn from(vocabulary: Vocabulary) -> Self {
        Self {
            tokens: vocabulary.words.vocabulary().to_vec(),
            specials: vocabulary.specials,
            out_of_vocabulary: vocabulary.out_of_vocabulary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAIN: [&[&str]; 2] = [&["b", "a", "b", "<unk>"], &["c", "a", "d"]];

    #[test]
    fn order_is_by_count_then_bytes_and_specials_come_first() {
        let tokens = |builder: VocabularyBuilder| builder.fit(&TRAIN).unwrap().tokens().to_vec();
        assert_eq!(tokens(VocabularyBuilder::new()), ["<pad>", "<unk>", "a", "b", "c", "d"]);
        assert_eq!(tokens(VocabularyBuilder::new().max_size(3)), ["<pad>", "<unk>", "a"]);
        assert_eq!(tokens(VocabularyBuilder::new().min_count(3)), ["<pad>", "<unk>"]);
        let plain = VocabularyBuilder::new().specials([""; 0]).out_of_vocabulary(OutOfVocabulary::Skip);
        assert_eq!(tokens(plain), ["a", "b", "<unk>", "c", "d"]);
    }

    #[test]
    fn unknown_words_are_replaced_left_out_or_errors() {
        let encode = |builder: VocabularyBuilder| builder.fit(&TRAIN).unwrap().encode(&["a", "zzz", "b"]);
        assert_eq!(encode(VocabularyBuilder::new()).unwrap(), [2, 1, 3]);
        assert_eq!(
            encode(VocabularyBuilder::new().out_of_vocabulary(OutOfVocabulary::Skip)).unwrap(),
            [2, 3]
        );
        let error = encode(VocabularyBuilder::new().out_of_vocabulary(OutOfVocabulary::Error)).unwrap_err();
        assert_eq!(error.to_string(), "token 1: found \"zzz\", wanted one of the 6 of the vocabulary");
        let vocabulary = VocabularyBuilder::new().fit(&TRAIN).unwrap();
        assert_eq!(vocabulary.decode(&[9]).unwrap_err().to_string(), "index 0: found 9, wanted 0 to 5");
        assert!(vocabulary.decode(&[-1]).is_err());
    }

    #[test]
    fn builders_that_make_no_sense_are_errors() {
        let fault = |builder: VocabularyBuilder| builder.fit(&TRAIN).unwrap_err().to_string();
        assert_eq!(
            fault(VocabularyBuilder::new().max_size(2)),
            "max_size: found 2, wanted more than the 2 special tokens"
        );
        assert_eq!(
            fault(VocabularyBuilder::new().specials(["<s>"])),
            "token for unknown words: found <unk>, wanted one of the special tokens (<s>)"
        );
        assert!(VocabularyBuilder::new().specials(["<unk>", "<unk>"]).fit(&TRAIN).is_err());
        let none = VocabularyBuilder::new().specials([""; 0]).out_of_vocabulary(OutOfVocabulary::Skip);
        assert!(none.fit::<&str>(&[] as &[&[&str]]).is_err());
    }

    #[test]
    fn a_saved_vocabulary_comes_back_and_a_broken_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("words.json");
        let vocabulary = VocabularyBuilder::new().specials(["<pad>", "<unk>", "<s>"]).fit(&TRAIN).unwrap();
        vocabulary.save(&path).unwrap();
        assert_eq!(Vocabulary::load(&path).unwrap(), vocabulary);
        let text = std::fs::read_to_string(&path).unwrap();
        for broken in [&text[..40], "{}", &text.replace("\"specials\": 3", "\"specials\": 30")] {
            std::fs::write(&path, broken).unwrap();
            let error = Vocabulary::load(&path).unwrap_err().to_string();
            assert!(error.contains("words.json"), "{error}");
        }
    }
}
