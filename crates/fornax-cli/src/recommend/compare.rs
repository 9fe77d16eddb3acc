//! `fornax recommend compare`: several models on the same splits.

use std::time::Instant;

use clap::Args;
use fornax::prelude::*;
use fornax::recommend::{LogisticMf, RankingReport, Split};
use fornax::{Error, Result};

use super::{Input, mean};

#[derive(Args)]
pub(super) struct Compare {
    #[command(flatten)]
    input: Input,
    /// Models, with commas between: popularity, pure-svd, bpr, warp, logistic-mf, ials, ease.
    #[arg(long, value_delimiter = ',', default_value = "popularity,pure-svd,bpr,warp,ials,ease")]
    models: Vec<String>,
    /// Use the values of the log as weights; without it, every interaction counts as 1.
    #[arg(long)]
    weighted: bool,
    /// The share of each item's interactions that is held out.
    #[arg(long, default_value_t = 0.25)]
    held_out: f64,
    /// Items of a list.
    #[arg(short, default_value_t = 10)]
    k: usize,
    /// Splits to average over, with the seeds 0, 1, ...
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Factors of PureSVD.
    #[arg(long, default_value_t = 20)]
    svd_factors: usize,
    /// Factors of BPR.
    #[arg(long, default_value_t = 100)]
    bpr_factors: usize,
    /// The learning rate of BPR.
    #[arg(long, default_value_t = 0.02)]
    bpr_learning_rate: f32,
    /// The regularization of BPR.
    #[arg(long, default_value_t = 0.02)]
    bpr_regularization: f32,
    /// Iterations of BPR.
    #[arg(long, default_value_t = 300)]
    bpr_iterations: usize,
    /// Factors of LightFM under WARP.
    #[arg(long, default_value_t = 64)]
    warp_factors: usize,
    /// The learning rate of LightFM under WARP.
    #[arg(long, default_value_t = 0.05)]
    warp_learning_rate: f32,
    /// The regularization of LightFM under WARP, of users and of items.
    #[arg(long, default_value_t = 0.6)]
    warp_regularization: f32,
    /// Items that LightFM under WARP draws at most for an interaction.
    #[arg(long, default_value_t = 50)]
    warp_max_sampled: usize,
    /// Iterations of LightFM under WARP.
    #[arg(long, default_value_t = 50)]
    warp_iterations: usize,
    /// Factors of logistic MF.
    #[arg(long, default_value_t = 30)]
    logistic_factors: usize,
    /// The regularization of logistic MF.
    #[arg(long, default_value_t = 30.0)]
    logistic_regularization: f32,
    /// Factors of iALS.
    #[arg(long, default_value_t = 32)]
    ials_factors: usize,
    /// How much more an interaction of value 1 counts than an unknown pair in iALS (5 in all, as implicit has it).
    #[arg(long, default_value_t = 4.0)]
    ials_alpha: f32,
    /// The regularization of iALS.
    #[arg(long, default_value_t = 30.0)]
    ials_regularization: f32,
    /// The regularization of EASE.
    #[arg(long, default_value_t = 500.0)]
    ease_regularization: f64,
}

const MODELS: [&str; 7] = ["popularity", "pure-svd", "bpr", "warp", "logistic-mf", "ials", "ease"];

const METRICS: [RankingMetric; 4] =
    [RankingMetric::Ndcg, RankingMetric::AveragePrecision, RankingMetric::Precision, RankingMetric::Recall];

