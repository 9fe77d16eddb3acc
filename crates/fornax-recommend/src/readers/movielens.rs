//! The MovieLens sets as GroupLens publishes them: ratings, titles and genres.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use csv::ByteRecord;
use fornax_core::{Error, Result};
use fornax_data::files;

use super::{Delimited, decode, parse_id};
use crate::interactions::{Duplicates, Interactions};

/// A MovieLens set.
#[derive(Clone, Debug)]
pub struct MovieLens {
    /// Ratings from 0.5 or 1 to 5, by the published numbers of users and movies.
    pub ratings: Interactions<u32, u32>,
    movies: HashMap<u32, Movie>,
}

#[derive(Clone, Debug)]
struct Movie {
    title: String,
    genres: Vec<String>,
}

/// The genres that the flags of `u.item` stand for, as `u.genre` has them.
const GENRES: [&str; 19] = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
];

/// How a file of movies says their genres.
#[derive(Clone, Copy)]
enum Genres {
    /// From field 5 on, 0 or 1 for each genre.
    Flags,
    /// Field 2, names with `|` between.
    Names,
}

impl Genres {
    /// The genres of a movie, or what was found in their place and what was wanted.
    fn read(self, record: &ByteRecord) -> Result<Vec<String>, (String, String)> {
        if let Self::Names = self {
            let names = decode(record.get(2).unwrap_or_default().trim_ascii());
            let named = names.split('|').filter(|name| !name.is_empty() && *name != "(no genres listed)");
            return Ok(named.map(str::to_owned).collect());
        }
        let flags: Vec<&[u8]> = record.iter().skip(5).map(<[u8]>::trim_ascii).collect();
        if ![0, GENRES.len()].contains(&flags.len()) {
            return Err((format!("{} flags", flags.len()), GENRES.len().to_string()));
        }
        if let Some(wrong) = flags.iter().find(|flag| **flag != b"0" && **flag != b"1") {
            return Err((format!("{:?}", decode(wrong)), "0 or 1".into()));
        }
        let set = GENRES.iter().zip(flags).filter(|(_, flag)| *flag == b"1");
        Ok(set.map(|(genre, _)| (*genre).to_owned()).collect())
    }
}

impl MovieLens {
    /// The title of a movie; none if the set does not name it.
    pub fn title(&self, movie: u32) -> Option<&str> {
        self.movies.get(&movie).map(|movie| movie.title.as_str())
    }

    /// The genres of a movie, as the set names them; none if it does not name the movie, or says none.
    pub fn genres(&self, movie: u32) -> &[String] {
        self.movies.get(&movie).map_or(&[], |movie| &movie.genres)
    }
}

/// Reads a set from its folder: 100K (`u.data`, `u.item`), 1M and 10M (`ratings.dat`, `movies.dat`) or a later one
/// (`ratings.csv`, `movies.csv`), gzipped or not. Of two ratings of one movie by one user the last one stays.
///
/// # Errors
/// If the folder has no such files, or as [`Delimited::read`].
pub fn movielens(folder: impl AsRef<Path>) -> Result<MovieLens> {
    let folder = folder.as_ref();
    let forms = [
        ("u.data", Delimited::tsv(), "u.item", Delimited::separated_by("|"), Genres::Flags),
        (
            "ratings.dat",
            Delimited::separated_by("::"),
            "movies.dat",
            Delimited::separated_by("::"),
            Genres::Names,
        ),
        ("ratings.csv", Delimited::csv(), "movies.csv", Delimited::csv(), Genres::Names),
    ];
    for (ratings, schema, movies, titles, genres) in forms {
        let Some(ratings) = files::find(folder, &[ratings]) else { continue };
        let movies = files::find(folder, &[movies]).ok_or_else(|| missing(folder, movies))?;
        return Ok(MovieLens {
            ratings: schema.value(2).time(3).read(ratings, Duplicates::Last)?,
            movies: read_movies(&titles, movies, genres)?,
        });
    }
    Err(missing(folder, "u.data, ratings.dat or ratings.csv"))
}

fn missing(folder: &Path, wanted: &str) -> Error {
    Error::data(
        "MovieLens",
        format!("no such file in {}", folder.display()),
        format!("{wanted} (plain or .gz)"),
    )
}

fn read_movies(schema: &Delimited, path: PathBuf, form: Genres) -> Result<HashMap<u32, Movie>> {
    let mut movies = HashMap::new();
    let mut header = schema.has_header();
    schema.for_each_record(files::open(&path)?, &path, |line, record| {
        if std::mem::take(&mut header) {
            return Ok(());
        }
        let [Some(id), Some(title)] = [record.get(0), record.get(1)] else {
            let found = format!("{} fields", record.len());
            return Err(Error::format(&path, format!("line {line}"), found, "an id and a title"));
        };
        let place = || format!("line {line}, genres");
        let genres =
            form.read(record).map_err(|(found, wanted)| Error::format(&path, place(), found, wanted))?;
        let title = decode(title.trim_ascii()).into_owned();
        movies.insert(parse_id(id, &path, line, "movie")?, Movie { title, genres });
        Ok(())
    })?;
    Ok(movies)
}
