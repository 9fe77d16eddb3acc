//! Batches of sequences of near-equal length: so that little of a batch is padding.
//!
//! The shuffled samples are divided into pools of some hundred batches; each pool is sorted by length and cut into
//! batches, whose order is shuffled again. A sample so meets others of its length, but other ones in each epoch. The
//! arrays of a batch are then cut to its longest sequence.

use std::ops::Range;
use std::sync::Arc;

use fornax_core::{Array, Error, Philox, Result};

use crate::text::Side;
use crate::{Batch, Dataset};

/// The lengths of the sequences of a data set, and which of its arrays have the time axis.
///
/// Defaults: pools of 100 batches; the first input has the time axis (axis 1), no target has; padding is at the end.
///
/// ```
/// use fornax_core::Array;
/// use fornax_data::{Batches, Dataset, LengthBuckets, text::Padding};
///
/// let padded = Padding::new().apply(&[vec![1; 9], vec![2], vec![3; 8], vec![4; 2]])?;
/// let set = Dataset::new(padded.array, vec![0, 1, 0, 1])?;
/// let batches = Batches::new(&set, 2)?.buckets(LengthBuckets::new(padded.lengths))?;
/// let shapes = batches.epoch(0).map(|batch| Ok(batch?.inputs[0].shape().to_vec()));
/// assert_eq!(shapes.collect::<fornax_core::Result<Vec<_>>>()?, [[2, 2], [2, 9]]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LengthBuckets {
    lengths: Arc<[usize]>,
    pool: usize,
    inputs: Vec<usize>,
    targets: Vec<usize>,
    padded: Side,
}

impl LengthBuckets {
    /// The length of each sample of the set.
    pub fn new(lengths: impl Into<Arc<[usize]>>) -> Self {
        Self { lengths: lengths.into(), pool: 100, inputs: vec![0], targets: vec![], padded: Side::Post }
    }

    /// How many batches are sorted together; with 1 lengths do not matter but for the cut.
    pub fn pool(self, batches: usize) -> Self {
        Self { pool: batches.max(1), ..self }
    }

    /// The inputs that have the time axis.
    pub fn inputs(self, inputs: impl Into<Vec<usize>>) -> Self {
        Self { inputs: inputs.into(), ..self }
    }

    /// The targets that have the time axis.
    pub fn targets(self, targets: impl Into<Vec<usize>>) -> Self {
        Self { targets: targets.into(), ..self }
    }

