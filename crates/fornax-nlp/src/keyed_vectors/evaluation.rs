//! How good word vectors are: analogies by section, and the rank correlation with what people say of pairs of words.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use fornax_core::linalg::row_products;
use fornax_core::{Error, Result};
use fornax_data::text::for_each_line;

use super::KeyedVectors;

/// A section of analogies.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalogySection {
    /// Its name in the file.
    pub name: String,
    /// Questions that were answered rightly.
    pub correct: usize,
    /// Questions all of whose words are known.
    pub total: usize,
}

/// The accuracy of analogies.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalogyReport {
    /// The sections in the order of the file.
    pub sections: Vec<AnalogySection>,
    /// Questions with a word that is not known; they do not count.
    pub unknown: usize,
}

/// Agreement with people on how similar pairs of words are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WordPairsReport {
    /// The rank correlation of Spearman.
    pub spearman: f64,
    /// The correlation of Pearson.
    pub pearson: f64,
    /// Pairs of known words.
    pub pairs: usize,
    /// Pairs with a word that is not known; they do not count.
    pub unknown: usize,
}

impl AnalogyReport {
    /// The share of right answers among all questions, or among those of the sections that `keep` wants.
    pub fn accuracy(&self, keep: impl Fn(&str) -> bool) -> f64 {
        let kept = self.sections.iter().filter(|section| keep(&section.name));
        let (correct, total) =
            kept.fold((0, 0), |(correct, total), section| (correct + section.correct, total + section.total));
        correct as f64 / (total as f64).max(1.0)
    }
}

impl fmt::Display for AnalogyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, correct: usize, total: usize| {
            let share = 100.0 * correct as f64 / (total as f64).max(1.0);
            writeln!(f, "{name:30} {share:5.1} % ({correct}/{total})")
        };
        for section in &self.sections {
            line(&section.name, section.correct, section.total)?;
        }
        let sum = |part: fn(&AnalogySection) -> usize| self.sections.iter().map(part).sum();
        line("total", sum(|section| section.correct), sum(|section| section.total))?;
        write!(f, "{} questions with unknown words", self.unknown)
    }
}

impl fmt::Display for WordPairsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spearman, pearson, pairs, unknown } = self;
        write!(f, "Spearman {spearman:.4}, Pearson {pearson:.4}, {pairs} pairs, {unknown} with unknown words")
    }
}

/// Queries whose scores are made as one product.
const AT_ONCE: usize = 256;

