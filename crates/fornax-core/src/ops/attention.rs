//! Scaled dot-product attention: `y = softmax(scale q kᵀ, over the keys that are seen) v`, a head at a time.
//!
//! The cotangents, with the weights `p`, the dropped weights `p'` and the scores `s`: `dv = p'ᵀ dy`,
//! `ds = p (dp - rowsum(dy y))` with `dp` the dropped `dy vᵀ`, `dq = scale ds k`, `dk = scale dsᵀ q`. The node keeps
//! no weights: `p = exp(s - l)` is computed again from the logarithm `l` of each row's sum.
//!
//! Source: A. Vaswani et al., *Attention is all you need*, 2017; T. Dao et al., *FlashAttention*, 2022; several query
//! heads a key head: J. Ainslie et al., *GQA*, 2023.

use std::sync::Arc;

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::{dropout, record};
use crate::{DynTensor, Mask, Philox};

/// Attention on a backend; `q [batch, queries, heads, width]`, `k [batch, keys, key heads, width]`,
/// `v [batch, keys, key heads, value width]`, where the key heads divide the heads: query head `h` reads key head
/// `h / (heads / key heads)`.
pub trait AttentionOps: Burn {
    /// `y [batch, queries, heads, value width]` and the logarithm of each row's sum of exponentials
    /// `[batch, queries, heads]`. A query that sees no key gets zeros; its logarithm has no meaning.
    fn dot_product_attention(
        q: DynTensor<Self>,
        k: DynTensor<Self>,
        v: DynTensor<Self>,
        options: AttentionOptions<Self>,
    ) -> [DynTensor<Self>; 2] {
        reference(q, k, v, options)
    }

    /// The cotangents of `q`, `k` and `v` from that of `y`, by what the forward pass returned.
    fn dot_product_attention_backward(
        inputs: [DynTensor<Self>; 3],
        outputs: [DynTensor<Self>; 2],
        dy: DynTensor<Self>,
        options: AttentionOptions<Self>,
    ) -> [DynTensor<Self>; 3] {
        reference_backward(inputs, outputs, dy, options)
    }
}

/// Which keys a query sees, and how scores become weights. A key is seen where everything that is given says so.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::ops::{AttentionOps, AttentionOptions};
/// use fornax_core::{DynTensor, Flex};
///
/// let device = Default::default();
/// let ones = DynTensor::<Flex>::full(&[1, 2, 1, 4], 1.0, &device);
/// let v = DynTensor::from_vec(vec![1.0, 3.0], &[1, 2, 1, 1], &device);
/// let options = AttentionOptions::new(4).causal();
/// let [y, _] = Flex::dot_product_attention(ones.clone(), ones, v, options);
/// assert_eq!(y.to_vec(), [1.0, 2.0]);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AttentionOptions<B: Burn> {
    pub(crate) scale: f64,
    pub(crate) causal: bool,
    pub(crate) offset: usize,
    pub(crate) window: Option<usize>,
    pub(crate) lengths: Option<Arc<[usize]>>,
    pub(crate) keys: Option<Mask<B>>,
    pub(crate) mask: Option<Mask<B>>,
    pub(crate) dropout: Option<(f64, Philox)>,
}

impl<B: Burn> AttentionOptions<B> {
    /// Every query sees every key; scores are scaled by `1 / sqrt(width)`; no dropout.
    pub fn new(width: usize) -> Self {
        Self::scaled(1.0 / (width.max(1) as f64).sqrt())
    }

    /// Every query sees every key; scores are scaled by a factor above 0; no dropout.
    ///
    /// # Panics
    /// If the factor is not above 0.
    pub fn scaled(scale: f64) -> Self {
        assert!(scale > 0.0, "scores are scaled by a factor above 0");
        Self {
            scale,
            causal: false,
            offset: 0,
            window: None,
            lengths: None,
            keys: None,
            mask: None,
            dropout: None,
        }
    }

    /// A query sees no key behind its own position.
    pub fn causal(mut self) -> Self {
        self.causal = true;
        self
    }

    /// A query sees the keys less than `window` positions away.
    pub fn window(mut self, window: usize) -> Self {
        self.window = Some(window);
        self
    }

