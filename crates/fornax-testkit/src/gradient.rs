//! Gradients against central differences, in double precision.

use fornax_core::{Autodiff, DynTensor, Philox};

use crate::{Oracle, assert_close};

type Tensors = Vec<DynTensor<Autodiff<Oracle>>>;

/// Checks the gradient of a random linear functional of `f` by every element of every input.
///
/// `inputs` are pairs of shape and values that are exact multiples of 2^-10, so that the step is exact too.
///
/// # Panics
/// If an element of a gradient is further than `tolerance` (relative above 1) from the central difference.
pub fn check_gradient(inputs: &[(Vec<usize>, Vec<f32>)], tolerance: f32, f: impl Fn(&Tensors) -> Tensors) {
    const STEP: f32 = 1.0 / 4096.0;
    let device = Default::default();
    let value = |inputs: &[(Vec<usize>, Vec<f32>)]| {
        let lifted: Tensors = inputs
            .iter()
            .map(|(shape, values)| DynTensor::<Oracle>::from_vec(values.clone(), shape, &device).lift(true))
            .collect();
        let functional = f(&lifted).into_iter().enumerate().map(|(index, output)| {
            let mut random = Philox::new(index as u64 + 1);
            let weights = (0..output.len()).map(|_| random.uniform_in(-1.0, 1.0)).collect();
            let weights = DynTensor::from_vec(weights, &output.shape(), &device);
            output.mul(weights).sum()
        });
        (functional.reduce(|sum, term| sum.add(term)).expect("at least one output"), lifted)
    };
    let (functional, lifted) = value(inputs);
    let mut gradients = functional.backward();
    for (which, (shape, values)) in inputs.iter().enumerate() {
        let gradient = gradients.remove(&lifted[which]);
        let found = gradient.map_or_else(|| vec![0.0; values.len()], |gradient| gradient.to_vec());
        let wanted: Vec<f32> = (0..values.len())
            .map(|at| {
                let shifted = |step: f32| {
                    let mut inputs = inputs.to_vec();
                    inputs[which].1[at] += step;
                    value(&inputs).0.to_scalar()
                };
                ((shifted(STEP) - shifted(-STEP)) / f64::from(2.0 * STEP)) as f32
            })
            .collect();
        assert_close(&found, &wanted, tolerance, &format!("gradient of input {which} {shape:?}"));
    }
}
