//! Stacked bidirectional layers on sequences of different lengths, as PyTorch computes them from packed sequences
//! (`goldens/make_packed.py`): outputs, last states, gradients, and the losses of training.

use fornax_core::{Array, Autodiff, Backend, DynTensor, Flex, NdArray, Philox, Result, Value};
use fornax_data::Dataset;
use fornax_layers::layers::{Dense, GlobalAveragePooling1D, Masking};
use fornax_layers::{Apply, Functional, LayerExt, Network, Shared, Symbolic, input};
use fornax_optim::SGD;
use fornax_sequence::layers::{Bidirectional, GRU, LSTM, RecurrentLayer, SimpleRNN};
use fornax_sequence::pytorch::{self, TorchWeights};
use fornax_testkit::assert_close;
use fornax_train::{Compile, losses::MeanSquaredError};
use serde_json::Value as Json;

const WEIGHTS: [&str; 3] = ["kernel", "recurrent_kernel", "bias"];

fn array(json: &Json) -> Array {
    let numbers =
        |json: &Json| json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
    let shape: Vec<usize> = numbers(&json["shape"]).into_iter().map(|len| len as usize).collect();
    Array::from_vec(shape, numbers(&json["values"]).into_iter().map(|x| x as f32).collect()).unwrap()
}

/// PyTorch's states are `[layers and directions, batch, units]`, one tensor a kind of state; ours `[batch, units]`, the
/// kinds of a direction behind each other. None where the case has none.
fn states(json: &Json) -> Vec<Array> {
    let kinds: Vec<Array> = json.as_array().into_iter().flatten().map(array).collect();
    let directions = kinds.first().map_or(0, Array::row_count);
    let mut states = vec![];
    for direction in 0..directions {
        for kind in &kinds {
            states.push(kind.rows(direction..direction + 1).reshape(&kind.shape()[1..]).unwrap());
        }
    }
    states
}

/// The weights, or gradients, of one layer and direction.
fn convert(name: &str, arrays: &Json, suffix: &str) -> [Array; 3] {
    let [weight_ih, weight_hh, bias_ih, bias_hh] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
        .map(|weight| array(&arrays[format!("{weight}_{suffix}")]));
    let weights =
        TorchWeights { weight_ih: &weight_ih, weight_hh: &weight_hh, bias_ih: &bias_ih, bias_hh: &bias_hh };
    let converted = match name {
        "RNN" => pytorch::simple_rnn(weights),
        "LSTM" => pytorch::lstm(weights),
        _ => pytorch::gru(weights),
    };
    converted.unwrap()
}

fn layer(name: &str, units: usize) -> Bidirectional {
    Bidirectional::new(match name {
        "RNN" => RecurrentLayer::from(SimpleRNN::new(units).return_sequences(true).return_state(true)),
        "LSTM" => LSTM::new(units).return_sequences(true).return_state(true).into(),
        _ => GRU::new(units).return_sequences(true).return_state(true).into(),
    })
}

fn layers(case: &Json) -> usize {
    (0..).take_while(|l| case["weights"].get(format!("weight_ih_l{l}")).is_some()).count()
}

/// The directions in PyTorch's order, with their names and ours.
fn directions(layers: usize) -> impl Iterator<Item = (String, String)> {
    let each = |l| [("", "forward"), ("_reverse", "backward")].map(|(theirs, ours)| (l, theirs, ours));
    (0..layers)
        .flat_map(each)
        .map(|(l, theirs, ours)| (format!("l{l}{theirs}"), format!("l{l}/{ours}_layer")))
}

/// The layers of a case before they are a network.
struct Stack<B: Backend> {
    /// The sequences, and the initial states where the case has some.
    inputs: Vec<Symbolic<B>>,
    /// The output of the last layer.
    output: Symbolic<B>,
    /// The last states of all layers.
    states: Vec<Symbolic<B>>,
}

fn stack<B: Backend>(name: &str, case: &Json) -> Result<Stack<B>> {
    let units = array(&case["weights"]["weight_hh_l0"]).shape()[1];
    let given = states(&case["initial"]).len() / layers(case);
    let x = input::<B>([None, Some(3)]);
    let mut output = Masking::new(0.0).apply(&x)?;
    let (mut inputs, mut states) = (vec![x], vec![]);
    for l in 0..layers(case) {
        let mut arguments = vec![output];
        arguments.extend((0..given).map(|_| input::<B>([units])));
        inputs.extend_from_slice(&arguments[1..]);
        let mut outputs = Shared::new(layer(name, units).named(format!("l{l}"))).apply_all(&arguments[..])?;
        output = outputs.remove(0);
        states.extend(outputs);
    }
    Ok(Stack { inputs, output, states })
}

fn set_weights<B: Backend>(name: &str, case: &Json, network: &mut Network<B>) {
    for (theirs, ours) in directions(layers(case)) {
        for (weight, values) in WEIGHTS.iter().zip(convert(name, &case["weights"], &theirs)) {
            network.set_weight(&format!("{ours}/{weight}"), &values).unwrap();
        }
    }
}

