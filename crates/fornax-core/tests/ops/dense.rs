//! The dense map: every backend as a plain loop, gradients as finite differences.

use fornax_core::ops::{Activation, DenseOps};
use fornax_core::{Backend, Flex, NdArray};
use fornax_testkit::{Oracle, assert_close, gradient::check_gradient};
use proptest::prelude::*;

use super::{Point, Recorded, config, point, tensor, to_f32};

/// Values for a shape and a seed.
type Points = fn(&[usize], u64) -> Point;

/// Values between -1/4 and 1/4, so that long sums stay near 1.
fn small(shape: &[usize], seed: u64) -> Point {
    let (shape, values) = point(shape, seed);
    let largest = values.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
    (shape, values.into_iter().map(|value| value / largest / 4.0).collect())
}

/// `y`, `dx` and `dW` by loops.
fn wanted([rows, inputs, units]: [usize; 3], bias: bool, point: Points) -> [Vec<f32>; 3] {
    let values = |shape: &[usize], seed| point(shape, seed).1.into_iter().map(f64::from).collect::<Vec<_>>();
    let (x, kernel) = (values(&[rows, inputs], 1), values(&[inputs, units], 2));
    let (b, dy) = (values(&[units], 3), values(&[rows, units], 4));
    let (mut y, mut dx, mut dkernel) = (vec![0.0; rows * units], vec![0.0; x.len()], vec![0.0; kernel.len()]);
    for row in 0..rows {
        for (unit, b) in b.iter().enumerate() {
            let o = row * units + unit;
            y[o] += if bias { *b } else { 0.0 };
            for input in 0..inputs {
                let (i, k) = (row * inputs + input, input * units + unit);
                y[o] += x[i] * kernel[k];
                dx[i] += dy[o] * kernel[k];
                dkernel[k] += dy[o] * x[i];
            }
        }
    }
    [y, dx, dkernel].map(|values| to_f32(&values))
}

fn check<B: Backend>([rows, inputs, units]: [usize; 3], bias: bool, point: Points) {
    let place = format!("dense {rows} x {inputs} x {units} on {}", B::name(&Default::default()));
    let [y, dx, dkernel] = wanted([rows, inputs, units], bias, point);
    let (x, kernel) = (tensor::<B>(&point(&[rows, inputs], 1)), tensor::<B>(&point(&[inputs, units], 2)));
    let dy = tensor::<B>(&point(&[rows, units], 4));
    let b = bias.then(|| tensor::<B>(&point(&[units], 3)));
    let linear = Activation::Linear;
    assert_close(&B::dense(x.clone(), kernel.clone(), b.clone(), linear).to_vec(), &y, 1e-5, &place);
    let y = tensor::<B>(&(vec![rows, units], y));
    let [found_x, found_kernel, found_bias] =
        B::dense_backward(x.clone(), kernel.clone(), y.clone(), dy.clone(), linear, [true; 3]);
    assert_close(&found_x.unwrap().to_vec(), &dx, 1e-5, &place);
    assert_close(&found_kernel.unwrap().to_vec(), &dkernel, 1e-5, &place);
    let dbias = B::add_bias_backward(dy.clone());
    assert_close(&found_bias.unwrap().to_vec(), &dbias.to_vec(), 1e-5, &place);
    for activation in [Activation::Relu, Activation::Sigmoid] {
        let place = format!("{place}, {activation:?}");
        let activated = B::activate(y.clone(), activation);
        let found = B::dense(x.clone(), kernel.clone(), b.clone(), activation);
        assert_close(&found.to_vec(), &activated.to_vec(), 1e-5, &place);
        let dz = B::activate_backward(activated.clone(), activated.clone(), dy.clone(), activation);
        let wanted = B::dense_backward(x.clone(), kernel.clone(), y.clone(), dz, linear, [true; 3]);
        let (x, kernel) = (x.clone(), kernel.clone());
        let found = B::dense_backward(x, kernel, activated, dy.clone(), activation, [true; 3]);
        for (found, wanted) in found.into_iter().zip(wanted) {
            assert_close(&found.unwrap().to_vec(), &wanted.unwrap().to_vec(), 1e-5, &place);
        }
    }
    assert!(B::dense_backward(x, kernel, y, dy, linear, [false; 3]).iter().all(Option::is_none));
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn products_are_those_of_plain_loops(
        rows in 1..=13usize,
        inputs in 1..=19usize,
        units in 1..=17usize,
        bias: bool,
    ) {
        check::<Oracle>([rows, inputs, units], bias, point);
        check::<Flex>([rows, inputs, units], bias, point);
        check::<NdArray>([rows, inputs, units], bias, point);
    }
}

