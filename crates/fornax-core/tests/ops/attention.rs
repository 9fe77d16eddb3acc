//! Attention: every backend as plain loops in double precision, gradients as finite differences, and what must not
//! change a result: padding, hidden keys, the number of threads.

use fornax_core::ops::{AttentionOps, AttentionOptions};
use fornax_core::{Backend, DynTensor, Flex, Mask, NdArray, Philox};
use fornax_testkit::{Oracle, assert_close, gradient::check_gradient};
use proptest::prelude::*;

use super::{Point, Recorded, config, point, tensor, to_f32};

#[derive(Clone, Debug)]
struct Case {
    batch: usize,
    queries: usize,
    keys: usize,
    key_heads: usize,
    group: usize,
    width: usize,
    value_width: usize,
    causal: bool,
    offset: usize,
    window: Option<usize>,
    lengths: bool,
    padding: bool,
    /// Which axes of the mask have their full length.
    mask: Option<[bool; 3]>,
    dropout: bool,
}

const PLAIN: Case = Case {
    batch: 2,
    queries: 3,
    keys: 5,
    key_heads: 2,
    group: 1,
    width: 4,
    value_width: 3,
    causal: false,
    offset: 0,
    window: None,
    lengths: false,
    padding: false,
    mask: None,
    dropout: false,
};

const RATE: f64 = 0.3;

impl Case {
    fn heads(&self) -> usize {
        self.key_heads * self.group
    }

    /// `q`, `k`, `v` and the cotangent of `y`, small enough that the weights are not all 0 and 1.
    fn points(&self) -> [Point; 4] {
        let (batch, queries, keys) = (self.batch, self.queries, self.keys);
        let shapes = [
            [batch, queries, self.heads(), self.width],
            [batch, keys, self.key_heads, self.width],
            [batch, keys, self.key_heads, self.value_width],
            [batch, queries, self.heads(), self.value_width],
        ];
        let mut seed = 0;
        shapes.map(|shape| {
            seed += 1;
            let mut random = Philox::new(seed);
            // Multiples of 2^-10, as finite differences want them.
            let values = (0..shape.iter().product()).map(|_| (random.below(2048) as f32 - 1024.0) / 1024.0);
            (shape.to_vec(), values.collect())
        })
    }

    fn lengths(&self) -> Vec<usize> {
        (0..self.batch).map(|b| [self.keys.div_ceil(2), self.keys, 0][b % 3]).collect()
    }

    fn random(&self, seed: u64, len: usize) -> Vec<bool> {
        let mut random = Philox::new(seed);
        (0..len).map(|_| random.uniform() < 0.7).collect()
    }

    fn padding(&self) -> Vec<bool> {
        self.random(7, self.batch * self.keys)
    }

    fn mask(&self) -> Option<([usize; 4], Vec<bool>)> {
        let [batch, heads, queries] = self.mask?;
        let full = |full: bool, len: usize| if full { len } else { 1 };
        let shape =
            [full(batch, self.batch), full(heads, self.heads()), full(queries, self.queries), self.keys];
        Some((shape, self.random(8, shape.iter().product())))
    }

    fn options<B: Backend>(&self) -> AttentionOptions<B> {
        let device = B::Device::default();
        let mut options = AttentionOptions::new(self.width);
        options = options.offset(self.offset);
        if self.causal {
            options = options.causal();
        }
        if let Some(window) = self.window {
            options = options.window(window);
        }
        if self.lengths {
            options = options.lengths(self.lengths());
        }
        if self.padding {
            options = options.keys(Mask::from_vec(self.padding(), &[self.batch, self.keys], &device));
        }
        if let Some((shape, mask)) = self.mask() {
            options = options.mask(Mask::from_vec(mask, &shape, &device));
        }
        if self.dropout {
            options = options.dropout(RATE, Philox::new(5).stream(3));
        }
        options
    }

    fn seen(&self, [b, h, i, j]: [usize; 4]) -> bool {
        let mask = self.mask().is_none_or(|(shape, mask)| {
            let at = |axis: usize, position: usize| if shape[axis] == 1 { 0 } else { position };
            mask[((at(0, b) * shape[1] + at(1, h)) * shape[2] + at(2, i)) * self.keys + j]
        });
        mask && (!self.causal || j <= i + self.offset)
            && self.window.is_none_or(|window| (i + self.offset).abs_diff(j) < window)
            && (!self.lengths || j < self.lengths()[b])
            && (!self.padding || self.padding()[b * self.keys + j])
    }