fn check<B: Backend>() {
    let goldens: Json = serde_json::from_str(include_str!("../goldens/packed.json")).unwrap();
    for case in goldens["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let inputs = [&[array(&case["x"])], &states(&case["initial"])[..]].concat();
        check_outputs::<B>(name, case, &inputs);
        if let Some(losses) = case["losses"].as_array() {
            check_training::<B>(name, case, inputs, losses);
        }
    }
}

fn check_outputs<B: Backend>(name: &str, case: &Json, inputs: &[Array]) {
    let Stack { inputs: symbols, output, states: last } = stack::<B>(name, case).unwrap();
    let outputs = [&[output], &last[..]].concat();
    let mut network = Functional::new(&symbols[..], &outputs[..]).build().unwrap();
    set_weights(name, case, &mut network);
    let given = inputs.iter().map(|input| Value::from_array(input, network.device())).collect();
    let found = network.infer(given).unwrap();
    let wanted = [&[array(&case["output"])], &states(&case["states"])[..]].concat();
    assert_eq!(found.len(), wanted.len(), "{name}: output and states");
    for (at, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
        assert_close(
            &found.to_array().to_f32(),
            &wanted.to_f32(),
            1e-5,
            &format!("{name}: output or state {at}"),
        );
    }
    check_gradients(name, case, &network, inputs);
}

/// The gradients of a linear functional of the output and, where the case has some for them, of the last states.
fn check_gradients<B: Backend>(name: &str, case: &Json, network: &Network<B>, inputs: &[Array]) {
    let device = network.device();
    let inputs: Vec<DynTensor<Autodiff<B>>> =
        inputs.iter().map(|input| DynTensor::<B>::from_array(input, device).lift(true)).collect();
    let lifted: Vec<DynTensor<Autodiff<B>>> =
        network.weights().iter().map(|weight| weight.clone().lift(true)).collect();
    let given = inputs.iter().cloned().map(Value::from).collect();
    let (outputs, _) = network.train_lifted(&lifted, given, Philox::new(1)).unwrap();
    let functionals = [&[array(&case["functional"])], &states(&case["state_functionals"])[..]].concat();
    let terms = outputs.into_iter().zip(&functionals).map(|(output, functional)| {
        output.float().mul(DynTensor::<B>::from_array(functional, device).lift(false)).sum()
    });
    let mut gradients = terms.reduce(|sum, term| sum.add(term)).unwrap().backward();
    let mut close = |tensor: &DynTensor<Autodiff<B>>, wanted: &[f32], what: &str| {
        let found = gradients.remove(tensor).unwrap().to_vec();
        assert_close(&found, wanted, 2e-5, &format!("{name}: gradient of {what}"));
    };
    let wanted = [&[array(&case["dx"])], &states(&case["dinitial"])[..]].concat();
    assert_eq!(inputs.len(), wanted.len(), "{name}: inputs");
    for (at, (input, wanted)) in inputs.iter().zip(&wanted).enumerate() {
        close(input, &wanted.to_f32(), &format!("input {at}"));
    }
    for (theirs, ours) in directions(layers(case)) {
        let mut wanted = convert(name, &case["gradients"], &theirs).map(|wanted| wanted.to_f32());
        if name != "GRU" {
            // Our bias is the sum of PyTorch's two, each of which has its gradient.
            wanted[2].iter_mut().for_each(|gradient| *gradient /= 2.0);
        }
        for (weight, wanted) in WEIGHTS.iter().zip(&wanted) {
            let path = format!("{ours}/{weight}");
            let at = network.variables().iter().position(|variable| variable.name() == path).unwrap();
            close(&lifted[at], wanted, &path);
        }
    }
}

/// The losses of the layers and a Dense on the mean over the steps that count.
fn check_training<B: Backend>(name: &str, case: &Json, inputs: Vec<Array>, losses: &[Json]) {
    let stack = stack::<B>(name, case).unwrap();
    let pooled = GlobalAveragePooling1D::new().apply(&stack.output).unwrap();
    let output = Dense::new(2).apply(&pooled).unwrap();
    let mut network = Functional::new(&stack.inputs[..], &output).build().unwrap();
    set_weights(name, case, &mut network);
    for weight in ["kernel", "bias"] {
        network.set_weight(&format!("dense/{weight}"), &array(&case["dense"][weight])).unwrap();
    }
    let mut model = network.compile(SGD::new(0.1), MeanSquaredError, ()).unwrap();
    let set = Dataset::from_parts(inputs, vec![array(&case["target"])]).unwrap();
    for (step, wanted) in losses.iter().enumerate() {
        let found = model.train_on_batch(&set).unwrap().get("loss").unwrap();
        let wanted = wanted.as_f64().unwrap();
        let close = (found - wanted).abs() <= 1e-4 * wanted.abs().max(0.01);
        assert!(close, "{name}: loss of step {step} is {found}, wanted {wanted}");
    }
}

#[test]
fn flex() {
    check::<Flex>();
}

#[test]
fn ndarray() {
    check::<NdArray>();
}
