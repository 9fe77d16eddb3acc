//! [`Cropping1D`], [`Cropping2D`], [`Cropping3D`]: the spatial axes without their ends.

use fornax_core::{Backend, Error, Result, Value};
use serde::{Deserialize, Serialize};

use super::spatial::{ChannelsLast, Margins, by_axes, spatial_axes};
use crate::{Context, Layer, Shape, WeightSpecs};

/// One axis without its ends.
pub type Cropping1D = Cropping<1>;
/// Two axes without their ends.
pub type Cropping2D = Cropping<2>;
/// Three axes without their ends.
pub type Cropping3D = Cropping<3>;

/// `x` without the first and last positions of each spatial axis.
///
/// # Shapes
/// - input: `[batch, spatial.., channels]`, `N` spatial axes
/// - output: `[batch, spatial - before - after.., channels]`, at least one position each
///
/// Source: `keras.layers.Cropping2D`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value};
/// use fornax_layers::{Sequential, layers::Cropping2D};
///
/// let network = Sequential::<Flex>::new([2, 3, 1]).add(Cropping2D::new([(1, 0), (0, 1)])).build()?;
/// let x = Array::from_vec([1, 2, 3, 1], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// let y = network.infer(vec![Value::from_array(&x, network.device())])?;
/// assert_eq!(y[0].to_array().to_f32(), [4.0, 5.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, bound = "")]
pub struct Cropping<const N: usize> {
    cropping: Margins,
    #[serde(skip_serializing)]
    data_format: ChannelsLast,
}

impl<const N: usize> Default for Cropping<N> {
    /// Keras's: one position at each end of a single or of three axes, nothing of two.
    fn default() -> Self {
        Self::new(if N == 2 { 0 } else { 1 })
    }
}

impl<const N: usize> Cropping<N> {
    /// A layer that cuts `cropping` off: one number, a number an axis (before and after for a single axis), or
    /// `(before, after)` an axis.
    pub fn new(cropping: impl Into<Margins>) -> Self {
        Self { cropping: cropping.into(), data_format: ChannelsLast }
    }

    /// The first position that stays and one past the last, of `axis` of length `len`.
    fn kept(axis: usize, (before, after): (usize, usize), len: usize) -> Result<(usize, usize)> {
        match len.checked_sub(after) {
            Some(end) if end > before => Ok((before, end)),
            _ => Err(Error::shape(
                format!("input axis {}", axis + 1),
                format!("length {len}"),
                format!("more than the cropping {before} + {after}"),
            )),
        }
    }
}

impl<const N: usize> Layer for Cropping<N> {
    const CLASS_NAME: &'static str = by_axes(N, ["Cropping1D", "Cropping2D", "Cropping3D"]);

    fn build(&self, input: &Shape, _: &mut WeightSpecs) -> Result<Shape> {
        let margins = spatial_axes(input, N)?.iter().zip(self.cropping.pairs("cropping", N)?).enumerate();
        let lengths = margins.map(|(axis, (len, margin))| {
            len.map(|len| Self::kept(axis, margin, len).map(|(start, end)| end - start)).transpose()
        });
        let mut axes: Vec<Option<usize>> = lengths.collect::<Result<_>>()?;
        axes.push(input.axes()[N]);
        Ok(axes.into())
    }

    fn call<B: Backend>(&self, x: Value<B>, _: &mut Context<'_, B>) -> Result<Value<B>> {
        let mut margins = self.cropping.pairs("cropping", N)?.into_iter().enumerate();
        let y = margins.try_fold(x.float(), |x, (axis, margin)| {
            let (start, end) = Self::kept(axis, margin, x.shape()[axis + 1])?;
            Ok::<_, Error>(x.slice(axis + 1, start, end, 1))
        })?;
        Ok(y.into())
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}
