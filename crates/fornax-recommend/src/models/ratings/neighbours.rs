//! [`Neighbours`]: ratings by those of similar users, or of similar items (k nearest neighbours).

use fornax_core::{Array, Error, Floats, Result};
use fornax_data::archive::MappedArrays;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Baseline, BaselineModel, Scale, by_ratings, check_memory, means, pairs_array};
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::stored::{StoredModel, floats_of, json, settings};
use crate::sparse::{SparseMatrix, UserItems};

/// How alike two users (or items) are, over the ratings that both have; 0 where that is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Similarity {
    /// `1 / (1 + mean of (x - y)²)`.
    #[default]
    MeanSquaredDifference,
    /// `sum of x y / sqrt(sum of x² sum of y²)`.
    Cosine,
    /// Pearson's correlation.
    Pearson,
    /// The correlation around the [`Baseline`], times `(n - 1) / (n - 1 + shrinkage)` for `n` common ratings (Koren 2010).
    PearsonBaseline {
        /// 100 in Surprise.
        shrinkage: f64,
    },
}

/// What ratings of neighbours are counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Centering {
    /// 0.
    #[default]
    None,
    /// The mean of each user (or item).
    Means,
    /// The [`Baseline`].
    Baseline,
}

/// `r_uv = c_uv + sum of s (r_wv - c_wv) / sum of s` over the `count` users `w` who are most similar to `u` among those who rated
/// `v`, of whom only those with a similarity `s` above 0 count; of equal ones those of lower number. By items it is the same
/// with both sides changed.
///
/// Without a neighbour it is `c_uv`, or the mean of all ratings where ratings are not centered. Where the user or the item is
/// not known it is the mean of all ratings, or the baseline where that is what ratings are counted from.
///
/// Defaults, as Surprise has them: 40 neighbours, by users, mean squared difference, no centering. Memory: 4 bytes for each
/// pair, at most 4 GiB.
///
/// ```
/// use fornax_recommend::{Duplicates, Interactions, Neighbours, Predict};
///
/// let log = [("a", 1, 5.0), ("a", 2, 4.0), ("b", 1, 5.0), ("c", 1, 1.0), ("c", 2, 1.0)];
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let model = Neighbours::new(1).fit(&log)?;
/// assert_eq!(model.predict(log.users().get("b"), log.items().get(&2)), 4.0);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Neighbours {
    count: usize,
    by_items: bool,
    similarity: Similarity,
    centering: Centering,
    memory: u64,
}

/// A fitted [`Neighbours`].
#[derive(Clone, Debug, PartialEq)]
pub struct NeighboursModel {
    scale: Scale,
    settings: Stored,
    /// Where ratings are counted from it.
    baseline: Option<BaselineModel>,
    /// The mean of each of those compared.
    means: Vec<f64>,
    similarities: Floats,
    /// For each of the other side the ratings of those compared.
    ratings: SparseMatrix<u32, u32>,
}

by_ratings!(NeighboursModel);

/// What a fitted model keeps of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    count: usize,
    by_items: bool,
    centering: Centering,
}

impl Neighbours {
    /// Of at most so many neighbours.
    pub fn new(count: usize) -> Self {
        let (similarity, centering) = (Similarity::default(), Centering::default());
        Self { count, by_items: false, similarity, centering, memory: 4 << 30 }
    }

    /// Whether similar items are looked at, in place of similar users.
    pub fn by_items(self, by_items: bool) -> Self {
        Self { by_items, ..self }
    }

    /// What is similar.
    pub fn similarity(self, similarity: Similarity) -> Self {
        Self { similarity, ..self }
    }

    /// What ratings are counted from.
    pub fn centering(self, centering: Centering) -> Self {
        Self { centering, ..self }
    }

