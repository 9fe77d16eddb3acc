//! NumPy's `.npy` and `.npz`: arrays of `f32`, `f64`, `i32`, `i64` and `u8`, in C or Fortran order, of either
//! byte order.
//!
//! An `.npy` file is the bytes `\x93NUMPY`, a version, the length of a header, the header (a Python dictionary
//! with `descr`, `fortran_order` and `shape`) and the elements; an `.npz` file is a zip archive of them. Fornax
//! computes in `f32` and `i32`: `f64` is rounded, and an `i64` that does not fit is an error. Bytes stay bytes.
//!
//! Source: NumPy Enhancement Proposal 1, *A Simple File Format for NumPy Arrays*.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use fornax_core::{Array, Error, Result};
use zip::write::SimpleFileOptions;

use crate::files;

const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy refuses longer headers too.
const LONGEST_HEADER: usize = 10_000;
const HIGHEST_RANK: usize = 32;

/// Reads an `.npy` file, gzipped or not. An array of rank 0 becomes one of shape `[1]`.
///
/// ```
/// use fornax_core::Array;
/// use fornax_data::npy;
///
/// let path = std::env::temp_dir().join(format!("fornax-doc-{}.npy", std::process::id()));
/// let array = Array::from_vec([2, 2], vec![1.0, 2.0, 3.0, 4.0])?;
/// npy::write(&path, &array)?;
/// assert_eq!(npy::read(&path)?, array);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), fornax_core::Error>(())
/// ```
///
/// # Errors
/// If the file cannot be read, is not `.npy`, has another element type, or holds fewer or more elements than its
/// header says.
pub fn read(path: impl AsRef<Path>) -> Result<Array> {
    decode(files::open(path.as_ref())?, path.as_ref(), "")
}

/// Reads all arrays of an `.npz` file with their names (without `.npy`), in the order of the file.
///
/// # Errors
/// If the file cannot be read, is not a zip archive, or if an entry is not an array that [`read`] takes.
pub fn read_npz(path: impl AsRef<Path>) -> Result<Vec<(String, Array)>> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
    let archive_error = |at: &str, error: zip::result::ZipError| match error {
        zip::result::ZipError::Io(error) => files::read_error(path, error),
        error => Error::format(path, at, error, "a zip archive, stored or deflated"),
    };
    let mut archive =
        zip::ZipArchive::new(BufReader::new(file)).map_err(|error| archive_error("archive", error))?;
    let mut arrays = vec![];
    for index in 0..archive.len() {
        let entry =
            archive.by_index(index).map_err(|error| archive_error(&format!("entry {index}"), error))?;
        let name = match entry.name() {
            Ok(name) => name.into_owned(),
            Err(error) => return Err(archive_error(&format!("name of entry {index}"), error)),
        };
        let array = decode(entry, path, &format!("entry {name}, "))?;
        arrays.push((name.strip_suffix(".npy").unwrap_or(&name).to_string(), array));
    }
    Ok(arrays)
}

/// Writes an `.npy` file: `<i4` for integers, else `<f4`, in C order.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: impl AsRef<Path>, array: &Array) -> Result<()> {
    files::write_whole(path.as_ref(), |file| encode(file, array))
}

/// Writes an `.npz` file, uncompressed as `numpy.savez` does; names are given without `.npy`.
///
/// # Errors
/// If a name comes twice, or if the file cannot be written.
pub fn write_npz(path: impl AsRef<Path>, arrays: &[(&str, &Array)]) -> Result<()> {
    if let Some(at) = (0..arrays.len()).find(|&at| arrays[..at].iter().any(|(name, _)| *name == arrays[at].0))
    {
        return Err(Error::argument(
            "arrays",
            format!("the name {:?} twice", arrays[at].0),
            "distinct names",
        ));
    }
    files::write_whole(path.as_ref(), |file| {
        let mut archive = zip::ZipWriter::new(file);
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, array) in arrays {
            archive.start_file(format!("{name}.npy"), options.large_file(array.len() >= 1 << 29))?;
            encode(&mut archive, array)?;
        }
        archive.finish().map(|_| ()).map_err(io::Error::from)
    })
}

