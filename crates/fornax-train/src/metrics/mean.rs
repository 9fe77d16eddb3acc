//! Metrics that are a weighted mean of values, computed and summed on the device.

use fornax_core::{Backend, DynTensor, Result, Value};

/// A metric that is the mean of a value a sample or step.
pub(crate) trait MeanMetric {
    /// The name under which it is reported.
    fn name(&self) -> &'static str;

    /// The values `[batch, ..]`.
    fn values<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>>;

    /// An error unless the arguments lie in their domains.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}
