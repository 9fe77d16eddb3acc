//! A corpus for tests.

use fornax_core::Philox;

/// Texts of two topics, by turns, with words that both have.
pub(crate) fn corpus(texts: usize) -> Vec<Vec<String>> {
    let mut random = Philox::new(5);
    let word = |at: usize, random: &mut Philox| match random.below(3) {
        0 => format!("common{}", random.below(5)),
        _ => format!("{}{}", ["a", "b"][at % 2], random.below(10)),
    };
    (0..texts).map(|at| (0..20).map(|_| word(at, &mut random)).collect()).collect()
}
