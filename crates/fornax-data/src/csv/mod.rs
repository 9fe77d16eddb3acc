//! Tables in text files: a [`Schema`] says how a file is written and what its columns hold.

mod reading;

use std::io::BufRead;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use fornax_core::{Error, Result};
use reading::{Building, Filling, Width};

use crate::files;
use crate::table::Table;

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers.
    Number,
    /// Categories; the vocabulary is what occurs.
    Category,
    /// Categories of this vocabulary, in this order; another value is an error.
    CategoryOf(Vec<String>),
    /// Nothing of use: the column is left out.
    Ignore,
}

/// How fields are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delimiter {
    /// By this byte, with quotes as RFC 4180 has them.
    Byte(u8),
    /// By any number of blanks and tabs, without quotes.
    Blanks,
}

/// How a text file is written and what its columns hold.
///
/// Defaults: fields divided by commas, the first line names the columns, an empty field is a missing value, blanks
/// around a field do not count, no comments. Columns of the file that are not listed are ignored. Gzipped files
/// are known by their first bytes.
///
/// ```
/// use fornax_data::csv::{Kind, Schema};
///
/// let text = "age;city;income\n31;Rome;low\n?;Oslo;high\n";
/// let schema = Schema::new()
///     .delimiter(b';')
///     .missing(["?"])
///     .column("age", Kind::Number)
///     .column("city", Kind::Category)
///     .target("income", Kind::CategoryOf(vec!["low".into(), "high".into()]));
/// let table = schema.parse(text.as_bytes(), "people.csv")?;
/// assert_eq!(table.len(), 2);
/// assert_eq!(table.column("age")?.missing_count(), 1);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Schema {
    delimiter: Delimiter,
    header: bool,
    missing: Vec<String>,
    comment: Option<u8>,
    skip_lines: usize,
    trim_end: Option<char>,
    fields: Vec<Field>,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    position: Option<usize>,
    kind: Kind,
    target: bool,
}

impl Default for Schema {
    fn default() -> Self {
        Self::new()
    }
}

impl Schema {
    /// The defaults, without a column.
    pub fn new() -> Self {
        Self {
            delimiter: Delimiter::Byte(b','),
            header: true,
            missing: vec![String::new()],
            comment: None,
            skip_lines: 0,
            trim_end: None,
            fields: vec![],
        }
    }

    /// Fields are divided by this byte.
    pub fn delimiter(self, delimiter: u8) -> Self {
        Self { delimiter: Delimiter::Byte(delimiter), ..self }
    }

    /// Fields are divided by blanks and tabs, any number of them.
    pub fn blanks(self) -> Self {
        Self { delimiter: Delimiter::Blanks, ..self }
    }

    /// Whether the first line names the columns; if not, the listed columns are the fields in their order.
    pub fn header(self, header: bool) -> Self {
        Self { header, ..self }
    }

    /// What stands for a missing value, in place of the empty field.
    pub fn missing<S: Into<String>>(self, marks: impl IntoIterator<Item = S>) -> Self {
        Self { missing: marks.into_iter().map(Into::into).collect(), ..self }
    }

    /// Lines that begin with this byte do not count.
    pub fn comment(self, comment: u8) -> Self {
        Self { comment: Some(comment), ..self }
    }

    /// The first `count` lines do not count.
    pub fn skip_lines(self, count: usize) -> Self {
        Self { skip_lines: count, ..self }
    }

    /// A character that may end any field and does not count.
    pub fn trim_end(self, mark: char) -> Self {
        Self { trim_end: Some(mark), ..self }
    }

    /// A feature: found by its name if there is a header, else the next field.
    pub fn column(self, name: impl Into<String>, kind: Kind) -> Self {
        self.field(name, None, kind, false)
    }

    /// A feature at a position, counted from 0, whatever the header says.
    pub fn column_at(self, position: usize, name: impl Into<String>, kind: Kind) -> Self {
        self.field(name, Some(position), kind, false)
    }

