//! Files of word vectors: word2vec's text and binary form, GloVe's text; Fornax's own is in own_format.rs.

use std::io::{BufRead, Read};
use std::path::Path;

use fornax_core::{Error, Result};
use fornax_data::files;

use super::{KeyedVectors, SubwordVectors};

/// A format of word vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorFile {
    /// A line of the number of words and that of elements, then a line a word: the word and its elements in decimal, divided
    /// by blanks. What word2vec, gensim and fastText (`.vec`) call text.
    Word2VecText,
    /// The same first line, then for each word its bytes, a blank and its elements as 32-bit numbers, least significant
    /// byte first.
    Word2VecBinary,
    /// A line a word as in `Word2VecText`, without a first line.
    Glove,
    /// Fornax's own form, for any words. It is mapped, not read: a file of any size is there at once, must not be changed
    /// while it is used, and is not looked through for numbers that are not finite.
    Fornax,
    /// fastText's `.bin`, of which the vectors of the words are read; [`SubwordVectors`](crate::SubwordVectors) has those of n-grams,
    /// too, and [`WordVectors::save_fasttext`](crate::WordVectors::save_fasttext) writes such a file.
    FastText,
}

/// The longest line or word that a file may have, in bytes.
const LONGEST: usize = 1 << 20;

impl KeyedVectors {
    /// Reads a file, gzipped or not (but for Fornax's own); with `limit` only its first words.
    ///
    /// Memory grows with what is read, whatever the first line says.
    ///
    /// # Errors
    /// If the file cannot be read or does not hold what its format says, naming line or word.
    pub fn load(path: impl AsRef<Path>, format: VectorFile, limit: Option<usize>) -> Result<Self> {
        let path = path.as_ref();
        let limit = limit.unwrap_or(usize::MAX);
        if limit == 0 {
            return Err(Error::argument("limit", 0, "at least 1 word"));
        }
        match format {
            VectorFile::Fornax => return Self::map(path, limit),
            VectorFile::FastText => return Ok(SubwordVectors::load(path)?.into_keyed_vectors().first(limit)),
            _ => {}
        }
        let mut reader = Reader { path, file: files::open(path)?, line: 0, bytes: vec![] };
        let (words, dimension, vectors) = match format {
            VectorFile::Word2VecText => {
                let (count, dimension) = reader.header()?;
                reader.text(Some(count), Some(dimension), limit)?
            }
            VectorFile::Glove => reader.text(None, None, limit)?,
            VectorFile::Word2VecBinary => {
                let (count, dimension) = reader.header()?;
                reader.binary(count, dimension, limit)?
            }
            VectorFile::Fornax | VectorFile::FastText => unreachable!("read above"),
        };
        Self::new(words, dimension, vectors).map_err(|error| error.within(path.display()))
    }

    /// Writes a file that is there whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written, the format is `FastText`, or a word has a blank or a line end, which only Fornax's own form can hold.
    pub fn save(&self, path: impl AsRef<Path>, format: VectorFile) -> Result<()> {
        match format {
            VectorFile::Fornax => return self.save_own(path.as_ref()),
            VectorFile::FastText => {
                let wanted = "another format: words alone have no n-grams";
                return Err(Error::argument("format", "FastText", wanted));
            }
            _ => {}
        }
        let divides = |word: &&String| word.is_empty() || word.contains([' ', '\n', '\r']);
        if let Some(word) = self.words().iter().find(divides) {
            return Err(Error::data("word", format!("{word:?}"), "one without blanks and line ends"));
        }
        files::write_whole(path.as_ref(), |file| {
            if format != VectorFile::Glove {
                writeln!(file, "{} {}", self.len(), self.dimension)?;
            }
            for (word, row) in self.words().iter().zip(self.vectors.chunks_exact(self.dimension)) {
                write!(file, "{word}")?;
                if format == VectorFile::Word2VecBinary {
                    file.write_all(b" ")?;
                    row.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))?;
                } else {
                    row.iter().try_for_each(|value| write!(file, " {value}"))?;
                }
                file.write_all(b"\n")?;
            }
            Ok(())
        })
    }
}

/// Words, elements of each, and the vectors.
type Parts = (Vec<String>, usize, Vec<f32>);

struct Reader<'a> {
    path: &'a Path,
    file: Box<dyn BufRead>,
    /// The number of the line that was read last.
    line: usize,
    bytes: Vec<u8>,
}

