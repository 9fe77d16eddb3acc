//! A data set in memory: arrays of inputs, of targets and of sample weights that have one row a sample each.
//!
//! Arrays share their storage, so that cloning a set, taking a range of its rows or splitting off its last
//! samples copies nothing; only [`Dataset::gather`] and the random splits copy.

use std::collections::HashMap;
use std::ops::Range;

use fornax_core::{Array, Error, Philox, Result};

/// Inputs, targets and sample weights with the same number of rows.
///
/// ```
/// use fornax_core::Array;
/// use fornax_data::Dataset;
///
/// let x = Array::from_vec([4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
/// let xor = Dataset::new(x, vec![0, 1, 1, 0])?;
/// let (train, validation) = xor.split_validation(0.25)?;
/// assert_eq!((train.len(), validation.len()), (3, 1));
/// assert_eq!(validation.inputs()[0].to_f32(), [1.0, 1.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    inputs: Vec<Array>,
    targets: Vec<Array>,
    sample_weight: Option<Array>,
}

impl Dataset {
    /// One input `x` and one target `y`.
    ///
    /// # Errors
    /// If they have not the same number of rows.
    pub fn new(x: impl Into<Array>, y: impl Into<Array>) -> Result<Self> {
        Self::from_parts(vec![x.into()], vec![y.into()])
    }

    /// Several inputs and targets, in the order of the model's inputs and outputs.
    ///
    /// # Errors
    /// If there is no input, or if the numbers of rows differ.
    pub fn from_parts(inputs: Vec<Array>, targets: Vec<Array>) -> Result<Self> {
        let Some(first) = inputs.first() else {
            return Err(Error::argument("inputs", "no array", "at least one"));
        };
        let rows = first.row_count();
        for (index, input) in inputs.iter().enumerate() {
            check_rows("input", index, input, rows)?;
        }
        for (index, target) in targets.iter().enumerate() {
            check_rows("target", index, target, rows)?;
        }
        Ok(Self { inputs, targets, sample_weight: None })
    }

    /// One input and no target: what a model predicts on.
    pub fn unlabelled(x: impl Into<Array>) -> Self {
        Self { inputs: vec![x.into()], targets: vec![], sample_weight: None }
    }

    /// The same set with a weight for each sample (or for each time step of each sample).
    ///
    /// # Errors
    /// If the number of weights differs from the number of samples, or if a weight is NaN or infinite.
    pub fn with_sample_weight(mut self, weight: impl Into<Array>) -> Result<Self> {
        let weight = weight.into();
        if weight.row_count() != self.len() {
            return Err(Error::shape(
                "sample_weight",
                format!("{} rows", weight.row_count()),
                format!("{}, one a sample", self.len()),
            ));
        }
        check_finite("sample_weight", &weight)?;
        self.sample_weight = Some(weight);
        Ok(self)
    }

    /// The inputs, one array an input of the model, axis 0 counting samples.
    pub fn inputs(&self) -> &[Array] {
        &self.inputs
    }

    /// The targets, one array an output of the model; none in an unlabelled set.
    pub fn targets(&self) -> &[Array] {
        &self.targets
    }

