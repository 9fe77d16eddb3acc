//! [`Tracker`]: the running loss and metrics of an epoch or an evaluation.

use fornax_core::{Array, Backend, Result};

use crate::metrics::MetricState;
use crate::step::Outcome;
use crate::{Logs, Model};

/// The running mean of the loss, weighted by batch size, the losses of several outputs, and the metrics.
pub(crate) struct Tracker<B: Backend> {
    loss: f64,
    parts: Vec<f64>,
    samples: f64,
    outputs: Vec<String>,
    metrics: Vec<Vec<(String, MetricState<B>)>>,
}

impl<B: Backend> Tracker<B> {
    pub(crate) fn new(model: &Model<B>) -> Self {
        let several = model.compiled.losses.len() > 1;
        let outputs = if several { model.network.output_names() } else { vec![] };
        let metrics = model.compiled.metrics.iter().enumerate().map(|(output, metrics)| {
            let prefix = outputs.get(output).map_or(String::new(), |name| format!("{name}_"));
            let states = metrics.iter().map(|metric| (format!("{prefix}{}", metric.name()), metric.state()));
            states.collect()
        });
        let metrics = metrics.collect();
        Self { loss: 0.0, parts: vec![0.0; outputs.len()], samples: 0.0, outputs, metrics }
    }

    pub(crate) fn update(&mut self, outcome: &Outcome<B>) -> Result<()> {
        let samples = outcome.samples as f64;
        self.samples += samples;
        self.loss += samples * outcome.loss.to_scalar();
        for (sum, part) in self.parts.iter_mut().zip(&outcome.parts) {
            *sum += samples * part.to_scalar();
        }
        let each = self.metrics.iter_mut().zip(outcome.targets.iter().zip(&outcome.outputs));
        for (metrics, (target, output)) in each {
            for (_, metric) in metrics {
                // As in Keras, sample weights weigh the loss and not the metrics.
                metric.update(target, output, None)?;
            }
        }
        Ok(())
    }

    /// The mean loss so far.
    pub(crate) fn loss(&self) -> f64 {
        self.loss / self.samples.max(1.0)
    }

    pub(crate) fn logs(&self) -> Result<Logs> {
        let mut logs = Logs::default();
        logs.push("loss", self.loss());
        for (name, sum) in self.outputs.iter().zip(&self.parts) {
            logs.push(format!("{name}_loss"), sum / self.samples.max(1.0));
        }
        for (name, metric) in self.metrics.iter().flatten() {
            logs.push(name, metric.result()?);
        }
        Ok(logs)
    }

    /// The sums, for a checkpoint in the middle of an epoch.
    pub(crate) fn sums(&self) -> (Vec<f64>, Vec<Array>) {
        let sums = [&[self.loss, self.samples][..], &self.parts].concat();
        (sums, self.metrics.iter().flatten().flat_map(|(_, metric)| metric.to_arrays()).collect())
    }

    /// Continues from [`Self::sums`].
    pub(crate) fn restore(&mut self, sums: &[f64], arrays: &[Array]) -> Result<()> {
        let mismatch = || {
            fornax_core::Error::mismatch("running metrics of the checkpoint", "others", "those of this model")
        };
        let [loss, samples, parts @ ..] = sums else { return Err(mismatch()) };
        if parts.len() != self.parts.len() {
            return Err(mismatch());
        }
        (self.loss, self.samples) = (*loss, *samples);
        self.parts = parts.to_vec();
        let mut arrays = arrays.iter();
        for (_, metric) in self.metrics.iter_mut().flatten() {
            let count = metric.to_arrays().len();
            let own: Vec<Array> = arrays.by_ref().take(count).cloned().collect();
            metric.restore(&own)?;
        }
        Ok(())
    }
}
