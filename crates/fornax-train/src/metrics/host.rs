//! Metrics that are a function of counts, which are taken on the host.

use fornax_core::{Backend, DynTensor, Error, Result, Value};

use crate::losses::{Pair, weigh};

/// A metric that is a function of sums over rows.
pub(crate) trait HostMetric {
    /// The name under which it is reported.
    fn name(&self) -> &'static str;

    /// How targets meet outputs.
    fn layout(&self) -> Layout {
        Layout::Same
    }

    /// The number of sums for outputs of so many columns.
    fn sums(&self, columns: usize) -> usize;

    /// Adds a batch to the sums.
    fn update(&self, sums: &mut [f64], batch: &HostBatch) -> Result<()>;

    /// The metric from the sums.
    fn result(&self, sums: &[f64]) -> f64;

    /// An error unless the arguments lie in their domains.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// How the targets of a metric meet the outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Layout {
    /// One target an output.
    Same,
    /// As many targets as outputs, or one class index a row, which becomes one-hot.
    OneHot,
    /// Class indices or one-hot rows on either side: a target and an output a row of one column each.
    Classes { sparse_targets: bool, sparse_outputs: bool },
}

/// A batch on the host: rows of targets and outputs, and a weight a row.
pub(crate) struct HostBatch {
    pub(crate) truth: Vec<f32>,
    pub(crate) prediction: Vec<f32>,
    pub(crate) weights: Vec<f32>,
    pub(crate) columns: usize,
}

impl HostBatch {
    /// # Errors
    /// If the shapes of targets, outputs and weights do not fit.
    pub(crate) fn new<B: Backend>(
        y_true: &Value<B>,
        y_pred: &Value<B>,
        weights: Option<&DynTensor<B>>,
        layout: Layout,
    ) -> Result<Self> {
        let (truth, prediction, shape) = match layout {
            Layout::Same => same(y_true, y_pred)?,
            Layout::OneHot if one_index_a_row(y_true, y_pred) => {
                let shape = y_pred.shape();
                let columns = *shape.last().expect("outputs have an axis");
                (one_hot(&y_true.clone().float().to_vec(), columns)?, y_pred.clone().float().to_vec(), shape)
            }
            Layout::OneHot => same(y_true, y_pred)?,
            Layout::Classes { sparse_targets, sparse_outputs } => {
                let classes = |value: &Value<B>, sparse: bool| match sparse {
                    true => value.clone().float().to_vec(),
                    false => {
                        let last = value.rank() - 1;
                        value.clone().float().argmax(last).to_float().to_vec()
                    }
                };
                let (truth, prediction) = (classes(y_true, sparse_targets), classes(y_pred, sparse_outputs));
                if truth.len() != prediction.len() {
                    return Err(Error::shape(
                        "targets",
                        format!("{:?}", y_true.shape()),
                        format!("as many classes as outputs of {:?} have", y_pred.shape()),
                    ));
                }
                let mut shape = y_pred.shape();
                if !sparse_outputs {
                    shape.pop();
                }
                if sparse_outputs && shape.len() > 1 && shape.last() == Some(&1) {
                    shape.pop();
                }
                shape.push(1);
                (truth, prediction, shape)
            }
        };
        let columns = shape.last().copied().unwrap_or(1);
        let rows = &shape[..shape.len() - 1];
        let weights = row_weights(rows, y_pred, weights)?;
        Ok(Self { truth, prediction, weights, columns })
    }

    /// The rows: targets, outputs, weight.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&[f32], &[f32], f64)> {
        let columns = self.columns.max(1);
        let rows = self.truth.chunks(columns).zip(self.prediction.chunks(columns));
        rows.zip(&self.weights).map(|((truth, prediction), &weight)| (truth, prediction, f64::from(weight)))
    }
}

fn same<B: Backend>(y_true: &Value<B>, y_pred: &Value<B>) -> Result<(Vec<f32>, Vec<f32>, Vec<usize>)> {
    let pair = Pair::new(y_true, y_pred)?;
    let mut shape = pair.prediction.shape();
    if shape.len() < 2 {
        shape.push(1);
    }
    Ok((pair.truth.to_vec(), pair.prediction.to_vec(), shape))
}

fn one_index_a_row<B: Backend>(y_true: &Value<B>, y_pred: &Value<B>) -> bool {
    let (truth, prediction) = (y_true.shape(), y_pred.shape());
    let Some((&columns, rows)) = prediction.split_last() else { return false };
    columns > 1 && (truth == rows || truth.split_last() == Some((&1, rows)))
}

fn one_hot(labels: &[f32], columns: usize) -> Result<Vec<f32>> {
    let mut rows = vec![0.0; labels.len() * columns];
    for (row, &label) in labels.iter().enumerate() {
        if !(label >= 0.0 && (label as usize) < columns) {
            let wanted = format!("a class from 0 to {} ({columns} classes)", columns - 1);
            return Err(Error::data(format!("targets, row {row}"), label, wanted));
        }
        rows[row * columns + label as usize] = 1.0;
    }
    Ok(rows)
}

/// The weight of each row: the mask of the outputs times the weights.
fn row_weights<B: Backend>(
    rows: &[usize],
    y_pred: &Value<B>,
    weights: Option<&DynTensor<B>>,
) -> Result<Vec<f32>> {
    let count = rows.iter().product();
    if y_pred.mask().is_none() && weights.is_none() {
        return Ok(vec![1.0; count]);
    }
    let device = y_pred.clone().float().device();
    let mut all = DynTensor::full(rows, 1.0, &device);
    let mask = y_pred.mask().map(|mask| mask.clone().to_float());
    for weight in mask.into_iter().chain(weights.cloned()) {
        all = weigh(all, weight)?;
    }
    Ok(all.to_vec())
}
