//! What layers over one to three spatial axes share: lengths an axis, padding rules, and windows that slide.
//!
//! Along an axis of length `n` a window of `k` elements, `d` apart, reaches over `r = (k - 1) d + 1` positions and
//! moves by `s`. Source of the rules: `tf.nn.convolution`, which Keras follows.

use std::fmt;

use fornax_core::ops::{ConvGeometry, Window};
use fornax_core::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Shape;

/// The largest length, step or distance that a layer takes, which keeps every product of two in range.
const LARGEST: usize = 1 << 24;

/// One length for all spatial axes, or a length each: `3` or `[3, 5]`, in Rust and in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Lengths {
    /// The length of every axis.
    All(usize),
    /// The length of each axis.
    Each(Vec<usize>),
}

impl Lengths {
    /// The lengths of `axes` axes; `name` is the argument's.
    pub(crate) fn lengths(&self, name: &str, axes: usize) -> Result<Vec<usize>> {
        self.bounded(name, axes, 1)
    }

    /// The same, where 0 is a length too.
    pub(crate) fn lengths_or_zero(&self, name: &str, axes: usize) -> Result<Vec<usize>> {
        self.bounded(name, axes, 0)
    }

    fn bounded(&self, name: &str, axes: usize, least: usize) -> Result<Vec<usize>> {
        let lengths = match self {
            Self::All(length) => vec![*length; axes],
            Self::Each(lengths) => lengths.clone(),
        };
        if lengths.len() != axes {
            return Err(Error::argument(name, self, format!("one value or {axes}")));
        }
        match lengths.iter().all(|length| (least..=LARGEST).contains(length)) {
            true => Ok(lengths),
            false => Err(Error::argument(name, self, format!("values from {least} to {LARGEST}"))),
        }
    }
}

impl fmt::Display for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(length) => write!(f, "{length}"),
            Self::Each(lengths) => write!(f, "{lengths:?}"),
        }
    }
}

impl From<usize> for Lengths {
    fn from(length: usize) -> Self {
        Self::All(length)
    }
}

impl<const N: usize> From<[usize; N]> for Lengths {
    fn from(lengths: [usize; N]) -> Self {
        Self::Each(lengths.to_vec())
    }
}

/// What is added to or taken off the two ends of each axis: one number, a list, or a list of `(before, after)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Margins {
    /// The same at every end.
    All(usize),
    /// The same at both ends of each axis; of a single axis, what is before and after.
    Each(Vec<usize>),
    /// What is before and after each axis.
    Pairs(Vec<(usize, usize)>),
}

impl Margins {
    /// What is before and after each of `axes` axes; `name` is the argument's.
    pub(crate) fn pairs(&self, name: &str, axes: usize) -> Result<Vec<(usize, usize)>> {
        let pairs = match self {
            Self::All(margin) => vec![(*margin, *margin); axes],
            Self::Each(ends) if axes == 1 && ends.len() == 2 => vec![(ends[0], ends[1])],
            Self::Each(margins) => margins.iter().map(|margin| (*margin, *margin)).collect(),
            Self::Pairs(pairs) => pairs.clone(),
        };
        match pairs.len() == axes && pairs.iter().all(|(before, after)| *before.max(after) <= LARGEST) {
            true => Ok(pairs),
            false => {
                let wanted = format!("a number, or one or two for each of {axes} axes, up to {LARGEST}");
                Err(Error::argument(name, format!("{self:?}"), wanted))
            }
        }
    }
}

impl From<usize> for Margins {
    fn from(margin: usize) -> Self {
        Self::All(margin)
    }
}

impl<const N: usize> From<[usize; N]> for Margins {
    fn from(margins: [usize; N]) -> Self {
        Self::Each(margins.to_vec())
    }
}

impl<const N: usize> From<[(usize, usize); N]> for Margins {
    fn from(pairs: [(usize, usize); N]) -> Self {
        Self::Pairs(pairs.to_vec())
    }
}

/// What lies beyond the ends of an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Nothing: the output has `(n - r) / s + 1` positions, rounded down.
    #[default]
    #[serde(alias = "VALID")]
    Valid,
    /// As much as an output of `n / s` positions, rounded up, takes: half before, half and the odd one after.
    #[serde(alias = "SAME")]
    Same,
    /// `r - 1` positions before and none after, so that an output depends on nothing later (`Conv1D` only).
    #[serde(alias = "CAUSAL")]
    Causal,
}

/// Keras's argument `data_format`, of which only `"channels_last"` exists here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelsLast;

impl Serialize for ChannelsLast {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("channels_last")
    }
}

