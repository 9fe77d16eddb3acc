//! [`RankingReport`]: a value for each user, their means with bootstrap intervals, and what the lists have in common.

use fornax_core::{Error, Philox, Result};
use rayon::prelude::*;

use super::{RankingMetric, Ranks};
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::sparse::UserItems;

/// What an [`Evaluation`](super::Evaluation) found.
#[derive(Clone, Debug)]
pub struct RankingReport {
    k: usize,
    protocol: String,
    ranks: Vec<Ranks>,
    lists: Option<Vec<Vec<u32>>>,
    shown: Option<Lists>,
    /// The rows and columns of the training part.
    trained: [usize; 2],
    cold: [usize; 2],
}

#[derive(Clone, Copy, Debug)]
struct Lists {
    coverage: f64,
    gini: f64,
    novelty: f64,
}

/// Between what bounds a mean lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl RankingReport {
    pub(super) fn new(
        k: usize,
        protocol: String,
        ranks: Vec<Ranks>,
        lists: Option<Vec<Vec<u32>>>,
        train: &UserItems,
        cold: [usize; 2],
    ) -> Self {
        let shown = lists.as_deref().map(|lists| Lists::of(lists, train));
        Self { k, protocol, ranks, lists, shown, trained: [train.rows(), train.columns()], cold }
    }

    /// The users with a relevant item, in the order of [`values`](Self::values).
    pub fn users(&self) -> impl ExactSizeIterator<Item = UserIndex> {
        self.ranks.iter().map(|ranks| ranks.user)
    }

    /// The value of each user.
    pub fn values(&self, metric: RankingMetric) -> Vec<f64> {
        self.ranks.iter().map(|ranks| metric.value(&ranks.ranks, ranks.candidates, self.k)).collect()
    }

    /// The mean over users.
    pub fn mean(&self, metric: RankingMetric) -> f64 {
        mean(&self.values(metric))
    }

    /// Where the mean over other users of the same kind would lie with the probability `level`: percentiles of the means of
    /// 1000 draws of as many users, with replacement (Efron 1979).
    ///
    /// # Errors
    /// If the level is not between 0 and 1.
    pub fn interval(&self, metric: RankingMetric, level: f64, seed: u64) -> Result<Interval> {
        const DRAWS: usize = 1000;
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::argument("level", level, "between 0 and 1, both excluded"));
        }
        let values = self.values(metric);
        let mut random = Philox::new(seed).named("bootstrap");
        let mut draw = || (0..values.len()).map(|_| values[random.below(values.len())]).sum::<f64>();
        let mut means: Vec<f64> = (0..DRAWS).map(|_| draw() / values.len() as f64).collect();
        means.sort_by(f64::total_cmp);
        let at = |share: f64| means[(share * (DRAWS - 1) as f64).round() as usize];
        Ok(Interval { low: at((1.0 - level) / 2.0), high: at((1.0 + level) / 2.0) })
    }

    /// The share of the items that are in a list; none of a sample.
    pub fn coverage(&self) -> Option<f64> {
        self.shown.map(|lists| lists.coverage)
    }

    /// The Gini coefficient of how often each item is in a list: 0 if all are equally often, nearly 1 if it is always the same
    /// few; none of a sample.
    pub fn gini(&self) -> Option<f64> {
        self.shown.map(|lists| lists.gini)
    }

    /// The mean of `-log2` of the share of the training users who have an interaction with a listed item, in bits (Zhou et al.
    /// 2010): more for what few know; none of a sample.
    pub fn novelty(&self) -> Option<f64> {
        self.shown.map(|lists| lists.novelty)
    }

    /// The mean over lists of `1 - s`, with the mean `s` over pairs of listed items of the cosine between the sets of
    /// training users who have them, `n_ab / sqrt(n_a n_b)` (Ziegler et al. 2005): 0 if a list has what the same users have;
    /// none of a sample, or where no list has two items.
    ///
    /// # Errors
    /// If the interactions are not those of the training part.
    pub fn diversity(&self, train: &impl AsRef<UserItems>) -> Result<Option<f64>> {
        let train = train.as_ref();
        let Some(lists) = &self.lists else { return Ok(None) };
        if [train.rows(), train.columns()] != self.trained {
            let found = format!("{} users and {} items", train.rows(), train.columns());
            let wanted = format!("{} and {}, as the training part has", self.trained[0], self.trained[1]);
            return Err(Error::mismatch("interactions", found, wanted));
        }
        let users = train.transposed();
        let cosine = |a: u32, b: u32| {
            let [a, b] = [a, b].map(|item| users.row(ItemIndex::new(item)).0);
            common(a, b) as f64 / ((a.len() * b.len()) as f64).sqrt().max(1.0)
        };
        let lists: Vec<&[u32]> = lists.iter().map(|list| &list[..]).filter(|list| list.len() > 1).collect();
        // Lists share most of their pairs: of so many lists each pair is looked at once.
        let longest = lists.iter().map(|list| list.len()).max().unwrap_or(2);
        let block = (PAIRS / (longest * (longest - 1) / 2)).max(1);
        let mut each = Vec::with_capacity(lists.len());
        for lists in lists.chunks(block) {
            let mut distinct: Vec<[u32; 2]> = lists.iter().flat_map(|list| pairs(list)).collect();
            distinct.par_sort_unstable();
            distinct.dedup();
            let cosines: Vec<f64> = distinct.par_iter().map(|&[a, b]| cosine(a, b)).collect();
            let mean = |list: &&[u32]| {
                let place = |pair| distinct.binary_search(&pair).expect("a pair of the list");
                let sum: f64 = pairs(list).map(|pair| cosines[place(pair)]).sum();
                1.0 - sum / (list.len() * (list.len() - 1) / 2) as f64
            };
            each.par_extend(lists.par_iter().map(mean));
        }
        Ok((!each.is_empty()).then(|| mean(&each)))
    }

    /// Held-out interactions of users that the training part does not know; they are in no figure.
    pub fn cold_users(&self) -> usize {
        self.cold[0]
    }

    /// Held-out interactions of known users with items that the training part does not know; they are in no figure.
    pub fn cold_items(&self) -> usize {
        self.cold[1]
    }

    /// What was ranked: `all items`, `sampled(n)` or `given lists`.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }
}

