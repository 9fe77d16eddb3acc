//! The projections around dot-product attention, which multi-head and grouped-query attention and the Transformer
//! blocks share: `y = attention(x_q W_q + b_q, x_k W_k + b_k, x_v W_v + b_v) W_o + b_o`, a head at a time.

use fornax_core::ops::{Activation, AttentionOptions};
use fornax_core::{Backend, DynTensor, Error, Mask, Result, Value};
use fornax_layers::{Constraint, Context, Initializer, Regularizer, WeightSpecs};
use serde::{Deserialize, Serialize};

use super::roles::Roles;
use super::rotary_embedding::rotate;

/// What multi-head and grouped-query attention take alike.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Projections {
    pub(super) dropout: f64,
    pub(super) use_bias: bool,
    pub(super) use_gate: bool,
    pub(super) sliding_window: Option<usize>,
    pub(super) use_causal_mask: bool,
    pub(super) rotary: Option<f64>,
    pub(super) kernel_initializer: Initializer,
    pub(super) bias_initializer: Initializer,
    pub(super) kernel_regularizer: Option<Regularizer>,
    pub(super) bias_regularizer: Option<Regularizer>,
    pub(super) activity_regularizer: Option<Regularizer>,
    pub(super) kernel_constraint: Option<Constraint>,
    pub(super) bias_constraint: Option<Constraint>,
    pub(super) seed: Option<u64>,
}

impl Default for Projections {
    fn default() -> Self {
        Self {
            dropout: 0.0,
            use_bias: true,
            use_gate: false,
            sliding_window: None,
            use_causal_mask: false,
            rotary: None,
            kernel_initializer: Initializer::GlorotUniform,
            bias_initializer: Initializer::Zeros,
            kernel_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            kernel_constraint: None,
            bias_constraint: None,
            seed: None,
        }
    }
}

/// The methods of a layer that holds [`Projections`] in `projections`.
macro_rules! projection_setters {
    () => {
        setters! {
            in projections:
            /// The fraction of the attention weights that training drops.
            dropout: f64,
            /// Whether the projections have a bias.
            use_bias: bool,
            /// Whether the heads' outputs are multiplied by `sigmoid(x_q W_g + b_g)`.
            use_gate: bool,
            /// Queries see the keys less than so many positions away.
            sliding_window: Some(usize),
            /// Whether query `i` sees no key behind `i` (in Keras an argument of the call).
            use_causal_mask: bool,
            /// Rotates queries and keys by their positions, as `RotaryEmbedding` does (not in Keras); the longest
            /// wave length, 10 000 as a rule.
            rotary: Some(f64),
            /// Where the kernels start.
            kernel_initializer: Initializer,
            /// Where the biases start.
            bias_initializer: Initializer,
            /// A penalty on the kernels.
            kernel_regularizer: Some(Regularizer),
            /// A penalty on the biases.
            bias_regularizer: Some(Regularizer),
            /// A penalty on the output of each projection.
            activity_regularizer: Some(Regularizer),
            /// A projection of the kernels after each step.
            kernel_constraint: Some(Constraint),
            /// A projection of the biases after each step.
            bias_constraint: Some(Constraint),
            /// A seed of the layer's own for dropout.
            seed: Some(u64),
        }
    };
}
pub(super) use projection_setters;

/// How many heads of which width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads {
    pub(crate) heads: usize,
    pub(crate) key_heads: usize,
    pub(crate) width: usize,
    pub(crate) value_width: usize,
}

impl Heads {
    /// As many heads of queries as of keys.
    pub(crate) fn equal(heads: usize, width: usize, value_width: usize) -> Self {
        Self { heads, key_heads: heads, width, value_width }
    }
}

/// An error where a hyper-parameter is 0.
pub(crate) fn at_least_one(values: &[(&str, usize)]) -> Result<()> {
    match values.iter().find(|(_, value)| *value == 0) {
        Some((name, _)) => Err(Error::argument(name, 0, "at least 1")),
        None => Ok(()),
    }
}

