//! [`BatchNormalization`]: features of mean 0 and variance 1 over the batch.

use fornax_core::{Backend, DynTensor, Error, Mask, Result, Value};
use serde::{Deserialize, Serialize};

use super::{gamma_and_beta, last_axes, scale_and_shift};
use crate::{Axis, Constraint, Context, Initializer, Layer, Regularizer, Shape, WeightSpecs};

/// `y = gamma (x - mean) / sqrt(variance + epsilon) + beta`, a mean and a variance an element of `axis`.
///
/// In training they are those of the batch (the variance biased, masked time steps left out), and the moving ones
/// become `momentum * old + (1 - momentum) * batch`. In inference, and always in a frozen layer, they are the
/// moving ones.
///
/// # Shapes
/// - input and output: `[batch, ..]`
/// - weights, each as long as `axis`: `gamma`, `beta`, and not trained `moving_mean`, `moving_variance`
///
/// Defaults: the last axis, momentum 0.99, epsilon 1e-3, with `beta` from 0 and `gamma` from 1. Source: Ioffe and
/// Szegedy 2015; `keras.layers.BatchNormalization`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::BatchNormalization};
///
/// let mut network = Sequential::<Flex>::new([1]).add(BatchNormalization::new().epsilon(0.0)).build()?;
/// network.set_weight("batch_normalization/moving_mean", &vec![3.0].into())?;
/// network.set_weight("batch_normalization/moving_variance", &vec![4.0].into())?;
/// assert_eq!(network.predict(&Array::from_vec([2, 1], vec![3.0, 7.0])?)?.to_f32(), [0.0, 2.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchNormalization {
    axis: Axis,
    momentum: f64,
    epsilon: f64,
    center: bool,
    scale: bool,
    beta_initializer: Initializer,
    gamma_initializer: Initializer,
    moving_mean_initializer: Initializer,
    moving_variance_initializer: Initializer,
    beta_regularizer: Option<Regularizer>,
    gamma_regularizer: Option<Regularizer>,
    beta_constraint: Option<Constraint>,
    gamma_constraint: Option<Constraint>,
    #[serde(skip_serializing)]
    renorm: bool,
}

impl Default for BatchNormalization {
    fn default() -> Self {
        Self {
            axis: (-1).into(),
            momentum: 0.99,
            epsilon: 1e-3,
            center: true,
            scale: true,
            beta_initializer: Initializer::Zeros,
            gamma_initializer: Initializer::Ones,
            moving_mean_initializer: Initializer::Zeros,
            moving_variance_initializer: Initializer::Ones,
            beta_regularizer: None,
            gamma_regularizer: None,
            beta_constraint: None,
            gamma_constraint: None,
            renorm: false,
        }
    }
}

impl BatchNormalization {
    /// A mean and a variance a feature.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// How much of the moving statistics stays at each step.
        momentum: f64,
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
        /// Where the moving mean starts.
        moving_mean_initializer: Initializer,
        /// Where the moving variance starts.
        moving_variance_initializer: Initializer,
        /// A penalty on `beta`.
        beta_regularizer: Some(Regularizer),
        /// A penalty on `gamma`.
        gamma_regularizer: Some(Regularizer),
        /// A projection of `beta` after each step.
        beta_constraint: Some(Constraint),
        /// A projection of `gamma` after each step.
        gamma_constraint: Some(Constraint),
    }

    /// The axis of the features, 1 for channels first.
    pub fn axis(mut self, axis: i32) -> Self {
        self.axis = axis.into();
        self
    }

    fn feature_axis(&self, rank: usize) -> Result<usize> {
        match self.axis.resolve_behind_batch(rank)?[..] {
            [axis] => Ok(axis),
            _ => Err(Error::argument("axis", self.axis, "one axis")),
        }
    }

    /// `x [.., features]` normalized by its own statistics, and those, `[1, features]` each.
    fn normalized<B: Backend>(
        &self,
        x: DynTensor<B>,
        mask: Option<DynTensor<B>>,
        context: &Context<'_, B>,
    ) -> [DynTensor<B>; 3] {
        let shape = x.shape();
        let Some(mask) = mask else {
            let [gamma, beta] = gamma_and_beta(shape[shape.len() - 1], &x.device(), context);
            return B::normalize(x, gamma, beta, 0, self.epsilon);
        };
        let x = x.rows();
        let count = mask.clone().sum_axis(0).add_scalar(EPSILON);
        let over_steps = |x: DynTensor<B>| x.mul(mask.clone()).sum_axis(0).div(count.clone());
        let mean = over_steps(x.clone());
        let centred = x.sub(mean.clone());
        let variance = over_steps(centred.clone().square());
        let y = centred.div(variance.clone().add_scalar(self.epsilon).sqrt());
        [scale_and_shift(y, context).reshape(&shape), mean.detach(), variance.detach()]
    }
}