    /// Where the padding is.
    pub fn padded(self, side: Side) -> Self {
        Self { padded: side, ..self }
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// How many batches are sorted together.
    pub fn pool_size(&self) -> usize {
        self.pool
    }

    /// Those of the first `count` samples.
    pub fn take(&self, count: usize) -> Self {
        Self { lengths: self.lengths.iter().copied().take(count).collect(), ..self.clone() }
    }

    /// An error unless there is one length a sample and the arrays have the time axis.
    pub(crate) fn check(&self, dataset: &Dataset) -> Result<()> {
        if self.len() != dataset.len() {
            let wanted = format!("{}, one a sample", dataset.len());
            return Err(Error::shape("lengths", format!("{} lengths", self.len()), wanted));
        }
        let named = |kind: &str, arrays: &[Array], indices: &[usize]| -> Result<Vec<(String, usize)>> {
            indices
                .iter()
                .map(|&index| {
                    let name = format!("{kind} {index}");
                    match arrays.get(index).map(Array::shape) {
                        Some([_, time, ..]) => Ok((name, *time)),
                        Some(shape) => Err(Error::shape(name, format!("{shape:?}"), "[samples, time, ..]")),
                        None => {
                            Err(Error::argument(name, "no such array", format!("one of {}", arrays.len())))
                        }
                    }
                })
                .collect()
        };
        let mut axes = named("input", dataset.inputs(), &self.inputs)?;
        axes.extend(named("target", dataset.targets(), &self.targets)?);
        let Some((_, time)) = axes.first().cloned() else {
            return Err(Error::argument("inputs of length buckets", "none", "at least one with a time axis"));
        };
        if let Some((name, found)) = axes.iter().find(|(_, found)| *found != time) {
            return Err(Error::shape(
                name,
                format!("{found} time steps"),
                format!("{time}, as {}", axes[0].0),
            ));
        }
        match self.lengths.iter().position(|&length| length > time) {
            None => Ok(()),
            Some(row) => {
                let wanted = format!("at most {time}, the time steps of the arrays");
                Err(Error::data(format!("lengths, sample {row}"), self.lengths[row], wanted))
            }
        }
    }

    /// The order in which an epoch visits the samples: by length without a generator.
    pub(crate) fn order(&self, batch_size: usize, random: Option<Philox>) -> Vec<usize> {
        let Some(random) = random else {
            let mut order: Vec<usize> = (0..self.len()).collect();
            order.sort_by_key(|&sample| self.lengths[sample]);
            return order;
        };
        let mut order = random.named("samples").permutation(self.len());
        for pool in order.chunks_mut(self.pool.saturating_mul(batch_size)) {
            pool.sort_by_key(|&sample| self.lengths[sample]);
        }
        // The last batch stays the last, because it may be smaller.
        let batches: Vec<&[usize]> = order.chunks(batch_size).collect();
        let (last, full) = batches.split_last().expect("a set is not empty");
        let places = random.named("batches").permutation(full.len());
        places.into_iter().flat_map(|place| full[place]).chain(*last).copied().collect()
    }

    /// The batch with its arrays cut to its longest sequence, of at least one step.
    pub(crate) fn cut(&self, mut batch: Batch) -> Result<Batch> {
        let longest = batch.samples.iter().map(|&sample| self.lengths[sample]).max().unwrap_or(0).max(1);
        let time = match (self.inputs.first(), self.targets.first()) {
            (Some(&input), _) => batch.inputs[input].shape()[1],
            (None, Some(&target)) => batch.targets[target].shape()[1],
            (None, None) => return Ok(batch),
        };
        let kept = match self.padded {
            Side::Pre => time - longest..time,
            Side::Post => 0..longest,
        };
        for &input in &self.inputs {
            batch.inputs[input] = columns(&batch.inputs[input], kept.clone())?;
        }
        for &target in &self.targets {
            batch.targets[target] = columns(&batch.targets[target], kept.clone())?;
        }
        // Weights of time steps go with the targets that they weigh.
        batch.sample_weight = match batch.sample_weight.take() {
            Some(weight) if !self.targets.is_empty() && weight.shape().get(1) == Some(&time) => {
                Some(columns(&weight, kept)?)
            }
            weight => weight,
        };
        Ok(batch)
    }
}

/// The steps `kept` of axis 1; integers stay integers.
fn columns(array: &Array, kept: Range<usize>) -> Result<Array> {
    fn take<T: Copy>(values: &[T], time: usize, width: usize, kept: &Range<usize>) -> Vec<T> {
        let rows = values.chunks((time * width).max(1));
        rows.flat_map(|row| &row[kept.start * width..kept.end * width]).copied().collect()
    }
    let mut shape = array.shape().to_vec();
    let (time, width) = (shape[1], shape[2..].iter().product());
    shape[1] = kept.len();
    match array.is_integer() {
        true => Array::from_i32(shape, take(&array.to_i32(), time, width, &kept)),
        false => Array::from_vec(shape, take(&array.to_f32(), time, width, &kept)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Batches;

    /// Sample `i` holds `i + 1` in each of its steps.
    fn ragged(lengths: &[usize], side: Side) -> Dataset {
        let time = lengths.iter().copied().max().unwrap().max(1);
        let padding = crate::text::Padding::new().length(time).pad(side);
        let rows: Vec<Vec<i32>> =
            lengths.iter().enumerate().map(|(i, &len)| vec![i as i32 + 1; len]).collect();
        let padded = padding.apply(&rows).unwrap();
        let features = Array::from_vec(
            [lengths.len(), time, 2],
            padded.array.to_f32().iter().flat_map(|&x| [x, -x]).collect(),
        );
        Dataset::from_parts(vec![padded.array.clone(), features.unwrap()], vec![padded.array]).unwrap()
    }

    proptest! {
        #[test]
        fn an_epoch_holds_every_sample_once_and_cuts_padding_alone(
            lengths in proptest::collection::vec(0usize..9, 1..60), size in 1usize..9, pool in 1usize..5, seed: u64,
            shuffle: bool, pre: bool,
        ) {
            let side = if pre { Side::Pre } else { Side::Post };
            let buckets = LengthBuckets::new(lengths.clone()).pool(pool).inputs([0, 1]).targets([0]).padded(side);
            let set = ragged(&lengths, side);
            let batches = Batches::new(&set, size).unwrap().seed(seed).shuffle(shuffle).buckets(buckets).unwrap();
            let all: Vec<_> = batches.epoch(1).map(Result::unwrap).collect();
            let again: Vec<_> = batches.epoch(1).map(Result::unwrap).collect();
            prop_assert_eq!(&again, &all);
            let mut samples: Vec<usize> = all.iter().flat_map(|batch| batch.samples.clone()).collect();
            samples.sort_unstable();
            prop_assert_eq!(samples, (0..lengths.len()).collect::<Vec<_>>());
            for batch in all {
                let longest = batch.samples.iter().map(|&i| lengths[i]).max().unwrap().max(1);
                prop_assert_eq!(batch.inputs[0].shape(), [batch.len(), longest]);
                prop_assert_eq!(batch.inputs[1].shape(), [batch.len(), longest, 2]);
                prop_assert!(batch.inputs[0].is_integer());
                prop_assert_eq!(&batch.targets[0], &batch.inputs[0]);
                let rows = batch.inputs[0].to_i32();
                for (row, &sample) in rows.chunks(longest).zip(&batch.samples) {
                    prop_assert_eq!(row.iter().filter(|&&x| x == sample as i32 + 1).count(), lengths[sample]);
                }
            }
        }
    }

    #[test]
    fn a_sorted_pool_has_little_padding_and_epochs_differ() {
        let lengths: Vec<usize> = (0..512).map(|i| 1 + i * 37 % 64).collect();
        let set = ragged(&lengths, Side::Post);
        let padded = |pool: usize| {
            let buckets = LengthBuckets::new(lengths.clone()).pool(pool);
            let batches = Batches::new(&set, 16).unwrap().shuffle(true).buckets(buckets).unwrap();
            let steps = batches.epoch(0).map(|batch| batch.unwrap().inputs[0].len());
            (steps.sum::<usize>(), batches)
        };
        let total: usize = lengths.iter().sum();
        let (sorted, batches) = padded(100);
        assert!(sorted < total * 103 / 100, "{sorted} steps for {total}");
        assert!(padded(1).0 > total * 3 / 2);
        let samples =
            |epoch| batches.epoch(epoch).flat_map(|batch| batch.unwrap().samples).collect::<Vec<_>>();
        assert_ne!(samples(0), samples(1));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let set = ragged(&[2, 3], Side::Post);
        let fault = |buckets| Batches::new(&set, 1).unwrap().buckets(buckets).unwrap_err().to_string();
        assert_eq!(fault(LengthBuckets::new([1])), "lengths: found 1 lengths, wanted 2, one a sample");
        assert_eq!(
            fault(LengthBuckets::new([1, 4])),
            "lengths, sample 1: found 4, wanted at most 3, the time steps of the arrays"
        );
        assert!(fault(LengthBuckets::new([1, 2]).inputs([2])).contains("no such array"));
        assert!(fault(LengthBuckets::new([1, 2]).inputs([])).contains("at least one"));
        let flat = Dataset::new(vec![0.0f32; 2], vec![0; 2]).unwrap();
        assert!(Batches::new(&flat, 1).unwrap().buckets(LengthBuckets::new([1, 1])).is_err());
    }
}
