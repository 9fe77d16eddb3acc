//! Files that are there whole or not at all: written beside the target, synchronised, then renamed over it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use fornax_core::{Error, Result};

/// Replaces `path` by what `write` writes.
///
/// # Errors
/// If the disk is full or the directory is not writable; the old file is then as it was.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    replace_through(path, |file| file, write)
}

/// [`replace`] with a writer around the file, which is how tests fill the disk.
pub(crate) fn replace_through<W: Write>(
    path: &Path,
    wrap: impl FnOnce(File) -> W,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    let temporary = temporary_name(path);
    let written = (|| {
        let file = File::create(&temporary)?;
        let handle = file.try_clone()?;
        let mut writer = BufWriter::new(wrap(file));
        write(&mut writer)?;
        writer.flush()?;
        handle.sync_all()
    })();
    let replaced = written.and_then(|()| std::fs::rename(&temporary, path));
    replaced.map_err(|error| {
        // The file may never have been made; what matters is the first error.
        let _ = std::fs::remove_file(&temporary);
        Error::io(path, "write", error)
    })
}

/// A name beside `path` of this process alone.
fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for so many bytes.
    struct Full<W>(W, usize);

    impl<W: Write> Write for Full<W> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.1 == 0 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            let count = bytes.len().min(self.1);
            self.1 -= count;
            self.0.write(&bytes[..count])
        }

        fn flush(&mut self) -> std::io::Result<()> {
            self.0.flush()
        }
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.fornax");
        replace(&path, |writer| writer.write_all(b"the old model")).unwrap();
        for room in [0, 1, 9_999] {
            let error =
                replace_through(&path, |file| Full(file, room), |writer| writer.write_all(&[7; 10_000]))
                    .unwrap_err();
            assert_eq!(error.kind(), fornax_core::ErrorKind::Io);
            assert_eq!(error.path(), Some(path.as_path()));
            assert_eq!(std::fs::read(&path).unwrap(), b"the old model");
            assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        }
        replace_through(&path, |file| Full(file, 10_000), |writer| writer.write_all(&[7; 10_000])).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), [7; 10_000]);
    }
}
