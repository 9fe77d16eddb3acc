//! [`Ease`]: a weight for each pair of items, in closed form (Steck 2019).

use std::ops::Range;

use fornax_core::linalg::{TopK, spd_inverse};
use fornax_core::{Array, Error, Floats, Result};
use fornax_data::archive::MappedArrays;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::stored::{StoredModel, floats_of, json, settings};
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::recommend::{
    Explain, FoldIn, Score, Scored, Similar, check, contributions, ranked, sorted_history,
};
use crate::sparse::UserItems;
use crate::update::{UpdateUsers, check_items, rows_to_take};

/// The matrix `B [items, items]` with zeros on its diagonal that minimizes `|X - X B|² + regularization |B|²`: with
/// `P = (XᵀX + regularization I)⁻¹` it is `B_ij = -P_ij / P_jj` off the diagonal. The score of `v` for `u` is `(X B)_uv`.
///
/// Time grows with the cube of the number of items, memory with its square: 20 bytes for each pair.
///
/// Defaults: regularization 500, every interaction counts as 1, at most 4 GiB of memory.
///
/// ```
/// use fornax_recommend::{Duplicates, Ease, Filter, Interactions, Recommend};
///
/// let log = [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("d", 3), ("d", 4), ("e", 3), ("e", 4), ("f", 4)];
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let model = Ease::new().regularization(1.0).fit(&log)?;
/// let list = model.recommend(log.users().expect("c")?, 1, &Filter::unseen(&log))?;
/// assert_eq!(*log.items().id(list[0].index), 2);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ease {
    regularization: f64,
    binary: bool,
    memory: u64,
}

/// A fitted [`Ease`].
#[derive(Clone, Debug, PartialEq)]
pub struct EaseModel {
    /// `[items, items]`.
    weights: Floats,
    matrix: UserItems,
    binary: bool,
}

impl Default for Ease {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes that fitting takes for each pair of items: two matrices of `f64` and one of `f32`.
const BYTES: u64 = 20;

impl Ease {
    /// The defaults.
    pub fn new() -> Self {
        Self { regularization: 500.0, binary: true, memory: 4 << 30 }
    }

    /// The weight of the squared entries of `B`.
    pub fn regularization(self, regularization: f64) -> Self {
        Self { regularization, ..self }
    }

    /// Whether every interaction counts as 1, whatever its value.
    pub fn binary(self, binary: bool) -> Self {
        Self { binary, ..self }
    }

    /// The most memory that fitting may take, in bytes.
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// Fits the model.
    ///
    /// # Errors
    /// If the regularization is not above 0, there is no interaction, or the items take more memory than is allowed, naming how
    /// many would fit.
    pub fn fit(&self, interactions: &impl AsRef<UserItems>) -> Result<EaseModel> {
        let matrix = interactions.as_ref();
        if !(self.regularization > 0.0 && self.regularization.is_finite()) {
            return Err(Error::argument("regularization", self.regularization, "a finite number above 0"));
        }
        if matrix.is_empty() {
            return Err(Error::data("interactions", "none", "at least one"));
        }
        let items = matrix.columns();
        let needed = BYTES.saturating_mul((items as u64).saturating_mul(items as u64));
        if needed > self.memory {
            let found = format!("{items} items, {needed} bytes");
            let wanted = format!(
                "at most {} items, for {} bytes: drop rare ones or raise the memory",
                (self.memory / BYTES).isqrt(),
                self.memory
            );
            return Err(Error::data("EASE", found, wanted));
        }
        let matrix = if self.binary { matrix.map_values(|_| 1.0)? } else { matrix.clone() };
        let mut gram = gram(&matrix);
        gram.iter_mut().step_by(items + 1).for_each(|x| *x += self.regularization);
        let inverse = spd_inverse(gram, items)?;
        let diagonal: Vec<f64> = inverse.iter().step_by(items + 1).map(|x| -1.0 / x).collect();
        let mut weights = vec![0.0; items * items];
        weights.par_chunks_exact_mut(items).enumerate().for_each(|(row, weights)| {
            let inverse = &inverse[row * items..][..items];
            for ((weight, x), scale) in weights.iter_mut().zip(inverse).zip(&diagonal) {
                *weight = (x * scale) as f32;
            }
            weights[row] = 0.0;
        });
        Ok(EaseModel { weights: weights.into(), matrix, binary: self.binary })
    }
}

/// `XᵀX`, the sums of each row in the order of users.
fn gram(matrix: &UserItems) -> Vec<f64> {
    let (transposed, items) = (matrix.transposed(), matrix.columns());
    let mut gram = vec![0.0; items * items];
    gram.par_chunks_exact_mut(items).enumerate().for_each(|(item, sums)| {
        let (users, values) = transposed.row(ItemIndex::new(item as u32));
        for (&user, &value) in users.iter().zip(values) {
            let (others, weights) = matrix.row(UserIndex::new(user));
            for (&other, &weight) in others.iter().zip(weights) {
                sums[other as usize] += f64::from(value) * f64::from(weight);
            }
        }
    });
    gram
}

impl EaseModel {
    /// `B_ij`: what an interaction with `from` adds to the score of `to`.
    ///
    /// # Errors
    /// If an item is not known.
    pub fn weight(&self, from: ItemIndex, to: ItemIndex) -> Result<f32> {
        check("item", from, self.item_count())?;
        check("item", to, self.item_count())?;
        Ok(self.weights[from.get() * self.item_count() + to.get()])
    }

