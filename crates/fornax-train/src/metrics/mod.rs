//! Metrics by Keras's names, defaults and formulas: what a training reports and does not make small.
//!
//! Each name is a value, the metric with its defaults, and where it has arguments a type whose `new()` has setters:
//! `[Accuracy, AUC]`, `(Accuracy, AUC::new().curve(Curve::Pr))`. All become one [`Metric`]. Any loss is a metric
//! too, its mean: `Metric::from(loss)`.
//!
//! A [`MetricState`] accumulates batches with weights and masks and divides by the sum of the weights. Means are
//! accumulated on the device and read when asked for; counts on the host. Source: `keras/src/metrics`, Keras 3.15.1.

use fornax_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::losses::{self, Loss};

/// A metric: a type with its arguments and setters, and a value of the same name with the defaults.
macro_rules! metric {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty = $default:expr,)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($field: $kind,)*
        }

        #[doc = concat!("The metric [`", stringify!($name), "`](struct@", stringify!($name), ") with its defaults.")]
        #[allow(non_upper_case_globals)]
        pub const $name: $crate::metrics::Metric = $crate::metrics::Metric::$name($name::new());

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl $name {
            /// The metric with its defaults.
            pub const fn new() -> Self {
                Self { $($field: $default,)* }
            }

            $($(#[$field_doc])*
            pub fn $field(mut self, $field: $kind) -> Self {
                self.$field = $field;
                self
            })*
        }

        impl From<$name> for $crate::metrics::Metric {
            fn from(metric: $name) -> Self {
                Self::$name(metric)
            }
        }
    };
}

mod accuracy;
mod auc;
mod confusion;
mod f_score;
mod host;
mod iou;
mod mean;
mod regression;
mod report;
mod state;

pub use accuracy::{
    Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
};
pub use auc::{AUC, Curve, Summation};
pub use confusion::{FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives};
pub use f_score::{Average, F1Score, FBetaScore};
pub use iou::{BinaryIoU, IoU, MeanIoU};
pub use regression::{CosineSimilarity, Mean, R2Score, RootMeanSquaredError};
pub use report::{ClassReport, ClassificationReport, ConfusionMatrix};
pub use state::MetricState;

use host::HostMetric;
use mean::MeanMetric;

macro_rules! all_metrics {
    (mean { $($mean:ident),* $(,)? } host { $($host:ident),* $(,)? }) => {
        /// Any metric: what `compile` takes.
        ///
        /// ```
        /// # #[cfg(feature = "flex")] {
        /// use fornax_core::{Array, Flex, Value};
        /// use fornax_train::metrics::{Accuracy, Metric};
        ///
        /// let device = Default::default();
        /// let labels = Value::<Flex>::from_array(&vec![0, 1].into(), &device);
        /// let outputs = Array::from_vec([2, 2], vec![0.9, 0.1, 0.8, 0.2])?;
        /// let mut state = Metric::from(Accuracy).state();
        /// state.update(&labels, &Value::from_array(&outputs, &device), None)?;
        /// assert_eq!(state.result()?, 0.5);
        /// # }
        /// # Ok::<(), fornax_core::Error>(())
        /// ```
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(tag = "class_name", content = "config")]
        #[non_exhaustive]
        pub enum Metric {
            $(#[doc = concat!("See [`", stringify!($mean), "`](struct@", stringify!($mean), ").")]
            $mean($mean),)*
            $(#[doc = concat!("See [`", stringify!($host), "`](struct@", stringify!($host), ").")]
            $host($host),)*
            /// The mean of a loss.
            Loss(Loss),
            /// A metric under another name.
            Named {
                /// The name.
                name: String,
                /// The metric.
                metric: Box<Metric>,
            },
        }

        impl Metric {
            /// The name under which it is reported: Keras's.
            pub fn name(&self) -> String {
                match self {
                    $(Self::$mean(metric) => metric.name().into(),)*
                    $(Self::$host(metric) => metric.name().into(),)*
                    Self::Loss(loss) => loss.name(),
                    Self::Named { name, .. } => name.clone(),
                }
            }

            /// How it accumulates.
            pub(crate) fn kind(&self) -> Kind<'_> {
                match self {
                    $(Self::$mean(_) => Kind::Mean,)*
                    Self::Loss(_) => Kind::Mean,
                    $(Self::$host(metric) => Kind::Host(metric),)*
                    Self::Named { metric, .. } => metric.kind(),
                }
            }

            /// The values whose mean it is, `[batch, ..]`.
            pub(crate) fn values<B: fornax_core::Backend>(
                &self,
                y_true: &fornax_core::Value<B>,
                y_pred: &fornax_core::Value<B>,
            ) -> Result<fornax_core::DynTensor<B>> {
                match self {
                    $(Self::$mean(metric) => metric.values(y_true, y_pred),)*
                    Self::Loss(loss) => loss.losses(y_true, y_pred),
                    Self::Named { metric, .. } => metric.values(y_true, y_pred),
                    _ => Err(Error::training(self.name(), "counts", "a metric that is a mean")),
                }
            }

            /// An error unless the arguments lie in their domains.
            ///
            /// # Errors
            /// Names the first one that does not, with its value and the domain.
            pub fn validate(&self) -> Result<()> {
                let checked = match self {
                    $(Self::$mean(metric) => metric.validate(),)*
                    $(Self::$host(metric) => metric.validate(),)*
                    Self::Loss(loss) => return loss.validate(),
                    Self::Named { metric, .. } => return metric.validate(),
                };
                checked.map_err(|error| error.within(format!("metric {}", self.name())))
            }
        }
    };
}

