//! [`LightFmModel`]: a fitted [`LightFm`](super::LightFm).

use std::ops::Range;

use fornax_core::{Array, Error, Result};
use fornax_data::archive::MappedArrays;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::cold_start::ColdStart;
use crate::ids::{ItemIndex, UserIndex};
use crate::models::factors::{Factors, most_similar};
use crate::models::feature_vectors::{FeatureVectors, StoredNames};
use crate::models::stored::{self, StoredModel, json};
use crate::recommend::{Score, Scored, Similar, SimilarUsers, check};
use crate::sparse::UserItems;

/// A fitted [`LightFm`](super::LightFm).
///
/// Users and items that it was not fitted on are known by their features:
///
/// ```
/// use fornax_recommend::{ColdStart, Duplicates, Features, Filter, Interactions, ItemIndex, Index, LightFm, Recommend};
///
/// let log = [("ann", "Alien"), ("ann", "Solaris"), ("bob", "Heat"), ("bob", "Ronin"), ("cid", "Alien"), ("dan", "Ronin")];
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let genres = [("Alien", "space", 1.0), ("Solaris", "space", 1.0), ("Heat", "crime", 1.0), ("Ronin", "crime", 1.0)];
/// let genres = Features::new(log.items(), genres)?;
/// let tastes = [("ann", "student", 1.0), ("cid", "student", 1.0), ("bob", "lawyer", 1.0), ("dan", "lawyer", 1.0)];
/// let tastes = Features::new(log.users(), tastes)?;
/// let model = LightFm::new(4).iterations(100).fit_with(&log, Some(&tastes), Some(&genres))?;
///
/// let best = model.recommend_to_new_user(&[("student", 1.0)], 1)?;
/// assert!(["Alien", "Solaris"].contains(log.items().id(best[0].index)));
/// // The new items come after those of the log.
/// let model = model.with_new_items(&[vec![("crime", 1.0)], vec![("space", 1.0)]])?;
/// let new = Filter::none().allow([4, 5].map(ItemIndex::new));
/// assert_eq!(model.recommend(log.users().expect("dan")?, 1, &new)?[0].index, ItemIndex::new(4));
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LightFmModel {
    pub(super) factors: Factors,
    pub(super) user_features: FeatureVectors,
    pub(super) item_features: FeatureVectors,
    pub(super) losses: Vec<f64>,
}

impl LightFmModel {
    /// The vectors of users, which end with the bias and a 1, and of items, which end with a 1 and the bias: sums of those of their
    /// features.
    pub fn factors(&self) -> &Factors {
        &self.factors
    }

    /// The named features of users.
    pub fn user_features(&self) -> &FeatureVectors {
        &self.user_features
    }

    /// The named features of items.
    pub fn item_features(&self) -> &FeatureVectors {
        &self.item_features
    }

    /// For each iteration the mean loss of interactions, each before its step.
    pub fn losses(&self) -> &[f64] {
        &self.losses
    }
}

/// Someone without features gets the biases of items.
impl ColdStart for LightFmModel {
    fn user_from_features<N: AsRef<str>>(&self, features: &[(N, f32)]) -> Result<Vec<f32>> {
        self.user_features.represent(features)
    }

    fn item_from_features<N: AsRef<str>>(&self, features: &[(N, f32)]) -> Result<Vec<f32>> {
        self.item_features.represent(features)
    }

    fn extend(&mut self, users: &[f32], items: &[f32]) {
        self.factors = self.factors.extended(users, items);
    }
}

impl Score for LightFmModel {
    fn as_factors(&self) -> Option<&Factors> {
        Some(&self.factors)
    }

    fn user_count(&self) -> usize {
        self.factors.user_count()
    }

    fn item_count(&self) -> usize {
        self.factors.item_count()
    }

    fn score_block(&self, users: &[UserIndex], items: Range<usize>, out: &mut [f32]) {
        self.factors.score_block(users, items, out);
    }
}

/// By the cosine of the angle between the embeddings of items, without their biases.
impl Similar for LightFmModel {
    fn similar_items(&self, item: ItemIndex, count: usize) -> Result<Vec<Scored>> {
        check("item", item, self.item_count())?;
        let width = self.factors.width();
        Ok(most_similar(self.factors.items(), width, width - 2, item, count))
    }
}

/// By the cosine of the angle between the embeddings of users, without their biases.
impl SimilarUsers for LightFmModel {
    fn similar_users(&self, user: UserIndex, count: usize) -> Result<Vec<Scored<UserIndex>>> {
        check("user", user, self.user_count())?;
        let width = self.factors.width();
        Ok(most_similar(self.factors.users(), width, width - 2, user, count))
    }
}

#[derive(Serialize, Deserialize)]
struct Settings {
    losses: Vec<f64>,
    user_features: StoredNames,
    item_features: StoredNames,
}

/// The arrays of features in a file.
const ARRAYS: [&str; 2] = ["user features", "item features"];

impl StoredModel for LightFmModel {
    const KIND: &'static str = "light-fm";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        let ((user_features, users), (item_features, items)) =
            (self.user_features.parts(), self.item_features.parts());
        let mut arrays = self.factors.arrays();
        arrays.extend(ARRAYS.map(str::to_owned).into_iter().zip([users, items]));
        (json(&Settings { losses: self.losses.clone(), user_features, item_features }), arrays)
    }

    fn from_parts(settings: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        let Settings { losses, user_features, item_features } = stored::settings(settings)?;
        let factors = Factors::from_arrays(arrays, seen)?;
        let width = factors.width();
        if width < 3 {
            return Err(Error::mismatch("vectors", format!("{width} elements"), "at least 3"));
        }
        let features = |names, side: usize| {
            FeatureVectors::from_parts(names, arrays, ARRAYS[side], width, Some(width - 1 - side))
        };
        Ok(Self {
            user_features: features(user_features, 0)?,
            item_features: features(item_features, 1)?,
            factors,
            losses,
        })
    }
}