    /// The weights of the samples.
    pub fn sample_weight(&self) -> Option<&Array> {
        self.sample_weight.as_ref()
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.inputs[0].row_count()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The samples of `range`, sharing the storage.
    ///
    /// # Panics
    /// If the range reaches past the last sample.
    pub fn rows(&self, range: Range<usize>) -> Self {
        self.each(|array| array.rows(range.clone()))
    }

    /// The first `count` samples, or all if there are fewer, sharing the storage.
    pub fn take(&self, count: usize) -> Self {
        self.rows(0..count.min(self.len()))
    }

    /// The samples at `indices` in that order, copied.
    ///
    /// # Panics
    /// If an index reaches past the last sample.
    pub fn gather(&self, indices: &[usize]) -> Self {
        self.each(|array| array.gather(indices))
    }

    /// The same set with every input in the shape `[n, elements of a sample]`.
    pub fn flatten(&self) -> Self {
        let flat = |input: &Array| {
            input.reshape([input.row_count(), input.row_len()]).expect("the same number of elements")
        };
        Self { inputs: self.inputs.iter().map(flat).collect(), ..self.clone() }
    }

    /// The same set with `map` applied to every input, for example a fitted transform.
    ///
    /// # Errors
    /// What `map` returns, or if it changes the number of rows.
    pub fn map_inputs(&self, map: impl FnMut(&Array) -> Result<Array>) -> Result<Self> {
        let inputs = self.inputs.iter().map(map).collect::<Result<Vec<_>>>()?;
        for (index, input) in inputs.iter().enumerate() {
            check_rows("mapped input", index, input, self.len())?;
        }
        Ok(Self { inputs, ..self.clone() })
    }

    /// The same set with `map` applied to every target, for example a one-hot encoding.
    ///
    /// # Errors
    /// What `map` returns, or if it changes the number of rows.
    pub fn map_targets(&self, map: impl FnMut(&Array) -> Result<Array>) -> Result<Self> {
        let targets = self.targets.iter().map(map).collect::<Result<Vec<_>>>()?;
        for (index, target) in targets.iter().enumerate() {
            check_rows("mapped target", index, target, self.len())?;
        }
        Ok(Self { targets, ..self.clone() })
    }

    /// Splits off the last samples, as `validation_split` of Keras: the first `floor(n * (1 - fraction))` train,
    /// the others validate. Copies nothing.
    ///
    /// # Errors
    /// If the fraction is not between 0 and 1, or if a side would be empty.
    pub fn split_validation(&self, fraction: f64) -> Result<(Self, Self)> {
        let at = split_point(self.len(), fraction)?;
        Ok((self.rows(0..at), self.rows(at..self.len())))
    }

    /// Splits at random: `floor(n * (1 - fraction))` samples train, the others are held out; both sides come in
    /// random order.
    ///
    /// # Errors
    /// If the fraction is not between 0 and 1, or if a side would be empty.
    pub fn split_random(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        let at = split_point(self.len(), fraction)?;
        let order = Philox::new(seed).named("split").permutation(self.len());
        Ok((self.gather(&order[..at]), self.gather(&order[at..])))
    }

    /// Splits at random within each class of the first target: of a class with `m` samples, `round(m * fraction)`
    /// are held out; both sides come in random order. A class is a distinct row of the target: a label or a
    /// one-hot vector.
    ///
    /// # Errors
    /// If there is no target, if the fraction is not between 0 and 1, or if a side would be empty.
    pub fn split_stratified(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        split_point(self.len(), fraction)?;
        let target =
            self.targets.first().ok_or_else(|| Error::data("data set", "no target", "one to stratify by"))?;
        let (train, held_out) = stratify(&classes(target), fraction, seed)?;
        Ok((self.gather(&train), self.gather(&held_out)))
    }

    /// Checks that no input, target or weight is NaN or infinite.
    ///
    /// # Errors
    /// If one is, naming the array, the row and the position in the row.
    pub fn check_finite(&self) -> Result<()> {
        let inputs = self.inputs.iter().enumerate().map(|(i, array)| (format!("input {i}"), array));
        let targets = self.targets.iter().enumerate().map(|(i, array)| (format!("target {i}"), array));
        for (name, array) in inputs.chain(targets) {
            check_finite(&name, array)?;
        }
        self.sample_weight.iter().try_for_each(|weight| check_finite("sample_weight", weight))
    }

    fn each(&self, map: impl Fn(&Array) -> Array) -> Self {
        Self {
            inputs: self.inputs.iter().map(&map).collect(),
            targets: self.targets.iter().map(&map).collect(),
            sample_weight: self.sample_weight.as_ref().map(&map),
        }
    }
}

/// Where a set of `len` samples is cut so that `fraction` of them come after the cut.
pub(crate) fn split_point(len: usize, fraction: f64) -> Result<usize> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::argument("fraction", fraction, "between 0 and 1, both excluded"));
    }
    let at = (len as f64 * (1.0 - fraction)).floor() as usize;
    if at == 0 || at >= len {
        return Err(Error::data(
            "split",
            format!("{at} and {} samples with the fraction {fraction}", len - at.min(len)),
            "at least one sample on each side",
        ));
    }
    Ok(at)
}

