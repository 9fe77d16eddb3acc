//! [`History`]: what `fit` returns, the figures of every epoch with time and memory.

use serde::{Deserialize, Serialize};

use crate::Logs;

/// The figures of every epoch of a training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    epochs: Vec<EpochRecord>,
    #[serde(skip)]
    interrupted: bool,
}

/// One epoch of a [`History`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The number of the epoch, from 0.
    pub epoch: usize,
    /// The loss, the metrics, and the same on the validation set behind `val_`.
    pub logs: Logs,
    /// Wall time of the training part.
    pub seconds: f64,
    /// Training samples a second.
    pub samples_per_second: f64,
    /// The largest resident memory of the process so far, in bytes, where the system tells.
    pub peak_memory: Option<u64>,
}

impl History {
    /// The epochs in order.
    pub fn epochs(&self) -> &[EpochRecord] {
        &self.epochs
    }

    /// The figure `name` of every epoch that has it.
    pub fn values(&self, name: &str) -> Vec<f64> {
        self.epochs.iter().filter_map(|record| record.logs.get(name)).collect()
    }

    /// The figure `name` of the last epoch.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.epochs.last().and_then(|record| record.logs.get(name))
    }

    /// The mean wall time of an epoch, in seconds; 0 before the end of the first.
    pub fn seconds_per_epoch(&self) -> f64 {
        let total = self.epochs.iter().fold(0.0, |total, record| total + record.seconds);
        total / self.epochs.len().max(1) as f64
    }

    /// Whether Ctrl-C ended the training before its last epoch.
    pub fn interrupted(&self) -> bool {
        self.interrupted
    }

    pub(crate) fn push(&mut self, record: EpochRecord) {
        self.epochs.push(record);
    }

    pub(crate) fn mark_interrupted(&mut self) {
        self.interrupted = true;
    }
}

/// The largest resident memory of this process so far, in bytes, where the system tells (Linux).
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}
