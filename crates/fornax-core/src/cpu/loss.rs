//! Softmax and cross entropy of each row in one pass, rows in tasks that do not depend on the threads.

use burn::tensor::backend::Backend as Burn;

use super::host::{Host, HostTensor};
use super::impl_for_cpu;
use super::math::exp;
use super::tasks::{self, MOVE};
use crate::ops::LossOps;
use crate::{DynTensor, Indices};

/// Elements of a task, about.
const TASK: usize = 1 << 16;

/// The labels as host indices.
fn labels_of<B: Burn>(labels: &Indices<B>) -> Vec<usize> {
    labels.to_vec().into_iter().map(|label| label as usize).collect()
}

simd_fn! {
    /// Each row of logits becomes its probabilities; the losses are written behind.
    fn rows_forward(x: &mut [f32], labels: &[usize], losses: &mut [f32], smoothing: f32) {
        let classes = x.len() / labels.len();
        for ((row, &label), loss) in x.chunks_exact_mut(classes).zip(labels).zip(losses) {
            let mut lanes = [f32::NEG_INFINITY; 16];
            for chunk in row.chunks(16) {
                lanes.iter_mut().zip(chunk).for_each(|(lane, &z)| *lane = if z > *lane { z } else { *lane });
            }
            let largest = lanes.into_iter().fold(f32::NEG_INFINITY, f32::max);
            let own = row[label] - largest;
            // Partial sums, 16 at a time and joined in f64 every 64 rounds, lose no digits on large vocabularies.
            let (mut total, mut shifted) = (0.0f64, 0.0f64);
            for run in row.chunks_mut(1024) {
                let (mut exponentials, mut logits) = ([0.0f32; 16], [0.0f32; 16]);
                for chunk in run.chunks_mut(16) {
                    for ((z, sum), logits) in chunk.iter_mut().zip(&mut exponentials).zip(&mut logits) {
                        *z -= largest;
                        *logits += *z;
                        *z = exp(*z);
                        *sum += *z;
                    }
                }
                total += exponentials.iter().map(|&sum| f64::from(sum)).sum::<f64>();
                shifted += logits.iter().map(|&sum| f64::from(sum)).sum::<f64>();
            }
            let inverse = (1.0 / total) as f32;
            row.iter_mut().for_each(|p| *p *= inverse);
            let target = match smoothing == 0.0 {
                // Infinite logits of other classes do not count.
                true => f64::from(own),
                false => f64::from(own) * (1.0 - f64::from(smoothing)) + f64::from(smoothing) * shifted / classes as f64,
            };
            *loss = (total.ln() - target) as f32;
        }
    }
}

simd_fn! {
    /// Probabilities become the cotangents of the logits.
    fn rows_backward(x: &mut [f32], labels: &[usize], dlosses: &[f32], smoothing: f32) {
        let classes = x.len() / labels.len();
        let rest = smoothing / classes as f32;
        for ((row, &label), dloss) in x.chunks_exact_mut(classes).zip(labels).zip(dlosses) {
            row[label] -= 1.0 - smoothing;
            row.iter_mut().for_each(|dz| *dz = (*dz - rest) * dloss);
        }
    }
}

fn forward<B: Host>(
    logits: DynTensor<B>,
    labels: &Indices<B>,
    smoothing: f64,
) -> (DynTensor<B>, DynTensor<B>) {
    let mut probabilities = logits.standard();
    let [rows, classes] = probabilities.shape()[..] else { panic!("logits are a matrix") };
    let (labels, mut losses) = (labels_of(labels), vec![0.0; rows]);
    let step = TASK.div_ceil(classes.max(1));
    let cost = 2 * MOVE * rows * classes;
    let parts = probabilities.floats_mut().chunks_mut(step * classes.max(1));
    let parts = parts.zip(labels.chunks(step)).zip(losses.chunks_mut(step)).collect();
    tasks::each(parts, cost, |_, ((x, labels), losses): ((&mut [f32], &[usize]), &mut [f32])| {
        rows_forward(x, labels, losses, smoothing as f32);
    });
    (DynTensor::from_floats(losses, &[rows]), probabilities)
}

fn backward<B: Host>(
    probabilities: DynTensor<B>,
    labels: &Indices<B>,
    smoothing: f64,
    dlosses: DynTensor<B>,
) -> DynTensor<B> {
    let (mut dz, dlosses) = (probabilities.standard(), dlosses.standard());
    let classes = dz.shape()[1];
    let (labels, step, cost) = (labels_of(labels), TASK.div_ceil(classes.max(1)), MOVE * dz.len());
    let parts = dz.floats_mut().chunks_mut(step * classes.max(1));
    let parts = parts.zip(labels.chunks(step)).zip(dlosses.floats().chunks(step)).collect();
    tasks::each(parts, cost, |_, ((x, labels), dlosses): ((&mut [f32], &[usize]), &[f32])| {
        rows_backward(x, labels, dlosses, smoothing as f32);
    });
    dz
}

impl_for_cpu!(LossOps {
    fn sparse_cross_entropy(
        logits: DynTensor<Self>,
        labels: Indices<Self>,
        smoothing: f64,
    ) -> (DynTensor<Self>, DynTensor<Self>) {
        forward(logits, &labels, smoothing)
    }

    fn sparse_cross_entropy_backward(
        probabilities: DynTensor<Self>,
        labels: Indices<Self>,
        smoothing: f64,
        dlosses: DynTensor<Self>,
    ) -> DynTensor<Self> {
        backward(probabilities, &labels, smoothing, dlosses)
    }
});
