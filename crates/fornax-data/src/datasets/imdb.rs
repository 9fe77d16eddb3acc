//! IMDB reviews: 25 000 to train and 25 000 to test, half of each positive.
//!
//! Source: Maas et al., *Learning word vectors for sentiment analysis*, ACL 2011; files
//! `aclImdb/{train,test}/{pos,neg}/<id>_<rating>.txt`, in folders or in a tar archive.

use std::io::{ErrorKind, Read};
use std::path::Path;

use fornax_core::{Error, Result};

use super::Split;
use crate::files;
use crate::text::{Encoding, LabelledTexts, texts_in};

const CLASSES: [&str; 2] = ["neg", "pos"];
const PARTS: [&str; 2] = ["train", "test"];

/// The published division of the reviews, of the classes `neg` and `pos`, from `aclImdb_labelled.tar.gz` or the whole
/// `aclImdb_v1.tar.gz` (in the order of the archive) or from the folder `aclImdb` (in the order of the files' names), which
/// are in `directory` or in its folder `imdb`.
///
/// # Errors
/// If there is no such file or folder, or there are no reviews in it.
pub fn imdb(directory: impl AsRef<Path>) -> Result<Split<LabelledTexts>> {
    let directory = directory.as_ref();
    let places = [directory.to_owned(), directory.join("imdb")];
    let names = ["aclImdb_labelled.tar", "aclImdb_v1.tar"];
    if let Some(archive) = places.iter().find_map(|place| files::find(place, &names)) {
        return read_archive(&archive);
    }
    let folders = places.iter().map(|place| place.join("aclImdb")).find(|folder| folder.is_dir());
    match folders {
        Some(folder) => read_folders(&folder),
        None => {
            let found = format!(
                "no folder aclImdb and no file {}.gz in {} or its folder imdb",
                names.join(".gz or "),
                directory.display()
            );
            let wanted = "the published archive (ai.stanford.edu/~amaas/data/sentiment)";
            Err(Error::data("data set imdb", found, wanted))
        }
    }
}

/// Texts and labels while they are read.
type Reviews = (Vec<String>, Vec<i32>);

fn read_archive(path: &Path) -> Result<Split<LabelledTexts>> {
    let mut parts = [Reviews::default(), Reviews::default()];
    each_file(path, |name, content| {
        let mut folders = name.rsplit('/').skip(1);
        let mut place = |names: &[&str]| {
            let folder = folders.next()?;
            names.iter().position(|name| *name == folder)
        };
        let (Some(class), Some(part)) = (place(&CLASSES), place(&PARTS)) else { return Ok(()) };
        let text = String::from_utf8(content).map_err(|error| Error::format(path, name, error, "UTF-8"))?;
        parts[part].0.push(text);
        parts[part].1.push(class as i32);
        Ok(())
    })?;
    finish(path, parts)
}

fn read_folders(path: &Path) -> Result<Split<LabelledTexts>> {
    let mut parts = [Reviews::default(), Reviews::default()];
    for (name, (texts, labels)) in PARTS.iter().zip(&mut parts) {
        for (class, label) in CLASSES.iter().zip(0..) {
            texts.extend(texts_in(&path.join(name).join(class), Encoding::Utf8)?);
            labels.resize(texts.len(), label);
        }
    }
    finish(path, parts)
}

fn finish(path: &Path, parts: [Reviews; 2]) -> Result<Split<LabelledTexts>> {
    if let Some((name, _)) = PARTS.iter().zip(&parts).find(|(_, (texts, _))| texts.is_empty()) {
        return Err(Error::format(path, name, "no review", "files {pos,neg}/<id>_<rating>.txt"));
    }
    let named = |(texts, labels)| LabelledTexts::new(texts, labels, CLASSES.map(str::to_owned).to_vec());
    let [train, test] = parts.map(named);
    Ok(Split { train: train?, test: test? })
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

    fn read(archive: Vec<u8>) -> Result<Split<LabelledTexts>> {
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
        let named = |texts: &LabelledTexts| (texts.texts().to_vec(), texts.labels().to_vec());
        assert_eq!(named(&split.train), (vec!["very good, café".to_owned()], vec![1]));
        assert_eq!(named(&split.test), (vec!["bad".to_owned()], vec![0]));
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
    fn folders_hold_the_same_as_an_archive() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("imdb/aclImdb");
        for (name, text) in
            [("train/neg/1_1.txt", "a"), ("train/pos/0_9.txt", "b"), ("train/unsup/0_0.txt", "c")]
        {
            std::fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            std::fs::write(folder.join(name), text).unwrap();
        }
        assert_eq!(imdb(directory.path()).unwrap_err().kind(), fornax_core::ErrorKind::Io);
        for class in CLASSES {
            std::fs::create_dir_all(folder.join("test").join(class)).unwrap();
        }
        let error = imdb(directory.path()).unwrap_err().to_string();
        assert!(error.contains("test: found no review"), "{error}");
        std::fs::write(folder.join("test/pos/3_10.txt"), "d").unwrap();
        let split = imdb(directory.path()).unwrap();
        assert_eq!((split.train.texts(), split.train.labels()), (&["a".into(), "b".into()][..], &[0, 1][..]));
        assert_eq!((split.test.texts(), split.test.labels()), (&["d".into()][..], &[1][..]));
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let error = read(vec![0; 1024]).unwrap_err();
        assert!(error.to_string().contains("train: found no review"), "{error}");
        let error = imdb(std::env::temp_dir().join("no such folder")).unwrap_err().to_string();
        assert!(error.contains("aclImdb_labelled.tar.gz or aclImdb_v1.tar.gz"), "{error}");
    }
}
