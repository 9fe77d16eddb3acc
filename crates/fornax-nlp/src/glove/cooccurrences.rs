//! Counting: how often words stand near each other, closer ones counting more.

use fornax_core::{Error, Result};
use rayon::prelude::*;

use crate::{Corpus, WordCounts};

/// How pairs are counted.
pub(super) struct Counting {
    pub(super) window: usize,
    pub(super) symmetric: bool,
    pub(super) memory: u64,
}

/// A word, a word near it, and the sum of `1 / d` over their distances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) word: u32,
    pub(super) context: u32,
    pub(super) count: f32,
}

/// A pair as one number, and its weight as a multiple of `1 / UNIT`: sums of whole numbers do not depend on their order.
type Weighted = (u64, u64);

const UNIT: f64 = (1u64 << 32) as f64;
/// The most bytes a counted pair takes: as `Weighted` beside it as two `Pair`s, or while two lists of `Weighted` are merged.
const BYTES: u64 = 48;

impl Counting {
    /// All pairs that come, each once, in an order that the corpus alone decides.
    pub(super) fn pairs<C: Corpus + ?Sized>(&self, corpus: &C, counts: &WordCounts) -> Result<Vec<Pair>> {
        let most = (self.memory / BYTES) as usize;
        let buffer = (most / 4).clamp(1, 1 << 24);
        let mut weights: Vec<u64> = vec![];
        let (mut counted, mut new, mut text): (Vec<Weighted>, Vec<Weighted>, Vec<u32>) =
            (vec![], vec![], vec![]);
        corpus.visit(&mut |tokens| {
            text.clear();
            text.extend(tokens.filter_map(|token| counts.index(token)));
            let distances = weights.len() + 1..=self.window.min(text.len());
            weights.extend(distances.map(|distance| (UNIT / distance as f64).round() as u64));
            for (at, &word) in text.iter().enumerate() {
                let near = text[at.saturating_sub(self.window)..at].iter().rev();
                for (&context, &weight) in near.zip(&weights) {
                    // A symmetric pair is counted once, the lower word first.
                    let swapped = self.symmetric && context < word;
                    let [first, second] = if swapped { [context, word] } else { [word, context] };
                    new.push((u64::from(first) << 32 | u64::from(second), weight));
                }
                if new.len() >= buffer {
                    counted = self.merged(std::mem::take(&mut counted), &mut new, most)?;
                }
            }
            Ok(())
        })?;
        counted = self.merged(counted, &mut new, most)?;
        let pair = |&(key, sum): &Weighted| {
            let (word, context) = ((key >> 32) as u32, key as u32);
            // A word beside itself is near itself on both sides.
            let sides = if self.symmetric && word == context { 2.0 } else { 1.0 };
            Pair { word, context, count: (sides * sum as f64 / UNIT) as f32 }
        };
        let mut pairs = Vec::with_capacity(counted.len() * if self.symmetric { 2 } else { 1 });
        pairs.extend(counted.iter().map(pair));
        if self.symmetric {
            for at in 0..counted.len() {
                let Pair { word: context, context: word, count } = pairs[at];
                if word != context {
                    pairs.push(Pair { word, context, count });
                }
            }
        }
        Ok(pairs)
    }

    /// What is counted with what is new, which is empty behind that.
    fn merged(&self, counted: Vec<Weighted>, new: &mut Vec<Weighted>, most: usize) -> Result<Vec<Weighted>> {
        new.par_sort_unstable();
        new.dedup_by(|(other, weight), (key, sum)| {
            let same = key == other;
            *sum += if same { *weight } else { 0 };
            same
        });
        let mut merged: Vec<Weighted> = Vec::with_capacity(counted.len() + new.len());
        let mut add = |(key, weight): Weighted| match merged.last_mut() {
            Some((last, sum)) if *last == key => *sum += weight,
            _ => merged.push((key, weight)),
        };
        let mut others = new.iter().copied().peekable();
        for pair in counted {
            while let Some(other) = others.next_if(|other| other.0 < pair.0) {
                add(other);
            }
            add(pair);
        }
        others.for_each(add);
        new.clear();
        if merged.len() > most {
            let found = format!("{} pairs of words", merged.len());
            let wanted =
                format!("at most {most} in {} bytes: a greater min_count or more memory", self.memory);
            return Err(Error::data("corpus", found, wanted));
        }
        Ok(merged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(texts: &[Vec<String>], counting: &Counting) -> Result<(WordCounts, Vec<Pair>)> {
        let counts = WordCounts::of(texts, 1, None)?;
        let pairs = counting.pairs(texts, &counts)?;
        Ok((counts, pairs))
    }

    proptest! {
        #![proptest_config(fornax_testkit::config(256))]

        /// Counts are those of two loops over the places of each text, whatever the size of the buffer.
        #[test]
        fn counts_are_those_of_two_loops(
            texts in proptest::collection::vec(proptest::collection::vec("[a-e]", 1..20), 1..8),
            window in 1usize..6, symmetric: bool, memory in prop_oneof![Just(16u64 << 10), Just(1 << 30)],
        ) {
            let (counts, pairs) = counted(&texts, &Counting { window, symmetric, memory }).unwrap();
            let words = counts.len();
            let mut wanted = vec![0.0f64; words * words];
            for text in &texts {
                let text: Vec<usize> = text.iter().map(|word| counts.index(word).unwrap() as usize).collect();
                for (i, &word) in text.iter().enumerate() {
                    for (j, &context) in text.iter().enumerate() {
                        if i != j && i.abs_diff(j) <= window && (symmetric || j < i) {
                            wanted[word * words + context] += 1.0 / i.abs_diff(j) as f64;
                        }
                    }
                }
            }
            let mut found = vec![0.0; words * words];
            for pair in &pairs {
                prop_assert!(pair.count > 0.0);
                found[pair.word as usize * words + pair.context as usize] += f64::from(pair.count);
            }
            let mut keys: Vec<_> = pairs.iter().map(|pair| (pair.word, pair.context)).collect();
            keys.sort_unstable();
            prop_assert!(keys.is_sorted_by(|a, b| a < b), "a pair is there twice");
            prop_assert!(found.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-4 * b.max(1.0)));
        }
    }

    #[test]
    fn more_pairs_than_memory_holds_are_an_error() {
        let texts: Vec<Vec<String>> = vec![(0..100).map(|at| format!("w{at}")).collect()];
        let counting = Counting { window: 10, symmetric: true, memory: 16 << 10 };
        let error = counted(&texts, &counting).unwrap_err().to_string();
        assert!(error.contains("wanted at most 341 in 16384 bytes"), "{error}");
    }
}
