//! Text files in other encodings than UTF-8, stated or detected.

use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use encoding_rs::{WINDOWS_1252, mem::decode_latin1};
use fornax_core::{Error, Result};

use crate::files;

/// How the bytes of a file stand for characters.
///
/// A byte order mark of UTF-8 at the beginning of a file is no part of its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 where the whole file is that, else Windows-1252 where every byte has a meaning there, else an error.
    #[default]
    Detect,
    /// UTF-8.
    Utf8,
    /// ISO 8859-1: each byte is the character of its number, which every file is.
    Latin1,
    /// Windows-1252: ISO 8859-1 with quotation marks, dashes and the like at 80 to 9F, of which 81, 8D, 8F, 90 and
    /// 9D have no meaning.
    Windows1252,
}

impl Encoding {
    /// The text that bytes stand for; `name` is what an error calls the file.
    ///
    /// # Errors
    /// If a byte has no meaning in the encoding: names file, line and byte, counted from 1 in the line.
    ///
    /// ```
    /// use fornax_data::text::Encoding;
    ///
    /// let bytes = b"one\n\x93caf\xe9\x94\n";
    /// assert_eq!(Encoding::Detect.decode(bytes, "a.txt")?, "one\n\u{201c}café\u{201d}\n");
    /// let error = Encoding::Utf8.decode(bytes, "a.txt").unwrap_err();
    /// assert_eq!(error.to_string(), "a.txt: line 2: found byte 1 (0x93), wanted UTF-8");
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    pub fn decode(self, bytes: &[u8], name: impl AsRef<Path>) -> Result<String> {
        let content = bytes.strip_prefix(b"\xef\xbb\xbf").filter(|_| self != Self::Latin1).unwrap_or(bytes);
        let utf8 = std::str::from_utf8(content);
        let no_utf8 = utf8.err().map(|error| error.valid_up_to());
        let no_windows = || content.iter().position(|byte| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d));
        let fault = |at: usize, wanted: &str| Err(meaningless(content, at, name.as_ref(), wanted));
        match (self, utf8) {
            (Self::Detect | Self::Utf8, Ok(text)) => Ok(text.to_owned()),
            (Self::Utf8, Err(_)) => fault(no_utf8.unwrap_or_default(), "UTF-8"),
            (Self::Latin1, _) => Ok(decode_latin1(content).into_owned()),
            (Self::Detect | Self::Windows1252, _) => match (no_windows(), no_utf8) {
                (None, _) => Ok(WINDOWS_1252.decode_without_bom_handling(content).0.into_owned()),
                (Some(_), Some(at)) if self == Self::Detect => {
                    fault(at, "UTF-8, or bytes that have a meaning in Windows-1252")
                }
                (Some(at), _) => fault(at, "a byte that has a meaning in Windows-1252"),
            },
        }
    }

    /// The whole text of a file, gzipped or not.
    ///
    /// # Errors
    /// If the file cannot be read, or as for [`decode`](Self::decode).
    pub fn read(self, path: impl AsRef<Path>) -> Result<String> {
        let path = path.as_ref();
        let mut bytes = vec![];
        files::open(path)?.read_to_end(&mut bytes).map_err(|error| files::read_error(path, error))?;
        self.decode(&bytes, path)
    }
}

impl FromStr for Encoding {
    type Err = Error;

    /// `detect`, `utf-8`, `latin-1` or `windows-1252`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "detect" => Ok(Self::Detect),
            "utf-8" => Ok(Self::Utf8),
            "latin-1" => Ok(Self::Latin1),
            "windows-1252" => Ok(Self::Windows1252),
            other => Err(Error::argument("encoding", other, "detect, utf-8, latin-1 or windows-1252")),
        }
    }
}

fn meaningless(content: &[u8], at: usize, name: &Path, wanted: &str) -> Error {
    let before = &content[..at];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let in_line = at - before.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1) + 1;
    let found = format!("byte {in_line} (0x{:02x})", content[at]);
    Error::format(name, format!("line {line}"), found, wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_encoding_reads_its_bytes() {
        let read = |encoding: Encoding, bytes: &[u8]| encoding.decode(bytes, "a").unwrap();
        assert_eq!(read(Encoding::Windows1252, b"\x80 \x96 \xfc"), "\u{20ac} \u{2013} ü");
        assert_eq!(read(Encoding::Latin1, b"\x80\xfc\xef\xbb\xbf"), "\u{80}üï»¿");
        assert_eq!(read(Encoding::Detect, "\u{feff}ü".as_bytes()), "ü");
        assert_eq!(read(Encoding::Utf8, "\u{feff}\u{feff}ü".as_bytes()), "\u{feff}ü");
        assert_eq!(read(Encoding::Detect, b"\xfc"), "ü");
    }

    #[test]
    fn bytes_without_a_meaning_are_named() {
        let fault = |encoding: Encoding, bytes: &[u8]| encoding.decode(bytes, "a").unwrap_err().to_string();
        assert_eq!(fault(Encoding::Utf8, b"ok\nb\xe4d\n"), "a: line 2: found byte 2 (0xe4), wanted UTF-8");
        assert_eq!(
            fault(Encoding::Windows1252, b"a\n\nbc\x81"),
            "a: line 3: found byte 3 (0x81), wanted a byte that has a meaning in Windows-1252"
        );
        assert_eq!(
            fault(Encoding::Detect, b"\xe4\n\x9d"),
            "a: line 1: found byte 1 (0xe4), wanted UTF-8, or bytes that have a meaning in Windows-1252"
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in "[ -~äöüß\n\u{2014}\u{20ac}]{0,40}") {
            prop_assert_eq!(&Encoding::Utf8.decode(text.as_bytes(), "a").unwrap(), &text);
            prop_assert_eq!(&Encoding::Detect.decode(text.as_bytes(), "a").unwrap(), &text);
            let (bytes, _, failed) = WINDOWS_1252.encode(&text);
            prop_assert!(!failed);
            prop_assert_eq!(&Encoding::Windows1252.decode(&bytes, "a").unwrap(), &text);
        }

        #[test]
        fn latin1_reads_everything(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let text = Encoding::Latin1.decode(&bytes, "a").unwrap();
            prop_assert_eq!(text.chars().map(|c| c as u32 as u8).collect::<Vec<_>>(), bytes);
        }
    }
}
