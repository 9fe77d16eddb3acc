//! Softmax and cross entropy of each row in one pass, in `f64` where sums could lose digits.

use burn::tensor::backend::Backend as Burn;

use super::host::{Host, HostTensor};
use super::impl_for_cpu;
use crate::ops::LossOps;
use crate::{DynTensor, Indices};

/// The labels as host indices.
fn labels_of<B: Burn>(labels: &Indices<B>) -> Vec<usize> {
    labels.to_vec().into_iter().map(|label| label as usize).collect()
}

fn forward<B: Host>(logits: DynTensor<B>, labels: &Indices<B>) -> (DynTensor<B>, DynTensor<B>) {
    let logits = logits.standard();
    let [rows, classes] = logits.shape()[..] else { panic!("logits are a matrix") };
    let mut probabilities = logits.floats().to_vec();
    let each = probabilities.chunks_exact_mut(classes).zip(labels_of(labels));
    let losses: Vec<f32> = each
        .map(|(row, label)| {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let shifted = row[label] - largest;
            row.iter_mut().for_each(|z| *z = (*z - largest).exp());
            let total: f32 = row.iter().sum();
            row.iter_mut().for_each(|p| *p /= total);
            total.ln() - shifted
        })
        .collect();
    (DynTensor::from_floats(losses, &[rows]), DynTensor::from_floats(probabilities, &[rows, classes]))
}

fn backward<B: Host>(
    probabilities: DynTensor<B>,
    labels: &Indices<B>,
    dlosses: DynTensor<B>,
) -> DynTensor<B> {
    let (mut dz, dlosses) = (probabilities.standard(), dlosses.standard());
    let classes = dz.shape()[1];
    let each = dz.floats_mut().chunks_exact_mut(classes);
    for ((row, label), &dloss) in each.zip(labels_of(labels)).zip(dlosses.floats()) {
        row[label] -= 1.0;
        row.iter_mut().for_each(|dz| *dz *= dloss);
    }
    dz
}

impl_for_cpu!(LossOps {
    fn sparse_cross_entropy(
        logits: DynTensor<Self>,
        labels: Indices<Self>,
    ) -> (DynTensor<Self>, DynTensor<Self>) {
        forward(logits, &labels)
    }

    fn sparse_cross_entropy_backward(
        probabilities: DynTensor<Self>,
        labels: Indices<Self>,
        dlosses: DynTensor<Self>,
    ) -> DynTensor<Self> {
        backward(probabilities, &labels, dlosses)
    }
});
