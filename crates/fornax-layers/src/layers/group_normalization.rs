//! [`GroupNormalization`]: groups of channels of each sample of mean 0 and variance 1.

use fornax_core::{Backend, DynTensor, Error, Result, Value};
use serde::{Deserialize, Serialize};

use super::batch_normalization::check_epsilon;
use super::{last_axes, scale_and_shift};
use crate::{Axis, Constraint, Context, Initializer, Layer, Regularizer, Shape, WeightSpecs};

/// `y = gamma (x - mean) / sqrt(variance + epsilon) + beta`, mean and (biased) variance over the positions and
/// the channels of a group.
///
/// # Shapes
/// - input and output: `[batch, ..]`
/// - weights: `gamma` and `beta`, as long as `axis`, that of the channels
///
/// Defaults: 32 groups (-1 is one a channel), the last axis, epsilon 1e-3, with `beta` from 0 and `gamma` from 1.
/// Source: Wu and He 2018; `keras.layers.GroupNormalization`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::GroupNormalization};
///
/// let network = Sequential::<Flex>::new([4]).add(GroupNormalization::new(2).epsilon(0.0)).build()?;
/// let y = network.predict(&Array::from_vec([1, 4], vec![1.0, 3.0, 50.0, 10.0])?)?;
/// assert_eq!(y.to_f32(), [-1.0, 1.0, 1.0, -1.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupNormalization {
    groups: i64,
    axis: i32,
    epsilon: f64,
    center: bool,
    scale: bool,
    beta_initializer: Initializer,
    gamma_initializer: Initializer,
    beta_regularizer: Option<Regularizer>,
    gamma_regularizer: Option<Regularizer>,
    beta_constraint: Option<Constraint>,
    gamma_constraint: Option<Constraint>,
}

impl Default for GroupNormalization {
    fn default() -> Self {
        Self::new(32)
    }
}

impl GroupNormalization {
    /// `groups` groups of neighbouring channels; -1 is one a channel (instance normalization).
    pub fn new(groups: i64) -> Self {
        Self {
            groups,
            axis: -1,
            epsilon: 1e-3,
            center: true,
            scale: true,
            beta_initializer: Initializer::Zeros,
            gamma_initializer: Initializer::Ones,
            beta_regularizer: None,
            gamma_regularizer: None,
            beta_constraint: None,
            gamma_constraint: None,
        }
    }

    setters! {
        /// The axis of the channels.
        axis: i32,
        /// What keeps the division finite.
        epsilon: f64,
        /// Whether there is a `beta`.
        center: bool,
        /// Whether there is a `gamma`.
        scale: bool,
        /// Where `beta` starts.
        beta_initializer: Initializer,
        /// Where `gamma` starts.
        gamma_initializer: Initializer,
        /// A penalty on `beta`.
        beta_regularizer: Some(Regularizer),
        /// A penalty on `gamma`.
        gamma_regularizer: Some(Regularizer),
        /// A projection of `beta` after each step.
        beta_constraint: Some(Constraint),
        /// A projection of `gamma` after each step.
        gamma_constraint: Some(Constraint),
    }

    fn groups_of(&self, channels: usize) -> Result<usize> {
        let groups = if self.groups == -1 { Some(channels) } else { usize::try_from(self.groups).ok() };
        groups.filter(|&groups| groups > 0 && channels.is_multiple_of(groups)).ok_or_else(|| {
            Error::argument("groups", self.groups, format!("a divisor of the {channels} channels, or -1"))
        })
    }
}

impl Layer for GroupNormalization {
    const CLASS_NAME: &'static str = "GroupNormalization";

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        check_epsilon(self.epsilon)?;
        let axis = Axis::from(self.axis).resolve_behind_batch(input.rank() + 1)?[0];
        let channels = input.known(axis - 1)?;
        self.groups_of(channels)?;
        if self.scale {
            weights
                .add("gamma", &[channels], self.gamma_initializer)
                .regularizer(self.gamma_regularizer)
                .constraint(self.gamma_constraint);
        }
        if self.center {
            weights
                .add("beta", &[channels], self.beta_initializer)
                .regularizer(self.beta_regularizer)
                .constraint(self.beta_constraint);
        }
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let axis = Axis::from(self.axis).resolve_behind_batch(x.rank())?[0];
        let (order, back) = last_axes(x.rank(), &[axis]);
        let x = x.permute(&order);
        let shape = x.shape();
        let (batch, channels) = (shape[0], shape[shape.len() - 1]);
        let groups = self.groups_of(channels)?;
        let positions: usize = shape[1..shape.len() - 1].iter().product();
        let width = channels / groups;
        // A row a group: its positions, then its channels.
        let by_group = x.reshape(&[batch, positions, groups, width]).permute(&[0, 2, 1, 3]);
        let rows = by_group.reshape(&[batch * groups, positions * width]);
        let vector = |value| DynTensor::full(&[positions * width], value, &rows.device());
        let (ones, zeros) = (vector(1.0), vector(0.0));
        let [y, _, _] = B::normalize(rows, ones, zeros, 1, self.epsilon);
        let y = y.reshape(&[batch, groups, positions, width]).permute(&[0, 2, 1, 3]);
        let y: DynTensor<B> = y.reshape(&[batch * positions, channels]);
        let y = scale_and_shift(y, context);
        Ok(y.reshape(&shape).permute(&back).into())
    }
}
