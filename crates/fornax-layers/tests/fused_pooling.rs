//! A max pooling that a convolution computes with its own output is the pooling behind it, wherever in a graph.

use fornax_core::ops::Activation;
use fornax_core::{Array, Backend, Flex, NdArray, Philox, Value};
use fornax_layers::layers::{Conv1D, Conv2D, Dense, Flatten, MaxPooling1D, MaxPooling2D, Padding};
use fornax_layers::{Apply, Functional, Layer, Network, Regularizer, Symbolic, input};
use fornax_testkit::{assert_close, distinct_values};

/// The outputs of a network, and the gradients of their weighted sum by the weights.
fn results<B: Backend>(network: &mut Network<B>, x: &Array) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let value = || vec![Value::from_array(x, network.device())];
    let outputs = network.infer(value()).unwrap().iter().map(|y| y.to_array().to_f32()).collect();
    let inputs = value();
    let lifted = network.lift();
    let (trained, effects) = network.train(&lifted, inputs, Philox::new(0)).unwrap();
    let last = trained.last().unwrap().clone().float();
    let weights = distinct_values(last.len(), 9);
    let weights = fornax_core::DynTensor::from_vec(weights, &last.shape(), network.device()).lift(false);
    let loss = effects.losses.into_iter().fold(last.mul(weights).sum(), |sum, loss| sum.add(loss.sum()));
    let mut gradients = loss.backward();
    let found = lifted.iter().map(|weight| gradients.remove(weight).unwrap().to_vec()).collect();
    network.lower(lifted, |_, weight| weight);
    (outputs, found)
}

/// The pooled output alone, and beside the output that is pooled, which is then there as a whole.
fn check<B: Backend, C: Layer, P: Layer>(shape: &[usize], conv: C, pooling: P) {
    let network = |whole: bool| {
        let x: Symbolic<B> = input(fornax_layers::Shape::from(shape));
        let y = conv.clone().apply(&x).unwrap();
        let pooled = pooling.clone().apply(&y).unwrap();
        let scores = Dense::new(3).apply(&Flatten::new().apply(&pooled).unwrap()).unwrap();
        match whole {
            true => Functional::new([&x], [&y, &scores]).seed(4).build().unwrap(),
            false => Functional::new([&x], [&scores]).seed(4).build().unwrap(),
        }
    };
    let mut batch = vec![5];
    batch.extend_from_slice(shape);
    let x = Array::from_vec(batch.clone(), distinct_values(batch.iter().product(), 3)).unwrap();
    let (fused, fused_gradients) = results(&mut network(false), &x);
    let (apart, apart_gradients) = results(&mut network(true), &x);
    assert_eq!(fused.last(), apart.last(), "{} of {shape:?}", C::CLASS_NAME);
    for (found, wanted) in fused_gradients.iter().zip(&apart_gradients) {
        assert_close(found, wanted, 1e-5, C::CLASS_NAME);
    }
}

fn check_all<B: Backend>() {
    let relu = || Conv2D::new(9, 3).activation(Activation::Relu);
    check::<B, _, _>(&[12, 11, 2], relu(), MaxPooling2D::new(2));
    check::<B, _, _>(&[12, 11, 2], relu(), MaxPooling2D::new([2, 3]).padding(Padding::Same));
    check::<B, _, _>(&[12, 11, 2], relu(), MaxPooling2D::new(3).strides(2));
    check::<B, _, _>(&[12, 11, 2], relu(), MaxPooling2D::new(2).strides(3));
    check::<B, _, _>(&[12, 11, 2], Conv2D::new(4, 3).padding(Padding::Same), MaxPooling2D::new(2));
    check::<B, _, _>(&[12, 11, 2], Conv2D::new(4, 3).activation(Activation::Sigmoid), MaxPooling2D::new(2));
    check::<B, _, _>(&[12, 11, 2], relu().activity_regularizer(Regularizer::l2(0.1)), MaxPooling2D::new(2));
    check::<B, _, _>(&[12, 3], Conv1D::new(4, 3).activation(Activation::Tanh), MaxPooling1D::new(2));
}

#[test]
fn pooling_in_the_convolution_is_pooling_behind_it() {
    check_all::<Flex>();
    check_all::<NdArray>();
}

#[test]
fn what_is_pooled_twice_or_used_beside_is_there() {
    let x: Symbolic<Flex> = input([6, 6, 1]);
    let y = Conv2D::new(2, 3).activation(Activation::Relu).apply(&x).unwrap();
    let two = [MaxPooling2D::new(2).apply(&y).unwrap(), MaxPooling2D::new(4).apply(&y).unwrap()];
    let network = Functional::new([&x], [&two[0], &two[1]]).build().unwrap();
    let x = Array::from_vec([1, 6, 6, 1], distinct_values(36, 2)).unwrap();
    let outputs = network.infer(vec![Value::from_array(&x, network.device())]).unwrap();
    assert_eq!(outputs[0].to_array().shape(), [1, 2, 2, 2]);
    let pooled = outputs[0].to_array().to_f32();
    let all = outputs[1].to_array().to_f32();
    for (filter, found) in all.iter().enumerate() {
        let most = pooled.iter().skip(filter).step_by(2).copied().fold(f32::NEG_INFINITY, f32::max);
        assert_eq!(*found, most);
    }
}

#[test]
fn a_window_that_does_not_fit_is_the_fault_of_the_pooling() {
    let network = fornax_layers::Sequential::<Flex>::new([None, None, Some(1)])
        .add(Conv2D::new(2, 3))
        .add(fornax_layers::LayerExt::named(MaxPooling2D::new(4), "pool_3"))
        .build()
        .unwrap();
    let x = Array::from_vec([1, 5, 5, 1], distinct_values(25, 2)).unwrap();
    let error = network.infer(vec![Value::from_array(&x, network.device())]).unwrap_err().to_string();
    assert!(error.contains("layer pool_3 (MaxPooling2D): input axis 1: found length 3"), "{error}");
}
