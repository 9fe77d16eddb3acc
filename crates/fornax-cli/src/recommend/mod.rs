//! `fornax recommend` and the recommender listing of the demo.

mod compare;
mod evaluate;
mod files;
mod listing;
mod ratings;
mod search;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use fornax::Result;
use fornax::prelude::*;
use fornax::recommend::{Delimited, Field};

use compare::Compare;
pub(crate) use listing::{LISTING, listing, log};
use ratings::Ratings;

type Log = Interactions<String, String>;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fit several models on one split of a log and print how well they rank what was held out.
    Compare(Compare),
    /// Draw settings of models, fit them on a part of a log and print how well they rank another part.
    Search(search::Search),
    /// Fit a model to a log and write it to a file, with the ids of users and items.
    Train(files::Train),
    /// The best items for users, by a model in a file.
    List(files::List),
    /// The items most similar to one, by a model in a file.
    Similar(files::Alike),
    /// How well a model in a file ranks what was held out of its log.
    Evaluate(evaluate::Evaluate),
    /// Predict ratings by several models in a cross-validation, with the defaults of Surprise for those that it has.
    Ratings(Ratings),
}

/// Where the log is and how it is written.
#[derive(Args)]
struct Input {
    /// A folder with a MovieLens set, or a file with a line for each interaction.
    path: PathBuf,
    /// What stands between the fields of the file.
    #[arg(long, default_value = ",")]
    delimiter: String,
    /// Whether the first line of the file names the fields.
    #[arg(long)]
    header: bool,
    /// The field of the user: a name, or a position from 0.
    #[arg(long, default_value = "0")]
    user: String,
    /// The field of the item.
    #[arg(long, default_value = "1")]
    item: String,
    /// The field of the value; without it every value is 1.
    #[arg(long)]
    value: Option<String>,
}

pub(crate) fn run(options: Options) -> Result<()> {
    match options.command {
        Command::Compare(options) => options.run(),
        Command::Ratings(options) => options.run(),
        Command::Search(options) => options.run(),
        Command::Evaluate(options) => options.run(),
        Command::Train(options) => options.run(),
        Command::List(options) => options.run(),
        Command::Similar(options) => options.run(),
    }
}

impl Input {
    fn read(&self) -> Result<Log> {
        if self.path.is_dir() {
            let ratings = movielens(&self.path)?.ratings;
            let events =
                ratings.events().map(|event| (event.user.to_string(), event.item.to_string(), event.value));
            return Interactions::from_events(events, Duplicates::Error);
        }
        let field = |text: &str| text.parse::<usize>().map_or_else(|_| Field::from(text), Field::from);
        let mut schema = match self.delimiter.as_str() {
            "," => Delimited::csv(),
            other => Delimited::separated_by(&other.replace("\\t", "\t")),
        };
        schema = schema.header(self.header).user(field(&self.user)).item(field(&self.item));
        if let Some(value) = &self.value {
            schema = schema.value(field(value));
        }
        schema.read(&self.path, Duplicates::Last)
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}
