//! Callbacks: what happens between steps and epochs of a training.

mod csv_logger;
mod early_stopping;
mod lambda;
mod learning_rate_scheduler;
mod model_checkpoint;
mod monitor;
mod reduce_lr_on_plateau;
mod tensor_board;
mod terminate_on_nan;

pub use csv_logger::CsvLogger;
pub use early_stopping::EarlyStopping;
pub use lambda::LambdaCallback;
pub use learning_rate_scheduler::LearningRateScheduler;
pub use model_checkpoint::ModelCheckpoint;
pub use monitor::Mode;
pub use reduce_lr_on_plateau::ReduceLROnPlateau;
pub use tensor_board::TensorBoard;
pub use terminate_on_nan::TerminateOnNaN;

use fornax_core::{Backend, Result};
use serde_json::Value as Json;

use crate::{Logs, Model};

/// Something that is told of the course of a training and may change it. Every method does nothing by default.
///
/// An error ends the training and comes back from `fit`.
#[allow(unused_variables)]
pub trait Callback<B: Backend> {
    /// Before the first step.
    ///
    /// # Errors
    /// Ends the training.
    fn on_train_begin(&mut self, model: &mut Model<B>) -> Result<()> {
        Ok(())
    }

    /// Before the first step of an epoch.
    ///
    /// # Errors
    /// Ends the training.
    fn on_epoch_begin(&mut self, epoch: usize, model: &mut Model<B>) -> Result<()> {
        Ok(())
    }

    /// After a step; `loss` is the running mean of the epoch.
    ///
    /// # Errors
    /// Ends the training.
    fn on_batch_end(&mut self, batch: usize, loss: f64, model: &mut Model<B>) -> Result<()> {
        Ok(())
    }

    /// After an epoch and its validation.
    ///
    /// # Errors
    /// Ends the training.
    fn on_epoch_end(&mut self, epoch: usize, logs: &Logs, model: &mut Model<B>) -> Result<()> {
        Ok(())
    }

    /// After the last epoch, an early stop or Ctrl-C.
    ///
    /// # Errors
    /// Comes back from `fit`.
    fn on_train_end(&mut self, model: &mut Model<B>) -> Result<()> {
        Ok(())
    }

    /// The figure that the callback watches: `fit` refuses one that there will not be before the first step.
    fn monitor(&self) -> Option<&str> {
        None
    }

    /// What a resumed training needs to go on as if it had not been interrupted.
    fn state(&self) -> Json {
        Json::Null
    }

    /// Takes over what [`Self::state`] gave.
    ///
    /// # Errors
    /// If the state is not this callback's.
    fn restore(&mut self, state: &Json) -> Result<()> {
        Ok(())
    }
}

/// The state that a backup holds for a callback, as its own type.
fn restored<T: serde::de::DeserializeOwned>(name: &str, state: &Json) -> Result<T> {
    serde_json::from_value(state.clone()).map_err(|error| {
        fornax_core::Error::mismatch(format!("saved state of {name}"), error, "this callback's own")
    })
}
