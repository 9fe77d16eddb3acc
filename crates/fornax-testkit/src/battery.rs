//! The battery that every layer goes through, whatever it computes.

use fornax_core::{Array, Autodiff, Backend, DynTensor, Philox, Result, Value};
use fornax_layers::{Functional, MultiLayer, Network, Registry, Shape, Shared, Symbolic, input};

use crate::{Oracle, assert_close, distinct_values, gradient::check_gradient};

/// A layer, the shapes of its inputs and what to check.
#[derive(Clone, Debug)]
pub struct Battery<L> {
    layer: L,
    inputs: Vec<Vec<usize>>,
    integers: Option<usize>,
    statistics_of_batch: bool,
}

impl<L: MultiLayer> Battery<L> {
    /// The battery for a layer with inputs of these shapes (batch axis left out).
    pub fn new<const N: usize>(layer: L, inputs: [&[usize]; N]) -> Self {
        let inputs = inputs.iter().map(|shape| shape.to_vec()).collect();
        Self { layer, inputs, integers: None, statistics_of_batch: false }
    }

    /// The inputs are integers below `bound`.
    pub fn integers(mut self, bound: usize) -> Self {
        self.integers = Some(bound);
        self
    }

    /// In training the output of a sample depends on the whole batch (batch normalization).
    pub fn statistics_of_batch(mut self) -> Self {
        self.statistics_of_batch = true;
        self
    }

    /// Runs every check.
    ///
    /// # Panics
    /// If one fails.
    pub fn run(&self) {
        let oracle = self.network::<Oracle>();
        let wanted = self.outputs(&oracle, 3);
        self.check_shapes(&oracle, &wanted);
        self.check_backend::<fornax_core::Flex>(&wanted);
        self.check_backend::<fornax_core::NdArray>(&wanted);
        self.check_batch_of_one(&oracle, &wanted);
        self.check_configuration(&oracle, &wanted);
        self.check_gradients(&oracle);
    }

    /// A network of this layer alone, on any backend with the same weights.
    pub fn network<B: Backend>(&self) -> Network<B> {
        let inputs: Vec<Symbolic<B>> =
            self.inputs.iter().map(|shape| input(Shape::from(&shape[..]))).collect();
        let outputs =
            Shared::new(self.layer.clone()).apply_all(&inputs[..]).expect("the layer takes its inputs");
        Functional::new(&inputs[..], &outputs[..]).seed(1).build().expect("the layer builds")
    }

    fn arrays(&self, batch: usize) -> Vec<Array> {
        let arrays = self.inputs.iter().enumerate().map(|(which, shape)| {
            let shape = [&[batch], &shape[..]].concat();
            let len = shape.iter().product();
            match self.integers {
                Some(bound) => {
                    let mut random = Philox::new(which as u64);
                    Array::from_i32(shape, (0..len).map(|_| random.below(bound) as i32).collect())
                }
                None => {
                    // No value of one input is near one of another: a maximum of both has a kink there.
                    let offset = which as f32 / 512.0;
                    let values =
                        distinct_values(len, 7 + which as u64).into_iter().map(|value| value + offset);
                    Array::from_vec(shape, values.collect())
                }
            }
        });
        arrays.collect::<Result<_>>().expect("shapes hold their values")
    }

    fn outputs<B: Backend>(&self, network: &Network<B>, batch: usize) -> Vec<Array> {
        let inputs =
            self.arrays(batch).iter().map(|array| Value::from_array(array, network.device())).collect();
        let outputs = network.infer(inputs).expect("the layer runs");
        outputs.iter().map(Value::to_array).collect()
    }

    /// The shapes that `build` promises are those that come.
    fn check_shapes(&self, network: &Network<Oracle>, outputs: &[Array]) {
        for (promised, output) in network.output_shapes().iter().zip(outputs) {
            assert_eq!(promised, &Shape::from(&output.shape()[1..]), "{}: shape of the output", L::NAME);
        }
    }

    /// Every backend starts from the same weights and gives the oracle's outputs.
    fn check_backend<B: Backend>(&self, wanted: &[Array]) {
        let network = self.network::<B>();
        for (found, wanted) in self.outputs(&network, 3).iter().zip(wanted) {
            let place = format!("{} on {}", L::NAME, B::name(network.device()));
            assert_close(&found.to_f32(), &wanted.to_f32(), 1e-5, &place);
        }
    }

    /// A batch of one gives the row of a batch.
    fn check_batch_of_one(&self, network: &Network<Oracle>, wanted: &[Array]) {
        for row in 0..3 {
            let arrays = self.arrays(3);
            let one =
                arrays.iter().map(|array| Value::from_array(&array.rows(row..row + 1), network.device()));
            let outputs = network.infer(one.collect()).expect("the layer runs on one sample");
            for (found, wanted) in outputs.iter().zip(wanted) {
                let place = format!("{}: sample {row} alone", L::NAME);
                assert_close(&found.to_array().to_f32(), &wanted.rows(row..row + 1).to_f32(), 1e-6, &place);
            }
        }
    }

    /// The structure goes through JSON and the registry and comes back as the same layer.
    fn check_configuration(&self, network: &Network<Oracle>, wanted: &[Array]) {
        let text = network.config().to_string();
        let config: serde_json::Value = serde_json::from_str(&text).expect("the structure is JSON");
        let mut registry = Registry::<Oracle>::default();
        registry.register::<L>();
        let mut rebuilt = registry.network(&config, Default::default()).expect("the layer is rebuilt");
        assert_eq!(rebuilt.config(), network.config(), "{}: configuration", L::NAME);
        assert_eq!(rebuilt.copy_matching(network), network.variables().len(), "{}: weights", L::NAME);
        for (found, wanted) in self.outputs(&rebuilt, 3).iter().zip(wanted) {
            assert_close(&found.to_f32(), &wanted.to_f32(), 0.0, &format!("{} rebuilt", L::NAME));
        }
    }

    /// In training, gradients of outputs by inputs and trainable weights are central differences.
    fn check_gradients(&self, network: &Network<Oracle>) {
        let batch = if self.statistics_of_batch { 4 } else { 2 };
        let arrays = self.arrays(batch);
        let float_inputs = if self.integers.is_some() { 0 } else { arrays.len() };
        let mut points: Vec<(Vec<usize>, Vec<f32>)> =
            arrays[..float_inputs].iter().map(|array| (array.shape().to_vec(), array.to_f32())).collect();
        let trained: Vec<bool> = network.variables().iter().map(|variable| variable.trainable()).collect();
        for (index, weight) in network.weights().iter().enumerate().filter(|(index, _)| trained[*index]) {
            points.push((weight.shape(), distinct_values(weight.len(), 100 + index as u64)));
        }
        let device = network.device();
        check_gradient(&points, 2e-4, |tensors: &Vec<DynTensor<Autodiff<Oracle>>>| {
            let mut given = tensors.iter().cloned();
            let inputs: Vec<Value<Autodiff<Oracle>>> = arrays
                .iter()
                .map(|array| match self.integers {
                    Some(_) => Value::from_array(array, device),
                    None => given.next().expect("a tensor an input").into(),
                })
                .collect();
            let lifted = network.weights().iter().zip(&trained).map(|(weight, trained)| match trained {
                true => given.next().expect("a tensor a weight"),
                false => weight.clone().lift(false),
            });
            let lifted: Vec<_> = lifted.collect();
            let (outputs, effects) =
                network.train_lifted(&lifted, inputs, Philox::new(3)).expect("the layer trains");
            outputs.into_iter().map(Value::float).chain(effects.losses).collect()
        });
    }
}
