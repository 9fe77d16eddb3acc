//! [`PReLU`]: a rectifier whose slopes are learned.

use fornax_core::{Backend, Result, Value, ops::Activation};
use serde::{Deserialize, Serialize};

use crate::{Axis, Constraint, Context, Initializer, Layer, Regularizer, Shape, WeightSpecs};

/// `y = max(x, 0) + alpha min(x, 0)`.
///
/// # Shapes
/// - input and output: `[batch, ..]`
/// - weights: `alpha [..]`, with length 1 along the shared axes
///
/// Defaults: zero slopes, no shared axis. Source: He et al. 2015; `keras.layers.PReLU`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Initializer, Sequential, layers::PReLU};
///
/// let prelu = PReLU::new().alpha_initializer(Initializer::Constant { value: 0.5 }).shared_axes([1, 2]);
/// let network = Sequential::<Flex>::new([28, 28, 3]).add(prelu).build()?;
/// assert_eq!(network.parameter_count(), 3);
/// let y = network.predict(&Array::from_vec([1, 28, 28, 3], vec![-2.0; 28 * 28 * 3])?)?;
/// assert_eq!(y.to_f32()[0], -1.0);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct PReLU {
    alpha_initializer: Initializer,
    alpha_regularizer: Option<Regularizer>,
    alpha_constraint: Option<Constraint>,
    shared_axes: Option<Axis>,
}

impl Default for PReLU {
    fn default() -> Self {
        Self {
            alpha_initializer: Initializer::Zeros,
            alpha_regularizer: None,
            alpha_constraint: None,
            shared_axes: None,
        }
    }
}

impl PReLU {
    /// A slope an element of a sample.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Where `alpha` starts.
        alpha_initializer: Initializer,
        /// A penalty on `alpha`.
        alpha_regularizer: Some(Regularizer),
        /// A projection of `alpha` after each step.
        alpha_constraint: Some(Constraint),
    }

    /// The axes along which one slope holds, for example `[1, 2]` for one a channel of an image.
    pub fn shared_axes(mut self, axes: impl Into<Axis>) -> Self {
        self.shared_axes = Some(axes.into());
        self
    }
}

impl Layer for PReLU {
    const CLASS_NAME: &'static str = "PReLU";

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        let shared = match self.shared_axes {
            Some(axes) => axes.resolve_behind_batch(input.rank() + 1)?,
            None => vec![],
        };
        let len = |axis| if shared.contains(&(axis + 1)) { Ok(1) } else { input.known(axis) };
        let shape = (0..input.rank()).map(len).collect::<Result<Vec<_>>>()?;
        weights
            .add("alpha", &shape, self.alpha_initializer)
            .regularizer(self.alpha_regularizer)
            .constraint(self.alpha_constraint);
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let x = x.float();
        let alpha = context.weight("alpha");
        let shape = [&[1], &alpha.shape()[..]].concat();
        let below = x.clone().clamp_max(0.0).mul(alpha.reshape(&shape));
        Ok(B::activate(x, Activation::Relu).add(below).into())
    }
}
