//! Normalization: mean 0 and variance 1, every backend as the oracle, gradients as finite differences.

use fornax_core::ops::NormalizationOps;
use fornax_core::{Backend, Flex, NdArray};
use fornax_testkit::{Oracle, assert_close, gradient::check_gradient};

use super::{Recorded, point, tensor};

const SHAPES: [[usize; 2]; 5] = [[1, 7], [5, 1], [3, 4], [17, 19], [700, 3]];

fn outputs<B: Backend>(shape: [usize; 2], axis: usize) -> Vec<Vec<f32>> {
    let (x, dy) = (tensor::<B>(&point(&shape, 1)), tensor::<B>(&point(&shape, 2)));
    // Far from 0, where a variance from the mean of squares would be lost.
    let x = x.add_scalar(50.0);
    let (scale, shift) = (tensor::<B>(&point(&shape[1..], 3)), tensor::<B>(&point(&shape[1..], 4)));
    let [y, mean, variance] = B::normalize(x.clone(), scale.clone(), shift, axis, 1e-3);
    let statistics = [mean.clone(), variance.clone()];
    let [dx, dscale, dshift] = B::normalize_backward(x, statistics, scale, dy, axis, 1e-3);
    [y, mean, variance, dx, dscale, dshift].map(|tensor| tensor.to_vec()).into()
}

#[test]
fn backends_agree() {
    for (shape, axis) in SHAPES.into_iter().flat_map(|shape| [(shape, 0), (shape, 1)]) {
        let wanted = outputs::<Oracle>(shape, axis);
        for found in [outputs::<Flex>(shape, axis), outputs::<NdArray>(shape, axis)] {
            for (found, wanted) in found.iter().zip(&wanted) {
                assert_close(found, wanted, 1e-4, &format!("normalize {shape:?} along {axis}"));
            }
        }
    }
}

#[test]
fn scale_and_shift_agree() {
    fn outputs<B: Backend>(shape: [usize; 2]) -> Vec<Vec<f32>> {
        let (x, dy) = (tensor::<B>(&point(&shape, 1)), tensor::<B>(&point(&shape, 2)));
        let (scale, shift) = (tensor::<B>(&point(&shape[1..], 3)), tensor::<B>(&point(&shape[1..], 4)));
        let y = B::scale_and_shift(x.clone(), scale.clone(), shift);
        let [dx, dscale, dshift] = B::scale_and_shift_backward(x, scale, dy);
        [y, dx, dscale, dshift].map(|tensor| tensor.to_vec()).into()
    }
    for shape in SHAPES {
        let wanted = outputs::<Oracle>(shape);
        for found in [outputs::<Flex>(shape), outputs::<NdArray>(shape)] {
            for (found, wanted) in found.iter().zip(&wanted) {
                assert_close(found, wanted, 1e-4, &format!("scale and shift {shape:?}"));
            }
        }
    }
    for shape in &SHAPES[..4] {
        check_gradient(&[point(shape, 1), point(&shape[1..], 2), point(&shape[1..], 3)], 5e-4, |tensors| {
            let [x, scale, shift] = [0, 1, 2].map(|at| tensors[at].clone());
            vec![Recorded::scale_and_shift(x, scale, shift)]
        });
    }
}

#[test]
fn mean_0_and_variance_1() {
    for axis in [0, 1] {
        let x = tensor::<Oracle>(&point(&[6, 5], 1));
        let vector = |value| fornax_core::DynTensor::full(&[5], value, &x.device());
        let (ones, zeros) = (vector(1.0), vector(0.0));
        let [y, mean, variance] = Oracle::normalize(x.clone(), ones, zeros, axis, 0.0);
        let len = x.shape()[axis] as f64;
        let sum = |tensor: fornax_core::DynTensor<Oracle>| tensor.sum_axis(axis).to_vec();
        assert_close(&sum(y.clone()), &vec![0.0; 30 / len as usize], 1e-6, "mean");
        assert_close(&sum(y.square()), &vec![len as f32; 30 / len as usize], 1e-6, "variance");
        assert_close(&mean.to_vec(), &x.clone().mean_axis(axis).to_vec(), 1e-6, "the mean that comes back");
        let centred = x.sub(mean).square().mean_axis(axis);
        assert_close(&variance.to_vec(), &centred.to_vec(), 1e-6, "the variance that comes back");
    }
}

#[test]
fn gradients_are_finite_differences() {
    for (shape, axis) in SHAPES[..3].iter().flat_map(|shape| [(shape, 0), (shape, 1)]) {
        check_gradient(&[point(shape, 1), point(&shape[1..], 2), point(&shape[1..], 3)], 5e-4, |tensors| {
            let [x, scale, shift] = [0, 1, 2].map(|at| tensors[at].clone());
            let [y, _, _] = Recorded::normalize(x, scale, shift, axis, 1e-1);
            vec![y]
        });
    }
}
