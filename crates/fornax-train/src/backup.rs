//! [`BackupAndRestore`]: a training that is killed goes on where it was, and ends in the same bits.
//!
//! A backup is a saved model whose metadata also holds the position in the epoch, the running sums of loss and
//! metrics, the history and the callbacks' states. The order of the samples and the draws of random layers need
//! no state: they are functions of the seed and the position.

use std::path::PathBuf;

use fornax_core::{Array, Backend, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::callbacks::Callback;
use crate::checkpoint::{read, write};
use crate::tracker::Tracker;
use crate::{History, Model};

/// Where and how often a training saves its state. When the training is complete the file is removed.
///
/// Source: `keras.callbacks.BackupAndRestore`.
#[derive(Clone, Debug)]
pub struct BackupAndRestore {
    path: PathBuf,
    save_freq: Option<usize>,
}

impl BackupAndRestore {
    /// Saves to `path` after each epoch.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), save_freq: None }
    }

    /// Saves after every so many steps of an epoch, too.
    pub fn save_freq(mut self, steps: usize) -> Self {
        self.save_freq = Some(steps.max(1));
        self
    }
}

/// The next step of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) epoch: usize,
    pub(crate) batch: usize,
}

/// What has to be equal for a training to go on: the order of samples depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) samples: usize,
    pub(crate) batch_size: usize,
    pub(crate) shuffle: bool,
    pub(crate) seed: u64,
    /// Of length buckets.
    #[serde(default)]
    pub(crate) pool: Option<usize>,
}

pub(crate) struct Backup {
    options: BackupAndRestore,
    order: Order,
}

#[derive(Serialize, Deserialize)]
struct Training {
    order: Order,
    position: Position,
    history: History,
    callbacks: Vec<Json>,
    /// The bits of the running sums: JSON has no NaN.
    sums: Vec<u64>,
    metric_arrays: usize,
}

pub(crate) struct Restored<B: Backend> {
    pub(crate) position: Position,
    pub(crate) history: History,
    pub(crate) tracker: Tracker<B>,
}

impl Backup {
    pub(crate) fn new(options: BackupAndRestore, order: Order) -> Self {
        Self { options, order }
    }

    /// Whether a save is due before batch `next`.
    pub(crate) fn is_due(&self, next: usize) -> bool {
        self.options.save_freq.is_some_and(|steps| next.is_multiple_of(steps))
    }

    pub(crate) fn save<B: Backend>(
        &self,
        model: &Model<B>,
        callbacks: &[Box<dyn Callback<B>>],
        history: &History,
        tracker: &Tracker<B>,
        position: Position,
    ) -> Result<()> {
        let (sums, metrics) = tracker.sums();
        let training = Training {
            order: self.order,
            position,
            history: history.clone(),
            callbacks: callbacks.iter().map(|callback| callback.state()).collect(),
            sums: sums.into_iter().map(f64::to_bits).collect(),
            metric_arrays: metrics.len(),
        };
        let training = serde_json::to_value(training).expect("plain figures have a JSON form");
        let (header, mut arrays) = model.parts(training);
        arrays.extend(metrics.into_iter().enumerate().map(|(at, array)| (format!("metrics/{at}"), array)));
        write(&self.options.path, &header, &arrays)
    }

    /// The state in the file, put into the model and the callbacks; `None` if there is no file.
    pub(crate) fn restore<B: Backend>(
        &self,
        model: &mut Model<B>,
        callbacks: &mut [Box<dyn Callback<B>>],
    ) -> Result<Option<Restored<B>>> {
        let path = &self.options.path;
        if !path.exists() {
            return Ok(None);
        }
        let saved = read(path)?;
        let training: Training = serde_json::from_value(saved.header.training.clone())
            .map_err(|error| Error::format(path, "metadata fornax", error, "the backup of a training"))?;
        if training.order != self.order {
            return Err(Error::mismatch(
                path.display(),
                format!("a training of {:?}", training.order),
                format!("{:?}", self.order),
            ));
        }
        if training.callbacks.len() != callbacks.len() {
            return Err(Error::mismatch(
                path.display(),
                format!("{} callbacks", training.callbacks.len()),
                format!("{}", callbacks.len()),
            ));
        }
        if saved.header.network != model.network.config() {
            return Err(Error::mismatch(path.display(), "another model", "the structure that is trained"));
        }
        let state = saved.optimizer_state(&model.compiled.optimizer, &model.network)?;
        saved.load_weights(&mut model.network).map_err(|error| error.within(path.display()))?;
        model.state = state;
        model.steps = saved.header.steps;
        callbacks
            .iter_mut()
            .zip(&training.callbacks)
            .try_for_each(|(callback, state)| callback.restore(state))?;
        let mut tracker = Tracker::new(model);
        let metrics: Option<Vec<Array>> = (0..training.metric_arrays)
            .map(|at| saved.arrays.get(&format!("metrics/{at}")).cloned())
            .collect();
        let metrics = metrics
            .ok_or_else(|| Error::format(path, "tensors", "missing metrics", "the backup of a training"))?;
        let sums: Vec<f64> = training.sums.into_iter().map(f64::from_bits).collect();
        tracker.restore(&sums, &metrics)?;
        Ok(Some(Restored { position: training.position, history: training.history, tracker }))
    }

    /// Removes the file of a training that is complete.
    pub(crate) fn remove(&self) -> Result<()> {
        match std::fs::remove_file(&self.options.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(&self.options.path, "remove", error))
            }
            _ => Ok(()),
        }
    }
}
