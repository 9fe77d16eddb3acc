//! [`TextTokenizer`]: a text as tokens, by rules or as a `tokenizer.json` says.

#[cfg(feature = "tokenizers")]
use std::path::Path;

use fornax_core::{Error, Result};
use fornax_data::text::Tokenizer;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

#[cfg(feature = "tokenizers")]
use super::pieces::Pieces;

/// How the texts of a [`TextClassifier`](crate::TextClassifier) become tokens: by a [`Tokenizer`], or, with the feature
/// `tokenizers`, as a `tokenizer.json` of the `tokenizers` library says (WordPiece, BPE, Unigram and what surrounds them).
///
/// A classifier's vocabulary is that of the tokens its training texts have. Special tokens that such a file puts around a text, its
/// padding and its truncation are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub struct TextTokenizer(Form);

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Words(Tokenizer),
    #[cfg(feature = "tokenizers")]
    Pieces(Pieces),
}

impl From<Tokenizer> for TextTokenizer {
    fn from(tokenizer: Tokenizer) -> Self {
        Self(Form::Words(tokenizer))
    }
}

impl TextTokenizer {
    /// That of a `tokenizer.json`.
    ///
    /// # Errors
    /// If the file cannot be read or is no such tokenizer.
    #[cfg(feature = "tokenizers")]
    pub fn from_json_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, "read", error))?;
        Self::from_json(&text).map_err(|error| error.within(path.display()))
    }

    /// That of the text of a `tokenizer.json`.
    ///
    /// # Errors
    /// If it is no such tokenizer.
    #[cfg(feature = "tokenizers")]
    pub fn from_json(text: &str) -> Result<Self> {
        let json = serde_json::from_str(text);
        let json = json.map_err(|error| Error::mismatch("tokenizer", error, "the JSON of a tokenizer"))?;
        Ok(Self(Form::Pieces(Pieces::new(json)?)))
    }

    /// The tokens of a text.
    ///
    /// # Errors
    /// If a `tokenizer.json` has no token for a part of the text.
    pub fn tokens(&self, text: &str) -> Result<Vec<String>> {
        match &self.0 {
            Form::Words(tokenizer) => Ok(tokenizer.tokens(text)),
            #[cfg(feature = "tokenizers")]
            Form::Pieces(pieces) => pieces.tokens(text),
        }
    }
}

impl From<TextTokenizer> for Json {
    fn from(tokenizer: TextTokenizer) -> Self {
        match tokenizer.0 {
            Form::Words(tokenizer) => serde_json::to_value(tokenizer).expect("tokenizers have a JSON form"),
            #[cfg(feature = "tokenizers")]
            Form::Pieces(pieces) => pieces.into_json(),
        }
    }
}

impl TryFrom<Json> for TextTokenizer {
    type Error = Error;

    fn try_from(json: Json) -> Result<Self> {
        // Of the two only a `tokenizer.json` has a model.
        if json.get("model").is_some() {
            #[cfg(feature = "tokenizers")]
            return Ok(Self(Form::Pieces(Pieces::new(json)?)));
            #[cfg(not(feature = "tokenizers"))]
            return Err(Error::argument(
                "tokenizer",
                "a tokenizer.json",
                "a build with the feature `tokenizers`",
            ));
        }
        let tokenizer: Tokenizer = serde_json::from_value(json)
            .map_err(|error| Error::mismatch("tokenizer", error, "the settings of a tokenizer"))?;
        Ok(tokenizer.into())
    }
}

#[cfg(test)]
mod tests {
    use fornax_data::text::Punctuation;

    use super::*;

    #[test]
    fn files_hold_the_settings_of_a_tokenizer() {
        let words = Tokenizer::new().lowercase(true).punctuation(Punctuation::Remove);
        let saved = Json::from(TextTokenizer::from(words.clone()));
        assert_eq!(saved, serde_json::to_value(&words).unwrap());
        assert_eq!(TextTokenizer::try_from(saved).unwrap(), words.into());
        assert!(TextTokenizer::try_from(Json::Null).unwrap_err().to_string().starts_with("tokenizer: found"));
        let pieces = TextTokenizer::try_from(serde_json::json!({ "model": {} })).unwrap_err().to_string();
        let wanted =
            if cfg!(feature = "tokenizers") { "the JSON of a tokenizer" } else { "the feature `tokenizers`" };
        assert!(pieces.contains(wanted), "{pieces}");
    }
}
