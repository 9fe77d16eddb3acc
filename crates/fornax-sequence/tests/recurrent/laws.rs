//! Where padding lies and how the sequences of a batch are ordered changes no output, state or gradient of a layer.

use fornax_core::{Array, Autodiff, DynTensor, Flex, Mask, Philox, Value};
use fornax_layers::{Functional, MultiLayer, Network, Shared, input};
use fornax_sequence::layers::*;
use fornax_testkit::{assert_close, config, distinct_values};
use proptest::prelude::*;

const FEATURES: usize = 3;

/// A sequence of a batch and the time steps at which it stands.
#[derive(Clone, Debug)]
struct Row {
    seed: u64,
    places: Vec<usize>,
}

impl Row {
    /// As many steps at the front.
    fn in_front(seed: u64, steps: usize) -> Self {
        Self { seed, places: (0..steps).collect() }
    }

    /// The same steps somewhere among `time`.
    fn spread(&self, time: usize) -> Self {
        let mut random = Philox::new(self.seed + 1000);
        let mut left = self.places.len();
        let places = (0..time).filter(|place| {
            let taken = random.below(time - place) < left;
            left -= usize::from(taken);
            taken
        });
        Self { seed: self.seed, places: places.collect() }
    }
}

/// What a batch gave: of each row its outputs, states and gradients by its steps, and the gradients by the weights.
struct Found {
    rows: Vec<Vec<f32>>,
    weights: Vec<Vec<f32>>,
}

/// Each cell forward with all outputs, backward with the last, and in both directions; with the states.
fn networks() -> Vec<Network<Flex>> {
    macro_rules! directions {
        ($cell:expr) => {{
            let cell = $cell.return_state(true);
            let backward = build(cell.clone().go_backwards(true));
            let forward = cell.return_sequences(true);
            [build(forward.clone()), backward, build(Bidirectional::new(forward))]
        }};
    }
    let gru = GRU::new(5);
    let gru_before = gru.clone().reset_after(false);
    [directions!(SimpleRNN::new(5)), directions!(LSTM::new(5)), directions!(gru), directions!(gru_before)]
        .into_iter()
        .flatten()
        .collect()
}

fn build<M: MultiLayer>(layer: M) -> Network<Flex> {
    let x = input([None, Some(FEATURES)]);
    let outputs = Shared::new(layer).apply_all(&x).unwrap();
    Functional::new(&x, &outputs[..]).seed(1).build().unwrap()
}

/// The elements of each row of an output: of its steps where it has a time axis, else all.
fn of_rows(values: &[f32], shape: &[usize], rows: &[Row]) -> Vec<Vec<f32>> {
    let row_of = |(row, values): (&Row, &[f32])| match *shape {
        [_, _, width] => row.places.iter().flat_map(|&at| values[at * width..][..width].to_vec()).collect(),
        _ => values.to_vec(),
    };
    rows.iter().zip(values.chunks(shape[1..].iter().product())).map(row_of).collect()
}

/// What is at the steps of rows is drawn from their seeds; elsewhere is `fill`.
fn drawn(shape: &[usize], rows: &[Row], which: u64, fill: f32) -> Array {
    let mut values = vec![fill; shape.iter().product()];
    for (row, values) in rows.iter().zip(values.chunks_mut(shape[1..].iter().product())) {
        let width = shape[shape.len() - 1];
        let places = if shape.len() == 3 { &row.places[..] } else { &[0] };
        let drawn = distinct_values(places.len() * width, row.seed + 100 * which);
        for (at, drawn) in places.iter().zip(drawn.chunks(width)) {
            values[at * width..][..width].copy_from_slice(drawn);
        }
    }
    Array::from_vec(shape, values).unwrap()
}

/// The outputs, and the gradients of a sum of them, each times a number of its own.
fn run(network: &Network<Flex>, rows: &[Row], time: usize) -> Found {
    type A = Autodiff<Flex>;
    let device = network.device();
    let shape = [rows.len(), time, FEATURES];
    let x = DynTensor::<Flex>::from_array(&drawn(&shape, rows, 0, 1e3), device).lift(true);
    let counts = rows.iter().flat_map(|row| (0..time).map(|at| row.places.contains(&at)));
    let mask = Mask::<A>::from_vec(counts.collect(), &shape[..2], device);
    let weights: Vec<_> = network.weights().iter().map(|weight| weight.clone().lift(true)).collect();
    let given = Value::from(x.clone()).with_mask(Some(mask));
    let (outputs, _) = network.train_lifted(&weights, vec![given], Philox::new(1)).unwrap();

    let mut found = Found { rows: vec![vec![]; rows.len()], weights: vec![] };
    let mut add = |values: &[f32], shape: &[usize]| {
        found.rows.iter_mut().zip(of_rows(values, shape, rows)).for_each(|(row, values)| row.extend(values));
    };
    let mut sum = DynTensor::<A>::zeros(&[1], device);
    for (which, output) in (1..).zip(outputs) {
        let (output, shape) = (output.clone().float(), output.shape());
        add(&output.to_vec(), &shape);
        let factors = DynTensor::from_array(&drawn(&shape, rows, which, 0.0), device).lift(false);
        sum = sum.add(output.mul(factors).sum());
    }
    let mut gradients = sum.backward();
    let dx = gradients.remove(&x).unwrap().to_vec();
    add(&dx, &shape);
    for (at, dx) in dx.chunks(FEATURES).enumerate() {
        let counts = rows[at / time].places.contains(&(at % time));
        assert!(counts || dx.iter().all(|&dx| dx == 0.0), "the gradient of a step that does not count");
    }
    found.weights = weights.iter().map(|weight| gradients.remove(weight).unwrap().to_vec()).collect();
    found
}

fn same(found: &Found, wanted: &Found, place: &str) {
    assert_eq!(found.rows.len(), wanted.rows.len());
    for (found, wanted) in found.rows.iter().zip(&wanted.rows) {
        assert_close(found, wanted, 1e-6, &format!("{place}: a row"));
    }
    for (found, wanted) in found.weights.iter().zip(&wanted.weights) {
        assert_close(found, wanted, 2e-5, &format!("{place}: gradient of a weight"));
    }
}

proptest! {
    #![proptest_config(config(12))]

    #[test]
    fn where_padding_lies_changes_nothing(lengths in prop::collection::vec(1usize..6, 1..9), more in 0usize..4) {
        let rows: Vec<Row> = (0..).zip(&lengths).map(|(seed, &steps)| Row::in_front(seed, steps)).collect();
        let time = lengths.iter().max().unwrap() + more;
        let spread: Vec<Row> = rows.iter().map(|row| row.spread(time)).collect();
        for (index, network) in networks().iter().enumerate() {
            same(&run(network, &spread, time), &run(network, &rows, time - more), &format!("network {index}"));
        }
    }

    #[test]
    fn the_order_of_sequences_changes_nothing(
        lengths in prop::collection::vec(1usize..6, 2..20), turn in 1usize..19, in_front: bool,
    ) {
        let rows = (0..).zip(&lengths).map(|(seed, &steps)| Row::in_front(seed, steps));
        let rows: Vec<Row> = rows.map(|row| if in_front { row } else { row.spread(6) }).collect();
        let turn = 1 + turn % (rows.len() - 1);
        let turned = [&rows[turn..], &rows[..turn]].concat();
        for (index, network) in networks().iter().enumerate() {
            let mut found = run(network, &turned, 6);
            found.rows.rotate_right(turn);
            same(&found, &run(network, &rows, 6), &format!("network {index}"));
        }
    }
}
