//! Numbers brought to a common scale.

use fornax_core::{Array, Error, Result};
use serde::{Deserialize, Serialize};

/// The smallest deviation that is divided by, as in Keras.
pub(crate) const EPSILON: f32 = 1e-7;

/// Features of mean 0 and variance 1: `y = (x - mean) / max(sqrt(variance), 1e-7)`, as in Keras.
///
/// # Shapes
/// `[n, ..., features]` to the same; the statistics are over all axes but the last. An array `[n]` has one feature.
///
/// ```
/// use fornax_core::Array;
/// use fornax_data::preprocessing::Normalization;
///
/// let train = Array::from_vec([2, 2], vec![0.0, 10.0, 2.0, 30.0])?;
/// let normalization = Normalization::fit(&train)?;
/// assert_eq!(normalization.mean(), [1.0, 20.0]);
/// assert_eq!(normalization.apply(&train)?.to_f32(), [-1.0, -1.0, 1.0, 1.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    mean: Vec<f32>,
    variance: Vec<f32>,
}

impl Normalization {
    /// The mean and the variance (over `n`, not `n - 1`) of each feature of `train`.
    ///
    /// # Errors
    /// If `train` has no sample, or if a value is NaN or infinite.
    pub fn fit(train: &Array) -> Result<Self> {
        Self::fit_features(train, feature_count(train))
    }

    /// One mean and variance of all values, as `axis=None` of Keras.
    ///
    /// # Errors
    /// As for [`fit`](Self::fit).
    pub fn fit_all(train: &Array) -> Result<Self> {
        Self::fit_features(train, 1)
    }

    /// Known statistics: one of each for all features, or one a feature.
    ///
    /// # Errors
    /// If there are not as many variances as means, or if a variance is negative.
    pub fn new(mean: Vec<f32>, variance: Vec<f32>) -> Result<Self> {
        if mean.len() != variance.len() || mean.is_empty() {
            let found = format!("{} means and {} variances", mean.len(), variance.len());
            return Err(Error::argument("normalization", found, "one of each a feature"));
        }
        if let Some(bad) = variance.iter().find(|&&x| !(x >= 0.0 && x.is_finite())) {
            return Err(Error::argument("variance", bad, "at least 0"));
        }
        Ok(Self { mean, variance })
    }

    /// The mean of each feature.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The variance of each feature.
    pub fn variance(&self) -> &[f32] {
        &self.variance
    }

    /// The array on the common scale.
    ///
    /// # Errors
    /// If its number of features is not that of the statistics.
    pub fn apply(&self, array: &Array) -> Result<Array> {
        self.each(array, |x, mean, deviation| (x - mean) / deviation)
    }

    /// The array back on its own scale: `x = y * max(sqrt(variance), 1e-7) + mean`.
    ///
    /// # Errors
    /// As for [`apply`](Self::apply).
    pub fn invert(&self, array: &Array) -> Result<Array> {
        self.each(array, |y, mean, deviation| y * deviation + mean)
    }

    fn fit_features(train: &Array, features: usize) -> Result<Self> {
        if train.is_empty() {
            return Err(Error::data("normalization", "no sample", "at least one"));
        }
        if let Some(at) = train.first_non_finite() {
            let (row, within) = (at / train.row_len(), at % train.row_len());
            let value = train.as_f32().map_or(f32::NAN, |values| values[at]);
            return Err(Error::data(format!("row {row}, position {within}"), value, "a finite number"));
        }
        let values = train.to_f32();
        let count = (values.len() / features) as f64;
        let mut mean = vec![0.0f64; features];
        for row in values.chunks(features) {
            mean.iter_mut().zip(row).for_each(|(mean, &x)| *mean += f64::from(x) / count);
        }
        let mut variance = vec![0.0f64; features];
        for row in values.chunks(features) {
            for ((variance, mean), &x) in variance.iter_mut().zip(&mean).zip(row) {
                *variance += (f64::from(x) - mean).powi(2) / count;
            }
        }
        let narrow = |wide: Vec<f64>| wide.into_iter().map(|x| x as f32).collect();
        Ok(Self { mean: narrow(mean), variance: narrow(variance) })
    }

