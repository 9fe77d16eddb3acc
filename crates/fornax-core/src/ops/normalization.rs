//! Standardisation of a matrix `[rows, columns]` along one axis: `y = (x - mean) / sqrt(variance + epsilon)`.
//!
//! Down the rows it is batch normalization (a statistic a column), along the columns layer and group
//! normalization (a statistic a row). The variance is the biased one. Behind it `y = x scale + shift`, both along the
//! last axis, is an operation of its own.

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::dense::as_last_axis;
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

    /// `x [.., columns] scale [columns] + shift [columns]`.
    fn scale_and_shift(
        x: DynTensor<Self>,
        scale: DynTensor<Self>,
        shift: DynTensor<Self>,
    ) -> DynTensor<Self> {
        let rank = x.rank();
        x.mul(as_last_axis(scale, rank)).add(as_last_axis(shift, rank))
    }

    /// The cotangents of `x`, `scale` and `shift` from that of the result.
    fn scale_and_shift_backward(
        x: DynTensor<Self>,
        scale: DynTensor<Self>,
        dy: DynTensor<Self>,
    ) -> [DynTensor<Self>; 3] {
        let columns = scale.len();
        let sum = |tensor: DynTensor<Self>| tensor.rows().sum_axis(0).reshape(&[columns]);
        let dscale = sum(dy.clone().mul(x.clone()));
        let dx = dy.clone().mul(as_last_axis(scale, x.rank()));
        [dx, dscale, sum(dy)]
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

    fn scale_and_shift(
        x: DynTensor<Self>,
        scale: DynTensor<Self>,
        shift: DynTensor<Self>,
    ) -> DynTensor<Self> {
        record(
            [x, scale, shift],
            |[x, scale, shift]| (B::scale_and_shift(x.clone(), scale.clone(), shift), (x, scale)),
            |(x, scale), dy, _| B::scale_and_shift_backward(x, scale, dy).map(Some),
        )
    }
}
