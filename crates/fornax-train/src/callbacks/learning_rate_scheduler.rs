//! [`LearningRateScheduler`]: a learning rate an epoch.

use fornax_core::{Backend, Error, Result};

use super::Callback;
use crate::Model;

/// Sets the learning rate before each epoch to a function of the epoch (from 0) and the present rate.
pub struct LearningRateScheduler<F>(F);

impl<F: FnMut(usize, f64) -> f64> LearningRateScheduler<F> {
    /// The function of the epoch and the present rate.
    pub fn new(schedule: F) -> Self {
        Self(schedule)
    }
}

impl<B: Backend, F: FnMut(usize, f64) -> f64> Callback<B> for LearningRateScheduler<F> {
    fn on_epoch_begin(&mut self, epoch: usize, model: &mut Model<B>) -> Result<()> {
        let rate = (self.0)(epoch, model.learning_rate());
        if !(rate.is_finite() && rate >= 0.0) {
            return Err(Error::argument(
                "learning rate of the schedule",
                rate,
                "a finite number of at least 0",
            ));
        }
        model.set_learning_rate(rate);
        Ok(())
    }
}
