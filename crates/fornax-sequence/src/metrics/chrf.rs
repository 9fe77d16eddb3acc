//! chrF and chrF++: the F-score of character (and word) n-grams, with sacreBLEU's counting and signature.
//!
//! Precision and recall of each order are averaged over the orders that both sides have, then
//! `F = (1 + b²) P R / (b² P + R)`.
//!
//! Sources: M. Popović, *chrF*, WMT 2015, and *chrF++*, WMT 2017; numbers as `sacrebleu`.

use std::fmt;
use std::hash::Hash;

use fornax_core::Result;

use super::ngrams::{cased, counts, is_space, words};
use super::{SACREBLEU, check_sets};

const CHARACTER_ORDERS: usize = 6;

/// The metric with its options.
///
/// Defaults: chrF2, that is recall weighs twice as much as precision, characters up to 6 without white space, no
/// words; case counts. With [`word_order`](Self::word_order) 2 it is chrF2++.
///
/// ```
/// use fornax_sequence::metrics::Chrf;
///
/// let score = Chrf::new().corpus(&["A cat sat."], &[["The cat sat."]])?;
/// assert_eq!(
///     score.to_string(),
///     "chrF2|nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0 = 61.09"
/// );
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chrf {
    beta: usize,
    word_order: usize,
    lowercase: bool,
}

impl Default for Chrf {
    fn default() -> Self {
        Self::new()
    }
}

/// A chrF score from 0 to 100; `Display` prints it with its signature.
#[derive(Clone, Debug, PartialEq)]
pub struct ChrfScore {
    /// The score.
    pub score: f64,
    name: String,
    signature: String,
}

impl ChrfScore {
    /// `chrF`, the weight of recall, and a plus for each order of words.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What has to be said for others to get the same number, in sacreBLEU's form.
    pub fn signature(&self) -> &str {
        &self.signature
    }
}

impl fmt::Display for ChrfScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{} = {:.2}", self.name, self.signature, self.score)
    }
}

/// How many n-grams of one order there are, and how many are on both sides.
#[derive(Clone, Copy, Default)]
struct Matches {
    hypothesis: usize,
    reference: usize,
    both: usize,
}

impl Chrf {
    /// The metric with its defaults.
    pub const fn new() -> Self {
        Self { beta: 2, word_order: 0, lowercase: false }
    }

    /// How much more recall weighs than precision.
    pub const fn beta(mut self, beta: usize) -> Self {
        self.beta = beta;
        self
    }

    /// Up to which order n-grams of words count, too; 2 for chrF++.
    pub const fn word_order(mut self, word_order: usize) -> Self {
        self.word_order = word_order;
        self
    }

    /// Whether both sides are put in lower case.
    pub const fn lowercase(mut self, lowercase: bool) -> Self {
        self.lowercase = lowercase;
        self
    }

    /// The score of hypotheses, each against the sentence at its place in every set of references, of which the one
    /// with the best score counts.
    ///
    /// # Errors
    /// If there is no set of references, or one of another length than the hypotheses.
    pub fn corpus<H: AsRef<str>, R: AsRef<str>>(
        &self,
        hypotheses: &[H],
        references: &[impl AsRef<[R]>],
    ) -> Result<ChrfScore> {
        check_sets(hypotheses.len(), references)?;
        let mut sums = vec![Matches::default(); CHARACTER_ORDERS + self.word_order];
        for (at, hypothesis) in hypotheses.iter().enumerate() {
            let references = references.iter().map(|set| set.as_ref()[at].as_ref());
            for (sum, matches) in sums.iter_mut().zip(self.best(hypothesis.as_ref(), references)) {
                sum.hypothesis += matches.hypothesis;
                sum.reference += matches.reference;
                sum.both += matches.both;
            }
        }
        let case = if self.lowercase { "lc" } else { "mixed" };
        let (sets, words) = (references.len(), self.word_order);
        Ok(ChrfScore {
            score: self.f_score(&sums),
            name: format!("chrF{}{}", self.beta, "+".repeat(words)),
            signature: format!(
                "nrefs:{sets}|case:{case}|eff:yes|nc:{CHARACTER_ORDERS}|nw:{words}|space:no|version:{SACREBLEU}"
            ),
        })
    }

