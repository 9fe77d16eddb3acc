//! Sentences as columns: a token a line, its annotations behind it, an empty line after each sentence (CoNLL-2000,
//! CoNLL-2003).

use std::io::BufRead;
use std::path::Path;

use fornax_core::{Error, Result};

use super::lines::lines_of;
use crate::files;

/// The columns of a sentence, all of the same length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    columns: Vec<Vec<String>>,
}

impl Sentence {
    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.columns[0].len()
    }

    /// Whether there is no token; of a file that was read, no sentence is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A column: 0 the words, the others what the file has (in CoNLL-2000 parts of speech and chunks).
    ///
    /// # Panics
    /// If there are fewer columns.
    pub fn column(&self, index: usize) -> &[String] {
        &self.columns[index]
    }
}

/// The sentences of a file, gzipped or not, of `width` columns divided by blanks or tabs.
///
/// # Errors
/// If the file cannot be read, a line has another number of columns, or `width` is 0; names file and line.
pub fn read_columns(path: impl AsRef<Path>, width: usize) -> Result<Vec<Sentence>> {
    let path = path.as_ref();
    parse_columns(files::open(path)?, path, width)
}

/// [`read_columns`] of a text that `name` stands for in errors.
///
/// # Errors
/// As for [`read_columns`].
///
/// ```
/// let text = "He PRP B-NP\nreckons VBZ B-VP\n\nYes UH O\n";
/// let sentences = fornax_data::text::parse_columns(text.as_bytes(), "train.txt", 3)?;
/// assert_eq!(sentences.len(), 2);
/// assert_eq!(sentences[0].column(2), ["B-NP", "B-VP"]);
///
/// let error = fornax_data::text::parse_columns(text.as_bytes(), "train.txt", 2).unwrap_err();
/// assert_eq!(error.to_string(), "train.txt: line 1: found 3 columns, wanted 2");
/// # Ok::<(), fornax_core::Error>(())
/// ```
pub fn parse_columns(text: impl BufRead, name: impl AsRef<Path>, width: usize) -> Result<Vec<Sentence>> {
    if width == 0 {
        return Err(Error::argument("width", 0, "at least 1 column"));
    }
    let name = name.as_ref();
    let (mut sentences, mut columns) = (vec![], vec![vec![]; width]);
    let finish = |columns: &mut Vec<Vec<String>>, sentences: &mut Vec<Sentence>| {
        if !columns[0].is_empty() {
            let columns = std::mem::replace(columns, vec![vec![]; width]);
            sentences.push(Sentence { columns });
        }
    };
    lines_of(text, name, |number, line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        match fields.len() {
            0 => finish(&mut columns, &mut sentences),
            found if found == width => {
                columns.iter_mut().zip(fields).for_each(|(column, field)| column.push(field.to_owned()));
            }
            found => {
                return Err(Error::format(name, format!("line {number}"), format!("{found} columns"), width));
            }
        }
        Ok(())
    })?;
    finish(&mut columns, &mut sentences);
    Ok(sentences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_divide_and_none_is_a_sentence() {
        let read = |text: &str| parse_columns(text.as_bytes(), "a", 2).unwrap();
        let sentences = read("\n\na  b\nc\td \n \t\n\ne f");
        assert_eq!(sentences.iter().map(Sentence::len).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(sentences[0].column(1), ["b", "d"]);
        assert!(read("").is_empty());
        assert!(read("\r\n\r\n").is_empty());
        assert!(parse_columns("a".as_bytes(), "a", 0).is_err());
        let error = parse_columns("a b\n\nc\n".as_bytes(), "a", 2).unwrap_err();
        assert_eq!(error.to_string(), "a: line 3: found 1 columns, wanted 2");
    }
}
