//! Attention in blocks: scores exist for 64 queries and 128 keys at a time, never for all of them.
//!
//! Forward, a block of keys after the other, each row of a block of queries keeps its largest score and its sum of
//! exponentials so far and scales what it has when a larger score comes (Dao et al. 2022). Backward the weights of a
//! block are computed again from the logarithm of that sum. Forward tasks are blocks of queries, whose outputs lie
//! together; backward tasks are key heads of samples, which own their cotangents. Neither depends on the threads.

mod rows;
mod seen;

use std::ops::Range;

use super::gemm::{Matrix, blocks, gemm};
use super::host::{Host, HostTensor};
use super::impl_for_cpu;
use super::product::Finish;
use super::tasks::{self, MOVE, unwritten};
use crate::DynTensor;
use crate::ops::{AttentionOps, AttentionOptions};
use rows::{Drop, Row, dot, exponentials, multiply, slopes, weights};
use seen::Seen;

/// Queries of a block.
const QUERIES: usize = 64;

/// Keys of a block.
const KEYS: usize = 128;

/// `[batch, positions, heads, width]` in row-major order.
#[derive(Clone, Copy)]
struct Heads<'a> {
    values: &'a [f32],
    positions: usize,
    heads: usize,
    width: usize,
}

impl<'a> Heads<'a> {
    fn new<B: Host>(tensor: &'a DynTensor<B>) -> Self {
        let [_, positions, heads, width] = tensor.shape()[..] else { panic!("four axes") };
        Self { values: tensor.floats(), positions, heads, width }
    }

    /// One past a position's stretch of all heads.
    fn stride(self) -> usize {
        self.heads * self.width
    }

    /// The elements of a head from a position on.
    fn from(self, sample: usize, position: usize, head: usize) -> &'a [f32] {
        &self.values[((sample * self.positions + position) * self.heads + head) * self.width..]
    }

    /// A head's positions from one on, as the rows of a matrix.
    fn rows(self, sample: usize, position: usize, head: usize) -> Matrix<'a> {
        Matrix::rows(self.from(sample, position, head), self.stride())
    }
}

/// The inputs of both passes.
struct Problem<'a> {
    q: Heads<'a>,
    k: Heads<'a>,
    v: Heads<'a>,
    scale: f32,
    seen: Seen,
    drop: Option<Drop>,
}