    /// The position of the first query among the keys, for [`Self::causal`] and [`Self::window`]; 0 if not given.
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// The queries of sample `b` see its first `lengths[b]` keys.
    pub fn lengths(mut self, lengths: impl Into<Arc<[usize]>>) -> Self {
        self.lengths = Some(lengths.into());
        self
    }

    /// The queries of a sample see the keys for which `mask [batch, keys]` holds.
    pub fn keys(mut self, mask: Mask<B>) -> Self {
        self.keys = Some(mask);
        self
    }

    /// A query sees the keys for which `mask` holds: `[batch or 1, heads or 1, queries or 1, keys]`.
    pub fn mask(mut self, mask: Mask<B>) -> Self {
        self.mask = Some(mask);
        self
    }

    /// Drops a fraction `rate` of the weights by the mask that `random` draws for
    /// `[batch, heads, queries, keys]`.
    pub fn dropout(mut self, rate: f64, random: Philox) -> Self {
        self.dropout = (rate > 0.0).then_some((rate, random));
        self
    }
}

/// Scores of hidden keys in the default body: below any other, and finite, so that a row of nothing else has no NaN.
const HIDDEN: f64 = -1e30;

/// `[batch, positions, heads, width]` and back: heads before positions.
const HEADS_FIRST: [usize; 4] = [0, 2, 1, 3];

/// The scores `[batch, heads, queries, keys]` and where they are hidden.
fn scores<B: Burn>(
    q: DynTensor<B>,
    k: DynTensor<B>,
    options: &AttentionOptions<B>,
) -> (DynTensor<B>, Option<Mask<B>>) {
    let (heads, device) = (q.shape()[2], q.device());
    let k = spread_heads(k, heads).permute(&[0, 1, 3, 2]);
    let scores = q.permute(&HEADS_FIRST).matmul(k).mul_scalar(options.scale);
    let shape = scores.shape();
    let [batch, _, queries, keys] = shape[..] else { panic!("four axes") };
    let host = |values: Vec<bool>, shape: [usize; 4]| Mask::from_vec(values, &shape, &device);
    let near = (options.causal || options.window.is_some()).then(|| {
        let first = options.offset;
        let near = |i: usize, j: usize| {
            (!options.causal || j <= i) && options.window.is_none_or(|window| i.abs_diff(j) < window)
        };
        let seen = (first..first + queries).flat_map(|i| (0..keys).map(move |j| near(i, j)));
        host(seen.collect(), [1, 1, queries, keys])
    });
    let lengths = options.lengths.as_ref().map(|lengths| {
        let seen = lengths.iter().flat_map(|&len| (0..keys).map(move |j| j < len));
        host(seen.collect(), [batch, 1, 1, keys])
    });
    let padding = options.keys.clone().map(|mask| mask.reshape(&[batch, 1, 1, keys]));
    let masks = [near, lengths, padding, options.mask.clone()];
    let seen = masks.into_iter().flatten().map(|mask| mask.expand(&shape)).reduce(Mask::and);
    match seen.map(Mask::not) {
        Some(hidden) => (scores.fill_where(hidden.clone(), HIDDEN), Some(hidden)),
        None => (scores, None),
    }
}

/// `[batch, keys, key heads, width]` to `[batch, heads, keys, width]`.
fn spread_heads<B: Burn>(x: DynTensor<B>, heads: usize) -> DynTensor<B> {
    let [batch, keys, key_heads, width] = x.shape()[..] else { panic!("four axes") };
    let x = x.permute(&HEADS_FIRST);
    if key_heads == heads {
        return x;
    }
    let group = heads / key_heads;
    let x = x.reshape(&[batch, key_heads, 1, keys, width]).expand(&[batch, key_heads, group, keys, width]);
    x.reshape(&[batch, heads, keys, width])
}

/// The transpose of [`spread_heads`]: the cotangents of a group's heads are added up.
fn gather_heads<B: Burn>(x: DynTensor<B>, key_heads: usize) -> DynTensor<B> {
    let [batch, heads, keys, width] = x.shape()[..] else { panic!("four axes") };
    let x = x.reshape(&[batch, key_heads, heads / key_heads, keys, width]).sum_axis(2);
    x.reshape(&[batch, key_heads, keys, width]).permute(&HEADS_FIRST)
}

