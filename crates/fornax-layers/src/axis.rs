//! [`Axis`]: an axis argument as Keras has it, one number or a list, negative from the end.

use std::fmt;

use fornax_core::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One axis or a list of at most eight. Axis 0 is the batch, axis -1 the last.
///
/// ```
/// use fornax_layers::Axis;
///
/// assert_eq!(Axis::from(-1).resolve(3)?, [2]);
/// assert_eq!(Axis::from([2, 1]).resolve(4)?, [1, 2]);
/// let error = Axis::from(3).resolve(3).unwrap_err();
/// assert_eq!(error.to_string(), "axis: found 3, wanted distinct axes of a tensor of 3 axes");
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    axes: [i32; Self::MOST],
    len: usize,
    list: bool,
}

impl Axis {
    /// The largest number of axes in a list.
    pub const MOST: usize = 8;

    /// The axes in ascending order, counted from the front, of a tensor of `rank` axes.
    ///
    /// # Errors
    /// If there is no such axis, or one is named twice.
    pub fn resolve(&self, rank: usize) -> Result<Vec<usize>> {
        let bad = || Error::argument("axis", self, format!("distinct axes of a tensor of {rank} axes"));
        let mut axes = vec![];
        for &axis in self.as_slice() {
            let axis = if axis < 0 { axis + rank as i32 } else { axis };
            let known = usize::try_from(axis).ok().filter(|axis| *axis < rank && !axes.contains(axis));
            axes.push(known.ok_or_else(bad)?);
        }
        axes.sort_unstable();
        Ok(axes)
    }

    /// [`resolve`](Self::resolve), and the batch is not among them.
    ///
    /// # Errors
    /// If there is no such axis, one is named twice, or the batch axis is named.
    pub fn resolve_behind_batch(&self, rank: usize) -> Result<Vec<usize>> {
        let axes = self.resolve(rank)?;
        if axes.contains(&0) {
            return Err(Error::argument("axis", self, "axes behind the batch axis 0"));
        }
        Ok(axes)
    }

    pub(crate) fn as_slice(&self) -> &[i32] {
        &self.axes[..self.len]
    }

    fn new(axes: &[i32], list: bool) -> Option<Self> {
        let mut fixed = [0; Self::MOST];
        fixed.get_mut(..axes.len())?.copy_from_slice(axes);
        Some(Self { axes: fixed, len: axes.len(), list })
    }
}

impl From<i32> for Axis {
    fn from(axis: i32) -> Self {
        Self::new(&[axis], false).expect("one axis fits")
    }
}

impl<const N: usize> From<[i32; N]> for Axis {
    fn from(axes: [i32; N]) -> Self {
        const { assert!(N <= Self::MOST, "a tensor has at most eight axes") };
        Self::new(&axes, true).expect("the length has been checked")
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.list, self.as_slice()) {
            (false, [axis]) => write!(f, "{axis}"),
            (_, axes) => write!(f, "{axes:?}"),
        }
    }
}

impl fmt::Debug for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Axis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.list, self.as_slice()) {
            (false, [axis]) => axis.serialize(serializer),
            (_, axes) => axes.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Axis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            One(i32),
            List(Vec<i32>),
        }
        match Form::deserialize(deserializer)? {
            Form::One(axis) => Ok(axis.into()),
            Form::List(axes) => Self::new(&axes, true)
                .ok_or_else(|| de::Error::invalid_length(axes.len(), &"a list of at most eight axes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_axis_is_an_error() {
        for (axes, rank) in [(Axis::from(-4), 3), (Axis::from([1, -2]), 3), (Axis::from([0, 5]), 5)] {
            assert!(axes.resolve(rank).is_err(), "{axes}");
        }
        assert!(Axis::from([0, 1]).resolve_behind_batch(3).is_err());
    }

    #[test]
    fn numbers_and_lists_keep_their_form() {
        for text in ["-1", "[1,2]", "[-1]", "[]"] {
            let axes: Axis = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&axes).unwrap(), text);
        }
        assert!(serde_json::from_str::<Axis>("[1,2,3,4,5,6,7,8,9]").is_err());
    }
}
