//! `fornax recommend compare`: several models on the same splits.

use std::num::NonZeroUsize;
use std::time::Instant;

use clap::Args;
use fornax::Result;
use fornax::prelude::*;
use fornax::recommend::{RankingReport, Split};

use super::deep::DeviceOption;
use super::features::FeatureFiles;
use super::input::Input;
use super::models::{Fitting, Kind};
use super::settings::{Assignment, assigned, check_assigned, table};
use super::{Log, check_times, mean};

#[derive(Args)]
#[command(after_help = table())]
pub(super) struct Compare {
    #[command(flatten)]
    input: Input,
    /// Models, with commas between.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "popularity,pure-svd,bpr,warp,ials,ease")]
    models: Vec<Kind>,
    /// Settings of models, with commas between: ials.factors=64,bpr.learning-rate=0.05.
    #[arg(long, value_name = "MODEL.SETTING=VALUE", value_delimiter = ',')]
    set: Vec<Assignment>,
    /// Use the values of the log as weights, in models in which they can count; without it, every interaction counts
    /// as 1. To models of ratings they are ratings, with it or without.
    #[arg(long)]
    weighted: bool,
    #[command(flatten)]
    features: FeatureFiles,
    #[command(flatten)]
    device: DeviceOption,
    /// The share of each item's interactions that is held out.
    #[arg(long, default_value_t = 0.25)]
    held_out: f64,
    /// Hold out each user's last interaction instead; the splits are then alike, and only models differ by seed.
    #[arg(long, conflicts_with = "held_out")]
    last: bool,
    /// Items of a list.
    #[arg(short, default_value = "10")]
    k: NonZeroUsize,
    /// Splits to average over, with the seeds 0, 1, ...
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
}

const METRICS: [RankingMetric; 4] =
    [RankingMetric::Ndcg, RankingMetric::AveragePrecision, RankingMetric::Precision, RankingMetric::Recall];

impl Compare {
    pub(super) fn run(&self) -> Result<()> {
        let models: Vec<_> = self.models.iter().map(|&kind| (kind, assigned(&self.set, kind))).collect();
        check_assigned(&self.set, &self.models)?;
        let features = self.features.read(&self.models)?;
        let device = self.device.of(&self.models)?;
        let log = self.input.read()?;
        let ones = if self.weighted { None } else { Some(log.map_values(|_| 1.0)?) };
        let of = |kind: Kind| ones.as_ref().filter(|_| !kind.rates()).unwrap_or(&log);
        models.iter().try_for_each(|(kind, settings)| kind.check(settings, of(*kind)))?;
        features.check(&log)?;
        if self.last {
            check_times(&log, "--last holds out what comes last")?;
        }
        // The same splits, with ratings for the models of these.
        let [splits, rated] = [false, true].map(|rates| -> Result<Vec<Split>> {
            let log = self.models.iter().find(|kind| kind.rates() == rates).map(|&kind| of(kind));
            (0..self.seeds).filter_map(|seed| Some(self.split(log?, seed))).collect()
        });
        let (splits, rated) = (splits?, rated?);
        let [users, items] = [log.users().len(), log.items().len()];
        let held_out = match self.last {
            true => "each user's last one".into(),
            false => format!("{} of each item's", self.held_out),
        };
        println!(
            "{users} users, {items} items, {} interactions; {held_out} held out, all of these relevant, all items \
             ranked; means of {} splits with 95% intervals over users",
            log.len(),
            self.seeds
        );
        print!("{:<12}", "model");
        METRICS.iter().for_each(|metric| print!("{:>24}", metric.name(self.k.get())));
        println!("{:>10}{:>9}{:>9}", "coverage", "novelty", "fit s");
        for (kind, settings) in &models {
            let clock = Instant::now();
            let mut seconds = 0.0;
            let mut reports = vec![];
            for (split, seed) in (if kind.rates() { &rated } else { &splits }).iter().zip(0..) {
                let started = clock.elapsed();
                let (weighted, features) = (self.weighted, &features);
                let fitted =
                    kind.fit(settings, &split.train, &Fitting { weighted, seed, device, features })?;
                seconds += (clock.elapsed() - started).as_secs_f64();
                reports.push(Evaluation::at(self.k.get()).seed(seed).run(&*fitted, split)?);
            }
            print!("{kind:<12}");
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
            (if splits.is_empty() { &rated } else { &splits })
                .iter()
                .map(|split| [split.test.cold_users(), split.test.cold_items()][side].len())
                .sum::<usize>()
        });
        println!(
            "cold, in no figure: {users} held-out interactions of users, {items} of items, in all splits"
        );
        Ok(())
    }

    fn split(&self, log: &Log, seed: u64) -> Result<Split> {
        match self.last {
            true => log.split_last(1),
            false => log.split_by_item(self.held_out, seed),
        }
    }
}
