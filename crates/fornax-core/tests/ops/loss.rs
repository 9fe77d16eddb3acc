//! Cross entropies: every backend as a plain loop, gradients as finite differences.

use fornax_core::ops::LossOps;
use fornax_core::{Backend, DynTensor, Flex, Indices, NdArray, Philox};
use fornax_testkit::{Oracle, assert_close, gradient::check_gradient};

use super::{Point, Recorded, point, tensor, to_f32};

fn labels(rows: usize, classes: usize) -> Vec<i32> {
    let mut random = Philox::new(6);
    (0..rows).map(|_| random.below(classes) as i32).collect()
}

/// Losses and probabilities by loops, for targets of any sum.
fn wanted(logits: &[f32], targets: &[f32], classes: usize) -> [Vec<f32>; 2] {
    let (mut losses, mut probabilities) = (vec![], vec![]);
    for (logits, targets) in logits.chunks(classes).zip(targets.chunks(classes)) {
        let total = logits.iter().map(|&z| f64::from(z).exp()).sum::<f64>();
        let log = |z: f32| f64::from(z) - total.ln();
        losses.push(-logits.iter().zip(targets).map(|(&z, &t)| f64::from(t) * log(z)).sum::<f64>());
        probabilities.extend(logits.iter().map(|&z| log(z).exp()));
    }
    [losses, probabilities].map(|values| to_f32(&values))
}

fn check<B: Backend>(rows: usize, classes: usize) {
    let place = format!("{rows} x {classes} on {}", B::name(&Default::default()));
    let device = B::Device::default();
    let logits = point(&[rows, classes], 1);
    let close = |(losses, probabilities): (DynTensor<B>, DynTensor<B>), targets: &[f32]| {
        let [wanted_losses, wanted_probabilities] = wanted(&logits.1, targets, classes);
        assert_eq!(losses.shape(), [rows]);
        assert_close(&losses.to_vec(), &wanted_losses, 1e-5, &place);
        assert_close(&probabilities.to_vec(), &wanted_probabilities, 1e-5, &place);
        wanted_probabilities
    };
    let targets = soft_targets(rows, classes);
    close(B::cross_entropy(tensor(&logits), tensor(&targets)), &targets.1);

    let labels = labels(rows, classes);
    let indices = || Indices::from_vec(labels.clone(), &[rows], &device);
    for smoothing in [0.0, 0.2] {
        let target = |label: i32, class: usize| {
            let own = if class == label as usize { 1.0 - smoothing } else { 0.0 };
            (own + smoothing / classes as f64) as f32
        };
        let targets: Vec<f32> =
            labels.iter().flat_map(|&label| (0..classes).map(move |class| target(label, class))).collect();
        let probabilities = close(B::sparse_cross_entropy(tensor(&logits), indices(), smoothing), &targets);
        let dlosses = point(&[rows], 3);
        let kept = DynTensor::from_vec(probabilities.clone(), &[rows, classes], &device);
        let found = B::sparse_cross_entropy_backward(kept, indices(), smoothing, tensor(&dlosses));
        let difference = probabilities.iter().zip(&targets).map(|(p, t)| p - t);
        let dlogits: Vec<f32> = difference.enumerate().map(|(at, d)| d * dlosses.1[at / classes]).collect();
        assert_close(&found.to_vec(), &dlogits, 1e-5, &place);
    }
}

/// Targets that are no probabilities: the law holds for any.
fn soft_targets(rows: usize, classes: usize) -> Point {
    let mut random = Philox::new(8);
    (vec![rows, classes], (0..rows * classes).map(|_| random.uniform()).collect())
}

#[test]
fn losses_are_those_of_plain_loops() {
    for (rows, classes) in [(1, 1), (1, 2), (5, 3), (4, 10), (33, 17), (3, 1030)] {
        check::<Oracle>(rows, classes);
        check::<Flex>(rows, classes);
        check::<NdArray>(rows, classes);
    }
}

#[test]
fn large_logits_stay_finite() {
    fn loss<B: Backend>() -> Vec<f32> {
        let logits =
            DynTensor::<B>::from_vec(vec![1000.0, 0.0, -1000.0, 0.0], &[2, 2], &B::Device::default());
        let labels = Indices::from_vec(vec![1, 1], &[2], &B::Device::default());
        B::sparse_cross_entropy(logits, labels, 0.0).0.to_vec()
    }
    assert_close(&loss::<Oracle>(), &[1000.0, 0.0], 1e-6, "oracle");
    assert_close(&loss::<Flex>(), &[1000.0, 0.0], 1e-6, "flex");
    assert_close(&loss::<NdArray>(), &[1000.0, 0.0], 1e-6, "ndarray");
}

#[test]
fn gradients_are_finite_differences() {
    for (rows, classes) in [(1, 2), (4, 3), (3, 10)] {
        check_gradient(&[point(&[rows, classes], 1)], 2e-4, |tensors| {
            let indices = Indices::from_vec(labels(rows, classes), &[rows], &Default::default());
            vec![Recorded::sparse_cross_entropy(tensors[0].clone(), indices, 0.1).0]
        });
        check_gradient(&[point(&[rows, classes], 1)], 2e-4, |tensors| {
            let targets = tensor(&soft_targets(rows, classes));
            vec![Recorded::cross_entropy(tensors[0].clone(), targets).0]
        });
    }
}

/// `sum_i x_i^3` of each row, and its gradient.
fn cubes(x: &[f64], rows: usize, gradient: bool) -> (Vec<f64>, Vec<f64>) {
    let losses = x.chunks(x.len() / rows).map(|row| row.iter().map(|x| x.powi(3)).sum()).collect();
    (losses, if gradient { x.iter().map(|x| 3.0 * x * x).collect() } else { vec![] })
}

#[test]
fn losses_of_the_host_are_one_node() {
    fn value<B: Backend>() -> Vec<f32> {
        let x = DynTensor::<B>::from_vec(vec![1.0, 2.0, 3.0, -1.0], &[2, 1, 2], &B::Device::default());
        B::row_losses(x, |x, gradient| {
            assert!(!gradient, "a backend without a graph wants no gradient");
            cubes(x, 2, gradient)
        })
        .to_vec()
    }
    assert_eq!(value::<Oracle>(), [9.0, 26.0]);
    assert_eq!(value::<Flex>(), [9.0, 26.0]);
    assert_eq!(value::<NdArray>(), [9.0, 26.0]);
    for shape in [[1, 3, 2], [4, 2, 1]] {
        check_gradient(&[point(&shape, 1)], 2e-4, |tensors| {
            vec![Recorded::row_losses(tensors[0].clone(), |x, wanted| cubes(x, shape[0], wanted))]
        });
    }
}
