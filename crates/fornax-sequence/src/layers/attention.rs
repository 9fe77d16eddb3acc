//! [`Attention`] and [`AdditiveAttention`]: attention without projections, by products (Luong) and by sums (Bahdanau).

use fornax_core::ops::AttentionOptions;
use fornax_core::{Backend, DynTensor, Error, Mask, Philox, Result, Value};
use fornax_layers::{Context, Initializer, MultiLayer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::projections::{Roles, check_dropout};

/// How [`Attention`] scores a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreMode {
    /// `q k`.
    #[default]
    Dot,
    /// `w sum(tanh(q + k))`.
    Concat,
}

/// `y = softmax(scale q kᵀ) v`, without projections.
///
/// Inputs are `[query, value]` or `[query, value, key]`. Values that the value's mask leaves out are not seen;
/// outputs of masked queries are 0, and the output carries the query's mask. A query that sees nothing gets zeros.
///
/// # Shapes
/// - query: `[batch, queries, features]`; key: `[batch, keys, features]`; value: `[batch, keys, value features]`
/// - output: `[batch, queries, value features]`
/// - weights: `scale [1]` with `use_scale`, `concat_score_weight [1]` with `ScoreMode::Concat`
///
/// Defaults: dot products that are not scaled, no dropout, no causal mask (an argument of the call in Keras).
/// Source: Luong et al. 2015; `keras.layers.Attention`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Apply, Functional, input};
/// use fornax_sequence::layers::Attention;
///
/// let (query, value) = (input::<Flex>([1, 1]), input([2, 1]));
/// let y = Attention::new().apply([&query, &value])?;
/// let network = Functional::new([&query, &value], &y).build()?;
/// let inputs = [Array::from_vec([1, 1, 1], vec![0.0])?, Array::from_vec([1, 2, 1], vec![1.0, 3.0])?];
/// assert_eq!(network.predict_all(&inputs, 1)?[0].to_f32(), [2.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Attention {
    use_scale: bool,
    score_mode: ScoreMode,
    dropout: f64,
    use_causal_mask: bool,
    seed: Option<u64>,
}

impl Attention {
    /// Dot products.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Whether scores are multiplied by a learned number.
        use_scale: bool,
        /// How a key is scored.
        score_mode: ScoreMode,
        /// The fraction of the weights that training drops.
        dropout: f64,
        /// Whether query `i` sees no key behind `i`.
        use_causal_mask: bool,
        /// A seed of the layer's own for dropout.
        seed: Some(u64),
    }
}

/// `y = softmax(s) v` with `s_ij = sum over c of scale_c tanh(q_ic + k_jc)`.
///
/// Inputs, masks and shapes are those of [`Attention`]; query and key have one width.
///
/// # Shapes
/// - weights: `scale [features]` with `use_scale`
///
/// Defaults: with scale, from `GlorotUniform`, no dropout, no causal mask. Source: Bahdanau et al. 2015;
/// `keras.layers.AdditiveAttention`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Apply, Functional, input};
/// use fornax_sequence::layers::AdditiveAttention;
///
/// let (query, value) = (input::<Flex>([1, 1]), input([2, 1]));
/// let y = AdditiveAttention::new().use_scale(false).apply([&query, &value])?;
/// let network = Functional::new([&query, &value], &y).build()?;
/// let inputs = [Array::from_vec([1, 1, 1], vec![0.0])?, Array::from_vec([1, 2, 1], vec![-1.0, 1.0])?];
/// let y = network.predict_all(&inputs, 1)?[0].to_f32();
/// // Weights of e^tanh(-1) and e^tanh(1).
/// assert!((y[0] - 1f32.tanh().tanh()).abs() < 1e-6);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AdditiveAttention {
    use_scale: bool,
    dropout: f64,
    use_causal_mask: bool,
    seed: Option<u64>,
}

impl Default for AdditiveAttention {
    fn default() -> Self {
        Self { use_scale: true, dropout: 0.0, use_causal_mask: false, seed: None }
    }
}

