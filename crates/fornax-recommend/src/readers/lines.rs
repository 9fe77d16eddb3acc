//! A line for each user: the user, then items.

use std::path::Path;
use std::str::FromStr;

use fornax_core::Result;
use fornax_data::files;

use super::{for_each_line, parse_id};
use crate::ids::Id;
use crate::interactions::{Duplicates, Event, Interactions, Log};

/// Sets of items, as the files of NGCF and LightGCN have them: a line is a user and their items, between blanks. Every value
/// is 1; a user without an item does not count.
///
/// # Errors
/// If the file cannot be read or an id is not of its type, naming file and line; and as [`Interactions::from_events`].
pub fn lightgcn<U, I>(path: impl AsRef<Path>, duplicates: Duplicates) -> Result<Interactions<U, I>>
where
    U: Id + FromStr,
    I: Id + FromStr,
{
    read(path.as_ref(), duplicates, false)
}

/// Sequences of items, as the files of S3-Rec have them: a line is a user and their items from the oldest to the newest,
/// between blanks. Every value is 1, the time of an item is its place in the line, counted from 0.
///
/// # Errors
/// As [`lightgcn`].
pub fn sequences<U, I>(path: impl AsRef<Path>, duplicates: Duplicates) -> Result<Interactions<U, I>>
where
    U: Id + FromStr,
    I: Id + FromStr,
{
    read(path.as_ref(), duplicates, true)
}

fn read<U, I>(path: &Path, duplicates: Duplicates, timed: bool) -> Result<Interactions<U, I>>
where
    U: Id + FromStr,
    I: Id + FromStr,
{
    let mut log = Log::default();
    for_each_line(files::open(path)?, path, |line, text| {
        let mut fields = text.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let Some(user) = fields.next() else { return Ok(()) };
        let user: U = parse_id(user, path, line, "user")?;
        for (place, item) in fields.enumerate() {
            let item = parse_id(item, path, line, "item")?;
            let time = timed.then_some(place as i64);
            log.push(Event { user: user.clone(), item, value: 1.0, time })?;
        }
        Ok(())
    })?;
    log.finish(duplicates).map_err(|error| error.within(path.display()))
}