    /// `y`, `dq`, `dk` and `dv` by loops.
    fn wanted(&self) -> [Vec<f32>; 4] {
        let [q, k, v, dy] =
            self.points().map(|(_, values)| values.into_iter().map(f64::from).collect::<Vec<_>>());
        let (heads, width, value_width) = (self.heads(), self.width, self.value_width);
        let mut kept = vec![0.0; self.batch * heads * self.queries * self.keys];
        Philox::new(5).stream(3).fill_uniform(&mut kept);
        let mut y = vec![0.0; dy.len()];
        let (mut dq, mut dk, mut dv) = (vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]);
        for (b, h, i) in super::positions(&[self.batch, heads, self.queries]).map(|at| (at[0], at[1], at[2]))
        {
            let query = ((b * self.queries + i) * heads + h) * width;
            let out = ((b * self.queries + i) * heads + h) * value_width;
            let key = |j: usize| ((b * self.keys + j) * self.key_heads + h / self.group) * width;
            let value = |j: usize| ((b * self.keys + j) * self.key_heads + h / self.group) * value_width;
            let scale = 1.0 / (width as f64).sqrt();
            let exponential = |j: usize| match self.seen([b, h, i, j]) {
                true => {
                    (0..width).map(|c| q[query + c] * k[key(j) + c]).sum::<f64>().mul_add(scale, 0.0).exp()
                }
                false => 0.0,
            };
            let p: Vec<f64> = (0..self.keys).map(exponential).collect();
            let total: f64 = p.iter().sum();
            let p: Vec<f64> = p.iter().map(|p| if total > 0.0 { p / total } else { 0.0 }).collect();
            let factor = |j: usize| {
                let drawn = kept[((b * heads + h) * self.queries + i) * self.keys + j];
                if !self.dropout {
                    1.0
                } else if f64::from(drawn) < RATE {
                    0.0
                } else {
                    1.0 / (1.0 - RATE)
                }
            };
            let mut dp = vec![0.0; self.keys];
            for j in 0..self.keys {
                for c in 0..value_width {
                    y[out + c] += p[j] * factor(j) * v[value(j) + c];
                    dv[value(j) + c] += p[j] * factor(j) * dy[out + c];
                    dp[j] += dy[out + c] * v[value(j) + c] * factor(j);
                }
            }
            let mean: f64 = p.iter().zip(&dp).map(|(p, dp)| p * dp).sum();
            for j in 0..self.keys {
                let ds = p[j] * (dp[j] - mean) * scale;
                for c in 0..width {
                    dq[query + c] += ds * k[key(j) + c];
                    dk[key(j) + c] += ds * q[query + c];
                }
            }
        }
        [y, dq, dk, dv].map(|values| to_f32(&values))
    }

    fn found<B: Backend>(&self) -> [Vec<f32>; 4] {
        let [q, k, v, dy] = self.points().map(|point| tensor::<B>(&point));
        let [y, log_sum] = B::dot_product_attention(q.clone(), k.clone(), v.clone(), self.options());
        let [dq, dk, dv] =
            B::dot_product_attention_backward([q, k, v], [y.clone(), log_sum], dy, self.options());
        [y, dq, dk, dv].map(|tensor| tensor.to_vec())
    }

    fn check_backend<B: Backend>(&self, wanted: &[Vec<f32>; 4]) {
        for ((found, wanted), name) in self.found::<B>().iter().zip(wanted).zip(["y", "dq", "dk", "dv"]) {
            assert_close(
                found,
                wanted,
                2e-5,
                &format!("{name} of {self:?} on {}", B::name(&Default::default())),
            );
        }
    }

    fn check(&self) {
        let wanted = self.wanted();
        self.check_backend::<Oracle>(&wanted);
        self.check_backend::<Flex>(&wanted);
        self.check_backend::<NdArray>(&wanted);
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (1..=3usize, 1..=9usize, 1..=11usize, 1..=2usize, 1..=3usize, 1..=9usize, 1..=5usize);
    let options = (
        (any::<bool>(), 0..4usize, proptest::option::of(1..4usize)),
        any::<bool>(),
        any::<bool>(),
        proptest::option::of(any::<[bool; 3]>()),
        any::<bool>(),
    );
    (sizes, options).prop_map(|(sizes, ((causal, offset, window), lengths, padding, mask, dropout))| {
        let (batch, queries, keys, key_heads, group, width, value_width) = sizes;
        Case {
            batch,
            queries,
            keys,
            key_heads,
            group,
            width,
            value_width,
            causal,
            offset,
            window,
            lengths,
            padding,
            mask,
            dropout,
        }
    })
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn sums_are_those_of_plain_loops(case in cases()) {
        case.check();
    }
}

/// Blocks are of 64 queries and 128 keys.
#[test]
fn block_limits() {
    for (queries, keys) in [(63, 127), (64, 128), (65, 129), (1, 257), (130, 1)] {
        for (causal, offset, window) in
            [(false, 0, None), (true, 0, None), (true, 100, None), (true, 3, Some(40)), (false, 70, Some(70))]
        {
            Case { batch: 1, queries, keys, causal, offset, window, padding: causal, ..PLAIN }.check();
        }
    }
    Case { queries: 67, keys: 131, lengths: true, dropout: true, group: 2, batch: 3, ..PLAIN }.check();
}

