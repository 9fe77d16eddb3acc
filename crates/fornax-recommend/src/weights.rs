//! [`Weighting`]: weights in place of the values of a log.

use fornax_core::{Error, Result};

use crate::ids::{Id, Index, ItemIndex, UserIndex};
use crate::interactions::Interactions;

/// How a weight `w` comes from a value `v` of 0 or more, for models that take weights, such as [`Ials`](crate::Ials).
///
/// What it needs of the whole log (numbers and sums of interactions, the latest time) is that of the interactions that are
/// weighted: weigh the training part, after the split.
///
/// ```
/// use fornax_recommend::{Duplicates, Interactions, Weighting};
///
/// let log = [("ann", "tea", 4.0, 30), ("ann", "rum", 2.0, 10), ("bob", "tea", 3.0, 20)];
/// let log = Interactions::from_events(log, Duplicates::Sum)?;
/// let recent = log.weighted(&Weighting::TimeDecay { half_life: 10.0 })?;
/// assert_eq!(recent.matrix().values(), [4.0, 0.5, 1.5]);
/// assert!(log.weighted(&Weighting::Bm25 { k1: 1.2, b: 1.5 }).is_err());
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weighting {
    /// `1 + alpha ln(1 + v / epsilon)`, for counts with a long tail (Hu, Koren and Volinsky 2008, equation 6). It is a whole
    /// confidence; a model that adds its own 1, as [`Ials`](crate::Ials) does, then has 1 more.
    Log {
        /// The weight of the logarithm, 0 or more.
        alpha: f32,
        /// The value from which on the logarithm counts, above 0.
        epsilon: f32,
    },
    /// `sqrt(v) ln(n / (1 + n_u))` with the number `n` of items and `n_u` of the user's items: an item is a document, its users
    /// are the terms. What someone with few items has says more. It is that of `tfidf_weight` of `implicit` for a matrix of
    /// items by users, as its `TFIDFRecommender` calls it; of a user with all items it is below 0, of one with all but one 0.
    TfIdf,
    /// `v (k1 + 1) / (k1 (1 - b + b l_v / l) + v) ln(n / (1 + n_u))` with the sum `l_v` of the item's values and the mean `l` of
    /// these sums; `n` and `n_u` as of [`TfIdf`](Self::TfIdf). It is that of `bm25_weight` of `implicit` for a matrix of items by
    /// users, as its `BM25Recommender` calls it, with K1 = 1.2 and B = 0.75.
    Bm25 {
        /// How much a large value counts, 0 (none more than another) or more.
        k1: f32,
        /// How much of what popular items have is taken away, from 0 to 1.
        b: f32,
    },
    /// `v 2^(-(latest - time) / half_life)` with the latest time of the log.
    TimeDecay {
        /// The time in which a weight halves, in the unit of the log's times, above 0.
        half_life: f64,
    },
}

impl<U: Id, I: Id> Interactions<U, I> {
    /// The same interactions with weights in place of values.
    ///
    /// # Errors
    /// If a setting is out of its domain, a value is negative, a weight is beyond 32 bits, or the log has no times and
    /// [`Weighting::TimeDecay`] needs them.
    pub fn weighted(&self, weighting: &Weighting) -> Result<Self> {
        weighting.check()?;
        let matrix = self.matrix();
        matrix.check_weights()?;
        let entries = matrix.entries().map(|(user, item, value)| (user, item, f64::from(value)));
        let weights: Vec<f64> = match *weighting {
            Weighting::Log { alpha, epsilon } => {
                let (alpha, epsilon) = (f64::from(alpha), f64::from(epsilon));
                entries.map(|(_, _, value)| 1.0 + alpha * (value / epsilon).ln_1p()).collect()
            }
            Weighting::TfIdf => entries.map(|(user, _, value)| value.sqrt() * self.rarity(user)).collect(),
            Weighting::Bm25 { k1, b } => {
                let (k1, b) = (f64::from(k1), f64::from(b));
                let mut lengths = vec![0.0; matrix.columns()];
                matrix.entries().for_each(|(_, item, value)| lengths[item.get()] += f64::from(value));
                let mean = lengths.iter().sum::<f64>() / lengths.len() as f64;
                let weight = |(user, item, value): (UserIndex, ItemIndex, f64)| {
                    if value == 0.0 {
                        return 0.0;
                    }
                    let length = 1.0 - b + b * lengths[item.get()] / mean;
                    value * (k1 + 1.0) / (k1 * length + value) * self.rarity(user)
                };
                entries.map(weight).collect()
            }
            Weighting::TimeDecay { half_life } => {
                let times = self.times().ok_or_else(|| {
                    Error::data("log", "no times", "a time of each interaction, for a decay by time")
                })?;
                let latest = times.iter().copied().max().map_or(0, i128::from);
                let each = entries.zip(times);
                each.map(|((_, _, value), &time)| {
                    let age = (latest - i128::from(time)) as f64;
                    value * (-age / half_life).exp2()
                })
                .collect()
            }
        };
        self.with_values(weights.into_iter().map(|weight| weight as f32).collect())
    }

    /// `ln(n / (1 + n_u))`.
    fn rarity(&self, user: UserIndex) -> f64 {
        (self.items().len() as f64 / (1.0 + self.matrix().row(user).0.len() as f64)).ln()
    }
}

impl Weighting {
    fn check(&self) -> Result<()> {
        let domain = |name, value: f64, right: bool, wanted: &str| match right && value.is_finite() {
            true => Ok(()),
            false => Err(Error::argument(name, value, wanted)),
        };
        let least =
            |name, value: f32| domain(name, value.into(), value >= 0.0, "a finite number of 0 or more");
        let above = |name, value: f64| domain(name, value, value > 0.0, "a finite number above 0");
        match *self {
            Self::Log { alpha, epsilon } => {
                least("alpha", alpha)?;
                above("epsilon", epsilon.into())
            }
            Self::TfIdf => Ok(()),
            Self::Bm25 { k1, b } => {
                least("k1", k1)?;
                domain("b", b.into(), (0.0..=1.0).contains(&b), "a number from 0 to 1")
            }
            Self::TimeDecay { half_life } => above("half_life", half_life),
        }
    }
}
