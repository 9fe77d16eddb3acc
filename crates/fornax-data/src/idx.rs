//! IDX, the format of MNIST: a big-endian header with the shape, then the elements in row-major order.
//!
//! | bytes | content |
//! |---|---|
//! | 0, 1 | zero |
//! | 2 | element type; `0x08`, unsigned byte, is the one read here |
//! | 3 | rank `r` |
//! | 4 .. 4 + 4r | lengths of the axes, `u32` |
//! | the rest | the elements |
//!
//! Labels have the magic number 2049 (rank 1), images 2051 (rank 3). Files may be gzipped.

use std::io::Read;
use std::path::Path;

use fornax_core::{Array, Error, Result};

use crate::files;

const UNSIGNED_BYTE: u8 = 0x08;

/// The bytes of an IDX file with their shape.
///
/// ```
/// use fornax_data::idx::Idx;
///
/// let path = std::env::temp_dir().join(format!("fornax-doc-{}.idx", std::process::id()));
/// Idx { shape: vec![2, 2], bytes: vec![0, 51, 102, 255] }.write(&path)?;
/// let images = Idx::read(&path)?.into_array(1.0 / 255.0)?;
/// assert_eq!(images.shape(), [2, 2]);
/// assert_eq!(images.to_f32()[3], 1.0);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The lengths of the axes.
    pub shape: Vec<usize>,
    /// The elements, row-major.
    pub bytes: Vec<u8>,
}

impl Idx {
    /// Reads a file, gzipped or not.
    ///
    /// # Errors
    /// If the file cannot be read, is not IDX of unsigned bytes, or holds fewer or more bytes than its header says.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::decode(files::open(path)?, path)
    }

    /// Writes an uncompressed file.
    ///
    /// # Errors
    /// If the shape does not fit the bytes or the format, or if the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let axes: Option<Vec<u32>> = self.shape.iter().map(|&axis| u32::try_from(axis).ok()).collect();
        let (Some(axes), Ok(rank)) = (axes, u8::try_from(self.shape.len())) else {
            return Err(Error::shape("IDX file", format!("{:?}", self.shape), "at most 255 axes below 2^32"));
        };
        if rank == 0 || files::element_count(&self.shape) != Some(self.bytes.len()) {
            return Err(Error::shape(
                "IDX file",
                format!("{} bytes", self.bytes.len()),
                format!("as many as the shape {:?} holds", self.shape),
            ));
        }
        files::write_whole(path.as_ref(), |file| {
            file.write_all(&[0, 0, UNSIGNED_BYTE, rank])?;
            axes.iter().try_for_each(|axis| file.write_all(&axis.to_be_bytes()))?;
            file.write_all(&self.bytes)
        })
    }

    /// The bytes, each times `scale`, as an array.
    ///
    /// # Errors
    /// If the shape does not hold as many bytes.
    pub fn into_array(self, scale: f32) -> Result<Array> {
        Array::from_bytes(self.shape, self.bytes, scale)
    }

    fn decode(mut reader: impl Read, path: &Path) -> Result<Self> {
        let mut magic = [0; 4];
        read_header(&mut reader, &mut magic, path, 0)?;
        let rank = usize::from(magic[3]);
        if magic[..3] != [0, 0, UNSIGNED_BYTE] || rank == 0 {
            let wanted = "00 00 08 and a rank of at least 1 (IDX of unsigned bytes)";
            return Err(Error::format(path, "bytes 0..4", format!("{magic:02x?}"), wanted));
        }
        let mut shape = Vec::with_capacity(rank);
        for axis in 0..rank {
            let mut length = [0; 4];
            read_header(&mut reader, &mut length, path, 4 + 4 * axis)?;
            shape.push(u32::from_be_bytes(length) as usize);
        }
        let start = 4 + 4 * rank;
        let Some(count) = files::element_count(&shape) else {
            return Err(Error::format(
                path,
                "header",
                format!("the shape {shape:?}"),
                "fewer than 2^63 elements",
            ));
        };
        // Grows with what really arrives, so that a header that lies about the size costs nothing.
        let mut bytes = Vec::new();
        let limit = count as u64 + 1;
        reader
            .by_ref()
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| files::read_error(path, error))?;
        if bytes.len() != count {
            let found = match bytes.len() > count {
                true => "more bytes".to_string(),
                false => format!("{} bytes", bytes.len()),
            };
            let wanted = format!("{count}, as the shape {shape:?} holds");
            return Err(Error::format(path, format!("byte {start} and after"), found, wanted));
        }
        bytes.shrink_to_fit();
        Ok(Self { shape, bytes })
    }
}

