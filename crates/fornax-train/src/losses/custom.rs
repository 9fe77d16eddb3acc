//! A loss of one's own: one small trait, for every backend that is compiled in.
//!
//! A generic method cannot be called behind a box. So the loss is instantiated for each backend and its autodiff
//! twin when it is wrapped, and found again by the type of the backend.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use fornax_core::{
    Array, Autodiff, Backend, BackendVisitor, DynTensor, Error, Result, Value, visit_backends,
};
use fornax_layers::Shape;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{LossFunction, Targets};

/// A loss that this crate does not have.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Backend, DynTensor, Flex, Result, Value};
/// use fornax_train::losses::{CustomLoss, Loss};
///
/// /// `(y - t)⁴`.
/// struct Quartic;
///
/// impl CustomLoss for Quartic {
///     fn name(&self) -> &str {
///         "quartic"
///     }
///
///     fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
///         let error = y_pred.clone().float().sub(y_true.clone().float());
///         let batch = error.shape()[0];
///         Ok(error.square().square().sum_axis(1).reshape(&[batch]))
///     }
/// }
///
/// let device = Default::default();
/// let value = |x: f32| Value::<Flex>::from(DynTensor::from_vec(vec![x], &[1, 1], &device));
/// assert_eq!(Loss::custom(Quartic).reduced(&value(1.0), &value(3.0), None)?.to_scalar(), 16.0);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
pub trait CustomLoss: Send + Sync + 'static {
    /// The name under which it is reported.
    fn name(&self) -> &str;

    /// A loss for each sample or step, `[batch, ..]`, differentiable in `y_pred`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>>;

    /// Whether the loss is one a sequence and leaves masked steps of `y_pred` out itself; else the mask is applied
    /// to its losses.
    fn handles_mask(&self) -> bool {
        false
    }

    /// An error unless the loss takes outputs of this shape; called when a model is compiled.
    ///
    /// # Errors
    /// The shape and the one wanted.
    fn check_output(&self, _output: &Shape) -> Result<()> {
        Ok(())
    }

    /// An error unless the targets are usable; called once before training.
    ///
    /// # Errors
    /// Whatever is wrong with them.
    fn check_targets(&self, _targets: &Array, _output: &Shape) -> Result<()> {
        Ok(())
    }
}

/// A wrapped [`CustomLoss`]. It is saved by its name alone: a loaded model has to be compiled again to train.
#[derive(Clone)]
pub struct Custom {
    name: String,
    calls: Arc<HashMap<TypeId, Box<dyn Any + Send + Sync>>>,
    handles_mask: bool,
    checks: Option<Arc<dyn Checks>>,
}

/// The methods of a loss that no backend takes part in.
trait Checks: Send + Sync {
    fn output(&self, output: &Shape) -> Result<()>;
    fn targets(&self, targets: &Array, output: &Shape) -> Result<()>;
}

impl<L: CustomLoss> Checks for L {
    fn output(&self, output: &Shape) -> Result<()> {
        self.check_output(output)
    }

    fn targets(&self, targets: &Array, output: &Shape) -> Result<()> {
        self.check_targets(targets, output)
    }
}

type Call<B> = Box<dyn Fn(&Value<B>, &Value<B>) -> Result<DynTensor<B>> + Send + Sync>;

struct Instances<L> {
    loss: Arc<L>,
    calls: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
}

impl<L: CustomLoss> Instances<L> {
    fn add<B: Backend>(&mut self) {
        let loss = self.loss.clone();
        let call: Call<B> = Box::new(move |y_true, y_pred| loss.losses(y_true, y_pred));
        self.calls.insert(TypeId::of::<B>(), Box::new(call));
    }
}

impl<L: CustomLoss> BackendVisitor for Instances<L> {
    fn visit<B: Backend>(&mut self) {
        self.add::<B>();
        self.add::<Autodiff<B>>();
    }
}

impl Custom {
    pub(super) fn new<L: CustomLoss>(loss: L) -> Self {
        let name = loss.name().to_owned();
        let mut instances = Instances { loss: Arc::new(loss), calls: HashMap::new() };
        visit_backends(&mut instances);
        let Instances { loss, calls } = instances;
        Self { name, calls: Arc::new(calls), handles_mask: loss.handles_mask(), checks: Some(loss) }
    }

    /// The name that the loss gave itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn handles_mask(&self) -> bool {
        self.handles_mask
    }

    pub(super) fn check_output(&self, output: &Shape) -> Result<()> {
        self.checks.as_ref().map_or(Ok(()), |checks| checks.output(output))
    }

    pub(super) fn check_targets(&self, targets: &Array, output: &Shape) -> Result<()> {
        self.checks.as_ref().map_or(Ok(()), |checks| checks.targets(targets, output))
    }
}

impl LossFunction for Custom {
    fn targets(&self) -> Targets {
        Targets::Any
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let call = self.calls.get(&TypeId::of::<B>()).and_then(|call| call.downcast_ref::<Call<B>>());
        match call {
            Some(call) => call(y_true, y_pred),
            None => Err(Error::training(
                format!("loss {}", self.name),
                "a name without its code, or another backend",
                "Loss::custom with the loss, on a backend of fornax-core",
            )),
        }
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Custom").field(&self.name).finish()
    }
}

impl Serialize for Custom {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.name.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Custom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(Self { name, calls: Arc::default(), handles_mask: false, checks: None })
    }
}
