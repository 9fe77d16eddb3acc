//! The progress bar of `fit`: one line an epoch, drawn only where standard error is a terminal.

use std::time::{Duration, Instant};

use fornax_core::{Backend, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::Logs;
use crate::tracker::Tracker;

/// How often the figures beside the bar are worked out.
const REFRESH: Duration = Duration::from_millis(100);

pub(crate) struct Progress {
    visible: bool,
    epochs: usize,
    bar: ProgressBar,
    refreshed: Instant,
}

impl Progress {
    pub(crate) fn new(verbose: bool, epochs: usize) -> Self {
        let visible = verbose && !ProgressDrawTarget::stderr().is_hidden();
        Self { visible, epochs, bar: ProgressBar::hidden(), refreshed: Instant::now() }
    }

    pub(crate) fn begin_epoch(&mut self, epoch: usize, steps: usize, done: usize) {
        if !self.visible {
            return;
        }
        let style = ProgressStyle::with_template("{prefix} {bar:20} {pos}/{len} {elapsed} {msg}")
            .expect("the template is valid");
        self.bar = ProgressBar::new(steps as u64).with_style(style);
        self.bar.set_prefix(format!("Epoch {}/{}", epoch + 1, self.epochs));
        self.bar.set_position(done as u64);
    }

    pub(crate) fn step<B: Backend>(&mut self, tracker: &Tracker<B>) -> Result<()> {
        if !self.visible {
            return Ok(());
        }
        self.bar.inc(1);
        if self.refreshed.elapsed() > REFRESH {
            self.bar.set_message(tracker.logs()?.to_string());
            self.refreshed = Instant::now();
        }
        Ok(())
    }

    pub(crate) fn end_epoch(&mut self, logs: &Logs, seconds: f64) {
        if self.visible {
            let steps = self.bar.position().max(1);
            let milliseconds = 1e3 * seconds / steps as f64;
            self.bar.finish_with_message(format!("{milliseconds:.2}ms/step - {logs}"));
        }
    }
}
