//! Features of users or items: a line for each that one has.

use std::path::Path;
use std::str::FromStr;

use fornax_core::{Error, Result};
use fornax_data::files;

use super::{Delimited, decode, parse_id, parse_number};

/// What [`Features`](crate::Features) are made of, from a file with a line for each: an id and the name of a feature with a comma between
/// (quoted where they hold one), and behind another comma its weight, where that is not 1. There is no header; the file may be
/// gzipped.
///
/// ```
/// use fornax_recommend::{Duplicates, Features, Interactions, features};
///
/// let path = std::env::temp_dir().join(format!("fornax-features-{}.csv", std::process::id()));
/// std::fs::write(&path, "Alien,space\nAlien,horror,0.5\nHeat,crime\n").unwrap();
/// let log = [("ann", "Alien")].map(|(user, item)| (user.to_owned(), item.to_owned()));
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let (genres, unknown) = Features::of_known(log.items(), features(&path)?)?;
/// assert_eq!(genres.names().as_slice(), ["space", "horror"]);
/// assert_eq!(unknown, 1);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), fornax_core::Error>(())
/// ```
///
/// # Errors
/// If the file cannot be read or has no line, a line has fewer than two fields or more than three, an id is not of its type, a
/// name is empty, or a weight is no finite number, naming file and line.
pub fn features<T: FromStr>(path: impl AsRef<Path>) -> Result<Vec<(T, String, f32)>> {
    let path = path.as_ref();
    let mut features = vec![];
    Delimited::csv().for_each_record(files::open(path)?, path, |line, record| {
        let (id, name, weight) = match (record.get(0), record.get(1), record.len()) {
            (Some(id), Some(name), 2) => (id, name, 1.0),
            (Some(id), Some(name), 3) => {
                let weight = parse_number(record.get(2).unwrap_or_default(), path, line, "weight")?.0;
                if !(weight as f32).is_finite() {
                    let wanted = "a number of 32 bits";
                    return Err(Error::format(path, format!("line {line}, weight"), weight, wanted));
                }
                (id, name, weight as f32)
            }
            (_, _, fields) => {
                let wanted = "an id, a feature and perhaps its weight, with commas between";
                return Err(Error::format(path, format!("line {line}"), format!("{fields} fields"), wanted));
            }
        };
        let name = decode(name.trim_ascii()).into_owned();
        if name.is_empty() {
            return Err(Error::format(path, format!("line {line}, feature"), "nothing", "its name"));
        }
        features.push((parse_id(id, path, line, "id")?, name, weight));
        Ok(())
    })?;
    match features.is_empty() {
        true => Err(Error::format(path, "features", "none", "at least one")),
        false => Ok(features),
    }
}
