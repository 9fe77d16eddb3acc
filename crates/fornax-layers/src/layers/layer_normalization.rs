//! [`LayerNormalization`]: the features of each sample of mean 0 and variance 1.

use fornax_core::{Backend, Result, Value};
use serde::{Deserialize, Serialize};

use super::batch_normalization::check_epsilon;
use super::{gamma_and_beta, last_axes};
use crate::{Axis, Constraint, Context, Initializer, Layer, Regularizer, Shape, WeightSpecs};

/// `y = gamma (x - mean) / sqrt(variance + epsilon) + beta`, mean and (biased) variance over `axis`.
///
/// # Shapes
/// - input and output: `[batch, ..]`
/// - weights: `gamma` and `beta`, of the lengths of `axis`
///
/// Defaults: the last axis, epsilon 1e-3, with `beta` from 0 and `gamma` from 1. Source: Ba et al. 2016;
/// `keras.layers.LayerNormalization`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Sequential, layers::LayerNormalization};
///
/// let network = Sequential::<Flex>::new([2]).add(LayerNormalization::new().epsilon(0.0)).build()?;
/// let y = network.predict(&Array::from_vec([2, 2], vec![1.0, 3.0, 50.0, 10.0])?)?;
/// assert_eq!(y.to_f32(), [-1.0, 1.0, 1.0, -1.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerNormalization {
    axis: Axis,
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

impl Default for LayerNormalization {
    fn default() -> Self {
        Self {
            axis: (-1).into(),
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
}

impl LayerNormalization {
    /// Over the last axis.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
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

    /// The axis or axes that are normalized over.
    pub fn axis(mut self, axis: impl Into<Axis>) -> Self {
        self.axis = axis.into();
        self
    }
}

impl Layer for LayerNormalization {
    const CLASS_NAME: &'static str = "LayerNormalization";

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        check_epsilon(self.epsilon)?;
        let axes = self.axis.resolve_behind_batch(input.rank() + 1)?;
        let shape = axes.into_iter().map(|axis| input.known(axis - 1)).collect::<Result<Vec<_>>>()?;
        if self.scale {
            weights
                .add("gamma", &shape, self.gamma_initializer)
                .regularizer(self.gamma_regularizer)
                .constraint(self.gamma_constraint);
        }
        if self.center {
            weights
                .add("beta", &shape, self.beta_initializer)
                .regularizer(self.beta_regularizer)
                .constraint(self.beta_constraint);
        }
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let axes = self.axis.resolve_behind_batch(x.rank())?;
        let (order, back) = last_axes(x.rank(), &axes);
        let x = x.permute(&order);
        let shape = x.shape();
        let len: usize = shape[shape.len() - axes.len()..].iter().product();
        let rows = [&shape[..shape.len() - axes.len()], &[len]].concat();
        let [gamma, beta] = gamma_and_beta(len, &x.device(), context);
        let [y, _, _] = B::normalize(x.reshape(&rows), gamma, beta, 1, self.epsilon);
        Ok(y.reshape(&shape).permute(&back).into())
    }
}
