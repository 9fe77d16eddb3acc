//! Logs in files: delimited text, lines of JSON, MovieLens, lines of items; and features of users and items.

mod delimited;
mod features;
mod json_lines;
mod lines;
mod movielens;

pub use delimited::{Delimited, Field};
pub use features::features;
pub use json_lines::JsonLines;
pub use lines::{lightgcn, sequences};
pub use movielens::{MovieLens, movielens};

use std::borrow::Cow;
use std::io::BufRead;
use std::path::Path;
use std::str::FromStr;

use fornax_core::{Error, Result};
use fornax_data::files;

/// Text in UTF-8, or else in latin-1, where each byte is a character.
fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect::<String>().into(),
    }
}

/// The id that a field holds.
fn parse_id<T: FromStr>(field: &[u8], path: &Path, line: u64, name: &str) -> Result<T> {
    let text = decode(field.trim_ascii());
    let error =
        |wanted: &str| Error::format(path, format!("line {line}, {name}"), format!("{text:?}"), wanted);
    if text.is_empty() {
        return Err(error("an id"));
    }
    text.parse().map_err(|_| error(&format!("an id of type {}", std::any::type_name::<T>())))
}

/// The value that a field holds.
fn parse_value(field: &[u8], path: &Path, line: u64, signed: bool) -> Result<f32> {
    let number = parse_number(field, path, line, "value")?.0;
    let value = number as f32;
    if value.is_infinite() {
        let found = format!("{number:e}");
        return Err(Error::format(path, format!("line {line}, value"), found, "a number of 32 bits"));
    }
    if value < 0.0 && !signed {
        return Err(Error::format(path, format!("line {line}, value"), value, "0 or more"));
    }
    Ok(value)
}

/// The time that a field holds. Whole numbers keep all their digits; of others the fraction is left out.
fn parse_time(field: &[u8], path: &Path, line: u64) -> Result<i64> {
    let (time, whole) = parse_number(field, path, line, "time")?;
    // 2^63, which is no i64 any more, is exact.
    match whole {
        Some(whole) => Ok(whole),
        None if time.abs() < i64::MAX as f64 => Ok(time as i64),
        None => Err(Error::format(path, format!("line {line}, time"), time, "a number of 64 bits")),
    }
}

/// A finite number, and as a whole one if it is written so.
fn parse_number(field: &[u8], path: &Path, line: u64, name: &str) -> Result<(f64, Option<i64>)> {
    let text = decode(field.trim_ascii());
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok((number, text.parse::<i64>().ok())),
        _ => Err(Error::format(path, format!("line {line}, {name}"), format!("{text:?}"), "a finite number")),
    }
}

/// That the fields of user, item, value and time are different ones.
fn check_roles<T: PartialEq>(fields: [Option<T>; 4]) -> Result<()> {
    let roles = ["user", "item", "value", "time"];
    for (at, field) in fields.iter().enumerate().filter(|(_, field)| field.is_some()) {
        if let Some(before) = fields[..at].iter().position(|other| other == field) {
            let found = format!("that of the {}", roles[before]);
            return Err(Error::argument(format!("field of the {}", roles[at]), found, "another one"));
        }
    }
    Ok(())
}

/// What text in UTF-8 may begin with.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// That there is no carriage return in a line, where it would be the end of one, unless `is_quoted`, which is asked of every byte.
fn check_returns(text: &[u8], path: &Path, line: u64, mut is_quoted: impl FnMut(u8) -> bool) -> Result<()> {
    if text.contains(&b'\r') && text.iter().any(|&byte| !is_quoted(byte) && byte == b'\r') {
        let found = "a carriage return alone";
        return Err(Error::format(path, format!("line {line}"), found, "lines that end with a line feed"));
    }
    Ok(())
}

/// Calls `each` with every line that is not blank, without a byte order mark, and its number, counted from 1.
fn for_each_line(
    mut reader: impl BufRead,
    path: &Path,
    mut each: impl FnMut(u64, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut bytes = vec![];
    for line in 1.. {
        bytes.clear();
        let read = reader.read_until(b'\n', &mut bytes).map_err(|error| files::read_error(path, error))?;
        if read == 0 {
            break;
        }
        let text = match line {
            1 => bytes.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(&bytes),
            _ => &bytes,
        };
        let text = text.trim_ascii();
        if !text.is_empty() {
            check_returns(text, path, line, |_| false)?;
            each(line, text)?;
        }
    }
    Ok(())
}
