//! Files: reading with gzip detected by its magic bytes, finding one under several names, writing all or nothing.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use fornax_core::{Error, Result};

/// The content of a file, decompressed if it starts with gzip's magic bytes, whatever its name.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    let file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let start = reader.fill_buf().map_err(|error| read_error(path, error))?;
    match start.starts_with(&[0x1f, 0x8b]) {
        true => Ok(Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(reader)))),
        false => Ok(Box::new(reader)),
    }
}

/// The error of a read that failed: what is wrong inside a compressed file is the format's fault.
pub(crate) fn read_error(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => Error::format(path, "end of file", "the file cut off", "more data"),
        ErrorKind::InvalidData | ErrorKind::InvalidInput => {
            Error::format(path, "compressed data", error, "a whole gzip stream")
        }
        _ => Error::io(path, "read", error),
    }
}

/// The first of `names` (or of `names` with `.gz`) that is a file in `dir`.
pub(crate) fn find(dir: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().flat_map(|name| [dir.join(name), dir.join(format!("{name}.gz"))]).find(|path| path.is_file())
}

/// Writes `path` through `write`: into a file beside it that takes its name only when all is written.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut dyn WriteSeek) -> io::Result<()>,
) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    let failed = |action| move |error| Error::io(path, action, error);
    let mut file = BufWriter::new(File::create(&partial).map_err(failed("create"))?);
    let written = write(&mut file).and_then(|()| file.flush());
    let result = written.map_err(failed("write")).and_then(|()| {
        drop(file);
        std::fs::rename(&partial, path).map_err(failed("rename"))
    });
    if result.is_err() {
        // The first error is the one to report; a partial file that cannot be removed either is harmless.
        let _ = std::fs::remove_file(&partial);
    }
    result
}

/// The number of elements of a shape that a file states. None if it overflows, even where an axis of length 0
/// hides that: the rows of such an array would have no length.
pub(crate) fn element_count(shape: &[usize]) -> Option<usize> {
    let rows = shape.iter().try_fold(1usize, |count, &axis| count.checked_mul(axis.max(1)))?;
    (rows < isize::MAX as usize).then(|| shape.iter().product())
}

/// What archives need to be written to.
pub(crate) trait WriteSeek: Write + io::Seek {}

impl<T: Write + io::Seek> WriteSeek for T {}
