//! `fornax recommend evaluate`: how well a model in a file ranks what was held out of its log.

use std::path::{Path, PathBuf};

use clap::Args;
use fornax::prelude::*;
use fornax::recommend::{
    BprModel, EaseModel, IalsModel, PopularityModel, PureSvdModel, Recommender, StoredModel, stored_kind,
};
use fornax::{Error, Result};

use super::{Input, Log};

#[derive(Args)]
pub(super) struct Evaluate {
    /// The file of the model.
    file: PathBuf,
    /// What was held out: a log of interactions that the model has not seen.
    #[command(flatten)]
    input: Input,
    /// Items of a list.
    #[arg(short, default_value_t = 10)]
    k: usize,
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
        let (file, kind) = (&self.file, stored_kind(&self.file)?);
        match kind.as_str() {
            PopularityModel::KIND => self.judge::<PopularityModel>(file),
            PureSvdModel::KIND => self.judge::<PureSvdModel>(file),
            BprModel::KIND => self.judge::<BprModel>(file),
            IalsModel::KIND => self.judge::<IalsModel>(file),
            EaseModel::KIND => self.judge::<EaseModel>(file),
            _ => Err(Error::format(file, "model", &kind, "a model that this command can ask")),
        }
    }

    fn judge<M: StoredModel>(&self, file: &Path) -> Result<()> {
        let recommender = Recommender::<M>::load(file)?;
        let mut log: Log = self.input.read()?;
        let all = log.len();
        if self.leave_out_seen {
            log = log.filter(|user, item, _, _| !recommender.has(user.as_str(), item.as_str()))?;
        }
        let split = recommender.split(&log)?;
        let mut evaluation = Evaluation::at(self.k).seed(self.seed);
        if let Some(value) = self.relevant_from {
            evaluation = evaluation.relevant_from(value);
        }
        let report = evaluation.run(recommender.model(), &split)?;
        println!(
            "{}: {} users with something relevant held out, {} ranked; means with 95% intervals over users",
            M::KIND,
            report.users().len(),
            report.protocol()
        );
        for metric in RankingMetric::ALL {
            let interval = report.interval(metric, 0.95, self.seed)?;
            let (name, mean) = (metric.name(self.k), report.mean(metric));
            println!("{name:<18}{mean:.4} [{:.4} {:.4}]", interval.low, interval.high);
        }
        let lists = [("coverage", report.coverage()), ("Gini", report.gini()), ("novelty", report.novelty())];
        for (name, value) in lists {
            value.into_iter().for_each(|value| println!("{name:<18}{value:.4}"));
        }
        println!(
            "cold, in no figure: {} held-out interactions of users, {} of items",
            report.cold_users(),
            report.cold_items()
        );
        if self.leave_out_seen {
            println!("seen by the model, left out: {}", all - log.len());
        }
        Ok(())
    }
}
