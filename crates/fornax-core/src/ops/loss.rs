//! Losses, one a row: cross entropy from logits, and what is computed on the host.
//!
//! Cross entropy `l_r = -sum_c t_rc log softmax(z_r)_c` is one node with the cotangent
//! `dz = (softmax(z) sum(t) - t) dl`, instead of five and their intermediates. Label smoothing (Szegedy et al. 2016) mixes
//! the targets with the uniform distribution: `(1 - s) t + s / classes`.
//!
//! [`LossOps::row_losses`] is the node for losses that are dynamic programs (CTC, conditional random fields): their
//! gradient comes out of the same pass as their value, and composed of tensor operations a time step would cost dozens
//! of nodes. The caller computes both from plain numbers; the node scales the kept gradient by the cotangent.

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::{inner, record};
use crate::{DynTensor, Indices};

/// Cross entropies on a backend; `logits [rows, classes]`, losses `[rows]`.
pub trait LossOps: Burn {
    /// The loss of each row and the probabilities, for one class index a row, smoothed by `smoothing` from 0 to 1.
    fn sparse_cross_entropy(
        logits: DynTensor<Self>,
        labels: Indices<Self>,
        smoothing: f64,
    ) -> (DynTensor<Self>, DynTensor<Self>) {
        let targets = smoothed(&logits, labels, smoothing);
        reference(logits, targets)
    }

    /// The cotangent of the logits from that of the losses, by the probabilities that the forward pass kept.
    fn sparse_cross_entropy_backward(
        probabilities: DynTensor<Self>,
        labels: Indices<Self>,
        smoothing: f64,
        dlosses: DynTensor<Self>,
    ) -> DynTensor<Self> {
        let targets = smoothed(&probabilities, labels, smoothing);
        reference_backward(probabilities, targets, dlosses)
    }

    /// The loss of each row and the probabilities, for target probabilities `[rows, classes]`.
    fn cross_entropy(
        logits: DynTensor<Self>,
        targets: DynTensor<Self>,
    ) -> (DynTensor<Self>, DynTensor<Self>) {
        reference(logits, targets)
    }

    /// The losses `[rows]` that `compute` finds for `x [rows, ..]` on the host, in double precision.
    ///
    /// `compute` gets the elements of `x` and whether a gradient is wanted, and returns the loss of each row and, if
    /// wanted, its gradient by the elements of that row (together as many numbers as `x` holds). A row's loss may
    /// depend on its own elements only.
    fn row_losses(
        x: DynTensor<Self>,
        compute: impl FnOnce(&[f64], bool) -> (Vec<f64>, Vec<f64>),
    ) -> DynTensor<Self> {
        let (losses, _) = compute(&x.to_f64(), false);
        DynTensor::from_f64(losses, &[x.shape()[0]], &x.device())
    }
}

fn reference<B: Burn>(logits: DynTensor<B>, targets: DynTensor<B>) -> (DynTensor<B>, DynTensor<B>) {
    let rows = logits.shape()[0];
    let log_probabilities = logits.log_softmax();
    let losses = log_probabilities.clone().mul(targets).sum_axis(1).neg().reshape(&[rows]);
    (losses, log_probabilities.exp())
}

fn reference_backward<B: Burn>(
    probabilities: DynTensor<B>,
    targets: DynTensor<B>,
    dlosses: DynTensor<B>,
) -> DynTensor<B> {
    let rows = dlosses.len();
    let total = targets.clone().sum_axis(1);
    probabilities.mul(total).sub(targets).mul(dlosses.reshape(&[rows, 1]))
}

/// The smoothed target probabilities, of the shape of `like`.
fn smoothed<B: Burn>(like: &DynTensor<B>, labels: Indices<B>, smoothing: f64) -> DynTensor<B> {
    let (rows, classes, device) = (like.shape()[0], like.shape()[1], like.device());
    let rest = DynTensor::<B>::full(&[rows, classes], smoothing / classes as f64, &device);
    let own = DynTensor::<B>::full(&[rows, 1], 1.0 - smoothing, &device);
    DynTensor(B::float_scatter_add(1, rest.0, labels.reshape(&[rows, 1]).0, own.0))
}

impl<B: LossOps, C: CheckpointStrategy> LossOps for Autodiff<B, C> {
    fn sparse_cross_entropy(
        logits: DynTensor<Self>,
        labels: Indices<Self>,
        smoothing: f64,
    ) -> (DynTensor<Self>, DynTensor<Self>) {
        let labels = Indices::<B>(labels.0);
        let mut probabilities = None;
        let losses = record(
            [logits],
            |[logits]| {
                let (losses, kept) = B::sparse_cross_entropy(logits, labels.clone(), smoothing);
                probabilities = Some(kept.clone());
                (losses, (kept, labels, smoothing))
            },
            |(kept, labels, smoothing), dlosses, _| {
                [Some(B::sparse_cross_entropy_backward(kept, labels, smoothing, dlosses))]
            },
        );
        (losses, super::constant(probabilities.expect("the forward pass has run")))
    }

    fn cross_entropy(
        logits: DynTensor<Self>,
        targets: DynTensor<Self>,
    ) -> (DynTensor<Self>, DynTensor<Self>) {
        let targets = inner(targets);
        let mut probabilities = None;
        let losses = record(
            [logits],
            |[logits]| {
                let (losses, kept) = B::cross_entropy(logits, targets.clone());
                probabilities = Some(kept.clone());
                (losses, (kept, targets))
            },
            |(kept, targets), dlosses, _| [Some(reference_backward(kept, targets, dlosses))],
        );
        (losses, super::constant(probabilities.expect("the forward pass has run")))
    }

    fn row_losses(
        x: DynTensor<Self>,
        compute: impl FnOnce(&[f64], bool) -> (Vec<f64>, Vec<f64>),
    ) -> DynTensor<Self> {
        record(
            [x],
            |[x]| {
                let (losses, gradient) = compute(&x.to_f64(), true);
                let losses = DynTensor::from_f64(losses, &[x.shape()[0]], &x.device());
                (losses, DynTensor::<B>::from_f64(gradient, &x.shape(), &x.device()))
            },
            |gradient, dlosses, _| {
                let mut column = vec![1; gradient.rank()];
                column[0] = dlosses.len();
                [Some(gradient.mul(dlosses.reshape(&column)))]
            },
        )
    }
}
