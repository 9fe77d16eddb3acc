//! Dropout in place: the mask is drawn again for the backward pass. Runs are tasks: each draws from its own place.

use super::host::HostTensor;
use super::impl_for_cpu;
use super::tasks::{self, MOVE};
use crate::ops::{DropoutOps, dropout};
use crate::{DynTensor, Philox};

/// Numbers that are drawn at a time.
const RUN: usize = 4096;

/// Elements of a task.
const TASK: usize = 16 * RUN;

impl_for_cpu!(DropoutOps {
    fn dropout(x: DynTensor<Self>, rate: f64, mask_shape: &[usize], random: Philox) -> DynTensor<Self> {
        if x.shape() != mask_shape {
            return dropout::reference(x, rate, mask_shape, random);
        }
        let mut x = x.standard();
        let kept = (1.0 / (1.0 - rate)) as f32;
        let cost = 2 * MOVE * x.len();
        tasks::each(x.floats_mut().chunks_mut(TASK).collect(), cost, |task, x: &mut [f32]| {
            let mut random = random.at(random.position() + (task * TASK) as u64);
            let mut drawn = [0.0; RUN];
            for x in x.chunks_mut(RUN) {
                let drawn = &mut drawn[..x.len()];
                random.fill_uniform(drawn);
                scale_or_drop(x, drawn, rate, kept);
            }
        });
        x
    }
});

simd_fn! {
    /// `x = x scale`, or 0 where `drawn` is below `rate`.
    fn scale_or_drop(x: &mut [f32], drawn: &[f32], rate: f64, scale: f32) {
        x.iter_mut().zip(drawn).for_each(|(x, &u)| *x *= if f64::from(u) < rate { 0.0 } else { scale });
    }
}
