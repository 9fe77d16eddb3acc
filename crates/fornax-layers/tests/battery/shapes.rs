//! Layers that move elements: reshaping, padding, cropping, up-sampling.

use fornax_core::{Array, ErrorKind, Flex, Value};
use fornax_layers::{Layer, Sequential, Shape, WeightSpecs, layers::*};
use fornax_testkit::{assert_close, battery::Battery};

#[test]
fn reshaping() {
    Battery::new(Flatten::new(), [&[3, 2, 2]]).run();
    Battery::new(Flatten::new(), [&[]]).run();
    Battery::new(Reshape::new([2, -1, 1]), [&[3, 4]]).run();
    Battery::new(Reshape::new([6]), [&[3, 2]]).run();
    Battery::new(Reshape::new([]), [&[1]]).run();
    Battery::new(Permute::new([3, 1, 2]), [&[2, 3, 4]]).run();
    Battery::new(Permute::new([1]), [&[3]]).run();
    Battery::new(RepeatVector::new(3), [&[2]]).run();
}

#[test]
fn ends() {
    Battery::new(ZeroPadding1D::new(2), [&[3, 2]]).run();
    Battery::new(ZeroPadding1D::new([0, 3]), [&[3, 1]]).run();
    Battery::new(ZeroPadding2D::new([1, 2]), [&[2, 3, 2]]).run();
    Battery::new(ZeroPadding2D::new([(0, 1), (2, 0)]), [&[2, 3, 1]]).run();
    Battery::new(ZeroPadding3D::new(1), [&[1, 2, 1, 2]]).run();
    Battery::new(Cropping1D::new(1), [&[4, 2]]).run();
    Battery::new(Cropping1D::new([0, 2]), [&[3, 1]]).run();
    Battery::new(Cropping2D::new([(1, 0), (2, 1)]), [&[3, 5, 2]]).run();
    Battery::new(Cropping3D::new([1, 0, 1]), [&[3, 1, 4, 1]]).run();
}

#[test]
fn up_sampling() {
    Battery::new(UpSampling1D::new(3), [&[3, 2]]).run();
    Battery::new(UpSampling2D::new([2, 3]), [&[2, 2, 2]]).run();
    Battery::new(UpSampling2D::new([3, 2]).interpolation(Interpolation::Bilinear), [&[3, 4, 2]]).run();
    Battery::new(UpSampling2D::new([4, 1]).interpolation(Interpolation::Bilinear), [&[2, 1, 1]]).run();
    Battery::new(UpSampling3D::new([1, 2, 3]), [&[2, 1, 2, 2]]).run();
}

/// `keras.layers.UpSampling2D((3, 2), interpolation="bilinear")` on `[[0, 6], [12, 18]]`: Keras 3.15.1 on
/// TensorFlow 2.21.
#[test]
fn bilinear_is_half_pixel() {
    let layer = UpSampling2D::new([3, 2]).interpolation(Interpolation::Bilinear);
    let network = Sequential::<Flex>::new([2, 2, 1]).add(layer).build().unwrap();
    let x = Array::from_vec([1, 2, 2, 1], vec![0.0, 6.0, 12.0, 18.0]).unwrap();
    let y = network.infer(vec![Value::from_array(&x, network.device())]).unwrap();
    let wanted = [
        0.0, 1.5, 4.5, 6.0, 0.0, 1.5, 4.5, 6.0, 4.0, 5.5, 8.5, 10.0, 8.0, 9.5, 12.5, 14.0, 12.0, 13.5, 16.5,
        18.0, 12.0, 13.5, 16.5, 18.0,
    ];
    assert_close(&y[0].to_array().to_f32(), &wanted, 1e-6, "UpSampling2D");
}

#[test]
fn indices_stay_indices() {
    let network =
        Sequential::<Flex>::new([2, 2]).add(Flatten::new()).add(Reshape::new([-1, 1])).build().unwrap();
    let large = 16_777_217;
    let x = Array::from_i32([1, 2, 2], vec![1, 2, 3, large]).unwrap();
    let y = network.infer(vec![Value::from_array(&x, network.device())]).unwrap();
    assert_eq!(y[0].to_array().to_i32(), [1, 2, 3, large]);
}

