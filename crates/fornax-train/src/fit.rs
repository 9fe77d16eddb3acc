//! [`Fit`]: the arguments of `fit`, and the training loop.

use std::sync::Arc;
use std::time::Instant;

use fornax_core::{Backend, Error, Philox, Result};
use fornax_data::{Batch, Batches, Dataset, LengthBuckets};

use crate::backup::{Backup, Order, Position};
use crate::callbacks::Callback;
use crate::history::{EpochRecord, peak_memory};
use crate::progress::Progress;
use crate::tracker::Tracker;
use crate::{BackupAndRestore, ClassWeight, Evaluation, History, Logs, Model, interrupt};

type Augment = dyn Fn(Batch, Philox) -> Result<Batch> + Send + Sync;

/// The arguments of [`Model::fit`], with Keras's names and defaults.
///
/// Defaults: batches of 32, one epoch, a new order each epoch, seed of the model, a progress bar where standard
/// error is a terminal.
pub struct Fit<B: Backend> {
    epochs: usize,
    batch_size: usize,
    initial_epoch: usize,
    steps_per_epoch: Option<usize>,
    shuffle: bool,
    seed: Option<u64>,
    validation_split: Option<f64>,
    validation_data: Option<Dataset>,
    validation_freq: usize,
    class_weight: Option<ClassWeight>,
    length_buckets: Option<LengthBuckets>,
    augment: Option<Arc<Augment>>,
    callbacks: Vec<Box<dyn Callback<B>>>,
    backup: Option<BackupAndRestore>,
    handle_interrupt: bool,
    verbose: bool,
}

impl<B: Backend> Default for Fit<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B: Backend> Fit<B> {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            epochs: 1,
            batch_size: 32,
            initial_epoch: 0,
            steps_per_epoch: None,
            shuffle: true,
            seed: None,
            validation_split: None,
            validation_data: None,
            validation_freq: 1,
            class_weight: None,
            length_buckets: None,
            augment: None,
            callbacks: vec![],
            backup: None,
            handle_interrupt: false,
            verbose: true,
        }
    }

    /// The number of the epoch at which training ends.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Samples a step.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// The number of the first epoch, for a training that goes on.
    pub fn initial_epoch(mut self, epoch: usize) -> Self {
        self.initial_epoch = epoch;
        self
    }

    /// Ends an epoch after so many steps.
    pub fn steps_per_epoch(mut self, steps: usize) -> Self {
        self.steps_per_epoch = Some(steps);
        self
    }

    /// Whether every epoch has its own random order.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// The seed of the order and of the augmentation, instead of the model's.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Keeps the last samples, this fraction of all, for validation.
    pub fn validation_split(mut self, fraction: f64) -> Self {
        self.validation_split = Some(fraction);
        self
    }

    /// The set on which loss and metrics are measured after each epoch.
    pub fn validation_data(mut self, dataset: &Dataset) -> Self {
        self.validation_data = Some(dataset.clone());
        self
    }

    /// Validates after every so many epochs.
    pub fn validation_freq(mut self, epochs: usize) -> Self {
        self.validation_freq = epochs;
        self
    }

    /// How much the samples of some classes count in the loss.
    pub fn class_weight(mut self, weights: impl IntoIterator<Item = (usize, f32)>) -> Self {
        self.class_weight = Some(ClassWeight::new(weights));
        self
    }

    /// Trains on batches of sequences of near-equal length, each cut to its longest; the model's time axis has to be
    /// `None`. There is one length a sample of the set that `fit` gets.
    pub fn length_buckets(mut self, buckets: LengthBuckets) -> Self {
        self.length_buckets = Some(buckets);
        self
    }

    /// Changes every training batch, for example by random flips; the generator depends on seed, epoch and batch.
    pub fn augment(
        mut self,
        augment: impl Fn(Batch, Philox) -> Result<Batch> + Send + Sync + 'static,
    ) -> Self {
        self.augment = Some(Arc::new(augment));
        self
    }

    /// Adds a callback; callbacks run in the order in which they were added.
    pub fn callback(mut self, callback: impl Callback<B> + 'static) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// Saves the state of the training as it goes, and goes on from there if the file exists.
    pub fn backup(mut self, backup: BackupAndRestore) -> Self {
        self.backup = Some(backup);
        self
    }

    /// Takes Ctrl-C over: the step is finished, the backup written, and `fit` returns what it has.
    pub fn handle_interrupt(mut self) -> Self {
        self.handle_interrupt = true;
        self
    }

    /// Whether to show progress (only where standard error is a terminal).
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    fn split(&self, dataset: &Dataset) -> Result<(Dataset, Option<Dataset>)> {
        match (&self.validation_data, self.validation_split) {
            (Some(validation), _) => Ok((dataset.clone(), Some(validation.clone()))),
            (None, Some(fraction)) => {
                let (train, validation) = dataset.split_validation(fraction)?;
                Ok((train, Some(validation)))
            }
            (None, None) => Ok((dataset.clone(), None)),
        }
    }

    /// The batches of `train`, the first samples of a set of `given`.
    fn batches(&self, train: &Dataset, given: usize, seed: u64) -> Result<Batches> {
        let mut batches = Batches::new(train, self.batch_size)?.seed(seed).shuffle(self.shuffle);
        if let Some(buckets) = &self.length_buckets {
            let cut = if buckets.len() == given { train.len() } else { buckets.len() };
            batches = batches.buckets(buckets.take(cut))?;
        }
        Ok(match self.augment.clone() {
            Some(augment) => batches.transform(move |batch, random| augment(batch, random)),
            None => batches,
        })
    }
}