/// The indices of a stratified split of samples with these classes: train, then held out, both in random order.
pub(crate) fn stratify(classes: &[usize], fraction: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    let mut quota: HashMap<usize, usize> = HashMap::new();
    classes.iter().for_each(|&class| *quota.entry(class).or_default() += 1);
    quota.values_mut().for_each(|count| *count = (*count as f64 * fraction).round() as usize);
    let (mut train, mut held_out) = (vec![], vec![]);
    for index in Philox::new(seed).named("split").permutation(classes.len()) {
        match quota.get_mut(&classes[index]) {
            Some(left) if *left > 0 => {
                *left -= 1;
                held_out.push(index);
            }
            _ => train.push(index),
        }
    }
    if train.is_empty() || held_out.is_empty() {
        return Err(Error::data(
            "split",
            format!("{} and {} samples with the fraction {fraction}", train.len(), held_out.len()),
            "at least one sample on each side",
        ));
    }
    Ok((train, held_out))
}

/// A number for each row, equal for rows of equal elements.
fn classes(target: &Array) -> Vec<usize> {
    let width = target.row_len();
    if width == 0 {
        return vec![0; target.row_count()];
    }
    // Integers keep all their bits; as floats, labels above 2^24 would fall together.
    let bits: Vec<u32> = match target.is_integer() {
        true => target.to_i32().into_iter().map(|x| x as u32).collect(),
        false => target.to_f32().into_iter().map(f32::to_bits).collect(),
    };
    let mut known: HashMap<&[u32], usize> = HashMap::new();
    bits.chunks(width)
        .map(|row| {
            let next = known.len();
            *known.entry(row).or_insert(next)
        })
        .collect()
}

fn check_rows(name: &str, index: usize, array: &Array, rows: usize) -> Result<()> {
    if array.row_count() == rows {
        return Ok(());
    }
    Err(Error::shape(
        format!("{name} {index}"),
        format!("{} rows", array.row_count()),
        format!("{rows}, as input 0"),
    ))
}

fn check_finite(name: &str, array: &Array) -> Result<()> {
    let Some(position) = array.first_non_finite() else { return Ok(()) };
    let (row, within) = (position / array.row_len(), position % array.row_len());
    let value = array.as_f32().map_or(f32::NAN, |values| values[position]);
    Err(Error::data(format!("{name}, row {row}, position {within}"), value, "a finite number"))
}

#[cfg(test)]
mod tests {
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

    fn ids(set: &Dataset) -> Vec<i32> {
        let ids = set.targets()[0].to_i32();
        let first: Vec<f32> = set.inputs()[0].to_f32().chunks(2).map(|row| row[0] / 2.0).collect();
        assert_eq!(
            first,
            ids.iter().map(|&id| id as f32).collect::<Vec<_>>(),
            "inputs and targets stay together"
        );
        assert_eq!(set.sample_weight().unwrap().to_f32(), first, "and so do weights");
        ids
    }

