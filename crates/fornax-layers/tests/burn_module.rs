//! A network written by hand with `#[derive(Module)]`, as a layer.

use fornax_core::burn::{
    self,
    module::{Module, Param},
    tensor::{Tensor, activation::tanh, backend::Backend as Burn},
};
use fornax_core::{Array, Backend, Flex, Philox, Result, Value, ops::Activation};
use fornax_layers::{BurnModule, Forward, LayerExt, Network, Registry, Sequential, layers::Dense};
use fornax_testkit::{Oracle, assert_close, distinct_values, gradient::check_gradient};

#[derive(Module, Debug)]
struct Affine<B: Burn> {
    kernel: Param<Tensor<B, 2>>,
    bias: Param<Tensor<B, 1>>,
}

impl<B: Burn> Affine<B> {
    fn new(inputs: usize, units: usize, seed: u64) -> Self {
        let values = burn::tensor::TensorData::new(distinct_values(inputs * units, seed), [inputs, units]);
        let device = B::Device::default();
        Self {
            kernel: Param::from_tensor(Tensor::from_data(values.convert::<B::FloatElem>(), &device)),
            bias: Param::from_tensor(Tensor::zeros([units], &device)),
        }
    }

    fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        x.matmul(self.kernel.val()) + self.bias.val().unsqueeze()
    }
}

#[derive(Module, Debug)]
struct Mlp<B: Burn> {
    hidden: Affine<B>,
    outputs: Vec<Affine<B>>,
}

impl<B: Burn> Mlp<B> {
    fn new() -> Self {
        Self { hidden: Affine::new(3, 4, 1), outputs: vec![Affine::new(4, 2, 2)] }
    }
}

impl<B: Backend> Forward<B> for Mlp<B> {
    fn forward(&self, x: Value<B>) -> Result<Value<B>> {
        let hidden = tanh(self.hidden.forward(x.tensor()?));
        Ok(self.outputs[0].forward(hidden).into())
    }
}

fn network<B: Backend>() -> Network<B> {
    Sequential::<B>::new([3]).add(BurnModule::new(Mlp::new())).build().unwrap()
}

fn x() -> Array {
    Array::from_vec([5, 3], distinct_values(15, 9)).unwrap()
}

#[test]
fn weights_are_named_by_fields_and_live_in_the_network() {
    let mut network = network::<Flex>();
    let names: Vec<&str> = network.variables().iter().map(|variable| variable.name()).collect();
    assert_eq!(names, ["mlp/hidden/kernel", "mlp/hidden/bias", "mlp/outputs/0/kernel", "mlp/outputs/0/bias"]);
    assert_eq!(network.output_shapes()[0].to_string(), "(None, 2)");
    assert_eq!(network.parameter_count(), 3 * 4 + 4 + 4 * 2 + 2);

    let before = network.predict(&x()).unwrap().to_f32();
    network.set_weight("mlp/outputs/0/bias", &vec![1.0, -1.0].into()).unwrap();
    let wanted: Vec<f32> = before.chunks(2).flat_map(|row| [row[0] + 1.0, row[1] - 1.0]).collect();
    assert_close(&network.predict(&x()).unwrap().to_f32(), &wanted, 1e-6, "after the bias moved");
}

#[test]
fn it_computes_what_layers_compute() {
    let module = network::<Flex>();
    let mut layers = Sequential::<Flex>::new([3])
        .add(Dense::new(4).activation(Activation::Tanh))
        .add(Dense::new(2))
        .build()
        .unwrap();
    for (layer, field) in [("dense/kernel", "mlp/hidden/kernel"), ("dense_1/kernel", "mlp/outputs/0/kernel")]
    {
        layers.set_weight(layer, &module.weight(field).unwrap()).unwrap();
    }
    assert_close(
        &module.predict(&x()).unwrap().to_f32(),
        &layers.predict(&x()).unwrap().to_f32(),
        1e-6,
        "outputs",
    );
}

#[test]
fn gradients_reach_the_weights() {
    let network = network::<Oracle>();
    let points: Vec<(Vec<usize>, Vec<f32>)> = network
        .weights()
        .iter()
        .enumerate()
        .map(|(at, w)| (w.shape(), distinct_values(w.len(), at as u64)))
        .collect();
    check_gradient(&points, 1e-4, |weights| {
        let inputs = vec![Value::from_array(&x(), network.device())];
        let (outputs, _) = network.train(weights, inputs, Philox::new(1)).unwrap();
        outputs.into_iter().map(Value::float).collect()
    });
}

#[test]
fn gradient_descent_lowers_the_loss() {
    let mut network = network::<Flex>();
    let mut losses = vec![];
    for _ in 0..30 {
        let lifted = network.lift();
        let inputs = vec![Value::from_array(&x(), network.device())];
        let (mut outputs, _) = network.train(&lifted, inputs, Philox::new(1)).unwrap();
        let loss = outputs.swap_remove(0).float().add_scalar(-1.0).square().mean();
        losses.push(loss.to_scalar());
        let mut gradients = loss.backward();
        let steps: Vec<_> =
            lifted.iter().map(|weight| gradients.remove(weight).unwrap().mul_scalar(-0.2)).collect();
        network.lower(lifted, |index, weight| weight.add(steps[index].clone()));
    }
    assert!(losses.windows(2).all(|pair| pair[1] < pair[0]) && losses[29] < 0.1 * losses[0], "{losses:?}");
    let inputs = vec![Value::from_array(&x(), network.device())];
    let lifted = network.clone().lift();
    let (trained, _) = network.train(&lifted, inputs, Philox::new(1)).unwrap();
    assert_eq!(network.predict(&x()).unwrap(), trained[0].to_array());
}

#[test]
fn names_freezing_and_wrong_shapes() {
    let frozen = BurnModule::new(Mlp::<Flex>::new()).frozen().named("head");
    let network = Sequential::<Flex>::new([3]).add(frozen).build().unwrap();
    assert!(
        network
            .variables()
            .iter()
            .all(|variable| !variable.trainable() && variable.name().starts_with("head/"))
    );
    let error =
        Sequential::<Flex>::new([3, 1]).add(BurnModule::new(Mlp::new())).build().unwrap_err().to_string();
    assert!(error.contains("(Mlp)") && error.contains("rank 2"), "{error}");
    let error =
        Registry::<Flex>::default().network(&network.config(), Default::default()).unwrap_err().to_string();
    assert!(error.contains("layer class: found Mlp"), "{error}");
}
