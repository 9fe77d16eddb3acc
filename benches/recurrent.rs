//! Recurrent layers alone, forward and backward at batch 32: what `lstm`, `gru` and their kin in the race measure.

use fornax::Result;
use fornax::core::{DynTensor, Value};
use fornax::prelude::*;

/// The benches of this file.
pub const BENCHES: [&str; 6] = ["lstm", "gru", "lstm-wide", "gru-wide", "lstm-ragged", "gru-ragged"];

const BATCH: usize = 32;

/// Steps and units (as many features): `-wide` has 50 steps of 256, the others 100 of 64; `-ragged` has sequences of every
/// length up to the longest, so that half of the steps are padding.
fn sizes(bench: &str) -> (usize, usize) {
    if bench.ends_with("-wide") { (50, 256) } else { (100, 64) }
}

/// The lengths of a ragged batch: from 3 or so to `time`, evenly, out of order.
fn lengths(time: usize) -> Vec<usize> {
    (0..BATCH).map(|row| (row * 13 % BATCH + 1) * time / BATCH).collect()
}

/// A pass forward and backward, by every input: outputs of all steps and their cotangents count.
///
/// # Errors
/// If the layer does not run.
pub fn forward_backward<B: Backend>(bench: &str) -> Result<impl FnMut() -> Result<()> + use<B>> {
    let (time, units) = sizes(bench);
    let network = Sequential::<B>::new([time, units]);
    let network = match bench.starts_with("lstm") {
        true => network.add(LSTM::new(units).return_sequences(true)),
        false => network.add(GRU::new(units).return_sequences(true)),
    };
    let network = network.build()?;
    let device = network.device().clone();
    let noise = |seed| {
        let mut values = vec![0.0; BATCH * time * units];
        Philox::new(seed).fill_uniform(&mut values);
        DynTensor::<B>::from_vec(values, &[BATCH, time, units], &device)
    };
    let (x, dy) = (noise(1), noise(2));
    let mask = bench.ends_with("-ragged").then(|| {
        let rows = lengths(time).into_iter().flat_map(|length| (0..time).map(move |t| f32::from(t < length)));
        DynTensor::<B>::from_vec(rows.collect(), &[BATCH, time], &device).equal_scalar(1.0).lift()
    });
    Ok(move || {
        let lifted: Vec<_> = network.weights().iter().map(|weight| weight.clone().lift(true)).collect();
        let x = x.clone().lift(true);
        let input = Value::from(x.clone()).with_mask(mask.clone());
        let (outputs, _) = network.train_lifted(&lifted, vec![input], Philox::new(1))?;
        let y = outputs[0].clone().float();
        let mut gradients = y.mul(dy.clone().lift(false)).sum().backward();
        std::hint::black_box(gradients.remove(&x));
        Ok(())
    })
}