impl AdditiveAttention {
    /// With a learned scale a feature.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Whether features are weighed by learned numbers.
        use_scale: bool,
        /// The fraction of the weights that training drops.
        dropout: f64,
        /// Whether query `i` sees no key behind `i`.
        use_causal_mask: bool,
        /// A seed of the layer's own for dropout.
        seed: Some(u64),
    }
}

/// The roles of `[query, value]` or `[query, value, key]`.
fn roles<T: Clone>(inputs: &[T]) -> Result<Roles<T>> {
    match inputs.len() {
        2 | 3 => Roles::new(inputs),
        len => Err(Error::shape("inputs", format!("{len} tensors"), "[query, value] or [query, value, key]")),
    }
}

/// The shape of the output, and the width of queries and keys.
fn checked(inputs: &[Shape], dropout: f64) -> Result<(Shape, usize)> {
    check_dropout(dropout)?;
    let roles = roles(inputs)?;
    let [query, value, key] = roles.check()?;
    if query != key {
        return Err(Error::shape("key", format!("{key} features"), format!("{query}, those of the query")));
    }
    Ok((roles.query.with_last(value), query))
}

/// What a call works with: the tensors, what is seen and dropped.
struct Call<B: Backend> {
    query: DynTensor<B>,
    value: DynTensor<B>,
    key: DynTensor<B>,
    query_mask: Option<Mask<B>>,
    value_mask: Option<Mask<B>>,
    causal: bool,
    dropout: Option<(f64, Philox)>,
}

impl<B: Backend> Call<B> {
    fn new(
        inputs: &[Value<B>],
        context: &Context<'_, B>,
        (causal, dropout, seed): (bool, f64, Option<u64>),
    ) -> Result<Self> {
        let Roles { query, value, key, .. } = roles(inputs)?;
        let (shape, keys) = (query.shape(), value.shape());
        if keys[0] != shape[0] || key.shape()[..2] != keys[..2] {
            let found = format!("{shape:?}, {keys:?}, {:?}", key.shape());
            return Err(Error::shape("query, value, key", found, "one batch, and as many keys as values"));
        }
        let random = seed.map_or(context.random(), |seed| context.random().reseeded(seed));
        Ok(Self {
            query_mask: query.mask().cloned(),
            value_mask: value.mask().cloned(),
            query: query.float(),
            value: value.float(),
            key: key.float(),
            causal,
            dropout: (context.training() && dropout > 0.0).then_some((dropout, random)),
        })
    }

    /// `softmax(scale q kᵀ) v` by the blocked kernel, as one head.
    fn by_products(&self, query: DynTensor<B>) -> DynTensor<B> {
        let head = |tensor: DynTensor<B>| {
            let shape = tensor.shape();
            tensor.reshape(&[shape[0], shape[1], 1, shape[2]])
        };
        let mut options = AttentionOptions::scaled(1.0);
        if self.causal {
            options = options.causal();
        }
        if let Some(mask) = &self.value_mask {
            options = options.keys(mask.clone());
        }
        if let Some((rate, random)) = self.dropout {
            options = options.dropout(rate, random);
        }
        let [y, _] =
            B::dot_product_attention(head(query), head(self.key.clone()), head(self.value.clone()), options);
        let shape = y.shape();
        y.reshape(&[shape[0], shape[1], shape[3]])
    }

    /// `tanh(q + k)`, `[batch, queries, keys, features]`.
    fn sums(&self, scale: impl Fn(DynTensor<B>) -> DynTensor<B>) -> DynTensor<B> {
        let (q, k) = (self.query.shape(), self.key.shape());
        let query = self.query.clone().reshape(&[q[0], q[1], 1, q[2]]);
        scale(query.add(self.key.clone().reshape(&[k[0], 1, k[1], k[2]]))).tanh()
    }