fn encode(out: &mut (impl Write + ?Sized), array: &Array) -> io::Result<()> {
    let descr = if array.is_integer() { "<i4" } else { "<f4" };
    let axes: String = array.shape().iter().map(|axis| format!("{axis}, ")).collect();
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", axes.trim_end());
    // The elements start at a multiple of 64 bytes, after 10 bytes, the header and a line end.
    let padding = 63 - (header.len() + 10) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let length = u16::try_from(header.len()).map_err(io::Error::other)?;
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    let bytes: Vec<u8> = match array.is_integer() {
        true => array.to_i32().into_iter().flat_map(i32::to_le_bytes).collect(),
        false => array.to_f32().into_iter().flat_map(f32::to_le_bytes).collect(),
    };
    out.write_all(&bytes)
}

fn decode(mut reader: impl Read, path: &Path, within: &str) -> Result<Array> {
    let bad =
        |at: &str, found: String, wanted: &str| Error::format(path, format!("{within}{at}"), found, wanted);
    let mut prelude = [0; 8];
    fill(&mut reader, &mut prelude, path)?;
    if !prelude.starts_with(MAGIC) {
        return Err(bad("bytes 0..6", format!("{:02x?}", &prelude[..6]), "93 NUMPY"));
    }
    let mut length = [0; 4];
    match prelude[6] {
        1 => fill(&mut reader, &mut length[..2], path)?,
        2 | 3 => fill(&mut reader, &mut length, path)?,
        version => return Err(bad("byte 6", format!("version {version}"), "1, 2 or 3")),
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST_HEADER {
        return Err(bad("header", format!("{length} bytes"), "at most 10000"));
    }
    let mut header = vec![0; length];
    fill(&mut reader, &mut header, path)?;
    let header = Header::parse(&header)
        .ok_or_else(|| bad("header", String::from_utf8_lossy(&header).trim().to_string(), HEADER_WANTED))?;
    let count = files::element_count(&header.shape);
    let Some(size) = count.and_then(|count| count.checked_mul(header.width)).filter(|&size| size < 1 << 62)
    else {
        return Err(bad("header", format!("the shape {:?}", header.shape), "fewer than 2^62 bytes"));
    };
    // Grows with what really arrives, so that a header that lies about the shape costs nothing.
    let mut bytes = Vec::new();
    let read = reader.take(size as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| files::read_error(path, error))?;
    if bytes.len() != size {
        let found = if bytes.len() > size { "more bytes".into() } else { format!("{} bytes", bytes.len()) };
        let wanted = format!("{size}, as the shape {:?} holds", header.shape);
        return Err(bad("elements", found, &wanted));
    }
    header.array(bytes).map_err(|(at, found, wanted)| bad(&format!("element {at}"), found, wanted))
}

const HEADER_WANTED: &str =
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } with the type f4, f8, i4, i8 or u1";

