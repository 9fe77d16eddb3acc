//! [`TopK`]: the largest of many numbers that come in pieces.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The `k` largest scores seen so far, and where they were: the largest first, equal ones by ascending place. Minus infinity
/// and NaN never count.
///
/// A piece is compared with the smallest of them a vector at a time; what is larger is rare once there are `k`.
///
/// ```
/// use fornax_core::linalg::TopK;
///
/// let mut best = TopK::new(2);
/// best.offer(&[1.0, 5.0, 3.0], 0);
/// best.offer(&[5.0, 4.0], 3);
/// assert_eq!(best.into_vec(), [(5.0, 1), (5.0, 3)]);
/// ```
#[derive(Clone, Debug)]
pub struct TopK {
    k: usize,
    best: Best,
}

#[derive(Clone, Debug)]
enum Best {
    /// The best first: for few the fastest.
    Sorted(Vec<Numbered>),
    /// The worst on top.
    Heap(BinaryHeap<Numbered>),
}

/// From how many on a heap is faster than a sorted list.
const MANY: usize = 512;

impl TopK {
    /// For the `k` largest.
    pub fn new(k: usize) -> Self {
        Self { k, best: if k < MANY { Best::Sorted(vec![]) } else { Best::Heap(BinaryHeap::new()) } }
    }

    /// Looks at scores of the places from `first` on, which have to come in ascending order.
    pub fn offer(&mut self, scores: &[f32], first: u32) {
        self.insert_above(scores, |at| first + at as u32, |least| least);
    }

    /// Looks at scores of numbered things, which may come in any order; of equal ones the lower number counts as larger.
    ///
    /// # Panics
    /// If there are not as many numbers as scores.
    pub fn offer_numbered(&mut self, scores: &[f32], numbers: &[u32]) {
        assert_eq!(scores.len(), numbers.len(), "a number for each score");
        // An equal score may have a lower number.
        self.insert_above(scores, |at| numbers[at], f32::next_down);
    }

    fn insert_above(&mut self, scores: &[f32], number: impl Fn(usize) -> u32, bound: impl Fn(f32) -> f32) {
        if self.k == 0 {
            return;
        }
        let mut from = 0;
        loop {
            let above = self.least().map_or(f32::NEG_INFINITY, &bound);
            let Some(at) = first_above(&scores[from..], above) else { return };
            from += at + 1;
            self.insert(Numbered(scores[from - 1], number(from - 1)));
        }
    }

    fn insert(&mut self, new: Numbered) {
        match &mut self.best {
            Best::Sorted(best) => {
                let rank = best.partition_point(|other| *other < new);
                if rank < self.k {
                    best.truncate(self.k - 1);
                    best.insert(rank, new);
                }
            }
            Best::Heap(best) if best.len() < self.k => best.push(new),
            Best::Heap(best) => {
                if let Some(mut worst) = best.peek_mut()
                    && new < *worst
                {
                    *worst = new;
                }
            }
        }
    }

    /// The smallest of the `k` largest; none where there are not as many yet.
    pub fn least(&self) -> Option<f32> {
        let (count, worst) = match &self.best {
            Best::Sorted(best) => (best.len(), best.last()),
            Best::Heap(best) => (best.len(), best.peek()),
        };
        worst.filter(|_| count == self.k).map(|worst| worst.0)
    }

    /// The scores and places, the largest first.
    pub fn into_vec(self) -> Vec<(f32, u32)> {
        let best = match self.best {
            Best::Sorted(best) => best,
            Best::Heap(best) => best.into_sorted_vec(),
        };
        best.into_iter().map(|Numbered(score, number)| (score, number)).collect()
    }
}

/// A score that is no NaN and its number; what comes first in the list is the least.
#[derive(Clone, Copy, Debug)]
struct Numbered(f32, u32);

impl Ord for Numbered {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = other.0.partial_cmp(&self.0).unwrap_or(Ordering::Equal);
        by_score.then(self.1.cmp(&other.1))
    }
}

impl PartialOrd for Numbered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Numbered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Numbered {}

simd_fn! {
    /// The place of the first score above `least`.
    fn first_above(scores: &[f32], least: f32) -> Option<usize> {
        const RUN: usize = 64;
        let mut start = 0;
        for run in scores.chunks(RUN) {
            if run.iter().fold(false, |any, &score| any | (score > least)) {
                return run.iter().position(|&score| score > least).map(|at| start + at);
            }
            start += RUN;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Philox;

    #[test]
    fn pieces_give_what_sorting_gives() {
        let mut random = Philox::new(2);
        let cases = [(0, 3, 5), (10, 20, 3), (1000, 10, 40), (1000, 10, 1_000_000), (300, 0, 5)];
        let many = [(500, 600, 7), (3000, MANY, 9), (3000, MANY, 1_000_000), (3000, MANY - 1, 50)];
        for (len, k, levels) in cases.into_iter().chain(many) {
            let mut scores: Vec<f32> = (0..len).map(|_| random.below(levels) as f32).collect();
            for bad in [f32::NAN, f32::NEG_INFINITY] {
                (0..len / 7).for_each(|_| scores[random.below(len)] = bad);
            }
            let mut wanted: Vec<(f32, u32)> =
                scores.iter().copied().zip(0..).filter(|(score, _)| *score > f32::NEG_INFINITY).collect();
            wanted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            wanted.truncate(k);
            for piece in [1, 7, 64, 333] {
                let mut best = TopK::new(k);
                let pieces = scores.chunks(piece).zip((0..).step_by(piece));
                pieces.for_each(|(scores, first)| best.offer(scores, first));
                assert_eq!(best.into_vec(), wanted);
            }
            let order: Vec<u32> = random.permutation(len).into_iter().map(|at| at as u32).collect();
            let mut best = TopK::new(k);
            for numbers in order.chunks(50) {
                let scores: Vec<f32> = numbers.iter().map(|&at| scores[at as usize]).collect();
                best.offer_numbered(&scores, numbers);
            }
            assert_eq!(best.into_vec(), wanted);
        }
    }
}
