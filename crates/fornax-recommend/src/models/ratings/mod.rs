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

use fornax_core::{Array, Error, Result};

use super::factors::check_most;
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::sparse::{SparseMatrix, UserItems};

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

    /// That a model, which falls back on these ratings, was fitted on them.
    fn check(self, ratings: &UserItems) -> Result<()> {
        let of = |scale: Self| format!("{} to {}, {:.4} in the mean", scale.least, scale.most, scale.mean);
        let wanted = Self::of(ratings)?;
        match self == wanted {
            true => Ok(()),
            false => Err(Error::mismatch("ratings that the model was fitted on", of(self), of(wanted))),
        }
    }

    fn clip(self, rating: f64) -> f32 {
        (rating as f32).clamp(self.least, self.most)
    }
}

/// Gives a model that has a `scale`, `counts` of users and items, and a `rating` that is not clipped, the traits of models of
/// ratings.
macro_rules! by_ratings {
    ($model:ident) => {
        impl crate::models::Predict for $model {
            fn predict(&self, user: Option<crate::UserIndex>, item: Option<crate::ItemIndex>) -> f32 {
                self.scale().clip(self.rating(user, item))
            }
        }

        /// By the rating, which is not clipped here: what is better than the best rating keeps its order.
        impl crate::recommend::Score for $model {
            fn user_count(&self) -> usize {
                self.counts()[0]
            }

            fn item_count(&self) -> usize {
                self.counts()[1]
            }

            fn score_block(
                &self,
                users: &[crate::UserIndex],
                items: std::ops::Range<usize>,
                out: &mut [f32],
            ) {
                assert_eq!(out.len(), users.len() * items.len());
                let pairs = users.iter().flat_map(|&user| items.clone().map(move |item| (user, item)));
                for ((user, item), out) in pairs.zip(out) {
                    let item = crate::Index::new(item as u32);
                    *out = self.rating(Some(user), Some(item)) as f32;
                }
            }
        }
    };
}
use by_ratings;

/// A matrix of a number for each pair of `count` things, as an array of a file.
fn pairs_array(name: &str, count: usize, values: &[f32]) -> (String, Array) {
    (name.to_owned(), Array::from_vec([count, count], values.to_vec()).expect("a number for each pair"))
}

/// The mean of the ratings of each row, `overall` where there is none.
fn means<R: Index, C: Index>(ratings: &SparseMatrix<R, C>, overall: f64) -> Vec<f64> {
    let mean = |row: u32| {
        let values = ratings.row(R::new(row)).1;
        let sum: f64 = values.iter().map(|&x| f64::from(x)).sum();
        if values.is_empty() { overall } else { sum / values.len() as f64 }
    };
    (0..ratings.rows() as u32).map(mean).collect()
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