impl<B: Backend> Model<B> {
    /// Trains on `dataset` and returns the figures of every epoch.
    ///
    /// # Errors
    /// Before the first step: an empty set, batch size 0, inputs or targets that do not fit the model, NaN in the
    /// data, labels out of range, a class weight for an unknown class, a backup of another training. Later: what
    /// a callback or the disk reports.
    pub fn fit(&mut self, dataset: &Dataset, fit: Fit<B>) -> Result<History> {
        let (train, validation) = fit.split(dataset)?;
        for (name, set) in [("training data", Some(&train)), ("validation data", validation.as_ref())] {
            if let Some(set) = set {
                self.check(set).map_err(|error| error.within(name))?;
            }
        }
        if fit.validation_freq == 0 {
            return Err(Error::argument("validation_freq", 0, "at least 1"));
        }
        if let Some(weights) = &fit.class_weight {
            weights.check(self.class_count()?)?;
        }
        if fit.handle_interrupt {
            interrupt::install()?;
            interrupt::reset();
        }
        let seed = fit.seed.unwrap_or(self.network.seed());
        let batches = fit.batches(&train, dataset.len(), seed)?;
        let steps = batches.batch_count().min(fit.steps_per_epoch.unwrap_or(usize::MAX));
        if steps == 0 {
            return Err(Error::argument("steps_per_epoch", 0, "at least 1"));
        }
        let order = Order {
            samples: train.len(),
            batch_size: fit.batch_size,
            shuffle: fit.shuffle,
            seed,
            pool: fit.length_buckets.as_ref().map(LengthBuckets::pool_size),
        };
        let mut session = Session {
            model: self,
            history: History::default(),
            callbacks: fit.callbacks,
            backup: fit.backup.map(|backup| Backup::new(backup, order)),
            progress: Progress::new(fit.verbose, fit.epochs),
            class_weight: fit.class_weight,
            interruptible: fit.handle_interrupt,
        };
        session.model.stop = false;
        session.check_monitors(validation.is_some())?;
        let (mut start, mut tracker) = session.resume(fit.initial_epoch)?;
        session.each(|callback, model| callback.on_train_begin(model))?;
        while start.epoch < fit.epochs && !session.model.stop {
            let epoch = start.epoch;
            let validation = validation.as_ref().filter(|_| (epoch + 1).is_multiple_of(fit.validation_freq));
            let ended = session.epoch(start, tracker.take(), &batches, steps, validation)?;
            if !ended {
                session.history.mark_interrupted();
                break;
            }
            start = Position { epoch: epoch + 1, batch: 0 };
        }
        session.model.adopt_averages();
        session.each(|callback, model| callback.on_train_end(model))?;
        if let (Some(backup), false) = (&session.backup, session.history.interrupted()) {
            backup.remove()?;
        }
        Ok(session.history)
    }

    /// The loss and metrics on a data set, in batches of 32.
    ///
    /// # Errors
    /// If the set is empty or does not fit the model.
    pub fn evaluate(&self, dataset: &Dataset) -> Result<Evaluation> {
        self.evaluate_batched(dataset, 32)
    }

    /// [`Self::evaluate`] in batches of `batch_size`.
    ///
    /// # Errors
    /// If the set is empty or does not fit the model, or `batch_size` is 0.
    pub fn evaluate_batched(&self, dataset: &Dataset, batch_size: usize) -> Result<Evaluation> {
        self.check(dataset)?;
        self.evaluate_checked(dataset, batch_size).map(Evaluation)
    }

    fn evaluate_checked(&self, dataset: &Dataset, batch_size: usize) -> Result<Logs> {
        let mut tracker = Tracker::new(self);
        for batch in Batches::new(dataset, batch_size)?.epoch(0) {
            tracker.update(&self.test_step(batch?)?)?;
        }
        tracker.logs()
    }

    /// What can be wrong with a set, found before the first step.
    fn check(&self, dataset: &Dataset) -> Result<()> {
        if dataset.is_empty() {
            return Err(Error::data("data set", "no sample", "at least one"));
        }
        let shapes = self.network.input_shapes();
        if dataset.inputs().len() != shapes.len() {
            return Err(Error::shape(
                "model inputs",
                format!("{} arrays", dataset.inputs().len()),
                format!("{} arrays", shapes.len()),
            ));
        }
        for (array, shape) in dataset.inputs().iter().zip(shapes) {
            let found = &array.shape()[1..];
            let fits = found.len() == shape.rank()
                && found
                    .iter()
                    .zip(shape.axes())
                    .all(|(found, wanted)| wanted.is_none_or(|len| len == *found));
            if !fits {
                return Err(Error::shape(
                    "model input",
                    format!("samples of shape {found:?}"),
                    format!("{shape}, the batch axis first"),
                ));
            }
        }
        dataset.check_finite()?;
        self.check_targets(dataset)
    }

