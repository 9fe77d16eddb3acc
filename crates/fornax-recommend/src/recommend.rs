//! What models can be asked: [`Score`], [`Recommend`], [`FoldIn`], [`Explain`], [`Similar`], [`SimilarUsers`]. What a model
//! cannot do does not compile.

use std::ops::Range;

use fornax_core::linalg::TopK;
use fornax_core::{Error, Result};
use rayon::prelude::*;

use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::Factors;
use crate::models::by_length::{self, ByLength};
use crate::sparse::UserItems;

/// A recommended item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored<X = ItemIndex> {
    /// Which one.
    pub index: X,
    /// Its score.
    pub score: f32,
}

/// A model that scores items for users.
pub trait Score: Sync {
    /// The number of users.
    fn user_count(&self) -> usize;

    /// The number of items.
    fn item_count(&self) -> usize;

    /// Writes the scores of a range of items for some users, `[users, items]`.
    ///
    /// # Panics
    /// If a user or item is not known, or `out` has another length.
    fn score_block(&self, users: &[UserIndex], items: Range<usize>, out: &mut [f32]);

    /// The vectors whose products are the scores, of a model that has such: lists of many users are then faster.
    fn as_factors(&self) -> Option<&Factors> {
        None
    }

    /// The score `r_v` of every item for a user.
    ///
    /// # Errors
    /// If the user is not known.
    fn scores(&self, user: UserIndex) -> Result<Vec<f32>> {
        check("user", user, self.user_count())?;
        let mut out = vec![0.0; self.item_count()];
        self.score_block(&[user], 0..self.item_count(), &mut out);
        Ok(out)
    }
}

/// Ranked lists of a model that scores: exact, without a matrix of all scores.
///
/// Of equal scores the item of the lower number comes first.
pub trait Recommend: Score {
    /// The `count` items of highest score for a user, the highest first; fewer if the filter leaves fewer.
    ///
    /// # Errors
    /// If the user or an item of the filter is not known, or the filter is of another number of users or items.
    fn recommend(&self, user: UserIndex, count: usize, filter: &Filter<'_>) -> Result<Vec<Scored>> {
        Ok(self.recommend_all(&[user], count, filter)?.remove(0))
    }

    /// The lists of several users.
    ///
    /// Scores are made in tiles of 64 users and 1024 items, which stay in the cache, and compared with each user's `count`-th
    /// best so far. Where they are products of vectors, items come from the longest vector to the shortest, until no product can
    /// be among the best.
    ///
    /// # Errors
    /// As [`recommend`](Self::recommend).
    fn recommend_all(
        &self,
        users: &[UserIndex],
        count: usize,
        filter: &Filter<'_>,
    ) -> Result<Vec<Vec<Scored>>> {
        users.iter().try_for_each(|&user| check("user", user, self.user_count()))?;
        let kept = filter.kept([self.user_count(), self.item_count()])?;
        if let Some(factors) = self.as_factors().filter(|_| users.len() >= MANY_USERS) {
            let items = ByLength::new(factors, kept.as_deref());
            let lists = users.par_chunks(by_length::USERS);
            let lists =
                lists.flat_map_iter(|users| items.lists(users, count, filter.seen).into_iter().map(ranked));
            return Ok(lists.collect());
        }
        let lists = users.par_chunks(TILE_USERS).flat_map_iter(|users| {
            let lists = best_of_tile(users, self.item_count(), count, |items, out| {
                self.score_block(users, items.clone(), out);
                filter.hide(users, items, kept.as_deref(), out);
            });
            lists.into_iter().map(ranked)
        });
        Ok(lists.collect())
    }
}

impl<T: Score + ?Sized> Recommend for T {}

/// A model that can serve users whom it was not fitted on, from what they did.
pub trait FoldIn: Score {
    /// The scores of every item for someone with this history of items and values.
    ///
    /// # Errors
    /// If an item is not known or comes twice, or a value cannot be one of this model.
    fn scores_from(&self, history: &[(ItemIndex, f32)]) -> Result<Vec<f32>>;

    /// The `count` items of highest score for someone with this history, without the items in it.
    ///
    /// # Errors
    /// As [`scores_from`](Self::scores_from).
    fn recommend_from(&self, history: &[(ItemIndex, f32)], count: usize) -> Result<Vec<Scored>> {
        let mut scores = self.scores_from(history)?;
        history.iter().for_each(|(item, _)| scores[item.get()] = f32::NEG_INFINITY);
        let mut best = TopK::new(count);
        best.offer(&scores, 0);
        Ok(ranked(best))
    }
}

/// A model that says what of a history made a score.
pub trait Explain: FoldIn {
    /// What each item of a history adds to the score of `item`, the most first; their sum is the score that
    /// [`scores_from`](FoldIn::scores_from) gives.
    ///
    /// # Errors
    /// As [`scores_from`](FoldIn::scores_from), and if `item` is not known.
    fn explain(&self, history: &[(ItemIndex, f32)], item: ItemIndex) -> Result<Vec<Scored>>;
}

/// A model that knows which items are alike.
pub trait Similar: Score {
    /// The `count` items most similar to one, the most similar first, without itself.
    ///
    /// # Errors
    /// If the item is not known.
    fn similar_items(&self, item: ItemIndex, count: usize) -> Result<Vec<Scored>>;
}

/// A model that knows which users are alike.
pub trait SimilarUsers: Score {
    /// The `count` users most similar to one, the most similar first, without that user.
    ///
    /// # Errors
    /// If the user is not known.
    fn similar_users(&self, user: UserIndex, count: usize) -> Result<Vec<Scored<UserIndex>>>;
}

