//! Edit distance and what is counted with it; accuracy of tokens without the padding.

use fornax_core::{Error, Result};

use super::expect_equal;

/// The least number of insertions, deletions and substitutions that turn `a` into `b` (Levenshtein 1966).
///
/// ```
/// use fornax_sequence::metrics::edit_distance;
///
/// assert_eq!(edit_distance(b"kitten", b"sitting"), 3);
/// ```
pub fn edit_distance<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    // The distances of the elements of `a` so far to every beginning of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The edit distances of all predictions over the lengths of all references: of words the word error rate, of
/// characters the character error rate.
///
/// # Errors
/// If there are not as many predictions as references, or the references are empty.
///
/// ```
/// use fornax_sequence::metrics::label_error_rate;
///
/// let rate = label_error_rate(&[vec![1, 2, 3], vec![4]], &[vec![1, 3], vec![5]])?;
/// assert_eq!(rate, 2.0 / 4.0);
/// # Ok::<(), fornax_core::Error>(())
/// ```
pub fn label_error_rate<T: PartialEq>(references: &[Vec<T>], predictions: &[Vec<T>]) -> Result<f64> {
    expect_equal("predictions", predictions.len(), references.len())?;
    let labels: usize = references.iter().map(Vec::len).sum();
    if labels == 0 {
        return Err(Error::data("references", "no label", "at least one"));
    }
    let pairs = references.iter().zip(predictions);
    let edits: usize = pairs.map(|(reference, prediction)| edit_distance(reference, prediction)).sum();
    Ok(edits as f64 / labels as f64)
}

/// The share of tokens that are right, of those whose reference is not `padding`.
///
/// # Errors
/// If there are not as many predictions as references, or all references are padding.
///
/// ```
/// use fornax_sequence::metrics::token_accuracy;
///
/// assert_eq!(token_accuracy(&[3, 1, 2, 2, -1], &[3, 1, 1, 2, 7], -1)?, 0.75);
/// # Ok::<(), fornax_core::Error>(())
/// ```
pub fn token_accuracy<T: PartialEq>(references: &[T], predictions: &[T], padding: T) -> Result<f64> {
    expect_equal("predictions", predictions.len(), references.len())?;
    let counted = references.iter().zip(predictions).filter(|(reference, _)| **reference != padding);
    let (count, right) =
        counted.fold((0, 0), |(count, right), (a, b)| (count + 1, right + usize::from(a == b)));
    match count {
        0 => Err(Error::data("references", "padding alone", "at least one token")),
        count => Ok(right as f64 / count as f64),
    }
}