impl Reader<'_> {
    fn fault(&self, at: impl ToString, found: impl ToString, wanted: impl ToString) -> Error {
        Error::format(self.path, at, found, wanted)
    }

    /// Reads up to and with `end`, which is taken off; false at the end of the file.
    fn read_until(&mut self, end: u8, place: &str) -> Result<bool> {
        self.bytes.clear();
        let mut limited = (&mut self.file).take(LONGEST as u64 + 1);
        limited.read_until(end, &mut self.bytes).map_err(|error| files::read_error(self.path, error))?;
        if self.bytes.len() > LONGEST {
            return Err(self.fault(place, "more than 1 MiB", "a shorter line or word"));
        }
        let any = !self.bytes.is_empty();
        if self.bytes.last() == Some(&end) {
            self.bytes.pop();
        }
        Ok(any)
    }

    /// The next line; none at the end of the file.
    fn next_line(&mut self) -> Result<Option<String>> {
        self.line += 1;
        let place = format!("line {}", self.line);
        if !self.read_until(b'\n', &place)? {
            return Ok(None);
        }
        if self.bytes.last() == Some(&b'\r') {
            self.bytes.pop();
        }
        self.utf8(&place).map(Some)
    }

    fn utf8(&mut self, place: &str) -> Result<String> {
        String::from_utf8(std::mem::take(&mut self.bytes)).map_err(|error| {
            let found = format!("byte {} that is no UTF-8", error.utf8_error().valid_up_to() + 1);
            self.fault(place, found, "UTF-8")
        })
    }

    /// The numbers of words and of elements.
    fn header(&mut self) -> Result<(usize, usize)> {
        let line = self.next_line()?.unwrap_or_default();
        let numbers: Vec<Option<usize>> = line.split_whitespace().map(|part| part.parse().ok()).collect();
        match numbers[..] {
            [Some(words), Some(elements)] if elements > 0 => Ok((words, elements)),
            _ => Err(self.fault("line 1", format!("{line:?}"), "the numbers of words and of elements")),
        }
    }

    /// Lines of a word and its elements. Without a dimension the first line has it.
    fn text(&mut self, count: Option<usize>, dimension: Option<usize>, limit: usize) -> Result<Parts> {
        let (mut words, mut vectors, mut dimension) = (vec![], vec![], dimension);
        let wanted = count.unwrap_or(usize::MAX).min(limit);
        while words.len() < wanted {
            let Some(line) = self.next_line()? else { break };
            let line = line.trim_end_matches(' ');
            let elements = dimension.unwrap_or_else(|| line.matches(' ').count()).max(1);
            dimension = Some(elements);
            let place = format!("line {}", self.line);
            // From the end, because words of some GloVe files have blanks.
            let mut parts: Vec<&str> = line.rsplitn(elements.saturating_add(1), ' ').collect();
            let word = parts.pop().unwrap_or_default();
            if parts.len() != elements || word.is_empty() {
                let found = format!("{} elements", parts.len());
                return Err(self.fault(place, found, format!("a word and {elements} elements")));
            }
            for part in parts.into_iter().rev() {
                let value = part.parse();
                vectors.push(value.map_err(|_| self.fault(&place, format!("{part:?}"), "a number"))?);
            }
            words.push(word.to_owned());
        }
        self.expect_count(words.len(), wanted, count)?;
        Ok((words, dimension.unwrap_or_default(), vectors))
    }

    fn binary(&mut self, count: usize, dimension: usize, limit: usize) -> Result<Parts> {
        let (mut words, mut vectors, mut row) = (vec![], vec![], vec![]);
        let wanted = count.min(limit);
        let row_len = (dimension as u64).checked_mul(4);
        let row_len = row_len.ok_or_else(|| self.fault("line 1", dimension, "elements that memory holds"))?;
        while words.len() < wanted {
            let place = format!("word {}", words.len() + 1);
            if !self.read_until(b' ', &place)? {
                break;
            }
            // Some programs end a vector with a line end, some do not.
            let start = self.bytes.iter().take_while(|&&byte| byte == b'\n').count();
            self.bytes.drain(..start);
            if self.bytes.is_empty() {
                return Err(self.fault(place, "no word", "a word before its vector"));
            }
            words.push(self.utf8(&place)?);
            row.clear();
            let read = (&mut self.file).take(row_len).read_to_end(&mut row);
            read.map_err(|error| files::read_error(self.path, error))?;
            if row.len() as u64 != row_len {
                let found = format!("the end of the file behind {} bytes", row.len());
                return Err(self.fault(place, found, format!("{row_len} bytes of a vector")));
            }
            let values =
                row.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes")));
            vectors.extend(values);
        }
        self.expect_count(words.len(), wanted, Some(count))?;
        Ok((words, dimension, vectors))
    }

    /// An error unless all words were there that the first line says.
    fn expect_count(&self, found: usize, wanted: usize, stated: Option<usize>) -> Result<()> {
        match stated {
            Some(stated) if found < wanted => {
                let wanted = format!("the {stated} of the first line");
                Err(self.fault("end of file", format!("{found} words"), wanted))
            }
            _ => Ok(()),
        }
    }
}