/// Users for whom sorting the items is worth it.
const MANY_USERS: usize = 32;

const TILE_USERS: usize = 64;
const TILE_ITEMS: usize = 1024;

fn best_of_tile(
    users: &[UserIndex],
    items: usize,
    count: usize,
    mut scores: impl FnMut(Range<usize>, &mut [f32]),
) -> Vec<TopK> {
    let mut best = vec![TopK::new(count); users.len()];
    let mut tile = vec![0.0; users.len() * TILE_ITEMS.min(items)];
    for start in (0..items).step_by(TILE_ITEMS) {
        let range = start..(start + TILE_ITEMS).min(items);
        let tile = &mut tile[..users.len() * range.len()];
        scores(range.clone(), tile);
        for (best, scores) in best.iter_mut().zip(tile.chunks_exact(range.len())) {
            best.offer(scores, range.start as u32);
        }
    }
    best
}

pub(crate) fn ranked<X: Index>(best: TopK) -> Vec<Scored<X>> {
    best.into_vec().into_iter().map(|(score, at)| Scored { index: X::new(at), score }).collect()
}

/// What items add, the most first, equal ones by ascending item.
pub(crate) fn contributions(each: impl Iterator<Item = (u32, f32)>) -> Vec<Scored> {
    let mut each: Vec<Scored> =
        each.map(|(item, score)| Scored { index: ItemIndex::new(item), score }).collect();
    each.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
    each
}

/// Checks that there is such a user or item.
pub(crate) fn check<X: Index>(name: &str, index: X, count: usize) -> Result<()> {
    match index.get() < count {
        true => Ok(()),
        false => Err(Error::argument(name, format!("number {}", index.get()), format!("below {count}"))),
    }
}

/// Checks a history: items that are known, each once, with finite values. Returns it by ascending item.
pub(crate) fn sorted_history(history: &[(ItemIndex, f32)], items: usize) -> Result<(Vec<u32>, Vec<f32>)> {
    let mut sorted = history.to_vec();
    sorted.sort_by_key(|&(item, _)| item);
    for (at, &(item, value)) in sorted.iter().enumerate() {
        check("item", item, items)?;
        if at > 0 && sorted[at - 1].0 == item {
            return Err(Error::data("history", format!("item {} twice", item.get()), "every item once"));
        }
        if !value.is_finite() {
            return Err(Error::data(format!("history, item {}", item.get()), value, "a finite value"));
        }
    }
    Ok(sorted.into_iter().map(|(item, value)| (item.get() as u32, value)).unzip())
}

/// Which items can be recommended. Default: all of them.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    seen: Option<&'a UserItems>,
    denied: Vec<ItemIndex>,
    allowed: Option<Vec<ItemIndex>>,
}

impl<'a> Filter<'a> {
    /// All items.
    pub fn none() -> Self {
        Self::default()
    }

    /// For each user the items that they have no interaction with here.
    pub fn unseen(interactions: &'a impl AsRef<UserItems>) -> Self {
        Self { seen: Some(interactions.as_ref()), ..Self::default() }
    }

    /// Never these.
    pub fn deny(mut self, items: impl IntoIterator<Item = ItemIndex>) -> Self {
        self.denied.extend(items);
        self
    }

    /// Only these.
    pub fn allow(mut self, items: impl IntoIterator<Item = ItemIndex>) -> Self {
        self.allowed.get_or_insert_default().extend(items);
        self
    }

    /// Whether each item may be recommended to anyone; none where all may.
    pub(crate) fn kept(&self, [users, items]: [usize; 2]) -> Result<Option<Vec<bool>>> {
        if let Some(seen) = self.seen.filter(|seen| (seen.rows(), seen.columns()) != (users, items)) {
            let found = format!("{} users and {} items", seen.rows(), seen.columns());
            return Err(Error::mismatch("filter", found, format!("{users} and {items}, as the model has")));
        }
        let mut named = self.denied.iter().chain(self.allowed.iter().flatten());
        named.try_for_each(|&item| check("item of the filter", item, items))?;
        if self.denied.is_empty() && self.allowed.is_none() {
            return Ok(None);
        }
        let mut kept = vec![self.allowed.is_none(); items];
        self.allowed.iter().flatten().for_each(|item| kept[item.get()] = true);
        self.denied.iter().for_each(|item| kept[item.get()] = false);
        Ok(Some(kept))
    }

    /// Whether a user may get an item, by what [`kept`](Self::kept) says of it and by what is seen.
    #[cfg(feature = "hnsw")]
    pub(crate) fn keeps(&self, user: UserIndex, item: ItemIndex, kept: Option<&[bool]>) -> bool {
        kept.is_none_or(|kept| kept[item.get()])
            && self.seen.is_none_or(|seen| seen.value(user, item).is_none())
    }

    /// Gives what must not be recommended a score that never counts.
    fn hide(&self, users: &[UserIndex], items: Range<usize>, kept: Option<&[bool]>, out: &mut [f32]) {
        for (&user, scores) in users.iter().zip(out.chunks_exact_mut(items.len())) {
            if let Some(seen) = self.seen {
                let columns = seen.row(user).0;
                let first = columns.partition_point(|&column| (column as usize) < items.start);
                for &column in columns[first..].iter().take_while(|&&column| (column as usize) < items.end) {
                    scores[column as usize - items.start] = f32::NEG_INFINITY;
                }
            }
            if let Some(kept) = kept {
                let hidden = scores.iter_mut().zip(&kept[items.clone()]).filter(|(_, kept)| !**kept);
                hidden.for_each(|(score, _)| *score = f32::NEG_INFINITY);
            }
        }
    }
}
