//! [`ReduceLROnPlateau`]: a smaller learning rate when a figure no longer improves.

use fornax_core::{Backend, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::monitor::{Best, Mode};
use super::{Callback, restored};
use crate::{Logs, Model};

/// Multiplies the learning rate by `factor` when `monitor` has not improved for `patience` epochs.
///
/// Defaults: factor 0.1, patience 10, smallest change 1e-4, no cooldown, smallest rate 0. Source:
/// `keras.callbacks.ReduceLROnPlateau`.
#[derive(Debug)]
pub struct ReduceLROnPlateau {
    monitor: String,
    factor: f64,
    patience: usize,
    min_delta: f64,
    mode: Mode,
    cooldown: usize,
    min_lr: f64,
    progress: Option<Progress>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    best: Best,
    wait: usize,
    cooling: usize,
}

impl ReduceLROnPlateau {
    /// Watches the figure `monitor`, for example `val_loss`.
    pub fn new(monitor: impl Into<String>) -> Self {
        Self {
            monitor: monitor.into(),
            factor: 0.1,
            patience: 10,
            min_delta: 1e-4,
            mode: Mode::Auto,
            cooldown: 0,
            min_lr: 0.0,
            progress: None,
        }
    }

    /// The factor of the learning rate, below 1.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// Epochs without improvement before the rate falls.
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

    /// Epochs after a change in which nothing is counted.
    pub fn cooldown(mut self, epochs: usize) -> Self {
        self.cooldown = epochs;
        self
    }

    /// The smallest learning rate.
    pub fn min_lr(mut self, min_lr: f64) -> Self {
        self.min_lr = min_lr;
        self
    }
}

impl<B: Backend> Callback<B> for ReduceLROnPlateau {
    fn on_train_begin(&mut self, _model: &mut Model<B>) -> Result<()> {
        if !(0.0..1.0).contains(&self.factor) {
            return Err(Error::argument(
                "ReduceLROnPlateau factor",
                self.factor,
                "0 or more and less than 1",
            ));
        }
        Ok(())
    }

    fn on_epoch_end(&mut self, _epoch: usize, logs: &Logs, model: &mut Model<B>) -> Result<()> {
        // Absent only in epochs without validation.
        let Some(value) = logs.get(&self.monitor) else { return Ok(()) };
        let progress = self.progress.get_or_insert_with(|| Progress {
            best: Best::new(&self.monitor, self.mode, self.min_delta),
            wait: 0,
            cooling: 0,
        });
        if progress.cooling > 0 {
            progress.cooling -= 1;
            progress.wait = 0;
        }
        if progress.best.improve(value) {
            progress.wait = 0;
        } else if progress.cooling == 0 {
            progress.wait += 1;
            let rate = model.learning_rate();
            if progress.wait >= self.patience && rate > self.min_lr {
                model.set_learning_rate((rate * self.factor).max(self.min_lr));
                progress.cooling = self.cooldown;
                progress.wait = 0;
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
        self.progress = restored("ReduceLROnPlateau", state)?;
        Ok(())
    }
}
