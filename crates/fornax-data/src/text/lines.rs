//! Lines of text files, plain or gzipped, alone or in parallel.

use std::io::BufRead;
use std::path::Path;

use fornax_core::{Error, Result};

use crate::files;

/// Calls `each` with the number of every line of a file in UTF-8, gzipped or not, counted from 1, and the line without
/// its end. One line at a time is in memory.
///
/// # Errors
/// If the file cannot be read or a line is not UTF-8, naming file and line, or the first error of `each`.
pub fn for_each_line(path: impl AsRef<Path>, each: impl FnMut(usize, &str) -> Result<()>) -> Result<()> {
    let path = path.as_ref();
    lines_of(files::open(path)?, path, each)
}

/// [`for_each_line`] of a reader; `path` is what errors name.
pub(super) fn lines_of(
    mut reader: impl BufRead,
    path: &Path,
    mut each: impl FnMut(usize, &str) -> Result<()>,
) -> Result<()> {
    let mut bytes = vec![];
    for number in 1.. {
        bytes.clear();
        let read = reader.read_until(b'\n', &mut bytes).map_err(|error| files::read_error(path, error))?;
        if read == 0 {
            break;
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let found = format!("byte {} that is no UTF-8", error.valid_up_to() + 1);
            Error::format(path, format!("line {number}"), found, "UTF-8")
        })?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        each(number, text.strip_suffix('\r').unwrap_or(text))?;
    }
    Ok(())
}

/// The lines of a file in UTF-8, gzipped or not, without their ends.
///
/// # Errors
/// If the file cannot be read or a line is not UTF-8, naming file and line.
pub fn read_lines(path: impl AsRef<Path>) -> Result<Vec<String>> {
    let path = path.as_ref();
    let mut lines = vec![];
    for_each_line(path, |_, line| {
        lines.push(line.to_owned());
        Ok(())
    })?;
    Ok(lines)
}

/// The pairs of lines of two files that hold the same text in two languages.
///
/// # Errors
/// As for [`read_lines`], and if one file has more lines than the other.
pub fn read_parallel(source: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<Vec<(String, String)>> {
    let (sources, targets) = (read_lines(&source)?, read_lines(&target)?);
    if sources.len() != targets.len() {
        let found = format!("{} lines", targets.len());
        let wanted = format!("{}, as {}", sources.len(), source.as_ref().display());
        return Err(Error::format(target, "end of file", found, wanted));
    }
    Ok(sources.into_iter().zip(targets).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (directory, path)
    }

    #[test]
    fn lines_end_in_every_way() {
        let (_keep, path) = file("a.txt", "eins\r\n\nzwei é\n last".as_bytes());
        assert_eq!(read_lines(&path).unwrap(), ["eins", "", "zwei é", " last"]);
        let (_keep, empty) = file("b.txt", b"");
        assert!(read_lines(&empty).unwrap().is_empty());
        assert!(read_lines(path.with_file_name("missing")).is_err());
    }

    #[test]
    fn compressed_files_are_known_by_their_bytes() {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        encoder.write_all(b"a\nb\n").unwrap();
        let compressed = encoder.finish().unwrap();
        let (_keep, path) = file("a.txt", &compressed);
        assert_eq!(read_lines(&path).unwrap(), ["a", "b"]);
        let (_keep, cut) = file("a.gz", &compressed[..compressed.len() - 9]);
        assert!(read_lines(&cut).unwrap_err().to_string().contains("a.gz"));
    }

    #[test]
    fn what_cannot_be_read_names_file_and_line() {
        let (_keep, path) = file("a.txt", b"fine\nb\xe4d\n");
        let error = read_lines(&path).unwrap_err().to_string();
        assert!(error.ends_with("a.txt: line 2: found byte 2 that is no UTF-8, wanted UTF-8"), "{error}");
        let (_keep, one) = file("en", b"a\nb\n");
        let (_keep_too, two) = file("de", b"c\n");
        let error = read_parallel(&one, &two).unwrap_err().to_string();
        assert!(error.contains("de: end of file: found 1 lines, wanted 2, as "), "{error}");
        assert_eq!(read_parallel(&one, &one).unwrap()[1], ("b".into(), "b".into()));
    }
}
