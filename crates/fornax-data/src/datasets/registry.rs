//! The registry: which files a named set has, where they are published and what their content is.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use fornax_core::{Error, Result};

use crate::download::{Progress, download, verify};
use crate::files;

macro_rules! mirrors {
    ($path:literal) => {
        [
            concat!("https://storage.googleapis.com/cvdf-datasets/", $path),
            concat!("https://ossci-datasets.s3.amazonaws.com/", $path),
        ]
    };
}

macro_rules! fashion {
    ($name:literal) => {
        [
            concat!("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", $name),
            concat!("https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/", $name),
        ]
    };
}

macro_rules! uci {
    ($path:literal) => {
        [concat!("https://archive.ics.uci.edu/ml/machine-learning-databases/", $path)]
    };
}

/// A named set.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The name, also that of its folder.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Its files.
    pub files: &'static [SourceFile],
}

/// A file of a named set.
#[derive(Clone, Copy, Debug)]
pub struct SourceFile {
    /// The name it is kept under.
    pub name: &'static str,
    /// Where it is published; one after the other is tried.
    pub urls: &'static [&'static str],
    /// The entry of the published zip archive that is meant, if it is one.
    pub member: Option<&'static str>,
    /// The SHA-256 of the uncompressed content, in hexadecimal; one has to match.
    pub sha256: &'static [&'static str],
}

/// All named sets.
pub const ALL: &[Source] = &[
    Source {
        name: "mnist",
        about: "handwritten digits, 60000 + 10000 images of 28 x 28, 10 classes",
        files: &[
            plain(
                "train-images-idx3-ubyte.gz",
                &mirrors!("mnist/train-images-idx3-ubyte.gz"),
                &["ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"],
            ),
            plain(
                "train-labels-idx1-ubyte.gz",
                &mirrors!("mnist/train-labels-idx1-ubyte.gz"),
                &["65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"],
            ),
            plain(
                "t10k-images-idx3-ubyte.gz",
                &mirrors!("mnist/t10k-images-idx3-ubyte.gz"),
                &["0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"],
            ),
            plain(
                "t10k-labels-idx1-ubyte.gz",
                &mirrors!("mnist/t10k-labels-idx1-ubyte.gz"),
                &["ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"],
            ),
        ],
    },
    Source {
        name: "fashion-mnist",
        about: "articles of clothing, 60000 + 10000 images of 28 x 28, 10 classes",
        files: &[
            plain(
                "train-images-idx3-ubyte.gz",
                &fashion!("train-images-idx3-ubyte.gz"),
                &["c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"],
            ),
            plain(
                "train-labels-idx1-ubyte.gz",
                &fashion!("train-labels-idx1-ubyte.gz"),
                &["bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"],
            ),
            plain(
                "t10k-images-idx3-ubyte.gz",
                &fashion!("t10k-images-idx3-ubyte.gz"),
                &["5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"],
            ),
            plain(
                "t10k-labels-idx1-ubyte.gz",
                &fashion!("t10k-labels-idx1-ubyte.gz"),
                &["0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"],
            ),
        ],
    },
    Source {
        name: "adult",
        about: "census income, 32561 + 16281 rows, 14 features, 2 classes",
        files: &[
            plain(
                "adult.data",
                &uci!("adult/adult.data"),
                &["5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d"],
            ),
            plain(
                "adult.test",
                &uci!("adult/adult.test"),
                &["a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05"],
            ),
        ],
    },
    Source {
        name: "wdbc",
        about: "Wisconsin diagnostic breast cancer, 569 rows, 30 features, 2 classes",
        files: &[plain(
            "wdbc.data",
            &uci!("breast-cancer-wisconsin/wdbc.data"),
            &["d606af411f3e5be8a317a5a8b652b425aaf0ff38ca683d5327ffff94c3695f4a"],
        )],
    },
    Source {
        name: "german-credit",
        about: "German credit risk, 1000 rows, 20 features, 2 classes",
        files: &[plain(
            "german.data",
            &uci!("statlog/german/german.data"),
            // As published with blanks, and the copies of it with commas.
            &[
                "b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871",
                "ec12a88b9fc14d74ba646ea0410cf7ff4533bec2eb61652f8ad76796bbfec017",
            ],
        )],
    },
    Source {
        name: "bank-marketing",
        about: "bank marketing by telephone, 45211 rows, 16 features, 2 classes",
        files: &[SourceFile {
            name: "bank-full.csv",
            urls: &uci!("00222/bank.zip"),
            member: Some("bank-full.csv"),
            sha256: &["d1513ec63b385506f7cfce9f2c5caa9fe99e7ba4e8c3fa264b3aaf0f849ed32d"],
        }],
    },
];

/// The named set.
///
/// # Errors
/// If there is none of that name; the message lists those there are.
pub fn source(name: &str) -> Result<&'static Source> {
    ALL.iter().find(|source| source.name == name).ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|source| source.name).collect();
        Error::argument("data set", name, format!("one of {}", names.join(", ")))
    })
}

