//! Normalization of rows `[.., columns]` down or along them:
//! `y = (x - mean) / sqrt(variance + epsilon) scale + shift`, scale and shift along the columns.
//!
//! Down the rows it is batch normalization (a statistic a column), along the columns layer and group
//! normalization (a statistic a row). The variance is the biased one. `y = x scale + shift` is an operation of its own,
//! for statistics that are known.

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::dense::as_last_axis;
use super::{constant, record};
use crate::DynTensor;

/// Normalization on a backend.
pub trait NormalizationOps: Burn {
    /// `y` of the shape of `x [.., columns]`, and the mean and the variance down the rows (`axis` 0, `[1, columns]`) or along
    /// them (1, `[rows, 1]`).
    fn normalize(
        x: DynTensor<Self>,
        scale: DynTensor<Self>,
        shift: DynTensor<Self>,
        axis: usize,
        epsilon: f64,
    ) -> [DynTensor<Self>; 3] {
        reference(x, scale, shift, axis, epsilon)
    }

    /// The cotangents of `x`, `scale` and `shift` from that of `y`, by the statistics of `x`.
    fn normalize_backward(
        x: DynTensor<Self>,
        statistics: [DynTensor<Self>; 2],
        scale: DynTensor<Self>,
        dy: DynTensor<Self>,
        axis: usize,
        epsilon: f64,
    ) -> [DynTensor<Self>; 3] {
        reference_backward(x, statistics, scale, dy, axis, epsilon)
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

pub(crate) fn reference<B: Burn>(
    x: DynTensor<B>,
    scale: DynTensor<B>,
    shift: DynTensor<B>,
    axis: usize,
    epsilon: f64,
) -> [DynTensor<B>; 3] {
    let (shape, x) = (x.shape(), x.rows());
    let mean = x.clone().mean_axis(axis);
    let centred = x.sub(mean.clone());
    let variance = centred.clone().square().mean_axis(axis);
    let standard = centred.div(variance.clone().add_scalar(epsilon).sqrt());
    let y = standard.mul(as_last_axis(scale, 2)).add(as_last_axis(shift, 2));
    [y.reshape(&shape), mean, variance]
}

/// With `s = (x - mean) / sqrt(variance + epsilon)` and `ds = dy scale`:
/// `dx = (ds - mean(ds) - s mean(ds s)) / sqrt(variance + epsilon)`.
pub(crate) fn reference_backward<B: Burn>(
    x: DynTensor<B>,
    [mean, variance]: [DynTensor<B>; 2],
    scale: DynTensor<B>,
    dy: DynTensor<B>,
    axis: usize,
    epsilon: f64,
) -> [DynTensor<B>; 3] {
    let (columns, shape, x, dy) = (scale.len(), x.shape(), x.rows(), dy.rows());
    let deviation = variance.add_scalar(epsilon).sqrt();
    let standard = x.sub(mean).div(deviation.clone());
    let dscale = dy.clone().mul(standard.clone()).sum_axis(0).reshape(&[columns]);
    let dshift = dy.clone().sum_axis(0).reshape(&[columns]);
    let ds = dy.mul(as_last_axis(scale, 2));
    let mean = ds.clone().mean_axis(axis);
    let projection = ds.clone().mul(standard.clone()).mean_axis(axis);
    let dx = ds.sub(mean).sub(standard.mul(projection)).div(deviation);
    [dx.reshape(&shape), dscale, dshift]
}

impl<B: NormalizationOps, C: CheckpointStrategy> NormalizationOps for Autodiff<B, C> {
    /// The mean and the variance come back as constants: no gradient flows through them.
    fn normalize(
        x: DynTensor<Self>,
        scale: DynTensor<Self>,
        shift: DynTensor<Self>,
        axis: usize,
        epsilon: f64,
    ) -> [DynTensor<Self>; 3] {
        let mut kept = None;
        let y = record(
            [x, scale, shift],
            |[x, scale, shift]| {
                let [y, mean, variance] = B::normalize(x.clone(), scale.clone(), shift, axis, epsilon);
                let statistics = [mean, variance];
                kept = Some(statistics.clone());
                (y, (x, statistics, scale, axis, epsilon))
            },
            |(x, statistics, scale, axis, epsilon), dy, _| {
                B::normalize_backward(x, statistics, scale, dy, axis, epsilon).map(Some)
            },
        );
        let [mean, variance] = kept.expect("the forward pass has run").map(constant);
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
