//! [`MaxPooling1D`], [`AveragePooling1D`] and their kin of two and three axes: a statistic of each window.

use std::fmt::Debug;
use std::marker::PhantomData;

use fornax_core::ops::PoolKind;
use fornax_core::{Backend, Result, Value};
use serde::{Deserialize, Serialize};

use super::spatial::{ChannelsLast, Lengths, Padding, Windows, by_axes, spatial_axes};
use crate::layer::Fusion;
use crate::{Context, Layer, Shape, WeightSpecs};

/// The largest element of each window, one axis.
pub type MaxPooling1D = Pooling<MaxKind, 1>;
/// The largest element of each window, two axes.
pub type MaxPooling2D = Pooling<MaxKind, 2>;
/// The largest element of each window, three axes.
pub type MaxPooling3D = Pooling<MaxKind, 3>;
/// The mean of each window, one axis.
pub type AveragePooling1D = Pooling<AverageKind, 1>;
/// The mean of each window, two axes.
pub type AveragePooling2D = Pooling<AverageKind, 2>;
/// The mean of each window, three axes.
pub type AveragePooling3D = Pooling<AverageKind, 3>;

/// `y[o, c] = statistic over k of x[o * stride + k - before, c]`, where padding takes no part.
///
/// # Shapes
/// - input: `[batch, spatial.., channels]`, `N` spatial axes
/// - output: `[batch, positions.., channels]`
///
/// Defaults: `strides` is `pool_size`, `Padding::Valid`. Source: `keras.layers.MaxPooling2D`,
/// `keras.layers.AveragePooling2D`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value};
/// use fornax_layers::{Sequential, layers::MaxPooling2D};
///
/// let network = Sequential::<Flex>::new([2, 4, 1]).add(MaxPooling2D::new(2)).build()?;
/// let x = Array::from_vec([1, 2, 4, 1], vec![1.0, 2.0, 3.0, 4.0, 8.0, 7.0, 6.0, 5.0])?;
/// let y = network.infer(vec![Value::from_array(&x, network.device())])?;
/// assert_eq!(y[0].to_array().to_f32(), [8.0, 6.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, bound = "")]
pub struct Pooling<S, const N: usize> {
    pool_size: Lengths,
    strides: Option<Lengths>,
    padding: Padding,
    #[serde(skip_serializing)]
    data_format: ChannelsLast,
    #[serde(skip)]
    statistic: PhantomData<S>,
}

/// The largest element.
#[derive(Clone, Copy, Debug)]
pub struct MaxKind;

/// The mean.
#[derive(Clone, Copy, Debug)]
pub struct AverageKind;

/// Which statistic a pooling layer takes: [`MaxKind`] or [`AverageKind`].
pub trait Statistic: Clone + Debug + Send + Sync + 'static {
    /// The operation.
    const KIND: PoolKind;
}

impl Statistic for MaxKind {
    const KIND: PoolKind = PoolKind::Max;
}

impl Statistic for AverageKind {
    const KIND: PoolKind = PoolKind::Average;
}

impl<S, const N: usize> Default for Pooling<S, N> {
    fn default() -> Self {
        Self::new(2)
    }
}

impl<S, const N: usize> Pooling<S, N> {
    /// A layer over windows of `pool_size`, side by side.
    pub fn new(pool_size: impl Into<Lengths>) -> Self {
        Self {
            pool_size: pool_size.into(),
            strides: None,
            padding: Padding::Valid,
            data_format: ChannelsLast,
            statistic: PhantomData,
        }
    }

    setters! {
        /// What lies beyond the ends.
        padding: Padding,
    }

    /// Steps of the window.
    pub fn strides(mut self, strides: impl Into<Lengths>) -> Self {
        self.strides = Some(strides.into());
        self
    }

    fn windows(&self) -> Result<Windows> {
        let strides = self.strides.as_ref().unwrap_or(&self.pool_size);
        Windows::new(N, ("pool_size", &self.pool_size), strides, &Lengths::All(1), self.padding)
    }
}

impl<S: Statistic, const N: usize> Layer for Pooling<S, N> {
    const CLASS_NAME: &'static str = match S::KIND {
        PoolKind::Max => by_axes(N, ["MaxPooling1D", "MaxPooling2D", "MaxPooling3D"]),
        PoolKind::Average => by_axes(N, ["AveragePooling1D", "AveragePooling2D", "AveragePooling3D"]),
    };

    fn build(&self, input: &Shape, _: &mut WeightSpecs) -> Result<Shape> {
        let spatial = spatial_axes(input, N)?;
        self.windows()?.output_shape(spatial, input.axes()[N])
    }

    fn call<B: Backend>(&self, x: Value<B>, _: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let window = self.windows()?.pooling(&x.shape())?;
        Ok(B::pool(x, &window, S::KIND).into())
    }

    fn fusion(&self) -> Fusion {
        match (S::KIND, self.windows()) {
            (PoolKind::Max, Ok(windows)) => Fusion::MaxPooling(windows),
            _ => Fusion::None,
        }
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}
