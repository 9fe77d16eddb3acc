//! [`Shape`]: the lengths of the axes behind the batch axis, some of which may be unknown until a batch comes.

use std::fmt;

use fornax_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The most elements of a sample, a terabyte of floats.
const LARGEST_SAMPLE: usize = 1 << 38;

/// The shape of one sample; `None` is an axis of any length (a sequence, an image of any size).
///
/// ```
/// use fornax_layers::Shape;
///
/// let shape = Shape::from([28, 28, 1]);
/// assert_eq!(shape.elements()?, 784);
/// assert_eq!(shape.to_string(), "(None, 28, 28, 1)");
/// assert_eq!(Shape::from([None, Some(8)]).last()?, 8);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape(Vec<Option<usize>>);

impl Shape {
    /// The number of axes behind the batch axis.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The lengths of the axes.
    pub fn axes(&self) -> &[Option<usize>] {
        &self.0
    }

    /// The length of `axis`.
    ///
    /// # Errors
    /// If there is no such axis or its length is unknown.
    pub fn known(&self, axis: usize) -> Result<usize> {
        self.0.get(axis).copied().flatten().ok_or_else(|| {
            Error::shape("input", format!("shape {self}"), format!("a known length of axis {}", axis + 1))
        })
    }

    /// The length of the last axis.
    ///
    /// # Errors
    /// If there is no axis or its length is unknown.
    pub fn last(&self) -> Result<usize> {
        match self.0.last() {
            Some(Some(len)) => Ok(*len),
            _ => Err(Error::shape("input", format!("shape {self}"), "a known length of the last axis")),
        }
    }

    /// The number of elements of a sample.
    ///
    /// # Errors
    /// If a length is unknown.
    pub fn elements(&self) -> Result<usize> {
        (0..self.rank()).map(|axis| self.known(axis)).product()
    }

    /// An error where a sample would have more than [`LARGEST_SAMPLE`] elements (an unknown length counts as 1),
    /// which keeps all arithmetic of lengths in range.
    pub(crate) fn check_size(&self) -> Result<()> {
        let mut lengths = self.0.iter().map(|len| len.unwrap_or(1).max(1));
        let elements = lengths.try_fold(1usize, |product, len| product.checked_mul(len));
        match elements.is_some_and(|elements| elements <= LARGEST_SAMPLE) {
            true => Ok(()),
            false => Err(Error::shape(
                "sample",
                format!("shape {self}"),
                format!("at most {LARGEST_SAMPLE} elements"),
            )),
        }
    }

    /// The same shape with another last axis.
    pub fn with_last(&self, len: usize) -> Self {
        let mut axes = self.0.clone();
        match axes.last_mut() {
            Some(last) => *last = Some(len),
            None => axes.push(Some(len)),
        }
        Self(axes)
    }

    /// An error unless the rank is `rank`; `axes` names the axes, for example `[height, width, channels]`.
    ///
    /// # Errors
    /// Names the shape found and the axes wanted.
    pub fn expect_rank(&self, rank: usize, axes: &str) -> Result<()> {
        if self.rank() == rank {
            return Ok(());
        }
        Err(Error::shape("input", format!("shape {self}"), format!("{axes} behind the batch axis")))
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(None")?;
        for axis in &self.0 {
            match axis {
                Some(len) => write!(f, ", {len}")?,
                None => write!(f, ", None")?,
            }
        }
        write!(f, ")")
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(axes: [usize; N]) -> Self {
        Self(axes.map(Some).to_vec())
    }
}

impl<const N: usize> From<[Option<usize>; N]> for Shape {
    fn from(axes: [Option<usize>; N]) -> Self {
        Self(axes.to_vec())
    }
}

impl From<&[usize]> for Shape {
    fn from(axes: &[usize]) -> Self {
        Self(axes.iter().copied().map(Some).collect())
    }
}

impl From<Vec<Option<usize>>> for Shape {
    fn from(axes: Vec<Option<usize>>) -> Self {
        Self(axes)
    }
}
