//! Sequences of different lengths as one array.

use fornax_core::{Array, Error, Result};
use serde::{Deserialize, Serialize};

/// An end of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// The beginning.
    Pre,
    /// The end.
    Post,
}

/// How sequences become rows of one length.
///
/// Defaults: the length of the longest sequence, padded at the end (where recurrent layers pay nothing for it; Keras
/// pads at the beginning) with 0, too long ones cut at the end.
///
/// ```
/// use fornax_data::text::Padding;
///
/// let padded = Padding::new().apply(&[vec![3, 1], vec![4, 1, 5]])?;
/// assert_eq!(padded.array.shape(), [2, 3]);
/// assert_eq!(padded.array.to_i32(), [3, 1, 0, 4, 1, 5]);
/// assert_eq!(padded.lengths, [2, 3]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    length: Option<usize>,
    value: i32,
    pad: Side,
    truncate: Side,
}

impl Default for Padding {
    fn default() -> Self {
        Self::new()
    }
}

/// Rows of one length and how much of each is no padding.
#[derive(Clone, Debug, PartialEq)]
pub struct Padded {
    /// The rows, `[sequences, length]`, integers.
    pub array: Array,
    /// The lengths of the sequences, cut ones after the cut.
    pub lengths: Vec<usize>,
    pad: Side,
}

impl Padding {
    /// The defaults.
    pub const fn new() -> Self {
        Self { length: None, value: 0, pad: Side::Post, truncate: Side::Post }
    }

    /// The length of every row.
    pub const fn length(mut self, length: usize) -> Self {
        self.length = Some(length);
        self
    }

    /// What pads.
    pub const fn value(mut self, value: i32) -> Self {
        self.value = value;
        self
    }

    /// Where the padding comes.
    pub const fn pad(mut self, side: Side) -> Self {
        self.pad = side;
        self
    }

    /// Where too long sequences are cut.
    pub const fn truncate(mut self, side: Side) -> Self {
        self.truncate = side;
        self
    }

    /// The sequences as rows.
    ///
    /// # Errors
    /// If there is no sequence, or a row would have no element.
    pub fn apply<S: AsRef<[i32]>>(&self, sequences: &[S]) -> Result<Padded> {
        let longest = sequences.iter().map(|sequence| sequence.as_ref().len()).max();
        let length = match (self.length, longest) {
            (_, None) => return Err(Error::data("sequences", "none", "at least one")),
            (Some(0), _) => return Err(Error::argument("length", 0, "at least 1")),
            (None, Some(0)) => {
                return Err(Error::data("sequences", "empty ones alone", "an element or a length"));
            }
            (Some(length), _) | (None, Some(length)) => length,
        };
        let (mut values, mut lengths) = (Vec::with_capacity(sequences.len() * length), vec![]);
        for sequence in sequences {
            let sequence = sequence.as_ref();
            let excess = sequence.len().saturating_sub(length);
            let kept = match self.truncate {
                Side::Pre => &sequence[excess..],
                Side::Post => &sequence[..sequence.len() - excess],
            };
            let padding = std::iter::repeat_n(self.value, length - kept.len());
            match self.pad {
                Side::Pre => values.extend(padding.chain(kept.iter().copied())),
                Side::Post => values.extend(kept.iter().copied().chain(padding)),
            }
            lengths.push(kept.len());
        }
        Ok(Padded { array: Array::from_i32([sequences.len(), length], values)?, lengths, pad: self.pad })
    }
}

impl Padded {
    /// 1 where an element is no padding, else 0, `[sequences, length]`.
    pub fn mask(&self) -> Array {
        let length = self.array.row_len();
        let counts = |row: usize, at: usize| match self.pad {
            Side::Pre => at >= length - row,
            Side::Post => at < row,
        };
        let rows = self.lengths.iter();
        let values = rows.flat_map(|&row| (0..length).map(move |at| f32::from(u8::from(counts(row, at)))));
        Array::from_vec(self.array.shape(), values.collect()).expect("an element each")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_pad_and_cut() {
        let sequences = [vec![1, 2, 3], vec![4], vec![]];
        let apply = |padding: Padding| {
            let padded = padding.apply(&sequences).unwrap();
            (padded.array.to_i32(), padded.mask().to_f32(), padded.lengths)
        };
        let (values, mask, lengths) = apply(Padding::new().length(2).value(-1));
        assert_eq!(values, [1, 2, 4, -1, -1, -1]);
        assert_eq!((&mask[..], &lengths[..]), (&[1.0, 1.0, 1.0, 0.0, 0.0, 0.0][..], &[2, 1, 0][..]));
        // The defaults of Keras's pad_sequences.
        let (values, mask, _) = apply(Padding::new().length(2).pad(Side::Pre).truncate(Side::Pre));
        assert_eq!(values, [2, 3, 0, 4, 0, 0]);
        assert_eq!(mask, [1.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(apply(Padding::new()).0, [1, 2, 3, 4, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn rows_without_elements_are_errors() {
        assert!(Padding::new().apply::<Vec<i32>>(&[]).is_err());
        assert!(Padding::new().apply(&[vec![], vec![]]).is_err());
        assert!(Padding::new().length(0).apply(&[vec![1]]).is_err());
        assert_eq!(Padding::new().length(2).apply(&[vec![]]).unwrap().lengths, [0]);
    }
}
