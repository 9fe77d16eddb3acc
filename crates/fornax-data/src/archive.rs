//! Files of a header and named arrays: a safetensors file whose metadata entry `fornax` holds the header as JSON.
//!
//! A file is written beside its target and renamed over it, so it is whole or not there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use fornax_core::{Array, Error, Result};
use safetensors::{Dtype, SafeTensors, View};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::files::write_whole;

/// The longest header that readers of safetensors take, in bytes, with room for the names of arrays.
const LONGEST_HEADER: usize = 90_000_000;

/// Writes a file; the header gets the entry `version`.
///
/// # Errors
/// If the file cannot be written or the header is too long for readers; an older file is then as it was.
///
/// # Panics
/// If the header is no JSON object.
pub fn write(path: &Path, version: u64, header: &impl Serialize, arrays: &[(String, Array)]) -> Result<()> {
    let mut header = serde_json::to_value(header).expect("a header has a JSON form");
    header["version"] = version.into();
    let header = header.to_string();
    // Quotes and backslashes take two bytes each where the text is an entry of the file's own JSON.
    let length = header.len() + header.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    if length > LONGEST_HEADER {
        let wanted = format!("at most {LONGEST_HEADER}: fewer words");
        return Err(Error::data(format!("header of {}", path.display()), format!("{length} bytes"), wanted));
    }
    let metadata = HashMap::from([("fornax".to_owned(), header)]);
    let tensors = arrays.iter().map(|(name, array)| (name, Stored(array)));
    let bytes = safetensors::serialize(tensors, Some(metadata))
        .map_err(|error| Error::io(path, "serialize", std::io::Error::other(error)))?;
    write_whole(path, |writer| writer.write_all(&bytes))
}

/// Reads a file of at most this version: its header and its arrays by name.
///
/// # Errors
/// If the file cannot be read, is none that [`write()`] wrote, or is newer.
pub fn read<H: DeserializeOwned>(path: &Path, version: u64) -> Result<(H, HashMap<String, Array>)> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, "read", error))?;
    let wrong = |at: &str, found: String| Error::format(path, at, found, "a file that Fornax saved");
    let (_, metadata) =
        SafeTensors::read_metadata(&bytes).map_err(|e| wrong("safetensors header", e.to_string()))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| wrong("tensors", error.to_string()))?;
    let header = metadata.metadata().as_ref().and_then(|metadata| metadata.get("fornax"));
    let header = header.ok_or_else(|| wrong("metadata", "no entry fornax".into()))?;
    let header: Json =
        serde_json::from_str(header).map_err(|error| wrong("metadata fornax", error.to_string()))?;
    match header["version"].as_u64() {
        Some(found) if found <= version => {}
        found => {
            let found = found.map_or("no version".into(), |version| format!("version {version}"));
            return Err(Error::format(path, "metadata fornax", found, format!("version {version} or older")));
        }
    }
    let header =
        serde_json::from_value(header).map_err(|error| wrong("metadata fornax", error.to_string()))?;
    let mut arrays = HashMap::new();
    for (name, view) in tensors.iter() {
        let words = view.data().chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
        let shape = if view.shape().is_empty() { vec![1] } else { view.shape().to_vec() };
        let array = match view.dtype() {
            Dtype::F32 => Array::from_vec(shape, words.map(f32::from_le_bytes).collect())?,
            Dtype::I32 => Array::from_i32(shape, words.map(i32::from_le_bytes).collect())?,
            other => {
                let (at, found) = (format!("tensor {name}"), format!("{other:?}"));
                return Err(Error::format(path, at, found, "F32 or I32"));
            }
        };
        arrays.insert(name.to_owned(), array);
    }
    Ok((header, arrays))
}

/// An array as safetensors wants it.
struct Stored<'a>(&'a Array);

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        if self.0.is_integer() { Dtype::I32 } else { Dtype::F32 }
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match self.0.is_integer() {
            true => self.0.to_i32().into_iter().flat_map(i32::to_le_bytes).collect(),
            false => self.0.to_f32().into_iter().flat_map(f32::to_le_bytes).collect(),
        }
    }

    fn data_len(&self) -> usize {
        4 * self.0.shape().iter().product::<usize>()
    }
}
