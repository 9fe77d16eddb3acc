//! Search for settings: candidates from a [`grid`] or drawn at [`random`], each fitted on the same splits and judged by one
//! figure.
//!
//! The splits are made of the training part alone (`split.train.folds(..)`, `split.train.split_by_item(..)`): what judges the
//! model in the end has then not chosen its settings.
//!
//! ```
//! use fornax_recommend::search::{LogUniform, OneOf, Search, random};
//! use fornax_recommend::{Evaluation, Ials, RankingMetric, synthetic};
//!
//! let log = synthetic::tastes(200, 100, 20, 0)?;
//! let split = log.split_by_item(0.25, 0)?;
//! let inner = split.train.split_by_item(0.25, 1)?;
//! let space = (OneOf(vec![4, 8, 16]), LogUniform(0.1, 100.0));
//! let found = Search::highest().run(
//!     random(&space, 4, 0)?,
//!     &[inner],
//!     |&(factors, regularization), inner| {
//!         Ials::new(factors).regularization(regularization as f32).iterations(3).fit(&inner.train)
//!     },
//!     |model, inner| Ok(Evaluation::at(10).run(model, inner)?.values(RankingMetric::Ndcg)),
//! )?;
//! assert_eq!(found.trials().len(), 4);
//! assert!(found.best().mean() >= found.trials()[3].mean());
//! let (factors, regularization) = found.best().setting;
//! let model = Ials::new(factors).regularization(regularization as f32).fit(&split.train)?;
//! # let _ = model;
//! # Ok::<(), fornax_core::Error>(())
//! ```

mod space;

pub use space::{Grid, Integers, LogUniform, OneOf, Sample, Uniform, grid, random};

use std::fmt::{Debug, Display};
use std::time::{Duration, Instant};

use fornax_core::{Error, Result};

/// Fits every candidate on every split and puts them in order.
///
/// Candidates are fitted one after the other; a model uses all threads by itself. One that fails does not end the search.
#[derive(Default)]
pub struct Search<'a> {
    lowest: bool,
    progress: Option<Box<dyn Fn(usize, usize) + 'a>>,
}

/// What a search found: candidates, the best first, and those that failed.
#[derive(Debug)]
pub struct Found<S> {
    trials: Vec<Trial<S>>,
    failures: Vec<(S, Error)>,
}

/// A candidate and its figures.
#[derive(Clone, Debug)]
pub struct Trial<S> {
    /// The candidate.
    pub setting: S,
    /// How long fitting took, on all splits.
    pub fit_time: Duration,
    splits: Vec<Values>,
}

/// The values of one split.
#[derive(Clone, Copy, Debug)]
struct Values {
    count: usize,
    mean: f64,
    /// The variance of one value.
    variance: f64,
}

impl<'a> Search<'a> {
    /// The best candidate has the highest figure, such as nDCG.
    pub fn highest() -> Self {
        Self::default()
    }

    /// The best candidate has the lowest figure, such as an RMSE.
    pub fn lowest() -> Self {
        Self { lowest: true, progress: None }
    }

    /// Calls this after each fit with the number of those that are done and of all, for a progress bar.
    pub fn progress(self, progress: impl Fn(usize, usize) + 'a) -> Self {
        Self { progress: Some(Box::new(progress)), ..self }
    }

