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

    /// The ranks of some candidates, from 1, ascending.
    pub(super) fn ranks(&self, items: &[u32]) -> Vec<u32> {
        let score = |item: u32| self.scores[item as usize];
        let mut sorted = items.to_vec();
        sorted.sort_unstable_by(|&a, &b| score(b).total_cmp(&score(a)));
        // Those of one score together, the highest first; zeros of both signs are one.
        let groups: Vec<&[u32]> = sorted.chunk_by(|&a, &b| score(a) == score(b)).collect();
        let levels: Vec<f32> = groups.iter().map(|group| score(group[0])).collect();
        let Some(&least) = levels.last() else { return vec![] };
        // Of each level how many are above it but not above the one before, and who is on it.
        let (mut above, mut tied) = (vec![0u32; levels.len()], vec![vec![]; levels.len()]);
        for (item, &score) in (0..).zip(self.scores) {
            if score >= least {
                let level = levels.partition_point(|&level| level > score);
                match levels[level] == score {
                    true => tied[level].push(item),
                    false => above[level] += 1,
                }
            }
        }
        let mut ranks = Vec::with_capacity(items.len());
        let mut higher = 0;
        for ((group, above), tied) in groups.into_iter().zip(above).zip(tied) {
            higher += above;
            match &tied[..] {
                [_] => ranks.push(higher + 1),
                _ => {
                    let mut keys: Vec<_> = tied.iter().map(|&item| self.key(item)).collect();
                    keys.sort_unstable();
                    let place = |&item: &u32| keys.partition_point(|key| *key < self.key(item)) as u32;
                    ranks.extend(group.iter().map(|item| higher + place(item) + 1));
                }
            }
            higher += tied.len() as u32;
        }
        ranks.sort_unstable();
        ranks
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A candidate's rank is 1 and the number of those before it.
    #[test]
    fn ranks_are_counted() {
        let mut random = Philox::new(5);
        for levels in [1, 3, 40, 100_000] {
            let mut scores: Vec<f32> = (0..300).map(|_| random.below(levels) as f32 - 1.0).collect();
            (0..30).for_each(|_| scores[random.below(300)] = -0.0);
            let known: Vec<u32> = (0..300).filter(|_| random.below(4) == 0).collect();
            let asked: Vec<u32> =
                (0..300).filter(|item| !known.contains(item) && random.below(8) == 0).collect();
            known.iter().for_each(|&item| scores[item as usize] = f32::NAN);
            let candidates = Candidates { scores: &scores, order: Philox::new(9) };
            let before = |a: u32, b: u32| {
                let (first, second) = (scores[a as usize], scores[b as usize]);
                first > second || (first == second && candidates.key(a) < candidates.key(b))
            };
            let rank = |&item: &u32| 1 + (0..300).filter(|&other| before(other, item)).count() as u32;
            let mut wanted: Vec<u32> = asked.iter().map(rank).collect();
            wanted.sort_unstable();
            assert_eq!(candidates.ranks(&asked), wanted);
            assert!(candidates.ranks(&[]).is_empty());
        }
    }
}
