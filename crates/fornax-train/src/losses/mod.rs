//! Losses by Keras's names, defaults and formulas: what a model's training makes small.
//!
//! Each name is a value, the loss with its defaults, and a type whose `new()` has setters for the rest:
//! `MeanSquaredError`, `BinaryCrossentropy::new().label_smoothing(0.1)`. All become one [`Loss`]. A loss of one's
//! own implements [`CustomLoss`].
//!
//! A loss maps targets and outputs to unreduced losses, `[batch, ..]`, which are reduced to the sum of
//! `loss * sample_weight` over the number of all losses (not over the sum of the weights); where time steps are
//! masked, the number is that of the steps that count. Source: `keras/src/losses`, Keras 3.15.1.

use fornax_core::{Array, Backend, DynTensor, Mask, Result, Value};
use fornax_layers::{Shape, snake_case};
use serde::{Deserialize, Serialize};

/// A loss: a type with its arguments and setters, and a value of the same name with the defaults.
macro_rules! loss {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty = $default:expr,)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($field: $kind,)*
        }

        #[doc = concat!("The loss [`", stringify!($name), "`](struct@", stringify!($name), ") with its defaults.")]
        #[allow(non_upper_case_globals)]
        pub const $name: $crate::losses::Loss = $crate::losses::Loss::$name($name::new());

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl $name {
            /// The loss with its defaults.
            pub const fn new() -> Self {
                Self { $($field: $default,)* }
            }

            $($(#[$field_doc])*
            pub const fn $field(mut self, $field: $kind) -> Self {
                self.$field = $field;
                self
            })*
        }

        impl From<$name> for $crate::losses::Loss {
            fn from(loss: $name) -> Self {
                Self::$name(loss)
            }
        }
    };
}

mod binary;
mod categorical;
mod custom;
mod focal;
mod hinge;
mod overlap;
mod probability;
mod reduction;
mod regression;
mod targets;

pub use binary::BinaryCrossentropy;
pub use categorical::{CategoricalCrossentropy, SparseCategoricalCrossentropy};
pub use custom::{Custom, CustomLoss};
pub use focal::{BinaryFocalCrossentropy, CategoricalFocalCrossentropy};
pub use hinge::{CategoricalHinge, Hinge, SquaredHinge};
pub use overlap::{CosineSimilarity, Dice, Tversky};
pub use probability::{KLDivergence, Poisson};
pub use reduction::reduce;
pub use regression::{
    Huber, LogCosh, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError,
};

pub(crate) use overlap::cosines;
pub(crate) use reduction::weigh;
pub(crate) use targets::{Pair, Targets, drop_last, mean_last, sum_last};

/// What a loss of this crate implements.
trait LossFunction {
    /// What targets it takes.
    fn targets(&self) -> Targets;

    /// See [`Loss::losses`].
    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>>;

    /// The losses that count, where the targets say so.
    fn mask<B: Backend>(&self, _y_true: &Value<B>) -> Option<Mask<B>> {
        None
    }

    /// An error unless the arguments lie in their domains.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

macro_rules! all_losses {
    ($($name:ident),* $(,)?) => {
        /// Any loss: what `compile` takes.
        ///
        /// ```
        /// # #[cfg(feature = "flex")] {
        /// use fornax_core::{Array, Flex, Value};
        /// use fornax_train::losses::{Loss, MeanSquaredError};
        ///
        /// let device = Default::default();
        /// let value = |values: Vec<f32>| Value::<Flex>::from_array(&Array::from_vec([2, 2], values).unwrap(), &device);
        /// let (y_true, y_pred) = (value(vec![0.0, 1.0, 0.0, 0.0]), value(vec![1.0, 1.0, 1.0, 0.0]));
        /// let loss: Loss = MeanSquaredError;
        /// assert_eq!(loss.losses(&y_true, &y_pred)?.to_vec(), [0.5, 0.5]);
        /// assert_eq!(loss.reduced(&y_true, &y_pred, None)?.to_scalar(), 0.5);
        /// assert_eq!(loss.name(), "mean_squared_error");
        /// # }
        /// # Ok::<(), fornax_core::Error>(())
        /// ```
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(tag = "class_name", content = "config")]
        #[non_exhaustive]
        pub enum Loss {
            $(#[doc = concat!("See [`", stringify!($name), "`](struct@", stringify!($name), ").")]
            $name($name),)*
            /// A loss of one's own.
            Custom(Custom),
        }

        /// Calls `$body` with the loss of a variant as `$loss`.
        macro_rules! each {
            ($value:expr, $loss:ident => $body:expr) => {
                match $value {
                    $(Loss::$name($loss) => $body,)*
                    Loss::Custom($loss) => $body,
                }
            };
        }

        impl Loss {
            /// Keras's name of the class.
            pub fn class_name(&self) -> &str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                    Self::Custom(custom) => custom.name(),
                }
            }
        }
    };
}