/// Downloads the files of a named set that are not there yet into its folder in `dir`, and returns that folder.
/// `progress` is told the file's name, the bytes there are and, where known, the bytes there will be.
///
/// # Errors
/// If there is no such set, if no server has a file, or if a content is not the published one.
pub fn get(
    name: &str,
    dir: impl AsRef<Path>,
    progress: &mut dyn FnMut(&str, u64, Option<u64>),
) -> Result<PathBuf> {
    let folder = dir.as_ref().join(source(name)?.name);
    for file in source(name)?.files {
        fetch(file, &folder, &mut |done, total| progress(file.name, done, total))?;
    }
    Ok(folder)
}

fn fetch(file: &SourceFile, folder: &Path, progress: Progress) -> Result<()> {
    let bare = file.name.strip_suffix(".gz").unwrap_or(file.name);
    if let Some(there) = files::find(folder, &[bare])
        && verify(&there, file.sha256).is_ok()
    {
        return Ok(());
    }
    let path = folder.join(file.name);
    let mut last = None;
    for url in file.urls {
        let result = match file.member {
            None => download(url, &path, file.sha256, progress),
            Some(member) => {
                let archive = folder.join(format!("{}.zip", file.name));
                let extracted = download(url, &archive, &[], progress)
                    .and_then(|()| extract(&archive, member, &path, file.sha256));
                // The archive has served, or is not what was meant.
                let _ = fs::remove_file(&archive);
                extracted
            }
        };
        match result {
            Ok(()) => return Ok(()),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| Error::argument("urls", "none", "at least one")))
}

/// Copies an entry of an archive to `path` if its content is one of `sha256s`.
fn extract(archive: &Path, member: &str, path: &Path, sha256s: &[&str]) -> Result<()> {
    let file = File::open(archive).map_err(|error| Error::io(archive, "open", error))?;
    let wanted = |error| Error::format(archive, "archive", error, format!("a zip archive with {member}"));
    let mut zip = zip::ZipArchive::new(BufReader::new(file)).map_err(wanted)?;
    let mut entry = zip.by_name(member).map_err(wanted)?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    let partial = path.with_file_name(name);
    files::write_whole(&partial, |out| std::io::copy(&mut entry, out).map(|_| ()))?;
    let result = verify(&partial, sha256s)
        .and_then(|()| fs::rename(&partial, path).map_err(|error| Error::io(path, "rename", error)));
    if result.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&partial);
    }
    result
}

const fn plain(
    name: &'static str,
    urls: &'static [&'static str],
    sha256: &'static [&'static str],
) -> SourceFile {
    SourceFile { name, urls, member: None, sha256 }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use sha2::{Digest, Sha256};

    use super::*;

    fn leaked(text: String) -> &'static str {
        Box::leak(text.into_boxed_str())
    }

    #[test]
    fn entries_are_well_formed() {
        for source in ALL {
            assert_eq!(super::source(source.name).unwrap().name, source.name);
            for file in source.files {
                assert!(file.urls.iter().all(|url| url.starts_with("http")), "{}", file.name);
                assert!(!file.sha256.is_empty());
                assert!(
                    file.sha256
                        .iter()
                        .all(|hash| hash.len() == 64 && hash.bytes().all(|x| x.is_ascii_hexdigit()))
                );
            }
        }
        assert!(super::source("minst").unwrap_err().to_string().contains("mnist, fashion-mnist"));
        assert!(get("minst", "nowhere", &mut |_, _, _| {}).is_err());
    }

    #[test]
    fn what_is_there_and_right_is_not_downloaded() {
        let dir = tempfile::tempdir().unwrap();
        let hash = Sha256::digest(b"abc").iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let hashes: &'static [&'static str] = Box::leak(vec![leaked(hash)].into_boxed_slice());
        // Nothing listens there: a download would fail.
        let file = SourceFile { name: "x.gz", urls: &["http://127.0.0.1:9/x"], member: None, sha256: hashes };
        fs::write(dir.path().join("x"), "abc").unwrap();
        fetch(&file, dir.path(), &mut |_, _| {}).unwrap();
        fs::write(dir.path().join("x"), "abd").unwrap();
        assert!(fetch(&SourceFile { urls: &[], ..file }, dir.path(), &mut |_, _| {}).is_err());
    }

    #[test]
    fn entries_of_archives_are_verified() {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("a.zip");
        let mut zip = zip::ZipWriter::new(File::create(&archive).unwrap());
        zip.start_file("x.csv", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(b"a;b\n").unwrap();
        zip.finish().unwrap();
        let path = dir.path().join("x.csv");
        let hash: String = Sha256::digest(b"a;b\n").iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(extract(&archive, "x.csv", &path, &["00"]).unwrap_err().to_string().contains(&hash));
        assert!(extract(&archive, "y.csv", &path, &[&hash]).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left of what was refused");
        extract(&archive, "x.csv", &path, &[&hash]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"a;b\n");
    }
}
