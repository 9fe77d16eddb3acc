//! Files: reading with gzip detected by its magic bytes, finding one under several names, writing all or nothing.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use fornax_core::{Error, Result};

/// The content of a file, decompressed if it starts with gzip's magic bytes, whatever its name.
///
/// # Errors
/// If the file cannot be opened or read.
pub fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    let file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let start = reader.fill_buf().map_err(|error| read_error(path, error))?;
    match start.starts_with(&[0x1f, 0x8b]) {
        true => Ok(Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(reader)))),
        false => Ok(Box::new(reader)),
    }
}

/// The error of a read of `path` that failed: what is wrong inside a compressed file is the format's fault.
pub fn read_error(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => Error::format(path, "end of file", "the file cut off", "more data"),
        ErrorKind::InvalidData | ErrorKind::InvalidInput => {
            Error::format(path, "compressed data", error, "a whole gzip stream")
        }
        _ => Error::io(path, "read", error),
    }
}

/// The first of `names` (or of `names` with `.gz`) that is a file in `dir`.
pub fn find(dir: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().flat_map(|name| [dir.join(name), dir.join(format!("{name}.gz"))]).find(|path| path.is_file())
}

/// Where [`write_whole`] writes what is to be found at `path`: there, or where it links to.
///
/// # Errors
/// If there is something else than a file, as a folder or a device, or a link to nothing.
pub fn write_target(path: &Path) -> Result<PathBuf> {
    let error = |error| Error::io(path, "write", error);
    let target = if path.is_symlink() { path.canonicalize().map_err(error)? } else { path.into() };
    if target.exists() && !target.is_file() {
        return Err(error(io::Error::new(ErrorKind::AlreadyExists, "there is something that is no file")));
    }
    Ok(target)
}

/// Writes `path` through `write`: into a file beside it that is synchronised and takes its name only when all is written. Where it
/// is a link, the file that it links to is written.
///
/// # Errors
/// If the disk is full or the directory is not writable; a file that was there is then as it was. And as [`write_target`].
pub fn write_whole(path: &Path, write: impl FnOnce(&mut dyn WriteSeek) -> io::Result<()>) -> Result<()> {
    write_through(path, |file| file, write)
}

/// [`write_whole`] with a writer around the file, which is how tests fill the disk.
fn write_through<W: Write + io::Seek>(
    path: &Path,
    wrap: impl FnOnce(File) -> W,
    write: impl FnOnce(&mut dyn WriteSeek) -> io::Result<()>,
) -> Result<()> {
    let target = write_target(path)?;
    let mut name = target.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = target.with_file_name(name);
    let written = (|| {
        let file = File::create(&partial)?;
        let handle = file.try_clone()?;
        let mut writer = BufWriter::new(wrap(file));
        write(&mut writer)?;
        writer.flush()?;
        handle.sync_all()
    })();
    written.and_then(|()| std::fs::rename(&partial, &target)).map_err(|error| {
        // The file may never have been made; what matters is the first error.
        let _ = std::fs::remove_file(&partial);
        Error::io(path, "write", error)
    })
}

/// The number of elements of a shape that a file states. None if it overflows, even where an axis of length 0
/// hides that: the rows of such an array would have no length.
pub(crate) fn element_count(shape: &[usize]) -> Option<usize> {
    let rows = shape.iter().try_fold(1usize, |count, &axis| count.checked_mul(axis.max(1)))?;
    (rows < isize::MAX as usize).then(|| shape.iter().product())
}

/// What can be written and sought in, as archives want it.
pub trait WriteSeek: Write + io::Seek {}

impl<T: Write + io::Seek> WriteSeek for T {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for so many bytes.
    struct Full<W>(W, usize);

    impl<W> io::Seek for Full<W> {
        fn seek(&mut self, _: io::SeekFrom) -> io::Result<u64> {
            Err(ErrorKind::Unsupported.into())
        }
    }

    impl<W: Write> Write for Full<W> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.1 == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            let count = bytes.len().min(self.1);
            self.1 -= count;
            self.0.write(&bytes[..count])
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_what_is_no_file_stays() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let write = |name: &str| write_whole(&at(name), |writer| writer.write_all(b"new"));
        std::fs::write(at("file"), "old").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        write("link").unwrap();
        assert!(at("link").is_symlink());
        assert_eq!(std::fs::read(at("file")).unwrap(), b"new");
        std::os::unix::fs::symlink("nowhere", at("dangling")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for name in ["dangling", "folder", "socket", "none/file", "file/file"] {
            assert_eq!(write(name).unwrap_err().path(), Some(at(name).as_path()), "{name}");
        }
        assert!(at("folder").is_dir() && !at("socket").is_file());
        drop(socket);
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.fornax");
        write_whole(&path, |writer| writer.write_all(b"the old model")).unwrap();
        for room in [0, 1, 9_999] {
            let error =
                write_through(&path, |file| Full(file, room), |writer| writer.write_all(&[7; 10_000]))
                    .unwrap_err();
            assert_eq!(error.kind(), fornax_core::ErrorKind::Io);
            assert_eq!(error.path(), Some(path.as_path()));
            assert_eq!(std::fs::read(&path).unwrap(), b"the old model");
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        }
        write_through(&path, |file| Full(file, 10_000), |writer| writer.write_all(&[7; 10_000])).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [7; 10_000]);
    }
}