    /// The most memory that the similarities may take, in bytes.
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// Fits the model.
    ///
    /// # Errors
    /// If there is no rating, the count is 0, the shrinkage is negative, or the similarities take more memory than is allowed.
    pub fn fit(&self, ratings: &impl AsRef<UserItems>) -> Result<NeighboursModel> {
        if self.count == 0 {
            return Err(Error::argument("neighbours", 0, "at least 1"));
        }
        if let Similarity::PearsonBaseline { shrinkage } = self.similarity
            && !(shrinkage >= 0.0 && shrinkage.is_finite())
        {
            return Err(Error::argument("shrinkage", shrinkage, "a finite number of 0 or more"));
        }
        let matrix = ratings.as_ref();
        let scale = Scale::of(matrix)?;
        let (rows, columns) = compared(matrix, self.by_items);
        let names = if self.by_items { "items" } else { "users" };
        check_memory("neighbours", names, rows.rows(), 4, self.memory)?;
        let baseline = Baseline::new().fit(matrix)?;
        let at = |row: u32, column: u32| {
            let (user, item) = if self.by_items { (column, row) } else { (row, column) };
            baseline.rating(Some(UserIndex::new(user)), Some(ItemIndex::new(item)))
        };
        let similarities = self.similarities(&rows, &columns, at).into();
        let settings = Stored { count: self.count, by_items: self.by_items, centering: self.centering };
        let means = means(&rows, scale.mean);
        let baseline = (self.centering == Centering::Baseline).then_some(baseline);
        Ok(NeighboursModel { scale, settings, baseline, means, similarities, ratings: columns })
    }

    /// `[rows, rows]`, row by row from the sums over common columns.
    fn similarities(
        &self,
        rows: &SparseMatrix<u32, u32>,
        columns: &SparseMatrix<u32, u32>,
        baseline: impl Fn(u32, u32) -> f64 + Sync,
    ) -> Vec<f32> {
        let around = matches!(self.similarity, Similarity::PearsonBaseline { .. });
        let value = |row: u32, column: u32, rating: f32| {
            f64::from(rating) - if around { baseline(row, column) } else { 0.0 }
        };
        let mut out = vec![0.0; rows.rows() * rows.rows()];
        out.par_chunks_exact_mut(rows.rows()).enumerate().for_each_init(
            || vec![Common::default(); rows.rows()],
            |common, (row, out)| {
                common.fill(Common::default());
                let (seen, ratings) = rows.row(row as u32);
                for (&column, &rating) in seen.iter().zip(ratings) {
                    let x = value(row as u32, column, rating);
                    let (others, ratings) = columns.row(column);
                    for (&other, &rating) in others.iter().zip(ratings) {
                        common[other as usize].add(x, value(other, column, rating));
                    }
                }
                out.iter_mut()
                    .zip(common)
                    .for_each(|(out, common)| *out = common.similarity(self.similarity) as f32);
            },
        );
        out
    }
}

/// The ratings by those that are compared, and by the other side.
fn compared(matrix: &UserItems, by_items: bool) -> (SparseMatrix<u32, u32>, SparseMatrix<u32, u32>) {
    let (offsets, indices) = (matrix.offsets().to_vec(), matrix.indices().to_vec());
    let users = SparseMatrix::from_parts(matrix.columns(), offsets, indices, matrix.values().to_vec());
    let items = users.transposed();
    if by_items { (items, users) } else { (users, items) }
}

/// Sums over the common ratings `x` and `y` of two rows.
#[derive(Clone, Copy, Default)]
struct Common {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Common {
    fn add(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        (self.x, self.y) = (self.x + x, self.y + y);
        (self.xx, self.yy, self.xy) = (self.xx + x * x, self.yy + y * y, self.xy + x * y);
    }

