//! Models of ratings: what someone would give, not what they would take. A rating that is not there is unknown, not 0.

mod als;
mod baseline;
mod biased_factors;
mod co_clustering;
mod funk_svd;
mod neighbours;
mod nmf;
mod slope_one;
mod svd_plus_plus;

pub use als::{Als, AlsModel};
pub use baseline::{Baseline, BaselineModel};
pub use co_clustering::{CoClustering, CoClusteringModel};
pub use funk_svd::{FunkSvd, FunkSvdModel};
pub use neighbours::{Centering, Neighbours, NeighboursModel, Similarity};
pub use nmf::{Nmf, NmfModel};
pub use slope_one::{SlopeOne, SlopeOneModel};
pub use svd_plus_plus::{SvdPlusPlus, SvdPlusPlusModel};

use fornax_core::{Error, Result};

use super::factors::check_most;
use crate::ids::{ItemIndex, UserIndex};
use crate::sparse::UserItems;

/// A model that predicts ratings.
pub trait Predict: Sync {
    /// The rating of a user for an item, within those that the model was fitted on. Of a user or item that is not known (none, or
    /// a number beyond the last one) what is known of the other one counts, at last the mean of all ratings.
    fn predict(&self, user: Option<UserIndex>, item: Option<ItemIndex>) -> f32;
}

/// The ratings that a model was fitted on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    mean: f64,
    least: f32,
    most: f32,
}

impl Scale {
    fn of(matrix: &UserItems) -> Result<Self> {
        let values = matrix.values();
        if values.is_empty() {
            return Err(Error::data("ratings", "none", "at least one"));
        }
        let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
        let (least, most) =
            values.iter().fold((values[0], values[0]), |(least, most), &x| (x.min(least), x.max(most)));
        Ok(Self { mean: sum / values.len() as f64, least, most })
    }

    fn clip(self, rating: f64) -> f32 {
        (rating as f32).clamp(self.least, self.most)
    }
}

/// Checks that a matrix of a number for each pair of `count` things fits into `limit` bytes.
fn check_memory(name: &str, what: &str, count: usize, each: u64, limit: u64) -> Result<()> {
    let needed = each.saturating_mul((count as u64).saturating_mul(count as u64));
    if needed <= limit {
        return Ok(());
    }
    let wanted = format!("at most {} {what}, for {limit} bytes", (limit / each).isqrt());
    Err(Error::data(name, format!("{count} {what}, {needed} bytes"), wanted))
}

/// Checks that vectors fit into `limit` bytes, of which one factor of all of them takes `each`.
fn check_factors(factors: usize, each: u64, limit: u64) -> Result<()> {
    check_most(factors, limit / each.max(1), limit)
}

/// Checks the settings of a gradient descent.
fn check_step(factors: usize, learning_rate: f32, regularization: f32) -> Result<()> {
    if factors == 0 {
        return Err(Error::argument("factors", 0, "at least 1"));
    }
    let named = [("learning_rate", learning_rate), ("regularization", regularization)];
    match named.into_iter().find(|(_, x)| !(*x >= 0.0 && x.is_finite())) {
        Some((name, value)) => Err(Error::argument(name, value, "a finite number of 0 or more")),
        None => Ok(()),
    }
}
