//! What attention without projections computes with: one head over query, key and value as they are.

use fornax_core::ops::AttentionOptions;
use fornax_core::{Backend, DynTensor, Error, Mask, Philox, Result, Value};
use fornax_layers::{Context, Shape};

use super::projections::check_dropout;
use super::roles::Roles;

/// The roles of `[query, value]` or `[query, value, key]`.
fn roles<T: Clone>(inputs: &[T]) -> Result<Roles<T>> {
    match inputs.len() {
        2 | 3 => Roles::new(inputs),
        len => Err(Error::shape("inputs", format!("{len} tensors"), "[query, value] or [query, value, key]")),
    }
}

/// The shape of the output, and the width of queries and keys.
pub(super) fn checked(inputs: &[Shape], dropout: f64) -> Result<(Shape, usize)> {
    check_dropout(dropout)?;
    let roles = roles(inputs)?;
    let [query, value, key] = roles.check()?;
    if query != key {
        return Err(Error::shape("key", format!("{key} features"), format!("{query}, those of the query")));
    }
    Ok((roles.query.with_last(value), query))
}

/// What a call works with: the tensors, what is seen and dropped.
pub(super) struct Call<B: Backend> {
    pub(super) query: DynTensor<B>,
    value: DynTensor<B>,
    key: DynTensor<B>,
    query_mask: Option<Mask<B>>,
    value_mask: Option<Mask<B>>,
    causal: bool,
    dropout: Option<(f64, Philox)>,
}

impl<B: Backend> Call<B> {
    pub(super) fn new(
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
            query_mask: query.time_mask()?.cloned(),
            value_mask: value.time_mask()?.cloned(),
            query: query.float(),
            value: value.float(),
            key: key.float(),
            causal,
            dropout: (context.training() && dropout > 0.0).then_some((dropout, random)),
        })
    }

    /// `softmax(scale q kᵀ) v` by the blocked kernel, as one head.
    pub(super) fn by_products(&self, query: DynTensor<B>) -> DynTensor<B> {
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
    pub(super) fn sums(&self, scale: impl Fn(DynTensor<B>) -> DynTensor<B>) -> DynTensor<B> {
        let (q, k) = (self.query.shape(), self.key.shape());
        let query = self.query.clone().reshape(&[q[0], q[1], 1, q[2]]);
        scale(query.add(self.key.clone().reshape(&[k[0], 1, k[1], k[2]]))).tanh()
    }

    /// `softmax(scores) v` for scores `[batch, queries, keys]`.
    pub(super) fn by_scores(&self, scores: DynTensor<B>) -> DynTensor<B> {
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
    pub(super) fn finish(self, y: DynTensor<B>) -> Vec<Value<B>> {
        let Some(mask) = self.query_mask else { return vec![y.into()] };
        let shape = y.shape();
        let seen = mask.clone().to_float().reshape(&[shape[0], shape[1], 1]);
        vec![Value::from(y.mul(seen)).with_mask(Some(mask))]
    }
}