/// Scores that grow from block to block: every one makes the sums before it smaller by much.
#[test]
fn large_scores_stay_finite() {
    fn outputs<B: Backend>() -> Vec<f32> {
        let keys: Vec<f32> = (0..300).map(|key| key as f32 * 2.0 - 300.0).collect();
        let k = tensor::<B>(&(vec![1, 300, 1, 1], keys));
        let [q, v] = [1.0, 0.5].map(|value| DynTensor::full(&[1, 300, 1, 1], value, &B::Device::default()));
        B::dot_product_attention(q, k, v, AttentionOptions::new(1)).map(|tensor| tensor.to_vec()).concat()
    }
    let wanted = outputs::<Oracle>();
    assert!(wanted.iter().all(|y| y.is_finite()));
    assert_close(&outputs::<Flex>(), &wanted, 1e-5, "flex");
    assert_close(&outputs::<NdArray>(), &wanted, 1e-5, "ndarray");
}

#[test]
fn a_query_that_sees_nothing_gets_zeros_and_no_gradient() {
    fn check<B: Backend>() {
        let case = Case { batch: 3, lengths: true, ..PLAIN };
        let [y, dq, dk, dv] = case.found::<B>();
        // The third sample has length 0.
        for values in [y, dq, dk, dv] {
            assert!(values[values.len() / 3 * 2..].iter().all(|&value| value == 0.0));
        }
    }
    check::<Oracle>();
    check::<Flex>();
    check::<NdArray>();
}

#[test]
fn nothing_to_attend_to_is_no_panic() {
    for (queries, keys) in [(0, 3), (3, 0)] {
        let [y, dq, dk, dv] = Case { queries, keys, ..PLAIN }.found::<Flex>();
        assert_eq!([y.len(), dq.len()], [2 * queries * 2 * 3, 2 * queries * 2 * 4]);
        assert!([y, dq, dk, dv].concat().iter().all(|&value| value == 0.0));
    }
}

/// Keys that the lengths leave out may hold anything, and there may be any number of them.
#[test]
fn padding_changes_no_bit() {
    fn outputs(keys: usize) -> Vec<Vec<f32>> {
        let case = Case { batch: 2, keys: 150, queries: 70, ..PLAIN };
        let [q, k, v, dy] = case.points().map(|point| tensor::<Flex>(&point));
        let [k, v] = [k, v].map(|tensor| tensor.pad(1, 0, keys - 150, 1e3));
        let options = AttentionOptions::new(case.width).lengths(vec![150, 150]);
        let [y, log_sum] = Flex::dot_product_attention(q.clone(), k.clone(), v.clone(), options.clone());
        let [dq, dk, dv] = Flex::dot_product_attention_backward([q, k, v], [y.clone(), log_sum], dy, options);
        [y, dq, dk.slice(1, 0, 150, 1), dv.slice(1, 0, 150, 1)].map(|tensor| tensor.to_vec()).into()
    }
    let wanted = outputs(150);
    assert_eq!(outputs(151), wanted);
    assert_eq!(outputs(400), wanted);
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let case = Case {
        batch: 3,
        queries: 150,
        keys: 140,
        key_heads: 2,
        group: 2,
        width: 16,
        value_width: 16,
        dropout: true,
        ..PLAIN
    };
    let masked = Case { causal: true, lengths: true, mask: Some([true; 3]), ..case.clone() };
    for case in [case, masked] {
        let found = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| case.found::<Flex>())
        };
        let wanted = found(1);
        assert_eq!(found(2), wanted);
        assert_eq!(found(4), wanted);
    }
}

#[test]
fn gradients_are_finite_differences() {
    let masked = Case {
        causal: true,
        offset: 1,
        window: Some(2),
        padding: true,
        mask: Some([true, false, true]),
        ..PLAIN
    };
    for case in [PLAIN, Case { group: 2, lengths: true, dropout: true, ..PLAIN }, masked] {
        let [q, k, v, _] = case.points();
        check_gradient(&[q, k, v], 2e-4, |t| {
            let [y, _] =
                Recorded::dot_product_attention(t[0].clone(), t[1].clone(), t[2].clone(), case.options());
            vec![y]
        });
    }
    // Widths of 1.
    let points = [point(&[1, 1, 1, 1], 1), point(&[1, 2, 1, 1], 2), point(&[1, 2, 1, 1], 3)];
    check_gradient(&points, 2e-4, |t| {
        let [y, _] = Recorded::dot_product_attention(
            t[0].clone(),
            t[1].clone(),
            t[2].clone(),
            AttentionOptions::new(1),
        );
        vec![y]
    });
}