all_losses! {
    SparseCategoricalCrossentropy, CategoricalCrossentropy, BinaryCrossentropy, BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy, MeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError, Huber, LogCosh, KLDivergence, Poisson, Hinge, SquaredHinge, CategoricalHinge,
    CosineSimilarity, Dice, Tversky,
}

impl Loss {
    /// A loss of one's own, for every backend that is compiled in.
    pub fn custom(loss: impl CustomLoss) -> Self {
        Self::Custom(Custom::new(loss))
    }

    /// The snake-case form of the class name, under which metrics report it.
    pub fn name(&self) -> String {
        match self {
            Self::KLDivergence(_) => "kl_divergence".into(),
            Self::Custom(custom) => custom.name().into(),
            _ => snake_case(self.class_name()),
        }
    }

    /// The unreduced losses `[batch, ..]`: the shape of `y_pred` less the last axis; of `Dice` and `Tversky` `[1]`.
    ///
    /// Cross entropies take the logits behind a trailing softmax or sigmoid where `y_pred` remembers them.
    ///
    /// # Errors
    /// If the shapes do not fit each other.
    pub fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        each!(self, loss => loss.losses(y_true, y_pred))
    }

    /// The loss `[1]` of a batch: [`Self::losses`], with the mask of `y_pred` and of ignored classes, by [`reduce`].
    ///
    /// # Errors
    /// If the shapes do not fit each other.
    pub fn reduced<B: Backend>(
        &self,
        y_true: &Value<B>,
        y_pred: &Value<B>,
        sample_weight: Option<&DynTensor<B>>,
    ) -> Result<DynTensor<B>> {
        reduce(self.losses(y_true, y_pred)?, sample_weight.cloned(), self.mask(y_true, y_pred))
    }

    /// The losses that count: steps that `y_pred` masks and classes that the loss ignores do not.
    pub fn mask<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Option<Mask<B>> {
        if let Self::Custom(custom) = self
            && custom.handles_mask()
        {
            return None;
        }
        let ours = each!(self, loss => loss.mask(y_true));
        match (y_pred.mask().cloned(), ours) {
            (Some(a), Some(b)) if a.shape() == b.shape() => Some(a.and(b)),
            (mask, None) => mask,
            (_, mask) => mask,
        }
    }

    /// An error unless the arguments lie in their domains.
    ///
    /// # Errors
    /// Names the first one that does not, with its value and the domain.
    pub fn validate(&self) -> Result<()> {
        each!(self, loss => loss.validate())
            .map_err(|error| error.within(format!("loss {}", self.class_name())))
    }

    /// An error unless the arguments lie in their domains and the loss takes outputs of this shape.
    ///
    /// # Errors
    /// Names the argument, or the shape and the one wanted.
    pub fn check_output(&self, output: &Shape) -> Result<()> {
        let checked = match self {
            Self::Custom(custom) => custom.check_output(output),
            _ => each!(self, loss => loss.validate().and_then(|()| loss.targets().check_output(output))),
        };
        checked.map_err(|error| error.within(format!("loss {}", self.class_name())))
    }

    /// An error unless the targets fit outputs of this shape: labels are classes, probabilities from 0 to 1, and
    /// nothing is NaN. Called once before training.
    ///
    /// # Errors
    /// Names the first target that does not, its position, and what is wanted.
    pub fn check_targets(&self, targets: &Array, output: &Shape) -> Result<()> {
        let checked = match self {
            Self::Custom(custom) => custom.check_targets(targets, output),
            _ => each!(self, loss => loss.targets().check(targets, output)),
        };
        checked.map_err(|error| error.within(format!("loss {}", self.class_name())))
    }
}

/// What `compile` takes as losses: one, or one an output as an array, a vector or a tuple.
pub trait IntoLosses {
    /// The losses: one, or one an output.
    fn into_losses(self) -> Vec<Loss>;
}

impl<T: Into<Loss>> IntoLosses for T {
    fn into_losses(self) -> Vec<Loss> {
        vec![self.into()]
    }
}

impl<const N: usize> IntoLosses for [Loss; N] {
    fn into_losses(self) -> Vec<Loss> {
        self.into()
    }
}

impl IntoLosses for Vec<Loss> {
    fn into_losses(self) -> Vec<Loss> {
        self
    }
}

macro_rules! tuples {
    ($(($($part:ident),+))*) => {
        $(impl<$($part: Into<Loss>),+> IntoLosses for ($($part,)+) {
            fn into_losses(self) -> Vec<Loss> {
                #[allow(non_snake_case)]
                let ($($part,)+) = self;
                vec![$($part.into()),+]
            }
        })*
    };
}

tuples! { (A) (A, B) (A, B, C) (A, B, C, D) }
