//! Losses, layers and metrics of labels that belong together: CTC, conditional random fields, spans, translations.

mod crf;
mod ctc;
mod metrics;

use fornax_core::{Array, Philox};
use serde_json::Value as Json;

/// The oracle with the graph that gradients need.
type Recorded = fornax_core::Autodiff<fornax_testkit::Oracle>;

/// Multiples of 1/64 within 2.5.
fn scores(shape: &[usize], seed: u64) -> Array {
    let mut random = Philox::new(seed);
    let len = shape.iter().product();
    let values = (0..len).map(|_| (random.below(320) as f32 - 160.0) / 64.0).collect();
    Array::from_vec(shape, values).unwrap()
}

/// Every sequence of `length` numbers below `bound`.
fn sequences(bound: usize, length: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..bound.pow(length as u32))
        .map(move |mut number| (0..length).map(|_| (number % bound, number /= bound).0).collect())
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn integers(json: &Json) -> Vec<usize> {
    json.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&x| x as f32).collect()
}

/// What `work` gives on one thread and on four.
fn on_one_and_four_threads<T: Send>(work: impl Fn() -> T + Sync) -> [T; 2] {
    [1, 4].map(|threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&work))
}
