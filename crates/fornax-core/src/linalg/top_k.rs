//! [`TopK`]: the largest of many numbers that come in pieces.

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
    best: Vec<(f32, u32)>,
}

impl TopK {
    /// For the `k` largest.
    pub fn new(k: usize) -> Self {
        Self { k, best: vec![] }
    }

    /// Looks at scores of the places from `first` on, which have to come in ascending order.
    pub fn offer(&mut self, scores: &[f32], first: u32) {
        if self.k == 0 {
            return;
        }
        let mut from = 0;
        loop {
            let least = self.least().unwrap_or(f32::NEG_INFINITY);
            let Some(at) = first_above(&scores[from..], least) else { return };
            let (score, place) = (scores[from + at], first + (from + at) as u32);
            self.best.truncate(self.k - 1);
            let rank = self.best.partition_point(|&(other, _)| other >= score);
            self.best.insert(rank, (score, place));
            from += at + 1;
        }
    }

    /// Looks at scores of numbered things, which may come in any order; of equal ones the lower number counts as larger.
    ///
    /// # Panics
    /// If there are not as many numbers as scores.
    pub fn offer_numbered(&mut self, scores: &[f32], numbers: &[u32]) {
        assert_eq!(scores.len(), numbers.len(), "a number for each score");
        if self.k == 0 {
            return;
        }
        let mut from = 0;
        loop {
            // An equal score may have a lower number.
            let above = self.least().map_or(f32::NEG_INFINITY, f32::next_down);
            let Some(at) = first_above(&scores[from..], above) else { return };
            let new = (scores[from + at], numbers[from + at]);
            let rank = self
                .best
                .partition_point(|&(score, number)| score > new.0 || (score == new.0 && number < new.1));
            self.best.insert(rank, new);
            self.best.truncate(self.k);
            from += at + 1;
        }
    }

    /// The smallest of the `k` largest; none where there are not as many yet.
    pub fn least(&self) -> Option<f32> {
        if self.best.len() < self.k { None } else { self.best.last().map(|last| last.0) }
    }

    /// The scores and places, the largest first.
    pub fn into_vec(self) -> Vec<(f32, u32)> {
        self.best
    }
}

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
        for (len, k, levels) in [(0, 3, 5), (10, 20, 3), (1000, 10, 40), (1000, 10, 1_000_000), (300, 0, 5)] {
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
