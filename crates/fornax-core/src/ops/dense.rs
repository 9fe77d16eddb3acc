//! The dense layer's operation: `y = f(x W + b)` over the last axis.

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::{Activation, ActivationOps, activation, record};
use crate::DynTensor;

/// Products with a weight matrix on a backend.
pub trait DenseOps: Burn {
    /// `y [.., units] = f(x [.., inputs] kernel [inputs, units] + bias [units])`.
    fn dense(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        bias: Option<DynTensor<Self>>,
        activation: Activation,
    ) -> DynTensor<Self> {
        activation::reference(reference(x, kernel, bias), activation)
    }

    /// The cotangents of `x`, `kernel` and `bias`, those that are wanted, from that of `y`, for an activation whose
    /// slope follows from `y`: `dz = dy f'`, `dx = dz Wᵀ`, `dW = xᵀ dz`, `db` the sum of the rows of `dz`.
    fn dense_backward(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        y: DynTensor<Self>,
        dy: DynTensor<Self>,
        activation: Activation,
        want: [bool; 3],
    ) -> [Option<DynTensor<Self>>; 3] {
        reference_backward(x, kernel, y, dy, activation, want)
    }

    /// `x [.., units] + bias [units]`.
    fn add_bias(x: DynTensor<Self>, bias: DynTensor<Self>) -> DynTensor<Self> {
        let rank = x.rank();
        x.add(as_last_axis(bias, rank))
    }

    /// The cotangent of a bias from that of the sum: the sum over all axes but the last.
    fn add_bias_backward(dy: DynTensor<Self>) -> DynTensor<Self> {
        let last = *dy.shape().last().expect("at least one axis");
        dy.rows().sum_axis(0).reshape(&[last])
    }
}

fn reference<B: Burn>(x: DynTensor<B>, kernel: DynTensor<B>, bias: Option<DynTensor<B>>) -> DynTensor<B> {
    let mut shape = x.shape();
    *shape.last_mut().expect("at least one axis") = kernel.shape()[1];
    let y = x.rows().matmul(kernel);
    match bias {
        Some(bias) => y.add(as_last_axis(bias, 2)),
        None => y,
    }
    .reshape(&shape)
}

fn reference_backward<B: Burn>(
    x: DynTensor<B>,
    kernel: DynTensor<B>,
    y: DynTensor<B>,
    dy: DynTensor<B>,
    activation: Activation,
    [want_x, want_kernel, want_bias]: [bool; 3],
) -> [Option<DynTensor<B>>; 3] {
    let (shape, units) = (x.shape(), kernel.shape()[1]);
    let dz = activation::reference_backward(y.clone(), y, dy, activation).rows();
    [
        want_x.then(|| dz.clone().matmul(kernel.t()).reshape(&shape)),
        want_kernel.then(|| x.rows().t().matmul(dz.clone())),
        want_bias.then(|| dz.sum_axis(0).reshape(&[units])),
    ]
}

impl<B: DenseOps + ActivationOps, C: CheckpointStrategy> DenseOps for Autodiff<B, C> {
    fn dense(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        bias: Option<DynTensor<Self>>,
        activation: Activation,
    ) -> DynTensor<Self> {
        if !activation.slope_from_output() {
            return Self::activate(Self::dense(x, kernel, bias, Activation::Linear), activation);
        }
        match bias {
            Some(bias) => record(
                [x, kernel, bias],
                |[x, kernel, bias]| {
                    let y = B::dense(x.clone(), kernel.clone(), Some(bias), activation);
                    (y.clone(), (x, kernel, y, activation))
                },
                |(x, kernel, y, activation), dy, want| B::dense_backward(x, kernel, y, dy, activation, want),
            ),
            None => record(
                [x, kernel],
                |[x, kernel]| {
                    let y = B::dense(x.clone(), kernel.clone(), None, activation);
                    (y.clone(), (x, kernel, y, activation))
                },
                |(x, kernel, y, activation), dy, [want_x, want_kernel]| {
                    let want = [want_x, want_kernel, false];
                    let [dx, dkernel, _] = B::dense_backward(x, kernel, y, dy, activation, want);
                    [dx, dkernel]
                },
            ),
        }
    }

    fn add_bias(x: DynTensor<Self>, bias: DynTensor<Self>) -> DynTensor<Self> {
        record(
            [x, bias],
            |[x, bias]| (B::add_bias(x, bias), ()),
            |(), dy, [want_x, want_bias]| {
                let dbias = want_bias.then(|| B::add_bias_backward(dy.clone()));
                [want_x.then_some(dy), dbias]
            },
        )
    }
}

/// A vector as the last axis of a tensor of `rank` axes.
pub(super) fn as_last_axis<B: Burn>(vector: DynTensor<B>, rank: usize) -> DynTensor<B> {
    let mut shape = vec![1; rank];
    shape[rank - 1] = vector.len();
    vector.reshape(&shape)
}
