//! [`PureSvd`]: each user's interest by the truncated SVD of the whole matrix, unknown entries counted as 0 (Cremonesi, Koren
//! and Turrin 2010).

use fornax_core::{Array, Error, Result};
use fornax_data::archive::MappedArrays;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::factors::{Factors, by_factors};
use super::stored::{StoredModel, json, settings};
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::recommend::{Explain, FoldIn, Score, Scored, contributions, sorted_history};
use crate::sparse::UserItems;
use crate::svd::TruncatedSvd;
use crate::update::{UpdateUsers, check_items, rows_to_take};

/// The truncated SVD `R ≈ U S Qᵀ` of the interactions `R [users, items]`: a user's interest is `m_u = U_u S = r_u Q`, the score of
/// an item `r_v = m_u · q_v`.
///
/// Defaults: the values of the log, the settings of [`TruncatedSvd`].
///
/// ```
/// use fornax_recommend::{Duplicates, Filter, Interactions, PureSvd, Recommend};
///
/// // Two tastes: who likes 1 likes 2, who likes 3 likes 4.
/// let log = [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("d", 3), ("d", 4), ("e", 3), ("e", 4), ("f", 4)];
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let model = PureSvd::new(2).fit(&log)?;
/// let list = model.recommend(log.users().expect("c")?, 1, &Filter::unseen(&log))?;
/// assert_eq!(*log.items().id(list[0].index), 2);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PureSvd {
    svd: TruncatedSvd,
    binary: bool,
}

/// A fitted [`PureSvd`].
#[derive(Clone, Debug, PartialEq)]
pub struct PureSvdModel {
    factors: Factors,
    singular_values: Vec<f32>,
    binary: bool,
}

impl PureSvd {
    /// With so many factors.
    pub fn new(factors: usize) -> Self {
        Self { svd: TruncatedSvd::new(factors), binary: false }
    }

    /// Whether every interaction counts as 1, whatever its value. What someone rates at all says more of what they will take than
    /// how they rate it: lists are mostly better so.
    pub fn binary(self, binary: bool) -> Self {
        Self { binary, ..self }
    }

    /// How the SVD starts.
    pub fn seed(self, seed: u64) -> Self {
        Self { svd: self.svd.seed(seed), ..self }
    }

    /// The largest residual of the SVD, relative to the first singular value.
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { svd: self.svd.tolerance(tolerance), ..self }
    }

    /// Decomposes the interactions.
    ///
    /// # Errors
    /// As [`TruncatedSvd::decompose`].
    pub fn fit(&self, interactions: &impl AsRef<UserItems>) -> Result<PureSvdModel> {
        let matrix = interactions.as_ref();
        let svd = match self.binary {
            true => self.svd.decompose(&matrix.map_values(|_| 1.0)?)?,
            false => self.svd.decompose(matrix)?,
        };
        let singular_values = svd.singular_values().to_vec();
        let width = singular_values.len();
        let mut users = svd.left().to_f32();
        for user in users.chunks_exact_mut(width) {
            user.iter_mut().zip(&singular_values).for_each(|(x, value)| *x *= value);
        }
        let factors = Factors::from_parts(width, users, svd.right().to_f32());
        Ok(PureSvdModel { factors, singular_values, binary: self.binary })
    }
}

impl PureSvdModel {
    /// The interest `m_u` of a user, one number a factor.
    ///
    /// # Errors
    /// If the user is not known.
    pub fn interest(&self, user: UserIndex) -> Result<&[f32]> {
        self.factors.user(user)
    }

    /// The interest `r_u Q` of someone with this history.
    ///
    /// # Errors
    /// If an item is not known or comes twice, or a value is not finite.
    pub fn interest_from(&self, history: &[(ItemIndex, f32)]) -> Result<Vec<f32>> {
        let (items, values) = sorted_history(history, self.factors.item_count())?;
        self.interest_of(&items, &values)
    }

    fn interest_of(&self, items: &[u32], values: &[f32]) -> Result<Vec<f32>> {
        let mut interest = vec![0.0; self.factors.width()];
        for (&item, &value) in items.iter().zip(values) {
            let value = if self.binary { 1.0 } else { value };
            let vector = self.factors.item(ItemIndex::new(item))?;
            interest.iter_mut().zip(vector).for_each(|(to, x)| *to += value * x);
        }
        match interest.iter().all(|x| x.is_finite()) {
            true => Ok(interest),
            false => Err(Error::data("history", "values too large", "a finite interest")),
        }
    }

    /// The vectors of users and items.
    pub fn factors(&self) -> &Factors {
        &self.factors
    }

    /// The singular values, the largest first.
    pub fn singular_values(&self) -> &[f32] {
        &self.singular_values
    }
}

by_factors!(PureSvdModel);

#[derive(Serialize, Deserialize)]
struct Header {
    singular_values: Vec<f32>,
    binary: bool,
}

impl StoredModel for PureSvdModel {
    const KIND: &'static str = "pure-svd";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        let header = Header { singular_values: self.singular_values.clone(), binary: self.binary };
        (json(&header), self.factors.arrays())
    }

    fn from_parts(header: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        let Header { singular_values, binary } = settings(header)?;
        let factors = Factors::from_arrays(arrays, seen)?;
        let fits = singular_values.iter().all(|value| value.is_finite() && *value >= 0.0);
        if !fits || singular_values.len() != factors.width() {
            let wanted = format!("{} finite ones of 0 or more", factors.width());
            return Err(Error::data("singular values", format!("{singular_values:?}"), wanted));
        }
        Ok(Self { factors, singular_values, binary })
    }
}

impl FoldIn for PureSvdModel {
    fn scores_from(&self, history: &[(ItemIndex, f32)]) -> Result<Vec<f32>> {
        Ok(self.factors.scores_of(&self.interest_from(history)?))
    }
}

/// By the projection `r_u Q`; the vectors of items stay as they are.
impl UpdateUsers for PureSvdModel {
    fn update_users(&mut self, interactions: &UserItems, users: &[UserIndex]) -> Result<()> {
        check_items(interactions, self.item_count())?;
        let users = rows_to_take(users, self.user_count(), interactions.rows())?;
        let mut vectors = vec![];
        for &user in &users {
            let (items, values) = interactions.row(user);
            vectors.extend(self.interest_of(items, values)?);
        }
        self.factors.set_users(interactions.rows(), &users, &vectors);
        Ok(())
    }
}

impl Explain for PureSvdModel {
    fn explain(&self, history: &[(ItemIndex, f32)], item: ItemIndex) -> Result<Vec<Scored>> {
        let vector = self.factors.item(item)?;
        let (items, values) = sorted_history(history, self.item_count())?;
        let products = self.factors.scores_of(vector);
        let each = items.into_iter().zip(values);
        Ok(contributions(
            each.map(|(at, value)| (at, products[at as usize] * if self.binary { 1.0 } else { value })),
        ))
    }
}
