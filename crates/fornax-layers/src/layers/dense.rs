//! [`Dense`]: the fully connected layer.

use fornax_core::{Backend, Error, Result, Value, ops::Activation};
use serde::{Deserialize, Serialize};

use super::arguments::{OutputArguments, output_setters};
use crate::{Constraint, Context, Initializer, Layer, Regularizer, Shape, WeightSpecs};

/// `y = f(x W + b)` over the last axis.
///
/// # Shapes
/// - input: `[batch, .., inputs]`
/// - output: `[batch, .., units]`
/// - weights: `kernel [inputs, units]`, `bias [units]`
///
/// Defaults: linear, with bias, `GlorotUniform` kernel, zero bias. Source: `keras.layers.Dense`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value, ops::Activation::Relu};
/// use fornax_layers::{Sequential, layers::Dense};
///
/// let mut network = Sequential::<Flex>::new([2]).add(Dense::new(1).activation(Relu)).build()?;
/// network.set_weight("dense/kernel", &Array::from_vec([2, 1], vec![2.0, 3.0])?)?;
/// let x = Array::from_vec([2, 2], vec![1.0, 1.0, 1.0, -1.0])?;
/// let y = network.infer(vec![Value::from_array(&x, network.device())])?;
/// assert_eq!(y[0].to_array().to_f32(), [5.0, 0.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Dense {
    units: usize,
    #[serde(flatten)]
    output: OutputArguments,
    kernel_initializer: Initializer,
    kernel_regularizer: Option<Regularizer>,
    kernel_constraint: Option<Constraint>,
}

impl Default for Dense {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Dense {
    /// A layer of `units` outputs.
    pub fn new(units: usize) -> Self {
        Self {
            units,
            output: OutputArguments::default(),
            kernel_initializer: Initializer::GlorotUniform,
            kernel_regularizer: None,
            kernel_constraint: None,
        }
    }

    output_setters!();
    setters! {
        /// Where `W` starts.
        kernel_initializer: Initializer,
        /// A penalty on `W`.
        kernel_regularizer: Some(Regularizer),
        /// A projection of `W` after each step.
        kernel_constraint: Some(Constraint),
    }
}

impl Layer for Dense {
    const CLASS_NAME: &'static str = "Dense";

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        if self.units == 0 {
            return Err(Error::argument("units", 0, "at least 1"));
        }
        weights
            .add("kernel", &[input.last()?, self.units], self.kernel_initializer)
            .regularizer(self.kernel_regularizer)
            .constraint(self.kernel_constraint);
        self.output.build(self.units, weights);
        Ok(input.with_last(self.units))
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let (kernel, bias) = (context.weight("kernel"), context.optional("bias"));
        self.output.finish(B::dense(x.float(), kernel, bias, self.output.fused()), context)
    }
}
