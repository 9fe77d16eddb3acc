//! Convolutions.

use fornax_core::{
    Array, ErrorKind, Flex,
    ops::Activation::{Relu, Softmax, Tanh},
};
use fornax_layers::{Layer, LayerExt, MultiLayer, Regularizer, Sequential, Shape, WeightSpecs, layers::*};
use fornax_testkit::{assert_close, battery::Battery};

#[test]
fn conv() {
    Battery::new(Conv1D::new(3, 2), [&[5, 2]]).run();
    Battery::new(Conv1D::new(4, 3).padding(Padding::Causal).dilation_rate(2).groups(2), [&[5, 2]]).run();
    Battery::new(Conv1D::new(2, 2).padding(Padding::Causal).strides(2), [&[5, 1]]).run();
    Battery::new(Conv2D::new(2, [3, 2]).activation(Relu), [&[5, 4, 2]]).run();
    Battery::new(Conv2D::new(2, 2).padding(Padding::Same).strides([2, 3]), [&[5, 4, 1]]).run();
    let dilated = Conv2D::new(4, [2, 3]).padding(Padding::Same).dilation_rate([2, 1]).groups(2);
    Battery::new(dilated, [&[3, 4, 2]]).run();
    let softmax = Conv2D::new(3, 1).use_bias(false).activation(Softmax);
    Battery::new(softmax.activity_regularizer(Regularizer::l2(0.1)), [&[2, 2, 2]]).run();
    Battery::new(Conv3D::new(2, 2).padding(Padding::Same).strides([1, 2, 1]), [&[3, 2, 2, 1]]).run();
}

#[test]
fn conv_transpose() {
    Battery::new(Conv1DTranspose::new(2, 3).strides(2), [&[4, 2]]).run();
    Battery::new(Conv1DTranspose::new(2, 2).strides(3).padding(Padding::Same), [&[3, 1]]).run();
    Battery::new(Conv1DTranspose::new(1, 2).strides(3), [&[3, 1]]).run();
    Battery::new(Conv2DTranspose::new(3, [3, 2]).activation(Tanh), [&[3, 2, 2]]).run();
    Battery::new(Conv2DTranspose::new(2, 4).strides(2).padding(Padding::Same), [&[2, 3, 1]]).run();
    let padded = Conv2DTranspose::new(1, 3).strides([2, 3]).output_padding([1, 2]);
    Battery::new(padded, [&[2, 2, 2]]).run();
    let padded = Conv2DTranspose::new(1, 3).strides(2).padding(Padding::Same).output_padding(1);
    Battery::new(padded.use_bias(false), [&[2, 2, 1]]).run();
    Battery::new(Conv2DTranspose::new(1, 2).dilation_rate(2), [&[2, 3, 1]]).run();
    Battery::new(Conv3DTranspose::new(2, 2).strides([2, 1, 2]), [&[2, 1, 2, 1]]).run();
}

#[test]
fn depthwise_and_separable() {
    Battery::new(DepthwiseConv1D::new(2).depth_multiplier(2), [&[4, 3]]).run();
    Battery::new(DepthwiseConv2D::new([2, 3]).strides(2).padding(Padding::Same), [&[5, 4, 3]]).run();
    Battery::new(DepthwiseConv2D::new(2).dilation_rate(2).activation(Relu), [&[4, 3, 1]]).run();
    Battery::new(SeparableConv1D::new(3, 2).depth_multiplier(2).strides(2), [&[5, 2]]).run();
    Battery::new(SeparableConv2D::new(2, 3).padding(Padding::Same).use_bias(false), [&[3, 4, 2]]).run();
    Battery::new(SeparableConv2D::new(2, 2).activation(Softmax), [&[3, 2, 2]]).run();
}

/// `keras.layers.Conv2D(1, 2, strides=2, padding="same")` on `arange(5*5)/4` with a kernel of 1, 2, 3, 4 and bias
/// 0.5: Keras 3.15.1 on TensorFlow 2.21.
#[test]
fn an_even_kernel_pads_right_and_bottom() {
    let conv = Conv2D::new(1, 2).strides(2).padding(Padding::Same);
    let mut network = Sequential::<Flex>::new([5, 5, 1]).add(conv.named("c")).build().unwrap();
    network
        .set_weight("c/kernel", &Array::from_vec([2, 2, 1, 1], vec![1.0, 2.0, 3.0, 4.0]).unwrap())
        .unwrap();
    network.set_weight("c/bias", &Array::from_vec([1], vec![0.5]).unwrap()).unwrap();
    let x = Array::from_vec([1, 5, 5, 1], (0..25).map(|i| i as f32 / 4.0).collect()).unwrap();
    let y = network.infer(vec![fornax_core::Value::from_array(&x, network.device())]).unwrap();
    let wanted = [10.75, 15.75, 8.25, 35.75, 40.75, 18.25, 16.0, 17.5, 6.5];
    assert_close(&y[0].to_array().to_f32(), &wanted, 0.0, "Conv2D");
}

