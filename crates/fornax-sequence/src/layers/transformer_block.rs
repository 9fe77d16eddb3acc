//! What the Transformer's encoder and decoder blocks are made of: residual sublayers with layer normalization and
//! dropout, attention, and the feed-forward network. The weights of a block stand under a prefix, so that a layer may
//! hold several blocks.

use fornax_core::ops::{Activation, AttentionOptions};
use fornax_core::{Backend, DynTensor, Error, Mask, Philox, Result};
use fornax_layers::{Context, Initializer, WeightSpecs};
use serde::{Deserialize, Serialize};

use super::projections::{Heads, Projections, at_least_one, check_dropout};

/// The hyper-parameters of a block.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Block {
    pub(super) intermediate_dim: usize,
    pub(super) num_heads: usize,
    pub(super) dropout: f64,
    pub(super) activation: Activation,
    pub(super) layer_norm_epsilon: f64,
    pub(super) normalize_first: bool,
    pub(super) kernel_initializer: Initializer,
    pub(super) bias_initializer: Initializer,
}

impl Default for Block {
    fn default() -> Self {
        Self::new(1, 1)
    }
}

impl Block {
    pub(super) fn new(intermediate_dim: usize, num_heads: usize) -> Self {
        Self {
            intermediate_dim,
            num_heads,
            dropout: 0.0,
            activation: Activation::Relu,
            layer_norm_epsilon: 1e-5,
            normalize_first: false,
            kernel_initializer: Initializer::GlorotUniform,
            bias_initializer: Initializer::Zeros,
        }
    }
}

/// The methods of a layer that holds a [`Block`] in `block`.
macro_rules! block_setters {
    () => {
        fornax_layers::setters! {
            in block:
            /// The fraction that training drops of the attention weights, of the hidden units of the feed-forward
            /// network and of the output of each sublayer.
            dropout: f64,
            /// What follows the first product of the feed-forward network.
            activation: Activation,
            /// What keeps the division of the normalization finite.
            layer_norm_epsilon: f64,
            /// Whether a sublayer normalizes its input (pre-norm) instead of the sum behind it (post-norm).
            normalize_first: bool,
            /// Where the kernels start.
            kernel_initializer: Initializer,
            /// Where the biases start.
            bias_initializer: Initializer,
        }
    };
}
pub(super) use block_setters;

/// The random streams of a call, one a place that drops.
pub(super) struct Dropouts {
    rate: f64,
    random: Philox,
    next: u64,
}

impl Dropouts {
    pub(super) fn new<B: Backend>(rate: f64, context: &Context<'_, B>) -> Self {
        let rate = if context.training() { rate } else { 0.0 };
        Self { rate, random: context.random(), next: 0 }
    }

    fn stream(&mut self) -> Philox {
        self.next += 1;
        self.random.stream(self.next)
    }

    pub(super) fn apply<B: Backend>(&mut self, x: DynTensor<B>) -> DynTensor<B> {
        if self.rate == 0.0 {
            return x;
        }
        let shape = x.shape();
        B::dropout(x, self.rate, &shape, self.stream())
    }
}

/// Where attention of a block looks: at itself, or at what an encoder made.
pub(super) struct Sight<B: Backend> {
    pub(super) causal: bool,
    pub(super) keys: Option<Mask<B>>,
}

impl Block {
    /// An error unless the hyper-parameters fit a model of this width.
    pub(super) fn check(&self, width: usize) -> Result<()> {
        at_least_one(&[("intermediate_dim", self.intermediate_dim), ("num_heads", self.num_heads)])?;
        check_dropout(self.dropout)?;
        if !(self.layer_norm_epsilon >= 0.0 && self.layer_norm_epsilon.is_finite()) {
            return Err(Error::argument(
                "layer_norm_epsilon",
                self.layer_norm_epsilon,
                "a finite number from 0",
            ));
        }
        match width % self.num_heads {
            0 => Ok(()),
            _ => Err(Error::argument("num_heads", self.num_heads, format!("a divisor of the width {width}"))),
        }
    }

    pub(super) fn projections(&self) -> Projections {
        Projections {
            kernel_initializer: self.kernel_initializer,
            bias_initializer: self.bias_initializer,
            ..Projections::default()
        }
    }

