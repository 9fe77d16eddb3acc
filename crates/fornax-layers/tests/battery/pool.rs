//! Pooling.

use fornax_core::{Array, DynTensor, Flex, Mask, Value};
use fornax_layers::{Layer, Sequential, Shape, WeightSpecs, layers::*};
use fornax_testkit::{assert_close, battery::Battery};

#[test]
fn windows() {
    Battery::new(MaxPooling1D::new(2), [&[5, 2]]).run();
    Battery::new(MaxPooling1D::new(3).strides(1).padding(Padding::Same), [&[4, 1]]).run();
    Battery::new(MaxPooling2D::new(2), [&[5, 4, 2]]).run();
    Battery::new(MaxPooling2D::new([3, 2]).strides([1, 2]).padding(Padding::Same), [&[4, 5, 2]]).run();
    Battery::new(MaxPooling3D::new(2).padding(Padding::Same), [&[3, 2, 2, 1]]).run();
    Battery::new(AveragePooling1D::new(3).strides(2).padding(Padding::Same), [&[5, 2]]).run();
    Battery::new(AveragePooling2D::new(2), [&[5, 4, 2]]).run();
    Battery::new(AveragePooling2D::new([2, 3]).strides([2, 1]).padding(Padding::Same), [&[5, 4, 1]]).run();
    Battery::new(AveragePooling3D::new([2, 1, 2]).strides(1), [&[3, 2, 2, 2]]).run();
    Battery::new(MaxPooling2D::new(1).strides(3), [&[4, 4, 1]]).run();
}

#[test]
fn global() {
    Battery::new(GlobalMaxPooling1D::new(), [&[5, 2]]).run();
    Battery::new(GlobalMaxPooling2D::new().keepdims(true), [&[2, 3, 2]]).run();
    Battery::new(GlobalMaxPooling3D::new(), [&[2, 1, 3, 2]]).run();
    Battery::new(GlobalAveragePooling1D::new().keepdims(true), [&[5, 1]]).run();
    Battery::new(GlobalAveragePooling2D::new(), [&[2, 3, 2]]).run();
    Battery::new(GlobalAveragePooling3D::new(), [&[2, 1, 3, 2]]).run();
}

/// The last window of `keras.layers.AveragePooling1D(3, 2, "same")` on 5 steps holds two elements and padding:
/// Keras 3.15.1 on TensorFlow 2.21.
#[test]
fn the_mean_leaves_padding_out() {
    let layer = AveragePooling1D::new(3).strides(2).padding(Padding::Same);
    let network = Sequential::<Flex>::new([5, 1]).add(layer).build().unwrap();
    let x = Array::from_vec([1, 5, 1], vec![1.0, 2.0, 4.0, 8.0, 16.0]).unwrap();
    let y = network.infer(vec![Value::from_array(&x, network.device())]).unwrap();
    assert_close(&y[0].to_array().to_f32(), &[1.5, 14.0 / 3.0, 12.0], 1e-6, "AveragePooling1D");
}

#[test]
fn the_mean_over_time_leaves_masked_steps_out() {
    let network = Sequential::<Flex>::new([3, 1]).add(GlobalAveragePooling1D::new()).build().unwrap();
    let device = network.device();
    let mask = |values: [f32; 9]| -> Mask<Flex> {
        DynTensor::from_vec(values.to_vec(), &[3, 3], device).equal_scalar(1.0)
    };
    let x = Array::from_vec([3, 3, 1], vec![1.0, 3.0, f32::NAN, 4.0, 5.0, 9.0, 1.0, 1.0, 1.0]).unwrap();
    let x = Value::from_array(&x, device).with_mask(Some(mask([1., 1., 0., 1., 1., 1., 0., 0., 0.])));
    let y = network.infer(vec![x]).unwrap();
    assert!(y[0].mask().is_none());
    assert_eq!(y[0].to_array().to_f32(), [2.0, 6.0, 0.0]);
}

#[test]
fn what_cannot_be_is_an_error() {
    let mut weights = WeightSpecs::default();
    let steps = Shape::from([4, 3]);
    let mut message = |layer: MaxPooling1D| layer.build(&steps, &mut weights).unwrap_err().to_string();
    let found = message(MaxPooling1D::new(5));
    assert_eq!(found, "input axis 1: found length 4, wanted at least 5, the reach of the window");
    assert_eq!(message(MaxPooling1D::new(0)), "pool_size: found 0, wanted values from 1 to 16777216");
    assert_eq!(
        message(MaxPooling1D::new(2).strides(0)),
        "strides: found 0, wanted values from 1 to 16777216"
    );
    assert!(AveragePooling2D::new(1).build(&steps, &mut weights).is_err());
    assert!(GlobalMaxPooling2D::new().build(&steps, &mut weights).is_err());
    assert!(serde_json::from_str::<MaxPooling1D>(r#"{"data_format": "channels_first"}"#).is_err());
    assert!(serde_json::from_str::<MaxPooling1D>(r#"{"data_format": null, "padding": "SAME"}"#).is_ok());
}
