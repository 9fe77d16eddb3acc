//! The dense layer's operation: `y = x W + b` over the last axis.

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::record;
use crate::DynTensor;

/// Products with a weight matrix on a backend.
pub trait DenseOps: Burn {
    /// `y [.., units] = x [.., inputs] kernel [inputs, units] + bias [units]`.
    fn dense(x: DynTensor<Self>, kernel: DynTensor<Self>, bias: Option<DynTensor<Self>>) -> DynTensor<Self> {
        reference(x, kernel, bias)
    }

    /// The cotangents of `x`, where wanted, and of `kernel` from that of `y`: `dx = dy Wᵀ`, `dW = xᵀ dy`.
    fn dense_backward(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        dy: DynTensor<Self>,
        want: [bool; 2],
    ) -> [Option<DynTensor<Self>>; 2] {
        reference_backward(x, kernel, dy, want)
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

pub(crate) fn reference<B: Burn>(
    x: DynTensor<B>,
    kernel: DynTensor<B>,
    bias: Option<DynTensor<B>>,
) -> DynTensor<B> {
    let mut shape = x.shape();
    *shape.last_mut().expect("at least one axis") = kernel.shape()[1];
    let y = x.rows().matmul(kernel);
    match bias {
        Some(bias) => y.add(as_last_axis(bias, 2)),
        None => y,
    }
    .reshape(&shape)
}

pub(crate) fn reference_backward<B: Burn>(
    x: DynTensor<B>,
    kernel: DynTensor<B>,
    dy: DynTensor<B>,
    [want_x, want_kernel]: [bool; 2],
) -> [Option<DynTensor<B>>; 2] {
    let (shape, dy) = (x.shape(), dy.rows());
    let dkernel = want_kernel.then(|| x.rows().t().matmul(dy.clone()));
    [want_x.then(|| dy.matmul(kernel.t()).reshape(&shape)), dkernel]
}

impl<B: DenseOps, C: CheckpointStrategy> DenseOps for Autodiff<B, C> {
    fn dense(x: DynTensor<Self>, kernel: DynTensor<Self>, bias: Option<DynTensor<Self>>) -> DynTensor<Self> {
        match bias {
            Some(bias) => record(
                [x, kernel, bias],
                |[x, kernel, bias]| (B::dense(x.clone(), kernel.clone(), Some(bias)), [x, kernel]),
                |[x, kernel], dy, [want_x, want_kernel, want_bias]| {
                    let dbias = want_bias.then(|| B::add_bias_backward(dy.clone()));
                    let [dx, dkernel] = B::dense_backward(x, kernel, dy, [want_x, want_kernel]);
                    [dx, dkernel, dbias]
                },
            ),
            None => record(
                [x, kernel],
                |[x, kernel]| (B::dense(x.clone(), kernel.clone(), None), [x, kernel]),
                |[x, kernel], dy, want| B::dense_backward(x, kernel, dy, want),
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
fn as_last_axis<B: Burn>(vector: DynTensor<B>, rank: usize) -> DynTensor<B> {
    let mut shape = vec![1; rank];
    shape[rank - 1] = vector.len();
    vector.reshape(&shape)
}
