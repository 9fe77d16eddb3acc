//! Numbers as the index of the bin they fall into.

use fornax_core::{Array, Error, Result};
use serde::{Deserialize, Serialize};

/// Bins `(-inf, b[0]), [b[0], b[1]), ..., [b[last], inf)` of the boundaries `b`, as in Keras.
///
/// # Shapes
/// Any, to the same, as integers.
///
/// ```
/// use fornax_core::Array;
/// use fornax_data::preprocessing::Discretization;
///
/// let bins = Discretization::new(vec![0.0, 1.0, 2.0])?;
/// assert_eq!(bins.apply(&vec![-1.5, 1.0, 3.4, 0.5].into())?.to_i32(), [0, 2, 3, 1]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Discretization {
    boundaries: Vec<f32>,
}

impl Discretization {
    /// Bins of known boundaries.
    ///
    /// # Errors
    /// If the boundaries do not ascend.
    pub fn new(boundaries: Vec<f32>) -> Result<Self> {
        if let Some(at) = boundaries.iter().position(|x| !x.is_finite()) {
            return Err(Error::argument(format!("boundary {at}"), boundaries[at], "a finite number"));
        }
        match boundaries.windows(2).position(|pair| pair[0] > pair[1]) {
            Some(at) => Err(Error::argument(
                format!("boundary {}", at + 1),
                boundaries[at + 1],
                format!("at least {}, the one before", boundaries[at]),
            )),
            None => Ok(Self { boundaries }),
        }
    }

    /// `num_bins` bins with about the same number of values of `train` each. Boundary `k` interpolates the sorted
    /// values, counted from 1, at `n * k / num_bins`: the rule of Keras, without its approximation for more than
    /// 100 values.
    ///
    /// # Errors
    /// If `num_bins` is 0, if there is no value, or if one is NaN or infinite.
    pub fn fit(train: &Array, num_bins: usize) -> Result<Self> {
        if num_bins == 0 {
            return Err(Error::argument("num_bins", 0, "at least 1"));
        }
        let mut values = train.to_f32();
        if values.is_empty() || values.iter().any(|x| !x.is_finite()) {
            let found = if values.is_empty() { "no value" } else { "NaN or infinity" };
            return Err(Error::data("Discretization", found, "finite numbers"));
        }
        values.sort_by(f32::total_cmp);
        let boundary = |k: usize| {
            let rank = (values.len() as f64 * k as f64 / num_bins as f64 - 1.0).max(0.0);
            let low = rank.floor() as usize;
            let high = (low + 1).min(values.len() - 1);
            let (low, high) = (f64::from(values[low]), f64::from(values[high]));
            (low + (high - low) * rank.fract()) as f32
        };
        Self::new((1..num_bins).map(boundary).collect())
    }

    /// The boundaries, ascending.
    pub fn boundaries(&self) -> &[f32] {
        &self.boundaries
    }

    /// The number of bins.
    pub fn bin_count(&self) -> usize {
        self.boundaries.len() + 1
    }

    /// The index of the bin of every element.
    ///
    /// # Errors
    /// If an element is NaN.
    pub fn apply(&self, array: &Array) -> Result<Array> {
        let bin = |(at, x): (usize, f32)| match x.is_nan() {
            true => Err(Error::data(format!("Discretization, row {}", at / array.row_len()), x, "a number")),
            false => Ok(self.boundaries.partition_point(|&boundary| boundary <= x) as i32),
        };
        let bins = array.to_f32().into_iter().enumerate().map(bin).collect::<Result<_>>()?;
        Array::from_i32(array.shape(), bins)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The second example of the Keras documentation (`num_bins=4`, `epsilon=0.01`).
    #[test]
    fn quantiles_of_keras() {
        let x = Array::from_vec([2, 4], vec![-1.5, 1.0, 3.4, 0.5, 0.0, 3.0, 1.3, 0.0]).unwrap();
        let bins = Discretization::fit(&x, 4).unwrap();
        assert_eq!(bins.boundaries(), [0.0, 0.5, 1.3]);
        assert_eq!(bins.apply(&x).unwrap().to_i32(), [0, 2, 3, 2, 1, 3, 3, 1]);
        assert_eq!(bins.apply(&x).unwrap().shape(), [2, 4]);
    }

    #[test]
    fn rejections() {
        assert!(Discretization::new(vec![1.0, 0.0]).is_err());
        assert!(Discretization::new(vec![f32::NAN]).is_err());
        assert!(Discretization::fit(&vec![1.0f32].into(), 0).is_err());
        assert!(Discretization::fit(&Vec::<f32>::new().into(), 2).is_err());
        assert!(Discretization::fit(&vec![f32::INFINITY].into(), 2).is_err());
        assert!(Discretization::new(vec![]).unwrap().apply(&vec![f32::NAN].into()).is_err());
        assert_eq!(Discretization::fit(&vec![1.0f32].into(), 3).unwrap().bin_count(), 3);
    }

    proptest! {
        #[test]
        fn bins_of_distinct_values_are_equally_full(n in 1usize..200, bins in 1usize..12) {
            let values: Vec<f32> = (0..n).map(|x| ((x * 7919) % n.max(1)) as f32 + x as f32 / n as f32 / 2.0).collect();
            let fitted = Discretization::fit(&values.clone().into(), bins).unwrap();
            let mut counts = vec![0usize; fitted.bin_count()];
            for bin in fitted.apply(&values.into()).unwrap().to_i32() {
                counts[bin as usize] += 1;
            }
            prop_assert!(counts.iter().all(|&count| count.abs_diff(n / bins) <= 2), "{counts:?}");
        }

        #[test]
        fn a_value_lies_in_its_bin(boundaries in proptest::collection::vec(-9i8..9, 0..6), x in -12i8..12) {
            let mut boundaries: Vec<f32> = boundaries.into_iter().map(f32::from).collect();
            boundaries.sort_by(f32::total_cmp);
            let x = f32::from(x) / 1.5;
            let bins = Discretization::new(boundaries.clone()).unwrap();
            let bin = bins.apply(&vec![x].into()).unwrap().to_i32()[0] as usize;
            prop_assert!(bin == 0 || boundaries[bin - 1] <= x);
            prop_assert!(bin == boundaries.len() || x < boundaries[bin]);
        }
    }
}
