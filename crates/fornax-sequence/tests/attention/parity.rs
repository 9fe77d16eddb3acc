//! Small models trained by Keras (`goldens/make_attention.py`) and PyTorch (`goldens/make_transformer.py`,
//! `goldens/make_encoder_decoder.py`, `goldens/make_positions.py`) and by Fornax from the same weights: the output before
//! training and the loss of every step agree.

use fornax_core::{Array, Backend, Flex, NdArray, Result};
use fornax_data::Dataset;
use fornax_layers::Registry;
use fornax_optim::{Adam, Optimizer, SGD};
use fornax_testkit::assert_close;
use fornax_train::Compile;
use fornax_train::losses::{Loss, MeanSquaredError};
use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Deserialize)]
struct Goldens {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    network: Json,
    weights: Vec<Tensor>,
    inputs: Vec<Tensor>,
    target: Tensor,
    output: Tensor,
    /// The steps of the output that count, those of all samples behind each other; without them the whole output does.
    steps: Option<Vec<usize>>,
    loss: Option<Json>,
    optimizer: Json,
    losses: Vec<f32>,
}

#[derive(Deserialize)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
    dtype: Option<String>,
}

impl Tensor {
    fn array(&self) -> Array {
        let array = match self.dtype.as_deref() {
            Some("int32") => {
                Array::from_i32(&self.shape[..], self.values.iter().map(|&x| x as i32).collect())
            }
            _ => Array::from_vec(&self.shape[..], self.values.clone()),
        };
        array.unwrap()
    }
}

fn check<B: Backend>(case: &Case) -> Result<()> {
    let mut registry = Registry::<B>::default();
    fornax_sequence::layers::register(&mut registry);
    let mut network = registry.network(&case.network, B::Device::default())?;
    let names: Vec<String> = network.variables().iter().map(|variable| variable.name().to_owned()).collect();
    assert_eq!(names.len(), case.weights.len(), "{}: weights {names:?}", case.name);
    for (name, weight) in names.iter().zip(&case.weights) {
        network.set_weight(name, &weight.array())?;
    }
    let inputs: Vec<Array> = case.inputs.iter().map(Tensor::array).collect();
    let samples = inputs[0].row_count();
    let output = network.predict_all(&inputs, samples)?.swap_remove(0);
    let output = match &case.steps {
        Some(steps) => {
            let width = output.shape()[2];
            output.reshape([output.len() / width, width])?.gather(steps)
        }
        None => output,
    };
    assert_eq!(output.shape(), case.output.shape, "{}: shape of the output", case.name);
    assert_close(&output.to_f32(), &case.output.values, 1e-5, &format!("{}: output", case.name));

    let config = case.optimizer["config"].clone();
    let optimizer: Optimizer = match case.optimizer["class_name"].as_str() {
        Some("Adam") => serde_json::from_value::<Adam>(config).unwrap().into(),
        _ => serde_json::from_value::<SGD>(config).unwrap().into(),
    };
    let loss: Loss = match &case.loss {
        Some(loss) => serde_json::from_value(loss.clone()).unwrap(),
        None => MeanSquaredError,
    };
    let mut model = network.compile(optimizer, loss, ())?;
    let set = Dataset::from_parts(inputs, vec![case.target.array()])?;
    for (step, wanted) in case.losses.iter().enumerate() {
        let found = model.train_on_batch(&set)?.get("loss").unwrap() as f32;
        let close = (found - wanted).abs() <= 1e-4 * wanted.abs().max(0.01);
        assert!(close, "{}: loss of step {step} is {found}, wanted {wanted}", case.name);
    }
    Ok(())
}

fn check_all(text: &str) {
    let goldens: Goldens = serde_json::from_str(text).unwrap();
    for case in &goldens.cases {
        check::<Flex>(case).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        check::<NdArray>(case).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    }
}

#[test]
fn attention_as_in_keras() {
    check_all(include_str!("../goldens/attention.json"));
}

#[test]
fn transformers_as_in_pytorch() {
    check_all(include_str!("../goldens/transformer.json"));
}

#[test]
fn encoder_decoders_as_in_pytorch() {
    check_all(include_str!("../goldens/encoder_decoder.json"));
}

#[test]
fn positions_as_in_pytorch() {
    check_all(include_str!("../goldens/positions.json"));
}
