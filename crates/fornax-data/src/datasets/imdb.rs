//! IMDB reviews: 25 000 to train and 25 000 to test, half of each positive.
//!
//! Source: Maas et al., *Learning word vectors for sentiment analysis*, ACL 2011; a tar archive of
//! `aclImdb/{train,test}/{pos,neg}/<id>_<rating>.txt`.

use std::io::Read;
use std::path::Path;

use fornax_core::{Error, Result};

use super::Split;
use crate::files;

/// Texts with their labels.
#[derive(Clone, Debug, Default)]
pub struct Reviews {
    /// The texts, as published.
    pub texts: Vec<String>,
    /// 1 for a positive review, 0 for a negative one.
    pub labels: Vec<i32>,
}

/// The published division of the reviews, in the order of the archive, from `aclImdb_labelled.tar.gz` or the whole
/// `aclImdb_v1.tar.gz` in `directory` or in its folder `imdb`.
///
/// # Errors
/// If there is no such file, or it is not a tar archive with reviews.
pub fn imdb(directory: impl AsRef<Path>) -> Result<Split<Reviews>> {
    let directory = directory.as_ref();
    let names = ["aclImdb_labelled.tar", "aclImdb_v1.tar"];
    let path = files::find(directory, &names).or_else(|| files::find(&directory.join("imdb"), &names));
    let path = path.ok_or_else(|| {
        let found =
            format!("no file {}.gz in {} or its folder imdb", names.join(".gz or "), directory.display());
        Error::data("data set imdb", found, "the published archive (ai.stanford.edu/~amaas/data/sentiment)")
    })?;
    let mut split = Split { train: Reviews::default(), test: Reviews::default() };
    each_file(&path, |name, content| {
        let mut folders = name.rsplit('/');
        let label = match folders.nth(1) {
            Some("pos") => 1,
            Some("neg") => 0,
            _ => return Ok(()),
        };
        let part = match folders.next() {
            Some("train") => &mut split.train,
            Some("test") => &mut split.test,
            _ => return Ok(()),
        };
        let text = String::from_utf8(content).map_err(|error| Error::format(&path, name, error, "UTF-8"))?;
        part.texts.push(text);
        part.labels.push(label);
        Ok(())
    })?;
    for (name, part) in [("train", &split.train), ("test", &split.test)] {
        if part.texts.is_empty() {
            return Err(Error::format(&path, name, "no review", "files {pos,neg}/<id>_<rating>.txt"));
        }
    }
    Ok(split)
}

/// The longest review that a file may hold.
const LONGEST: usize = 1 << 20;

/// Calls `each` with the name and the content of each plain file of a tar archive (POSIX ustar): blocks of 512 bytes, a
/// header and then the content.
fn each_file(path: &Path, mut each: impl FnMut(&str, Vec<u8>) -> Result<()>) -> Result<()> {
    let mut archive = files::open(path)?;
    let mut read = |len: usize| {
        let mut bytes = vec![0; len];
        archive.read_exact(&mut bytes).map(|()| bytes).map_err(|error| files::read_error(path, error))
    };
    loop {
        let header = read(512)?;
        if header.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        let text = |range: std::ops::Range<usize>| {
            let field = header[range].split(|&byte| byte == 0).next().unwrap_or_default();
            String::from_utf8_lossy(field).trim().to_owned()
        };
        let (name, size) = (text(0..100), text(124..136));
        let size = usize::from_str_radix(&size, 8).ok().filter(|size| *size <= LONGEST).ok_or_else(|| {
            Error::format(path, format!("size of {name:?}"), size, "at most 1 MiB, in octal digits")
        })?;
        let mut content = read(size.next_multiple_of(512))?;
        content.truncate(size);
        if matches!(header[156], b'0' | 0) {
            each(&name, content)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fornax_core::ErrorKind;

    fn file(name: &str, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 512];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        bytes[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        bytes[156] = b'0';
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }

    fn read(archive: Vec<u8>) -> Result<Split<Reviews>> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("aclImdb_labelled.tar"), archive).unwrap();
        imdb(directory.path())
    }

    #[test]
    fn reviews_by_part_and_label() {
        let mut archive = [
            file("aclImdb/test/neg/0_2.txt", b"bad"),
            file("aclImdb/train/pos/1_9.txt", "very good, café".as_bytes()),
            file("aclImdb/train/unsup/1_0.txt", b"who knows"),
            file("aclImdb/README", b"read me"),
        ]
        .concat();
        archive.resize(archive.len() + 1024, 0);
        let split = read(archive.clone()).unwrap();
        assert_eq!((split.train.texts, split.train.labels), (vec!["very good, café".to_owned()], vec![1]));
        assert_eq!((split.test.texts, split.test.labels), (vec!["bad".to_owned()], vec![0]));
        let error = read(archive[..700].to_vec()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "{error}");
        archive[124] = b'x';
        let error = read(archive).unwrap_err().to_string();
        assert!(error.contains("in octal digits"), "{error}");
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let error = read(vec![0; 1024]).unwrap_err();
        assert!(error.to_string().contains("train: found no review"), "{error}");
        let error = imdb(std::env::temp_dir().join("no such folder")).unwrap_err().to_string();
        assert!(error.contains("aclImdb_labelled.tar.gz or aclImdb_v1.tar.gz"), "{error}");
    }
}
