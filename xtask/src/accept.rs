//! `accept`: the bars on real data; prints bar, figure, wanted and whether it holds, one a line.

use std::process::Command;

use crate::Outcome;
use crate::process::{cargo, nothing_left, option, output, target};

/// A bar on the mean test accuracy over seeds 1 to 5, after 5 epochs at batch 32.
struct Bar {
    name: &'static str,
    listing: &'static str,
    device: &'static str,
    /// The least mean accuracy.
    least: f64,
    /// The mean of Keras 3.15.1 over its own five seeds (`benches/peers/listings_keras.py`).
    keras: f64,
}

/// How far below Keras's mean ours may lie.
const TOLERANCE: f64 = 0.002;

const BARS: [Bar; 4] = [
    Bar { name: "dense-flex", listing: "dense", device: "flex", least: 0.972, keras: KERAS_DENSE },
    Bar { name: "dense-ndarray", listing: "dense", device: "ndarray", least: 0.972, keras: KERAS_DENSE },
    Bar { name: "cnn-flex", listing: "cnn", device: "flex", least: 0.988, keras: KERAS_CNN },
    Bar { name: "cnn-ndarray", listing: "cnn", device: "ndarray", least: 0.988, keras: KERAS_CNN },
];

const KERAS_DENSE: f64 = 0.969_80;
const KERAS_CNN: f64 = 0.989_34;

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut arguments = arguments.to_vec();
    let data = option(&mut arguments, "--data")?.ok_or("accept needs --data DIR")?;
    let filter = if arguments.is_empty() { String::new() } else { arguments.remove(0) };
    nothing_left(&arguments)?;
    cargo("build --release")?;
    let mut failed = 0;
    for bar in BARS.iter().filter(|bar| bar.name.contains(&filter)) {
        let accuracies =
            (1..=5).map(|seed| accuracy(bar, &data, seed)).collect::<Result<Vec<f64>, String>>()?;
        let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
        let wanted = bar.least.max(bar.keras - TOLERANCE);
        let pass = mean >= wanted;
        failed += usize::from(!pass);
        let verdict = if pass { "pass" } else { "FAIL" };
        println!("{:<14} {mean:.5} wanted {wanted:.5} {verdict}  seeds {accuracies:?}", bar.name);
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} bars do not hold")) }
}

fn accuracy(bar: &Bar, data: &str, seed: u64) -> Result<f64, String> {
    let mut command = Command::new(target().join("release/fornax"));
    command.args(["demo", "--json", "--epochs", "5", "--only", bar.listing, "--device", bar.device]);
    command.args(["--data", data, "--seed", &seed.to_string()]);
    let line = output(&mut command, bar.name)?;
    let figure = line
        .split_once("\"test_accuracy\":")
        .and_then(|(_, rest)| rest.split(['}', ',']).next()?.parse().ok());
    figure.ok_or_else(|| format!("{}: no test accuracy in {line}", bar.name))
}