/// Keras's `epsilon()`, which keeps the mean over no time step finite.
const EPSILON: f64 = 1e-7;

impl Layer for BatchNormalization {
    const CLASS_NAME: &'static str = "BatchNormalization";

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        if self.renorm {
            return Err(Error::argument("renorm", true, "false: batch renormalization is not supported"));
        }
        if !(0.0..=1.0).contains(&self.momentum) {
            return Err(Error::argument("momentum", self.momentum, "a number from 0 to 1"));
        }
        check_epsilon(self.epsilon)?;
        let features = input.known(self.feature_axis(input.rank() + 1)? - 1)?;
        if self.scale {
            weights
                .add("gamma", &[features], self.gamma_initializer)
                .regularizer(self.gamma_regularizer)
                .constraint(self.gamma_constraint);
        }
        if self.center {
            weights
                .add("beta", &[features], self.beta_initializer)
                .regularizer(self.beta_regularizer)
                .constraint(self.beta_constraint);
        }
        weights.add("moving_mean", &[features], self.moving_mean_initializer).not_trainable();
        weights.add("moving_variance", &[features], self.moving_variance_initializer).not_trainable();
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let axis = self.feature_axis(x.rank())?;
        let (order, back) = last_axes(x.rank(), &[axis]);
        let mask = x.mask().cloned();
        let x = x.float().permute(&order);
        let shape = x.shape();
        let features = shape[shape.len() - 1];
        let y = if context.training() && context.trainable() {
            let mask = mask.map(|mask| mask_rows(mask, &shape)).transpose()?;
            let [y, mean, variance] = self.normalized(x, mask, context);
            for (name, batch) in [("moving_mean", mean), ("moving_variance", variance)] {
                let old = context.latest(name).mul_scalar(self.momentum);
                context.update(name, old.add(batch.reshape(&[features]).mul_scalar(1.0 - self.momentum)));
            }
            y
        } else {
            let factor = context.weight("moving_variance").add_scalar(self.epsilon).sqrt().recip();
            let factor = if self.scale { factor.mul(context.weight("gamma")) } else { factor };
            let shift = context.weight("moving_mean").mul(factor.clone()).neg();
            let shift = if self.center { shift.add(context.weight("beta")) } else { shift };
            B::scale_and_shift(x, factor, shift)
        };
        Ok(y.permute(&back).into())
    }
}

/// The mask as a column with a 1 for each row that counts, for features last.
fn mask_rows<B: Backend>(mask: Mask<B>, shape: &[usize]) -> Result<DynTensor<B>> {
    let steps = &shape[..shape.len() - 1];
    if mask.shape().len() > steps.len() || mask.shape() != steps[..mask.shape().len()] {
        let found = format!("a mask {:?} for an input {shape:?}", mask.shape());
        return Err(Error::shape("mask", found, "a truth value for each time step"));
    }
    let mut stretched = mask.shape();
    stretched.resize(steps.len(), 1);
    let rows: usize = steps.iter().product();
    Ok(mask.reshape(&stretched).to_float().expand(steps).reshape(&[rows, 1]))
}

/// An error unless it is a positive number or 0.
pub(super) fn check_epsilon(epsilon: f64) -> Result<()> {
    match epsilon {
        0.0..f64::INFINITY => Ok(()),
        _ => Err(Error::argument("epsilon", epsilon, "at least 0")),
    }
}