    fn each(&self, array: &Array, map: impl Fn(f32, f32, f32) -> f32) -> Result<Array> {
        let width = self.mean.len();
        if width != 1 && feature_count(array) != width {
            return Err(Error::shape(
                "Normalization",
                format!("{:?}", array.shape()),
                format!("[..., {width}], as it was fitted"),
            ));
        }
        let deviation: Vec<f32> = self.variance.iter().map(|x| x.sqrt().max(EPSILON)).collect();
        let mut values = array.to_f32();
        for row in values.chunks_mut(width) {
            for ((x, &mean), &deviation) in row.iter_mut().zip(&self.mean).zip(&deviation) {
                *x = map(*x, mean, deviation);
            }
        }
        Array::from_vec(array.shape(), values)
    }
}

/// `y = scale * x + offset`, as in Keras.
///
/// ```
/// use fornax_core::Array;
/// use fornax_data::preprocessing::Rescaling;
///
/// let bytes = Array::from_i32([2], vec![0, 255])?;
/// assert_eq!(Rescaling::new(2.0 / 255.0, -1.0).apply(&bytes)?.to_f32(), [-1.0, 1.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rescaling {
    /// The factor.
    pub scale: f32,
    /// What is added.
    pub offset: f32,
}

impl Rescaling {
    /// The map `scale * x + offset`.
    pub fn new(scale: f32, offset: f32) -> Self {
        Self { scale, offset }
    }

    /// The array with every element mapped.
    ///
    /// # Errors
    /// None; the result is that of all transforms.
    pub fn apply(&self, array: &Array) -> Result<Array> {
        Array::from_vec(
            array.shape(),
            array.to_f32().into_iter().map(|x| self.scale * x + self.offset).collect(),
        )
    }
}

fn feature_count(array: &Array) -> usize {
    match array.shape() {
        [_] => 1,
        [.., last] => *last,
        [] => 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_constant_feature_is_divided_by_epsilon_as_in_keras() {
        let normalization = Normalization::fit(&vec![3.0f32, 3.0].into()).unwrap();
        assert_eq!(normalization.apply(&vec![3.0f32, 4.0].into()).unwrap().to_f32(), [0.0, 1e7]);
    }

    #[test]
    fn one_scale_for_all_and_known_statistics() {
        let array = Array::from_vec([2, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let all = Normalization::fit_all(&array).unwrap();
        assert_eq!((all.mean(), all.variance()), (&[2.5][..], &[1.25][..]));
        assert_eq!(all.apply(&array).unwrap().shape(), [2, 2]);
        // The example of the Keras documentation: mean 3, variance 2, inputs 1, 2, 3.
        let known = Normalization::new(vec![3.0], vec![2.0]).unwrap();
        let out = known.apply(&Array::from_vec([3, 1], vec![1.0, 2.0, 3.0]).unwrap()).unwrap().to_f32();
        for (out, wanted) in
            out.iter().zip([-std::f32::consts::SQRT_2, -std::f32::consts::FRAC_1_SQRT_2, 0.0])
        {
            assert!((out - wanted).abs() < 1e-6);
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let two = Normalization::new(vec![0.0; 2], vec![1.0; 2]).unwrap();
        let error = two.apply(&Array::from_vec([1, 3], vec![0.0; 3]).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "Normalization: found [1, 3], wanted [..., 2], as it was fitted");
        assert!(Normalization::new(vec![0.0], vec![-1.0]).is_err());
        assert!(Normalization::new(vec![0.0], vec![]).is_err());
        assert!(Normalization::fit(&vec![1.0, f32::NAN].into()).is_err());
        assert!(Normalization::fit(&Array::from_vec([0, 2], vec![]).unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn train_has_mean_0_and_variance_1_and_comes_back(
            values in proptest::collection::vec(-1000.0f32..1000.0, 8..60), wide: bool,
        ) {
            let features = if wide { 4 } else { 1 };
            let rows = values.len() / features;
            let train = Array::from_vec([rows, features], values[..rows * features].to_vec()).unwrap();
            let fitted = Normalization::fit(&train).unwrap();
            prop_assume!(fitted.variance().iter().all(|&x| x > 1.0));
            let scaled = fitted.apply(&train).unwrap();
            let again = Normalization::fit(&scaled).unwrap();
            prop_assert!(again.mean().iter().all(|x| x.abs() < 1e-4));
            prop_assert!(again.variance().iter().all(|x| (x - 1.0).abs() < 1e-3));
            for (back, x) in fitted.invert(&scaled).unwrap().to_f32().iter().zip(train.to_f32()) {
                prop_assert!((back - x).abs() < 1e-2);
            }
            let saved = serde_json::to_string(&fitted).unwrap();
            prop_assert_eq!(serde_json::from_str::<Normalization>(&saved).unwrap(), fitted);
        }
    }
}
