//! The activations that a cheap loop serves: the rectifier. The others run by Burn's operations.

use super::host::HostTensor;
use super::impl_for_cpu;
use crate::DynTensor;
use crate::ops::{Activation, ActivationOps, activation};

simd_fn! {
    /// `x = max(x, 0)`; NaN stays.
    fn relu(x: &mut [f32]) {
        x.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x });
    }
}

simd_fn! {
    /// `dy = 0` where `y` is not positive.
    fn relu_backward(y: &[f32], dy: &mut [f32]) {
        dy.iter_mut().zip(y).for_each(|(dy, &y)| *dy = if y > 0.0 { *dy } else { 0.0 });
    }
}

impl_for_cpu!(ActivationOps {
    fn activate(x: DynTensor<Self>, activation: Activation) -> DynTensor<Self> {
        match activation {
            Activation::Relu => {
                let mut x = x.standard();
                relu(x.floats_mut());
                x
            }
            _ => activation::reference(x, activation),
        }
    }

    fn activate_backward(
        x: DynTensor<Self>,
        y: DynTensor<Self>,
        dy: DynTensor<Self>,
        activation: Activation,
    ) -> DynTensor<Self> {
        match activation {
            Activation::Relu => {
                let (y, mut dy) = (y.standard(), dy.standard());
                relu_backward(y.floats(), dy.floats_mut());
                dy
            }
            _ => activation::reference_backward(x, y, dy, activation),
        }
    }
});
