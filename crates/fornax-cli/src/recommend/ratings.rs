//! `fornax recommend ratings`: models of ratings in a cross-validation.

use std::time::Instant;

use clap::Args;
use fornax::recommend::{
    Als, Baseline, Centering, CoClustering, FunkSvd, Neighbours, Nmf, RatingReport, SlopeOne, Split,
    SvdPlusPlus,
};
use fornax::{Error, Result};

use super::input::Input;
use super::mean;

#[derive(Args)]
pub(super) struct Ratings {
    #[command(flatten)]
    input: Input,
    /// Parts, each of which is held out once.
    #[arg(long, default_value_t = 5)]
    folds: usize,
    /// The seed of the parts and of what models draw.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Models, with commas between; all of them if none is named: baseline, funk-svd, als, svd++, nmf, slope-one, knn, knn-means, knn-baseline, co-clustering.
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
}

const RATING_MODELS: [&str; 10] = [
    "baseline",
    "funk-svd",
    "als",
    "svd++",
    "nmf",
    "slope-one",
    "knn",
    "knn-means",
    "knn-baseline",
    "co-clustering",
];

impl Ratings {
    pub(super) fn run(&self) -> Result<()> {
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
            "als" => RatingReport::of(&Als::new(50).seed(self.seed).fit(train)?, split),
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
