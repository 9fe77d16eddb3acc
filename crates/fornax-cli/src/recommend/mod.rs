//! `fornax recommend` and the recommender listing of the demo.

mod compare;
mod deep;
mod evaluate;
mod features;
mod files;
mod input;
mod listing;
mod models;
mod ratings;
mod search;
mod settings;
mod stored;

use clap::{Args, Subcommand};
use fornax::prelude::*;
use fornax::{Error, Result};

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
    Train(Box<files::Train>),
    /// The best items for users, by a model in a file.
    List(files::List),
    /// The rating of a user for items, by a model of ratings in a file.
    Predict(files::Predict),
    /// The items most similar to one, by a model in a file.
    Similar(files::Alike),
    /// How well a model in a file ranks what was held out of its log.
    Evaluate(evaluate::Evaluate),
    /// Predict ratings by several models in a cross-validation, with the defaults of Surprise for those that it has.
    Ratings(Ratings),
}

pub(crate) fn run(options: Options) -> Result<()> {
    match options.command {
        Command::Compare(options) => options.run(),
        Command::Ratings(options) => options.run(),
        Command::Search(options) => options.run(),
        Command::Evaluate(options) => options.run(),
        Command::Train(options) => options.run(),
        Command::List(options) => options.run(),
        Command::Predict(options) => options.run(),
        Command::Similar(options) => options.run(),
    }
}

/// That a log has times, which `reason` needs.
fn check_times(log: &Log, reason: &str) -> Result<()> {
    match log.times() {
        Some(_) => Ok(()),
        None => Err(Error::argument("--time", "none", format!("the field of the time, as {reason}"))),
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}
