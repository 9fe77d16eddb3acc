//! Files of a header and named arrays: a safetensors file whose metadata entry `fornax` holds the header as JSON.
//!
//! A file is written beside its target and renamed over it, so it is whole or not there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use fornax_core::{Array, Error, Floats, Result};
use safetensors::tensor::{Metadata, TensorInfo};
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
    let (_, metadata) =
        SafeTensors::read_metadata(&bytes).map_err(|error| wrong(path, "safetensors header", error))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| wrong(path, "tensors", error))?;
    let header = header(path, version, &metadata)?;
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

fn wrong(path: &Path, at: &str, found: impl std::fmt::Display) -> Error {
    Error::format(path, at, found, "a file that Fornax saved")
}

fn header<H: DeserializeOwned>(path: &Path, version: u64, metadata: &Metadata) -> Result<H> {
    let wrong = |at, found: &dyn std::fmt::Display| wrong(path, at, found);
    let header = metadata.metadata().as_ref().and_then(|metadata| metadata.get("fornax"));
    let header = header.ok_or_else(|| wrong("metadata", &"no entry fornax"))?;
    let header: Json = serde_json::from_str(header).map_err(|error| wrong("metadata fornax", &error))?;
    match header["version"].as_u64() {
        Some(found) if found <= version => {}
        found => {
            let found = found.map_or("no version".into(), |version| format!("version {version}"));
            return Err(Error::format(path, "metadata fornax", found, format!("version {version} or older")));
        }
    }
    serde_json::from_value(header).map_err(|error| wrong("metadata fornax", &error))
}

/// The arrays of a file whose header alone was read.
#[derive(Debug)]
pub struct MappedArrays {
    path: PathBuf,
    /// Where the first array begins.
    start: u64,
    arrays: HashMap<String, TensorInfo>,
}

/// Reads the header of a file of at most this version. Arrays are then mapped into memory by name, so that their pages are read
/// as they are asked for; the file must not be changed as long as one is (replacing it by another one is safe).
///
/// # Errors
/// If the file cannot be read, is none that [`write()`] wrote, has another length than its header says, or is newer.
pub fn map<H: DeserializeOwned>(path: &Path, version: u64) -> Result<(H, MappedArrays)> {
    let failed = |error| Error::io(path, "read", error);
    let mut file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
    let length = file.metadata().map_err(failed)?.len();
    let mut bytes = vec![0; 8];
    file.read_exact(&mut bytes).map_err(|_| wrong(path, "safetensors header", format!("{length} bytes")))?;
    let header_length = u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|at| bytes[at]));
    if header_length > length - 8 {
        let found = format!("a length of {header_length} in a file of {length} bytes");
        return Err(wrong(path, "safetensors header", found));
    }
    bytes.resize(8 + header_length as usize, 0);
    file.read_exact(&mut bytes[8..]).map_err(failed)?;
    // Not by the reader of safetensors, which wants the whole file.
    let metadata: Metadata =
        serde_json::from_slice(&bytes[8..]).map_err(|error| wrong(path, "safetensors header", error))?;
    let start = 8 + header_length;
    let arrays: HashMap<String, TensorInfo> =
        metadata.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
    let end = arrays.values().map(|info| info.data_offsets.1 as u64).max().unwrap_or_default();
    let end = start.saturating_add(end);
    if end != length {
        return Err(wrong(path, "tensors", format!("{length} bytes of {end}")));
    }
    for (name, info) in &arrays {
        let elements = info.shape.iter().copied().try_fold(1usize, usize::checked_mul);
        let (first, last) = info.data_offsets;
        if elements.and_then(|elements| elements.checked_mul(4)) != last.checked_sub(first) {
            let found = format!("bytes {first} to {last} for the shape {:?}", info.shape);
            return Err(wrong(path, &format!("tensor {name}"), found));
        }
    }
    Ok((header(path, version, &metadata)?, MappedArrays { path: path.to_owned(), start, arrays }))
}

impl MappedArrays {
    /// The shape and the numbers of an array, mapped.
    ///
    /// # Errors
    /// If there is none of this name and of numbers of 32 bits, or it cannot be mapped.
    pub fn floats(&self, name: &str) -> Result<(Vec<usize>, Floats)> {
        let info = self.info(name, Dtype::F32)?;
        let offset = self.start + info.data_offsets.0 as u64;
        Ok((info.shape.clone(), Floats::map(&self.path, offset, info.shape.iter().product())?))
    }

    /// The shape and the integers of an array, read.
    ///
    /// # Errors
    /// If there is none of this name and of integers of 32 bits, or it cannot be read.
    pub fn integers(&self, name: &str) -> Result<(Vec<usize>, Vec<i32>)> {
        let info = self.info(name, Dtype::I32)?;
        let failed = |error| Error::io(&self.path, "read", error);
        let mut file = File::open(&self.path).map_err(failed)?;
        file.seek(SeekFrom::Start(self.start + info.data_offsets.0 as u64)).map_err(failed)?;
        let mut bytes = vec![0; info.data_offsets.1 - info.data_offsets.0];
        file.read_exact(&mut bytes).map_err(failed)?;
        let values = bytes.chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        Ok((info.shape.clone(), values.collect()))
    }

    fn info(&self, name: &str, wanted: Dtype) -> Result<&TensorInfo> {
        let at = || format!("tensor {name}");
        let info = self.arrays.get(name).ok_or_else(|| wrong(&self.path, &at(), "no such tensor"))?;
        match info.dtype == wanted {
            true => Ok(info),
            false => Err(Error::format(&self.path, at(), format!("{:?}", info.dtype), format!("{wanted:?}"))),
        }
    }
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