struct Header {
    /// `f`, `i` or `u`.
    kind: u8,
    width: usize,
    big_endian: bool,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    /// The three entries, whatever their order.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim().strip_prefix('{')?.strip_suffix('}')?;
        let value = |key: &str| {
            let after =
                [format!("'{key}'"), format!("\"{key}\"")].iter().find_map(|key| text.split_once(key))?.1;
            Some(after.trim_start().strip_prefix(':')?.trim_start())
        };
        let descr = value("descr")?;
        let quote = descr.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let descr = descr[1..].split_once(quote)?.0;
        let (order, kind, width) = match descr.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), kind, width] => (*order, *kind, *width),
            _ => return None,
        };
        if !matches!((kind, width), (b'f' | b'i', b'4' | b'8') | (b'u', b'1')) {
            return None;
        }
        let fortran = match value("fortran_order")? {
            text if text.starts_with("True") => true,
            text if text.starts_with("False") => false,
            _ => return None,
        };
        let axes = value("shape")?.strip_prefix('(')?.split_once(')')?.0;
        let axes = axes.trim().trim_end_matches(',');
        let shape: Vec<usize> = match axes.is_empty() {
            true => vec![],
            false => axes.split(',').map(|axis| axis.trim().parse().ok()).collect::<Option<_>>()?,
        };
        let width = usize::from(width - b'0');
        (shape.len() <= HIGHEST_RANK).then_some(Self {
            kind,
            width,
            big_endian: order == b'>',
            fortran,
            shape,
        })
    }

    /// The array of `bytes`, or the element that does not fit with its value and what fits.
    fn array(self, mut bytes: Vec<u8>) -> Result<Array, (usize, String, &'static str)> {
        if self.big_endian && self.width > 1 {
            bytes.chunks_mut(self.width).for_each(<[u8]>::reverse);
        }
        let shape = if self.shape.is_empty() { vec![1] } else { self.shape.clone() };
        let array = match (self.kind, self.width) {
            (b'u', _) => Array::from_bytes(shape, self.c_order(bytes), 1.0),
            (b'f', 4) => Array::from_vec(shape, self.c_order(elements(&bytes, f32::from_le_bytes))),
            (b'f', _) => {
                let wide = elements(&bytes, f64::from_le_bytes);
                if let Some(at) = wide.iter().position(|&x| x.is_finite() && !(x as f32).is_finite()) {
                    return Err((at, wide[at].to_string(), "a number that f32 holds"));
                }
                Array::from_vec(shape, self.c_order(wide.into_iter().map(|x| x as f32).collect()))
            }
            (_, 4) => Array::from_i32(shape, self.c_order(elements(&bytes, i32::from_le_bytes))),
            _ => {
                let wide = elements(&bytes, i64::from_le_bytes);
                if let Some(at) = wide.iter().position(|&x| i32::try_from(x).is_err()) {
                    return Err((at, wide[at].to_string(), "an integer that i32 holds"));
                }
                Array::from_i32(shape, self.c_order(wide.into_iter().map(|x| x as i32).collect()))
            }
        };
        array.map_err(|error| (0, error.to_string(), "as many elements as the shape holds"))
    }

    /// Elements with the last axis fastest, from elements with the first axis fastest if the file has it so.
    fn c_order<T: Copy>(&self, elements: Vec<T>) -> Vec<T> {
        if !self.fortran || self.shape.len() < 2 || elements.is_empty() {
            return elements;
        }
        let mut index = vec![0; self.shape.len()];
        let mut out = Vec::with_capacity(elements.len());
        for _ in 0..elements.len() {
            out.push(elements[index.iter().zip(&self.shape).rev().fold(0, |at, (&i, &axis)| at * axis + i)]);
            for (i, &axis) in index.iter_mut().zip(&self.shape).rev() {
                *i += 1;
                if *i < axis {
                    break;
                }
                *i = 0;
            }
        }
        out
    }
}

fn elements<const N: usize, T>(bytes: &[u8], from: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| from(*chunk)).collect()
}

