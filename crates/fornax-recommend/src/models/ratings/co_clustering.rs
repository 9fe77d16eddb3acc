//! [`CoClustering`]: groups of users and groups of items, and how each group of one rates each of the other (George and Merugu
//! 2005).

use fornax_core::{Array, Error, Philox, Result};
use fornax_data::archive::MappedArrays;
use serde_json::Value as Json;

use super::{Scale, by_ratings, means};
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::stored::{StoredModel, json, settings};
use crate::sparse::{SparseMatrix, UserItems};

/// `r_uv = mean(g_u, h_v) + (mean_u - mean(g_u)) + (mean_v - mean(h_v))` for the groups `g_u` and `h_v` of user and item: in each epoch
/// every user, then every item goes to the group in which its ratings are met best (of equal ones the first), with the means
/// of the epoch's start. Of an unknown item it is the mean of the user's ratings, of an unknown user that of the item's.
///
/// Defaults, as Surprise has them: 3 groups of each, 20 epochs; seed 0.
///
/// ```
/// use fornax_recommend::{CoClustering, Duplicates, Interactions, Predict};
///
/// let log = Interactions::from_events([("a", 1, 5.0), ("a", 2, 3.0), ("b", 1, 4.0)], Duplicates::Error)?;
/// let model = CoClustering::new().fit(&log)?;
/// assert_eq!(model.predict(log.users().get("a"), None), 4.0);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CoClustering {
    groups: [usize; 2],
    epochs: usize,
    seed: u64,
}

/// A fitted [`CoClustering`].
#[derive(Clone, Debug, PartialEq)]
pub struct CoClusteringModel {
    scale: Scale,
    users: Side,
    items: Side,
    /// `mean(g, h)` at `[g, h]`.
    pairs: Vec<f64>,
}

by_ratings!(CoClusteringModel);

/// The users or the items.
#[derive(Clone, Debug, PartialEq)]
struct Side {
    group: Vec<u32>,
    means: Vec<f64>,
    group_means: Vec<f64>,
}

impl Default for CoClustering {
    fn default() -> Self {
        Self::new()
    }
}

impl CoClustering {
    /// The defaults.
    pub fn new() -> Self {
        Self { groups: [3, 3], epochs: 20, seed: 0 }
    }

    /// The numbers of groups of users and of items.
    pub fn groups(self, users: usize, items: usize) -> Self {
        Self { groups: [users, items], ..self }
    }

    /// How often all are grouped anew.
    pub fn epochs(self, epochs: usize) -> Self {
        Self { epochs, ..self }
    }

    /// The seed of the initial groups.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Fits the groups.
    ///
    /// # Errors
    /// If there is no group or no rating, or there are more than 2^20 pairs of groups.
    pub fn fit(&self, ratings: &impl AsRef<UserItems>) -> Result<CoClusteringModel> {
        check_groups(self.groups)?;
        let matrix = ratings.as_ref();
        let (scale, columns) = (Scale::of(matrix)?, matrix.transposed());
        let random = Philox::new(self.seed).named("co_clustering");
        let draw = |rows: usize, groups: usize, mut random: Philox| {
            (0..rows).map(|_| random.below(groups) as u32).collect()
        };
        let mut model = CoClusteringModel {
            scale,
            users: Side::new(
                draw(matrix.rows(), self.groups[0], random.stream(0)),
                self.groups[0],
                means(matrix, scale.mean),
            ),
            items: Side::new(
                draw(columns.rows(), self.groups[1], random.stream(1)),
                self.groups[1],
                means(&columns, scale.mean),
            ),
            pairs: vec![0.0; self.groups[0] * self.groups[1]],
        };
        for _ in 0..self.epochs {
            model.average(matrix);
            let width = self.groups[1];
            let pairs = &model.pairs;
            model.users.regroup(matrix, &model.items, |own, other| pairs[own * width + other]);
            model.items.regroup(&columns, &model.users, |own, other| pairs[other * width + own]);
        }
        model.average(matrix);
        Ok(model)
    }
}

/// The most groups of users times groups of items.
const MOST_PAIRS: usize = 1 << 20;

fn check_groups(groups: [usize; 2]) -> Result<()> {
    let [users, items] = groups;
    match users.checked_mul(items) {
        Some(1..=MOST_PAIRS) => Ok(()),
        _ => {
            let wanted = format!("at least 1 of each, and at most {MOST_PAIRS} pairs of one of each");
            Err(Error::argument("groups", format!("{users} of users, {items} of items"), wanted))
        }
    }
}

impl Side {
    fn new(group: Vec<u32>, groups: usize, means: Vec<f64>) -> Self {
        Self { group, means, group_means: vec![0.0; groups] }
    }