all_metrics! {
    mean {
        Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy, TopKCategoricalAccuracy,
        SparseTopKCategoricalAccuracy, RootMeanSquaredError, CosineSimilarity, Mean,
    }
    host {
        TruePositives, TrueNegatives, FalsePositives, FalseNegatives, Precision, Recall, AUC, F1Score, FBetaScore,
        R2Score, IoU, MeanIoU, BinaryIoU,
    }
}

/// How a metric accumulates.
pub(crate) enum Kind<'a> {
    Mean,
    Host(&'a dyn HostMetric),
}

impl Metric {
    /// The mean over all batches so far becomes the metric: the root for the root mean squared error.
    pub(crate) fn finish(&self, mean: f64) -> f64 {
        match self {
            Self::RootMeanSquaredError(_) => mean.sqrt(),
            Self::Named { metric, .. } => metric.finish(mean),
            _ => mean,
        }
    }

    /// The same metric reported under another name.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self::Named { name: name.into(), metric: Box::new(self) }
    }

    /// Whether more is better; of errors, losses and counts of mistakes less is.
    pub fn maximized(&self) -> bool {
        match self {
            Self::RootMeanSquaredError(_)
            | Self::FalsePositives(_)
            | Self::FalseNegatives(_)
            | Self::Loss(_) => false,
            Self::Named { metric, .. } => metric.maximized(),
            _ => true,
        }
    }
}

impl From<Loss> for Metric {
    fn from(loss: Loss) -> Self {
        Self::Loss(loss)
    }
}

macro_rules! means_of_losses {
    ($($name:ident),* $(,)?) => {
        $(#[doc = concat!("The mean of the loss [`", stringify!($name), "`](struct@losses::", stringify!($name), ").")]
        #[allow(non_upper_case_globals)]
        pub const $name: Metric = Metric::Loss(losses::$name);)*
    };
}

means_of_losses! {
    MeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredLogarithmicError, LogCosh,
    BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy, KLDivergence, Poisson, Hinge,
    SquaredHinge, CategoricalHinge,
}

/// What `compile` takes as metrics: an array or tuple for every output, or one list an output.
///
/// `[Accuracy]`, `[Accuracy, AUC]`, `(Accuracy, AUC::new().num_thresholds(50))`, `[]`; for several outputs
/// `vec![vec![Accuracy], vec![]]`.
pub trait IntoMetrics {
    /// No list, one list for every output, or one an output.
    fn into_metrics(self) -> Vec<Vec<Metric>>;
}

impl<const N: usize> IntoMetrics for [Metric; N] {
    fn into_metrics(self) -> Vec<Vec<Metric>> {
        if N == 0 { vec![] } else { vec![self.into()] }
    }
}

impl IntoMetrics for Vec<Metric> {
    fn into_metrics(self) -> Vec<Vec<Metric>> {
        if self.is_empty() { vec![] } else { vec![self] }
    }
}

impl IntoMetrics for Vec<Vec<Metric>> {
    fn into_metrics(self) -> Vec<Vec<Metric>> {
        self
    }
}

impl IntoMetrics for () {
    fn into_metrics(self) -> Vec<Vec<Metric>> {
        vec![]
    }
}

macro_rules! tuples {
    ($(($($part:ident),+))*) => {
        $(impl<$($part: Into<Metric>),+> IntoMetrics for ($($part,)+) {
            fn into_metrics(self) -> Vec<Vec<Metric>> {
                #[allow(non_snake_case)]
                let ($($part,)+) = self;
                vec![vec![$($part.into()),+]]
            }
        })*
    };
}

tuples! { (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) }
