//! Dropout: the same elements on every backend, as many as the rate says, gradients as finite differences.

use fornax_core::ops::DropoutOps;
use fornax_core::{Backend, DynTensor, Flex, NdArray, Philox};
use fornax_testkit::{Oracle, gradient::check_gradient};

use super::{Recorded, point};

const RATE: f64 = 0.25;

fn kept<B: Backend>(shape: &[usize], mask: &[usize]) -> Vec<f32> {
    let ones = DynTensor::<B>::full(shape, 1.0, &B::Device::default());
    B::dropout(ones, RATE, mask, Philox::new(4)).to_vec()
}

#[test]
fn backends_drop_the_same_elements() {
    for (shape, mask) in [([40, 50, 3], [40, 50, 3]), ([40, 50, 3], [40, 1, 3])] {
        let wanted = kept::<Oracle>(&shape, &mask);
        assert_eq!(kept::<Flex>(&shape, &mask), wanted);
        assert_eq!(kept::<NdArray>(&shape, &mask), wanted);
        assert!(wanted.iter().all(|&y| y == 0.0 || y == (1.0 / (1.0 - RATE)) as f32));
        let mean = wanted.iter().sum::<f32>() / wanted.len() as f32;
        assert!((mean - 1.0).abs() < 0.1, "mean {mean}");
    }
}

#[test]
fn an_axis_of_the_mask_is_shared() {
    let y = kept::<Flex>(&[4, 5, 3], &[4, 1, 3]);
    for (at, value) in y.iter().enumerate() {
        assert_eq!(*value, y[at / 15 * 15 + at % 3]);
    }
}

#[test]
fn gradients_are_finite_differences() {
    for mask in [[3, 4, 2], [3, 1, 2]] {
        check_gradient(&[point(&[3, 4, 2], 1)], 2e-4, |tensors| {
            vec![Recorded::dropout(tensors[0].clone(), RATE, &mask, Philox::new(9))]
        });
    }
}