    /// What a model is to predict: found as [`column`](Self::column).
    pub fn target(self, name: impl Into<String>, kind: Kind) -> Self {
        self.field(name, None, kind, true)
    }

    /// What a model is to predict, at a position, counted from 0.
    pub fn target_at(self, position: usize, name: impl Into<String>, kind: Kind) -> Self {
        self.field(name, Some(position), kind, true)
    }

    /// Reads a file, gzipped or not.
    ///
    /// # Errors
    /// If the file cannot be read, if a listed column is not in its header, if a line has too few or too many
    /// fields, or if a field is not of its kind; the message names the file, the line and the column.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        self.parse(files::open(path)?, path)
    }

    /// Reads text from anywhere; `name` is what errors call it.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn parse(&self, reader: impl BufRead, name: impl AsRef<Path>) -> Result<Table> {
        let path = name.as_ref();
        let mut records = self.records(reader, path)?;
        let names = match self.header {
            true => match records.next() {
                Some(record) => Some(record?.1),
                None => return Err(Error::format(path, "line 1", "the end of the file", "a header")),
            },
            false => None,
        };
        let mut columns = self.place(names.as_ref(), path)?;
        // Without a header, listed columns that no position is given for are all the fields of a line.
        let width = match &names {
            Some(names) => Width::Exactly(names.len()),
            None if self.fields.iter().all(|field| field.position.is_none()) => {
                Width::Exactly(self.fields.len())
            }
            None => Width::AtLeast(columns.iter().map(|column| column.position + 1).max().unwrap_or(1)),
        };
        for record in records {
            let (line, record) = record?;
            if !width.fits(record.len()) {
                let found = format!("{} fields", record.len());
                return Err(Error::format(path, format!("line {line}"), found, width));
            }
            for column in &mut columns {
                let field = self.trimmed(&record[column.position]);
                let value = (!self.missing.iter().any(|mark| mark == field)).then_some(field);
                column.push(value).map_err(|wanted| {
                    let at = format!("line {line}, column {}", column.name);
                    Error::format(path, at, format!("{field:?}"), wanted)
                })?;
            }
        }
        Table::new(columns.into_iter().map(Building::finish).collect())
    }

    fn field(mut self, name: impl Into<String>, position: Option<usize>, kind: Kind, target: bool) -> Self {
        self.fields.push(Field { name: name.into(), position, kind, target });
        self
    }

    fn trimmed<'a>(&self, field: &'a str) -> &'a str {
        match self.trim_end {
            Some(mark) => field.strip_suffix(mark).unwrap_or(field).trim_end(),
            None => field,
        }
    }

    /// Finds the position of each column that is kept.
    fn place(&self, names: Option<&StringRecord>, path: &Path) -> Result<Vec<Building>> {
        let mut columns = vec![];
        for (index, field) in self.fields.iter().enumerate() {
            let position = match (field.position, names) {
                (Some(position), Some(names)) if position >= names.len() => {
                    let found = format!("{} columns", names.len());
                    return Err(Error::format(
                        path,
                        "header",
                        found,
                        format!("a column {position} ({})", field.name),
                    ));
                }
                (Some(position), _) => position,
                (None, None) => index,
                (None, Some(names)) => names.iter().position(|name| name == field.name).ok_or_else(|| {
                    let found = names.iter().collect::<Vec<_>>().join(", ");
                    Error::format(path, "header", found, format!("a column {}", field.name))
                })?,
            };
            if let Some(values) = Filling::new(&field.kind) {
                columns.push(Building { name: field.name.clone(), target: field.target, position, values });
            }
        }
        if columns.is_empty() {
            return Err(Error::argument("schema", "no column to keep", "at least one"));
        }
        Ok(columns)
    }

    /// The records with the line each begins at.
    fn records<'a>(
        &self,
        mut reader: impl BufRead + 'a,
        path: &'a Path,
    ) -> Result<Box<dyn Iterator<Item = Result<(u64, StringRecord)>> + 'a>> {
        let skipped = self.skip_lines as u64;
        for _ in 0..skipped {
            reader.skip_until(b'\n').map_err(|error| files::read_error(path, error))?;
        }
        match self.delimiter {
            Delimiter::Byte(delimiter) => {
                let reader = ReaderBuilder::new()
                    .delimiter(delimiter)
                    .has_headers(false)
                    .flexible(true)
                    .trim(Trim::All)
                    .comment(self.comment)
                    .from_reader(reader);
                Ok(Box::new(reader.into_records().filter_map(move |record| match record {
                    Ok(record) if record.len() == 1 && record[0].is_empty() => None,
                    Ok(record) => Some(Ok((skipped + record.position().map_or(0, |at| at.line()), record))),
                    Err(error) => Some(Err(csv_error(path, skipped, error))),
                })))
            }
            Delimiter::Blanks => {
                let comment = self.comment;
                let lines = reader.lines().zip(skipped + 1..);
                Ok(Box::new(lines.filter_map(move |(text, line)| match text {
                    Ok(text) if comment.is_some_and(|mark| text.as_bytes().first() == Some(&mark)) => None,
                    Ok(text) if text.trim().is_empty() => None,
                    Ok(text) => {
                        // A byte order mark is no part of the first field; the csv crate knows that by itself.
                        let text = text.strip_prefix('\u{feff}').filter(|_| line == 1).unwrap_or(&text);
                        Some(Ok((line, text.split_ascii_whitespace().collect())))
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                        Some(Err(Error::format(path, format!("line {line}"), error, "UTF-8 text")))
                    }
                    Err(error) => Some(Err(files::read_error(path, error))),
                })))
            }
        }
    }
}

