//! `fornax recommend ratings`: models of ratings in a cross-validation.

use std::time::Instant;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use fornax::recommend::RatingReport;
use fornax::{Error, Result};

use super::input::Input;
use super::mean;
use super::models::Kind;
use super::settings::{Assignment, assigned, check_assigned, table};

#[derive(Args)]
#[command(after_help = table())]
pub(super) struct Ratings {
    #[command(flatten)]
    input: Input,
    /// Parts, each of which is held out once.
    #[arg(long, default_value_t = 5, value_parser = RangedU64ValueParser::<usize>::new().range(2..))]
    folds: usize,
    /// Cross-validations to average over, with the seeds SEED, SEED + 1, ...
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// The first seed of the parts and of what models draw.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Models of ratings, with commas between; all of them if none is named.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::of_ratings(), hide_default_value = true)]
    models: Vec<Kind>,
    /// Settings of models, with commas between: funk-svd.factors=50,knn.by-items=true.
    #[arg(long, value_name = "MODEL.SETTING=VALUE", value_delimiter = ',')]
    set: Vec<Assignment>,
}

impl Ratings {
    pub(super) fn run(&self) -> Result<()> {
        if let Some(other) = self.models.iter().find(|kind| !kind.rates()) {
            let names: Vec<_> = Kind::of_ratings().iter().map(Kind::to_string).collect();
            return Err(Error::argument("--models", other, format!("some of {}", names.join(", "))));
        }
        check_assigned(&self.set, &self.models)?;
        let log = self.input.read()?;
        self.models.iter().try_for_each(|kind| kind.check(&assigned(&self.set, *kind), &log))?;
        println!(
            "{} ratings, {} folds; all held-out ones, unknown users and items too; means of {} \
             cross-validations with the lowest and the highest of them",
            log.len(),
            self.folds,
            self.seeds
        );
        println!("{:<14}{:>24}{:>24}{:>9}", "model", "RMSE", "MAE", "seconds");
        for kind in &self.models {
            let settings = assigned(&self.set, *kind);
            let clock = Instant::now();
            let errors = (0..self.seeds).map(|run| {
                let seed = self.seed.wrapping_add(run);
                let reports = log.folds(self.folds, seed)?.map(|split| {
                    let split = split?;
                    let model = kind.fit_ratings(&settings, &split.train, seed)?;
                    Ok(RatingReport::of(&*model, &split)?.all())
                });
                let reports = reports.collect::<Result<Vec<_>>>()?;
                Ok([
                    mean(reports.iter().map(|errors| errors.rmse())),
                    mean(reports.iter().map(|errors| errors.mae())),
                ])
            });
            let errors = errors.collect::<Result<Vec<_>>>()?;
            let seconds = clock.elapsed().as_secs_f64() / errors.len() as f64;
            print!("{kind:<14}");
            for metric in [0, 1] {
                let values = errors.iter().map(|errors| errors[metric]);
                let low = values.clone().fold(f64::INFINITY, f64::min);
                let high = values.clone().fold(0.0, f64::max);
                print!("{:>24}", format!("{:.4} [{low:.4} {high:.4}]", mean(values)));
            }
            println!("{seconds:>9.2}");
        }
        Ok(())
    }
}