    /// Moves each to the group in which its ratings are met best.
    fn regroup<R: Index, C: Index>(
        &mut self,
        matrix: &SparseMatrix<R, C>,
        others: &Side,
        pair: impl Fn(usize, usize) -> f64,
    ) {
        for (row, group) in self.group.iter_mut().enumerate() {
            let (columns, values) = matrix.row(R::new(row as u32));
            let error = |own: usize| -> f64 {
                let each = columns.iter().zip(values).map(|(&column, &value)| {
                    let other = others.group[column as usize] as usize;
                    let departure = others.means[column as usize] - others.group_means[other];
                    let found = pair(own, other) + self.means[row] - self.group_means[own] + departure;
                    (f64::from(value) - found).powi(2)
                });
                each.sum()
            };
            let errors = (0..self.group_means.len()).map(|own| (own, error(own)));
            let best = errors.min_by(|a, b| a.1.total_cmp(&b.1));
            *group = best.map_or(0, |(own, _)| own as u32);
        }
    }

    fn departure(&self, at: usize) -> f64 {
        self.means[at] - self.group_means[self.group[at] as usize]
    }
}

impl CoClusteringModel {
    /// The means of groups and of pairs of groups; that of all where there is no rating.
    fn average(&mut self, matrix: &UserItems) {
        let width = self.items.group_means.len();
        let mut users = vec![(0.0, 0.0); self.users.group_means.len()];
        let (mut items, mut pairs) = (vec![(0.0, 0.0); width], vec![(0.0, 0.0); self.pairs.len()]);
        for (user, item, rating) in matrix.entries() {
            let (g, h) = (self.users.group[user.get()] as usize, self.items.group[item.get()] as usize);
            for (sum, count) in [&mut users[g], &mut items[h], &mut pairs[g * width + h]] {
                (*sum, *count) = (*sum + f64::from(rating), *count + 1.0);
            }
        }
        let mean = |(sum, count): (f64, f64)| if count > 0.0 { sum / count } else { self.scale.mean };
        self.users.group_means = users.into_iter().map(mean).collect();
        self.items.group_means = items.into_iter().map(mean).collect();
        self.pairs = pairs.into_iter().map(mean).collect();
    }

    fn rating(&self, user: Option<UserIndex>, item: Option<ItemIndex>) -> f64 {
        let user = user.map(Index::get).filter(|&user| user < self.users.group.len());
        let item = item.map(Index::get).filter(|&item| item < self.items.group.len());
        match (user, item) {
            (Some(user), Some(item)) => {
                let (g, h) = (self.users.group[user] as usize, self.items.group[item] as usize);
                let pair = self.pairs[g * self.items.group_means.len() + h];
                pair + self.users.departure(user) + self.items.departure(item)
            }
            (Some(user), None) => self.users.means[user],
            (None, Some(item)) => self.items.means[item],
            (None, None) => self.scale.mean,
        }
    }

    fn counts(&self) -> [usize; 2] {
        [self.users.group.len(), self.items.group.len()]
    }

    fn scale(&self) -> Scale {
        self.scale
    }
}

/// The arrays of groups in a file.
const ARRAYS: [&str; 2] = ["user groups", "item groups"];

impl StoredModel for CoClusteringModel {
    const KIND: &'static str = "co-clustering";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        let sides = ARRAYS.into_iter().zip([&self.users, &self.items]);
        let array =
            |side: &Side| Array::from(side.group.iter().map(|&group| group as i32).collect::<Vec<_>>());
        let groups = [self.users.group_means.len(), self.items.group_means.len()];
        (json(&groups), sides.map(|(name, side)| (name.to_owned(), array(side))).collect())
    }

    fn from_parts(header: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        let groups: [usize; 2] = settings(header)?;
        check_groups(groups)?;
        let scale = Scale::of(seen)?;
        let side = |at: usize, means: Vec<f64>| {
            let group: Vec<u32> =
                arrays.integers(ARRAYS[at])?.1.into_iter().map(|group| group as u32).collect();
            let bad = group.iter().find(|&&group| group as usize >= groups[at]);
            match (bad, group.len() == means.len()) {
                (None, true) => Ok(Side::new(group, groups[at], means)),
                (Some(bad), _) => Err(Error::data(ARRAYS[at], bad, format!("numbers below {}", groups[at]))),
                (None, false) => Err(Error::mismatch(ARRAYS[at], group.len(), means.len())),
            }
        };
        let (users, items) =
            (side(0, means(seen, scale.mean))?, side(1, means(&seen.transposed(), scale.mean))?);
        let mut model = Self { scale, users, items, pairs: vec![0.0; groups[0] * groups[1]] };
        model.average(seen);
        Ok(model)
    }

    fn check_fitted_on(&self, seen: &UserItems) -> Result<()> {
        self.scale.check(seen)
    }
}