impl Compare {
    pub(super) fn run(&self) -> Result<()> {
        if let Some(unknown) = self.models.iter().find(|name| !MODELS.contains(&name.as_str())) {
            return Err(Error::argument("--models", unknown, format!("some of {}", MODELS.join(", "))));
        }
        let mut log = self.input.read()?;
        if !self.weighted {
            log = log.map_values(|_| 1.0)?;
        }
        let [users, items] = [log.users().len(), log.items().len()];
        println!(
            "{users} users, {items} items, {} interactions; {} of each item's held out, all of these relevant, all items \
             ranked; means of {} splits with 95% intervals over users",
            log.len(),
            self.held_out,
            self.seeds
        );
        let splits: Vec<Split> =
            (0..self.seeds).map(|seed| log.split_by_item(self.held_out, seed)).collect::<Result<_>>()?;
        print!("{:<12}", "model");
        METRICS.iter().for_each(|metric| print!("{:>24}", metric.name(self.k)));
        println!("{:>10}{:>9}{:>9}", "coverage", "novelty", "fit s");
        for model in &self.models {
            let clock = Instant::now();
            let mut seconds = 0.0;
            let mut reports = vec![];
            for (split, seed) in splits.iter().zip(0..) {
                let started = clock.elapsed();
                let fitted = self.fit(model, split, seed)?;
                seconds += (clock.elapsed() - started).as_secs_f64();
                reports.push(Evaluation::at(self.k).seed(seed).run(&*fitted, split)?);
            }
            print!("{model:<12}");
            for metric in METRICS {
                let intervals = reports.iter().map(|report| report.interval(metric, 0.95, 0));
                let intervals = intervals.collect::<Result<Vec<_>>>()?;
                let low = mean(intervals.iter().map(|interval| interval.low));
                let high = mean(intervals.iter().map(|interval| interval.high));
                let value = mean(reports.iter().map(|report| report.mean(metric)));
                print!("{:>24}", format!("{value:.4} [{low:.4} {high:.4}]"));
            }
            let list = |figure: fn(&RankingReport) -> Option<f64>| mean(reports.iter().filter_map(figure));
            let (coverage, novelty) = (list(RankingReport::coverage), list(RankingReport::novelty));
            println!("{coverage:>10.3}{novelty:>9.2}{:>9.3}", seconds / reports.len() as f64);
        }
        let [users, items] = [0, 1].map(|side| {
            splits
                .iter()
                .map(|split| [split.test.cold_users(), split.test.cold_items()][side].len())
                .sum::<usize>()
        });
        println!(
            "cold, in no figure: {users} held-out interactions of users, {items} of items, in all splits"
        );
        Ok(())
    }

    fn fit(&self, model: &str, split: &Split, seed: u64) -> Result<Box<dyn Score>> {
        let train = &split.train;
        Ok(match model {
            "popularity" => Box::new(Popularity::new().fit(train)?),
            "pure-svd" => Box::new(PureSvd::new(self.svd_factors).seed(seed).fit(train)?),
            "bpr" => {
                let settings = Bpr::new(self.bpr_factors).learning_rate(self.bpr_learning_rate);
                let settings = settings.regularization(self.bpr_regularization);
                Box::new(settings.iterations(self.bpr_iterations).seed(seed).fit(train)?)
            }
            "warp" => {
                let settings = LightFm::new(self.warp_factors).learning_rate(self.warp_learning_rate);
                let settings = settings.user_regularization(self.warp_regularization);
                let settings = settings.item_regularization(self.warp_regularization);
                let settings = settings.max_sampled(self.warp_max_sampled).iterations(self.warp_iterations);
                Box::new(settings.seed(seed).fit(train)?)
            }
            "logistic-mf" => {
                let settings = LogisticMf::new(self.logistic_factors).alpha(5.0).seed(seed);
                let settings = settings.iterations(40).negative_samples(100);
                Box::new(settings.regularization(self.logistic_regularization).fit(train)?)
            }
            "ials" => {
                let settings = Ials::new(self.ials_factors).alpha(self.ials_alpha).seed(seed);
                Box::new(settings.regularization(self.ials_regularization).fit(train)?)
            }
            _ => Box::new(
                Ease::new().binary(!self.weighted).regularization(self.ease_regularization).fit(train)?,
            ),
        })
    }
}
