//! [`Delimited`]: text with a line for each interaction, and a schema that says which field is what.

use std::io::BufRead;
use std::path::Path;
use std::str::FromStr;

use csv::{ByteRecord, ReaderBuilder};
use fornax_core::{Error, Result};
use fornax_data::files;

use super::{BYTE_ORDER_MARK, check_returns, check_roles, decode, parse_id, parse_time, parse_value};
use crate::ids::Id;
use crate::interactions::{Duplicates, Event, Interactions, Log};

/// A field of a line: by the name that the header gives it, or by its position, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// What the header calls it.
    Name(String),
    /// Its position.
    Position(usize),
}

impl From<&str> for Field {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}

impl From<usize> for Field {
    fn from(position: usize) -> Self {
        Self::Position(position)
    }
}

/// How a text file holds a log.
///
/// Defaults: the first field is the user, the second the item, every value is 1, there are no times; a negative value is an
/// error. Gzipped files are known by their first bytes. Text that is no UTF-8 is taken as latin-1.
///
/// ```
/// use fornax_recommend::{Delimited, Duplicates, Interactions};
///
/// let text = "userId,movieId,rating,timestamp\n7,\"Heat, 1995\",4.5,964982703\n8,Alien,3,964982931\n";
/// let schema = Delimited::csv().user("userId").item("movieId").value("rating").time("timestamp");
/// let log: Interactions<u32, String> = schema.parse(text.as_bytes(), "ratings.csv", Duplicates::Last)?;
/// assert_eq!(log.items().as_slice(), ["Heat, 1995", "Alien"]);
/// assert_eq!(log.times(), Some(&[964982703, 964982931][..]));
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Delimited {
    delimiter: String,
    quotes: bool,
    header: bool,
    signed: bool,
    user: Field,
    item: Field,
    value: Option<Field>,
    time: Option<Field>,
}

impl Delimited {
    /// Fields between commas, quoted where they hold one (RFC 4180), under a header.
    pub fn csv() -> Self {
        Self { quotes: true, header: true, ..Self::separated_by(",") }
    }

    /// Fields between tabs, without quotes or a header.
    pub fn tsv() -> Self {
        Self::separated_by("\t")
    }

    /// Fields between such strings, for example `::`, without quotes or a header.
    pub fn separated_by(delimiter: &str) -> Self {
        Self {
            delimiter: delimiter.into(),
            quotes: false,
            header: false,
            signed: false,
            user: 0.into(),
            item: 1.into(),
            value: None,
            time: None,
        }
    }

    /// Whether the first line names the fields.
    pub fn header(self, header: bool) -> Self {
        Self { header, ..self }
    }

    /// The field of the user's id.
    pub fn user(self, field: impl Into<Field>) -> Self {
        Self { user: field.into(), ..self }
    }

    /// The field of the item's id.
    pub fn item(self, field: impl Into<Field>) -> Self {
        Self { item: field.into(), ..self }
    }

    /// The field of the value: a rating, a count or a weight.
    pub fn value(self, field: impl Into<Field>) -> Self {
        Self { value: Some(field.into()), ..self }
    }

    /// The field of the time, a number; what is behind its point does not count.
    pub fn time(self, field: impl Into<Field>) -> Self {
        Self { time: Some(field.into()), ..self }
    }

    /// Whether values may be negative.
    pub fn signed(self, signed: bool) -> Self {
        Self { signed, ..self }
    }

