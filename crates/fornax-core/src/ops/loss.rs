//! Cross entropy from logits, a loss a row: `l_r = -sum_c t_rc log softmax(z_r)_c`.
//!
//! One node with the cotangent `dz = (softmax(z) sum(t) - t) dl`, instead of five and their intermediates. Label
//! smoothing (Szegedy et al. 2016) mixes the targets with the uniform distribution: `(1 - s) t + s / classes`.

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
}