fn dropped<B: Burn>(weights: DynTensor<B>, options: &AttentionOptions<B>) -> DynTensor<B> {
    match options.dropout {
        Some((rate, random)) => {
            let shape = weights.shape();
            dropout::reference(weights, rate, &shape, random)
        }
        None => weights,
    }
}

fn fill<B: Burn>(x: DynTensor<B>, mask: &Option<Mask<B>>) -> DynTensor<B> {
    match mask {
        Some(mask) => x.fill_where(mask.clone(), 0.0),
        None => x,
    }
}

fn reference<B: Burn>(
    q: DynTensor<B>,
    k: DynTensor<B>,
    v: DynTensor<B>,
    options: AttentionOptions<B>,
) -> [DynTensor<B>; 2] {
    let heads = q.shape()[2];
    let (scores, hidden) = scores(q, k, &options);
    let largest = scores.clone().max_axis(3);
    let weights = fill(scores.sub(largest.clone()).exp(), &hidden);
    // A row that sees a key has a sum of at least 1, the largest score's own; another one has the sum 0.
    let total = weights.clone().sum_axis(3).clamp_min(1.0);
    let y = dropped(weights.div(total.clone()), &options).matmul(spread_heads(v, heads));
    let log_sum = largest.add(total.log()).permute(&HEADS_FIRST);
    let shape = log_sum.shape();
    [y.permute(&HEADS_FIRST), log_sum.reshape(&shape[..3])]
}

fn reference_backward<B: Burn>(
    [q, k, v]: [DynTensor<B>; 3],
    [y, log_sum]: [DynTensor<B>; 2],
    dy: DynTensor<B>,
    options: AttentionOptions<B>,
) -> [DynTensor<B>; 3] {
    let [batch, queries, heads, _] = q.shape()[..] else { panic!("four axes") };
    let key_heads = k.shape()[2];
    let (scores, hidden) = scores(q.clone(), k.clone(), &options);
    let log_sum = log_sum.reshape(&[batch, queries, heads, 1]).permute(&HEADS_FIRST);
    let weights = fill(scores.sub(log_sum).exp(), &hidden);
    let [y, dy] = [y, dy].map(|tensor| tensor.permute(&HEADS_FIRST));
    let transposed = |tensor: DynTensor<B>| tensor.permute(&[0, 1, 3, 2]);
    let dv = transposed(dropped(weights.clone(), &options)).matmul(dy.clone());
    let dweights = dropped(dy.clone().matmul(transposed(spread_heads(v, heads))), &options);
    let projection = dy.mul(y).sum_axis(3);
    let dscores = weights.mul(dweights.sub(projection)).mul_scalar(options.scale);
    let dq = dscores.clone().matmul(spread_heads(k, heads)).permute(&HEADS_FIRST);
    let dk = transposed(dscores).matmul(q.permute(&HEADS_FIRST));
    [dq, gather_heads(dk, key_heads), gather_heads(dv, key_heads)]
}

impl<B: AttentionOps, C: CheckpointStrategy> AttentionOps for Autodiff<B, C> {
    /// The logarithms come back as constants: no gradient flows through them.
    fn dot_product_attention(
        q: DynTensor<Self>,
        k: DynTensor<Self>,
        v: DynTensor<Self>,
        options: AttentionOptions<Self>,
    ) -> [DynTensor<Self>; 2] {
        let AttentionOptions { scale, causal, offset, window, lengths, keys, mask, dropout } = options;
        let plain = |mask: Mask<Self>| Mask::<B>(mask.0);
        let (keys, mask) = (keys.map(plain), mask.map(plain));
        let options = AttentionOptions { scale, causal, offset, window, lengths, keys, mask, dropout };
        let mut kept = None;
        let y = record(
            [q, k, v],
            |[q, k, v]| {
                let [y, log_sum] = B::dot_product_attention(q.clone(), k.clone(), v.clone(), options.clone());
                kept = Some(log_sum.clone());
                (y.clone(), ([q, k, v], [y, log_sum], options))
            },
            |(inputs, outputs, options), dy, _| {
                B::dot_product_attention_backward(inputs, outputs, dy, options).map(Some)
            },
        );
        [y, super::constant(kept.expect("the forward pass has run"))]
    }
}