    /// Reads a file, gzipped or not.
    ///
    /// # Errors
    /// If the file cannot be read, the header lacks a field, two fields are one, a line is too short, a quote is not closed, a line ends
    /// with a carriage return alone, an id is not of its type, or a value or time is no number, naming file and line; and
    /// as [`Interactions::from_events`].
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
        let mut log = Log::default();
        let mut columns = None;
        self.for_each_record(reader, path, |line, record| {
            let first = columns.is_none();
            let columns = match &mut columns {
                Some(columns) => columns,
                none => none.insert(Columns::new(self, self.header.then_some(record), path)?),
            };
            if first && self.header {
                return Ok(());
            }
            let event = self.event(record, columns, path, line)?;
            log.push(event).map_err(|error| error.within(format!("{}: line {line}", path.display())))
        })?;
        log.finish(duplicates).map_err(|error| error.within(path.display()))
    }

    pub(super) fn has_header(&self) -> bool {
        self.header
    }

    fn event<U: FromStr, I: FromStr>(
        &self,
        record: &ByteRecord,
        columns: &Columns,
        path: &Path,
        line: u64,
    ) -> Result<Event<U, I>> {
        let field = |at: usize| {
            let wanted = || format!("at least {} with {:?} between", columns.width, self.delimiter);
            let found = || format!("{} fields", record.len());
            record.get(at).ok_or_else(|| Error::format(path, format!("line {line}"), found(), wanted()))
        };
        let value = columns.value.map(|at| parse_value(field(at)?, path, line, self.signed));
        let time = columns.time.map(|at| parse_time(field(at)?, path, line));
        Ok(Event {
            user: parse_id(field(columns.user)?, path, line, "user")?,
            item: parse_id(field(columns.item)?, path, line, "item")?,
            value: value.transpose()?.unwrap_or(1.0),
            time: time.transpose()?,
        })
    }

    /// Calls `each` with the fields of every line that is not empty and its number, counted from 1.
    pub(super) fn for_each_record(
        &self,
        mut reader: impl BufRead,
        path: &Path,
        mut each: impl FnMut(u64, &ByteRecord) -> Result<()>,
    ) -> Result<()> {
        let delimiter = self.delimiter.as_bytes();
        if delimiter.is_empty() {
            return Err(Error::argument("delimiter", "an empty string", "at least one byte"));
        }
        let (mut bytes, mut record, mut next) = (vec![], ByteRecord::new(), 1);
        loop {
            let line = next;
            bytes.clear();
            // A line break between quotes is part of a field.
            let mut place = Place::Start;
            while bytes.is_empty() || place == Place::Quoted {
                let start = bytes.len();
                let read = reader.read_until(b'\n', &mut bytes);
                if read.map_err(|error| files::read_error(path, error))? == 0 {
                    break;
                }
                next += 1;
                if self.quotes && (place == Place::Quoted || bytes[start..].contains(&b'"')) {
                    let text = &bytes[start..];
                    let mark = if line == 1 && start == 0 { BYTE_ORDER_MARK.as_bytes() } else { b"" };
                    let text = text.strip_prefix(mark).unwrap_or(text);
                    place = text.iter().fold(place, |place, &byte| place.behind(byte, delimiter[0]));
                }
            }
            if place == Place::Quoted {
                let found = "a quote that nothing closes";
                return Err(Error::format(path, format!("line {line}"), found, "one behind the field, too"));
            }
            if bytes.is_empty() {
                return Ok(());
            }
            let mut text = &bytes[..];
            if line == 1 {
                text = text.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(text);
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let mut place = Place::Start;
            check_returns(text.trim_ascii_end(), path, line, |byte| {
                let is_quoted = place == Place::Quoted;
                if self.quotes {
                    place = place.behind(byte, delimiter[0]);
                }
                is_quoted
            })?;
            record.clear();
            match delimiter {
                &[delimiter] if self.quotes && text.contains(&b'"') => {
                    let mut builder = ReaderBuilder::new();
                    builder.delimiter(delimiter).has_headers(false);
                    let read = builder.from_reader(text).read_byte_record(&mut record);
                    read.map_err(|error| Error::format(path, format!("line {line}"), error, "a record"))?;
                }
                _ => split(text, delimiter, &mut record),
            }
            each(line, &record)?;
        }
    }
}

/// Where in a record a byte is.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Before the first byte of a field.
    Start,
    /// In a field, where a quote is a character.
    Field,
    Quoted,
    /// Behind a quote that closes a field, unless another one follows.
    Closed,
}

impl Place {
    fn behind(self, byte: u8, delimiter: u8) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::Closed,
            (Self::Quoted, _) | (Self::Start | Self::Closed, b'"') => Self::Quoted,
            (_, byte) if byte == delimiter => Self::Start,
            _ => Self::Field,
        }
    }
}

fn split(mut text: &[u8], delimiter: &[u8], record: &mut ByteRecord) {
    while let Some(at) = text.windows(delimiter.len()).position(|window| window == delimiter) {
        record.push_field(&text[..at]);
        text = &text[at + delimiter.len()..];
    }
    record.push_field(text.trim_ascii_end());
}

/// The positions of the fields.
struct Columns {
    user: usize,
    item: usize,
    value: Option<usize>,
    time: Option<usize>,
    width: usize,
}

impl Columns {
    fn new(schema: &Delimited, names: Option<&ByteRecord>, path: &Path) -> Result<Self> {
        let position = |field: &Field| match (field, names) {
            (Field::Position(position), _) => Ok(*position),
            (Field::Name(name), None) => {
                Err(Error::argument("field", format!("the name {name}"), "a position, as there is no header"))
            }
            (Field::Name(name), Some(names)) => {
                let found =
                    || names.iter().map(|name| decode(name.trim_ascii())).collect::<Vec<_>>().join(", ");
                let at = names.iter().position(|found| decode(found.trim_ascii()) == name.as_str());
                at.ok_or_else(|| Error::format(path, "header", found(), format!("a field {name}")))
            }
        };
        let (user, item) = (position(&schema.user)?, position(&schema.item)?);
        let value = schema.value.as_ref().map(position).transpose()?;
        let time = schema.time.as_ref().map(position).transpose()?;
        let fields = [Some(user), Some(item), value, time];
        check_roles(fields)?;
        let width = 1 + fields.into_iter().flatten().max().unwrap_or(0);
        Ok(Self { user, item, value, time, width })
    }
}