fn fill(reader: &mut impl Read, bytes: &mut [u8], path: &Path) -> Result<()> {
    reader.read_exact(bytes).map_err(|error| files::read_error(path, error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(header: &str, data: &[u8]) -> Result<Array> {
        let mut bytes = [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
        bytes.extend(data);
        decode(bytes.as_slice(), Path::new("x.npy"), "")
    }

    /// `numpy.save` of `numpy.array([[1, 2, 3], [4, 5, 6]], dtype)`, and of its Fortran copy.
    #[test]
    fn every_type_and_order_of_numpy() {
        let wanted = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let le = |descr: &str| -> Vec<u8> {
            (1..=6u8)
                .flat_map(|x| match &descr[1..] {
                    "f4" => f32::from(x).to_le_bytes().to_vec(),
                    "f8" => f64::from(x).to_le_bytes().to_vec(),
                    "i4" => i32::from(x).to_le_bytes().to_vec(),
                    "i8" => i64::from(x).to_le_bytes().to_vec(),
                    _ => vec![x],
                })
                .collect()
        };
        for descr in ["<f4", "<f8", "<i4", "<i8", "|u1"] {
            let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2, 3), }}   \n");
            let array = decoded(&header, &le(descr)).unwrap();
            assert_eq!((array.shape(), array.to_f32()), (&[2, 3][..], wanted.to_vec()), "{descr}");
            assert_eq!(array.is_integer(), descr.contains('i'));
            let header = format!("{{'shape': (3, 2), 'fortran_order': True, 'descr': '{descr}'}}");
            let array = decoded(&header, &le(descr)).unwrap();
            assert_eq!(array.to_f32(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0], "{descr}, Fortran order");
        }
        let big: Vec<u8> = [258i32, -2].into_iter().flat_map(i32::to_be_bytes).collect();
        let array = decoded("{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }", &big).unwrap();
        assert_eq!(array.to_i32(), [258, -2]);
        let scalar =
            decoded("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", &2.5f32.to_le_bytes());
        assert_eq!(scalar.unwrap().to_f32(), [2.5]);
    }

    #[test]
    fn lies_and_cuts_are_errors() {
        for (header, data) in [
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 8), }", 8),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }", 8),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 8),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 8),
            ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 8),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8),
            ("{'descr': '<f4', 'fortran_order': 7, 'shape': (2,), }", 8),
            ("{'descr': '<f4', 'shape': (2,), }", 8),
            ("{'descr': ", 8),
            ("", 0),
        ] {
            assert!(decoded(header, &vec![0; data]).is_err(), "{header}");
        }
        let i64s = "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }";
        let error = decoded(i64s, &[1i64.to_le_bytes(), (1i64 << 40).to_le_bytes()].concat()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x.npy: element 1: found 1099511627776, wanted an integer that i32 holds"
        );
        let f64s = "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }";
        assert!(decoded(f64s, &1e300f64.to_le_bytes()).is_err());
        let mut long = [MAGIC, &[2, 0], &u32::MAX.to_le_bytes()].concat();
        long.extend([b' '; 100]);
        assert!(decode(long.as_slice(), Path::new("x.npy"), "").is_err());
    }

    #[test]
    fn archives_keep_names_and_order_and_their_cuts_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npz");
        let x = Array::from_vec([2, 3], vec![1.0, -2.5, f32::NAN, 4.0, 5.0, 6.0]).unwrap();
        let y = Array::from_i32([2], vec![i32::MAX, i32::MIN]).unwrap();
        write_npz(&path, &[("x", &x), ("labels", &y)]).unwrap();
        let arrays = read_npz(&path).unwrap();
        assert_eq!(arrays.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["x", "labels"]);
        assert_eq!(arrays[0].1.shape(), [2, 3]);
        let bits = |array: &Array| array.to_f32().into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(&arrays[0].1), bits(&x));
        assert_eq!(arrays[1].1.to_i32(), y.to_i32());
        assert!(write_npz(&path, &[("x", &x), ("x", &y)]).is_err());
        let whole = std::fs::read(&path).unwrap();
        for len in (0..whole.len()).step_by(7) {
            std::fs::write(&path, &whole[..len]).unwrap();
            assert!(read_npz(&path).is_err(), "cut to {len} of {}", whole.len());
        }
        assert!(read(&path).unwrap_err().to_string().contains("a.npz"));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(axes in proptest::collection::vec(0usize..5, 1..5), integer: bool) {
            let count = axes.iter().product::<usize>();
            let array = match integer {
                true => Array::from_i32(axes, (0..count as i32).map(|i| i.wrapping_mul(77_777_777)).collect()),
                false => Array::from_vec(axes, (0..count).map(|i| (i as f32).sin()).collect()),
            };
            let array = array.unwrap();
            let mut bytes = vec![];
            encode(&mut bytes, &array).unwrap();
            prop_assert_eq!((bytes.len() - count * 4) % 64, 0);
            prop_assert_eq!(&decode(bytes.as_slice(), Path::new("x"), "").unwrap(), &array);
            for len in 0..bytes.len() {
                prop_assert!(decode(&bytes[..len], Path::new("x"), "").is_err());
            }
        }

        #[test]
        fn damaged_headers_never_panic(at in 0usize..128, byte: u8, header in "[{}(),:'a-z0-9 ]{0,60}") {
            let array = Array::from_vec([2, 3], vec![0.0; 6]).unwrap();
            let mut bytes = vec![];
            encode(&mut bytes, &array).unwrap();
            bytes[at] = byte;
            let _ = decode(bytes.as_slice(), Path::new("x"), "");
            let _ = decoded(&header, &[]);
        }
    }
}
