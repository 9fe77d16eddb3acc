//! [`Pieces`]: a tokenizer of the `tokenizers` library, in the JSON form that it is saved in.

use std::fmt;
use std::sync::Arc;

use fornax_core::{Error, Result};
use serde_json::Value as Json;

/// A tokenizer and its JSON form.
#[derive(Clone)]
pub(super) struct Pieces {
    json: Arc<Json>,
    tokenizer: Arc<tokenizers::Tokenizer>,
}

impl Pieces {
    pub(super) fn new(json: Json) -> Result<Self> {
        let read = serde_json::from_value::<tokenizers::Tokenizer>(json.clone());
        let mut tokenizer =
            read.map_err(|error| Error::mismatch("tokenizer", error, "the JSON of a tokenizer"))?;
        // A classifier pads and cuts by itself.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).expect("no truncation needs no room");
        Ok(Self { json: Arc::new(json), tokenizer: Arc::new(tokenizer) })
    }

    pub(super) fn tokens(&self, text: &str) -> Result<Vec<String>> {
        // `encode_fast` leaves the tokens themselves out.
        let encoding = self.tokenizer.encode(text, false);
        let encoding = encoding.map_err(|error| Error::data("text", error, "tokens of the tokenizer"))?;
        Ok(encoding.get_tokens().to_vec())
    }

    pub(super) fn into_json(self) -> Json {
        Arc::unwrap_or_clone(self.json)
    }
}

impl PartialEq for Pieces {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").field("model", &self.json["model"]["type"]).finish_non_exhaustive()
    }
}