impl std::fmt::Display for RankingReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [users, items] = self.cold;
        writeln!(
            f,
            "{} users, {}; cold: {users} of users, {items} of items",
            self.ranks.len(),
            self.protocol()
        )?;
        let figures = RankingMetric::ALL.map(|metric| (metric.name(self.k), self.mean(metric)));
        let lists = self.shown.map(|lists| {
            [("coverage", lists.coverage), ("Gini", lists.gini), ("novelty", lists.novelty)]
                .map(|(name, value)| (name.to_string(), value))
        });
        let figures = figures.into_iter().chain(lists.into_iter().flatten());
        let figures: Vec<String> = figures.map(|(name, value)| format!("{name} {value:.4}")).collect();
        f.write_str(&figures.join(", "))
    }
}

impl Lists {
    fn of(lists: &[Vec<u32>], train: &UserItems) -> Self {
        let (mut shown, mut known) = (vec![0usize; train.columns()], vec![0usize; train.columns()]);
        lists.iter().flatten().for_each(|&item| shown[item as usize] += 1);
        train.indices().iter().for_each(|&item| known[item as usize] += 1);
        let users = train.rows() as f64;
        let information = |&item: &u32| -(known[item as usize] as f64 / users).log2();
        let total: usize = shown.iter().sum();
        let novelty = lists.iter().flatten().map(information).sum::<f64>() / total.max(1) as f64;
        let coverage = shown.iter().filter(|&&count| count > 0).count() as f64 / shown.len() as f64;
        shown.sort_unstable();
        let n = shown.len() as f64;
        let ranked =
            shown.iter().zip(1..).map(|(&count, rank)| (2.0 * f64::from(rank) - n - 1.0) * count as f64);
        Self { coverage, gini: ranked.sum::<f64>() / (n * total.max(1) as f64), novelty }
    }
}

/// Pairs of items that are looked at together, of 16 bytes with their cosine.
const PAIRS: usize = 1 << 22;

/// The pairs of a list, the lower number first.
fn pairs(list: &[u32]) -> impl Iterator<Item = [u32; 2]> {
    (0..list.len()).flat_map(move |at| (0..at).map(move |other| [list[at], list[other]]).map(sorted))
}

fn sorted([a, b]: [u32; 2]) -> [u32; 2] {
    [a.min(b), a.max(b)]
}

/// How many numbers two ascending lists share.
fn common(a: &[u32], b: &[u32]) -> usize {
    let (mut at, mut shared) = (0, 0);
    for &x in a {
        while at < b.len() && b[at] < x {
            at += 1;
        }
        shared += usize::from(b.get(at) == Some(&x));
    }
    shared
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