impl<'de> Deserialize<'de> for ChannelsLast {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Option::<String>::deserialize(deserializer)?.as_deref() {
            None | Some("channels_last") => Ok(Self),
            Some(other) => Err(de::Error::invalid_value(de::Unexpected::Str(other), &"channels_last")),
        }
    }
}

/// The name for `N` spatial axes out of those for one, two and three; another `N` does not compile.
pub(crate) const fn by_axes(axes: usize, names: [&'static str; 3]) -> &'static str {
    assert!(axes >= 1 && axes <= 3, "one to three spatial axes");
    names[axes - 1]
}

/// An error unless `input` has `axes` spatial axes and channels; returns the spatial lengths.
pub(crate) fn spatial_axes(input: &Shape, axes: usize) -> Result<&[Option<usize>]> {
    let names = ["[steps, channels]", "[height, width, channels]", "[depth, height, width, channels]"];
    input.expect_rank(axes + 1, by_axes(axes, names))?;
    Ok(&input.axes()[..axes])
}

/// Windows that slide over spatial axes.
#[derive(Clone, Debug)]
pub struct Windows {
    pub(crate) size: Vec<usize>,
    pub(crate) stride: Vec<usize>,
    pub(crate) dilation: Vec<usize>,
    pub(crate) padding: Padding,
}

impl Windows {
    /// Windows over `axes` axes; `size` comes with the name of its argument.
    pub(crate) fn new(
        axes: usize,
        (name, size): (&str, &Lengths),
        strides: &Lengths,
        dilation_rate: &Lengths,
        padding: Padding,
    ) -> Result<Self> {
        if padding == Padding::Causal {
            return Err(Error::argument("padding", "causal", "valid or same"));
        }
        Ok(Self {
            size: size.lengths(name, axes)?,
            stride: strides.lengths("strides", axes)?,
            dilation: dilation_rate.lengths("dilation_rate", axes)?,
            padding,
        })
    }

    /// How far the window reaches along `axis`.
    pub(crate) fn reach(&self, axis: usize) -> usize {
        (self.size[axis] - 1) * self.dilation[axis] + 1
    }

    /// The padding before and after `axis` of length `len`.
    pub(crate) fn pads(&self, axis: usize, len: usize) -> (usize, usize) {
        let reach = self.reach(axis);
        match self.padding {
            Padding::Valid => (0, 0),
            Padding::Causal => (reach - 1, 0),
            Padding::Same => {
                let last = (len.div_ceil(self.stride[axis]).max(1) - 1) * self.stride[axis];
                let total = (last + reach).saturating_sub(len);
                (total / 2, total - total / 2)
            }
        }
    }

    /// The number of positions along `axis` of length `len`.
    ///
    /// # Errors
    /// If the window does not fit.
    pub(crate) fn positions(&self, axis: usize, len: usize) -> Result<usize> {
        let (before, after) = self.pads(axis, len);
        match (before + len + after).checked_sub(self.reach(axis)) {
            Some(rest) if len > 0 => Ok(rest / self.stride[axis] + 1),
            _ => Err(Error::shape(
                format!("input axis {}", axis + 1),
                format!("length {len}"),
                format!("at least {}, the reach of the window", if len == 0 { 1 } else { self.reach(axis) }),
            )),
        }
    }

    /// The shape of the output with `channels` channels; an axis of unknown length stays one.
    pub(crate) fn output_shape(&self, spatial: &[Option<usize>], channels: Option<usize>) -> Result<Shape> {
        let lengths = spatial
            .iter()
            .enumerate()
            .map(|(axis, len)| len.map(|len| self.positions(axis, len)).transpose());
        let mut lengths: Vec<Option<usize>> = lengths.collect::<Result<_>>()?;
        lengths.push(channels);
        Ok(lengths.into())
    }

    /// The padding of each axis for an input of `shape`, batch and channels included.
    pub(crate) fn padding(&self, shape: &[usize]) -> Result<Vec<(usize, usize)>> {
        let each = shape[1..=self.size.len()].iter().enumerate();
        each.map(|(axis, &len)| self.positions(axis, len).map(|_| self.pads(axis, len))).collect()
    }

    /// The pooling of an input of `shape`, batch and channels included.
    pub(crate) fn pooling(&self, shape: &[usize]) -> Result<Window> {
        let (size, stride) = (self.size.clone(), self.stride.clone());
        Ok(Window { size, stride, padding: self.padding(shape)? })
    }

    /// The convolution over an input of `shape`, batch and channels included.
    pub(crate) fn convolution(&self, shape: &[usize], groups: usize) -> Result<ConvGeometry> {
        Ok(ConvGeometry {
            stride: self.stride.clone(),
            dilation: self.dilation.clone(),
            padding: self.padding(shape)?,
            groups,
        })
    }
}
