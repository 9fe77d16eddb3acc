//! Standardisation of a matrix `[rows, columns]` along one axis: `y = (x - mean) / sqrt(variance + epsilon)`.
//!
//! Down the rows it is batch normalization (a statistic a column), along the columns layer and group
//! normalization (a statistic a row). The variance is the biased one. Scale and shift stay outside: they are one
//! broadcast each, and their cotangents are sums.

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::{constant, record};
use crate::DynTensor;

/// Standardisation on a backend.
pub trait NormalizationOps: Burn {
    /// `y`, the mean and the variance of `x [rows, columns]` along `axis` (0 or 1), which stays with length 1.
    fn standardize(x: DynTensor<Self>, axis: usize, epsilon: f64) -> [DynTensor<Self>; 3] {
        reference(x, axis, epsilon)
    }

    /// The cotangent of `x` from that of `y`, by `y` and the variance.
    fn standardize_backward(
        y: DynTensor<Self>,
        variance: DynTensor<Self>,
        dy: DynTensor<Self>,
        axis: usize,
        epsilon: f64,
    ) -> DynTensor<Self> {
        reference_backward(y, variance, dy, axis, epsilon)
    }
}

pub(crate) fn reference<B: Burn>(x: DynTensor<B>, axis: usize, epsilon: f64) -> [DynTensor<B>; 3] {
    let mean = x.clone().mean_axis(axis);
    let centred = x.sub(mean.clone());
    let variance = centred.clone().square().mean_axis(axis);
    let y = centred.div(variance.clone().add_scalar(epsilon).sqrt());
    [y, mean, variance]
}

/// `dx = (dy - mean(dy) - y mean(dy y)) / sqrt(variance + epsilon)`.
pub(crate) fn reference_backward<B: Burn>(
    y: DynTensor<B>,
    variance: DynTensor<B>,
    dy: DynTensor<B>,
    axis: usize,
    epsilon: f64,
) -> DynTensor<B> {
    let mean = dy.clone().mean_axis(axis);
    let projection = dy.clone().mul(y.clone()).mean_axis(axis);
    dy.sub(mean).sub(y.mul(projection)).div(variance.add_scalar(epsilon).sqrt())
}

impl<B: NormalizationOps, C: CheckpointStrategy> NormalizationOps for Autodiff<B, C> {
    /// The mean and the variance come back as constants: no gradient flows through them.
    fn standardize(x: DynTensor<Self>, axis: usize, epsilon: f64) -> [DynTensor<Self>; 3] {
        let mut statistics = None;
        let y = record(
            [x],
            |[x]| {
                let [y, mean, variance] = B::standardize(x, axis, epsilon);
                statistics = Some([mean, variance.clone()]);
                (y.clone(), (y, variance, axis, epsilon))
            },
            |(y, variance, axis, epsilon), dy, _| {
                [Some(B::standardize_backward(y, variance, dy, axis, epsilon))]
            },
        );
        let [mean, variance] = statistics.expect("the forward pass has run").map(constant);
        [y, mean, variance]
    }
}
