//! [`LambdaCallback`]: a closure after each epoch.

use fornax_core::{Backend, Result};

use super::Callback;
use crate::{Logs, Model};

/// Calls a closure with the epoch, its figures and the model after each epoch.
pub struct LambdaCallback<F>(F);

impl<F> LambdaCallback<F> {
    /// The closure.
    pub fn new<B: Backend>(on_epoch_end: F) -> Self
    where
        F: FnMut(usize, &Logs, &mut Model<B>) -> Result<()>,
    {
        Self(on_epoch_end)
    }
}

impl<B: Backend, F: FnMut(usize, &Logs, &mut Model<B>) -> Result<()>> Callback<B> for LambdaCallback<F> {
    fn on_epoch_end(&mut self, epoch: usize, logs: &Logs, model: &mut Model<B>) -> Result<()> {
        (self.0)(epoch, logs, model)
    }
}
