//! [`EarlyStopping`]: ends a training that no longer gets better.

use fornax_core::{Array, Backend, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::monitor::{Best, Mode};
use super::{Callback, restored};
use crate::{Logs, Model};

/// Ends the training when `monitor` has not improved for `patience` epochs.
///
/// Defaults: patience 0, no smallest change, direction by the name, weights not restored. Source:
/// `keras.callbacks.EarlyStopping`.
#[derive(Debug)]
pub struct EarlyStopping {
    monitor: String,
    patience: usize,
    min_delta: f64,
    mode: Mode,
    baseline: Option<f64>,
    start_from_epoch: usize,
    restore_best_weights: bool,
    progress: Progress,
}

#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    best: Best,
    best_epoch: usize,
    wait: usize,
    weights: Option<Vec<Vec<f32>>>,
}

impl EarlyStopping {
    /// Watches the figure `monitor`, for example `val_loss`.
    pub fn new(monitor: impl Into<String>) -> Self {
        let monitor = monitor.into();
        let best = Best::new(&monitor, Mode::Auto, 0.0);
        Self {
            monitor,
            patience: 0,
            min_delta: 0.0,
            mode: Mode::Auto,
            baseline: None,
            start_from_epoch: 0,
            restore_best_weights: false,
            progress: Progress { best, best_epoch: 0, wait: 0, weights: None },
        }
    }

    /// Epochs without improvement after which training ends.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// The smallest change that is an improvement.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.min_delta = min_delta;
        self
    }

    /// Whether the figure should fall or rise.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// A value that has to be beaten.
    pub fn baseline(mut self, value: f64) -> Self {
        self.baseline = Some(value);
        self
    }

    /// Epochs before the watch begins.
    pub fn start_from_epoch(mut self, epoch: usize) -> Self {
        self.start_from_epoch = epoch;
        self
    }

    /// Puts the weights of the best epoch back when the training ends.
    pub fn restore_best_weights(mut self) -> Self {
        self.restore_best_weights = true;
        self
    }
}

impl<B: Backend> Callback<B> for EarlyStopping {
    fn on_train_begin(&mut self, _model: &mut Model<B>) -> Result<()> {
        if self.progress.best.value.is_none() {
            self.progress.best = Best::new(&self.monitor, self.mode, self.min_delta);
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &Logs, model: &mut Model<B>) -> Result<()> {
        // Absent only in epochs without validation.
        let Some(value) = logs.get(&self.monitor) else { return Ok(()) };
        if epoch < self.start_from_epoch {
            return Ok(());
        }
        self.progress.wait += 1;
        let beats_baseline = |best: &Best| match self.baseline {
            Some(baseline) => Best { value: Some(baseline), ..*best }.is_improved_by(value),
            None => true,
        };
        if self.progress.best.improve(value) {
            self.progress.best_epoch = epoch;
            if self.restore_best_weights {
                self.progress.weights = Some(model.network.weights().iter().map(|w| w.to_vec()).collect());
            }
            if beats_baseline(&self.progress.best) {
                self.progress.wait = 0;
            }
            return Ok(());
        }
        if self.progress.wait >= self.patience && epoch > 0 {
            model.stop_training();
        }
        Ok(())
    }

    fn on_train_end(&mut self, model: &mut Model<B>) -> Result<()> {
        if let Some(weights) = self.progress.weights.take() {
            let names: Vec<String> = model.network.variables().iter().map(|v| v.name().to_owned()).collect();
            for (name, values) in names.iter().zip(weights) {
                let shape = model.network.weight(name)?.shape().to_vec();
                model.network.set_weight(name, &Array::from_vec(shape, values)?)?;
            }
        }
        Ok(())
    }

    fn monitor(&self) -> Option<&str> {
        Some(&self.monitor)
    }

    fn state(&self) -> Json {
        serde_json::to_value(&self.progress).expect("plain figures have a JSON form")
    }

    fn restore(&mut self, state: &Json) -> Result<()> {
        self.progress = restored("EarlyStopping", state)?;
        Ok(())
    }
}
