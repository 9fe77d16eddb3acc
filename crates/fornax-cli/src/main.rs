//! The `fornax` command: demos of the listings, data sets, text classifiers, word vectors, recommenders, backends.
#![forbid(unsafe_code)]

#[macro_use]
mod output;

mod data;
mod demo;
mod device;
mod recommend;
mod sequences;
mod text;
mod vectors;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Keras-class deep learning for Rust.
#[derive(Parser)]
#[command(name = "fornax")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train each listing and print one table of what came out.
    Demo(demo::Options),
    /// Named data sets: download or list them.
    Data(data::Options),
    /// Word vectors: train, ask, evaluate, convert.
    Vectors(vectors::Options),
    /// Text classifiers: train, predict, evaluate.
    Text(text::Options),
    /// Recommenders: compare models on a log.
    Recommend(recommend::Options),
}

fn main() -> ExitCode {
    let version =
        format!("{} (backends: {})", env!("CARGO_PKG_VERSION"), fornax::device::compiled().join(", "));
    // clap wants a text that lives as long as the program; there is one.
    let version: &'static str = version.leak();
    let matches = Arguments::command().version(version).get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let outcome = match arguments.command {
        Command::Demo(options) => demo::run(&options),
        Command::Data(options) => data::run(options),
        Command::Vectors(options) => vectors::run(options),
        Command::Text(options) => text::run(options),
        Command::Recommend(options) => recommend::run(options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
