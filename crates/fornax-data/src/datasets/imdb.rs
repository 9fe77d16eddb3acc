//! IMDB reviews: 25 000 to train and 25 000 to test, half of each positive.
//!
//! Source: Maas et al., *Learning word vectors for sentiment analysis*, ACL 2011; a tar archive of
//! `aclImdb/{train,test}/{pos,neg}/<id>_<rating>.txt`.

use std::io::{ErrorKind, Read};
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
const LONGEST: u64 = 1 << 20;

/// Calls `each` with the name and the content of each plain file of a tar archive.
fn each_file(path: &Path, mut each: impl FnMut(&str, Vec<u8>) -> Result<()>) -> Result<()> {
    let fault = |error: std::io::Error| match error.kind() {
        ErrorKind::Other => Error::format(path, "tar archive", error, "headers and files as tar writes them"),
        _ => files::read_error(path, error),
    };
    let mut archive = tar::Archive::new(files::open(path)?);
    for entry in archive.entries().map_err(fault)? {
        let mut entry = entry.map_err(fault)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.size() > LONGEST {
            return Err(Error::format(path, format!("size of {name:?}"), entry.size(), "at most 1 MiB"));
        }
        let mut content = vec![];
        entry.read_to_end(&mut content).map_err(fault)?;
        each(&name, content)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(vec![]);
        for (name, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn read(archive: Vec<u8>) -> Result<Split<Reviews>> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("aclImdb_labelled.tar"), archive).unwrap();
        imdb(directory.path())
    }

    #[test]
    fn reviews_by_part_and_label() {
        let mut archive = archive(&[
            ("aclImdb/test/neg/0_2.txt", b"bad"),
            ("aclImdb/train/pos/1_9.txt", "very good, café".as_bytes()),
            ("aclImdb/train/unsup/1_0.txt", b"who knows"),
            ("aclImdb/README", b"read me"),
        ]);
        let split = read(archive.clone()).unwrap();
        assert_eq!((split.train.texts, split.train.labels), (vec!["very good, café".to_owned()], vec![1]));
        assert_eq!((split.test.texts, split.test.labels), (vec!["bad".to_owned()], vec![0]));
        let error = read(archive[..700].to_vec()).unwrap_err();
        assert_eq!(error.kind(), fornax_core::ErrorKind::Format, "{error}");
        archive[124] = b'x';
        let error = read(archive).unwrap_err();
        assert_eq!(error.kind(), fornax_core::ErrorKind::Format, "{error}");
        assert!(error.to_string().contains("tar archive"), "{error}");
    }

    #[test]
    fn a_review_of_any_size_is_not_read() {
        let long = vec![b'a'; LONGEST as usize + 1];
        let error = read(archive(&[("aclImdb/train/pos/1_9.txt", &long)])).unwrap_err().to_string();
        assert!(error.contains("wanted at most 1 MiB"), "{error}");
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let error = read(vec![0; 1024]).unwrap_err();
        assert!(error.to_string().contains("train: found no review"), "{error}");
        let error = imdb(std::env::temp_dir().join("no such folder")).unwrap_err().to_string();
        assert!(error.contains("aclImdb_labelled.tar.gz or aclImdb_v1.tar.gz"), "{error}");
    }
}
