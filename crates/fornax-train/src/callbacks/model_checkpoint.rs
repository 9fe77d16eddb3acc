//! [`ModelCheckpoint`]: saves the model after epochs, or only the best one.

use std::path::PathBuf;

use fornax_core::{Backend, Result};
use serde_json::Value as Json;

use super::monitor::{Best, Mode};
use super::{Callback, restored};
use crate::{Logs, Model};

/// Saves the model after each epoch; `{epoch}` and the names of figures in the path are replaced.
///
/// Defaults: every epoch, monitor `val_loss`, direction by the name. Source: `keras.callbacks.ModelCheckpoint`.
#[derive(Debug)]
pub struct ModelCheckpoint {
    path: String,
    monitor: String,
    mode: Mode,
    save_best_only: bool,
    best: Option<Best>,
}

impl ModelCheckpoint {
    /// Saves to `path`, for example `models/{epoch}-{val_loss}.fornax`.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            monitor: "val_loss".into(),
            mode: Mode::Auto,
            save_best_only: false,
            best: None,
        }
    }

    /// The figure that says which model is better.
    pub fn monitor(mut self, monitor: impl Into<String>) -> Self {
        self.monitor = monitor.into();
        self
    }

    /// Whether the figure should fall or rise.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Saves only when the figure is better than ever before.
    pub fn save_best_only(mut self) -> Self {
        self.save_best_only = true;
        self
    }

    fn path(&self, epoch: usize, logs: &Logs) -> PathBuf {
        let named = logs
            .iter()
            .fold(self.path.replace("{epoch}", &(epoch + 1).to_string()), |path, (name, value)| {
                path.replace(&format!("{{{name}}}"), &format!("{value:.4}"))
            });
        named.into()
    }
}

impl<B: Backend> Callback<B> for ModelCheckpoint {
    fn on_epoch_end(&mut self, epoch: usize, logs: &Logs, model: &mut Model<B>) -> Result<()> {
        if self.save_best_only {
            // Absent only in epochs without validation.
            let Some(value) = logs.get(&self.monitor) else { return Ok(()) };
            let best = self.best.get_or_insert_with(|| Best::new(&self.monitor, self.mode, 0.0));
            if !best.improve(value) {
                return Ok(());
            }
        }
        model.save(self.path(epoch, logs))
    }

    fn monitor(&self) -> Option<&str> {
        self.save_best_only.then_some(self.monitor.as_str())
    }

    fn state(&self) -> Json {
        serde_json::to_value(self.best).expect("plain figures have a JSON form")
    }

    fn restore(&mut self, state: &Json) -> Result<()> {
        self.best = restored("ModelCheckpoint", state)?;
        Ok(())
    }
}