/// An error unless `rate` is a probability below 1.
pub(crate) fn check_dropout(rate: f64) -> Result<()> {
    match (0.0..1.0).contains(&rate) {
        true => Ok(()),
        false => Err(Error::argument("dropout", rate, "a number from 0 to below 1")),
    }
}

impl Projections {
    /// States the weights in Keras's order; `widths` are those of query, value and key, `outputs` that of `y`.
    pub(super) fn build(
        &self,
        prefix: &str,
        heads: Heads,
        [query, value, key]: [usize; 3],
        outputs: usize,
        weights: &mut WeightSpecs,
    ) -> Result<()> {
        check_dropout(self.dropout)?;
        if self.sliding_window == Some(0) {
            return Err(Error::argument("sliding_window", 0, "at least 1"));
        }
        if let Some(longest) = self.rotary {
            super::rotary_embedding::check(heads.width, longest)?;
        }
        let Heads { heads, key_heads, width, value_width } = heads;
        let mut add = |name: &str, kernel: &[usize], bias: &[usize]| {
            weights
                .add(format!("{prefix}{name}/kernel"), kernel, self.kernel_initializer)
                .regularizer(self.kernel_regularizer)
                .constraint(self.kernel_constraint);
            if self.use_bias {
                weights
                    .add(format!("{prefix}{name}/bias"), bias, self.bias_initializer)
                    .regularizer(self.bias_regularizer)
                    .constraint(self.bias_constraint);
            }
        };
        add("query", &[query, heads, width], &[heads, width]);
        add("key", &[key, key_heads, width], &[key_heads, width]);
        if self.use_gate {
            add("gate", &[query, heads, value_width], &[heads, value_width]);
        }
        add("value", &[value, key_heads, value_width], &[key_heads, value_width]);
        add("attention_output", &[heads, value_width, outputs], &[outputs]);
        Ok(())
    }

    /// `x W + b` over the last `axes` axes of `x`, by the weights `prefix/name`.
    fn project<B: Backend>(
        &self,
        x: DynTensor<B>,
        (prefix, name): (&str, &str),
        axes: usize,
        activation: Activation,
        context: &mut Context<'_, B>,
    ) -> Result<DynTensor<B>> {
        let kernel = context.weight(&format!("{prefix}{name}/kernel"));
        let kernel_shape = kernel.shape();
        let inputs = kernel_shape[..axes].iter().product();
        let outputs = kernel_shape[axes..].iter().product();
        let bias = context.optional(&format!("{prefix}{name}/bias")).map(|bias| bias.reshape(&[outputs]));
        let leading = x.rank() - axes;
        let mut shape = x.shape();
        shape.truncate(leading);
        let rows = shape.iter().product();
        shape.extend(&kernel_shape[axes..]);
        let y = B::dense(x.reshape(&[rows, inputs]), kernel.reshape(&[inputs, outputs]), bias, activation);
        let y = y.reshape(&shape);
        context.regularize_activity(self.activity_regularizer, &y)?;
        Ok(y)
    }

    /// The queries `[batch, time, heads, width]` of `x`, whose first step has the position `offset`.
    pub(super) fn queries<B: Backend>(
        &self,
        prefix: &str,
        x: DynTensor<B>,
        offset: usize,
        context: &mut Context<'_, B>,
    ) -> Result<DynTensor<B>> {
        let q = self.project(x, (prefix, "query"), 1, Activation::Linear, context)?;
        Ok(self.rotated(q, offset))
    }

    /// The keys and values of what is attended to.
    pub(super) fn keys_and_values<B: Backend>(
        &self,
        prefix: &str,
        [key, value]: [DynTensor<B>; 2],
        offset: usize,
        context: &mut Context<'_, B>,
    ) -> Result<[DynTensor<B>; 2]> {
        let k = self.project(key, (prefix, "key"), 1, Activation::Linear, context)?;
        let v = self.project(value, (prefix, "value"), 1, Activation::Linear, context)?;
        Ok([self.rotated(k, offset), v])
    }

