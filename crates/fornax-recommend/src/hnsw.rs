//! [`HnswIndex`]: nearly the best items of a model with vectors, without a look at all of them.

use std::time::Instant;

use fornax_core::{Error, Result};
use instant_distance::{Builder, HnswMap, Point, Search};
use rayon::prelude::*;

use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::Factors;
use crate::models::factors::product;
use crate::recommend::{Filter, Recommend, Score, Scored, check};

/// How an index of [`HnswIndex`] is built.
///
/// The index is a hierarchical navigable small world graph (Malkov and Yashunin 2018) by the crate `instant-distance`, with 32
/// neighbours of an item. It finds the nearest vectors; those of the largest products with a user's vector `m` are found by one
/// more element (Bachrach et al. 2014): with the longest vector's length `L`, items `(q_v, sqrt(L² - |q_v|²))` are all of the
/// length `L`, so that the nearest to `(m, 0)` has the largest product `m · q_v`.
///
/// It pays only where items are many: of 20,000 items with 64 factors, exact lists of single users are faster than
/// approximate ones of 200 candidates, and those of many users much faster. [`HnswIndex::recall`] tells what it gives and takes for a model.
///
/// Defaults: 200 candidates, 200 while it is built, seed 0, built by one thread: the same seed gives the same index.
#[derive(Clone, Debug)]
pub struct Hnsw {
    candidates: usize,
    construction: usize,
    seed: u64,
    parallel: bool,
}

/// Items in an index, for lists that are nearly those of [`Recommend`].
///
/// ```
/// use fornax_recommend::{Hnsw, Filter, PureSvd, Recommend, UserIndex, Index, synthetic};
///
/// let log = synthetic::tastes(100, 300, 20, 0)?;
/// let model = PureSvd::new(8).fit(&log)?;
/// let items = Hnsw::new().build(model.factors())?;
/// let (user, filter) = (UserIndex::new(3), Filter::unseen(&log));
/// let list = items.recommend(user, 10, &filter)?;
/// assert_eq!(list[0].index, model.recommend(user, 1, &filter)?[0].index);
/// let users: Vec<UserIndex> = (0..100).map(UserIndex::new).collect();
/// assert!(items.recall(&users, 10, &filter)?.recall > 0.95);
/// # Ok::<(), fornax_core::Error>(())
/// ```
pub struct HnswIndex {
    factors: Factors,
    index: HnswMap<Vector, u32>,
    candidates: usize,
}

/// How near approximate lists come to exact ones, and how fast: many users at once, with all threads.
#[derive(Clone, Copy, Debug)]
pub struct HnswReport {
    /// The mean share of a user's exact list that is in the approximate one.
    pub recall: f64,
    /// The share of lists that were made by ranking all items, because the filter left too few candidates.
    pub ranked_all: f64,
    /// Lists a second.
    pub per_second: f64,
    /// Exact lists a second, by [`Recommend::recommend_all`].
    pub exact_per_second: f64,
}

/// A vector with its last element. The smaller the product, the farther: of items, which are equally long, that is the order of
/// distances.
#[derive(Clone)]
struct Vector(Vec<f32>);

impl Point for Vector {
    fn distance(&self, other: &Self) -> f32 {
        -product(&self.0, &other.0)
    }
}

impl Default for Hnsw {
    fn default() -> Self {
        Self::new()
    }
}

impl Hnsw {
    /// The defaults.
    pub fn new() -> Self {
        Self { candidates: 200, construction: 200, seed: 0, parallel: false }
    }

    /// Items that a search keeps, of which a list has the best: more give a higher recall in more time.
    pub fn candidates(self, candidates: usize) -> Self {
        Self { candidates, ..self }
    }

    /// Items that the search for an item's neighbours keeps.
    pub fn construction(self, construction: usize) -> Self {
        Self { construction, ..self }
    }

    /// The seed of the order of items.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Whether all threads build: faster, but each index is then another one.
    pub fn parallel(self, parallel: bool) -> Self {
        Self { parallel, ..self }
    }

    /// Builds the index of a model's items. It keeps the vectors of users and items, and those of items once more.
    ///
    /// # Errors
    /// If a number of candidates is 0, there is no item, or a vector is too long for 32 bits.
    pub fn build(&self, factors: &Factors) -> Result<HnswIndex> {
        for (name, value) in [("candidates", self.candidates), ("construction", self.construction)] {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least 1"));
            }
        }
        let vectors = vectors(factors)?;
        let numbers: Vec<u32> = (0..vectors.len() as u32).collect();
        let builder = Builder::default().seed(self.seed).ef_search(self.candidates);
        let builder = builder.ef_construction(self.construction);
        let index = match self.parallel {
            true => builder.build(vectors, numbers),
            false => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
                let pool = pool.map_err(|error| Error::argument("thread", error, "one that starts"))?;
                pool.install(|| builder.build(vectors, numbers))
            }
        };
        Ok(HnswIndex { factors: factors.clone(), index, candidates: self.candidates })
    }
}

