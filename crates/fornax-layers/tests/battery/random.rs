//! Random layers, by laws: they are the identity in inference, have the moments they state, and the same key gives
//! the same draw.

use fornax_core::{Array, Flex, NdArray, Philox, Value};
use fornax_layers::{Layer, Sequential, layers::*};
use fornax_testkit::battery::Battery;

use crate::activations::rejects;

/// The output of a training step for ones.
fn trained<L: Layer, const N: usize>(layer: &L, shape: [usize; N], seed: u64, step: u64) -> Vec<f32> {
    let mut network = Sequential::<Flex>::new(shape).add(layer.clone()).build().unwrap();
    let shape = [&[2], &shape[..]].concat();
    let x = Array::from_vec(shape.clone(), vec![1.0; shape.iter().product()]).unwrap();
    assert_eq!(network.predict(&x).unwrap(), x, "inference is the identity");
    let lifted = network.lift();
    let random = Philox::new(seed).stream(step);
    let (y, _) = network.train(&lifted, vec![Value::from_array(&x, network.device())], random).unwrap();
    y[0].to_array().to_f32()
}

fn moments(values: &[f32]) -> (f64, f64) {
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / values.len() as f64;
    (mean, variance.sqrt())
}

/// The draw depends on the key alone; a layer's own seed takes the place of the model's, not of the step.
fn check_keys<L: Layer>(layer: L, seeded: L) {
    assert_eq!(trained(&layer, [64], 1, 0), trained(&layer, [64], 1, 0));
    assert_ne!(trained(&layer, [64], 1, 0), trained(&layer, [64], 1, 1));
    assert_ne!(trained(&layer, [64], 1, 0), trained(&layer, [64], 2, 0));
    assert_eq!(trained(&seeded, [64], 1, 0), trained(&seeded, [64], 2, 0));
    assert_ne!(trained(&seeded, [64], 1, 0), trained(&seeded, [64], 1, 1));
}

#[test]
fn dropout() {
    Battery::new(Dropout::new(0.4), [&[3, 4]]).run();
    Battery::new(Dropout::new(0.4).noise_shape([None, Some(1), None]).seed(3), [&[3, 4]]).run();
    check_keys(Dropout::new(0.4), Dropout::new(0.4).seed(5));
    let y = trained(&Dropout::new(0.2), [5000], 1, 0);
    assert!(y.iter().all(|&y| y == 0.0 || y == 1.25));
    let (mean, deviation) = moments(&y);
    assert!((mean - 1.0).abs() < 0.02 && (deviation - 0.5).abs() < 0.02, "{mean} {deviation}");
    assert!(trained(&Dropout::new(1.0), [5], 1, 0).iter().all(|&y| y == 0.0));
    assert!(trained(&Dropout::new(0.0), [5], 1, 0).iter().all(|&y| y == 1.0));
    rejects(Dropout::new(1.5), "rate: found 1.5, wanted a number from 0 to 1");
    rejects(Dropout::new(-0.5), "rate");
    rejects(
        Dropout::new(0.5).noise_shape([None]),
        "noise_shape: found [None], wanted as many axes as (None, 4)",
    );
    rejects(Dropout::new(0.5).noise_shape([None, Some(3)]), "noise_shape");
}

#[test]
fn one_draw_holds_along_the_axes_of_length_one() {
    let check = |y: Vec<f32>, positions: usize, channels: usize| {
        for sample in y.chunks(positions * channels) {
            assert!(sample.chunks(channels).all(|step| step == &sample[..channels]));
        }
        assert!(y.contains(&0.0) && y.contains(&2.0));
    };
    check(trained(&Dropout::new(0.5).noise_shape([None, Some(1), None]), [6, 8], 1, 0), 6, 8);
    check(trained(&SpatialDropout1D::new(0.5), [6, 8], 1, 0), 6, 8);
    check(trained(&SpatialDropout2D::new(0.5), [2, 3, 8], 1, 0), 6, 8);
    check(trained(&SpatialDropout3D::new(0.5), [2, 3, 2, 8], 1, 0), 12, 8);
}

#[test]
fn spatial_dropout() {
    Battery::new(SpatialDropout1D::new(0.5), [&[3, 4]]).run();
    Battery::new(SpatialDropout2D::new(0.5).seed(2), [&[2, 3, 4]]).run();
    Battery::new(SpatialDropout3D::new(0.5), [&[2, 1, 2, 3]]).run();
    rejects(SpatialDropout1D::new(0.5), "[time, channels] behind the batch axis");
    rejects(SpatialDropout2D::new(0.5), "[height, width, channels]");
    rejects(SpatialDropout3D::new(0.5), "[depth, height, width, channels]");
}

#[test]
fn noise() {
    Battery::new(GaussianNoise::new(0.3), [&[3, 4]]).run();
    Battery::new(GaussianDropout::new(0.3), [&[3, 4]]).run();
    check_keys(GaussianNoise::new(0.3), GaussianNoise::new(0.3).seed(5));
    check_keys(GaussianDropout::new(0.3), GaussianDropout::new(0.3).seed(5));
    for (y, wanted) in [
        (trained(&GaussianNoise::new(0.3), [5000], 1, 0), 0.3),
        (trained(&GaussianDropout::new(0.2), [5000], 1, 0), 0.5),
    ] {
        let (mean, deviation) = moments(&y);
        assert!((mean - 1.0).abs() < 0.02 && (deviation - wanted).abs() < 0.02, "{mean} {deviation}");
    }
    rejects(GaussianNoise::new(-1.0), "stddev: found -1, wanted at least 0");
    rejects(GaussianDropout::new(1.0), "rate: found 1, wanted a number from 0 to below 1");
}

#[test]
fn alpha_dropout_keeps_mean_and_variance() {
    Battery::new(AlphaDropout::new(0.3), [&[3, 4]]).run();
    Battery::new(AlphaDropout::new(0.3).noise_shape([None, Some(1), None]), [&[3, 4]]).run();
    check_keys(AlphaDropout::new(0.4), AlphaDropout::new(0.4).seed(5));
    let mut network = Sequential::<Flex>::new([20_000]).add(AlphaDropout::new(0.25)).build().unwrap();
    let mut normal = Philox::new(8);
    let x = Array::from_vec([1, 20_000], (0..20_000).map(|_| normal.normal()).collect()).unwrap();
    let lifted = network.lift();
    let (y, _) =
        network.train(&lifted, vec![Value::from_array(&x, network.device())], Philox::new(1)).unwrap();
    let (mean, deviation) = moments(&y[0].to_array().to_f32());
    assert!(mean.abs() < 0.03 && (deviation - 1.0).abs() < 0.03, "{mean} {deviation}");
    rejects(AlphaDropout::new(1.0), "rate");
    rejects(AlphaDropout::new(0.5).noise_shape([None, Some(3)]), "noise_shape");
}

#[test]
fn every_backend_drops_the_same() {
    fn drops<B: fornax_core::Backend>() -> Vec<f32> {
        let mut network = Sequential::<B>::new([50]).add(Dropout::new(0.5)).build().unwrap();
        let x = Array::from_vec([1, 50], vec![1.0; 50]).unwrap();
        let lifted = network.lift();
        let (y, _) =
            network.train(&lifted, vec![Value::from_array(&x, network.device())], Philox::new(1)).unwrap();
        y[0].to_array().to_f32()
    }
    assert_eq!(drops::<Flex>(), drops::<NdArray>());
}

#[test]
fn activity_regularization() {
    Battery::new(ActivityRegularization::new(0.1, 0.2), [&[5]]).run();
}