    /// Fits each candidate on each split with `fit` and judges it with `judge`, which gives the values that the figure is the
    /// mean of: those of all users ([`RankingReport::values`](crate::RankingReport::values)), or a single one of the split
    /// (`vec![errors.rmse()]`). Of equal figures the earlier candidate is the better one.
    ///
    /// # Errors
    /// If there is no candidate or no split, or all candidates failed: the fault of the first one, with its setting.
    pub fn run<S: Debug, T, M>(
        &self,
        candidates: impl IntoIterator<Item = S>,
        splits: &[T],
        fit: impl Fn(&S, &T) -> Result<M>,
        judge: impl Fn(&M, &T) -> Result<Vec<f64>>,
    ) -> Result<Found<S>> {
        let candidates: Vec<S> = candidates.into_iter().collect();
        for (name, count) in [("candidates", candidates.len()), ("splits", splits.len())] {
            if count == 0 {
                return Err(Error::argument(name, "none", "at least one"));
            }
        }
        let (mut trials, mut failures) = (vec![], vec![]);
        let all = candidates.len() * splits.len();
        for (at, setting) in candidates.into_iter().enumerate() {
            let mut fit_time = Duration::ZERO;
            let figures = splits.iter().enumerate().map(|(number, split)| {
                let clock = Instant::now();
                let model = fit(&setting, split)?;
                fit_time += clock.elapsed();
                let values = Values::of(&judge(&model, split)?)?;
                self.report(at * splits.len() + number + 1, all);
                Ok(values)
            });
            match figures.collect::<Result<Vec<Values>>>() {
                Ok(splits) => trials.push(Trial { setting, fit_time, splits }),
                Err(error) => {
                    let error = error.within(format!("setting {setting:?}"));
                    failures.push((setting, error));
                    self.report((at + 1) * splits.len(), all);
                }
            }
        }
        if trials.is_empty() {
            return Err(failures.swap_remove(0).1);
        }
        trials.sort_by(|a, b| match self.lowest {
            true => a.mean().total_cmp(&b.mean()),
            false => b.mean().total_cmp(&a.mean()),
        });
        Ok(Found { trials, failures })
    }

    fn report(&self, done: usize, all: usize) {
        if let Some(progress) = &self.progress {
            progress(done, all);
        }
    }
}

impl<S> Found<S> {
    /// The candidates that were judged, the best first.
    pub fn trials(&self) -> &[Trial<S>] {
        &self.trials
    }

    /// The best one.
    pub fn best(&self) -> &Trial<S> {
        &self.trials[0]
    }

    /// The candidates that could not be fitted or judged, and why.
    pub fn failures(&self) -> &[(S, Error)] {
        &self.failures
    }
}

/// The table: a candidate a line, with its mean and standard error.
impl<S: Debug> Display for Found<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for trial in &self.trials {
            let error = trial.standard_error().map(|error| format!(" ± {error:.4}")).unwrap_or_default();
            let seconds = trial.fit_time.as_secs_f64();
            writeln!(f, "{:.4}{error}  {:?}  ({seconds:.2} s)", trial.mean(), trial.setting)?;
        }
        self.failures.iter().try_for_each(|(_, error)| writeln!(f, "failed: {error}"))
    }
}

impl<S> Trial<S> {
    /// The figure: the mean over splits of the means of their values.
    pub fn mean(&self) -> f64 {
        mean(self.splits.iter().map(|split| split.mean))
    }

    /// The figure of each split.
    pub fn splits(&self) -> impl ExactSizeIterator<Item = f64> {
        self.splits.iter().map(|split| split.mean)
    }

    /// The standard error of the figure. Where splits have a value for each user, it is `sqrt(variance / users)`, the mean over
    /// splits, which have users in common; where they have a single value, that over splits. None of one value.
    pub fn standard_error(&self) -> Option<f64> {
        let error = |values: Values| (values.variance / values.count as f64).sqrt();
        if self.splits.iter().all(|split| split.count > 1) {
            return Some(mean(self.splits.iter().map(|&split| error(split))));
        }
        let means: Vec<f64> = self.splits().collect();
        (means.len() > 1).then(|| error(Values::new(&means)))
    }
}

impl Values {
    fn of(values: &[f64]) -> Result<Self> {
        if values.is_empty() {
            return Err(Error::data("values of a split", "none", "at least one"));
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(Error::data(format!("value {at} of a split"), values[at], "a finite number")),
            None => Ok(Self::new(values)),
        }
    }

    fn new(values: &[f64]) -> Self {
        let center = mean(values.iter().copied());
        let squares = values.iter().map(|value| (value - center).powi(2)).sum::<f64>();
        let variance = squares / (values.len().max(2) - 1) as f64;
        Self { count: values.len(), mean: center, variance }
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