/// The error of the csv crate, with `skipped` lines before its first.
pub(crate) fn csv_error(path: &Path, skipped: u64, error: csv::Error) -> Error {
    let line = error.position().map_or(0, |at| at.line()) + skipped;
    match error.into_kind() {
        csv::ErrorKind::Io(error) => files::read_error(path, error),
        csv::ErrorKind::Utf8 { err, .. } => Error::format(path, format!("line {line}"), err, "UTF-8 text"),
        other => Error::format(path, format!("line {line}"), format!("{other:?}"), "a record"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::table::Values;

    fn schema() -> Schema {
        Schema::new().column("a", Kind::Number).column("b", Kind::Category)
    }

    fn error(schema: &Schema, text: &str) -> String {
        schema.parse(text.as_bytes(), "t.csv").unwrap_err().to_string()
    }

    #[test]
    fn columns_are_found_by_name_or_by_place() {
        let by_name = schema().parse("x,b, a\n9,\"p, q\", 1.5\n9,z,-2e3\n\n".as_bytes(), "t.csv").unwrap();
        assert_eq!(by_name.column("a").unwrap().values(), &Values::Numbers(vec![1.5, -2000.0]));
        let Values::Categories(categories) = by_name.column("b").unwrap().values() else {
            panic!("categories")
        };
        assert_eq!(categories.vocabulary(), ["p, q", "z"]);
        let by_place = schema().header(false).parse("1.5,\"p, q\"\n-2000,z".as_bytes(), "t.csv").unwrap();
        assert_eq!(by_place, by_name);
        let skipping = Schema::new()
            .header(false)
            .skip_lines(2)
            .comment(b'#')
            .column_at(2, "a", Kind::Number)
            .column_at(0, "b", Kind::Category);
        let text = "title\nunits,\n# no\n\"p, q\",-,1.5,-,-\nz,-,-2000\n";
        assert_eq!(skipping.parse(text.as_bytes(), "t.csv").unwrap(), by_name);
        let blanks =
            schema().header(false).blanks().parse("1.5  p\t\n\n -2000 z \n".as_bytes(), "t.csv").unwrap();
        assert_eq!(blanks.column("a").unwrap(), by_name.column("a").unwrap());
        let marked = schema().parse("\u{feff}a,b\n1,z\n".as_bytes(), "t.csv").unwrap();
        assert_eq!(marked.len(), 1, "a byte order mark is no part of the first name");
        assert_eq!(schema().blanks().parse("\u{feff}a b\n1 z\n".as_bytes(), "t.csv").unwrap(), marked);
    }

    #[test]
    fn errors_name_the_line_and_the_column() {
        assert_eq!(error(&schema(), "a,b\n1,x\n2\n"), "t.csv: line 3: found 1 fields, wanted 2");
        assert_eq!(error(&schema(), "a,b\n1,x,y\n"), "t.csv: line 2: found 3 fields, wanted 2");
        assert_eq!(
            error(&schema().skip_lines(1), "title\na,b\n1,x\none,x\n"),
            "t.csv: line 4, column a: found \"one\", wanted a finite number"
        );
        for number in ["inf", "NaN", "1e99", "1,5", "0x10"] {
            assert!(
                error(&schema().delimiter(b';'), &format!("a;b\n{number};x\n")).contains("column a"),
                "{number}"
            );
        }
        assert_eq!(error(&schema(), "a,c\n"), "t.csv: header: found a, c, wanted a column b");
        assert!(error(&schema(), "").contains("a header"));
        let fixed = Schema::new().target("a", Kind::CategoryOf(vec!["yes".into(), "no".into()]));
        assert_eq!(
            error(&fixed, "a\nyes\nmaybe\n"),
            "t.csv: line 3, column a: found \"maybe\", wanted one of yes, no"
        );
        assert!(error(&Schema::new().column("a", Kind::Ignore), "a\n1\n").contains("no column to keep"));
        let latin1 = schema().parse(&b"a,b\n1,caf\xe9\n"[..], "t.csv").unwrap_err().to_string();
        assert!(latin1.starts_with("t.csv: line 2") && latin1.contains("UTF-8"), "{latin1}");
        let latin1 = schema().blanks().parse(&b"a b\n1 caf\xe9\n"[..], "t.csv").unwrap_err().to_string();
        assert!(latin1.starts_with("t.csv: line 2") && latin1.contains("UTF-8"), "{latin1}");
    }

    #[test]
    fn marks_stand_for_missing_values() {
        let table = schema().missing(["?", "NA"]).parse("a,b\n?,x\n1,NA\n2,\n".as_bytes(), "t.csv").unwrap();
        assert_eq!(table.column("a").unwrap().missing_count(), 1);
        let Values::Categories(categories) = table.column("b").unwrap().values() else {
            panic!("categories")
        };
        assert_eq!(categories.iter().collect::<Vec<_>>(), [Some("x"), None, Some("")]);
        let dots = schema().trim_end('.').parse("a,b\n3.,x.\n".as_bytes(), "t.csv").unwrap();
        let Values::Categories(categories) = dots.column("b").unwrap().values() else { panic!("categories") };
        assert_eq!(categories.vocabulary(), ["x"]);
    }

    proptest! {
        #[test]
        fn any_text_gives_a_table_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200), blanks: bool) {
            let schema = if blanks { schema().blanks() } else { schema() };
            let _ = schema.clone().parse(bytes.as_slice(), "t");
            let _ = schema.header(false).parse(bytes.as_slice(), "t");
        }

        #[test]
        fn what_the_csv_crate_writes_is_read(rows in proptest::collection::vec((any::<i16>(), "[a-z\",;\n]{1,8}"), 0..9)) {
            let mut writer = csv::Writer::from_writer(vec![]);
            writer.write_record(["a", "b"]).unwrap();
            rows.iter().for_each(|(a, b)| writer.write_record([a.to_string(), b.clone()]).unwrap());
            let table = schema().missing(["none"]).parse(writer.into_inner().unwrap().as_slice(), "t").unwrap();
            prop_assert_eq!(table.len(), rows.len());
            let numbers: Vec<f32> = rows.iter().map(|row| f32::from(row.0)).collect();
            prop_assert_eq!(table.column("a").unwrap().values(), &Values::Numbers(numbers));
            let Values::Categories(categories) = table.column("b").unwrap().values() else { panic!("categories") };
            for (read, (_, written)) in categories.iter().zip(&rows) {
                prop_assert_eq!(read, Some(written.trim()));
            }
        }
    }
}
