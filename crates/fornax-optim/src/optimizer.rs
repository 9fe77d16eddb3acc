//! [`Optimizer`]: an update rule, a learning rate and what every optimizer can do besides.

use fornax_core::{Error, Result, ops::UpdateRule};
use serde::{Deserialize, Serialize};

use crate::Schedule;
use crate::check::{decay, domain, fraction, not_negative, positive};

/// What `compile` takes: any optimizer of this crate, by `into()`.
///
/// ```
/// use fornax_optim::{Optimizer, SGD};
///
/// let optimizer = Optimizer::from(SGD::new(0.1).momentum(1.5));
/// assert_eq!(optimizer.validate().unwrap_err().to_string(), "momentum: found 1.5, wanted a number from 0 to 1");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Optimizer {
    pub(crate) rule: UpdateRule,
    pub(crate) learning_rate: Schedule,
    #[serde(default)]
    pub(crate) options: Options,
}

/// What every optimizer can do besides its rule, by Keras's argument names.
///
/// A step clips the gradients, shrinks the weight (`w -= w * weight_decay * learning_rate`), applies the rule and
/// averages the weight, in this order. Source: `keras/src/optimizers/base_optimizer.py`, Keras 3.15.1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// The factor of decoupled weight decay.
    pub weight_decay: Option<f64>,
    /// The largest norm of the gradient of one weight.
    pub clipnorm: Option<f64>,
    /// The largest absolute value of an element of a gradient.
    pub clipvalue: Option<f64>,
    /// The largest norm of all gradients together.
    pub global_clipnorm: Option<f64>,
    /// Whether a moving average of each weight is kept, which takes the weight's place at the end of `fit`.
    pub use_ema: bool,
    /// The decay of the moving average.
    pub ema_momentum: f64,
    /// Every how many steps the average takes the weight's place.
    pub ema_overwrite_frequency: Option<u64>,
    /// Whether a step leaves the rows of an embedding that it does not look up as they are.
    pub lazy: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            weight_decay: None,
            clipnorm: None,
            clipvalue: None,
            global_clipnorm: None,
            use_ema: false,
            ema_momentum: 0.99,
            ema_overwrite_frequency: None,
            lazy: false,
        }
    }
}

impl Optimizer {
    /// An optimizer of an update rule.
    pub fn new(rule: UpdateRule, learning_rate: impl Into<Schedule>) -> Self {
        Self { rule, learning_rate: learning_rate.into(), options: Options::default() }
    }

    /// The same optimizer with other options.
    pub fn with_options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// The update rule with its constants.
    pub fn rule(&self) -> &UpdateRule {
        &self.rule
    }

    /// The learning rate as a function of the step.
    pub fn learning_rate(&self) -> &Schedule {
        &self.learning_rate
    }

    /// Weight decay, clipping and averaging.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Keras's name of the class; an Adam with weight decay is `AdamW`.
    pub fn class_name(&self) -> &'static str {
        match self.rule {
            UpdateRule::Sgd { .. } => "SGD",
            UpdateRule::Adam { .. } if self.options.weight_decay.is_some() => "AdamW",
            UpdateRule::Adam { .. } => "Adam",
            UpdateRule::Adamax { .. } => "Adamax",
            UpdateRule::Nadam { .. } => "Nadam",
            UpdateRule::Rmsprop { .. } => "RMSprop",
            UpdateRule::Adagrad { .. } => "Adagrad",
            UpdateRule::Adadelta { .. } => "Adadelta",
            UpdateRule::Lion { .. } => "Lion",
            _ => "Optimizer",
        }
    }

    /// An error unless every hyper-parameter lies in its domain.
    ///
    /// # Errors
    /// Names the first one that does not, with its value and the domain.
    pub fn validate(&self) -> Result<()> {
        self.learning_rate.validate()?;
        match self.rule {
            UpdateRule::Sgd { momentum, .. } => fraction("momentum", momentum)?,
            UpdateRule::Adam { beta_1, beta_2, epsilon, .. }
            | UpdateRule::Adamax { beta_1, beta_2, epsilon }
            | UpdateRule::Nadam { beta_1, beta_2, epsilon } => {
                decay("beta_1", beta_1)?;
                decay("beta_2", beta_2)?;
                not_negative("epsilon", epsilon)?;
            }
            UpdateRule::Rmsprop { rho, momentum, epsilon, .. } => {
                decay("rho", rho)?;
                fraction("momentum", momentum)?;
                not_negative("epsilon", epsilon)?;
            }
            UpdateRule::Adagrad { initial_accumulator_value, epsilon } => {
                not_negative("initial_accumulator_value", initial_accumulator_value)?;
                not_negative("epsilon", epsilon)?;
            }
            UpdateRule::Adadelta { rho, epsilon } => {
                decay("rho", rho)?;
                not_negative("epsilon", epsilon)?;
            }
            UpdateRule::Lion { beta_1, beta_2 } => {
                domain("beta_1", beta_1, beta_1 > 0.0 && beta_1 <= 1.0, "a number above 0 and at most 1")?;
                fraction("beta_2", beta_2)?;
            }
            _ => {}
        }
        self.options.validate()
    }
}

impl Options {
    fn validate(&self) -> Result<()> {
        let clips = [
            ("clipnorm", self.clipnorm),
            ("clipvalue", self.clipvalue),
            ("global_clipnorm", self.global_clipnorm),
        ];
        let set: Vec<&str> =
            clips.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name).collect();
        if set.len() > 1 {
            let wanted = "at most one of clipnorm, clipvalue and global_clipnorm";
            return Err(Error::argument("gradient clipping", set.join(" and "), wanted));
        }
        for (name, value) in clips {
            value.map_or(Ok(()), |value| positive(name, value))?;
        }
        self.weight_decay.map_or(Ok(()), |value| not_negative("weight_decay", value))?;
        fraction("ema_momentum", self.ema_momentum)?;
        match self.ema_overwrite_frequency {
            Some(0) => Err(Error::argument("ema_overwrite_frequency", 0, "at least 1")),
            _ => Ok(()),
        }
    }
}
