//! `fornax recommend search`: settings of models, judged on a part of the training part.

use clap::{Args, ValueEnum};
use fornax::prelude::*;
use fornax::recommend::search::{Found, Integers, LogUniform, OneOf, Sample, Search as Run, random};
use fornax::recommend::{Bpr, Split};
use fornax::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};

use super::Input;

#[derive(Args)]
pub(super) struct Search {
    #[command(flatten)]
    input: Input,
    /// Models, with commas between.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "pure-svd,ials,ease")]
    models: Vec<Kind>,
    /// Use the values of the log as weights; without it, every interaction counts as 1.
    #[arg(long)]
    weighted: bool,
    /// Candidates of each model, drawn at random.
    #[arg(long, default_value_t = 10)]
    candidates: usize,
    /// The most factors.
    #[arg(long, default_value_t = 128)]
    most_factors: usize,
    /// The share of each item's interactions that is held out of the search and judges the best candidate.
    #[arg(long, default_value_t = 0.25)]
    held_out: f64,
    /// The share of each item's other interactions that judges candidates.
    #[arg(long, default_value_t = 0.25)]
    validation: f64,
    /// Validation splits that each candidate is fitted on.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    splits: u64,
    /// What candidates are judged by.
    #[arg(long, value_enum, default_value = "ndcg")]
    metric: Metric,
    /// Items of a list.
    #[arg(short, default_value_t = 10)]
    k: usize,
    /// The seed of splits, of candidates and of what models draw.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    PureSvd,
    Bpr,
    Ials,
    Ease,
}

#[derive(Clone, Copy, ValueEnum)]
enum Metric {
    Ndcg,
    Precision,
    Recall,
    Map,
    Mrr,
    HitRate,
    Auc,
}

/// A model with its settings.
#[derive(Clone, Copy)]
enum Setting {
    PureSvd { factors: usize },
    Bpr { factors: usize, learning_rate: f32, regularization: f32, iterations: usize },
    Ials { factors: usize, alpha: f32, regularization: f32, frequency: f32 },
    Ease { regularization: f64 },
}

/// As the options of `train` and `compare` are written.
impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::PureSvd { factors } => write!(f, "pure-svd, factors {factors}"),
            Self::Bpr { factors, learning_rate, regularization, iterations } => write!(
                f,
                "bpr, factors {factors}, learning rate {learning_rate:.4}, regularization {regularization:.4}, \
                 iterations {iterations}"
            ),
            Self::Ials { factors, alpha, regularization, frequency } => write!(
                f,
                "ials, factors {factors}, alpha {alpha:.3}, regularization {regularization:.4}, frequency {frequency}"
            ),
            Self::Ease { regularization } => write!(f, "ease, regularization {regularization:.2}"),
        }
    }
}

impl Search {
    pub(super) fn run(&self) -> Result<()> {
        let mut log = self.input.read()?;
        if !self.weighted {
            log = log.map_values(|_| 1.0)?;
        }
        let split = log.split_by_item(self.held_out, self.seed)?;
        let inner = (0..self.splits)
            .map(|at| split.train.split_by_item(self.validation, self.seed.wrapping_add(1 + at)));
        let inner: Vec<Split> = inner.collect::<Result<_>>()?;
        let mut settings = vec![];
        for &kind in &self.models {
            settings.extend(self.settings(kind)?);
        }
        let metric = self.metric.name(self.k);
        println!(
            "{} candidates by {metric} on {} validation split(s) of the training part, with standard errors over users",
            settings.len(),
            inner.len()
        );
        let found = self.search(settings, &inner)?;
        print!("{found}");
        let best = &found.best().setting;
        let report = Evaluation::at(self.k).seed(self.seed).run(&*self.fit(best, &split)?, &split)?;
        let interval = report.interval(self.metric.of(), 0.95, self.seed)?;
        println!(
            "the best one, fitted on the whole training part, on what was held out: {metric} {:.4} [{:.4} {:.4}]",
            report.mean(self.metric.of()),
            interval.low,
            interval.high
        );
        Ok(())
    }

