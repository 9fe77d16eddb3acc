//! `fornax recommend ratings`: models of ratings in a cross-validation.

use std::time::Instant;

use clap::Args;
use fornax::recommend::{RatingReport, Split};
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
    #[arg(long, default_value_t = 5)]
    folds: usize,
    /// The seed of the parts and of what models draw.
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
        let folds: Vec<Split> = log.folds(self.folds, self.seed)?.collect::<Result<_>>()?;
        println!(
            "{} ratings, {} folds; all held-out ones, unknown users and items too",
            log.len(),
            self.folds
        );
        println!("{:<14}{:>8}{:>8}{:>10}", "model", "RMSE", "MAE", "seconds");
        for kind in &self.models {
            let settings = assigned(&self.set, *kind);
            let clock = Instant::now();
            let reports = folds.iter().map(|split| {
                let model = kind.fit_ratings(&settings, &split.train, self.seed)?;
                Ok(RatingReport::of(&*model, split)?.all())
            });
            let reports = reports.collect::<Result<Vec<_>>>()?;
            let rmse = mean(reports.iter().map(|errors| errors.rmse()));
            let mae = mean(reports.iter().map(|errors| errors.mae()));
            println!("{kind:<14}{rmse:>8.4}{mae:>8.4}{:>10.2}", clock.elapsed().as_secs_f64());
        }
        Ok(())
    }
}
