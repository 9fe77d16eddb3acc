//! Forecasts an hourly series for the next day and shows the errors beside those of simple rules.
//!
//! Oil temperature of a transformer: `cargo run --release --example forecasting -- etth1 data/timeseries`
//! Fine dust over Beijing: `cargo run --release --example forecasting -- pollution data/timeseries`
//!
//! The model is a linear map of the last week beside a recurrent layer over it; of its two forms the one with the
//! smaller validation loss counts. Source: G. Lai et al., *Modeling
//! Long- and Short-Term Temporal Patterns with Deep Neural Networks*, SIGIR 2018 (the autoregressive component).
use std::f32::consts::TAU;

use fornax::data::csv::{Kind, Schema};
use fornax::data::timeseries::{Forecasting, Series, Split, Windows};
use fornax::optim::CosineDecay;
use fornax::prelude::*;

const WINDOW: usize = 168;
const DAY: usize = 24;
const EPOCHS: usize = 20;
const BATCH: usize = 64;

/// Columns of a file, and the time of day as a point on a circle.
fn read(path: &str, columns: &[&str]) -> fornax::Result<Series> {
    let schema = Schema::new().missing(["NA"]);
    let schema = columns.iter().fold(schema, |schema, name| schema.column(*name, Kind::Number));
    let series = Series::from_table(&schema.read(path)?, columns)?.to_array();
    let mut values = vec![];
    for (hour, row) in series.to_f32().chunks(columns.len()).enumerate() {
        let angle = TAU * (hour % DAY) as f32 / DAY as f32;
        values.extend(row.iter().chain(&[angle.sin(), angle.cos()]));
    }
    let values = Array::from_vec([series.row_count(), columns.len() + 2], values)?;
    Series::new(columns.iter().chain(&["sine of the hour", "cosine of the hour"]).copied(), &values)
}

/// The next day from the last week. With `relative` the model sees and predicts how far values are from the last one, which
/// holds where the level of a series drifts; else it sees the level.
fn model(samples: usize, features: usize, target: usize, relative: bool) -> fornax::Result<Model<Cpu>> {
    let x = input([WINDOW, features]);
    let last = Flatten::new().apply(&Cropping1D::new([(WINDOW - 1, 0)]).apply(&x)?)?;
    let seen = match relative {
        true => Subtract.apply([&x, &RepeatVector::new(WINDOW).apply(&last)?])?,
        false => x.clone(),
    };
    let zeros =
        || Dense::new(DAY).kernel_initializer(Initializer::Zeros).kernel_regularizer(Regularizer::l2(3e-3));
    let linear = zeros().apply(&Flatten::new().apply(&seen)?)?;
    let recurrent = zeros().apply(&Dropout::new(0.5).apply(&GRU::new(16).apply(&seen)?)?)?;
    let level = Dense::new(DAY).use_bias(false).named("level").frozen().apply(&last)?;
    let y = Add.apply([&linear, &recurrent, &level])?;
    let rate = CosineDecay::new(3e-4, (EPOCHS * samples / BATCH) as u64);
    let mut model = Functional::new(&x, &y).seed(1).compile(Adam::new(rate), MeanAbsoluteError, ())?;
    let mut repeat = vec![0.0; features * DAY];
    if relative {
        repeat[target * DAY..(target + 1) * DAY].fill(1.0);
    }
    model.network_mut().set_weight("level/kernel", &Array::from_vec([features, DAY], repeat)?)?;
    Ok(model)
}

fn main() -> fornax::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (series, target, split) = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["etth1", folder] => {
            let month = 30 * DAY;
            let split = Split::at(12 * month, 16 * month, 20 * month)?;
            // Not the loads: on the validation part a forecast from the temperature alone is the better one.
            (read(&format!("{folder}/ETTh1.csv.gz"), &["OT"])?, "OT", split)
        }
        ["pollution", folder] => {
            let columns = ["pm2.5", "DEWP", "TEMP", "PRES", "Iws", "Is", "Ir"];
            let series = read(&format!("{folder}/pollution.csv.gz"), &columns)?;
            let split = Split::by_share(series.len(), 0.1, 0.2)?;
            (series, "pm2.5", split)
        }
        _ => panic!("usage: forecasting etth1 FOLDER | forecasting pollution FOLDER"),
    };
    let task = Forecasting::new(&series, target, Windows::new(WINDOW, DAY)?, &split)?;
    let validation = &task.validation.as_ref().expect("the split has a validation part").dataset;
    let position = series.names().iter().position(|name| name == target).expect("it is a feature");
    let mut predictions = vec![];
    for (name, relative) in [("GRU, level", false), ("GRU, relative", true)] {
        let mut model = model(task.train.dataset.len(), series.names().len(), position, relative)?;
        let stop = EarlyStopping::new("val_loss").patience(4).restore_best_weights();
        let fit = Fit::new().epochs(EPOCHS).batch_size(BATCH).validation_data(validation).callback(stop);
        model.fit(&task.train.dataset, fit)?;
        println!("{name}: validation {}", model.evaluate(validation)?);
        predictions.push((name, model.predict(&task.test.dataset.inputs()[0])?));
    }
    println!("{}", task.report(&task.test, DAY, &predictions)?);
    Ok(())
}
