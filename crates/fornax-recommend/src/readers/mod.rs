//! Logs in files: delimited text, MovieLens, lines of items.

mod delimited;
mod lines;
mod movielens;

pub use delimited::{Delimited, Field};
pub use lines::{lightgcn, sequences};
pub use movielens::{MovieLens, movielens};

use std::borrow::Cow;
use std::path::Path;
use std::str::FromStr;

use fornax_core::{Error, Result};

/// Text in UTF-8, or else in latin-1, where each byte is a character.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect::<String>().into(),
    }
}

/// The id that a field holds.
fn parse_id<T: FromStr>(field: &[u8], path: &Path, line: u64, name: &str) -> Result<T> {
    let text = decode(field.trim_ascii());
    let wanted = || format!("an id of type {}", std::any::type_name::<T>());
    let error = || Error::format(path, format!("line {line}, {name}"), format!("{text:?}"), wanted());
    if text.is_empty() {
        return Err(error());
    }
    text.parse().map_err(|_| error())
}
