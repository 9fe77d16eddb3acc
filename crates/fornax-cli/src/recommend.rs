//! `fornax recommend` and the recommender listing of the demo.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, Subcommand};
use fornax::prelude::*;
use fornax::recommend::{
    Baseline, Centering, CoClustering, Delimited, Field, FunkSvd, Neighbours, Nmf, RankingReport,
    RatingReport, SlopeOne, Split, SvdPlusPlus, synthetic,
};
use fornax::{Error, Result};

use crate::recommender;

/// The name of the listing.
pub(crate) const LISTING: &str = "recommend";

pub(crate) type Log = Interactions<String, String>;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fit several models on one split of a log and print how well they rank what was held out.
    Compare(Compare),
    /// Fit a model to a log and write it to a file, with the ids of users and items.
    Train(recommender::Train),
    /// The best items for users, by a model in a file.
    List(recommender::List),
    /// The items most similar to one, by a model in a file.
    Similar(recommender::Alike),
    /// Predict ratings by several models in a cross-validation, each with the defaults of Surprise.
    Ratings(Ratings),
}

#[derive(Args)]
struct Ratings {
    #[command(flatten)]
    input: Input,
    /// Parts, each of which is held out once.
    #[arg(long, default_value_t = 5)]
    folds: usize,
    /// The seed of the parts and of what models draw.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Models, with commas between; all of them if none is named: baseline, funk-svd, svd++, nmf, slope-one, knn, knn-means, knn-baseline, co-clustering.
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
}

/// Where the log is and how it is written.
#[derive(Args)]
pub(crate) struct Input {
    /// A folder with a MovieLens set, or a file with a line for each interaction.
    path: PathBuf,
    /// What stands between the fields of the file.
    #[arg(long, default_value = ",")]
    delimiter: String,
    /// Whether the first line of the file names the fields.
    #[arg(long)]
    header: bool,
    /// The field of the user: a name, or a position from 0.
    #[arg(long, default_value = "0")]
    user: String,
    /// The field of the item.
    #[arg(long, default_value = "1")]
    item: String,
    /// The field of the value; without it every value is 1.
    #[arg(long)]
    value: Option<String>,
}

