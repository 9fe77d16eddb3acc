//! [`Aligned`]: numbers that begin on a cache line.

use std::ops::Deref;

use crate::lanes::Line;

/// A copy of numbers that begins on a cache line (64 bytes): of a table whose rows are multiples of 16 numbers, no vector lies in
/// two lines.
///
/// ```
/// let table = fornax_core::linalg::Aligned::from([1.0; 40].as_slice());
/// assert_eq!((table.len(), table.as_ptr() as usize % 64), (40, 0));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl From<&[f32]> for Aligned {
    fn from(values: &[f32]) -> Self {
        let (lines, rest) = values.as_chunks();
        let mut lines: Vec<Line> = lines.iter().map(|&line| Line(line)).collect();
        if !rest.is_empty() {
            let mut last = [0.0; 16];
            last[..rest.len()].copy_from_slice(rest);
            lines.push(Line(last));
        }
        Self { lines, len: values.len() }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a line is 16 numbers and nothing else, and there are lines for all of them.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}
