//! Every recurrent layer through the battery of `fornax-testkit`.

use fornax_core::ops::Activation;
use fornax_layers::{Regularizer, layers::Dense};
use fornax_sequence::layers::*;
use fornax_testkit::battery::Battery;

#[test]
fn layers() {
    Battery::new(SimpleRNN::new(3).return_sequences(true), [&[4, 2]]).run();
    Battery::new(LSTM::new(3).return_state(true).unit_forget_bias(false), [&[4, 2]]).run();
    Battery::new(GRU::new(2).go_backwards(true).return_sequences(true), [&[4, 3]]).run();
    Battery::new(GRU::new(2).reset_after(false).activity_regularizer(Regularizer::l2(0.1)), [&[3, 2]]).run();
}

#[test]
fn initial_states_are_inputs() {
    Battery::new(SimpleRNN::new(3), [&[2, 2], &[3]]).run();
    Battery::new(LSTM::new(2).return_sequences(true).return_state(true), [&[3, 2], &[2], &[2]]).run();
}

#[test]
fn dropped_inputs_and_states() {
    let layer = LSTM::new(2).activation(Activation::Softsign).dropout(0.3).recurrent_dropout(0.4).seed(3);
    Battery::new(layer.return_sequences(true), [&[3, 2]]).run();
    Battery::new(GRU::new(2).recurrent_dropout(0.4), [&[3, 2]]).run();
}

#[test]
fn cells() {
    Battery::new(SimpleRNNCell::new(3), [&[2], &[3]]).run();
    Battery::new(LSTMCell::new(2), [&[3], &[2], &[2]]).run();
    Battery::new(GRUCell::new(2).reset_after(false), [&[3], &[2]]).run();
}

#[test]
fn bidirectional() {
    Battery::new(Bidirectional::new(GRU::new(2).return_sequences(true)), [&[3, 2]]).run();
    let backward = SimpleRNN::new(3).go_backwards(true).return_state(true);
    let layer = Bidirectional::new(LSTM::new(2).return_state(true)).merge_mode(None).backward_layer(backward);
    Battery::new(layer, [&[3, 2]]).run();
    Battery::new(
        Bidirectional::new(LSTM::new(2)).merge_mode(MergeMode::Ave),
        [&[2, 2], &[2], &[2], &[2], &[2]],
    )
    .run();
}

/// The wrapper is generic over the backend, which the battery is not: its parts are checked one by one.
#[test]
fn time_distributed() {
    use fornax_core::{Array, Flex};
    use fornax_layers::{Registry, Sequential};

    let network = Sequential::<Flex>::new([4, 3]).add(TimeDistributed::new(Dense::new(2))).build().unwrap();
    let plain = Sequential::<Flex>::new([4, 3]).add(Dense::new(2)).build().unwrap();
    let mut registry = Registry::<Flex>::default();
    fornax_sequence::register(&mut registry);
    let mut rebuilt = registry.network(&network.config(), Default::default()).unwrap();
    assert_eq!(rebuilt.config(), network.config());
    for weight in ["kernel", "bias"] {
        let values = plain.weight(&format!("dense/{weight}")).unwrap();
        rebuilt.set_weight(&format!("time_distributed/{weight}"), &values).unwrap();
    }
    let x = Array::from_vec([2, 4, 3], (0..24).map(|x| x as f32).collect()).unwrap();
    assert_eq!(rebuilt.predict(&x).unwrap(), plain.predict(&x).unwrap());
}
