//! Batches: an epoch of a data set, shuffled, cut into batches, transformed and prefetched.
//!
//! Epoch `e` visits the samples in the order of a full permutation drawn from `(seed, e)`, and the transformation
//! of batch `b` gets a generator keyed by `(seed, e, b)`. So a batch depends on nothing but these three numbers:
//! not on the number of worker threads, their timing, or where a resumed epoch begins.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use fornax_core::{Array, Error, Philox, Result};

use crate::{Dataset, LengthBuckets};

/// How many finished batches a worker keeps ahead of the consumer.
const AHEAD: usize = 2;

/// The samples of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The inputs, one array an input of the model.
    pub inputs: Vec<Array>,
    /// The targets, one array an output of the model.
    pub targets: Vec<Array>,
    /// The weights of the samples.
    pub sample_weight: Option<Array>,
    /// The number of this batch in its epoch, from 0.
    pub index: usize,
    /// Which samples of the data set these are.
    pub samples: Vec<usize>,
}

impl Batch {
    /// The number of samples.
    pub fn len(&self) -> usize {
        self.inputs.first().map_or(0, Array::row_count)
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

type Transform = dyn Fn(Batch, Philox) -> Result<Batch> + Send + Sync;

/// A data set as batches.
///
/// Defaults: seed 0, not shuffled, no transformation; as many workers as there are CPUs (at most 4) if there is
/// a transformation, else none, because gathering is cheap.
///
/// ```
/// use fornax_core::Array;
/// use fornax_data::{Batches, Dataset};
///
/// let x = Array::from_vec([5, 1], vec![0.0, 1.0, 2.0, 3.0, 4.0])?;
/// let batches = Batches::new(&Dataset::unlabelled(x), 2)?;
/// let sizes: Vec<usize> = batches.epoch(0).map(|batch| Ok(batch?.len())).collect::<fornax_core::Result<_>>()?;
/// assert_eq!(sizes, [2, 2, 1]);
///
/// let shuffled = batches.seed(7).shuffle(true);
/// let first = shuffled.epoch(3).next().unwrap()?;
/// assert_eq!(shuffled.epoch(3).next().unwrap()?, first);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Batches {
    dataset: Dataset,
    batch_size: usize,
    seed: u64,
    shuffle: bool,
    buckets: Option<LengthBuckets>,
    transform: Option<Arc<Transform>>,
    workers: Option<usize>,
}

impl Batches {
    /// `dataset` in batches of `batch_size`; the last batch of an epoch may be smaller.
    ///
    /// # Errors
    /// If the batch size is 0 or the set is empty.
    pub fn new(dataset: &Dataset, batch_size: usize) -> Result<Self> {
        if batch_size == 0 {
            return Err(Error::argument("batch_size", 0, "at least 1"));
        }
        if dataset.is_empty() {
            return Err(Error::data("data set", "no sample", "at least one"));
        }
        let dataset = dataset.clone();
        Ok(Self {
            dataset,
            batch_size,
            seed: 0,
            shuffle: false,
            buckets: None,
            transform: None,
            workers: None,
        })
    }

    /// The seed of the order and of the transformation.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Whether every epoch has its own random order.
    pub fn shuffle(self, shuffle: bool) -> Self {
        Self { shuffle, ..self }
    }

    /// Batches hold sequences of near-equal length and are cut to the longest; see [`LengthBuckets`].
    ///
    /// # Errors
    /// If there is not one length a sample, or an array has no time axis of at least such a length.
    pub fn buckets(self, buckets: LengthBuckets) -> Result<Self> {
        buckets.check(&self.dataset)?;
        Ok(Self { buckets: Some(buckets), ..self })
    }

    /// Applies `transform`, for example an augmentation, to every batch. Its generator depends on the seed, the
    /// epoch and the number of the batch.
    pub fn transform(
        self,
        transform: impl Fn(Batch, Philox) -> Result<Batch> + Send + Sync + 'static,
    ) -> Self {
        Self { transform: Some(Arc::new(transform)), ..self }
    }

    /// The number of threads that make batches ahead of their use; 0 makes each when it is asked for. The
    /// batches are the same for any number.
    pub fn workers(self, workers: usize) -> Self {
        Self { workers: Some(workers), ..self }
    }

    /// The number of batches in an epoch.
    pub fn batch_count(&self) -> usize {
        self.dataset.len().div_ceil(self.batch_size)
    }

    /// The number of samples in a batch, the last one excepted.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// The data set.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The batches of one epoch.
    pub fn epoch(&self, epoch: u64) -> Epoch {
        self.epoch_from(epoch, 0)
    }

    /// The batches of one epoch from the `first` on, for a training that resumes within it.
    pub fn epoch_from(&self, epoch: u64, first: usize) -> Epoch {
        let left = first..self.batch_count().max(first);
        let workers = self.workers.unwrap_or_else(|| match self.transform {
            Some(_) => std::thread::available_parallelism().map_or(1, |count| count.get().min(4)),
            None => 0,
        });
        let count = workers.min(left.len());
        let maker = Arc::new(Maker::new(self.clone(), epoch));
        let workers = (0..count).map(|turn| Worker::start(&maker, left.clone(), turn, count)).collect();
        Epoch { maker, workers, left, turn: 0 }
    }
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches")
            .field("samples", &self.dataset.len())
            .field("batch_size", &self.batch_size)
            .field("seed", &self.seed)
            .field("shuffle", &self.shuffle)
            .field("buckets", &self.buckets.is_some())
            .field("transform", &self.transform.is_some())
            .field("workers", &self.workers)
            .finish()
    }
}

