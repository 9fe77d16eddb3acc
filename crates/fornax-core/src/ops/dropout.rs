//! Dropout: `y = x m / (1 - rate)` with a mask `m` that is 1 with probability `1 - rate`.
//!
//! The mask is drawn on the host from a counter-based generator, so nothing is stored for the backward pass but
//! the generator's key, and every backend drops the same elements. Axes of length 1 in `mask_shape` share one
//! draw (spatial dropout).
//!
//! Source: N. Srivastava et al., *Dropout*, JMLR 2014; inverted scaling as in Keras.

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::record;
use crate::{DynTensor, Philox};

/// Dropout on a backend.
pub trait DropoutOps: Burn {
    /// `x` with elements dropped by the mask that `random` draws for `mask_shape`.
    fn dropout(x: DynTensor<Self>, rate: f64, mask_shape: &[usize], random: Philox) -> DynTensor<Self> {
        reference(x, rate, mask_shape, random)
    }
}

pub(crate) fn reference<B: Burn>(
    x: DynTensor<B>,
    rate: f64,
    mask_shape: &[usize],
    mut random: Philox,
) -> DynTensor<B> {
    let mut mask = vec![0.0; mask_shape.iter().product()];
    random.fill_uniform(&mut mask);
    let kept = (1.0 / (1.0 - rate)) as f32;
    mask.iter_mut().for_each(|u| *u = if f64::from(*u) < rate { 0.0 } else { kept });
    let mask = DynTensor::from_vec(mask, mask_shape, &x.device());
    x.mul(mask)
}

impl<B: DropoutOps, C: CheckpointStrategy> DropoutOps for Autodiff<B, C> {
    fn dropout(x: DynTensor<Self>, rate: f64, mask_shape: &[usize], random: Philox) -> DynTensor<Self> {
        record(
            [x],
            |[x]| (B::dropout(x, rate, mask_shape, random), (rate, mask_shape.to_vec(), random)),
            |(rate, mask_shape, random), dy, _| [Some(B::dropout(dy, rate, &mask_shape, random))],
        )
    }
}
