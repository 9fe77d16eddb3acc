//! Activations in one pass, with the functions of `math.rs`; the softmaxes row by row.
//!
//! What is not here runs by Burn's operations.

use super::host::{Host, HostTensor};
use super::impl_for_cpu;
use super::math::{erf, exp, sigmoid, tanh};
use super::tasks::{self, MOVE};
use crate::DynTensor;
use crate::ops::{Activation, ActivationOps, activation};

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// Whether [`apply`] and [`apply_backward`] know it.
fn is_elementwise(activation: Activation) -> bool {
    use Activation as A;
    matches!(
        activation,
        A::Relu
            | A::Relu6
            | A::LeakyRelu
            | A::Elu
            | A::Celu
            | A::Sigmoid
            | A::Tanh
            | A::Gelu
            | A::Silu
            | A::Exponential
    )
}

#[inline(always)]
fn each(x: &mut [f32], f: impl Fn(f32) -> f32) {
    x.iter_mut().for_each(|x| *x = f(*x));
}

/// `dy = slope(x, y) dy`.
#[inline(always)]
fn each_backward(x: &[f32], y: &[f32], dy: &mut [f32], slope: impl Fn(f32, f32) -> f32) {
    dy.iter_mut().zip(x.iter().zip(y)).for_each(|(dy, (&x, &y))| *dy *= slope(x, y));
}

simd_fn! {
    /// `x = f(x)`; a rectifier leaves NaN.
    fn apply(x: &mut [f32], activation: Activation) {
        use Activation as A;
        match activation {
            A::Relu => each(x, |x| if x < 0.0 { 0.0 } else { x }),
            A::Relu6 => each(x, |x| { let x = if x < 0.0 { 0.0 } else { x }; if x > 6.0 { 6.0 } else { x } }),
            A::LeakyRelu => each(x, |x| if x < 0.0 { 0.2 * x } else { x }),
            A::Elu | A::Celu => each(x, |x| if x < 0.0 { exp(x) - 1.0 } else { x }),
            A::Sigmoid => each(x, sigmoid),
            A::Tanh => each(x, tanh),
            A::Gelu => each(x, |x| 0.5 * x * (1.0 + erf(x * FRAC_1_SQRT_2))),
            A::Silu => each(x, |x| x * sigmoid(x)),
            A::Exponential => each(x, exp),
            _ => unreachable!("is_elementwise lists them"),
        }
    }
}

simd_fn! {
    /// `dy = f'(x) dy`.
    fn apply_backward(x: &[f32], y: &[f32], dy: &mut [f32], activation: Activation) {
        use Activation as A;
        match activation {
            A::Relu => rectified_backward(y, dy),
            A::Relu6 => each_backward(x, y, dy, |_, y| if y > 0.0 && y < 6.0 { 1.0 } else { 0.0 }),
            A::LeakyRelu => each_backward(x, y, dy, |x, _| if x > 0.0 { 1.0 } else { 0.2 }),
            A::Elu | A::Celu => each_backward(x, y, dy, |x, y| if x > 0.0 { 1.0 } else { y + 1.0 }),
            A::Sigmoid => each_backward(x, y, dy, |_, y| y - y * y),
            A::Tanh => each_backward(x, y, dy, |_, y| 1.0 - y * y),
            A::Gelu => each_backward(x, y, dy, |x, _| {
                let density = 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * exp(-0.5 * x * x);
                0.5 * (1.0 + erf(x * FRAC_1_SQRT_2)) + x * density
            }),
            A::Silu => each_backward(x, y, dy, |x, _| {
                let s = sigmoid(x);
                s + x * (s - s * s)
            }),
            A::Exponential => each_backward(x, y, dy, |_, y| y),
            _ => unreachable!("is_elementwise lists them"),
        }
    }
}

/// Elements of a task.
const TASK: usize = 1 << 16;

/// [`apply`] by several threads.
fn apply_all(x: &mut [f32], activation: Activation) {
    let cost = MOVE * x.len();
    tasks::each(x.chunks_mut(TASK).collect(), cost, |_, x: &mut [f32]| apply(x, activation));
}

/// [`apply_backward`] by several threads.
fn apply_all_backward(x: &[f32], y: &[f32], dy: &mut [f32], activation: Activation) {
    let cost = MOVE * dy.len();
    let parts = dy.chunks_mut(TASK).zip(x.chunks(TASK).zip(y.chunks(TASK))).collect();
    tasks::each(parts, cost, |_, (dy, (x, y)): (&mut [f32], (&[f32], &[f32]))| {
        apply_backward(x, y, dy, activation);
    });
}

/// `x = max(x, 0)`.
pub(super) fn relu(x: &mut [f32]) {
    apply_all(x, Activation::Relu);
}

/// `dy = 0` where `y` is not positive.
pub(super) fn relu_backward(y: &[f32], dy: &mut [f32]) {
    apply_all_backward(y, y, dy, Activation::Relu);
}

simd_fn! {
    /// `dy = 0` where `y` is not positive.
    fn rectified_backward(y: &[f32], dy: &mut [f32]) {
        dy.iter_mut().zip(y).for_each(|(dy, &y)| *dy = if y > 0.0 { *dy } else { 0.0 });
    }
}

simd_fn! {
    /// Each row of `width` numbers becomes its softmax; the largest is subtracted first.
    fn softmax(x: &mut [f32], width: usize) {
        for row in x.chunks_exact_mut(width) {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            each(row, |x| exp(x - largest));
            let total: f32 = row.iter().sum();
            each(row, |x| x / total);
        }
    }
}

simd_fn! {
    /// `dy = (dy - sum(dy y)) y` for each row.
    fn softmax_backward(y: &[f32], dy: &mut [f32], width: usize) {
        for (dy, y) in dy.chunks_exact_mut(width).zip(y.chunks_exact(width)) {
            let projection: f32 = dy.iter().zip(y).map(|(dy, y)| dy * y).sum();
            dy.iter_mut().zip(y).for_each(|(dy, y)| *dy = (*dy - projection) * y);
        }
    }
}

fn width<B: Host>(x: &DynTensor<B>) -> usize {
    x.shape().last().copied().unwrap_or(1).max(1)
}

impl_for_cpu!(ActivationOps {
    fn activate(x: DynTensor<Self>, activation: Activation) -> DynTensor<Self> {
        match activation {
            Activation::Softmax => {
                let mut x = x.standard();
                let width = width(&x);
                softmax(x.floats_mut(), width);
                x
            }
            _ if is_elementwise(activation) => {
                let mut x = x.standard();
                apply_all(x.floats_mut(), activation);
                x
            }
            _ => activation::reference(x, activation),
        }
    }

    fn activate_backward(
        x: DynTensor<Self>,
        y: DynTensor<Self>,
        dy: DynTensor<Self>,
        activation: Activation,
    ) -> DynTensor<Self> {
        match activation {
            Activation::Softmax => {
                let (y, mut dy) = (y.standard(), dy.standard());
                let width = width(&y);
                softmax_backward(y.floats(), dy.floats_mut(), width);
                dy
            }
            _ if is_elementwise(activation) => {
                let (x, y, mut dy) = (x.standard(), y.standard(), dy.standard());
                apply_all_backward(x.floats(), y.floats(), dy.floats_mut(), activation);
                dy
            }
            _ => activation::reference_backward(x, y, dy, activation),
        }
    }
});
