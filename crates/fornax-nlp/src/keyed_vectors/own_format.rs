//! Fornax's own file of word vectors, which is mapped: it is there at once, and only what is asked for is read.
//!
//! Numbers have their least significant byte first. `FORNAXWV`; version and dimension (32 bits each); the numbers of words and
//! of bytes that the words take (64 bits each); each word's length in bytes (32 bits) and its bytes; zeros up to a multiple of 64 bytes;
//! the vectors, the most frequent word's first; the length of each vector. Both are numbers of 32 bits.

use std::io::{BufReader, Read};
use std::path::Path;

use fornax_core::{Error, Floats, Result};
use fornax_data::files;
use fornax_data::text::WordIndex;

use super::KeyedVectors;

pub(super) const MAGIC: &[u8; 8] = b"FORNAXWV";
const VERSION: u32 = 1;
const HEAD: u64 = 32;

fn vectors_start(bytes_of_words: u64) -> u64 {
    (HEAD + bytes_of_words).next_multiple_of(64)
}

impl KeyedVectors {
    pub(super) fn map(path: &Path, limit: usize) -> Result<Self> {
        let file = std::fs::File::open(path).map_err(|error| Error::io(path, "open", error))?;
        let len = file.metadata().map_err(|error| Error::io(path, "read", error))?.len();
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut head = [0; HEAD as usize];
        file.read_exact(&mut head).map_err(|error| files::read_error(path, error))?;
        let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        let fault = |at: &str, found: String, wanted: String| Error::format(path, at, found, wanted);
        if head[..8] != *MAGIC || number(8) != VERSION {
            let found = format!("{:?} and version {}", String::from_utf8_lossy(&head[..8]), number(8));
            return Err(fault("head", found, format!("FORNAXWV and version {VERSION}")));
        }
        let (dimension, words, bytes_of_words) = (number(12), long(16), long(24));
        let wanted = (|| {
            let numbers = (u64::from(dimension) + 1).checked_mul(words)?.checked_mul(4)?;
            // A word takes four bytes at least, so that the head cannot promise more than the file can hold.
            let fits = words.checked_mul(4)? <= bytes_of_words && bytes_of_words <= len;
            fits.then(|| vectors_start(bytes_of_words)).and_then(|start| start.checked_add(numbers))
        })();
        if wanted != Some(len) || dimension == 0 || words == 0 {
            let found = format!("{words} words of {dimension} elements in {len} bytes");
            let wanted = wanted.map_or("words that the file can hold".into(), |len| format!("{len} bytes"));
            return Err(fault("head", found, wanted));
        }
        let (words, dimension) = (words as usize, dimension as usize);
        let (kept, mut left) = (words.min(limit), bytes_of_words);
        let mut names = Vec::with_capacity(kept);
        for at in 0..kept {
            let place = format!("word {}", at + 1);
            let mut size = [0; 4];
            file.read_exact(&mut size).map_err(|error| files::read_error(path, error))?;
            let size = u64::from(u32::from_le_bytes(size));
            left = left.checked_sub(size + 4).ok_or_else(|| {
                fault(&place, format!("{size} bytes"), format!("at most the {left} that words have left"))
            })?;
            let mut bytes = vec![];
            (&mut file).take(size).read_to_end(&mut bytes).map_err(|error| files::read_error(path, error))?;
            let name = String::from_utf8(bytes);
            names.push(name.map_err(|error| fault(&place, format!("{error}"), "UTF-8".into()))?);
        }
        if kept == words && left != 0 {
            return Err(fault("words", format!("{left} bytes behind them"), "none".into()));
        }
        let start = vectors_start(bytes_of_words);
        let index = WordIndex::new(names).map_err(|error| error.within(path.display()))?;
        Ok(Self {
            index,
            dimension,
            vectors: Floats::map(path, start, kept * dimension)?,
            norms: Floats::map(path, start + 4 * (words * dimension) as u64, kept)?,
        })
    }

    pub(super) fn save_own(&self, path: &Path) -> Result<()> {
        let number = |name: &str, value: usize| {
            let wanted = || format!("at most {}", u32::MAX);
            u32::try_from(value).map_err(|_| Error::data(name, value, wanted()))
        };
        let dimension = number("dimension", self.dimension)?;
        let sizes: Vec<u32> =
            self.words().iter().map(|word| number("word", word.len())).collect::<Result<_>>()?;
        let bytes_of_words: u64 = sizes.iter().map(|&size| u64::from(size) + 4).sum();
        files::write_whole(path, |file| {
            file.write_all(MAGIC)?;
            [VERSION, dimension].iter().try_for_each(|number| file.write_all(&number.to_le_bytes()))?;
            let lengths = [self.len() as u64, bytes_of_words];
            lengths.iter().try_for_each(|number| file.write_all(&number.to_le_bytes()))?;
            for (word, size) in self.words().iter().zip(&sizes) {
                file.write_all(&size.to_le_bytes())?;
                file.write_all(word.as_bytes())?;
            }
            let zeros = vectors_start(bytes_of_words) - HEAD - bytes_of_words;
            file.write_all(&[0; 64][..zeros as usize])?;
            self.vectors.iter().chain(&*self.norms).try_for_each(|value| file.write_all(&value.to_le_bytes()))
        })
    }
}
