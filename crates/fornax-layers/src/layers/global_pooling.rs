//! [`GlobalMaxPooling1D`], [`GlobalAveragePooling1D`] and their kin of two and three axes: a statistic of each
//! channel.

use std::marker::PhantomData;

use fornax_core::ops::{PoolKind, Window};
use fornax_core::{Backend, DynTensor, Error, Result, Value};
use serde::{Deserialize, Serialize};

use super::pooling::{AverageKind, MaxKind, Statistic};
use super::spatial::{ChannelsLast, by_axes, spatial_axes};
use crate::{Context, Layer, Shape, WeightSpecs};

/// The largest element of each channel, one axis.
pub type GlobalMaxPooling1D = GlobalPooling<MaxKind, 1>;
/// The largest element of each channel, two axes.
pub type GlobalMaxPooling2D = GlobalPooling<MaxKind, 2>;
/// The largest element of each channel, three axes.
pub type GlobalMaxPooling3D = GlobalPooling<MaxKind, 3>;
/// The mean of each channel, one axis.
pub type GlobalAveragePooling1D = GlobalPooling<AverageKind, 1>;
/// The mean of each channel, two axes.
pub type GlobalAveragePooling2D = GlobalPooling<AverageKind, 2>;
/// The mean of each channel, three axes.
pub type GlobalAveragePooling3D = GlobalPooling<AverageKind, 3>;

/// `y[c] = statistic over i of x[i, c]`.
///
/// The mean over one axis leaves out the time steps that a mask leaves out; where it leaves out all of a sample,
/// the mean is 0 (Keras: NaN).
///
/// # Shapes
/// - input: `[batch, spatial.., channels]`, `N` spatial axes
/// - output: `[batch, channels]`, or `[batch, 1.., channels]` with `keepdims`
///
/// Defaults: the axes are dropped. Source: `keras.layers.GlobalMaxPooling2D`,
/// `keras.layers.GlobalAveragePooling1D`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value};
/// use fornax_layers::{Sequential, layers::GlobalAveragePooling1D};
///
/// let network = Sequential::<Flex>::new([2, 2]).add(GlobalAveragePooling1D::new()).build()?;
/// let x = Array::from_vec([1, 2, 2], vec![1.0, 10.0, 3.0, 30.0])?;
/// let y = network.infer(vec![Value::from_array(&x, network.device())])?;
/// assert_eq!(y[0].to_array().to_f32(), [2.0, 20.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, bound = "")]
pub struct GlobalPooling<S, const N: usize> {
    keepdims: bool,
    #[serde(skip_serializing)]
    data_format: ChannelsLast,
    #[serde(skip)]
    statistic: PhantomData<S>,
}

impl<S, const N: usize> Default for GlobalPooling<S, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S, const N: usize> GlobalPooling<S, N> {
    /// The layer.
    pub fn new() -> Self {
        Self { keepdims: false, data_format: ChannelsLast, statistic: PhantomData }
    }

    setters! {
        /// Whether the axes stay, with length 1.
        keepdims: bool,
    }
}

impl<S: Statistic, const N: usize> Layer for GlobalPooling<S, N> {
    const CLASS_NAME: &'static str = match S::KIND {
        PoolKind::Max => by_axes(N, ["GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"]),
        PoolKind::Average => {
            by_axes(N, ["GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"])
        }
    };

    fn build(&self, input: &Shape, _: &mut WeightSpecs) -> Result<Shape> {
        spatial_axes(input, N)?;
        let mut axes = if self.keepdims { vec![Some(1); N] } else { vec![] };
        axes.push(input.axes()[N]);
        Ok(axes.into())
    }

    fn call<B: Backend>(&self, x: Value<B>, _: &mut Context<'_, B>) -> Result<Value<B>> {
        let mask = if N == 1 { x.time_mask()?.cloned() } else { None };
        let x = x.float();
        let shape = x.shape();
        let [batch, positions, channels] = [shape[0], shape[1..=N].iter().product(), shape[N + 1]];
        if positions == 0 {
            return Err(Error::shape("input", format!("{shape:?}"), "at least one position"));
        }
        let x = x.reshape(&[batch, positions, channels]);
        let y: DynTensor<B> = match (S::KIND, mask) {
            (PoolKind::Max, _) => x.max_axis(1),
            (PoolKind::Average, None) => {
                let window = Window { size: vec![positions], stride: vec![1], padding: vec![(0, 0)] };
                B::pool(x, &window, PoolKind::Average)
            }
            (PoolKind::Average, Some(mask)) => {
                let mask = mask.reshape(&[batch, positions, 1]);
                let count = mask.clone().to_float().sum_axis(1).clamp_min(1.0);
                x.fill_where(mask.not().expand(&[batch, positions, channels]), 0.0).sum_axis(1).div(count)
            }
        };
        let kept = if self.keepdims { &[1; N][..] } else { &[] };
        Ok(y.reshape(&[&[batch], kept, &[channels]].concat()).into())
    }

    fn keeps_mask(&self) -> bool {
        false
    }
}
