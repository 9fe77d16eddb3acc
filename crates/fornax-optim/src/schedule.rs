//! [`Schedule`]: the learning rate as a function of the number of steps done, in Keras's formulas.
//!
//! Source: `keras/src/optimizers/schedules/learning_rate_schedule.py`, Keras 3.15.1, which computes in `f32`;
//! here it is `f64`.

use std::f64::consts::PI;

use fornax_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::check::{not_negative, positive};

/// A learning rate: a number, or one of Keras's schedules.
///
/// ```
/// use fornax_optim::{CosineDecay, Schedule};
///
/// assert_eq!(Schedule::from(0.01).at(7), 0.01);
/// let warm: Schedule = CosineDecay::new(0.0, 100).warmup(0.1, 10).into();
/// assert_eq!(warm.at(5), 0.05);
/// assert_eq!(warm.at(10), 0.1);
/// assert!(warm.at(110) < 1e-12);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "class_name", content = "config")]
#[non_exhaustive]
pub enum Schedule {
    /// See [`ExponentialDecay`].
    ExponentialDecay(ExponentialDecay),
    /// See [`CosineDecay`].
    CosineDecay(CosineDecay),
    /// See [`CosineDecayRestarts`].
    CosineDecayRestarts(CosineDecayRestarts),
    /// See [`PiecewiseConstantDecay`].
    PiecewiseConstantDecay(PiecewiseConstantDecay),
    /// See [`PolynomialDecay`].
    PolynomialDecay(PolynomialDecay),
    /// See [`InverseTimeDecay`].
    InverseTimeDecay(InverseTimeDecay),
    /// See [`Noam`].
    Noam(Noam),
    /// The same at every step.
    #[serde(untagged)]
    Constant(f64),
}

impl Schedule {
    /// The learning rate after `step` steps: that of the first step is `at(0)`.
    pub fn at(&self, step: u64) -> f64 {
        match self {
            Self::Constant(rate) => *rate,
            Self::ExponentialDecay(schedule) => schedule.at(step),
            Self::CosineDecay(schedule) => schedule.at(step),
            Self::CosineDecayRestarts(schedule) => schedule.at(step),
            Self::PiecewiseConstantDecay(schedule) => schedule.at(step),
            Self::PolynomialDecay(schedule) => schedule.at(step),
            Self::InverseTimeDecay(schedule) => schedule.at(step),
            Self::Noam(schedule) => schedule.at(step),
        }
    }

    /// An error unless every hyper-parameter lies in its domain.
    ///
    /// # Errors
    /// Names the first one that does not, with its value and the domain.
    pub fn validate(&self) -> Result<()> {
        let start = |rate| not_negative("initial_learning_rate", rate);
        let steps = |name: &str, steps: u64| match steps {
            0 => Err(Error::argument(name, 0, "at least 1")),
            _ => Ok(()),
        };
        match self {
            Self::Constant(rate) => not_negative("learning_rate", *rate),
            Self::ExponentialDecay(s) => {
                start(s.initial_learning_rate)?;
                steps("decay_steps", s.decay_steps)?;
                not_negative("decay_rate", s.decay_rate)
            }
            Self::CosineDecay(s) => {
                start(s.initial_learning_rate)?;
                steps("decay_steps", s.decay_steps)?;
                not_negative("alpha", s.alpha)?;
                s.warmup_target.map_or(Ok(()), |target| not_negative("warmup_target", target))
            }
            Self::CosineDecayRestarts(s) => {
                start(s.initial_learning_rate)?;
                steps("first_decay_steps", s.first_decay_steps)?;
                let long_enough = s.t_mul.is_finite() && s.t_mul >= 1.0;
                crate::check::domain("t_mul", s.t_mul, long_enough, "a finite number of at least 1")?;
                not_negative("m_mul", s.m_mul)?;
                not_negative("alpha", s.alpha)
            }
            Self::PiecewiseConstantDecay(s) => {
                let (boundaries, values) = (s.boundaries.len(), s.values.len());
                if boundaries + 1 != values {
                    return Err(Error::argument(
                        "values",
                        values,
                        format!("{}, boundaries + 1", boundaries + 1),
                    ));
                }
                if !s.boundaries.is_sorted() {
                    return Err(Error::argument(
                        "boundaries",
                        format!("{:?}", s.boundaries),
                        "ascending steps",
                    ));
                }
                s.values.iter().try_for_each(|&value| not_negative("values", value))
            }
            Self::PolynomialDecay(s) => {
                start(s.initial_learning_rate)?;
                steps("decay_steps", s.decay_steps)?;
                not_negative("end_learning_rate", s.end_learning_rate)?;
                positive("power", s.power)
            }
            Self::InverseTimeDecay(s) => {
                start(s.initial_learning_rate)?;
                steps("decay_steps", s.decay_steps)?;
                not_negative("decay_rate", s.decay_rate)
            }
            Self::Noam(s) => {
                steps("d_model", s.d_model)?;
                steps("warmup_steps", s.warmup_steps)?;
                positive("factor", s.factor)
            }
        }
    }
}

