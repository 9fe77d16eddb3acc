//! [`Popularity`]: what most users like, the same for everyone. The baseline that every other model has to beat.

use std::ops::Range;

use fornax_core::{Array, Error, Result};
use fornax_data::archive::MappedArrays;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::stored::{StoredModel, json, settings};
use crate::ids::{ItemIndex, UserIndex};
use crate::recommend::Score;
use crate::sparse::UserItems;
use crate::update::{PartialUpdate, rows_to_take};

/// The score of an item is the number of users who have an interaction with it, or the sum of their values.
///
/// ```
/// use fornax_recommend::{Duplicates, Filter, Interactions, Popularity, Recommend};
///
/// let log = Interactions::from_events([("a", 1), ("b", 1), ("b", 2)], Duplicates::Error)?;
/// let model = Popularity::new().fit(&log)?;
/// let list = model.recommend(log.users().expect("a")?, 10, &Filter::unseen(&log))?;
/// assert_eq!(*log.items().id(list[0].index), 2);
/// assert_eq!(list.len(), 1);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Popularity {
    by_value: bool,
}

/// A fitted [`Popularity`].
#[derive(Clone, Debug, PartialEq)]
pub struct PopularityModel {
    users: usize,
    scores: Vec<f32>,
    by_value: bool,
}

impl Popularity {
    /// By the number of users.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the values are added up, in place of counting users.
    pub fn by_value(self, by_value: bool) -> Self {
        Self { by_value }
    }

    /// Counts.
    ///
    /// # Errors
    /// If there is no interaction, or values add up beyond 32 bits.
    pub fn fit(&self, interactions: &impl AsRef<UserItems>) -> Result<PopularityModel> {
        let matrix = interactions.as_ref();
        if matrix.is_empty() {
            return Err(Error::data("interactions", "none", "at least one"));
        }
        let mut sums = vec![0.0f64; matrix.columns()];
        for (&item, &value) in matrix.indices().iter().zip(matrix.values()) {
            sums[item as usize] += if self.by_value { f64::from(value) } else { 1.0 };
        }
        let scores = finite(sums.into_iter().map(|sum| sum as f32).collect())?;
        Ok(PopularityModel { users: matrix.rows(), scores, by_value: self.by_value })
    }
}

fn finite(scores: Vec<f32>) -> Result<Vec<f32>> {
    match scores.iter().position(|score| !score.is_finite()) {
        Some(item) => Err(Error::data(format!("score of item {item}"), scores[item], "a finite number")),
        None => Ok(scores),
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    by_value: bool,
}

impl StoredModel for PopularityModel {
    const KIND: &'static str = "popularity";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        (json(&Header { by_value: self.by_value }), vec![("scores".into(), self.scores.clone().into())])
    }

    fn from_parts(header: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        let Header { by_value } = settings(header)?;
        Ok(Self { users: seen.rows(), scores: finite(arrays.floats("scores")?.1.to_vec())?, by_value })
    }
}

/// Counts anew: the model is that of all interactions.
impl PartialUpdate for PopularityModel {
    fn update(&mut self, interactions: &UserItems, users: &[UserIndex], items: &[ItemIndex]) -> Result<()> {
        rows_to_take(users, self.user_count(), interactions.rows())?;
        rows_to_take(items, self.item_count(), interactions.columns())?;
        *self = Popularity::new().by_value(self.by_value).fit(interactions)?;
        Ok(())
    }
}

impl Score for PopularityModel {
    fn user_count(&self) -> usize {
        self.users
    }

    fn item_count(&self) -> usize {
        self.scores.len()
    }

    fn score_block(&self, users: &[UserIndex], items: Range<usize>, out: &mut [f32]) {
        assert_eq!(out.len(), users.len() * items.len());
        out.chunks_exact_mut(items.len().max(1))
            .for_each(|row| row.copy_from_slice(&self.scores[items.clone()]));
    }
}