/// The iterator over the batches of one epoch; it ends after the first error. Dropping it ends its threads.
pub struct Epoch {
    maker: Arc<Maker>,
    workers: Vec<Worker>,
    left: Range<usize>,
    turn: usize,
}

impl Iterator for Epoch {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.left.next()?;
        let batch = match self.workers.len() {
            0 => self.maker.batch(index),
            count => {
                let turn = self.turn;
                self.turn = (turn + 1) % count;
                self.workers[turn].receive()
            }
        };
        if batch.is_err() {
            self.left = 0..0;
        }
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left.len(), Some(self.left.len()))
    }
}

impl ExactSizeIterator for Epoch {}

impl std::fmt::Debug for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Epoch").field("left", &self.left).field("workers", &self.workers.len()).finish()
    }
}

/// Makes any batch of one epoch.
struct Maker {
    batches: Batches,
    order: Option<Vec<usize>>,
    augment: Philox,
}

impl Maker {
    fn new(batches: Batches, epoch: u64) -> Self {
        let rng = Philox::new(batches.seed);
        let random = batches.shuffle.then(|| rng.named("shuffle").stream(epoch));
        let order = match &batches.buckets {
            Some(buckets) => Some(buckets.order(batches.batch_size, random)),
            None => random.map(|mut random| random.permutation(batches.dataset.len())),
        };
        Self { batches, order, augment: rng.named("augment").stream(epoch) }
    }

    fn batch(&self, index: usize) -> Result<Batch> {
        let Batches { dataset, batch_size, .. } = &self.batches;
        let start = index * batch_size;
        let range = start..(start + batch_size).min(dataset.len());
        let (rows, samples) = match &self.order {
            Some(order) => (dataset.gather(&order[range.clone()]), order[range].to_vec()),
            None => (dataset.rows(range.clone()), range.collect()),
        };
        let batch = Batch {
            inputs: rows.inputs().to_vec(),
            targets: rows.targets().to_vec(),
            sample_weight: rows.sample_weight().cloned(),
            index,
            samples,
        };
        let batch = match &self.batches.buckets {
            Some(buckets) => buckets.cut(batch)?,
            None => batch,
        };
        match &self.batches.transform {
            Some(transform) => check(transform(batch, self.augment.stream(index as u64))?),
            None => Ok(batch),
        }
    }
}

/// A thread that makes every `stride`-th batch.
struct Worker {
    /// Taken on drop, before the thread is joined: a send into a dropped channel fails and ends the thread.
    batches: Option<Receiver<Result<Batch>>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn start(maker: &Arc<Maker>, left: Range<usize>, turn: usize, stride: usize) -> Self {
        let maker = maker.clone();
        let (sender, receiver) = sync_channel(AHEAD);
        let thread = std::thread::spawn(move || {
            for index in left.skip(turn).step_by(stride) {
                if sender.send(maker.batch(index)).is_err() {
                    return;
                }
            }
        });
        Self { batches: Some(receiver), thread: Some(thread) }
    }

    fn receive(&mut self) -> Result<Batch> {
        match self.batches.as_ref().map(Receiver::recv) {
            Some(Ok(batch)) => batch,
            // The sender is gone before its last batch: the transformation panicked, and so would it have here.
            _ => match self.thread.take().map(JoinHandle::join) {
                Some(Err(panic)) => std::panic::resume_unwind(panic),
                _ => {
                    Err(Error::data("batches", "a worker that ended early", "one that makes all its batches"))
                }
            },
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            // A panic of a batch that nobody asked for stays in its thread.
            let _ = thread.join();
        }
    }
}

