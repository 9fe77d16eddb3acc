//! Arguments that several layers take alike: what follows a product with a kernel, and how a window slides.

use fornax_core::{Backend, DynTensor, Result, Value, ops::Activation};
use serde::{Deserialize, Serialize};

use super::activate;
use super::spatial::{ChannelsLast, Lengths, Padding, Windows};
use crate::{Constraint, Context, Initializer, Regularizer, WeightSpecs};

/// `y = g(z + b)` behind the product `z` of a layer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct OutputArguments {
    pub(super) activation: Activation,
    pub(super) use_bias: bool,
    pub(super) bias_initializer: Initializer,
    pub(super) bias_regularizer: Option<Regularizer>,
    pub(super) bias_constraint: Option<Constraint>,
    pub(super) activity_regularizer: Option<Regularizer>,
}

impl Default for OutputArguments {
    fn default() -> Self {
        Self {
            activation: Activation::Linear,
            use_bias: true,
            bias_initializer: Initializer::Zeros,
            bias_regularizer: None,
            bias_constraint: None,
            activity_regularizer: None,
        }
    }
}

impl OutputArguments {
    /// States the weight `bias` of `units` elements, if there is one.
    pub(super) fn build(&self, units: usize, weights: &mut WeightSpecs) {
        if self.use_bias {
            weights
                .add("bias", &[units], self.bias_initializer)
                .regularizer(self.bias_regularizer)
                .constraint(self.bias_constraint);
        }
    }

    /// The part of `g` that is computed with the product: all but what a loss wants the logits of.
    pub(super) fn fused(&self) -> Activation {
        match self.activation {
            Activation::Softmax | Activation::Sigmoid => Activation::Linear,
            fused => fused,
        }
    }

    /// `y` from the result of an operation that was given the bias and [`Self::fused`].
    pub(super) fn finish<B: Backend>(
        &self,
        z: DynTensor<B>,
        context: &mut Context<'_, B>,
    ) -> Result<Value<B>> {
        let rest = if self.fused() == self.activation { Activation::Linear } else { self.activation };
        let y = activate(z, rest);
        if self.activity_regularizer.is_some() {
            context.regularize_activity(self.activity_regularizer, &y.clone().float())?;
        }
        Ok(y)
    }
}

/// The methods of a layer that holds [`OutputArguments`] in `output`.
macro_rules! output_setters {
    () => {
        setters! {
            in output:
            /// `g`.
            activation: Activation,
            /// Whether there is a `b`.
            use_bias: bool,
            /// Where `b` starts.
            bias_initializer: Initializer,
            /// A penalty on `b`.
            bias_regularizer: Some(Regularizer),
            /// A projection of `b` after each step.
            bias_constraint: Some(Constraint),
            /// A penalty on `y`.
            activity_regularizer: Some(Regularizer),
        }
    };
}
pub(super) use output_setters;

/// A window of learned weights that slides over the spatial axes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct WindowArguments {
    pub(super) kernel_size: Lengths,
    pub(super) strides: Lengths,
    pub(super) padding: Padding,
    #[serde(skip_serializing)]
    pub(super) data_format: ChannelsLast,
    pub(super) dilation_rate: Lengths,
}

impl Default for WindowArguments {
    fn default() -> Self {
        Self::new(Lengths::All(1))
    }
}

impl WindowArguments {
    pub(super) fn new(kernel_size: impl Into<Lengths>) -> Self {
        Self {
            kernel_size: kernel_size.into(),
            strides: Lengths::All(1),
            padding: Padding::Valid,
            data_format: ChannelsLast,
            dilation_rate: Lengths::All(1),
        }
    }

    /// The windows over `axes` axes; causal padding is for one axis.
    pub(super) fn windows(&self, axes: usize) -> Result<Windows> {
        let size = ("kernel_size", &self.kernel_size);
        Windows::new(axes, size, &self.strides, &self.dilation_rate, self.padding)
    }
}

/// The methods of a layer that holds [`WindowArguments`] in `window`.
macro_rules! window_setters {
    () => {
        setters! {
            in window:
            /// Steps of the window.
            strides: Into(Lengths),
            /// What lies beyond the ends.
            padding: Padding,
            /// Distance of the window's elements.
            dilation_rate: Into(Lengths),
        }
    };
}
pub(super) use window_setters;
