//! [`Baseline`]: the mean and what each user and item departs from it (Koren 2010).

use fornax_core::{Array, Error, Floats, Result};
use fornax_data::archive::MappedArrays;
use serde_json::Value as Json;

use super::{Scale, by_ratings};
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::stored::{StoredModel, floats_of, settings};
use crate::sparse::{SparseMatrix, UserItems};

/// `b_uv = mean + b_u + b_v`, where `b_v` is the sum of `r_uv - mean - b_u` over `item_regularization` and the number of the item's
/// ratings, `b_u` likewise, one after the other from zeros on (alternating least squares).
///
/// Defaults, as Surprise has them: item regularization 10, user regularization 15, 10 epochs.
///
/// ```
/// use fornax_recommend::{Baseline, Duplicates, Interactions, Predict};
///
/// let log = Interactions::from_events([("a", 1, 5.0), ("a", 2, 3.0), ("b", 1, 4.0)], Duplicates::Error)?;
/// let model = Baseline::new().item_regularization(0.0).user_regularization(0.0).epochs(100).fit(&log)?;
/// let rating = model.predict(log.users().get("b"), log.items().get(&2));
/// assert!((rating - 3.0).abs() < 1e-3, "2 would be below any rating");
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Baseline {
    item_regularization: f64,
    user_regularization: f64,
    epochs: usize,
}

/// A fitted [`Baseline`].
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineModel {
    scale: Scale,
    users: Floats,
    items: Floats,
}

by_ratings!(BaselineModel);

impl Default for Baseline {
    fn default() -> Self {
        Self::new()
    }
}

impl Baseline {
    /// The defaults.
    pub fn new() -> Self {
        Self { item_regularization: 10.0, user_regularization: 15.0, epochs: 10 }
    }

    /// How many ratings of 0 departure an item begins with.
    pub fn item_regularization(self, item_regularization: f64) -> Self {
        Self { item_regularization, ..self }
    }

    /// How many ratings of 0 departure a user begins with.
    pub fn user_regularization(self, user_regularization: f64) -> Self {
        Self { user_regularization, ..self }
    }

    /// How often both sides are solved for.
    pub fn epochs(self, epochs: usize) -> Self {
        Self { epochs, ..self }
    }

    /// Fits the departures.
    ///
    /// # Errors
    /// If a regularization is negative or there is no rating.
    pub fn fit(&self, ratings: &impl AsRef<UserItems>) -> Result<BaselineModel> {
        let named = [
            ("item_regularization", self.item_regularization),
            ("user_regularization", self.user_regularization),
        ];
        if let Some((name, value)) = named.into_iter().find(|(_, x)| !(*x >= 0.0 && x.is_finite())) {
            return Err(Error::argument(name, value, "a finite number of 0 or more"));
        }
        let matrix = ratings.as_ref();
        let scale = Scale::of(matrix)?;
        let columns = matrix.transposed();
        let (mut users, mut items) = (vec![0.0; matrix.rows()], vec![0.0; matrix.columns()]);
        for _ in 0..self.epochs {
            depart(&columns, scale.mean, &users, self.item_regularization, &mut items);
            depart(matrix, scale.mean, &items, self.user_regularization, &mut users);
        }
        let [users, items] =
            [users, items].map(|side| side.into_iter().map(|x| x as f32).collect::<Vec<f32>>().into());
        Ok(BaselineModel { scale, users, items })
    }
}

fn depart<R: Index, C: Index>(
    matrix: &SparseMatrix<R, C>,
    mean: f64,
    others: &[f64],
    regularization: f64,
    out: &mut [f64],
) {
    for (row, out) in (0..).map(R::new).zip(out) {
        let (columns, values) = matrix.row(row);
        let rest =
            columns.iter().zip(values).map(|(&c, &value)| f64::from(value) - mean - others[c as usize]);
        let sum: f64 = rest.sum();
        *out = if columns.is_empty() { 0.0 } else { sum / (regularization + columns.len() as f64) };
    }
}

impl BaselineModel {
    /// `b_uv`, not clipped.
    pub(super) fn rating(&self, user: Option<UserIndex>, item: Option<ItemIndex>) -> f64 {
        let known = |index: Option<usize>, values: &[f32]| {
            f64::from(index.and_then(|at| values.get(at)).copied().unwrap_or(0.0))
        };
        self.scale.mean + known(user.map(Index::get), &self.users) + known(item.map(Index::get), &self.items)
    }

    fn counts(&self) -> [usize; 2] {
        [self.users.len(), self.items.len()]
    }

    fn scale(&self) -> Scale {
        self.scale
    }
}

/// The arrays of a file.
const ARRAYS: [&str; 2] = ["users", "items"];

impl StoredModel for BaselineModel {
    const KIND: &'static str = "baseline";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        let sides = ARRAYS.into_iter().zip([&self.users, &self.items]);
        (Json::Null, sides.map(|(name, values)| (name.to_owned(), Array::from(values.to_vec()))).collect())
    }

    fn from_parts(header: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        settings::<()>(header)?;
        let users = floats_of(ARRAYS[0], &[seen.rows()], arrays)?;
        let items = floats_of(ARRAYS[1], &[seen.columns()], arrays)?;
        Ok(Self { scale: Scale::of(seen)?, users, items })
    }

    fn check_fitted_on(&self, seen: &UserItems) -> Result<()> {
        self.scale.check(seen)
    }
}