impl From<f64> for Schedule {
    fn from(rate: f64) -> Self {
        Self::Constant(rate)
    }
}

impl From<f32> for Schedule {
    fn from(rate: f32) -> Self {
        Self::Constant(rate.into())
    }
}

/// A schedule: its arguments, those of `new` first, then those with a default, which have setters.
macro_rules! schedule {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$need_doc:meta])* $need:ident: $need_kind:ty,)* }
        { $($(#[$with_doc:meta])* $with:ident: $with_kind:ty = $default:expr,)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$need_doc])* $need: $need_kind,)*
            $($with: $with_kind,)*
        }

        impl $name {
            /// The schedule, with the defaults of Keras for the rest.
            pub fn new($($need: $need_kind),*) -> Self {
                Self { $($need,)* $($with: $default,)* }
            }

            $($(#[$with_doc])*
            pub fn $with(mut self, $with: $with_kind) -> Self {
                self.$with = $with;
                self
            })*
        }

        impl From<$name> for Schedule {
            fn from(schedule: $name) -> Self {
                Self::$name(schedule)
            }
        }
    };
}

schedule! {
    /// `initial_learning_rate * decay_rate^(step / decay_steps)`.
    ExponentialDecay { initial_learning_rate: f64, decay_steps: u64, decay_rate: f64, }
    {
        /// Whether the exponent is rounded down.
        staircase: bool = false,
    }
}

schedule! {
    /// Half a cosine from the initial rate down to `alpha` times it in `decay_steps`, behind an optional linear
    /// warm-up to another rate (Loshchilov and Hutter 2016).
    CosineDecay { initial_learning_rate: f64, decay_steps: u64, }
    {
        /// The last rate as a fraction of the first.
        alpha: f64 = 0.0,
        /// The rate after the warm-up, from which it decays.
        warmup_target: Option<f64> = None,
        /// The length of the warm-up.
        warmup_steps: u64 = 0,
    }
}

schedule! {
    /// Cosine decays one after the other, each `t_mul` times as long as the one before and from `m_mul` times its
    /// first rate (SGDR, Loshchilov and Hutter 2016).
    CosineDecayRestarts { initial_learning_rate: f64, first_decay_steps: u64, }
    {
        /// The ratio of the lengths of two periods.
        t_mul: f64 = 2.0,
        /// The ratio of the first rates of two periods.
        m_mul: f64 = 1.0,
        /// The last rate as a fraction of the first.
        alpha: f64 = 0.0,
    }
}

schedule! {
    /// `values[i]` for steps above `boundaries[i - 1]` and up to `boundaries[i]`.
    PiecewiseConstantDecay { boundaries: Vec<u64>, values: Vec<f64>, }
    {}
}

schedule! {
    /// `(initial - end) (1 - step / decay_steps)^power + end`, by default a straight line to 0.0001.
    PolynomialDecay { initial_learning_rate: f64, decay_steps: u64, }
    {
        /// The last rate.
        end_learning_rate: f64 = 1e-4,
        /// The exponent.
        power: f64 = 1.0,
        /// Whether `decay_steps` grows to its next multiple in place of an end.
        cycle: bool = false,
    }
}

schedule! {
    /// `initial_learning_rate / (1 + decay_rate * step / decay_steps)`.
    InverseTimeDecay { initial_learning_rate: f64, decay_steps: u64, decay_rate: f64, }
    {
        /// Whether the quotient is rounded down.
        staircase: bool = false,
    }
}

schedule! {
    /// `factor d_model^-1/2 min(n^-1/2, n warmup_steps^-3/2)` for step `n` from 1 (Vaswani et al. 2017, eq. 3).
    Noam { d_model: u64, warmup_steps: u64, }
    {
        /// A factor, 1 in the paper.
        factor: f64 = 1.0,
    }
}

impl ExponentialDecay {
    fn at(&self, step: u64) -> f64 {
        self.initial_learning_rate * self.decay_rate.powf(periods(step, self.decay_steps, self.staircase))
    }
}

impl InverseTimeDecay {
    fn at(&self, step: u64) -> f64 {
        self.initial_learning_rate / (1.0 + self.decay_rate * periods(step, self.decay_steps, self.staircase))
    }
}

impl CosineDecay {
    /// A linear warm-up to `target` in `steps`, before the decay.
    pub fn warmup(self, target: f64, steps: u64) -> Self {
        self.warmup_target(Some(target)).warmup_steps(steps)
    }

    fn at(&self, step: u64) -> f64 {
        let (from, step) = match self.warmup_target {
            Some(target) if step < self.warmup_steps => {
                let done = step as f64 / self.warmup_steps as f64;
                return (target - self.initial_learning_rate) * done + self.initial_learning_rate;
            }
            Some(target) => (target, step - self.warmup_steps),
            None => (self.initial_learning_rate, step),
        };
        let done = step.min(self.decay_steps) as f64 / self.decay_steps as f64;
        from * cosine(done, 1.0, self.alpha)
    }
}

impl CosineDecayRestarts {
    fn at(&self, step: u64) -> f64 {
        let done = step as f64 / self.first_decay_steps as f64;
        let (period, done) = if self.t_mul == 1.0 { (done.floor(), done.fract()) } else { self.period(done) };
        self.initial_learning_rate * cosine(done, self.m_mul.powf(period), self.alpha)
    }

    /// The number of periods that are over and the part of the present one that is.
    fn period(&self, done: f64) -> (f64, f64) {
        let start = |period: f64| (1.0 - self.t_mul.powf(period)) / (1.0 - self.t_mul);
        let mut period = ((1.0 - done * (1.0 - self.t_mul)).ln() / self.t_mul.ln()).floor();
        // The quotient of logarithms may be one rounding off at the end of a period.
        if start(period + 1.0) <= done {
            period += 1.0;
        } else if start(period) > done {
            period -= 1.0;
        }
        (period, (done - start(period)) / self.t_mul.powf(period))
    }
}

impl PiecewiseConstantDecay {
    fn at(&self, step: u64) -> f64 {
        let above = self.boundaries.iter().filter(|&&boundary| step > boundary).count();
        self.values.get(above).copied().unwrap_or(0.0)
    }
}

impl PolynomialDecay {
    fn at(&self, step: u64) -> f64 {
        let (step, steps) = (step as f64, self.decay_steps as f64);
        let (step, steps) = match self.cycle {
            true => (step, steps * (step / steps).ceil().max(1.0)),
            false => (step.min(steps), steps),
        };
        (self.initial_learning_rate - self.end_learning_rate) * (1.0 - step / steps).powf(self.power)
            + self.end_learning_rate
    }
}

impl Noam {
    fn at(&self, step: u64) -> f64 {
        let (n, warmup) = (step as f64 + 1.0, self.warmup_steps as f64);
        self.factor * (self.d_model as f64).powf(-0.5) * n.powf(-0.5).min(n * warmup.powf(-1.5))
    }
}

fn periods(step: u64, length: u64, staircase: bool) -> f64 {
    let periods = step as f64 / length as f64;
    if staircase { periods.floor() } else { periods }
}

/// From `first` down to `alpha` along half a cosine.
fn cosine(done: f64, first: f64, alpha: f64) -> f64 {
    (1.0 - alpha) * 0.5 * first * (1.0 + (PI * done).cos()) + alpha
}
