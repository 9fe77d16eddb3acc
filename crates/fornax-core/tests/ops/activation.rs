//! Activations: every backend as the oracle, gradients as finite differences.

use fornax_core::ops::{Activation, ActivationOps};
use fornax_core::{Backend, Flex, NdArray};
use fornax_testkit::{Oracle, assert_close, gradient::check_gradient};

use super::{Recorded, point, tensor};

fn outputs<B: Backend>(activation: Activation, shape: &[usize]) -> [Vec<f32>; 2] {
    let (x, dy) = (tensor::<B>(&point(shape, 1)).mul_scalar(4.0), tensor::<B>(&point(shape, 2)));
    let y = B::activate(x.clone(), activation);
    let dx = B::activate_backward(x, y.clone(), dy, activation);
    [y.to_vec(), dx.to_vec()]
}

#[test]
fn backends_agree() {
    for activation in Activation::ALL {
        for shape in [&[1, 1][..], &[7, 13], &[2, 3, 17], &[64]] {
            let wanted = outputs::<Oracle>(activation, shape);
            for found in [outputs::<Flex>(activation, shape), outputs::<NdArray>(activation, shape)] {
                assert_close(&found[0], &wanted[0], 1e-5, &format!("{activation:?} {shape:?}"));
                assert_close(&found[1], &wanted[1], 1e-5, &format!("cotangent of {activation:?} {shape:?}"));
            }
        }
    }
}

#[test]
fn gradients_are_finite_differences() {
    for activation in Activation::ALL {
        let (shape, values) = point(&[3, 13], 1);
        let spread: Vec<f32> = values.iter().map(|value| 8.0 * value).collect();
        check_gradient(&[(shape, spread)], 2e-4, |tensors| {
            vec![Recorded::activate(tensors[0].clone(), activation)]
        });
    }
}
