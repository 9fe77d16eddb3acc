//! `fornax demo`: trains each listing and prints one table, or a JSON object a line.

use std::path::{Path, PathBuf};

use clap::Args;
use fornax::data::datasets::Split;
use fornax::device::DeviceName;
use fornax::prelude::*;
use fornax::train::{History, Model};
use fornax::{Error, Result};

use crate::device::{Job, dispatch};
use crate::{recommend, sequences};

#[derive(Args)]
pub(crate) struct Options {
    /// Listings to run, with commas between: dense, cnn, rnn, text, recommend.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Directory with real data (mnist, timeseries, imdb, ml-100k); without it, synthetic samples.
    #[arg(long)]
    data: Option<PathBuf>,
    /// cpu, ndarray, flex, cuda or cuda:N.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Seed of initial weights and sample order.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Epochs to train; 1 on synthetic data, else 5.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// One JSON object a line instead of the table.
    #[arg(long)]
    json: bool,
}

/// A listing of the design: its name and what it is fed.
struct Listing {
    name: &'static str,
    /// The name of the real data and of the synthetic data.
    data: [&'static str; 2],
    real: fn(&Path) -> Result<Split>,
    synthetic: fn(u64) -> Result<Split>,
}

const LISTINGS: [Listing; 4] = [
    Listing { name: "dense", data: DIGITS, real: flat_mnist, synthetic: |seed| Ok(flat(&digits(seed)?)) },
    Listing { name: "cnn", data: DIGITS, real: |directory| datasets::mnist(directory), synthetic: digits },
    Listing {
        name: "rnn",
        data: ["ETTh1", "synthetic waves"],
        real: sequences::temperatures,
        synthetic: sequences::waves,
    },
    Listing {
        name: "text",
        data: ["IMDB", "synthetic topics"],
        real: sequences::reviews,
        synthetic: sequences::topics,
    },
];

const DIGITS: [&str; 2] = ["mnist", "synthetic digits"];

fn digits(seed: u64) -> Result<Split> {
    Ok(sequences::synthetic(seed, synthetic::digits))
}

fn flat(split: &Split) -> Split {
    Split { train: split.train.flatten(), test: split.test.flatten() }
}

fn flat_mnist(directory: &Path) -> Result<Split> {
    Ok(flat(&datasets::mnist(directory)?))
}

/// A line of the table.
struct Row {
    listing: &'static str,
    data: &'static str,
    history: History,
    test_accuracy: f64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut names: Vec<&str> = LISTINGS.iter().map(|listing| listing.name).collect();
    names.push(recommend::LISTING);
    if let Some(unknown) = options.only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(Error::argument("--only", unknown, format!("some of {}", names.join(", "))));
    }
    let device: DeviceName = options.device.parse()?;
    let epochs = options.epochs.unwrap_or(if options.data.is_some() { 5 } else { 1 }) as usize;
    let is_chosen =
        |listing: &str| options.only.is_empty() || options.only.iter().any(|name| name == listing);
    let chosen = LISTINGS.iter().filter(|listing| is_chosen(listing.name));
    // All data is read first: a file that is missing is no reason to lose a training.
    let trainings = chosen.map(|listing| {
        let split = match &options.data {
            Some(directory) => (listing.real)(directory)?,
            None => (listing.synthetic)(options.seed)?,
        };
        let data = listing.data[usize::from(options.data.is_none())];
        Ok(Training { listing, data, split, seed: options.seed, epochs, quiet: options.json })
    });
    let trainings = trainings.collect::<Result<Vec<_>>>()?;
    let log = is_chosen(recommend::LISTING).then(|| recommend::log(options.data.as_deref(), options.seed));
    let log = log.transpose()?;
    let mut rows: Vec<Row> = vec![];
    for training in trainings {
        let row = dispatch(device, training)?;
        if options.json {
            println!("{}", json(&row, options, device, epochs));
        }
        let interrupted = row.history.interrupted();
        rows.push(row);
        if interrupted {
            break;
        }
    }
    if rows.iter().any(|row| row.history.interrupted()) {
        eprintln!("interrupted: the figures are those of an unfinished training");
    }
    if !options.json && (!rows.is_empty() || log.is_none()) {
        print_table(&rows, options, device, epochs);
    }
    match log {
        Some(log) if !rows.iter().any(|row| row.history.interrupted()) => {
            recommend::listing(&log, options.data.is_none(), options.seed, options.json)
        }
        _ => Ok(()),
    }
}

struct Training {
    listing: &'static Listing,
    data: &'static str,
    split: Split,
    seed: u64,
    epochs: usize,
    quiet: bool,
}

impl Job for Training {
    type Output = Row;

    fn run<B: Backend>(self, device: B::Device) -> Result<Row> {
        let Split { train, test } = self.split;
        let network = match self.listing.name {
            "dense" => dense(),
            "cnn" => cnn(),
            "rnn" => rnn(),
            _ => text(),
        };
        let network = network.seed(self.seed).device(device).add(Dense::new(10).activation(Softmax));
        let mut model: Model<B> =
            network.compile(Adam::default(), SparseCategoricalCrossentropy, [Accuracy])?;
        let fit = Fit::new().epochs(self.epochs).verbose(!self.quiet).handle_interrupt();
        let history = model.fit(&train, fit)?;
        let test_accuracy = model.evaluate(&test)?.get("accuracy").expect("the model has this metric");
        Ok(Row { listing: self.listing.name, data: self.data, history, test_accuracy })
    }
}

fn dense<B: Backend>() -> Sequential<B> {
    Sequential::new([784]).add(Dense::new(64).activation(Relu)).add(Dense::new(64).activation(Relu))
}

fn cnn<B: Backend>() -> Sequential<B> {
    Sequential::new([28, 28, 1])
        .add(Conv2D::new(32, 3).activation(Relu))
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(64, 3).activation(Relu))
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(64, 3).activation(Relu))
        .add(Flatten::new())
}

fn rnn<B: Backend>() -> Sequential<B> {
    Sequential::new([10, 1])
        .add(LSTM::new(64).return_sequences(true))
        .add(LSTM::new(64).return_sequences(true))
}

fn text<B: Backend>() -> Sequential<B> {
    Sequential::new([100]).add(Embedding::new(10_000, 128)).add(LSTM::new(64))
}

fn json(row: &Row, options: &Options, device: DeviceName, epochs: usize) -> String {
    let object = serde_json::json!({
        "listing": row.listing,
        "data": row.data,
        "synthetic": options.data.is_none(),
        "device": device.to_string(),
        "seed": options.seed,
        "epochs": epochs,
        "seconds_per_epoch": row.history.seconds_per_epoch(),
        "metrics": { "test_accuracy": row.test_accuracy },
    });
    object.to_string()
}

fn print_table(rows: &[Row], options: &Options, device: DeviceName, epochs: usize) {
    let kind = if options.data.is_none() { "synthetic: no quality figure" } else { "real" };
    println!("data: {kind}; device: {device}; seed: {}; epochs: {epochs}", options.seed);
    println!(
        "{:<10} {:<18} {:>13} {:>15} {:>13}",
        "listing", "data", "test accuracy", "seconds/epoch", "samples/s"
    );
    for row in rows {
        let rate = row.history.epochs().last().map_or(0.0, |epoch| epoch.samples_per_second);
        println!(
            "{:<10} {:<18} {:>13.4} {:>15.2} {:>13.0}",
            row.listing,
            row.data,
            row.test_accuracy,
            row.history.seconds_per_epoch(),
            rate
        );
    }
}
