//! What BLEU and chrF share: counts of n-grams, and text as Python sees it.

use std::collections::HashMap;
use std::hash::Hash;

/// Whether Python's `str.split` splits here: Unicode's white space and four separators.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// The words between white space.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// How often each n-gram occurs.
pub(super) fn counts<T: Eq + Hash>(items: &[T], n: usize) -> HashMap<&[T], usize> {
    let mut counts = HashMap::new();
    items.windows(n).for_each(|ngram| *counts.entry(ngram).or_insert(0) += 1);
    counts
}

/// Text in lower case where that is asked for.
pub(super) fn cased(text: &str, lowercase: bool) -> std::borrow::Cow<'_, str> {
    if lowercase { text.to_lowercase().into() } else { text.into() }
}
