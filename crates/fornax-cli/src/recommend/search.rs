//! `fornax recommend search`: settings of models, judged on a part of the training part.

use std::fmt;
use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use fornax::prelude::*;
use fornax::recommend::Split;
use fornax::recommend::search::{Found, Integers, LogUniform, OneOf, Sample, Search as Run, random};
use fornax::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};

use super::features::NamedFeatures;
use super::input::Input;
use super::models::{Fitted, Fitting, Kind};
use super::settings::Settings;

#[derive(Args)]
pub(super) struct Search {
    #[command(flatten)]
    input: Input,
    /// Models, with commas between, of pure-svd, bpr, warp, ials and ease.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "pure-svd,ials,ease")]
    models: Vec<Kind>,
    /// Use the values of the log as weights; without it, every interaction counts as 1.
    #[arg(long)]
    weighted: bool,
    /// Candidates of each model, drawn at random.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    candidates: u64,
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
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    splits: u64,
    /// What candidates are judged by.
    #[arg(long, value_enum, default_value = "ndcg")]
    metric: Metric,
    /// Items of a list.
    #[arg(short, default_value = "10")]
    k: NonZeroUsize,
    /// The seed of splits, of candidates and of what models draw.
    #[arg(long, default_value_t = 0)]
    seed: u64,
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
#[derive(Clone)]
struct Candidate {
    kind: Kind,
    settings: Settings,
}

/// As the options of `train` are written.
impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--model {} {}", self.kind, self.settings)
    }
}

/// What the settings of a model are drawn from.
struct Space {
    kind: Kind,
    most_factors: usize,
}

impl Search {
    pub(super) fn run(&self) -> Result<()> {
        let mut candidates = vec![];
        for &kind in &self.models {
            candidates.extend(self.candidates(kind)?);
        }
        let log = self.input.read_weights(self.weighted)?;
        let split = log.split_by_item(self.held_out, self.seed)?;
        let inner = (0..self.splits)
            .map(|at| split.train.split_by_item(self.validation, self.seed.wrapping_add(1 + at)));
        let inner: Vec<Split> = inner.collect::<Result<_>>()?;
        let metric = self.metric.of().name(self.k.get());
        println!(
            "{} candidates by {metric} on {} validation split(s) of the training part, with standard errors over users",
            candidates.len(),
            inner.len()
        );
        let found = self.search(candidates, &inner)?;
        print!("{found}");
        let best = &found.best().setting;
        let report = Evaluation::at(self.k.get()).seed(self.seed).run(&*self.fit(best, &split)?, &split)?;
        let interval = report.interval(self.metric.of(), 0.95, self.seed)?;
        println!(
            "the best one, fitted on the whole training part, on what was held out: {metric} {:.4} [{:.4} {:.4}]",
            report.mean(self.metric.of()),
            interval.low,
            interval.high
        );
        Ok(())
    }

    fn search(&self, candidates: Vec<Candidate>, inner: &[Split]) -> Result<Found<Candidate>> {
        let style =
            ProgressStyle::with_template("{bar:20} {pos}/{len} fits {elapsed}").expect("a valid template");
        let bar = ProgressBar::new((candidates.len() * inner.len()) as u64).with_style(style);
        let found = Run::highest().progress(|done, _| bar.set_position(done as u64)).run(
            candidates,
            inner,
            |candidate, split| self.fit(candidate, split),
            |model, split| {
                let report = Evaluation::at(self.k.get()).seed(self.seed).run(&**model, split)?;
                Ok(report.values(self.metric.of()))
            },
        );
        bar.finish_and_clear();
        found
    }

    fn candidates(&self, kind: Kind) -> Result<Vec<Candidate>> {
        if self.most_factors < 4 {
            return Err(Error::argument("--most-factors", self.most_factors, "at least 4"));
        }
        let drawn =
            random(&Space { kind, most_factors: self.most_factors }, self.candidates as usize, self.seed)?;
        Ok(drawn.into_iter().map(|settings| Candidate { kind, settings }).collect())
    }

    fn fit(&self, candidate: &Candidate, split: &Split) -> Result<Box<dyn Fitted>> {
        let (features, device) = (&NamedFeatures::default(), "cpu".parse()?);
        let how = Fitting { weighted: self.weighted, seed: self.seed, device, features };
        candidate.kind.fit(&candidate.settings, &split.train, &how)
    }
}

impl Sample for Space {
    type Value = Settings;

    fn sample(&self, random: &mut Philox) -> Result<Settings> {
        let between = |low, high, random: &mut Philox| Ok(rounded(LogUniform(low, high).sample(random)?));
        let mut settings = Settings::default();
        if self.kind != Kind::Ease {
            settings.factors = Some(between(4.0, self.most_factors as f64, random)?.round() as usize);
        }
        match self.kind {
            Kind::PureSvd => {}
            Kind::Ease => settings.regularization = Some(between(1.0, 5000.0, random)?),
            Kind::Ials => {
                settings.alpha = Some(between(0.1, 100.0, random)?);
                settings.regularization = Some(between(0.001, 100.0, random)?);
                settings.frequency = Some(OneOf(vec![0.0, 0.5, 1.0]).sample(random)?);
            }
            Kind::Bpr => {
                settings.learning_rate = Some(between(0.005, 0.2, random)?);
                settings.regularization = Some(between(0.001, 0.1, random)?);
                settings.iterations = Some(Integers(50..=300).sample(random)?);
            }
            Kind::Warp => {
                settings.learning_rate = Some(between(0.01, 0.2, random)?);
                settings.regularization = Some(between(0.01, 2.0, random)?);
                settings.iterations = Some(Integers(20..=100).sample(random)?);
            }
            other => {
                return Err(Error::argument("--models", other, "some of pure-svd, bpr, warp, ials, ease"));
            }
        }
        Ok(settings)
    }
}

/// With four digits, so that what is printed is what was tried.
fn rounded(number: f64) -> f64 {
    format!("{number:.3e}").parse().unwrap_or(number)
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
}
