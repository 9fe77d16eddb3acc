//! [`MetricState`]: a metric over the batches so far.

use fornax_core::{Array, Backend, DynTensor, Error, Result, Value};

use super::host::HostBatch;
use super::{Kind, Metric};
use crate::losses::weigh;

/// The running value of a metric.
#[derive(Clone, Debug)]
pub struct MetricState<B: Backend> {
    metric: Metric,
    sums: Sums<B>,
}

#[derive(Clone, Debug)]
enum Sums<B: Backend> {
    Mean { total: Sum<B>, count: Sum<B> },
    Host(Vec<f64>),
}

/// A sum that moves to the device with the first number from there; until then nothing is copied.
#[derive(Clone, Debug)]
enum Sum<B: Backend> {
    Host(f64),
    Device(DynTensor<B>),
}

impl<B: Backend> Sum<B> {
    fn add(&mut self, x: DynTensor<B>) {
        *self = Self::Device(match self {
            Self::Host(sum) => x.add_scalar(*sum),
            Self::Device(sum) => sum.clone().add(x),
        });
    }

    fn add_host(&mut self, x: f64) {
        *self = match self {
            Self::Host(sum) => Self::Host(*sum + x),
            Self::Device(sum) => Self::Device(sum.clone().add_scalar(x)),
        };
    }

    fn value(&self) -> f64 {
        match self {
            Self::Host(sum) => *sum,
            Self::Device(sum) => sum.to_scalar(),
        }
    }
}

impl Metric {
    /// The metric before the first batch.
    pub fn state<B: Backend>(&self) -> MetricState<B> {
        let sums = match self.kind() {
            Kind::Mean => Sums::Mean { total: Sum::Host(0.0), count: Sum::Host(0.0) },
            Kind::Host(_) => Sums::Host(vec![]),
        };
        MetricState { metric: self.clone(), sums }
    }
}

impl<B: Backend> MetricState<B> {
    /// The metric.
    pub fn metric(&self) -> &Metric {
        &self.metric
    }

    /// Adds a batch; `weights` are one a sample or step, and what `y_pred` masks weighs nothing.
    ///
    /// # Errors
    /// If the shapes do not fit each other or the metric.
    pub fn update(
        &mut self,
        y_true: &Value<B>,
        y_pred: &Value<B>,
        weights: Option<&DynTensor<B>>,
    ) -> Result<()> {
        let updated = match &mut self.sums {
            Sums::Mean { total, count } => add_mean(&self.metric, total, count, y_true, y_pred, weights),
            Sums::Host(sums) => match self.metric.kind() {
                Kind::Host(metric) => {
                    HostBatch::new(y_true, y_pred, weights, metric.layout()).and_then(|batch| {
                        let len = metric.sums(batch.columns);
                        if sums.is_empty() {
                            sums.resize(len, 0.0);
                        }
                        match sums.len() == len {
                            true => metric.update(sums, &batch),
                            false => Err(Error::shape(
                                "outputs",
                                format!("{} columns", batch.columns),
                                "as many as in the batches before",
                            )),
                        }
                    })
                }
                Kind::Mean => Ok(()),
            },
        };
        updated.map_err(|error| error.within(format!("metric {}", self.metric.name())))
    }

    /// The metric over the batches so far; 0 before the first.
    ///
    /// # Errors
    /// None at present: for metrics that cannot be computed from what they saw.
    pub fn result(&self) -> Result<f64> {
        Ok(match (&self.sums, self.metric.kind()) {
            (Sums::Host(sums), Kind::Host(metric)) if !sums.is_empty() => metric.result(sums),
            (Sums::Mean { total, count }, _) => match count.value() {
                0.0 => 0.0,
                count => self.metric.finish(total.value() / count),
            },
            _ => 0.0,
        })
    }

    /// Forgets the batches so far.
    pub fn reset(&mut self) {
        *self = self.metric.state();
    }

    /// The sums, exactly, for a checkpoint.
    pub fn to_arrays(&self) -> Vec<Array> {
        let sums = match &self.sums {
            Sums::Mean { total, count } => vec![total.value(), count.value()],
            Sums::Host(sums) => sums.clone(),
        };
        let words = sums.iter().flat_map(|sum| {
            let bits = sum.to_bits();
            [bits as u32 as i32, (bits >> 32) as u32 as i32]
        });
        vec![words.collect::<Vec<i32>>().into()]
    }

    /// Continues from [`Self::to_arrays`].
    ///
    /// # Errors
    /// If the arrays are not those of this metric.
    pub fn restore(&mut self, arrays: &[Array]) -> Result<()> {
        let mismatch = || {
            let name = format!("sums of metric {}", self.metric.name());
            Error::mismatch(name, format!("{} arrays", arrays.len()), "the sums of this metric")
        };
        let [array] = arrays else { return Err(mismatch()) };
        let words = array.to_i32();
        let sums: Vec<f64> = words
            .chunks_exact(2)
            .map(|pair| f64::from_bits(u64::from(pair[0] as u32) | u64::from(pair[1] as u32) << 32))
            .collect();
        self.sums = match (&self.sums, &sums[..]) {
            _ if words.len() % 2 != 0 || !array.is_integer() => return Err(mismatch()),
            (Sums::Mean { .. }, &[total, count]) => {
                Sums::Mean { total: Sum::Host(total), count: Sum::Host(count) }
            }
            (Sums::Mean { .. }, _) => return Err(mismatch()),
            (Sums::Host(_), _) => Sums::Host(sums),
        };
        Ok(())
    }
}

/// Adds the weighted mean of each sample's values.
fn add_mean<B: Backend>(
    metric: &Metric,
    total: &mut Sum<B>,
    count: &mut Sum<B>,
    y_true: &Value<B>,
    y_pred: &Value<B>,
    weights: Option<&DynTensor<B>>,
) -> Result<()> {
    let values = metric.values(y_true, y_pred)?;
    let shape = values.shape();
    let a_sample = 1.0 / shape[1..].iter().product::<usize>().max(1) as f64;
    let mask = metric.mask(y_true, y_pred).map(|mask| mask.to_float());
    if mask.is_none() && weights.is_none() {
        total.add(values.sum().mul_scalar(a_sample));
        count.add_host(shape[0] as f64);
        return Ok(());
    }
    let mut all = values.zeros_like().add_scalar(1.0);
    for weight in mask.into_iter().chain(weights.cloned()) {
        all = weigh(all, weight)?;
    }
    // One value for a whole batch, as of Dice, has the weights of its samples.
    let values = if all.shape() == shape { values } else { values.expand(&all.shape()) };
    total.add(values.mul(all.clone()).sum().mul_scalar(a_sample));
    count.add(all.sum().mul_scalar(a_sample));
    Ok(())
}

impl Metric {
    /// What counts: what `y_pred` does not mask and a loss does not ignore.
    fn mask<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Option<fornax_core::Mask<B>> {
        match self {
            Self::Loss(loss) => loss.mask(y_true, y_pred),
            Self::Named { metric, .. } => metric.mask(y_true, y_pred),
            _ => y_pred.mask().cloned(),
        }
    }
}