/// A causal convolution and transposed ones with a stride above the window and with "same", on powers of 2 and a
/// kernel of powers of 10: Keras 3.15.1 on TensorFlow 2.21.
#[test]
fn ends_of_a_line() {
    fn line<const N: usize>(layer: impl MultiLayer, kernel: &[f32], wanted: [f32; N]) {
        let kernel = Array::from_vec([kernel.len(), 1, 1], kernel.to_vec()).unwrap();
        let steps = if N == 5 { 5 } else { 2 };
        let mut network = Sequential::<Flex>::new([steps, 1]).add(layer.named("c")).build().unwrap();
        network.set_weight("c/kernel", &kernel).unwrap();
        let x =
            Array::from_vec([1, steps, 1], (0..steps).map(|step| 2f32.powi(step as i32)).collect()).unwrap();
        let y = network.infer(vec![fornax_core::Value::from_array(&x, network.device())]).unwrap();
        assert_eq!(y[0].to_array().to_f32(), wanted);
    }
    let causal = Conv1D::new(1, 2).padding(Padding::Causal).dilation_rate(2);
    line(causal, &[10.0, 1.0], [1.0, 2.0, 14.0, 28.0, 56.0]);
    line(Conv1DTranspose::new(1, 2).strides(3), &[10.0, 1.0], [10.0, 1.0, 0.0, 20.0, 2.0, 0.0]);
    let same = Conv1DTranspose::new(1, 3).strides(2).padding(Padding::Same);
    line(same, &[100.0, 10.0, 1.0], [100.0, 10.0, 201.0, 20.0]);
}

#[test]
fn a_length_may_be_unknown() {
    let build = |layer: &dyn Fn(&Shape) -> Shape| layer(&Shape::from([None, Some(4), Some(2)]));
    let conv = |input: &Shape| Conv2D::new(3, 2).build(input, &mut WeightSpecs::default()).unwrap();
    assert_eq!(build(&conv), Shape::from([None, Some(3), Some(3)]));
    let transposed = Conv2DTranspose::new(3, 2).strides(2);
    let transposed = |input: &Shape| transposed.build(input, &mut WeightSpecs::default()).unwrap();
    assert_eq!(build(&transposed), Shape::from([None, Some(8), Some(3)]));

    let network = Sequential::<Flex>::new([None, Some(4), Some(2)]).add(Conv2D::new(3, 2)).build().unwrap();
    let run = |height: usize| {
        let x = Array::from_vec([1, height, 4, 2], vec![1.0; height * 8]).unwrap();
        network.infer(vec![fornax_core::Value::from_array(&x, network.device())])
    };
    assert_eq!(run(5).unwrap()[0].shape(), [1, 4, 3, 3]);
    assert_eq!(run(1).unwrap_err().kind(), ErrorKind::Shape);
}

#[test]
fn what_cannot_be_is_an_error() {
    let message = |result: fornax_core::Result<Shape>| result.unwrap_err().to_string();
    let mut weights = WeightSpecs::default();
    let image = Shape::from([4, 4, 3]);
    let mut conv = |conv: Conv2D| message(conv.build(&image, &mut weights));
    assert_eq!(
        conv(Conv2D::new(2, 5)),
        "input axis 1: found length 4, wanted at least 5, the reach of the window"
    );
    assert_eq!(conv(Conv2D::new(0, 2)), "filters: found 0, wanted at least 1");
    assert_eq!(conv(Conv2D::new(2, 0)), "kernel_size: found 0, wanted values from 1 to 16777216");
    assert_eq!(conv(Conv2D::new(2, [1, 2, 3])), "kernel_size: found [1, 2, 3], wanted one value or 2");
    assert_eq!(
        conv(Conv2D::new(2, 2).strides([1, 0])),
        "strides: found [1, 0], wanted values from 1 to 16777216"
    );
    assert_eq!(
        conv(Conv2D::new(2, 2).groups(2)),
        "groups: found 2, wanted a divisor of 3 channels and 2 filters"
    );
    assert_eq!(
        conv(Conv2D::new(3, 2).groups(0)),
        "groups: found 0, wanted a divisor of 3 channels and 3 filters"
    );
    assert_eq!(
        conv(Conv2D::new(2, 2).padding(Padding::Causal)),
        "padding: found causal, wanted valid or same"
    );
    let mut weights = WeightSpecs::default();
    let line = Shape::from([4, 3]);
    let found = message(Conv2D::new(2, 2).build(&line, &mut weights));
    assert_eq!(
        found,
        "input: found shape (None, 4, 3), wanted [height, width, channels] behind the batch axis"
    );
    let transposed = Conv1DTranspose::new(2, 2).strides(2);
    assert!(transposed.clone().output_padding(2).build(&line, &mut weights).is_err());
    assert!(transposed.padding(Padding::Causal).build(&line, &mut weights).is_err());
    let shrinking = Conv1DTranspose::new(2, 2).padding(Padding::Same).output_padding(0);
    assert!(shrinking.build(&line, &mut weights).is_err());
    assert!(DepthwiseConv1D::new(2).depth_multiplier(0).build(&line, &mut weights).is_err());
    assert!(SeparableConv1D::new(0, 2).build(&line, &mut weights).is_err());
}
