//! Gradients of several threads at once: Burn's autodiff keeps one register of graphs for the whole process.

use std::sync::atomic::{AtomicBool, Ordering};

use fornax_core::ops::{Activation, ActivationOps, DenseOps};
use fornax_core::{Autodiff, DynTensor, Flex};
use fornax_testkit::{assert_close, distinct_values};

const WIDTH: usize = 64;

/// The gradients of a loss by leaves that are joined one by one and then each used once more, which leaves Burn's register
/// with graphs that hold nothing but the inputs of the operation that runs.
fn gradients() -> Vec<f32> {
    let leaf = |seed| {
        let values = distinct_values(WIDTH * WIDTH, seed).iter().map(|value| value / 64.0).collect();
        DynTensor::<Flex>::from_vec(values, &[WIDTH, WIDTH], &Default::default()).lift(true)
    };
    let leaves: Vec<DynTensor<Autodiff<Flex>>> = (0..5).map(leaf).collect();
    let joined = leaves.iter().cloned().reduce(|sum, leaf| sum.add(leaf)).expect("five leaves");
    let loss = leaves.iter().fold(joined, |sum, leaf| {
        let wave = Autodiff::<Flex>::activate(leaf.clone(), Activation::Tanh);
        let wave = Autodiff::<Flex>::dense(wave, leaf.clone(), None, Activation::Tanh);
        sum.add(Autodiff::<Flex>::activate(wave, Activation::Sigmoid))
    });
    let mut gradients = loss.sum().backward();
    leaves
        .iter()
        .flat_map(|leaf| gradients.remove(leaf).expect("each leaf has a gradient").to_vec())
        .collect()
}

#[test]
fn backward_passes_of_other_threads_take_nothing_away() {
    let wanted = gradients();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                DynTensor::<Flex>::full(&[1], 1.0, &Default::default()).lift(true).mul_scalar(2.0).backward();
            }
        });
        let found = std::panic::catch_unwind(|| {
            (0..200).for_each(|_| assert_close(&gradients(), &wanted, 1e-5, "beside another thread"));
        });
        done.store(true, Ordering::Relaxed);
        found.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}
