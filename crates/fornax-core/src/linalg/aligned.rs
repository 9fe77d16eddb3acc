//! [`Aligned`]: numbers that begin on a cache line.

use std::ops::{Deref, DerefMut};

use crate::lanes::Line;

/// Numbers that begin on a cache line (64 bytes): of a table whose rows are multiples of 16 numbers, no vector lies in two lines.
///
/// ```
/// let mut table = fornax_core::linalg::Aligned::zeros(40);
/// table[39] = 1.0;
/// assert_eq!((table.len(), table.iter().sum::<f32>(), table.as_ptr() as usize % 64), (40, 1.0, 0));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl Aligned {
    /// So many zeros.
    pub fn zeros(len: usize) -> Self {
        Self { lines: vec![Line([0.0; 16]); len.div_ceil(16)], len }
    }

    /// Room for so many numbers, whatever they are.
    pub(super) fn room(&mut self, len: usize) -> &mut [f32] {
        if self.len < len {
            *self = Self::zeros(len);
        }
        &mut self[..len]
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &Line::numbers(&self.lines)[..self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: a line is 16 numbers and nothing else, and there are lines for all of them; they are borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}
