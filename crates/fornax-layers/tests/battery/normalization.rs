//! Normalization layers.

use fornax_core::{Array, Flex, Philox, Value};
use fornax_layers::{Constraint, LayerExt, Network, Regularizer, Sequential, layers::*};
use fornax_testkit::{assert_close, battery::Battery};

use crate::activations::{mask, of, outputs, rejects};

/// One training step's output and its updates of the moving mean and variance.
fn step(network: &mut Network<Flex>, x: Value<Flex>) -> (Vec<f32>, Vec<Vec<f32>>) {
    let lifted = network.lift();
    let (y, effects) = network.train(&lifted, vec![x], Philox::new(1)).unwrap();
    let updates = effects.updates.iter().map(|(_, value)| value.to_vec()).collect();
    network.lower(lifted, |_, weight| weight);
    for (index, value) in effects.updates {
        network.replace(index, value.lower());
    }
    (y[0].to_array().to_f32(), updates)
}

fn value(shape: &[usize], values: &[f32]) -> Value<Flex> {
    Value::from_array(&Array::from_vec(shape, values.to_vec()).unwrap(), &Default::default())
}

#[test]
fn batch_normalization() {
    Battery::new(BatchNormalization::new(), [&[3]]).statistics_of_batch().run();
    Battery::new(BatchNormalization::new().axis(1), [&[2, 3]]).statistics_of_batch().run();
    let bare = BatchNormalization::new().center(false).scale(false).epsilon(0.1);
    Battery::new(bare, [&[2, 1, 2]]).statistics_of_batch().run();
    let penalized = BatchNormalization::new().gamma_regularizer(Regularizer::l2(0.1));
    let penalized = penalized.beta_constraint(Constraint::max_norm(1.0)).momentum(0.5);
    Battery::new(penalized, [&[2, 3]]).statistics_of_batch().run();
    rejects(BatchNormalization::new().axis(0), "axes behind the batch");
    rejects(BatchNormalization::new().momentum(1.5), "momentum: found 1.5, wanted a number from 0 to 1");
    rejects(BatchNormalization::new().epsilon(-1.0), "epsilon: found -1, wanted at least 0");
}

/// Values of Keras 3.15.1.
#[test]
fn moving_statistics_as_in_keras() {
    let mut network = of(BatchNormalization::new(), [2]);
    let x = || value(&[3, 2], &[1.0, 10.0, 2.0, -4.0, 6.0, 0.0]);
    let (y, updates) = step(&mut network, x());
    assert_close(
        &y,
        &[-0.925_720_9, 1.358_712_8, -0.462_860_46, -1.019_034_6, 1.388_581_4, -0.339_678_2],
        1e-5,
        "y",
    );
    assert_close(&updates[0], &[0.03, 0.02], 1e-6, "moving mean");
    assert_close(&updates[1], &[1.036_666_7, 1.336_666_7], 1e-5, "moving variance");
    let y = network.infer(vec![x()]).unwrap()[0].to_array().to_f32();
    assert_close(
        &y,
        &[0.952_232_06, 8.628_923, 1.933_914_7, -3.475_778_6, 5.860_645, -0.017_292_43],
        1e-5,
        "inference",
    );
}

#[test]
fn masked_steps_do_not_count() {
    let values = [1.0, 2.0, 100.0, 3.0, 4.0, -100.0];
    let mut network = of(BatchNormalization::new().momentum(0.0), [3, 1]);
    let masked = value(&[2, 3, 1], &values).with_mask(Some(mask(&[2, 3], &[1, 1, 0, 1, 1, 0])));
    let (masked, statistics) = step(&mut network, masked);
    let mut network = of(BatchNormalization::new().momentum(0.0), [2, 1]);
    let (plain, wanted) = step(&mut network, value(&[2, 2, 1], &[1.0, 2.0, 3.0, 4.0]));
    assert_close(&[&masked[..2], &masked[3..5]].concat(), &plain, 1e-5, "steps that count");
    assert_close(&statistics.concat(), &wanted.concat(), 1e-5, "statistics");
}

#[test]
fn a_frozen_layer_is_in_inference_mode() {
    let frozen = Sequential::<Flex>::new([2]).add(BatchNormalization::new().frozen());
    let mut network = frozen.build().unwrap();
    let x = || value(&[2, 2], &[1.0, 10.0, 2.0, -4.0]);
    let wanted = network.infer(vec![x()]).unwrap()[0].to_array().to_f32();
    let (y, updates) = step(&mut network, x());
    assert_eq!(y, wanted);
    assert!(updates.is_empty());
    network.set_trainable("batch_normalization", true).unwrap();
    assert_eq!(step(&mut network, x()).1.len(), 2);
    let nested = Sequential::<Flex>::new([2]).add(network.frozen()).build();
    assert!(step(&mut nested.unwrap(), x()).1.is_empty());
}

#[test]
fn a_shared_layer_updates_its_statistics_at_each_call() {
    use fornax_layers::{Functional, Shared, input};
    let (a, b) = (input::<Flex>([1]), input([1]));
    let layer = Shared::new(BatchNormalization::new().momentum(0.5));
    let outputs = [layer.apply(&a).unwrap(), layer.apply(&b).unwrap()];
    let mut network = Functional::new([&a, &b], &outputs[..]).build().unwrap();
    let lifted = network.lift();
    let inputs = vec![value(&[2, 1], &[8.0, 8.0]), value(&[2, 1], &[2.0, 2.0])];
    let (_, effects) = network.train(&lifted, inputs, Philox::new(1)).unwrap();
    let means: Vec<f32> = effects.updates.iter().step_by(2).map(|(_, value)| value.to_vec()[0]).collect();
    assert_eq!(means, [4.0, 3.0]);
}

#[test]
fn layer_normalization() {
    Battery::new(LayerNormalization::new(), [&[3, 4]]).run();
    Battery::new(LayerNormalization::new().axis([1, 3]).center(false), [&[2, 3, 2]]).run();
    Battery::new(LayerNormalization::new().axis(1).scale(false).epsilon(0.01), [&[3, 2]]).run();
    rejects(LayerNormalization::new().axis(0), "axes behind the batch");
    rejects(LayerNormalization::new().axis([1, 1]), "distinct axes");
}

#[test]
fn group_normalization() {
    Battery::new(GroupNormalization::new(2), [&[3, 4]]).run();
    Battery::new(GroupNormalization::new(-1).center(false), [&[2, 2, 3]]).run();
    Battery::new(GroupNormalization::new(1).axis(1).scale(false), [&[2, 3]]).run();
    rejects(GroupNormalization::new(3), "groups: found 3, wanted a divisor of the 4 channels, or -1");
    rejects(GroupNormalization::new(0), "groups");
    rejects(GroupNormalization::new(32), "groups");
}

#[test]
fn unit_and_rms_normalization() {
    Battery::new(UnitNormalization::new(), [&[3, 4]]).run();
    Battery::new(UnitNormalization::new().axis([1, 2]), [&[3, 4]]).run();
    Battery::new(RMSNormalization::new(), [&[3, 4]]).run();
    Battery::new(RMSNormalization::new().axis([1]).epsilon(0.1), [&[3, 4]]).run();
    assert_eq!(outputs(UnitNormalization::new(), &[0.0, 0.0]), [0.0, 0.0]);
    rejects(UnitNormalization::new().axis(2), "axis");
    rejects(RMSNormalization::new().epsilon(f64::NAN), "epsilon");
}
