//! [`Floats`]: numbers in memory, or in a file that the system maps into it.

use std::fs::File;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use crate::{Error, Result};

/// Numbers that are read as a slice, from memory or from a mapped file; a clone of the latter shares it.
#[derive(Clone, Debug)]
pub struct Floats(Kept);

#[derive(Clone, Debug)]
enum Kept {
    Owned(Vec<f32>),
    Mapped(Arc<Mmap>, Range<usize>),
}

impl Floats {
    /// Numbers of 32 bits, least significant byte first, from a byte of a file on. Pages are read as they are asked for, and
    /// processes that map one file share them. Where numbers have another order of bytes, they are read at once.
    ///
    /// The file must not be changed as long as it is mapped: numbers would change, and where it was made shorter the system ends
    /// the process. A file that is replaced by renaming another one is safe.
    ///
    /// # Errors
    /// If the file cannot be mapped, is too short, or `offset` is no multiple of 4.
    pub fn map(path: &Path, offset: u64, len: usize) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
        // SAFETY: the documentation asks for a file that stays as it is; any bytes are numbers.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| Error::io(path, "map", error))?;
        let end = len.checked_mul(4).and_then(|len| offset.checked_add(len as u64));
        let place = || format!("byte {offset}");
        if end.is_none_or(|end| end > map.len() as u64) {
            let found = format!("{} bytes", map.len());
            return Err(Error::format(path, place(), found, format!("{len} numbers behind byte {offset}")));
        }
        if !offset.is_multiple_of(4) {
            return Err(Error::format(path, place(), offset, "a multiple of 4"));
        }
        let start = offset as usize;
        let bytes = start..start + 4 * len;
        match cfg!(target_endian = "little") {
            true => Ok(Self(Kept::Mapped(Arc::new(map), bytes))),
            false => {
                let numbers =
                    map[bytes].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                Ok(Self(Kept::Owned(numbers.collect())))
            }
        }
    }
}

impl From<Vec<f32>> for Floats {
    fn from(values: Vec<f32>) -> Self {
        Self(Kept::Owned(values))
    }
}

impl Deref for Floats {
    type Target = [f32];

    #[inline]
    fn deref(&self) -> &[f32] {
        match &self.0 {
            Kept::Owned(values) => values,
            Kept::Mapped(map, bytes) => {
                // SAFETY: any bits are a number, and those between what `align_to` splits off are aligned.
                let (before, values, behind) = unsafe { map[bytes.clone()].align_to::<f32>() };
                debug_assert!(before.is_empty() && behind.is_empty(), "a map is aligned to a page");
                values
            }
        }
    }
}

impl PartialEq for Floats {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