#[test]
fn a_length_may_be_unknown() {
    let input = Shape::from([None, Some(2)]);
    let mut weights = WeightSpecs::default();
    assert_eq!(Flatten::new().build(&input, &mut weights).unwrap(), Shape::from([None]));
    let shape = Reshape::new([-1, 4]).build(&input, &mut weights).unwrap();
    assert_eq!(shape, Shape::from([None, Some(4)]));
    assert_eq!(Cropping1D::new(1).build(&input, &mut weights).unwrap(), input);
    assert_eq!(ZeroPadding1D::new(1).build(&input, &mut weights).unwrap(), input);
    assert_eq!(UpSampling1D::new(2).build(&input, &mut weights).unwrap(), input);

    let layers = Sequential::<Flex>::new([None, Some(2)]).add(Cropping1D::new(1)).add(Reshape::new([-1, 4]));
    let network = layers.build().unwrap();
    let run = |steps: usize| {
        let x = Array::from_vec([1, steps, 2], vec![1.0; steps * 2]).unwrap();
        network.infer(vec![Value::from_array(&x, network.device())])
    };
    assert_eq!(run(6).unwrap()[0].shape(), [1, 2, 4]);
    assert_eq!(run(5).unwrap_err().kind(), ErrorKind::Shape);
    assert_eq!(run(2).unwrap_err().kind(), ErrorKind::Shape);
}

#[test]
fn what_cannot_be_is_an_error() {
    let input = Shape::from([4, 3]);
    let mut weights = WeightSpecs::default();
    let mut message = |layer: Reshape| layer.build(&input, &mut weights).unwrap_err().to_string();
    let wanted = "input: found 12 elements a sample, wanted a number of elements that makes [5, -1]";
    assert_eq!(message(Reshape::new([5, -1])), wanted);
    assert_eq!(message(Reshape::new([-1, -1])), "target_shape: found [-1, -1], wanted at most one -1");
    assert!(message(Reshape::new([-2])).starts_with("target_shape"));
    assert!(message(Reshape::new([i64::MAX, i64::MAX])).starts_with("input"));
    assert!(message(Reshape::new([0, -1])).starts_with("input"));
    for dims in [vec![1], vec![0, 1], vec![1, 1], vec![1, 2, 3]] {
        assert!(Permute::new(dims).build(&input, &mut weights).is_err());
    }
    assert!(RepeatVector::new(2).build(&input, &mut weights).is_err());
    assert!(RepeatVector::new(0).build(&Shape::from([3]), &mut weights).is_err());
    let error = Cropping1D::new([3, 1]).build(&input, &mut weights).unwrap_err();
    assert_eq!(error.to_string(), "input axis 1: found length 4, wanted more than the cropping 3 + 1");
    assert!(ZeroPadding1D::new([1, 2, 3]).build(&input, &mut weights).is_err());
    assert!(UpSampling1D::new(0).build(&input, &mut weights).is_err());
    let smooth: UpSampling1D = serde_json::from_str(r#"{"interpolation": "bilinear"}"#).unwrap();
    assert!(smooth.build(&input, &mut weights).is_err());
}

#[test]
fn sizes_beyond_memory_are_errors() {
    let message = |model: Sequential<Flex>| model.build().unwrap_err().to_string();
    let dense = |units| Sequential::new([1 << 20]).add(Dense::new(units));
    assert!(message(dense(1 << 36)).starts_with("weight dense/kernel: shape"));
    assert!(message(dense(1 << 60)).starts_with("layer dense (Dense): sample"));
    assert!(message(Sequential::new([1 << 40, 1 << 40]).add(Flatten::new())).starts_with("model input"));
    let doubled = Sequential::new([1 << 20, 1]).add(UpSampling1D::new(1 << 20));
    assert!(message(doubled).starts_with("layer up_sampling1d (UpSampling1D): sample"));
}