    /// The weights of attention from `width` features to `memory` features, and of its normalization.
    pub(super) fn build_attention(
        &self,
        prefix: &str,
        [width, memory]: [usize; 2],
        weights: &mut WeightSpecs,
    ) -> Result<()> {
        let head = width / self.num_heads;
        let heads = Heads::equal(self.num_heads, head, head);
        let widths = [width, memory, memory];
        self.projections().build(&format!("{prefix}/"), heads, widths, width, weights)?;
        build_norm(&format!("{prefix}_layer_norm"), width, weights);
        Ok(())
    }

    pub(super) fn build_feed_forward(&self, prefix: &str, width: usize, weights: &mut WeightSpecs) {
        for (name, inputs, units) in [
            ("intermediate_dense", width, self.intermediate_dim),
            ("output_dense", self.intermediate_dim, width),
        ] {
            weights.add(
                format!("{prefix}feedforward_{name}/kernel"),
                &[inputs, units],
                self.kernel_initializer,
            );
            weights.add(format!("{prefix}feedforward_{name}/bias"), &[units], self.bias_initializer);
        }
        build_norm(&format!("{prefix}feedforward_layer_norm"), width, weights);
    }

    pub(super) fn norm<B: Backend>(
        &self,
        name: &str,
        x: DynTensor<B>,
        context: &Context<'_, B>,
    ) -> DynTensor<B> {
        let weight = |part: &str| context.weight(&format!("{name}/{part}"));
        let [y, _, _] = B::normalize(x, weight("gamma"), weight("beta"), 1, self.layer_norm_epsilon);
        y
    }

    /// `x + f(norm(x))` or `norm(x + f(x))`, with what `f` gives dropped.
    pub(super) fn residual<B: Backend>(
        &self,
        norm: &str,
        x: DynTensor<B>,
        (context, dropouts): (&mut Context<'_, B>, &mut Dropouts),
        f: impl FnOnce(DynTensor<B>, &mut Context<'_, B>, &mut Dropouts) -> Result<DynTensor<B>>,
    ) -> Result<DynTensor<B>> {
        let input = if self.normalize_first { self.norm(norm, x.clone(), context) } else { x.clone() };
        let y = f(input, context, dropouts)?;
        let sum = x.add(dropouts.apply(y));
        Ok(if self.normalize_first { sum } else { self.norm(norm, sum, context) })
    }

    /// The attention sublayer `prefix`; without `memory` to itself.
    pub(super) fn attention<B: Backend>(
        &self,
        prefix: &str,
        x: DynTensor<B>,
        memory: Option<DynTensor<B>>,
        sight: Sight<B>,
        at: (&mut Context<'_, B>, &mut Dropouts),
    ) -> Result<DynTensor<B>> {
        self.residual(&format!("{prefix}_layer_norm"), x, at, |x, context, dropouts| {
            let (projections, prefix) = (self.projections(), format!("{prefix}/"));
            let q = projections.queries(&prefix, x.clone(), 0, context)?;
            let memory = memory.unwrap_or(x);
            let [k, v] = projections.keys_and_values(&prefix, [memory.clone(), memory], 0, context)?;
            let mut options = AttentionOptions::new(q.shape()[3]);
            if sight.causal {
                options = options.causal();
            }
            if let Some(keys) = sight.keys {
                options = options.keys(keys);
            }
            if dropouts.rate > 0.0 {
                options = options.dropout(dropouts.rate, dropouts.stream());
            }
            let [y, _] = B::dot_product_attention(q, k, v, options);
            projections.output(&prefix, y, context)
        })
    }

    /// The feed-forward sublayer.
    pub(super) fn feed_forward<B: Backend>(
        &self,
        prefix: &str,
        x: DynTensor<B>,
        at: (&mut Context<'_, B>, &mut Dropouts),
    ) -> Result<DynTensor<B>> {
        self.residual(&format!("{prefix}feedforward_layer_norm"), x, at, |x, context, dropouts| {
            let dense = |x, name: &str, activation| {
                let weight = |part: &str| context.weight(&format!("{prefix}feedforward_{name}/{part}"));
                B::dense(x, weight("kernel"), Some(weight("bias")), activation)
            };
            let hidden = dropouts.apply(dense(x, "intermediate_dense", self.activation));
            Ok(dense(hidden, "output_dense", Activation::Linear))
        })
    }
}

pub(super) fn build_norm(name: &str, width: usize, weights: &mut WeightSpecs) {
    weights.add(format!("{name}/gamma"), &[width], Initializer::Ones);
    weights.add(format!("{name}/beta"), &[width], Initializer::Zeros);
}