#[derive(Args)]
struct Compare {
    #[command(flatten)]
    input: Input,
    /// Models, with commas between: popularity, pure-svd, bpr, ials, ease.
    #[arg(long, value_delimiter = ',', default_value = "popularity,pure-svd,bpr,ials,ease")]
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

pub(crate) fn run(options: Options) -> Result<()> {
    match options.command {
        Command::Compare(options) => options.run(),
        Command::Ratings(options) => options.run(),
        Command::Train(options) => options.run(),
        Command::List(options) => options.run(),
        Command::Similar(options) => options.run(),
    }
}

const MODELS: [&str; 5] = ["popularity", "pure-svd", "bpr", "ials", "ease"];

const METRICS: [RankingMetric; 4] =
    [RankingMetric::Ndcg, RankingMetric::AveragePrecision, RankingMetric::Precision, RankingMetric::Recall];

impl Input {
    pub(crate) fn read(&self) -> Result<Log> {
        if self.path.is_dir() {
            let ratings = movielens(&self.path)?.ratings;
            let events =
                ratings.events().map(|event| (event.user.to_string(), event.item.to_string(), event.value));
            return Interactions::from_events(events, Duplicates::Error);
        }
        let field = |text: &str| text.parse::<usize>().map_or_else(|_| Field::from(text), Field::from);
        let mut schema = match self.delimiter.as_str() {
            "," => Delimited::csv(),
            other => Delimited::separated_by(&other.replace("\\t", "\t")),
        };
        schema = schema.header(self.header).user(field(&self.user)).item(field(&self.item));
        if let Some(value) = &self.value {
            schema = schema.value(field(value));
        }
        schema.read(&self.path, Duplicates::Last)
    }
}

impl Compare {
    fn run(&self) -> Result<()> {
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

const RATING_MODELS: [&str; 9] = [
    "baseline",
    "funk-svd",
    "svd++",
    "nmf",
    "slope-one",
    "knn",
    "knn-means",
    "knn-baseline",
    "co-clustering",
];

impl Ratings {
    fn run(&self) -> Result<()> {
        if let Some(unknown) = self.models.iter().find(|name| !RATING_MODELS.contains(&name.as_str())) {
            return Err(Error::argument(
                "--models",
                unknown,
                format!("some of {}", RATING_MODELS.join(", ")),
            ));
        }
        let log = self.input.read()?;
        let folds: Vec<Split> = log.folds(self.folds, self.seed)?.collect::<Result<_>>()?;
        println!(
            "{} ratings, {} folds; all held-out ones, unknown users and items too",
            log.len(),
            self.folds
        );
        println!("{:<14}{:>8}{:>8}{:>10}", "model", "RMSE", "MAE", "seconds");
        let chosen = |model: &&str| self.models.is_empty() || self.models.iter().any(|name| name == model);
        for model in RATING_MODELS.into_iter().filter(chosen) {
            let clock = Instant::now();
            let reports = folds.iter().map(|split| Ok(self.evaluate(model, split)?.all()));
            let reports = reports.collect::<Result<Vec<_>>>()?;
            let rmse = mean(reports.iter().map(|errors| errors.rmse()));
            let mae = mean(reports.iter().map(|errors| errors.mae()));
            println!("{model:<14}{rmse:>8.4}{mae:>8.4}{:>10.2}", clock.elapsed().as_secs_f64());
        }
        Ok(())
    }

    fn evaluate(&self, model: &str, split: &Split) -> Result<RatingReport> {
        let train = &split.train;
        let neighbours = |centering| Neighbours::new(40).centering(centering).fit(train);
        match model {
            "baseline" => RatingReport::of(&Baseline::new().fit(train)?, split),
            "funk-svd" => RatingReport::of(&FunkSvd::new(100).seed(self.seed).fit(train)?, split),
            "svd++" => RatingReport::of(&SvdPlusPlus::new(20).seed(self.seed).fit(train)?, split),
            "nmf" => RatingReport::of(&Nmf::new(15).seed(self.seed).fit(train)?, split),
            "co-clustering" => RatingReport::of(&CoClustering::new().seed(self.seed).fit(train)?, split),
            "slope-one" => RatingReport::of(&SlopeOne::new().fit(train)?, split),
            "knn" => RatingReport::of(&neighbours(Centering::None)?, split),
            "knn-means" => RatingReport::of(&neighbours(Centering::Means)?, split),
            _ => RatingReport::of(&neighbours(Centering::Baseline)?, split),
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

/// The log of the listing: MovieLens 100K, or a synthetic one.
pub(crate) fn log(data: Option<&Path>, seed: u64) -> Result<Interactions<u32, u32>> {
    match data {
        Some(directory) => Ok(movielens(directory.join("ml-100k"))?.ratings),
        None => synthetic::tastes(1000, 500, 40, seed),
    }
}

/// The recommender listing: truncated SVD with 50 factors, each user's interest, a score for each item; judged by a quarter of each
/// item's interactions, beside popularity.
pub(crate) fn listing(log: &Interactions<u32, u32>, synthetic: bool, seed: u64, json: bool) -> Result<()> {
    let split = log.split_by_item(0.25, seed)?;
    let clock = Instant::now();
    let model = PureSvd::new(50).binary(true).seed(seed).fit(&split.train)?;
    let seconds = clock.elapsed().as_secs_f64();
    let evaluation = Evaluation::at(10).seed(seed);
    let ndcg = evaluation.run(&model, &split)?.mean(RankingMetric::Ndcg);
    let popularity = evaluation.run(&Popularity::new().fit(&split.train)?, &split)?.mean(RankingMetric::Ndcg);
    let data = if synthetic { "synthetic tastes" } else { "MovieLens 100K" };
    if json {
        let object = serde_json::json!({
            "listing": LISTING,
            "data": data,
            "synthetic": synthetic,
            "device": "cpu",
            "seed": seed,
            "fit_seconds": seconds,
            "metrics": { "ndcg@10": ndcg, "popularity_ndcg@10": popularity },
        });
        println!("{object}");
        return Ok(());
    }
    let kind = if synthetic { " (synthetic: no quality figure)" } else { "" };
    println!("{LISTING}: {data}{kind}; {} interactions; truncated SVD, 50 factors, on the CPU", log.len());
    println!("nDCG@10 {ndcg:.4}, popularity {popularity:.4}; fitted in {seconds:.3} s");
    Ok(())
}
