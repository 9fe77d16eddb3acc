//! Accuracies: the fraction of outputs that name the right class.

use fornax_core::{Backend, DynTensor, Error, Result, Value};

use super::mean::MeanMetric;
use crate::losses::{Pair, drop_last};

metric! {
    /// The fraction of right classes: [`BinaryAccuracy`](struct@BinaryAccuracy) for outputs of one column,
    /// [`SparseCategoricalAccuracy`](struct@SparseCategoricalAccuracy) for class indices, else
    /// [`CategoricalAccuracy`](struct@CategoricalAccuracy), as `metrics=["accuracy"]` picks in Keras.
    Accuracy {}
}

metric! {
    /// The fraction of outputs on the side of the threshold that their target, 0 or 1, is on.
    ///
    /// Default: threshold 0.5. Source: `keras.metrics.BinaryAccuracy`.
    BinaryAccuracy {
        /// Above it an output says 1.
        threshold: f64 = 0.5,
    }
}

metric! {
    /// The fraction of rows whose largest output is where the largest target is.
    /// Source: `keras.metrics.CategoricalAccuracy`.
    CategoricalAccuracy {}
}

metric! {
    /// The fraction of rows whose largest output is that of the class index.
    /// Source: `keras.metrics.SparseCategoricalAccuracy`.
    SparseCategoricalAccuracy {}
}

metric! {
    /// The fraction of rows with fewer than `k` outputs above that of the largest target.
    ///
    /// Default: `k` 5. Source: `keras.metrics.TopKCategoricalAccuracy`.
    TopKCategoricalAccuracy {
        /// How many outputs count as a hit.
        k: usize = 5,
    }
}

metric! {
    /// The fraction of rows with fewer than `k` outputs above that of the class index.
    ///
    /// Default: `k` 5. Source: `keras.metrics.SparseTopKCategoricalAccuracy`.
    SparseTopKCategoricalAccuracy {
        /// How many outputs count as a hit.
        k: usize = 5,
    }
}

impl MeanMetric for Accuracy {
    fn name(&self) -> &'static str {
        "accuracy"
    }

    fn values<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let (truth, prediction) = (y_true.shape(), y_pred.shape());
        let (first, last) = (truth.last() == Some(&1), prediction.last().copied().unwrap_or(1));
        if last == 1 {
            BinaryAccuracy::new().values(y_true, y_pred)
        } else if truth.len() < prediction.len() || first {
            SparseCategoricalAccuracy::new().values(y_true, y_pred)
        } else {
            CategoricalAccuracy::new().values(y_true, y_pred)
        }
    }
}

impl MeanMetric for BinaryAccuracy {
    fn name(&self) -> &'static str {
        "binary_accuracy"
    }

    fn values<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let Pair { truth, prediction, .. } = Pair::new(y_true, y_pred)?;
        let positive = prediction.less_equal_scalar(self.threshold).not().to_float();
        Ok(truth.equal(&positive).to_float())
    }

    fn validate(&self) -> Result<()> {
        unit("threshold", self.threshold)
    }
}

impl MeanMetric for CategoricalAccuracy {
    fn name(&self) -> &'static str {
        "categorical_accuracy"
    }

    fn values<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let pair = Pair::new(y_true, y_pred)?;
        Ok(largest(pair.truth).equal(&largest(pair.prediction)).to_float())
    }
}

impl MeanMetric for SparseCategoricalAccuracy {
    fn name(&self) -> &'static str {
        "sparse_categorical_accuracy"
    }

    fn values<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let labels = labels(y_true, y_pred)?;
        Ok(labels.equal(&largest(y_pred.clone().float())).to_float())
    }
}

impl MeanMetric for TopKCategoricalAccuracy {
    fn name(&self) -> &'static str {
        "top_k_categorical_accuracy"
    }

    fn values<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let pair = Pair::new(y_true, y_pred)?;
        Ok(in_top_k(largest(pair.truth), pair.prediction, self.k))
    }

    fn validate(&self) -> Result<()> {
        at_least_one(self.k)
    }
}

impl MeanMetric for SparseTopKCategoricalAccuracy {
    fn name(&self) -> &'static str {
        "sparse_top_k_categorical_accuracy"
    }

    fn values<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        Ok(in_top_k(labels(y_true, y_pred)?, y_pred.clone().float(), self.k))
    }

    fn validate(&self) -> Result<()> {
        at_least_one(self.k)
    }
}

/// The class indices as floats, in the shape of the outputs less the last axis.
fn labels<B: Backend>(y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
    let (truth, rows) = (y_true.shape(), drop_last(&y_pred.shape()));
    if truth == rows || truth.split_last() == Some((&1, &rows[..])) {
        return Ok(y_true.clone().float().reshape(&rows));
    }
    Err(Error::shape("targets", format!("{truth:?}"), format!("{rows:?}, class indices")))
}

/// The position of the first largest element along the last axis, which is dropped.
fn largest<B: Backend>(x: DynTensor<B>) -> DynTensor<B> {
    let shape = drop_last(&x.shape());
    let last = x.rank() - 1;
    x.argmax(last).to_float().reshape(&shape)
}

/// 1 where fewer than `k` elements of the last axis are above the one at `labels`; equal ones do not count against
/// it, as in TensorFlow.
fn in_top_k<B: Backend>(labels: DynTensor<B>, outputs: DynTensor<B>, k: usize) -> DynTensor<B> {
    let shape = labels.shape();
    let outputs = outputs.rows();
    let [rows, classes] = outputs.shape()[..] else { unreachable!("rows are a matrix") };
    let device = outputs.device();
    let range = DynTensor::from_vec((0..classes).map(|class| class as f32).collect(), &[1, classes], &device);
    let own = labels.reshape(&[rows, 1]).expand(&[rows, classes]).equal(&range.expand(&[rows, classes]));
    let score = outputs.clone().mul(own.to_float()).sum_axis(1).expand(&[rows, classes]);
    let above = score.less(&outputs).to_float().sum_axis(1);
    // A score that is not a number is no hit.
    let number = score.equal(&score).to_float().mean_axis(1);
    above.less_scalar(k as f64).to_float().mul(number).reshape(&shape)
}

pub(super) fn unit(name: &str, value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::argument(name, value, "a number from 0 to 1"))
}

fn at_least_one(k: usize) -> Result<()> {
    if k > 0 { Ok(()) } else { Err(Error::argument("k", k, "at least 1")) }
}
