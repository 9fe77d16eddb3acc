//! `fornax demo`: trains each listing and prints one table, or a JSON object a line.

use std::path::PathBuf;

use clap::Args;
use fornax::data::datasets::Split;
use fornax::device::DeviceName;
use fornax::prelude::*;
use fornax::train::{History, Model};
use fornax::{Error, Result};

use crate::device::{Job, dispatch};

/// Synthetic samples when there is no data.
const SYNTHETIC: [usize; 2] = [6_000, 1_000];

#[derive(Args)]
pub(crate) struct Options {
    /// Listings to run, with commas between: dense, cnn.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Directory with real data (mnist/...); without it, 6 000 synthetic digits.
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

/// A listing of the design: its name and how it is described and fed.
struct Listing {
    name: &'static str,
    flat: bool,
}

const LISTINGS: [Listing; 2] = [Listing { name: "dense", flat: true }, Listing { name: "cnn", flat: false }];

/// A line of the table.
struct Row {
    listing: &'static str,
    history: History,
    test_accuracy: f64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let names: Vec<&str> = LISTINGS.iter().map(|listing| listing.name).collect();
    if let Some(unknown) = options.only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(Error::argument("--only", unknown, format!("some of {}", names.join(", "))));
    }
    let device: DeviceName = options.device.parse()?;
    let (data, split) = match &options.data {
        Some(directory) => ("mnist", datasets::mnist(directory)?),
        None => ("synthetic digits", synthetic_digits(options.seed)),
    };
    let epochs = options.epochs.unwrap_or(if options.data.is_some() { 5 } else { 1 }) as usize;
    let mut rows = vec![];
    for listing in &LISTINGS {
        if options.only.is_empty() || options.only.iter().any(|name| name == listing.name) {
            let training =
                Training { listing, split: &split, seed: options.seed, epochs, quiet: options.json };
            rows.push(dispatch(device, training)?);
            let interrupted = rows.last().is_some_and(|row: &Row| row.history.interrupted());
            if options.json {
                let row = rows.last().expect("a row was pushed");
                println!("{}", json(row, data, options, device, epochs));
            }
            if interrupted {
                break;
            }
        }
    }
    if rows.iter().any(|row| row.history.interrupted()) {
        eprintln!("interrupted: the figures are those of an unfinished training");
    }
    if !options.json {
        print_table(&rows, data, options, device, epochs);
    }
    Ok(())
}

/// Test digits come from another seed than training digits.
fn synthetic_digits(seed: u64) -> Split {
    let [train, test] = SYNTHETIC;
    Split { train: synthetic::digits(train, 2 * seed), test: synthetic::digits(test, 2 * seed + 1) }
}

struct Training<'a> {
    listing: &'static Listing,
    split: &'a Split,
    seed: u64,
    epochs: usize,
    quiet: bool,
}

impl Job for Training<'_> {
    type Output = Row;

    fn run<B: Backend>(self, device: B::Device) -> Result<Row> {
        let (train, test) = match self.listing.flat {
            true => (self.split.train.flatten(), self.split.test.flatten()),
            false => (self.split.train.clone(), self.split.test.clone()),
        };
        let mut model: Model<B> = match self.listing.flat {
            true => dense(self.seed, device)?,
            false => cnn(self.seed, device)?,
        };
        let fit = Fit::new().epochs(self.epochs).verbose(!self.quiet).handle_interrupt();
        let history = model.fit(&train, fit)?;
        let test_accuracy = model.evaluate(&test)?.get("accuracy").expect("the model has this metric");
        Ok(Row { listing: self.listing.name, history, test_accuracy })
    }
}

fn dense<B: Backend>(seed: u64, device: B::Device) -> Result<Model<B>> {
    Sequential::new([784])
        .seed(seed)
        .device(device)
        .add(Dense::new(64).activation(Relu))
        .add(Dense::new(64).activation(Relu))
        .add(Dense::new(10).activation(Softmax))
        .compile(Adam::default(), SparseCategoricalCrossentropy, [Accuracy])
}

fn cnn<B: Backend>(seed: u64, device: B::Device) -> Result<Model<B>> {
    Sequential::new([28, 28, 1])
        .seed(seed)
        .device(device)
        .add(Conv2D::new(32, 3).activation(Relu))
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(64, 3).activation(Relu))
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(64, 3).activation(Relu))
        .add(Flatten::new())
        .add(Dense::new(10).activation(Softmax))
        .compile(Adam::default(), SparseCategoricalCrossentropy, [Accuracy])
}

fn json(row: &Row, data: &str, options: &Options, device: DeviceName, epochs: usize) -> String {
    let object = serde_json::json!({
        "listing": row.listing,
        "data": data,
        "synthetic": options.data.is_none(),
        "device": device.to_string(),
        "seed": options.seed,
        "epochs": epochs,
        "seconds_per_epoch": row.history.seconds_per_epoch(),
        "metrics": { "test_accuracy": row.test_accuracy },
    });
    object.to_string()
}

fn print_table(rows: &[Row], data: &str, options: &Options, device: DeviceName, epochs: usize) {
    let kind = if options.data.is_none() { "synthetic: no quality figure" } else { "real" };
    println!("data: {data} ({kind}); device: {device}; seed: {}; epochs: {epochs}", options.seed);
    println!("{:<10} {:>13} {:>15} {:>13}", "listing", "test accuracy", "seconds/epoch", "samples/s");
    for row in rows {
        let rate = row.history.epochs().last().map_or(0.0, |epoch| epoch.samples_per_second);
        println!(
            "{:<10} {:>13.4} {:>15.2} {:>13.0}",
            row.listing,
            row.test_accuracy,
            row.history.seconds_per_epoch(),
            rate
        );
    }
}
