//! [`SlopeOne`]: how much better one item is rated than another, on average (Lemire and Maclachlan 2005).

use fornax_core::{Array, Floats, Result};
use fornax_data::archive::MappedArrays;
use rayon::prelude::*;
use serde_json::Value as Json;

use super::{Scale, by_ratings, check_memory, means, pairs_array};
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::stored::{StoredModel, floats_of, settings};
use crate::sparse::UserItems;

/// `r_uv = mean_u + mean over the items w of the user that someone rated beside v of dev(v, w)`, where `dev(v, w)` is the mean
/// of `r_v - r_w` over the users who rated both. Where the user or the item is not known it is the mean of all ratings.
///
/// Memory: 4 bytes for each pair of items, at most 4 GiB by default.
///
/// ```
/// use fornax_recommend::{Duplicates, Interactions, Predict, SlopeOne};
///
/// let log = [("a", 1, 1.0), ("a", 2, 1.5), ("b", 1, 2.0), ("c", 3, 5.0)];
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let model = SlopeOne::new().fit(&log)?;
/// assert_eq!(model.predict(log.users().get("b"), log.items().get(&2)), 2.5);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SlopeOne {
    memory: u64,
}

/// A fitted [`SlopeOne`].
#[derive(Clone, Debug, PartialEq)]
pub struct SlopeOneModel {
    scale: Scale,
    matrix: UserItems,
    means: Vec<f64>,
    /// `dev(v, w)` at `[v, w]`, NaN where nobody rated both.
    deviations: Floats,
}

by_ratings!(SlopeOneModel);

impl Default for SlopeOne {
    fn default() -> Self {
        Self::new()
    }
}

impl SlopeOne {
    /// The defaults.
    pub fn new() -> Self {
        Self { memory: 4 << 30 }
    }

    /// The most memory that the model may take, in bytes.
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: bytes }
    }

    /// Fits the model.
    ///
    /// # Errors
    /// If there is no rating, or the items take more memory than is allowed.
    pub fn fit(&self, ratings: &impl AsRef<UserItems>) -> Result<SlopeOneModel> {
        let matrix = ratings.as_ref();
        let (scale, items) = (Scale::of(matrix)?, matrix.columns());
        check_memory("SlopeOne", "items", items, 4, self.memory)?;
        let columns = matrix.transposed();
        let mut deviations = vec![0.0; items * items];
        deviations.par_chunks_exact_mut(items).enumerate().for_each_init(
            || vec![(0.0f64, 0u32); items],
            |sums, (item, deviations)| {
                sums.fill((0.0, 0));
                let (users, ratings) = columns.row(ItemIndex::new(item as u32));
                for (&user, &rating) in users.iter().zip(ratings) {
                    let (others, values) = matrix.row(UserIndex::new(user));
                    for (&other, &value) in others.iter().zip(values) {
                        let (sum, count) = &mut sums[other as usize];
                        *sum += f64::from(rating) - f64::from(value);
                        *count += 1;
                    }
                }
                let means = sums.iter().map(|&(sum, count)| (sum / f64::from(count)) as f32);
                deviations.iter_mut().zip(means).for_each(|(out, mean)| *out = mean);
            },
        );
        Ok(SlopeOneModel::of(scale, matrix, deviations.into()))
    }
}

impl SlopeOneModel {
    fn of(scale: Scale, ratings: &UserItems, deviations: Floats) -> Self {
        Self { scale, matrix: ratings.clone(), means: means(ratings, scale.mean), deviations }
    }

    fn rating(&self, user: Option<UserIndex>, item: Option<ItemIndex>) -> f64 {
        let user = user.filter(|user| user.get() < self.matrix.rows());
        let item = item.filter(|item| item.get() < self.matrix.columns());
        let Some((user, item)) = user.zip(item) else { return self.scale.mean };
        let deviations = &self.deviations[item.get() * self.matrix.columns()..][..self.matrix.columns()];
        let rated = self.matrix.row(user).0.iter().map(|&other| f64::from(deviations[other as usize]));
        let (sum, count) =
            rated.filter(|x| !x.is_nan()).fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
        self.means[user.get()] + if count > 0.0 { sum / count } else { 0.0 }
    }

    fn counts(&self) -> [usize; 2] {
        [self.matrix.rows(), self.matrix.columns()]
    }

    fn scale(&self) -> Scale {
        self.scale
    }
}

impl StoredModel for SlopeOneModel {
    const KIND: &'static str = "slope-one";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        (Json::Null, vec![pairs_array("deviations", self.matrix.columns(), &self.deviations)])
    }

    fn from_parts(header: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        settings::<()>(header)?;
        Ok(Self::of(Scale::of(seen)?, seen, floats_of("deviations", &[seen.columns(); 2], arrays)?))
    }

    fn check_fitted_on(&self, seen: &UserItems) -> Result<()> {
        self.scale.check(seen)
    }
}