    fn add_scores(&self, history: (&[u32], &[f32]), items: Range<usize>, out: &mut [f32]) {
        out.fill(0.0);
        for (&item, &value) in history.0.iter().zip(history.1) {
            let weights = &self.weights[item as usize * self.item_count()..][items.clone()];
            out.iter_mut().zip(weights).for_each(|(out, weight)| *out += value * weight);
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    binary: bool,
}

impl StoredModel for EaseModel {
    const KIND: &'static str = "ease";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        let items = self.item_count();
        let weights = Array::from_vec([items, items], self.weights.to_vec()).expect("a weight for each pair");
        (json(&Header { binary: self.binary }), vec![("weights".into(), weights)])
    }

    fn from_parts(header: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        let Header { binary } = settings(header)?;
        let weights = floats_of("weights", &[seen.columns(); 2], arrays)?;
        let matrix = if binary { seen.map_values(|_| 1.0)? } else { seen.clone() };
        Ok(Self { weights, matrix, binary })
    }

    fn check_fitted_on(&self, seen: &UserItems) -> Result<()> {
        match self.binary || self.matrix == *seen {
            true => Ok(()),
            false => Err(Error::mismatch("model", "fitted on other values", "those of the interactions")),
        }
    }
}

impl Score for EaseModel {
    fn user_count(&self) -> usize {
        self.matrix.rows()
    }

    fn item_count(&self) -> usize {
        self.matrix.columns()
    }

    fn score_block(&self, users: &[UserIndex], items: Range<usize>, out: &mut [f32]) {
        assert_eq!(out.len(), users.len() * items.len());
        for (&user, out) in users.iter().zip(out.chunks_exact_mut(items.len().max(1))) {
            self.add_scores(self.matrix.row(user), items.clone(), out);
        }
    }
}

impl FoldIn for EaseModel {
    fn scores_from(&self, history: &[(ItemIndex, f32)]) -> Result<Vec<f32>> {
        let (items, mut values) = sorted_history(history, self.item_count())?;
        if self.binary {
            values.fill(1.0);
        }
        let mut out = vec![0.0; self.item_count()];
        self.add_scores((&items, &values), 0..self.item_count(), &mut out);
        Ok(out)
    }
}

/// By the history alone; the weights of pairs of items stay as they are.
impl UpdateUsers for EaseModel {
    fn update_users(&mut self, interactions: &UserItems, users: &[UserIndex]) -> Result<()> {
        check_items(interactions, self.item_count())?;
        rows_to_take(users, self.user_count(), interactions.rows())?;
        self.matrix = if self.binary { interactions.map_values(|_| 1.0)? } else { interactions.clone() };
        Ok(())
    }
}

impl Explain for EaseModel {
    fn explain(&self, history: &[(ItemIndex, f32)], item: ItemIndex) -> Result<Vec<Scored>> {
        check("item", item, self.item_count())?;
        let (items, values) = sorted_history(history, self.item_count())?;
        let weight = |from: u32| self.weights[from as usize * self.item_count() + item.get()];
        let each = items.into_iter().zip(values);
        Ok(contributions(
            each.map(|(from, value)| (from, weight(from) * if self.binary { 1.0 } else { value })),
        ))
    }
}

/// By the weight `B_ij` that an interaction with the item has.
impl Similar for EaseModel {
    fn similar_items(&self, item: ItemIndex, count: usize) -> Result<Vec<Scored>> {
        check("item", item, self.item_count())?;
        let mut weights = self.weights[item.get() * self.item_count()..][..self.item_count()].to_vec();
        weights[item.get()] = f32::NEG_INFINITY;
        let mut best = TopK::new(count);
        best.offer(&weights, 0);
        Ok(ranked(best))
    }
}
