//! The format of a file of word vectors, by how it begins.

use std::io::Read;
use std::path::Path;

use fornax_core::Result;
use fornax_data::files;

use super::VectorFile;

/// Bytes that are looked at.
const START: u64 = 1 << 20;

impl VectorFile {
    /// The format of a file, by how it begins; GloVe's where it is no other.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn detect(path: impl AsRef<Path>) -> Result<Self> {
        let (path, mut start) = (path.as_ref(), vec![]);
        let read = files::open(path)?.take(START).read_to_end(&mut start);
        read.map_err(|error| files::read_error(path, error))?;
        let is_number = |part: &[u8]| std::str::from_utf8(part).is_ok_and(|part| part.parse::<f32>().is_ok());
        let mut lines = start.split(|&byte| byte == b'\n');
        let head: Vec<&[u8]> = lines.next().unwrap_or_default().trim_ascii().split(|&b| b == b' ').collect();
        let second = lines.next().unwrap_or_default().trim_ascii_end();
        Ok(match &head[..] {
            _ if start.starts_with(super::own_format::MAGIC) => Self::Fornax,
            _ if start.starts_with(&crate::word_vectors::fasttext::MAGIC.to_le_bytes()) => Self::FastText,
            [words, elements] if is_number(words) && is_number(elements) => {
                let text = second.split(|&byte| byte == b' ').skip(1).all(is_number);
                if text { Self::Word2VecText } else { Self::Word2VecBinary }
            }
            _ => Self::Glove,
        })
    }
}