    fn rotated<B: Backend>(&self, x: DynTensor<B>, offset: usize) -> DynTensor<B> {
        match self.rotary {
            Some(longest) => rotate(x, offset, longest),
            None => x,
        }
    }

    /// The heads' outputs `[batch, time, heads, width]` joined.
    pub(super) fn output<B: Backend>(
        &self,
        prefix: &str,
        y: DynTensor<B>,
        context: &mut Context<'_, B>,
    ) -> Result<DynTensor<B>> {
        self.project(y, (prefix, "attention_output"), 2, Activation::Linear, context)
    }

    /// The whole layer on the inputs of a model.
    pub(super) fn call<B: Backend>(
        &self,
        inputs: Roles<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Value<B>> {
        let Roles { query, value, key, mask } = inputs;
        let (shape, steps) = (query.shape(), value.shape()[1]);
        if key.shape()[1] != steps || value.shape()[0] != shape[0] || key.shape()[0] != shape[0] {
            let found = format!("{:?}, {:?}, {:?}", shape, value.shape(), key.shape());
            return Err(Error::shape("query, value, key", found, "one batch, and as many keys as values"));
        }
        let query_mask = query.time_mask()?.cloned();
        let padding = match (value.time_mask()?.cloned(), key.time_mask()?.cloned()) {
            (Some(value), Some(key)) => Some(value.and(key)),
            (value, key) => value.or(key),
        };
        let query = query.float();
        let gate = match self.use_gate {
            true => Some(self.project(query.clone(), ("", "gate"), 1, Activation::Sigmoid, context)?),
            false => None,
        };
        let q = self.queries("", query, 0, context)?;
        let [k, v] = self.keys_and_values("", [key.float(), value.float()], 0, context)?;
        let heads = [q.shape()[2], k.shape()[2]];
        let mut options = AttentionOptions::new(q.shape()[3]);
        if self.use_causal_mask {
            options = options.causal();
        }
        if let Some(padding) = padding {
            options = options.keys(padding);
        }
        let mask =
            mask.map(|mask| attention_mask(mask, [shape[0], heads[0], shape[1], steps])).transpose()?;
        if let Some(window) = self.sliding_window {
            options = options.window(window);
        }
        if let Some(mask) = mask {
            options = options.mask(mask);
        }
        if context.training() {
            let random = context.random();
            let random = self.seed.map_or(random, |seed| random.reseeded(seed));
            options = options.dropout(self.dropout, random);
        }
        let [y, _] = B::dot_product_attention(q, k, v, options);
        let y = match gate {
            Some(gate) => y.mul(gate),
            None => y,
        };
        Ok(Value::from(self.output("", y, context)?).with_mask(query_mask))
    }
}

/// What is not 0 is seen: `[batch, queries, keys]` or `[batch, heads, queries, keys]`.
fn attention_mask<B: Backend>(mask: Value<B>, wanted: [usize; 4]) -> Result<Mask<B>> {
    let mut shape = mask.shape();
    if shape.len() == 3 {
        shape.insert(1, 1);
    }
    let fits = shape.len() == 4
        && shape
            .iter()
            .zip(wanted)
            .enumerate()
            .all(|(axis, (&len, wanted))| len == wanted || (len == 1 && axis < 3));
    if !fits {
        let [batch, heads, queries, keys] = wanted;
        let wanted = format!("[{batch}, {queries}, {keys}] or [{batch}, {heads}, {queries}, {keys}]");
        return Err(Error::shape("attention mask", format!("{:?}", mask.shape()), wanted));
    }
    Ok(mask.float().equal_scalar(0.0).not().reshape(&shape))
}