/// Checks that a transformation kept inputs, targets and weights in step.
fn check(batch: Batch) -> Result<Batch> {
    let rows = batch.len();
    let arrays = batch.inputs.iter().chain(&batch.targets).chain(&batch.sample_weight);
    match arrays.map(Array::row_count).find(|&count| count != rows) {
        Some(found) => Err(Error::shape(
            format!("transformed batch {}", batch.index),
            format!("an array of {found} rows"),
            format!("{rows}, as its first input"),
        )),
        None => Ok(batch),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;

    fn numbered(count: usize) -> Dataset {
        let x = Array::from_vec([count, 2], (0..2 * count).map(|x| x as f32).collect()).unwrap();
        let y: Vec<i32> = (0..count as i32).collect();
        Dataset::new(x, y.clone())
            .unwrap()
            .with_sample_weight(y.iter().map(|&y| y as f32).collect::<Vec<_>>())
            .unwrap()
    }

    fn noisy(batches: Batches) -> Batches {
        batches.transform(|mut batch, mut rng| {
            // Uneven work, so that the threads finish out of order.
            let spin =
                (0..(batch.index % 5) * 4000).fold(0u32, |sum, _| sum.wrapping_add(rng.at(9).next_u32()));
            std::hint::black_box(spin);
            let noise: Vec<f32> = batch.inputs[0].to_f32().iter().map(|x| x + rng.normal()).collect();
            batch.inputs[0] = Array::from_vec(batch.inputs[0].shape(), noise)?;
            Ok(batch)
        })
    }

    fn all(epoch: Epoch) -> Vec<Batch> {
        epoch.map(Result::unwrap).collect()
    }

    #[test]
    fn any_number_of_workers_gives_the_same_bits() {
        let batches = noisy(Batches::new(&numbered(103), 4).unwrap().seed(5).shuffle(true));
        let alone = all(batches.clone().workers(0).epoch(2));
        assert_eq!(alone.len(), 26);
        assert_eq!(alone.iter().map(|batch| batch.index).collect::<Vec<_>>(), (0..26).collect::<Vec<_>>());
        for workers in [1, 2, 4, 40] {
            assert_eq!(all(batches.clone().workers(workers).epoch(2)), alone, "{workers} workers");
        }
        assert_eq!(all(batches.epoch(2)), alone, "the default number");
    }

    #[test]
    fn a_resumed_epoch_goes_on_as_it_would_have() {
        let batches = noisy(Batches::new(&numbered(50), 8).unwrap().seed(1).shuffle(true));
        let whole = all(batches.epoch(4));
        for first in 0..=8 {
            for workers in [0, 2] {
                let rest = all(batches.clone().workers(workers).epoch_from(4, first));
                assert_eq!(rest, whole[first.min(7)..], "from {first}");
            }
        }
    }

    #[test]
    fn epochs_and_seeds_have_their_own_order() {
        let batches = Batches::new(&numbered(40), 40).unwrap().shuffle(true);
        let order = |batches: &Batches, epoch| all(batches.epoch(epoch))[0].samples.clone();
        assert_ne!(order(&batches, 0), order(&batches, 1));
        assert_ne!(order(&batches, 0), order(&batches.clone().seed(1), 0));
        assert_eq!(order(&batches.shuffle(false), 1), (0..40).collect::<Vec<_>>());
    }

    #[test]
    fn dropping_an_epoch_ends_its_threads() {
        let made = Arc::new(AtomicUsize::new(0));
        let count = made.clone();
        let batches = Batches::new(&numbered(1000), 1).unwrap().workers(3).transform(move |batch, _| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(batch)
        });
        let mut epoch = batches.epoch(0);
        epoch.next().unwrap().unwrap();
        let held = Arc::downgrade(&epoch.maker);
        drop(epoch);
        // Each worker may have filled its channel and hold one batch more; afterwards none runs or holds data.
        assert!(made.load(Ordering::SeqCst) <= 3 * (AHEAD + 2));
        assert_eq!(held.strong_count(), 0);
    }

    #[test]
    fn errors_reach_the_consumer_in_their_turn_and_end_the_epoch() {
        let batches = Batches::new(&numbered(10), 1).unwrap().transform(|batch, _| match batch.index {
            3 => Err(Error::data("sample", "bad", "good")),
            _ => Ok(batch),
        });
        let shrink = Batches::new(&numbered(10), 5).unwrap().transform(|mut batch, _| {
            batch.targets[0] = batch.targets[0].rows(0..1);
            Ok(batch)
        });
        for workers in [0, 2] {
            let results: Vec<_> = batches.clone().workers(workers).epoch(0).collect();
            assert_eq!(results.len(), 4);
            assert_eq!(results[3].as_ref().unwrap_err().to_string(), "sample: found bad, wanted good");
            assert!(shrink.clone().workers(workers).epoch(0).next().unwrap().is_err());
        }
        assert!(Batches::new(&numbered(10), 0).is_err());
        assert!(Batches::new(&numbered(2).rows(0..0), 1).is_err());
    }

    #[test]
    #[should_panic(expected = "the closure is at fault")]
    fn a_panic_of_the_transformation_is_not_swallowed() {
        let batches = Batches::new(&numbered(10), 1).unwrap().workers(2);
        all(batches.transform(|_, _| panic!("the closure is at fault")).epoch(0));
    }

    proptest! {
        #[test]
        fn an_epoch_holds_every_sample_once(n in 1usize..60, size in 1usize..70, seed: u64, shuffle: bool) {
            let batches = Batches::new(&numbered(n), size).unwrap().seed(seed).shuffle(shuffle);
            let epoch = all(batches.epoch(seed ^ 1));
            prop_assert_eq!(epoch.len(), batches.batch_count());
            let mut seen = vec![];
            for batch in epoch {
                prop_assert!(batch.len() == size || batch.index + 1 == batches.batch_count());
                let ids: Vec<i32> = batch.samples.iter().map(|&i| i as i32).collect();
                prop_assert_eq!(batch.targets[0].to_i32(), ids);
                prop_assert_eq!(batch.sample_weight.as_ref().unwrap().row_count(), batch.len());
                seen.extend(batch.samples);
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..n).collect::<Vec<_>>());
        }
    }
}