/// A single row has a kernel of its own, in panels of several vectors and a rest.
#[test]
fn single_rows_of_any_width() {
    for (rows, units) in [(1, 64), (1, 130), (1, 77), (1, 16), (2, 130)] {
        check::<Flex>([rows, 19, units], true, point);
        check::<NdArray>([rows, 19, units], false, point);
    }
}

/// Rows, depths and columns about the lengths of blocks, a factor that is packed or not, and a kernel too large to be transposed.
#[test]
fn products_in_blocks() {
    for (rows, inputs, units) in
        [(481, 257, 65), (47, 16, 48), (48, 513, 33), (4, 129, 600), (7, 700, 400), (961, 3, 1)]
    {
        check::<Flex>([rows, inputs, units], true, small);
        check::<NdArray>([rows, inputs, units], false, small);
    }
}

#[test]
fn a_bias_is_added_to_each_row() {
    fn check<B: Backend>(rows: usize, units: usize) {
        let (x, bias) = (point(&[rows, 2, units], 1), point(&[units], 2));
        let y: Vec<f32> = x.1.iter().enumerate().map(|(at, x)| x + bias.1[at % units]).collect();
        let sums: Vec<f32> = (0..units).map(|unit| x.1.iter().skip(unit).step_by(units).sum()).collect();
        assert_close(&B::add_bias(tensor::<B>(&x), tensor(&bias)).to_vec(), &y, 1e-6, "sum");
        assert_close(&B::add_bias_backward(tensor::<B>(&x)).to_vec(), &sums, 1e-5, "cotangent of the bias");
    }
    for (rows, units) in [(1, 1), (3, 7), (5, 32)] {
        check::<Oracle>(rows, units);
        check::<Flex>(rows, units);
        check::<NdArray>(rows, units);
    }
}

#[test]
fn gradients_are_finite_differences() {
    check_gradient(&[point(&[2, 3, 4], 1), point(&[4], 2)], 2e-4, |t| {
        vec![Recorded::add_bias(t[0].clone(), t[1].clone())]
    });
    for x in [&[3, 2][..], &[1, 1], &[2, 3, 2]] {
        let inputs = x[x.len() - 1];
        let points = [point(x, 1), point(&[inputs, 4], 2), point(&[4], 3)];
        check_gradient(&points, 2e-4, |t| {
            vec![Recorded::dense(t[0].clone(), t[1].clone(), Some(t[2].clone()), Activation::Tanh)]
        });
        check_gradient(&points[..2], 2e-4, |t| {
            vec![Recorded::dense(t[0].clone(), t[1].clone(), None, Activation::Linear)]
        });
    }
}

/// Products are cut for threads across rows or across units.
#[test]
fn threads_change_no_bit() {
    for [rows, inputs, units] in [
        [64, 1024, 1024],
        [1031, 600, 67],
        [700, 130, 700],
        [300, 17, 2001],
        [1024, 4100, 1],
        [1100, 2500, 2],
        [2, 1024, 2100],
        [1030, 1400, 3],
    ] {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let [x, kernel, b, dy] =
                    [vec![rows, inputs], vec![inputs, units], vec![units], vec![rows, units]]
                        .map(|shape| tensor::<Flex>(&point(&shape, 1)));
                let y = Flex::dense(x.clone(), kernel.clone(), Some(b), Activation::Linear);
                let cotangents =
                    Flex::dense_backward(x, kernel, y.clone(), dy, Activation::Linear, [true; 3]);
                let tensors = [Some(y)].into_iter().chain(cotangents);
                tensors.flatten().map(|tensor| tensor.to_vec()).collect::<Vec<_>>()
            })
        };
        let one = on(1);
        for threads in [2, 3, 8] {
            assert!(on(threads) == one, "{rows} x {inputs} x {units} on {threads} threads");
        }
    }
}