fn read_header(reader: &mut impl Read, bytes: &mut [u8], path: &Path, at: usize) -> Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        match reader.read(&mut bytes[filled..]).map_err(|error| files::read_error(path, error))? {
            0 => {
                let found = format!("the end of the file at byte {}", at + filled);
                return Err(Error::format(path, format!("header at byte {at}"), found, "an IDX header"));
            }
            count => filled += count,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn decode(bytes: &[u8]) -> Result<Idx> {
        Idx::decode(bytes, Path::new("x.idx"))
    }

    fn header(axes: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, axes.len() as u8];
        axes.iter().for_each(|axis| bytes.extend(axis.to_be_bytes()));
        bytes
    }

    #[test]
    fn magic_numbers_of_mnist() {
        assert_eq!(header(&[1])[..4], 2049u32.to_be_bytes());
        assert_eq!(header(&[1, 1, 1])[..4], 2051u32.to_be_bytes());
        let bytes = [header(&[2, 1, 3]), vec![1, 2, 3, 4, 5, 6]].concat();
        assert_eq!(decode(&bytes).unwrap(), Idx { shape: vec![2, 1, 3], bytes: vec![1, 2, 3, 4, 5, 6] });
    }

    #[test]
    fn what_the_header_does_not_promise_is_an_error() {
        let whole = [header(&[2, 2]), vec![1, 2, 3, 4]].concat();
        for len in 0..whole.len() {
            assert!(decode(&whole[..len]).is_err(), "truncated to {len}");
        }
        assert_eq!(
            decode(&whole[..14]).unwrap_err().to_string(),
            "x.idx: byte 12 and after: found 2 bytes, wanted 4, as the shape [2, 2] holds"
        );
        assert!(decode(&[whole.clone(), vec![5]].concat()).is_err(), "a trailing byte");
        assert!(decode(&[&[0, 0, 13, 1], &whole[4..]].concat()).is_err(), "floats");
        assert!(decode(&[0, 0, 8, 0, 1]).is_err(), "rank 0");
    }

    #[test]
    fn lying_axes_are_refused_without_the_memory_they_ask_for() {
        // Would abort the process if these sizes were allocated.
        assert!(decode(&header(&[u32::MAX, u32::MAX])).is_err());
        assert!(decode(&header(&[u32::MAX, u32::MAX, u32::MAX])).is_err());
        assert!(decode(&header(&[0, u32::MAX, u32::MAX, u32::MAX])).is_err());
        assert!(decode(&[header(&[1 << 31, 1 << 20]), vec![7; 100]].concat()).is_err());
    }

    #[test]
    fn gzip_is_known_by_its_bytes_and_its_cuts_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("no-suffix");
        let content = [header(&[300]), (0..300).map(|x| x as u8).collect()].concat();
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
        encoder.write_all(&content).unwrap();
        let packed = encoder.finish().unwrap();
        std::fs::write(&path, &packed).unwrap();
        assert_eq!(Idx::read(&path).unwrap(), decode(&content).unwrap());
        for len in 2..packed.len() {
            std::fs::write(&path, &packed[..len]).unwrap();
            let error = Idx::read(&path).unwrap_err();
            assert!(error.to_string().contains("no-suffix"), "{len}: {error}");
        }
        assert_eq!(Idx::read(dir.path().join("none")).unwrap_err().kind(), fornax_core::ErrorKind::Io);
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
            let _ = decode(&[&[0, 0, 8][..], &bytes].concat());
        }

        #[test]
        fn what_was_written_is_read(axes in proptest::collection::vec(0usize..5, 1..4), seed: u8) {
            let count = axes.iter().product::<usize>();
            let idx = Idx { shape: axes, bytes: (0..count).map(|i| (i as u8).wrapping_mul(seed)).collect() };
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.idx");
            idx.write(&path).unwrap();
            prop_assert_eq!(Idx::read(&path).unwrap(), idx);
            prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no partial file is left");
        }
    }
}
