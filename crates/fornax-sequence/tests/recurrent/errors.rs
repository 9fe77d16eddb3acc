//! What cannot be built or called says what was found and what was wanted.

use fornax_core::{DynTensor, ErrorKind, Flex, Result, Value};
use fornax_layers::{Apply, Functional, IntoEntry, Network, Registry, Sequential, input, layers::Dense};
use fornax_sequence::{layers::*, pytorch};

fn network<const N: usize>(shape: [usize; N], layer: impl IntoEntry<Flex>) -> Result<Network<Flex>> {
    Sequential::new(shape).add(layer).build()
}

fn assert_error<T: std::fmt::Debug>(result: Result<T>, kind: ErrorKind, message: &str) {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
}

#[test]
fn arguments() {
    let argument = |layer: LSTM, message| assert_error(network([3, 2], layer), ErrorKind::Argument, message);
    argument(LSTM::new(0), "layer lstm (LSTM): units: found 0, wanted at least 1");
    argument(
        LSTM::new(2).dropout(1.5),
        "layer lstm (LSTM): dropout: found 1.5, wanted a number from 0 to below 1",
    );
    argument(
        LSTM::new(2).recurrent_dropout(f64::NAN),
        "layer lstm (LSTM): recurrent_dropout: found NaN, wanted a number from 0 to below 1",
    );
    argument(
        LSTM::new(2).stateful(0),
        "layer lstm (LSTM): batch_size of a stateful layer: found 0, wanted at least 1",
    );
    assert_error(
        network([3, 2], Bidirectional::new(GRU::new(2).go_backwards(true))),
        ErrorKind::Argument,
        "layer bidirectional (Bidirectional): go_backwards of the forward layer: found true, wanted false",
    );
    let uneven = Bidirectional::new(GRU::new(2)).backward_layer(GRU::new(3).go_backwards(true));
    assert_error(
        network([3, 2], uneven.merge_mode(MergeMode::Sum)),
        ErrorKind::Shape,
        "layer bidirectional (Bidirectional): outputs to merge by sum: found (None, 2) and (None, 3), wanted the same shape",
    );
}

#[test]
fn shapes() {
    assert_error(
        network([3], GRU::new(2)),
        ErrorKind::Shape,
        "layer gru (GRU): input: found shape (None, 3), wanted [time, features] behind the batch axis",
    );
    let (x, h) = (input::<Flex>([3, 2]), input([5]));
    assert_error(
        GRU::new(2).apply([&x, &h]),
        ErrorKind::Shape,
        "layer gru (GRU): initial state: found shape (None, 5), wanted (None, 2)",
    );
    assert_error(
        LSTM::new(5).apply([&x, &h]),
        ErrorKind::Shape,
        "layer lstm (LSTM): initial states: found 1 tensors, wanted none or 2",
    );
    assert_error(
        LSTMCell::new(5).apply([&h, &h]),
        ErrorKind::Shape,
        "layer lstm_cell (LSTMCell): states: found 1 tensors, wanted 2, one a state",
    );
}

#[test]
fn values() {
    let device = Default::default();
    let gru = network([3, 2], GRU::new(2)).unwrap();
    let x = Value::from(DynTensor::<Flex>::zeros(&[4, 3, 2], &device));
    let mask = DynTensor::<Flex>::zeros(&[4, 2], &device).equal_scalar(0.0);
    for network in [&gru, &network([3, 2], TimeDistributed::new(Dense::new(1))).unwrap()] {
        let error = network.infer(vec![x.clone().with_mask(Some(mask.clone()))]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Shape);
        let message = error.to_string();
        assert!(
            message.contains("mask: found [4, 2], wanted [4, 3], a truth value for each time step"),
            "{message}"
        );
    }
    let stateful = network([3, 2], GRU::new(2).stateful(5)).unwrap();
    assert_error(
        stateful.infer(vec![x]),
        ErrorKind::Shape,
        "layer gru (GRU): state: found [5, 2], wanted [4, 2], a row for each sequence",
    );
    let any = Sequential::<Flex>::new([None, Some(2)]).add(GRU::new(2)).build().unwrap();
    assert_error(
        any.infer(vec![DynTensor::zeros(&[4, 0, 2], &device).into()]),
        ErrorKind::Shape,
        "layer gru (GRU): input: found [4, 0, 2], wanted at least one time step",
    );
    let (x, h) = (input::<Flex>([3, 2]), input([2]));
    let two = Functional::new([&x, &h], &GRU::new(2).apply([&x, &h]).unwrap()).build().unwrap();
    let zeros = |shape: &[usize]| Value::from(DynTensor::<Flex>::zeros(shape, &device));
    assert_error(
        two.infer(vec![zeros(&[4, 3, 2]), zeros(&[1, 2])]),
        ErrorKind::Shape,
        "layer gru (GRU): state: found [1, 2], wanted [4, 2], a row for each sequence",
    );
}

#[test]
fn files() {
    let mut registry = Registry::<Flex>::default();
    fornax_sequence::register(&mut registry);
    for (class, config) in [
        ("LSTM", r#"{"units": -1}"#),
        ("GRU", r#"{"units": 2, "activation": "no such"}"#),
        ("Bidirectional", r#"{"layer": {"class_name": "Dense", "config": {}}}"#),
        ("TimeDistributed", r#"{"layer": 3}"#),
        ("TimeDistributed", r#"{"layer": {"class_name": "Nothing"}}"#),
    ] {
        let config = serde_json::from_str(config).unwrap();
        let error = registry.layer(class, &config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{class}: {error}");
    }
    // What Keras writes is read.
    let config = r#"{"name": "b", "trainable": true, "merge_mode": null, "layer": {"module": "keras.layers",
        "class_name": "LSTM", "config": {"name": "lstm", "units": 3, "activation": "tanh", "unroll": false, "seed": null,
        "kernel_initializer": {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": null},
        "registered_name": null}, "return_sequences": true}, "registered_name": null}}"#;
    registry.layer("Bidirectional", &serde_json::from_str(config).unwrap()).unwrap();
}

#[test]
fn foreign_weights() {
    let array = |shape: &[usize]| {
        fornax_core::Array::from_vec(shape.to_vec(), vec![0.0; shape.iter().product()]).unwrap()
    };
    let convert = |ih: &[usize], hh: &[usize], bias: &[usize]| {
        let (weight_ih, weight_hh, bias) = (array(ih), array(hh), array(bias));
        pytorch::gru(pytorch::TorchWeights {
            weight_ih: &weight_ih,
            weight_hh: &weight_hh,
            bias_ih: &bias,
            bias_hh: &bias,
        })
    };
    assert!(convert(&[6, 3], &[6, 2], &[6]).is_ok());
    assert_error(convert(&[6, 3], &[8, 2], &[6]), ErrorKind::Shape, "weight_hh: found [8, 2], wanted [6, 2]");
    assert_error(
        convert(&[5, 3], &[6, 2], &[6]),
        ErrorKind::Shape,
        "weight_ih: found [5, 3], wanted [6, features]",
    );
    assert_error(convert(&[6, 3], &[6, 2], &[4]), ErrorKind::Shape, "bias_ih: found [4], wanted [6]");
}
