//! Texts as rows of bytes, the form in which they go through a model.

use fornax_core::{Array, Error, Result};

/// Texts as rows of the bytes of UTF-8, `[texts, bytes]`, zeros behind shorter ones: what the layer
/// `TextVectorization` takes. At least one byte wide.
///
/// ```
/// assert_eq!(fornax_data::text::text_bytes(&["ab", "ä", ""])?.to_i32(), [97, 98, 195, 164, 0, 0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
///
/// # Errors
/// If a text ends in a zero byte, which could not be told from padding.
pub fn text_bytes<S: AsRef<str>>(texts: &[S]) -> Result<Array> {
    let width = texts.iter().map(|text| text.as_ref().len()).max().unwrap_or_default().max(1);
    let mut bytes = vec![0; texts.len() * width];
    for (at, (row, text)) in bytes.chunks_exact_mut(width).zip(texts).enumerate() {
        let text = text.as_ref();
        if text.ends_with('\0') {
            return Err(Error::data(format!("text {at}"), "a zero byte at its end", "a text without"));
        }
        row[..text.len()].copy_from_slice(text.as_bytes());
    }
    Array::from_bytes([texts.len(), width], bytes, 1.0)
}

/// The texts of rows of bytes: the inverse of [`text_bytes`].
///
/// # Errors
/// If a row has what is no byte, or is not UTF-8.
pub fn texts_of_bytes(bytes: &Array) -> Result<Vec<String>> {
    let width = bytes.row_len();
    let values = bytes.to_i32();
    let text = |(at, row): (usize, &[i32])| {
        let byte = |&value: &i32| {
            u8::try_from(value).map_err(|_| Error::data(format!("text {at}"), value, "bytes from 0 to 255"))
        };
        let mut bytes = row.iter().map(byte).collect::<Result<Vec<u8>>>()?;
        bytes.truncate(bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1));
        String::from_utf8(bytes).map_err(|error| {
            let place = error.utf8_error().valid_up_to();
            Error::data(format!("text {at}, byte {place}"), "what is not UTF-8", "UTF-8")
        })
    };
    values.chunks_exact(width.max(1)).enumerate().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        let texts = ["", "a\0b", "größe", " "];
        assert_eq!(texts_of_bytes(&text_bytes(&texts).unwrap()).unwrap(), texts);
        assert_eq!(text_bytes(&[""]).unwrap().shape(), [1, 1]);
        assert!(texts_of_bytes(&text_bytes::<&str>(&[]).unwrap()).unwrap().is_empty());
    }

    #[test]
    fn rows_that_are_no_texts_are_errors() {
        let fault =
            |values| texts_of_bytes(&Array::from_i32([1, 3], values).unwrap()).unwrap_err().to_string();
        assert_eq!(fault(vec![97, 256, 0]), "text 0: found 256, wanted bytes from 0 to 255");
        assert_eq!(fault(vec![97, 195, 0]), "text 0, byte 1: found what is not UTF-8, wanted UTF-8");
        let error = text_bytes(&["a", "b\0"]).unwrap_err().to_string();
        assert_eq!(error, "text 1: found a zero byte at its end, wanted a text without");
    }
}