impl KeyedVectors {
    /// The accuracy of analogies `a b c d` (as `a` is to `b`, so is `c` to `d`) by 3CosAdd among the first `restrict` words,
    /// without regard to case, as gensim's `evaluate_word_analogies` counts.
    ///
    /// The file has lines `: section` and lines of four words.
    ///
    /// # Errors
    /// If the file cannot be read or a line is neither.
    pub fn evaluate_analogies(&self, path: impl AsRef<Path>, restrict: usize) -> Result<AnalogyReport> {
        let path = path.as_ref();
        let known = self.by_case(restrict);
        let (mut sections, mut questions, mut unknown) = (vec![], vec![], 0);
        for_each_line(path, |number, line| {
            if let Some(name) = line.strip_prefix(':') {
                sections.push(AnalogySection { name: name.trim().to_owned(), correct: 0, total: 0 });
                return Ok(());
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            match (&words[..], sections.len()) {
                ([], _) => {}
                ([_, _, _, _], 1..) => {
                    let indices: Vec<usize> =
                        words.iter().filter_map(|word| known.get(&word.to_uppercase()).copied()).collect();
                    match <[usize; 4]>::try_from(indices) {
                        Ok(question) => questions.push((sections.len() - 1, question)),
                        Err(_) => unknown += 1,
                    }
                }
                _ => {
                    let wanted = "a line : section, and behind it four words a line";
                    return Err(Error::format(path, format!("line {number}"), format!("{line:?}"), wanted));
                }
            }
            Ok(())
        })?;
        let rows = restrict.min(self.len());
        let mut units = vec![0.0; rows * self.dimension];
        for (row, unit) in units.chunks_exact_mut(self.dimension).enumerate() {
            self.add_unit(row, 1.0, unit);
        }
        // Of words that differ in case alone only the first can be an answer.
        let mut candidate = vec![false; rows];
        known.values().for_each(|&row| candidate[row] = true);
        for questions in questions.chunks(AT_ONCE) {
            let mut queries = vec![0.0; questions.len() * self.dimension];
            for ((_, [a, b, c, _]), query) in questions.iter().zip(queries.chunks_exact_mut(self.dimension)) {
                for (&row, weight) in [(a, -1.0), (b, 1.0), (c, 1.0)] {
                    self.add_unit(row, weight, query);
                }
            }
            let scores = row_products(&queries, &units, self.dimension)?;
            for ((section, [a, b, c, d]), scores) in questions.iter().zip(scores.chunks_exact(rows)) {
                let allowed = (0..rows).filter(|row| candidate[*row] && ![a, b, c].contains(&row));
                let best = allowed.reduce(|best, row| if scores[row] > scores[best] { row } else { best });
                sections[*section].total += 1;
                sections[*section].correct += usize::from(best == Some(*d));
            }
        }
        Ok(AnalogyReport { sections, unknown })
    }

    /// The correlation of the cosines with scores of people, among the first `restrict` words, without regard to case.
    ///
    /// The file has lines of two words and a score between tabs; lines that start with `#` do not count.
    ///
    /// # Errors
    /// If the file cannot be read or a line is neither, or fewer than two pairs are known.
    pub fn evaluate_word_pairs(&self, path: impl AsRef<Path>, restrict: usize) -> Result<WordPairsReport> {
        let path = path.as_ref();
        let known = self.by_case(restrict);
        let (mut found, mut wanted, mut unknown) = (vec![], vec![], 0);
        for_each_line(path, |number, line| {
            if line.starts_with('#') || line.trim().is_empty() {
                return Ok(());
            }
            let fault = || {
                let wanted = "two words and a number between tabs";
                Error::format(path, format!("line {number}"), format!("{line:?}"), wanted)
            };
            let [a, b, score] = line.split('\t').collect::<Vec<_>>()[..] else { return Err(fault()) };
            let score: f64 = score.trim().parse().map_err(|_| fault())?;
            match [a, b].map(|word| known.get(&word.trim().to_uppercase())) {
                [Some(&a), Some(&b)] => {
                    found.push(f64::from(self.similarity(&self.words()[a], &self.words()[b])?));
                    wanted.push(score);
                }
                _ => unknown += 1,
            }
            Ok(())
        })?;
        if found.len() < 2 {
            let found = format!("{} pairs of known words", found.len());
            return Err(Error::format(path, "end of file", found, "at least 2"));
        }
        let spearman = correlation(&ranks(&found), &ranks(&wanted));
        let pearson = correlation(&found, &wanted);
        Ok(WordPairsReport { spearman, pearson, pairs: found.len(), unknown })
    }

    /// The first words in upper case, each with its first place.
    fn by_case(&self, restrict: usize) -> HashMap<String, usize> {
        let mut known = HashMap::new();
        for (at, word) in self.words().iter().take(restrict).enumerate() {
            known.entry(word.to_uppercase()).or_insert(at);
        }
        known
    }
}

/// Ranks from 1, equal values with the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut start) = (vec![0.0; values.len()], 0);
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = start as f64 + (equal.len() + 1) as f64 / 2.0;
        equal.iter().for_each(|&at| ranks[at] = mean);
        start += equal.len();
    }
    ranks
}

/// The correlation of Pearson.
fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (x_mean, y_mean) = (mean(x), mean(y));
    let sum = |f: fn(f64, f64) -> f64| x.iter().zip(y).map(|(x, y)| f(x - x_mean, y - y_mean)).sum::<f64>();
    sum(|x, y| x * y) / (sum(|x, _| x * x) * sum(|_, y| y * y)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_ranks() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        assert!((correlation(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]) - 1.0).abs() < 1e-12);
        assert!((correlation(&ranks(&[1.0, 2.0, 9.0]), &ranks(&[5.0, 4.0, 1.0])) + 1.0).abs() < 1e-12);
    }
}
