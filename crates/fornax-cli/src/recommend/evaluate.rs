//! `fornax recommend evaluate`: how well a model in a file ranks what was held out of its log.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use fornax::prelude::*;
use fornax::recommend::RatingReport;
use fornax::{Error, Result};

use super::input::Input;
use super::stored::open;

#[derive(Args)]
pub(super) struct Evaluate {
    /// The file of the model.
    file: PathBuf,
    /// What was held out: a log of interactions that the model has not seen.
    #[command(flatten)]
    input: Input,
    /// Items of a list.
    #[arg(short, default_value = "10")]
    k: NonZeroUsize,
    /// Only interactions of at least this value are relevant.
    #[arg(long)]
    relevant_from: Option<f32>,
    /// Leave out interactions that the model was fitted on, and say how many; without it they are an error.
    #[arg(long)]
    leave_out_seen: bool,
    /// The seed of the order of equal scores and of intervals.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Evaluate {
    pub(super) fn run(&self) -> Result<()> {
        let model = open(&self.file)?;
        let mut log = self.input.read()?;
        let all = log.len();
        if self.leave_out_seen {
            let left = log.filter(|user, item, _, _| !model.has(user, item));
            log = left.map_err(|error| error.within("--leave-out-seen"))?;
        } else if let Some(seen) = log.events().find(|event| model.has(&event.user, &event.item)) {
            let place = format!("held out, user {}, item {}", seen.user, seen.item);
            let wanted = "others alone, or --leave-out-seen";
            return Err(Error::data(place, "an interaction that the model was fitted on", wanted));
        }
        let split = model.split(&log)?;
        let mut evaluation = Evaluation::at(self.k.get()).seed(self.seed);
        if let Some(value) = self.relevant_from {
            let most = log.matrix().values().iter().copied().fold(f32::NEG_INFINITY, f32::max);
            if value.is_nan() || value > most {
                let wanted =
                    format!("at most {most}, the largest value of the log (its field is named by --value)");
                return Err(Error::argument("--relevant-from", value, wanted));
            }
            evaluation = evaluation.relevant_from(value);
        }
        let report = evaluation.run(model.scores(), &split)?;
        println!(
            "{}: {} users with something relevant held out, {} ranked; means with 95% intervals over users",
            model.kind(),
            report.users().len(),
            report.protocol()
        );
        let names = RankingMetric::ALL.map(|metric| metric.name(self.k.get()));
        let width = names.iter().map(|name| name.len() + 2).max().unwrap_or(0).max(18);
        for (metric, name) in RankingMetric::ALL.into_iter().zip(names) {
            let interval = report.interval(metric, 0.95, self.seed)?;
            println!("{name:<width$}{:.4} [{:.4} {:.4}]", report.mean(metric), interval.low, interval.high);
        }
        let lists = [("coverage", report.coverage()), ("Gini", report.gini()), ("novelty", report.novelty())];
        for (name, value) in lists {
            value.into_iter().for_each(|value| println!("{name:<width$}{value:.4}"));
        }
        println!(
            "cold, in no figure: {} held-out interactions of users, {} of items",
            report.cold_users(),
            report.cold_items()
        );
        if self.leave_out_seen {
            println!("seen by the model, left out: {}", all - log.len());
        }
        if let Some(model) = model.ratings() {
            if !self.input.has_values() {
                println!("no RMSE: --value does not name the ratings");
                return Ok(());
            }
            let errors = RatingReport::of(model, &split)?.all();
            let (count, rmse, mae) = (errors.count(), errors.rmse(), errors.mae());
            println!("RMSE {rmse:.4}, MAE {mae:.4} of all {count} ratings, the cold ones too");
        }
        Ok(())
    }
}
