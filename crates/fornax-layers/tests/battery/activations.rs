//! Activations as layers.

use fornax_core::{Array, Flex, Mask, Value, ops::Activation};
use fornax_layers::{Constraint, Initializer, Layer, Network, Regularizer, Sequential, layers::*};
use fornax_testkit::{assert_close, battery::Battery};

#[test]
fn activation() {
    for activation in [Activation::Relu, Activation::Softmax, Activation::Gelu] {
        Battery::new(ActivationLayer::new(activation), [&[5]]).run();
    }
    let network = Sequential::<Flex>::new([3]).add(Activation::Tanh).build().unwrap();
    assert_eq!(network.layers().next(), Some(("activation", "Activation")));
    assert_eq!(network.config()["layers"][0]["config"], serde_json::json!({ "activation": "tanh" }));
}

#[test]
fn activations_are_read_in_keras_forms() {
    for (form, wanted) in [
        (r#""relu""#, Activation::Relu),
        (r#""swish""#, Activation::Silu),
        (r#""hard_swish""#, Activation::HardSilu),
        ("null", Activation::Linear),
        (r#"{"module": "builtins", "class_name": "function", "config": "gelu"}"#, Activation::Gelu),
    ] {
        assert_eq!(serde_json::from_str::<Activation>(form).unwrap(), wanted, "{form}");
    }
    for activation in Activation::ALL {
        let text = serde_json::to_string(&activation).unwrap();
        assert_eq!(serde_json::from_str::<Activation>(&text).unwrap(), activation, "{text}");
    }
    assert!(serde_json::from_str::<Activation>(r#""rectified""#).is_err());
    assert!(
        serde_json::from_str::<Activation>(
            r#"{"class_name": "LeakyReLU", "config": {"negative_slope": 0.2}}"#
        )
        .is_err()
    );
}

#[test]
fn relu() {
    Battery::new(ReLU::new(), [&[5]]).run();
    Battery::new(ReLU::new().max_value(0.05).negative_slope(0.25).threshold(0.01), [&[3, 4]]).run();
    let found =
        outputs(ReLU::new().max_value(2.0).negative_slope(0.5).threshold(1.0), &[-3.0, 0.5, 1.0, 1.5, 7.0]);
    assert_eq!(found, [-2.0, -0.25, 0.0, 1.5, 2.0]);
    rejects(ReLU::new().max_value(-1.0), "max_value: found -1, wanted at least 0");
    rejects(ReLU::new().negative_slope(-1.0), "negative_slope");
    rejects(ReLU::new().threshold(f64::NAN), "threshold");
}

#[test]
fn leaky_relu_and_elu() {
    Battery::new(LeakyReLU::new(), [&[5]]).run();
    assert_eq!(outputs(LeakyReLU::new(), &[-10.0, 3.0]), [-3.0, 3.0]);
    rejects(LeakyReLU::new().negative_slope(-0.1), "negative_slope");
    Battery::new(ELU::new(), [&[5]]).run();
    Battery::new(ELU::new().alpha(0.5), [&[5]]).run();
    assert_close(
        &outputs(ELU::new().alpha(0.5), &[-1.0, 2.0]),
        &[0.5 * ((-1f32).exp() - 1.0), 2.0],
        1e-6,
        "ELU",
    );
}

#[test]
fn prelu() {
    let quarter = Initializer::Constant { value: 0.25 };
    Battery::new(PReLU::new().alpha_initializer(quarter), [&[5]]).run();
    let shared = PReLU::new().alpha_initializer(quarter).shared_axes([1, 2]);
    let shared = shared.alpha_regularizer(Regularizer::l2(0.1)).alpha_constraint(Constraint::NonNeg);
    Battery::new(shared, [&[2, 3, 4]]).run();
    assert_eq!(outputs(PReLU::new().alpha_initializer(quarter), &[-4.0, 4.0]), [-1.0, 4.0]);
    rejects(PReLU::new().shared_axes(0), "axis");
    rejects(PReLU::new().shared_axes(2), "axis: found 2, wanted distinct axes of a tensor of 2 axes");
}

#[test]
fn softmax() {
    Battery::new(Softmax::new(), [&[5]]).run();
    Battery::new(Softmax::new().axis(1), [&[3, 4]]).run();
    Battery::new(Softmax::new().axis([1, 3]), [&[3, 2, 4]]).run();
    rejects(Softmax::new().axis(0), "axes behind the batch");
    rejects(Softmax::new().axis(2), "axis");
}

#[test]
fn softmax_leaves_masked_steps_out() {
    let network = of(Softmax::new().axis(1), [3, 1]);
    let x = Array::from_vec([2, 3, 1], vec![1.0, 1.0, 5.0, 1.0, 2.0, 3.0]).unwrap();
    let x =
        Value::<Flex>::from_array(&x, network.device()).with_mask(Some(mask(&[2, 3], &[1, 1, 0, 0, 0, 0])));
    let y = network.infer(vec![x]).unwrap();
    assert_eq!(y[0].to_array().to_f32(), [0.5, 0.5, 0.0, 0.0, 0.0, 0.0]);
    assert!(y[0].mask().is_some());
}

#[test]
fn softmax_over_features_remembers_its_logits() {
    let network = of(Softmax::new(), [2]);
    let x = Value::<Flex>::from_array(&Array::from_vec([1, 2], vec![1.0, 2.0]).unwrap(), network.device());
    let y = network.infer(vec![x]).unwrap();
    assert_eq!(y[0].logits().unwrap().to_vec(), [1.0, 2.0]);
}

/// A mask of `shape` that holds where the number is not 0.
pub(crate) fn mask(shape: &[usize], holds: &[i32]) -> Mask<Flex> {
    fornax_core::Indices::<Flex>::from_vec(holds.to_vec(), shape, &Default::default()).equal_scalar(0).not()
}

/// A network of one layer for samples of `shape`.
pub(crate) fn of<const N: usize>(layer: impl Layer, shape: [usize; N]) -> Network<Flex> {
    Sequential::new(shape).add(layer).build().unwrap()
}

/// The outputs of a layer for one sample.
pub(crate) fn outputs(layer: impl Layer, x: &[f32]) -> Vec<f32> {
    let network = of(layer, [x.len()]);
    network.predict(&Array::from_vec([1, x.len()], x.to_vec()).unwrap()).unwrap().to_f32()
}

/// The layer does not build for samples of 4 features, for a reason that contains `part`.
pub(crate) fn rejects(layer: impl Layer, part: &str) {
    let error = Sequential::<Flex>::new([4]).add(layer).build().unwrap_err().to_string();
    assert!(error.contains(part), "{error}");
}