/// The vectors of items, all of the length of the longest one.
fn vectors(factors: &Factors) -> Result<Vec<Vector>> {
    let items: Vec<&[f32]> = (0..factors.item_count())
        .map(|item| factors.item(ItemIndex::new(item as u32)))
        .collect::<Result<_>>()?;
    let squares: Vec<f64> =
        items.iter().map(|item| item.iter().map(|&x| f64::from(x) * f64::from(x)).sum()).collect();
    let most = squares.iter().copied().fold(0.0, f64::max);
    if items.is_empty() || most > f64::from(f32::MAX) {
        let found = format!("{} items, the longest of the length {}", items.len(), most.sqrt());
        return Err(Error::data("factors", found, "at least one, of a square below 2^128"));
    }
    let each = items.iter().zip(&squares);
    let vector = |(item, square): (&&[f32], &f64)| {
        item.iter().copied().chain([(most - square).sqrt() as f32]).collect()
    };
    Ok(each.map(|pair| Vector(vector(pair))).collect())
}

impl HnswIndex {
    /// Nearly the `count` items of highest score for a user, the highest first, with their exact scores.
    ///
    /// Where the filter leaves less than `count` of the candidates, all items are ranked as [`Recommend::recommend`] does.
    ///
    /// # Errors
    /// As [`Recommend::recommend`].
    pub fn recommend(&self, user: UserIndex, count: usize, filter: &Filter<'_>) -> Result<Vec<Scored>> {
        Ok(self.recommend_all(&[user], count, filter)?.remove(0))
    }

    /// The lists of several users.
    ///
    /// # Errors
    /// As [`recommend`](Self::recommend).
    pub fn recommend_all(
        &self,
        users: &[UserIndex],
        count: usize,
        filter: &Filter<'_>,
    ) -> Result<Vec<Vec<Scored>>> {
        Ok(self.lists(users, count, filter)?.into_iter().map(|(list, _)| list).collect())
    }

    /// The lists of users, each with whether all items were ranked for it.
    fn lists(
        &self,
        users: &[UserIndex],
        count: usize,
        filter: &Filter<'_>,
    ) -> Result<Vec<(Vec<Scored>, bool)>> {
        users.iter().try_for_each(|&user| check("user", user, self.factors.user_count()))?;
        let kept = filter.kept([self.factors.user_count(), self.factors.item_count()])?;
        let lists = users.par_iter().map_init(Search::default, |search, &user| {
            let list = self.candidates(user, search, |item| filter.keeps(user, item, kept.as_deref()));
            match list.len() >= count {
                true => Ok((list.into_iter().take(count).collect(), false)),
                false => Ok((self.factors.recommend(user, count, filter)?, true)),
            }
        });
        lists.collect()
    }

    /// The candidates for a user that are to be kept, the best first.
    fn candidates(
        &self,
        user: UserIndex,
        search: &mut Search,
        keep: impl Fn(ItemIndex) -> bool,
    ) -> Vec<Scored> {
        let vector = self.factors.user_vector(user);
        let query = Vector(vector.iter().copied().chain([0.0]).collect());
        let found = self.index.search(&query, search).take(self.candidates);
        let items = found.map(|found| (ItemIndex::new(*found.value), -found.distance));
        let mut list: Vec<Scored> =
            items.filter(|&(item, _)| keep(item)).map(|(index, score)| Scored { index, score }).collect();
        list.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
        list
    }

    /// Compares the lists of users with exact ones.
    ///
    /// # Errors
    /// As [`recommend`](Self::recommend), and if no list has an item.
    pub fn recall(&self, users: &[UserIndex], count: usize, filter: &Filter<'_>) -> Result<HnswReport> {
        let clock = Instant::now();
        let found = self.lists(users, count, filter)?;
        let seconds = clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let exact = self.factors.recommend_all(users, count, filter)?;
        let exact_seconds = clock.elapsed().as_secs_f64();
        let shares =
            exact.iter().zip(&found).filter(|(exact, _)| !exact.is_empty()).map(|(exact, (found, _))| {
                let in_both = exact.iter().filter(|one| found.iter().any(|other| other.index == one.index));
                in_both.count() as f64 / exact.len() as f64
            });
        let shares: Vec<f64> = shares.collect();
        if shares.is_empty() {
            return Err(Error::data("lists", "no item", "at least one"));
        }
        Ok(HnswReport {
            recall: shares.iter().sum::<f64>() / shares.len() as f64,
            ranked_all: found.iter().filter(|(_, all)| *all).count() as f64 / users.len() as f64,
            per_second: users.len() as f64 / seconds,
            exact_per_second: users.len() as f64 / exact_seconds,
        })
    }
}