    /// The number of classes of the only output.
    fn class_count(&self) -> Result<usize> {
        match &self.network.output_shapes()[..] {
            [shape] => Ok(shape.last()?.max(2)),
            shapes => Err(Error::argument("class_weight", format!("{} outputs", shapes.len()), "one output")),
        }
    }
}

/// A training under way.
struct Session<'a, B: Backend> {
    model: &'a mut Model<B>,
    history: History,
    callbacks: Vec<Box<dyn Callback<B>>>,
    backup: Option<Backup>,
    progress: Progress,
    class_weight: Option<ClassWeight>,
    interruptible: bool,
}

impl<B: Backend> Session<'_, B> {
    fn each(
        &mut self,
        mut call: impl FnMut(&mut dyn Callback<B>, &mut Model<B>) -> Result<()>,
    ) -> Result<()> {
        self.callbacks.iter_mut().try_for_each(|callback| call(&mut **callback, self.model))
    }

    /// A callback may watch only what the model measures.
    fn check_monitors(&self, validates: bool) -> Result<()> {
        let figures = Tracker::new(self.model).logs()?;
        let mut names: Vec<String> = figures.iter().map(|(name, _)| name.to_owned()).collect();
        if validates {
            names.extend(figures.iter().map(|(name, _)| format!("val_{name}")));
        }
        match self
            .callbacks
            .iter()
            .filter_map(|callback| callback.monitor())
            .find(|m| !names.iter().any(|n| n == m))
        {
            Some(unknown) => Err(Error::argument("monitor", unknown, format!("one of {}", names.join(", ")))),
            None => Ok(()),
        }
    }

    /// Where the training begins: at a backup, if there is one.
    fn resume(&mut self, initial_epoch: usize) -> Result<(Position, Option<Tracker<B>>)> {
        let start = Position { epoch: initial_epoch, batch: 0 };
        let Some(backup) = &self.backup else { return Ok((start, None)) };
        let Some(restored) = backup.restore(self.model, &mut self.callbacks)? else {
            return Ok((start, None));
        };
        self.history = restored.history;
        Ok((restored.position, Some(restored.tracker)))
    }

    /// One epoch from `start` on; false if Ctrl-C ended it.
    fn epoch(
        &mut self,
        start: Position,
        tracker: Option<Tracker<B>>,
        batches: &Batches,
        steps: usize,
        validation: Option<&Dataset>,
    ) -> Result<bool> {
        let epoch = start.epoch;
        let mut tracker = tracker.unwrap_or_else(|| Tracker::new(self.model));
        self.each(|callback, model| callback.on_epoch_begin(epoch, model))?;
        self.progress.begin_epoch(epoch, steps, start.batch);
        let (clock, mut samples) = (Instant::now(), 0);
        for batch in batches.epoch_from(epoch as u64, start.batch).take(steps.saturating_sub(start.batch)) {
            let batch = batch?;
            let index = batch.index;
            let outcome = self.model.train_step(batch, self.class_weight.as_ref())?;
            tracker.update(&outcome)?;
            samples += outcome.samples;
            self.progress.step(&tracker)?;
            let loss = tracker.loss();
            self.each(|callback, model| callback.on_batch_end(index, loss, model))?;
            let next = Position { epoch, batch: index + 1 };
            let pressed = self.interruptible && interrupt::pressed();
            if let Some(backup) = &self.backup
                && (pressed || backup.is_due(next.batch))
                && next.batch < steps
            {
                backup.save(self.model, &self.callbacks, &self.history, &tracker, next)?;
            }
            if pressed && next.batch < steps {
                return Ok(false);
            }
            if self.model.stop {
                break;
            }
        }
        let seconds = clock.elapsed().as_secs_f64();
        let mut logs = tracker.logs()?;
        if let Some(validation) = validation {
            let figures = self.model.evaluate_checked(validation, batches.batch_size())?;
            logs.extend("val_", &figures);
        }
        self.progress.end_epoch(&logs, seconds);
        self.history.push(EpochRecord {
            epoch,
            logs: logs.clone(),
            seconds,
            samples_per_second: samples as f64 / seconds.max(f64::MIN_POSITIVE),
            peak_memory: peak_memory(),
        });
        self.each(|callback, model| callback.on_epoch_end(epoch, &logs, model))?;
        if let Some(backup) = &self.backup {
            let next = Position { epoch: epoch + 1, batch: 0 };
            backup.save(self.model, &self.callbacks, &self.history, &Tracker::new(self.model), next)?;
        }
        Ok(!(self.interruptible && interrupt::pressed()))
    }
}
