//! Two stacked bidirectional layers on sequences of different lengths, as PyTorch computes them from packed sequences
//! (`goldens/make_packed.py`): outputs, last states and gradients.

use fornax_core::{Array, Autodiff, Backend, DynTensor, Flex, NdArray, Philox, Result, Value};
use fornax_layers::{Apply, Functional, Network, Shared, input, layers::Masking};
use fornax_sequence::layers::{Bidirectional, GRU, LSTM, RecurrentLayer, SimpleRNN};
use fornax_sequence::pytorch::{self, TorchWeights};
use fornax_testkit::assert_close;
use serde_json::Value as Json;

fn array(json: &Json) -> Array {
    let numbers =
        |json: &Json| json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
    let shape: Vec<usize> = numbers(&json["shape"]).into_iter().map(|len| len as usize).collect();
    Array::from_vec(shape, numbers(&json["values"]).into_iter().map(|x| x as f32).collect()).unwrap()
}

/// The weights, or gradients, of one layer and direction.
fn convert(name: &str, arrays: &Json, suffix: &str) -> Result<[Array; 3]> {
    let [weight_ih, weight_hh, bias_ih, bias_hh] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
        .map(|weight| array(&arrays[format!("{weight}_{suffix}")]));
    let weights =
        TorchWeights { weight_ih: &weight_ih, weight_hh: &weight_hh, bias_ih: &bias_ih, bias_hh: &bias_hh };
    match name {
        "RNN" => pytorch::simple_rnn(weights),
        "LSTM" => pytorch::lstm(weights),
        _ => pytorch::gru(weights),
    }
}

fn layer(name: &str) -> Bidirectional {
    Bidirectional::new(match name {
        "RNN" => RecurrentLayer::from(SimpleRNN::new(4).return_sequences(true).return_state(true)),
        "LSTM" => LSTM::new(4).return_sequences(true).return_state(true).into(),
        _ => GRU::new(4).return_sequences(true).return_state(true).into(),
    })
}

/// The directions in PyTorch's order, with their names and ours.
fn directions() -> impl Iterator<Item = (String, String)> {
    let each = |l| [("", "forward"), ("_reverse", "backward")].map(|(theirs, ours)| (l, theirs, ours));
    (0..2).flat_map(each).map(|(l, theirs, ours)| (format!("l{l}{theirs}"), format!("l{l}/{ours}_layer")))
}

fn check<B: Backend>() {
    let goldens: Json = serde_json::from_str(include_str!("../goldens/packed.json")).unwrap();
    for case in goldens["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let mut network = build::<B>(name).unwrap();
        for (theirs, ours) in directions() {
            for (weight, values) in ["kernel", "recurrent_kernel", "bias"]
                .iter()
                .zip(convert(name, &case["weights"], &theirs).unwrap())
            {
                network.set_weight(&format!("{ours}/{weight}"), &values).unwrap();
            }
        }
        let x = array(&case["x"]);
        let outputs = network.infer(vec![Value::from_array(&x, network.device())]).unwrap();
        assert_close(&outputs[0].to_array().to_f32(), &array(&case["output"]).to_f32(), 1e-5, name);
        check_states(name, case, &outputs[1..]);
        check_gradients(name, case, &network, &x);
    }
}

/// The output of the second layer and the states of both.
fn build<B: Backend>(name: &str) -> Result<Network<B>> {
    use fornax_layers::LayerExt;
    let x = input([None, Some(3)]);
    let masked = Masking::new(0.0).apply(&x)?;
    let first = Shared::new(layer(name).named("l0")).apply_all(&masked)?;
    let second = Shared::new(layer(name).named("l1")).apply_all(&first[0])?;
    let outputs = [&second[..1], &first[1..], &second[1..]].concat();
    Functional::new(&x, &outputs[..]).build()
}

/// PyTorch's states are `[layers and directions, batch, units]`, one tensor a kind of state.
fn check_states<B: Backend>(name: &str, case: &Json, found: &[Value<B>]) {
    let wanted: Vec<Vec<f32>> =
        case["states"].as_array().unwrap().iter().map(|state| array(state).to_f32()).collect();
    let kinds = wanted.len();
    for (at, state) in found.iter().enumerate() {
        let (direction, kind) = (at / kinds, at % kinds);
        let found = state.to_array().to_f32();
        let wanted = &wanted[kind][direction * found.len()..][..found.len()];
        assert_close(&found, wanted, 1e-5, &format!("{name}: state {kind} of direction {direction}"));
    }
}

fn check_gradients<B: Backend>(name: &str, case: &Json, network: &Network<B>, x: &Array) {
    let device = network.device();
    let x = DynTensor::<B>::from_array(x, device).lift(true);
    let lifted: Vec<DynTensor<Autodiff<B>>> =
        network.weights().iter().map(|weight| weight.clone().lift(true)).collect();
    let (outputs, _) = network.train_lifted(&lifted, vec![x.clone().into()], Philox::new(1)).unwrap();
    let functional = DynTensor::from_array(&array(&case["functional"]), device).lift(false);
    let mut gradients = outputs[0].clone().float().mul(functional).sum().backward();
    let close = |found: DynTensor<B>, wanted: &Array, what: &str| {
        assert_close(&found.to_vec(), &wanted.to_f32(), 2e-5, &format!("{name}: gradient of {what}"));
    };
    close(gradients.remove(&x).unwrap(), &array(&case["dx"]), "x");
    for (theirs, ours) in directions() {
        let wanted = convert(name, &case["gradients"], &theirs).unwrap();
        for (weight, wanted) in ["kernel", "recurrent_kernel"].iter().zip(wanted) {
            let path = format!("{ours}/{weight}");
            let at = network.variables().iter().position(|variable| variable.name() == path).unwrap();
            close(gradients.remove(&lifted[at]).unwrap(), &wanted, &path);
        }
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