impl<'a> Problem<'a> {
    fn new<B: Host>(inputs: [&'a DynTensor<B>; 3], options: &AttentionOptions<B>) -> Self {
        let [q, k, v] = inputs.map(Heads::new);
        assert!(k.heads > 0 && q.heads % k.heads == 0 && k.heads == v.heads && k.positions == v.positions);
        assert_eq!(q.width, k.width, "queries and keys have one width");
        let batch = inputs[0].shape()[0];
        let shape = [q.heads, q.positions, k.positions];
        let drop = options.dropout.map(|(rate, random)| Drop { rate, random, shape });
        Self { q, k, v, scale: options.scale as f32, seen: Seen::new(options, batch, k.positions), drop }
    }

    /// Multiply-adds of the two products of the forward pass, and the exponentials.
    fn cost(&self, batch: usize) -> usize {
        batch * self.q.heads * self.q.positions * self.k.positions * (self.q.width + self.v.width + MOVE)
    }

    /// The products `q k` of a block, minus infinity where hidden.
    fn scores(&self, at: (usize, usize), queries: &Range<usize>, keys: &Range<usize>, scores: &mut [f32]) {
        let (sample, head) = at;
        let group = self.q.heads / self.k.heads;
        let q = self.q.rows(sample, queries.start, head);
        let k = self.k.rows(sample, keys.start, head / group).t();
        gemm([queries.len(), keys.len(), self.q.width], q, k, scores, keys.len(), Finish::default());
        self.seen.hide(at, queries, keys, scores);
    }

    /// The outputs of a block of queries of a sample, all heads.
    fn forward(&self, sample: usize, queries: Range<usize>, y: &mut [f32], log_sums: &mut [f32]) {
        let (heads, width) = (self.q.heads, self.v.width);
        let stride = heads * width;
        let visible = self.seen.range(sample, &queries);
        let mut scores = unwritten(queries.len() * KEYS.min(visible.len()));
        let mut drawn = unwritten(if self.drop.is_some() { scores.len() } else { 0 });
        if visible.is_empty() {
            y.fill(0.0);
        }
        for head in 0..heads {
            let mut rows =
                vec![Row { largest: f32::NEG_INFINITY, total: 0.0, correction: 1.0 }; queries.len()];
            for keys in blocks(visible.clone(), KEYS) {
                let scores = &mut scores[..queries.len() * keys.len()];
                self.scores((sample, head), &queries, &keys, scores);
                exponentials(scores, keys.len(), self.scale, &mut rows);
                if let Some(drop) = self.drop {
                    let drawn = &mut drawn[..scores.len()];
                    drop.draw((sample, head), &queries, &keys, drawn);
                    multiply(scores, drawn);
                }
                let later = keys.start > visible.start;
                if later {
                    for (row, y) in rows.iter().zip(y[head * width..].chunks_mut(stride)) {
                        y[..width].iter_mut().for_each(|y| *y *= row.correction);
                    }
                }
                let v = self.v.rows(sample, keys.start, head / (heads / self.k.heads));
                let scores = Matrix::rows(scores, keys.len());
                gemm(
                    [queries.len(), width, keys.len()],
                    scores,
                    v,
                    &mut y[head * width..],
                    stride,
                    Finish::added(later),
                );
            }
            for (row, state) in rows.iter().enumerate() {
                let total = if state.total == 0.0 { 1.0 } else { state.total };
                y[row * stride + head * width..][..width].iter_mut().for_each(|y| *y /= total);
                // A row that sees nothing has weights of exp(-infinity) in the backward pass.
                log_sums[row * heads + head] =
                    if state.total == 0.0 { f32::INFINITY } else { state.largest + state.total.ln() };
            }
        }
    }

    /// The cotangents of a key head of a sample: of its keys, its values and its group's queries
    /// `[queries, group, width]`.
    fn backward(
        &self,
        sample: usize,
        key_head: usize,
        y: Heads<'_>,
        dy: Heads<'_>,
        log_sums: &[f32],
    ) -> [Vec<f32>; 3] {
        let (heads, group) = (self.q.heads, self.q.heads / self.k.heads);
        let (width, value_width) = (self.q.width, self.v.width);
        let (query_count, key_count) = (self.q.positions, self.k.positions);
        let mut dq = vec![0.0; query_count * group * width];
        let mut dk = vec![0.0; key_count * width];
        let mut dv = vec![0.0; key_count * value_width];
        let block = QUERIES.min(query_count) * KEYS.min(key_count);
        let (mut p, mut dp) = (unwritten(block), unwritten(block));
        let mut drawn = unwritten(if self.drop.is_some() { block } else { 0 });
        for member in 0..group {
            let head = key_head * group + member;
            for queries in blocks(0..query_count, QUERIES) {
                let rows = queries.clone();
                let projections: Vec<f32> = rows
                    .clone()
                    .map(|row| {
                        let [y, dy] = [y, dy].map(|tensor| &tensor.from(sample, row, head)[..value_width]);
                        dot(y, dy)
                    })
                    .collect();
                let log_sums: Vec<f32> =
                    rows.map(|row| log_sums[(sample * query_count + row) * heads + head]).collect();
                let dy = dy.rows(sample, queries.start, head);
                for keys in blocks(self.seen.range(sample, &queries), KEYS) {
                    let (m, n) = (queries.len(), keys.len());
                    let (p, dp) = (&mut p[..m * n], &mut dp[..m * n]);
                    self.scores((sample, head), &queries, &keys, p);
                    weights(p, n, self.scale, &log_sums);
                    let v = self.v.rows(sample, keys.start, key_head).t();
                    gemm([m, n, value_width], dy, v, dp, n, Finish::default());
                    let mut dropped = &*p;
                    if let Some(drop) = self.drop {
                        let drawn = &mut drawn[..m * n];
                        drop.draw((sample, head), &queries, &keys, drawn);
                        multiply(dp, drawn);
                        multiply(drawn, p);
                        dropped = drawn;
                    }
                    let (dropped, dv) = (Matrix::rows(dropped, n).t(), &mut dv[keys.start * value_width..]);
                    gemm([n, value_width, m], dropped, dy, dv, value_width, Finish::added(true));
                    slopes(p, dp, n, self.scale, &projections);
                    let (k, q) =
                        (self.k.rows(sample, keys.start, key_head), self.q.rows(sample, queries.start, head));
                    let ds = Matrix::rows(dp, n);
                    let dq = &mut dq[(queries.start * group + member) * width..];
                    gemm([m, width, n], ds, k, dq, group * width, Finish::added(true));
                    gemm([n, width, m], ds.t(), q, &mut dk[keys.start * width..], width, Finish::added(true));
                }
            }
        }
        [dq, dk, dv]
    }
}

fn forward<B: Host>(inputs: [DynTensor<B>; 3], options: &AttentionOptions<B>) -> [DynTensor<B>; 2] {
    let [q, k, v] = inputs.map(DynTensor::standard);
    let [batch, queries, heads, _] = q.shape()[..] else { panic!("four axes") };
    let problem = Problem::new([&q, &k, &v], options);
    let stride = heads * problem.v.width;
    let mut y = unwritten(batch * queries * stride);
    let mut log_sums = unwritten(batch * queries * heads);
    let mut parts = vec![];
    let (mut rest, mut rest_sums) = (&mut y[..], &mut log_sums[..]);
    for sample in 0..batch {
        for block in blocks(0..queries, QUERIES) {
            let (part, sums);
            (part, rest) = rest.split_at_mut(block.len() * stride);
            (sums, rest_sums) = rest_sums.split_at_mut(block.len() * heads);
            parts.push((sample, block, part, sums));
        }
    }
    tasks::each(parts, problem.cost(batch), |_, (sample, block, part, sums)| {
        problem.forward(sample, block, part, sums);
    });
    let y = DynTensor::from_floats(y, &[batch, queries, heads, problem.v.width]);
    [y, DynTensor::from_floats(log_sums, &[batch, queries, heads])]
}

fn backward<B: Host>(
    inputs: [DynTensor<B>; 3],
    outputs: [DynTensor<B>; 2],
    dy: DynTensor<B>,
    options: &AttentionOptions<B>,
) -> [DynTensor<B>; 3] {
    let [q, k, v] = inputs.map(DynTensor::standard);
    let ([y, log_sums], dy) = (outputs.map(DynTensor::standard), dy.standard());
    let problem = Problem::new([&q, &k, &v], options);
    let (batch, key_heads) = (q.shape()[0], problem.k.heads);
    let parts = (0..batch * key_heads).collect();
    let parts = tasks::each(parts, 3 * problem.cost(batch), |_, part| {
        let (y, dy) = (Heads::new(&y), Heads::new(&dy));
        problem.backward(part / key_heads, part % key_heads, y, dy, log_sums.floats())
    });
    let mut cotangents = [&q, &k, &v].map(|tensor| unwritten(tensor.len()));
    for (part, values) in parts.into_iter().enumerate() {
        for (cotangent, (values, of)) in cotangents.iter_mut().zip(values.iter().zip([&q, &k, &v])) {
            if of.is_empty() {
                continue;
            }
            let positions = of.shape()[1];
            let (stretch, stride) = (values.len() / positions, of.len() / (batch * positions));
            let start = part / key_heads * positions * stride + part % key_heads * stretch;
            let rows = cotangent[start..].chunks_mut(stride).zip(values.chunks_exact(stretch));
            rows.for_each(|(row, values)| row[..stretch].copy_from_slice(values));
        }
    }
    let mut shapes = [&q, &k, &v].into_iter().map(DynTensor::shape);
    cotangents.map(|values| DynTensor::from_floats(values, &shapes.next().expect("a shape each")))
}

impl_for_cpu!(AttentionOps {
    fn dot_product_attention(
        q: DynTensor<Self>,
        k: DynTensor<Self>,
        v: DynTensor<Self>,
        options: AttentionOptions<Self>,
    ) -> [DynTensor<Self>; 2] {
        forward([q, k, v], &options)
    }

    fn dot_product_attention_backward(
        inputs: [DynTensor<Self>; 3],
        outputs: [DynTensor<Self>; 2],
        dy: DynTensor<Self>,
        options: AttentionOptions<Self>,
    ) -> [DynTensor<Self>; 3] {
        backward(inputs, outputs, dy, &options)
    }
});
