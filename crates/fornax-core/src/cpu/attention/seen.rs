//! Which keys a query sees: what the options of attention leave, as ranges where they are ranges.

use std::ops::Range;

use crate::Mask;
use crate::cpu::host::Host;
use crate::ops::AttentionOptions;

/// Which keys are seen.
pub(super) struct Seen {
    /// What no query of a sample sees lies outside.
    ranges: Vec<Range<usize>>,
    /// `[batch, keys]`.
    keys: Option<Vec<bool>>,
    /// The mask and its steps along batch, heads, queries.
    mask: Option<(Vec<bool>, [usize; 3])>,
    causal: bool,
    /// The position of the first query.
    offset: usize,
    window: usize,
    count: usize,
}

impl Seen {
    pub(super) fn new<B: Host>(options: &AttentionOptions<B>, batch: usize, count: usize) -> Self {
        let keys = options.keys.as_ref().map(Mask::to_vec);
        let range = |sample: usize| {
            let len = options.lengths.as_ref().map_or(count, |lengths| lengths[sample].min(count));
            let Some(keys) = &keys else { return 0..len };
            let keys = &keys[sample * count..][..len];
            match keys.iter().position(|&seen| seen) {
                Some(first) => first..keys.iter().rposition(|&seen| seen).map_or(len, |last| last + 1),
                None => 0..0,
            }
        };
        let mask = options.mask.as_ref().map(|mask| {
            let [samples, heads, queries, keys] = mask.shape()[..] else { panic!("a mask of four axes") };
            assert_eq!(keys, count, "a mask tells for every key");
            let step = |len: usize, step: usize| if len == 1 { 0 } else { step };
            let steps =
                [step(samples, heads * queries * keys), step(heads, queries * keys), step(queries, keys)];
            (mask.to_vec(), steps)
        });
        Self {
            ranges: (0..batch).map(range).collect(),
            keys,
            mask,
            causal: options.causal,
            offset: options.offset,
            window: options.window.unwrap_or(usize::MAX),
            count,
        }
    }

    /// The keys that some of the queries may see.
    pub(super) fn range(&self, sample: usize, queries: &Range<usize>) -> Range<usize> {
        let Range { start, end } = self.ranges[sample].clone();
        let (first, last) = (self.near(queries.start), self.near(queries.end - 1));
        start.max(first.start)..end.min(last.end)
    }

    /// The keys that a query's position lets it see.
    fn near(&self, query: usize) -> Range<usize> {
        let position = query + self.offset;
        let reach = if self.causal { 1 } else { self.window };
        (position + 1).saturating_sub(self.window)..position.saturating_add(reach)
    }

    /// Scores of hidden keys become minus infinity.
    pub(super) fn hide(
        &self,
        (sample, head): (usize, usize),
        queries: &Range<usize>,
        keys: &Range<usize>,
        scores: &mut [f32],
    ) {
        let rows = || queries.clone().zip(0..);
        let (first, last) = (self.near(queries.start), self.near(queries.end - 1));
        if first.end < keys.end || last.start > keys.start {
            for (query, row) in rows() {
                let near = self.near(query);
                let place = |key: usize| key.clamp(keys.start, keys.end) - keys.start;
                let row = &mut scores[row * keys.len()..][..keys.len()];
                row[..place(near.start)].fill(f32::NEG_INFINITY);
                row[place(near.end)..].fill(f32::NEG_INFINITY);
            }
        }
        if let Some(mask) = &self.keys {
            let seen = &mask[sample * self.count..][keys.clone()];
            if seen.contains(&false) {
                scores.chunks_exact_mut(keys.len()).for_each(|row| hide_row(row, seen));
            }
        }
        if let Some((mask, [samples, heads, step])) = &self.mask {
            for (query, row) in rows() {
                let seen = &mask[sample * samples + head * heads + query * step..][keys.clone()];
                hide_row(&mut scores[row * keys.len()..][..keys.len()], seen);
            }
        }
    }
}

fn hide_row(scores: &mut [f32], seen: &[bool]) {
    scores
        .iter_mut()
        .zip(seen)
        .for_each(|(score, &seen)| *score = if seen { *score } else { f32::NEG_INFINITY });
}
