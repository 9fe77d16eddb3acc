//! [`Aligned`]: numbers that begin on a cache line.

use std::ops::{Deref, DerefMut};

use crate::lanes::LINE;

/// Numbers that begin on a cache line (64 bytes): of a table whose rows are multiples of 16 numbers, no vector lies in two lines.
///
/// ```
/// let mut table = fornax_core::linalg::Aligned::zeros(40);
/// table[39] = 1.0;
/// assert_eq!((table.len(), table.iter().sum::<f32>(), table.as_ptr() as usize % 64), (40, 1.0, 0));
/// ```
#[derive(Debug, Default)]
pub struct Aligned {
    /// With room for a line that is not aligned: memory that is asked for with an alignment of its own glibc seldom gives
    /// again after it was freed, but fetches it anew.
    numbers: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// So many zeros.
    pub fn zeros(len: usize) -> Self {
        let numbers = vec![0.0; len + LINE - 1];
        let address = numbers.as_ptr() as usize / size_of::<f32>();
        Self { numbers, start: address.next_multiple_of(LINE) - address, len }
    }

    /// How far rows of so many numbers begin apart, if each is to begin on a line, and those of several not in the same set of the
    /// cache: an odd number of lines.
    pub fn stride(columns: usize) -> usize {
        LINE * (columns.div_ceil(LINE) | 1)
    }

    /// Room for so many numbers, whatever they are.
    pub(super) fn room(&mut self, len: usize) -> &mut [f32] {
        if self.len < len {
            *self = Self::zeros(len);
        }
        &mut self[..len]
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers[self.start..][..self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[self.start..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_and_copies_begin_on_a_line() {
        for len in [0, 1, 16, 17, 1000] {
            let mut numbers = Aligned::zeros(len);
            assert!(numbers.len() == len && numbers.iter().all(|&x| x == 0.0));
            numbers.iter_mut().for_each(|x| *x = 2.0);
            let copy = numbers.clone();
            assert!(copy.len() == len && copy.iter().all(|&x| x == 2.0));
            for numbers in [numbers, copy] {
                assert_eq!(numbers.as_ptr() as usize % 64, 0, "{len} numbers");
            }
        }
    }
}
