//! [`JsonLines`]: text with a JSON object for each interaction, one a line.

use std::borrow::Cow;
use std::io::BufRead;
use std::path::Path;
use std::str::FromStr;

use fornax_core::{Error, Result};
use fornax_data::files;
use serde_json::{Map, Value as Json};

use super::{check_roles, for_each_line, parse_id, parse_time, parse_value};
use crate::ids::Id;
use crate::interactions::{Duplicates, Event, Interactions, Log};

/// How a file with a JSON object on each line holds a log: what its fields are called.
///
/// An id is a string or a whole number, which stands for its digits; a value or a time is a number, or a string that holds one.
/// Other fields do not count. Defaults: every value is 1, there are no times; a negative value is an error. Gzipped files are
/// known by their first bytes.
///
/// ```
/// use fornax_recommend::{Duplicates, Interactions, JsonLines};
///
/// let text = r#"{"reviewer": "A1", "asin": 7, "stars": 4.5, "when": 1252800000, "text": "Good."}
/// {"reviewer": "A2", "asin": "8", "stars": "3", "when": 1252800060}"#;
/// let schema = JsonLines::new("reviewer", "asin").value("stars").time("when");
/// let log: Interactions<String, u32> = schema.parse(text.as_bytes(), "reviews.json", Duplicates::Last)?;
/// assert_eq!(log.items().as_slice(), [7, 8]);
/// assert_eq!(log.matrix().values(), [4.5, 3.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct JsonLines {
    user: String,
    item: String,
    value: Option<String>,
    time: Option<String>,
    signed: bool,
}

impl JsonLines {
    /// With the fields of the user's and the item's id.
    pub fn new(user: &str, item: &str) -> Self {
        Self { user: user.into(), item: item.into(), value: None, time: None, signed: false }
    }

    /// The field of the value: a rating, a count or a weight.
    pub fn value(self, field: &str) -> Self {
        Self { value: Some(field.into()), ..self }
    }

    /// The field of the time, a number; what is behind its point does not count.
    pub fn time(self, field: &str) -> Self {
        Self { time: Some(field.into()), ..self }
    }

    /// Whether values may be negative.
    pub fn signed(self, signed: bool) -> Self {
        Self { signed, ..self }
    }

    /// Reads a file, gzipped or not.
    ///
    /// # Errors
    /// If two fields are one, the file cannot be read, a line is no JSON object or lacks a field, an id is not of its type, or a value or time is no
    /// number, naming file and line; and as [`Interactions::from_events`].
    pub fn read<U, I>(&self, path: impl AsRef<Path>, duplicates: Duplicates) -> Result<Interactions<U, I>>
    where
        U: Id + FromStr,
        I: Id + FromStr,
    {
        let path = path.as_ref();
        self.parse(files::open(path)?, path, duplicates)
    }

    /// Reads text from anywhere; `name` is what errors call it.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn parse<U, I>(
        &self,
        reader: impl BufRead,
        name: impl AsRef<Path>,
        duplicates: Duplicates,
    ) -> Result<Interactions<U, I>>
    where
        U: Id + FromStr,
        I: Id + FromStr,
    {
        let path = name.as_ref();
        check_roles([Some(&self.user), Some(&self.item), self.value.as_ref(), self.time.as_ref()])?;
        let mut log = Log::default();
        for_each_line(reader, path, |line, text| {
            let event = self.event(text, path, line)?;
            log.push(event).map_err(|error| error.within(format!("{}: line {line}", path.display())))
        })?;
        log.finish(duplicates).map_err(|error| error.within(path.display()))
    }

    fn event<U: FromStr, I: FromStr>(&self, text: &[u8], path: &Path, line: u64) -> Result<Event<U, I>> {
        let object: Map<String, Json> = serde_json::from_slice(text).map_err(|error| {
            // Behind the reason it names the line, which is always 1.
            let reason = error.to_string();
            let reason = reason.rsplit_once(" at line ").map_or(&*reason, |(reason, _)| reason);
            Error::format(path, format!("line {line}, byte {}", error.column()), reason, "a JSON object")
        })?;
        let field = |name: &str| match object.get(name) {
            Some(value) => Ok(value),
            None => {
                let found = format!("no field {name:?}");
                Err(Error::format(path, format!("line {line}"), found, "one in every object"))
            }
        };
        let id = |name: &str, what: &str| match field(name)? {
            Json::String(text) => Ok(Cow::from(text)),
            Json::Number(number) if !number.is_f64() => Ok(number.to_string().into()),
            other => {
                let wanted = "a string or a whole number of at most 64 bits";
                Err(Error::format(path, format!("line {line}, {what}"), other, wanted))
            }
        };
        let number = |name: &str, what: &str| match field(name)? {
            Json::String(text) => Ok(Cow::from(text)),
            Json::Number(number) => Ok(number.to_string().into()),
            other => Err(Error::format(path, format!("line {line}, {what}"), other, "a finite number")),
        };
        let value = self
            .value
            .as_deref()
            .map(|name| parse_value(number(name, "value")?.as_bytes(), path, line, self.signed));
        let time = self.time.as_deref().map(|name| parse_time(number(name, "time")?.as_bytes(), path, line));
        Ok(Event {
            user: parse_id(id(&self.user, "user")?.as_bytes(), path, line, "user")?,
            item: parse_id(id(&self.item, "item")?.as_bytes(), path, line, "item")?,
            value: value.transpose()?.unwrap_or(1.0),
            time: time.transpose()?,
        })
    }
}