    /// The score of one sentence.
    ///
    /// # Errors
    /// If there is no reference.
    pub fn sentence(&self, hypothesis: &str, references: &[&str]) -> Result<ChrfScore> {
        let sets: Vec<[&str; 1]> = references.iter().map(|&reference| [reference]).collect();
        self.corpus(&[hypothesis], &sets)
    }

    /// The matches with the reference of the best score, of equal ones the first.
    fn best<'a>(&self, hypothesis: &str, references: impl Iterator<Item = &'a str>) -> Vec<Matches> {
        let hypothesis = Segment::new(hypothesis, self.lowercase);
        let mut best: Option<(f64, Vec<Matches>)> = None;
        for reference in references {
            let reference = Segment::new(reference, self.lowercase);
            let characters =
                (1..=CHARACTER_ORDERS).map(|n| matches(&hypothesis.characters, &reference.characters, n));
            let words = (1..=self.word_order).map(|n| matches(&hypothesis.words, &reference.words, n));
            let found: Vec<Matches> = characters.chain(words).collect();
            let score = self.f_score(&found);
            if best.as_ref().is_none_or(|(best, _)| score > *best) {
                best = Some((score, found));
            }
        }
        best.map(|(_, matches)| matches).unwrap_or_default()
    }

    fn f_score(&self, matches: &[Matches]) -> f64 {
        let counted: Vec<_> = matches.iter().filter(|m| m.hypothesis > 0 && m.reference > 0).collect();
        let mean = |share: fn(&Matches) -> f64| {
            counted.iter().map(|matches| share(matches)).sum::<f64>() / counted.len().max(1) as f64
        };
        let precision = mean(|m| m.both as f64 / m.hypothesis as f64);
        let recall = mean(|m| m.both as f64 / m.reference as f64);
        let factor = (self.beta * self.beta) as f64;
        match precision + recall {
            0.0 => 0.0,
            _ => 100.0 * (1.0 + factor) * precision * recall / (factor * precision + recall),
        }
    }
}

/// A sentence as characters without white space and as words with the punctuation split off.
struct Segment {
    characters: Vec<char>,
    words: Vec<String>,
}

impl Segment {
    fn new(text: &str, lowercase: bool) -> Self {
        let text = cased(text, lowercase);
        let characters = text.chars().filter(|&c| !is_space(c)).collect();
        Self { characters, words: words(&text).flat_map(split_punctuation).collect() }
    }
}

/// A word with its last mark of punctuation split off, or else its first.
fn split_punctuation(word: &str) -> Vec<String> {
    let (Some(first), Some(last)) = (word.chars().next(), word.chars().next_back()) else { return vec![] };
    let ends = word.len() - last.len_utf8();
    match word {
        _ if ends == 0 => vec![word.into()],
        _ if last.is_ascii_punctuation() => vec![word[..ends].into(), last.into()],
        _ if first.is_ascii_punctuation() => vec![first.into(), word[1..].into()],
        _ => vec![word.into()],
    }
}

/// The matches of one order. Without an n-gram in the reference those of the hypothesis do not count.
fn matches<T: Eq + Hash>(hypothesis: &[T], reference: &[T], n: usize) -> Matches {
    let references = counts(reference, n);
    let (mut total, mut both) = (0, 0);
    for (ngram, count) in counts(hypothesis, n) {
        total += count;
        both += references.get(ngram).map_or(0, |&most| most.min(count));
    }
    let hypothesis = if references.is_empty() { 0 } else { total };
    Matches { hypothesis, reference: (reference.len() + 1).saturating_sub(n), both }
}