    /// `softmax(scores) v` for scores `[batch, queries, keys]`.
    fn by_scores(&self, scores: DynTensor<B>) -> DynTensor<B> {
        let shape = scores.shape();
        let [batch, queries, keys] = shape[..] else { panic!("three axes") };
        let causal = self.causal.then(|| {
            let seen = (0..queries).flat_map(|i| (0..keys).map(move |j| j <= i));
            Mask::from_vec(seen.collect(), &[1, queries, keys], &scores.device()).expand(&shape)
        });
        let values = self.value_mask.clone().map(|mask| mask.reshape(&[batch, 1, keys]).expand(&shape));
        let hidden = causal.into_iter().chain(values).reduce(Mask::and).map(Mask::not);
        let fill = |x: DynTensor<B>, value: f64| match &hidden {
            Some(hidden) => x.fill_where(hidden.clone(), value),
            None => x,
        };
        let scores = fill(scores, -1e30);
        let largest = scores.clone().detach().max_axis(2);
        let exponentials = fill(scores.sub(largest).exp(), 0.0);
        // At least 1, the largest score's own, unless nothing is seen.
        let total = exponentials.clone().sum_axis(2).clamp_min(1.0);
        let weights = exponentials.div(total);
        let weights = match self.dropout {
            Some((rate, random)) => B::dropout(weights, rate, &shape, random),
            None => weights,
        };
        weights.matmul(self.value.clone())
    }

    /// The output with zeros where the query is masked.
    fn finish(self, y: DynTensor<B>) -> Vec<Value<B>> {
        let Some(mask) = self.query_mask else { return vec![y.into()] };
        let shape = y.shape();
        let seen = mask.clone().to_float().reshape(&[shape[0], shape[1], 1]);
        vec![Value::from(y.mul(seen)).with_mask(Some(mask))]
    }
}

/// A learned number, to be multiplied with a tensor of `rank` axes.
fn scalar<B: Backend>(weight: DynTensor<B>, rank: usize) -> DynTensor<B> {
    weight.reshape(&vec![1; rank])
}

impl MultiLayer for Attention {
    const NAME: &'static str = "Attention";

    fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let (output, _) = checked(inputs, self.dropout)?;
        if self.use_scale {
            weights.add("scale", &[1], Initializer::Ones);
        }
        if self.score_mode == ScoreMode::Concat {
            weights.add("concat_score_weight", &[1], Initializer::Ones);
        }
        Ok(vec![output])
    }

    fn call_all<B: Backend>(
        &self,
        inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let call = Call::new(&inputs, context, (self.use_causal_mask, self.dropout, self.seed))?;
        let scale = context.optional("scale");
        let scaled = |x: DynTensor<B>| match &scale {
            Some(scale) => {
                let rank = x.rank();
                x.mul(scalar(scale.clone(), rank))
            }
            None => x,
        };
        let y = match self.score_mode {
            ScoreMode::Dot => call.by_products(scaled(call.query.clone())),
            ScoreMode::Concat => {
                let sums = call.sums(scaled).sum_axis(3);
                let shape = sums.shape();
                let weight = scalar(context.weight("concat_score_weight"), 3);
                call.by_scores(sums.reshape(&shape[..3]).mul(weight))
            }
        };
        Ok(call.finish(y))
    }
}

impl MultiLayer for AdditiveAttention {
    const NAME: &'static str = "AdditiveAttention";

    fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let (output, width) = checked(inputs, self.dropout)?;
        if self.use_scale {
            weights.add("scale", &[width], Initializer::GlorotUniform);
        }
        Ok(vec![output])
    }

    fn call_all<B: Backend>(
        &self,
        inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let call = Call::new(&inputs, context, (self.use_causal_mask, self.dropout, self.seed))?;
        let sums = call.sums(|x| x);
        let sums = match context.optional("scale") {
            Some(scale) => {
                let width = scale.len();
                sums.mul(scale.reshape(&[1, 1, 1, width]))
            }
            None => sums,
        };
        let shape = sums.shape();
        let y = call.by_scores(sums.sum_axis(3).reshape(&shape[..3]));
        Ok(call.finish(y))
    }
}