    fn similarity(&self, kind: Similarity) -> f64 {
        let Self { count, x, y, xx, yy, xy } = *self;
        if count == 0.0 {
            return 0.0;
        }
        let ratio = |above: f64, below: f64| if below > 0.0 { above / below.sqrt() } else { 0.0 };
        match kind {
            Similarity::MeanSquaredDifference => 1.0 / (1.0 + ((xx + yy - 2.0 * xy) / count).max(0.0)),
            Similarity::Cosine => ratio(xy, xx * yy),
            Similarity::Pearson => ratio(count * xy - x * y, (count * xx - x * x) * (count * yy - y * y)),
            Similarity::PearsonBaseline { shrinkage } => {
                let weight = (count - 1.0) / (count - 1.0 + shrinkage).max(f64::MIN_POSITIVE);
                weight * ratio(xy, xx * yy)
            }
        }
    }
}

impl NeighboursModel {
    /// What the ratings of one of those compared are counted from.
    fn center(&self, compared: u32, other: u32) -> f64 {
        match self.settings.centering {
            Centering::None => 0.0,
            Centering::Means => self.means[compared as usize],
            Centering::Baseline => {
                let by_items = self.settings.by_items;
                let (user, item) = if by_items { (other, compared) } else { (compared, other) };
                self.around(Some(UserIndex::new(user)), Some(ItemIndex::new(item)))
            }
        }
    }

    /// The baseline, which is there where ratings are counted from it.
    fn around(&self, user: Option<UserIndex>, item: Option<ItemIndex>) -> f64 {
        self.baseline.as_ref().map_or(self.scale.mean, |baseline| baseline.rating(user, item))
    }

    fn rating(&self, user: Option<UserIndex>, item: Option<ItemIndex>) -> f64 {
        let Stored { count, by_items, centering } = self.settings;
        let numbers = [user.map(Index::get), item.map(Index::get)];
        let [compared, other] = if by_items { [numbers[1], numbers[0]] } else { numbers };
        let compared = compared.filter(|&at| at < self.means.len());
        let Some((compared, other)) = compared.zip(other.filter(|&at| at < self.ratings.rows())) else {
            return self.around(user, item);
        };
        let (compared, other) = (compared as u32, other as u32);
        let similarities = &self.similarities[compared as usize * self.means.len()..][..self.means.len()];
        let (raters, ratings) = self.ratings.row(other);
        let rated = raters.iter().zip(ratings).filter(|(rater, _)| **rater != compared);
        let mut near: Vec<(f32, u32, f32)> =
            rated.map(|(&rater, &rating)| (similarities[rater as usize], rater, rating)).collect();
        let better = |a: &(f32, u32, f32), b: &(f32, u32, f32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if count < near.len() {
            near.select_nth_unstable_by(count - 1, better);
            near.truncate(count);
        }
        // In one order, whatever the selection left them in.
        near.sort_unstable_by(better);
        let (mut above, mut below) = (0.0, 0.0);
        for (similarity, rater, rating) in near.into_iter().filter(|(similarity, ..)| *similarity > 0.0) {
            above += f64::from(similarity) * (f64::from(rating) - self.center(rater, other));
            below += f64::from(similarity);
        }
        match (below > 0.0, centering) {
            (true, _) => self.center(compared, other) + above / below,
            (false, Centering::None) => self.scale.mean,
            (false, _) => self.center(compared, other),
        }
    }

    fn counts(&self) -> [usize; 2] {
        let [compared, others] = [self.means.len(), self.ratings.rows()];
        if self.settings.by_items { [others, compared] } else { [compared, others] }
    }

    fn scale(&self) -> Scale {
        self.scale
    }
}

impl StoredModel for NeighboursModel {
    const KIND: &'static str = "neighbours";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        let mut arrays = vec![pairs_array("similarities", self.means.len(), &self.similarities)];
        arrays.extend(self.baseline.iter().flat_map(|baseline| baseline.parts().1));
        (json(&self.settings), arrays)
    }

    fn from_parts(header: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        let kept: Stored = settings(header)?;
        if kept.count == 0 {
            return Err(Error::data("neighbours", 0, "at least 1"));
        }
        let scale = Scale::of(seen)?;
        let (rows, ratings) = compared(seen, kept.by_items);
        let baseline = match kept.centering {
            Centering::Baseline => Some(BaselineModel::from_parts(Json::Null, arrays, seen)?),
            _ => None,
        };
        Ok(Self {
            scale,
            settings: kept,
            baseline,
            means: means(&rows, scale.mean),
            similarities: floats_of("similarities", &[rows.rows(); 2], arrays)?,
            ratings,
        })
    }

    fn check_fitted_on(&self, seen: &UserItems) -> Result<()> {
        self.scale.check(seen)
    }
}
