//! The optimizers, one file each, under Keras's names, argument names and defaults.

/// An optimizer: its own hyper-parameters with their defaults, the learning rate, and the options of all.
macro_rules! optimizer {
    (
        $(#[$doc:meta])*
        $name:ident(learning_rate = $learning_rate:expr, weight_decay = $weight_decay:expr) {
            $($(#[$field_doc:meta])* $field:ident: $kind:ty = $default:expr,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            learning_rate: $crate::Schedule,
            $($field: $kind,)*
            weight_decay: Option<f64>,
            clipnorm: Option<f64>,
            clipvalue: Option<f64>,
            global_clipnorm: Option<f64>,
            use_ema: bool,
            ema_momentum: f64,
            ema_overwrite_frequency: Option<u64>,
            lazy: bool,
        }

        impl Default for $name {
            fn default() -> Self {
                let options = $crate::Options { weight_decay: $weight_decay, ..Default::default() };
                Self {
                    learning_rate: $learning_rate.into(),
                    $($field: $default,)*
                    weight_decay: options.weight_decay,
                    clipnorm: options.clipnorm,
                    clipvalue: options.clipvalue,
                    global_clipnorm: options.global_clipnorm,
                    use_ema: options.use_ema,
                    ema_momentum: options.ema_momentum,
                    ema_overwrite_frequency: options.ema_overwrite_frequency,
                    lazy: options.lazy,
                }
            }
        }

        impl $name {
            /// The optimizer with a learning rate: a number or a schedule.
            pub fn new(learning_rate: impl Into<$crate::Schedule>) -> Self {
                Self { learning_rate: learning_rate.into(), ..Self::default() }
            }

            $($(#[$field_doc])*
            pub fn $field(mut self, $field: $kind) -> Self {
                self.$field = $field;
                self
            })*

            /// Shrinks each weight by `w * weight_decay * learning_rate` before a step (not by default, but in
            /// AdamW).
            pub fn weight_decay(mut self, weight_decay: f64) -> Self {
                self.weight_decay = Some(weight_decay);
                self
            }

            /// Scales the gradient of a weight down to this norm where it is larger.
            pub fn clipnorm(mut self, clipnorm: f64) -> Self {
                self.clipnorm = Some(clipnorm);
                self
            }

            /// Clips the elements of gradients to plus and minus this value.
            pub fn clipvalue(mut self, clipvalue: f64) -> Self {
                self.clipvalue = Some(clipvalue);
                self
            }

            /// Scales all gradients down together where their common norm is larger than this.
            pub fn global_clipnorm(mut self, global_clipnorm: f64) -> Self {
                self.global_clipnorm = Some(global_clipnorm);
                self
            }

            /// Keeps a moving average of each weight, which takes its place at the end of `fit`.
            pub fn use_ema(mut self, use_ema: bool) -> Self {
                self.use_ema = use_ema;
                self
            }

            /// The decay of the moving average, 0.99 by default.
            pub fn ema_momentum(mut self, ema_momentum: f64) -> Self {
                self.ema_momentum = ema_momentum;
                self
            }

            /// Puts the average in the weight's place every so many steps.
            pub fn ema_overwrite_frequency(mut self, steps: u64) -> Self {
                self.ema_overwrite_frequency = Some(steps);
                self
            }

            /// Leaves the rows of an embedding, and their moments, as they are in a step that does not look them up: fast
            /// for large vocabularies. Not by default, because in Keras the moments move every row in every step.
            /// PyTorch's `SparseAdam` is a lazy Adam.
            pub fn lazy(mut self, lazy: bool) -> Self {
                self.lazy = lazy;
                self
            }

            fn with_rule(self, rule: fornax_core::ops::UpdateRule) -> $crate::Optimizer {
                $crate::Optimizer::new(rule, self.learning_rate).with_options($crate::Options {
                    weight_decay: self.weight_decay,
                    clipnorm: self.clipnorm,
                    clipvalue: self.clipvalue,
                    global_clipnorm: self.global_clipnorm,
                    use_ema: self.use_ema,
                    ema_momentum: self.ema_momentum,
                    ema_overwrite_frequency: self.ema_overwrite_frequency,
                    lazy: self.lazy,
                })
            }
        }
    };
}

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod lion;
mod nadam;
mod rmsprop;
mod sgd;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use adamw::AdamW;
pub use lion::Lion;
pub use nadam::Nadam;
pub use rmsprop::RMSprop;
pub use sgd::SGD;