    fn search(&self, settings: Vec<Setting>, inner: &[Split]) -> Result<Found<Setting>> {
        let style =
            ProgressStyle::with_template("{bar:20} {pos}/{len} fits {elapsed}").expect("a valid template");
        let bar = ProgressBar::new((settings.len() * inner.len()) as u64).with_style(style);
        let found = Run::highest().progress(|done, _| bar.set_position(done as u64)).run(
            settings,
            inner,
            |setting, split| self.fit(setting, split),
            |model, split| {
                let report = Evaluation::at(self.k).seed(self.seed).run(&**model, split)?;
                Ok(report.values(self.metric.of()))
            },
        );
        bar.finish_and_clear();
        found
    }

    fn settings(&self, kind: Kind) -> Result<Vec<Setting>> {
        if self.most_factors < 4 {
            return Err(Error::argument("--most-factors", self.most_factors, "at least 4"));
        }
        let factors = LogFactors(self.most_factors);
        let (count, seed) = (self.candidates, self.seed);
        Ok(match kind {
            Kind::PureSvd => {
                let drawn = random(&factors, count, seed)?.into_iter();
                drawn.map(|factors| Setting::PureSvd { factors }).collect()
            }
            Kind::Ease => {
                let drawn = random(&LogUniform(1.0, 5000.0), count, seed)?.into_iter();
                drawn.map(|regularization| Setting::Ease { regularization }).collect()
            }
            Kind::Ials => {
                let frequency = OneOf(vec![0.0, 0.5, 1.0]);
                let space = (factors, LogUniform(0.1, 100.0), LogUniform(0.001, 100.0), frequency);
                let drawn = random(&space, count, seed)?.into_iter();
                let setting = |(factors, alpha, regularization, frequency)| Setting::Ials {
                    factors,
                    alpha: alpha as f32,
                    regularization: regularization as f32,
                    frequency,
                };
                drawn.map(setting).collect()
            }
            Kind::Bpr => {
                let space = (factors, LogUniform(0.005, 0.2), LogUniform(0.001, 0.1), Integers(50..=300));
                let drawn = random(&space, count, seed)?.into_iter();
                let setting = |(factors, rate, regularization, iterations)| Setting::Bpr {
                    factors,
                    learning_rate: rate as f32,
                    regularization: regularization as f32,
                    iterations,
                };
                drawn.map(setting).collect()
            }
        })
    }

    fn fit(&self, setting: &Setting, split: &Split) -> Result<Box<dyn Score>> {
        let train = &split.train;
        Ok(match *setting {
            Setting::PureSvd { factors } => Box::new(PureSvd::new(factors).seed(self.seed).fit(train)?),
            Setting::Bpr { factors, learning_rate, regularization, iterations } => {
                let settings = Bpr::new(factors).learning_rate(learning_rate).iterations(iterations);
                Box::new(settings.regularization(regularization).seed(self.seed).fit(train)?)
            }
            Setting::Ials { factors, alpha, regularization, frequency } => {
                let settings = Ials::new(factors).alpha(alpha).regularization(regularization);
                Box::new(settings.frequency(frequency).seed(self.seed).fit(train)?)
            }
            Setting::Ease { regularization } => {
                Box::new(Ease::new().binary(!self.weighted).regularization(regularization).fit(train)?)
            }
        })
    }
}

/// Numbers of factors from 4 on, uniform in the logarithm.
struct LogFactors(usize);

impl Sample for LogFactors {
    type Value = usize;

    fn sample(&self, random: &mut Philox) -> Result<usize> {
        Ok(LogUniform(4.0, self.0 as f64).sample(random)?.round() as usize)
    }
}

impl Metric {
    fn of(self) -> RankingMetric {
        match self {
            Self::Ndcg => RankingMetric::Ndcg,
            Self::Precision => RankingMetric::Precision,
            Self::Recall => RankingMetric::Recall,
            Self::Map => RankingMetric::AveragePrecision,
            Self::Mrr => RankingMetric::ReciprocalRank,
            Self::HitRate => RankingMetric::HitRate,
            Self::Auc => RankingMetric::Auc,
        }
    }

    fn name(self, k: usize) -> String {
        self.of().name(k)
    }
}
