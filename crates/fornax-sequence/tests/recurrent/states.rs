//! States that are carried from batch to batch, and sequences in pieces.

use fornax_core::{Array, Flex, Value};
use fornax_data::Dataset;
use fornax_layers::{Network, Sequential, layers::Dense, layers::Masking};
use fornax_optim::Adam;
use fornax_sequence::layers::*;
use fornax_testkit::{assert_close, distinct_values};
use fornax_train::{Compile, losses::MeanSquaredError};

fn noise(shape: &[usize], seed: u64) -> Array {
    Array::from_vec(shape.to_vec(), distinct_values(shape.iter().product(), seed)).unwrap()
}

/// The steps `from..to` of sequences.
fn steps(x: &Array, from: usize, to: usize) -> Array {
    let [batch, time, features] = x.shape()[..] else { panic!("sequences") };
    let values = x.to_f32();
    let rows = (0..batch)
        .flat_map(|row| values[(row * time + from) * features..(row * time + to) * features].to_vec());
    Array::from_vec([batch, to - from, features], rows.collect()).unwrap()
}

#[test]
fn a_stateful_layer_goes_on_where_it_was() {
    let network = |time: usize, stateful: bool| -> Network<Flex> {
        let lstm = LSTM::new(5).return_sequences(true);
        let lstm = if stateful { lstm.stateful(3) } else { lstm };
        Sequential::new([time, 2]).seed(1).add(lstm).build().unwrap()
    };
    let x = noise(&[3, 6, 2], 1);
    let whole = network(6, false).predict(&x).unwrap();
    let mut pieces = network(3, true);
    let run = |network: &mut Network<Flex>, from: usize| {
        let piece = Value::from_array(&steps(&x, from, from + 3), network.device());
        network.advance(vec![piece]).unwrap()[0].to_array()
    };
    for round in 0..2 {
        for from in [0, 3] {
            let found = run(&mut pieces, from);
            assert_close(
                &found.to_f32(),
                &steps(&whole, from, from + 3).to_f32(),
                1e-6,
                &format!("round {round}"),
            );
        }
        pieces.reset_states();
    }
    // A prediction changes nothing.
    let first = steps(&x, 0, 3);
    assert_eq!(pieces.predict(&first).unwrap(), pieces.predict(&first).unwrap());
}

#[test]
fn training_carries_the_states() {
    let mut model = Sequential::<Flex>::new([4, 2])
        .add(GRU::new(3).stateful(2))
        .add(Dense::new(1))
        .compile(Adam::default(), MeanSquaredError::default(), ())
        .unwrap();
    let set = Dataset::new(noise(&[2, 4, 2], 1), noise(&[2, 1], 2)).unwrap();
    let state = |model: &fornax_train::Model<Flex>| model.network().weight("gru/state_h").unwrap().to_f32();
    assert!(state(&model).iter().all(|&h| h == 0.0));
    model.train_on_batch(&set).unwrap();
    let first = state(&model);
    assert!(first.iter().all(|&h| h != 0.0));
    model.test_on_batch(&set).unwrap();
    assert_eq!(state(&model), first);
    model.network_mut().reset_states();
    assert!(state(&model).iter().all(|&h| h == 0.0));
}

#[test]
fn padding_changes_nothing_wherever_it_is() {
    let network = |time: usize| -> Network<Flex> {
        Sequential::new([time, 2])
            .seed(1)
            .add(Masking::new(9.0))
            .add(Bidirectional::new(LSTM::new(3).return_sequences(true)))
            .add(GRU::new(4))
            .build()
            .unwrap()
    };
    let x = noise(&[4, 3, 2], 1);
    let wanted = network(3).predict(&x).unwrap();
    let values = x.to_f32();
    // Where the three steps of each sequence are among six.
    for places in [[0, 1, 2], [3, 4, 5], [0, 2, 5]] {
        let mut padded = vec![9.0; 4 * 6 * 2];
        for row in 0..4 {
            for (step, place) in places.iter().enumerate() {
                let from = (row * 3 + step) * 2;
                padded[(row * 6 + place) * 2..][..2].copy_from_slice(&values[from..from + 2]);
            }
        }
        let found = network(6).predict(&Array::from_vec([4, 6, 2], padded).unwrap()).unwrap();
        assert_eq!(found, wanted, "{places:?}");
    }
}

#[test]
fn a_loop_of_cells_is_the_layer() {
    let layer = Sequential::<Flex>::new([4, 3]).add(LSTM::new(5).return_sequences(true)).build().unwrap();
    let inputs = [fornax_layers::input::<Flex>([3]), fornax_layers::input([5]), fornax_layers::input([5])];
    let outputs = fornax_layers::Shared::new(LSTMCell::new(5)).apply_all(&inputs[..]).unwrap();
    let mut cell = fornax_layers::Functional::new(&inputs[..], &outputs[..]).build().unwrap();
    for weight in ["kernel", "recurrent_kernel", "bias"] {
        let values = layer.weight(&format!("lstm/{weight}")).unwrap();
        cell.set_weight(&format!("lstm_cell/{weight}"), &values).unwrap();
    }
    let x = noise(&[2, 4, 3], 1);
    let wanted = layer.predict(&x).unwrap();
    let mut states = vec![Array::from_vec([2, 5], vec![0.0; 10]).unwrap(); 2];
    for t in 0..4 {
        let step = Array::from_vec([2, 3], steps(&x, t, t + 1).to_f32()).unwrap();
        states = cell.predict_all(&[&[step], &states[..]].concat(), 2).unwrap();
        assert_close(&states[0].to_f32(), &steps(&wanted, t, t + 1).to_f32(), 1e-6, &format!("step {t}"));
    }
}
