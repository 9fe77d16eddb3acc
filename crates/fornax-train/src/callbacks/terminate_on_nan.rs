//! [`TerminateOnNaN`]: ends a training whose loss is no longer a number.

use fornax_core::{Backend, Error, Result};

use super::Callback;
use crate::Model;

/// Ends the training with an error at the first step whose loss is NaN or infinite.
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminateOnNaN;

impl<B: Backend> Callback<B> for TerminateOnNaN {
    fn on_batch_end(&mut self, batch: usize, loss: f64, _model: &mut Model<B>) -> Result<()> {
        if loss.is_finite() {
            return Ok(());
        }
        Err(Error::training(format!("loss after batch {batch}"), loss, "a finite number"))
    }
}
