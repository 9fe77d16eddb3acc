//! The progress bar of a training of word vectors, drawn only where standard error is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar of so many words (or pairs of them), of which some are done.
    pub(crate) fn new(verbose: bool, words: u64, done: u64) -> Self {
        if !verbose {
            return Self { bar: ProgressBar::hidden() };
        }
        let style = ProgressStyle::with_template("{bar:20} {percent}% {per_sec} {elapsed}/{duration} {msg}")
            .expect("the template is valid");
        Self { bar: ProgressBar::new(words).with_style(style).with_position(done) }
    }

    /// Words more, at this learning rate.
    pub(crate) fn add(&self, words: usize, rate: f64) {
        self.bar.inc(words as u64);
        if !self.bar.is_hidden() {
            self.bar.set_message(format!("learning rate {rate:.4}"));
        }
    }

    /// The mean loss of an epoch.
    pub(crate) fn end_epoch(&self, epoch: usize, loss: f64) {
        if !self.bar.is_hidden() {
            self.bar.suspend(|| eprintln!("epoch {epoch}: loss {loss:.4}"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
