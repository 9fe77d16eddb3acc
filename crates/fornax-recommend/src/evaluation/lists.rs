//! One user's candidates in their order: by score, equal scores by a draw.

use fornax_core::Philox;

/// The scores of all items; NaN is no candidate.
pub(super) struct Candidates<'a> {
    pub(super) scores: &'a [f32],
    /// Item `v`'s draw is the `v`-th number.
    pub(super) order: Philox,
}

impl Candidates<'_> {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.scores.iter().filter(|score| !score.is_nan()).count()
    }

    /// The rank of a candidate, from 1.
    pub(super) fn rank(&self, item: u32) -> u32 {
        let score = self.scores[item as usize];
        let (mut higher, mut equal) = (0u32, 0u32);
        for &other in self.scores {
            higher += u32::from(other > score);
            equal += u32::from(other == score);
        }
        if equal > 1 {
            let key = self.key(item);
            let others = (0..).zip(self.scores).filter(|(_, other)| **other == score);
            higher += others.filter(|&(other, _)| self.key(other) < key).count() as u32;
        }
        higher + 1
    }

    /// The first `k` candidates.
    pub(super) fn first(&self, k: usize) -> Vec<u32> {
        let mut list: Vec<u32> =
            (0..).zip(self.scores).filter(|(_, x)| !x.is_nan()).map(|(item, _)| item).collect();
        let score = |item: u32| self.scores[item as usize];
        if k < list.len() {
            list.select_nth_unstable_by(k, |&a, &b| score(b).total_cmp(&score(a)));
            // The last places may be a tie with some that lie beyond.
            let least = list[..k].iter().map(|&item| score(item)).fold(f32::INFINITY, f32::min);
            list.retain(|&item| score(item) >= least);
        }
        // Zeros of both signs are equal to ranks, so they have to be here.
        list.sort_by_cached_key(|&item| self.key(item));
        list.sort_by(|&a, &b| score(b).partial_cmp(&score(a)).unwrap_or(std::cmp::Ordering::Equal));
        list.truncate(k);
        list
    }

    fn key(&self, item: u32) -> (u32, u32) {
        (self.order.at(u64::from(item)).next_u32(), item)
    }
}

/// Leaves the relevant items and `count` others, that are in no list of `known`, as candidates; all others where there are
/// fewer.
pub(super) fn sample(
    count: usize,
    known: [&[u32]; 2],
    relevant: &[u32],
    mut random: Philox,
    scores: &mut [f32],
) {
    let mut kept = relevant.to_vec();
    let free = |item: usize| known.iter().all(|list| list.binary_search(&(item as u32)).is_err());
    let others = scores.len() - (0..scores.len()).filter(|&item| !free(item)).count();
    if others <= count {
        kept.extend((0..scores.len()).filter(|&item| free(item)).map(|item| item as u32));
    } else {
        let mut drawn = vec![false; scores.len()];
        let mut left = count;
        while left > 0 {
            let item = random.below(scores.len());
            if free(item) && !drawn[item] {
                drawn[item] = true;
                kept.push(item as u32);
                left -= 1;
            }
        }
    }
    keep(&[&kept], scores);
}

/// Leaves the items of some lists as candidates.
pub(super) fn keep(lists: &[&[u32]], scores: &mut [f32]) {
    let mut kept = vec![false; scores.len()];
    lists.iter().copied().flatten().for_each(|&item| kept[item as usize] = true);
    scores.iter_mut().zip(kept).filter(|(_, kept)| !kept).for_each(|(score, _)| *score = f32::NAN);
}
