//! [`ZeroPadding1D`], [`ZeroPadding2D`], [`ZeroPadding3D`]: zeros around the spatial axes.

use fornax_core::{Backend, Result, Value};
use serde::{Deserialize, Serialize};

use super::spatial::{ChannelsLast, Margins, by_axes, spatial_axes};
use crate::{Context, Layer, Shape, WeightSpecs};

/// Zeros before and after one axis.
pub type ZeroPadding1D = ZeroPadding<1>;
/// Zeros around two axes.
pub type ZeroPadding2D = ZeroPadding<2>;
/// Zeros around three axes.
pub type ZeroPadding3D = ZeroPadding<3>;

/// `x` with zeros before and after each spatial axis.
///
/// # Shapes
/// - input: `[batch, spatial.., channels]`, `N` spatial axes
/// - output: `[batch, before + spatial + after.., channels]`
///
/// Source: `keras.layers.ZeroPadding2D`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value};
/// use fornax_layers::{Sequential, layers::ZeroPadding1D};
///
/// let network = Sequential::<Flex>::new([2, 1]).add(ZeroPadding1D::new([2, 1])).build()?;
/// let x = Array::from_vec([1, 2, 1], vec![3.0, 4.0])?;
/// let y = network.infer(vec![Value::from_array(&x, network.device())])?;
/// assert_eq!(y[0].to_array().to_f32(), [0.0, 0.0, 3.0, 4.0, 0.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, bound = "")]
pub struct ZeroPadding<const N: usize> {
    padding: Margins,
    #[serde(skip_serializing)]
    data_format: ChannelsLast,
}

impl<const N: usize> Default for ZeroPadding<N> {
    fn default() -> Self {
        Self::new(1)
    }
}

impl<const N: usize> ZeroPadding<N> {
    /// A layer that adds `padding`: one number, a number an axis (before and after for a single axis), or
    /// `(before, after)` an axis.
    pub fn new(padding: impl Into<Margins>) -> Self {
        Self { padding: padding.into(), data_format: ChannelsLast }
    }
}

impl<const N: usize> Layer for ZeroPadding<N> {
    const CLASS_NAME: &'static str = by_axes(N, ["ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"]);

    fn build(&self, input: &Shape, _: &mut WeightSpecs) -> Result<Shape> {
        let spatial = spatial_axes(input, N)?.iter();
        let margins = self.padding.pairs("padding", N)?;
        let mut axes: Vec<_> =
            spatial.zip(margins).map(|(len, (before, after))| len.map(|len| before + len + after)).collect();
        axes.push(input.axes()[N]);
        Ok(axes.into())
    }

    fn call<B: Backend>(&self, x: Value<B>, _: &mut Context<'_, B>) -> Result<Value<B>> {
        let margins = self.padding.pairs("padding", N)?.into_iter().enumerate();
        let y = margins.fold(x.float(), |x, (axis, (before, after))| x.pad(axis + 1, before, after, 0.0));
        Ok(y.into())
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}