    #[test]
    fn rejects_what_does_not_fit() {
        let error = Dataset::new(vec![0.0f32; 3], vec![0; 4]).unwrap_err();
        assert_eq!(error.to_string(), "target 0: found 4 rows, wanted 3, as input 0");
        assert!(Dataset::from_parts(vec![], vec![]).is_err());
        let error =
            Dataset::from_parts(vec![vec![0.0f32; 3].into(), vec![0.0f32; 2].into()], vec![]).unwrap_err();
        assert_eq!(error.to_string(), "input 1: found 2 rows, wanted 3, as input 0");
        let set = Dataset::new(vec![0.0f32; 3], vec![0; 3]).unwrap();
        assert!(set.clone().with_sample_weight(vec![1.0f32; 2]).is_err());
        assert!(set.clone().with_sample_weight(vec![1.0, f32::NAN, 1.0]).is_err());
        assert!(set.map_inputs(|array| Ok(array.rows(0..2))).is_err());
        for fraction in [0.0, 1.0, -0.5, 1.5, f64::NAN] {
            assert!(set.split_validation(fraction).is_err(), "{fraction}");
            assert!(set.split_random(fraction, 0).is_err(), "{fraction}");
        }
        assert!(set.split_validation(0.9).is_err(), "floor(0.3) samples cannot train");
        assert!(Dataset::unlabelled(vec![0.0f32; 9]).split_stratified(0.5, 0).is_err());
    }

    #[test]
    fn validation_samples_are_the_last_ones_counted_as_keras_does() {
        // Python: int(math.floor(n * (1 - f))).
        for (n, fraction, train) in
            [(10, 0.2, 8), (10, 0.1, 9), (10, 0.7, 3), (7, 0.3, 4), (60_000, 0.1, 54_000)]
        {
            let (first, last) = numbered(n).split_validation(fraction).unwrap();
            assert_eq!(ids(&first), (0..train).collect::<Vec<i32>>());
            assert_eq!(ids(&last), (train..n as i32).collect::<Vec<i32>>());
        }
    }

    #[test]
    fn a_value_that_is_not_finite_is_named_with_its_place() {
        let x = Array::from_vec([2, 3], vec![0.0, 0.0, 0.0, 0.0, f32::INFINITY, 0.0]).unwrap();
        let set = Dataset::from_parts(vec![vec![0.0f32; 2].into(), x], vec![]).unwrap();
        assert_eq!(
            set.check_finite().unwrap_err().to_string(),
            "input 1, row 1, position 1: found inf, wanted a finite number"
        );
        assert!(set.rows(0..1).check_finite().is_ok());
    }

    #[test]
    fn flattening_keeps_the_elements() {
        let images = Array::from_vec([2, 2, 2, 1], (0..8).map(|x| x as f32).collect()).unwrap();
        let set = Dataset::new(images, vec![0, 1]).unwrap().rows(1..2).flatten();
        assert_eq!(set.inputs()[0].shape(), [1, 4]);
        assert_eq!(set.inputs()[0].to_f32(), [4.0, 5.0, 6.0, 7.0]);
        assert_eq!(numbered(3).take(2).len(), 2);
        assert_eq!(numbered(3).take(9).len(), 3);
    }

    #[test]
    fn strata_keep_their_share() {
        let labels: Vec<i32> = (0..100).map(|i| i32::from(i >= 70)).collect();
        let x: Vec<f32> = (0..100).map(|x| x as f32).collect();
        let one_hot =
            Array::from_vec([100, 2], labels.iter().flat_map(|&l| [(1 - l) as f32, l as f32]).collect());
        for y in [Array::from(labels), one_hot.unwrap()] {
            let (train, test) = Dataset::new(x.clone(), y).unwrap().split_stratified(0.2, 3).unwrap();
            let minority = |set: &Dataset| set.inputs()[0].to_f32().iter().filter(|&&x| x >= 70.0).count();
            assert_eq!((train.len(), minority(&train)), (80, 24));
            assert_eq!((test.len(), minority(&test)), (20, 6));
        }
    }

    proptest! {
        #[test]
        fn random_splits_hold_every_sample_once(n in 2usize..200, fraction in 0.01f64..0.99, seed: u64) {
            let set = numbered(n);
            prop_assume!((n as f64 * (1.0 - fraction)) >= 1.0);
            let (train, held_out) = set.split_random(fraction, seed).unwrap();
            let mut all = [ids(&train), ids(&held_out)].concat();
            prop_assert_eq!(&set.split_random(fraction, seed).unwrap().0, &train);
            all.sort_unstable();
            prop_assert_eq!(all, (0..n as i32).collect::<Vec<_>>());
        }
    }
}
