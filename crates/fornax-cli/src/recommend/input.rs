//! Where a log is and how it is written.

use std::path::{Path, PathBuf};

use clap::Args;
use fornax::prelude::*;
use fornax::recommend::{Delimited, Event, Field, JsonLines};
use fornax::{Error, Result};

use super::Log;

/// Where the log is and how it is written.
#[derive(Args)]
pub(super) struct Input {
    /// A folder with a MovieLens set, or a file with a line for each interaction: fields with something between, or
    /// a JSON object (.jsonl, .ndjson). Files may be gzipped.
    path: PathBuf,
    /// What stands between the fields of the file [default: ,].
    #[arg(long)]
    delimiter: Option<String>,
    /// Whether the first line of the file names the fields.
    #[arg(long)]
    header: bool,
    /// The field of the user: a name, or a position from 0 [default: 0].
    #[arg(long, value_name = "FIELD")]
    user: Option<String>,
    /// The field of the item [default: 1].
    #[arg(long, value_name = "FIELD")]
    item: Option<String>,
    /// The field of the value; without it every value is 1.
    #[arg(long, value_name = "FIELD")]
    value: Option<String>,
    /// The field of the time, a number that ascends; what is behind its point does not count.
    #[arg(long, value_name = "FIELD")]
    time: Option<String>,
}

impl Input {
    /// Of several interactions of a user with an item the last one counts.
    pub(super) fn read(&self) -> Result<Log> {
        if self.path.is_dir() {
            self.refuse(&self.given(), "none: a folder has a form that is known")?;
            let ratings = movielens(&self.path)?.ratings;
            let events = ratings.events().map(|Event { user, item, value, time }| Event {
                user: user.to_string(),
                item: item.to_string(),
                value,
                time,
            });
            return Interactions::from_events(events, Duplicates::Error);
        }
        let name = self.path.to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.ends_with(".jsonl") || name.ends_with(".ndjson") {
            true => self.read_json_lines(),
            false => self.read_delimited(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the log has values of its own.
    pub(super) fn has_values(&self) -> bool {
        self.path.is_dir() || self.value.is_some()
    }

    /// The log with its values as weights, or with every value 1.
    pub(super) fn read_weights(&self, weighted: bool) -> Result<Log> {
        let log = self.read()?;
        if weighted { Ok(log) } else { log.map_values(|_| 1.0) }
    }

    fn read_delimited(&self) -> Result<Log> {
        let field = |text: &str| text.parse::<usize>().map_or_else(|_| Field::from(text), Field::from);
        let mut schema = match self.delimiter.as_deref() {
            None | Some(",") => Delimited::csv(),
            Some(other) => Delimited::separated_by(&other.replace("\\t", "\t")),
        };
        schema = schema.header(self.header);
        if !self.header
            && let Some((option, name)) =
                self.fields().into_iter().find(|(_, name)| name.parse::<usize>().is_err())
        {
            return Err(Error::argument(
                option,
                name,
                "a position from 0, or --header with a line that names the fields",
            ));
        }
        for (option, name) in self.fields() {
            let field = field(name);
            schema = match option {
                "--user" => schema.user(field),
                "--item" => schema.item(field),
                "--value" => schema.value(field),
                _ => schema.time(field),
            };
        }
        schema.read(&self.path, Duplicates::Last)
    }

    fn read_json_lines(&self) -> Result<Log> {
        let text: Vec<_> = self
            .given()
            .into_iter()
            .filter(|(option, _)| ["--delimiter", "--header"].contains(option))
            .collect();
        self.refuse(&text, "none: a line is a JSON object")?;
        let wanted = "the name of a field: a line is a JSON object";
        let [Some(user), Some(item)] = [&self.user, &self.item] else {
            let option = if self.user.is_none() { "--user" } else { "--item" };
            return Err(Error::argument(option, "none", wanted));
        };
        if let Some((option, position)) =
            self.fields().into_iter().find(|(_, name)| name.parse::<usize>().is_ok())
        {
            return Err(Error::argument(option, position, wanted));
        }
        let mut schema = JsonLines::new(user, item);
        if let Some(value) = &self.value {
            schema = schema.value(value);
        }
        if let Some(time) = &self.time {
            schema = schema.time(time);
        }
        schema.read(&self.path, Duplicates::Last)
    }

    /// The fields that are given, by option.
    fn fields(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("--user", &self.user),
            ("--item", &self.item),
            ("--value", &self.value),
            ("--time", &self.time),
        ];
        all.into_iter().filter_map(|(option, field)| Some((option, field.as_deref()?))).collect()
    }

    /// All that is given of the form.
    fn given(&self) -> Vec<(&'static str, &str)> {
        let header = self.header.then_some(("--header", "given"));
        let delimiter = self.delimiter.as_deref().map(|text| ("--delimiter", text));
        self.fields().into_iter().chain(header).chain(delimiter).collect()
    }

    fn refuse(&self, options: &[(&str, &str)], wanted: &str) -> Result<()> {
        match options.first() {
            Some((option, found)) => Err(Error::argument(*option, found, wanted)),
            None => Ok(()),
        }
    }
}
