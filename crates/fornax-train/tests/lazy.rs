//! Lazy optimizers: a step moves the rows of a table that it looked up, and those as the dense optimizer would.

use fornax_core::{Array, Backend, Flex, NdArray};
use fornax_data::Dataset;
use fornax_layers::Regularizer;
use fornax_layers::layers::{Dense, Embedding, Flatten};
use fornax_layers::{Network, Sequential};
use fornax_optim::{Adam, Optimizer, SGD};
use fornax_train::losses::MeanSquaredError;
use fornax_train::{Compile, Model};

const ROWS: usize = 7;

fn network<B: Backend>(embedding: Embedding) -> Network<B> {
    Sequential::new([3]).seed(1).add(embedding).add(Flatten::new()).add(Dense::new(1)).build().unwrap()
}

fn train<B: Backend>(
    embedding: Embedding,
    optimizer: impl Into<Optimizer>,
    batches: &[[i32; 6]],
) -> Model<B> {
    let mut model = network::<B>(embedding).compile(optimizer, MeanSquaredError, ()).unwrap();
    for batch in batches {
        let x = Array::from_i32([2, 3], batch.to_vec()).unwrap();
        model.train_on_batch(&Dataset::new(x, vec![1.0, -2.0]).unwrap()).unwrap();
    }
    model
}

fn table<B: Backend>(model: &Model<B>) -> Vec<Vec<f32>> {
    let table = model.network().weight("embedding/embeddings").unwrap().to_f32();
    table.chunks(table.len() / ROWS).map(<[f32]>::to_vec).collect()
}

fn embedding() -> Embedding {
    Embedding::new(ROWS, 4)
}

const BATCHES: [[i32; 6]; 3] = [[0, 1, 2, 2, 2, 5], [0, 5, 5, 1, 2, 0], [2, 0, 5, 1, 0, 4]];

/// Descent without memory does not move a row whose gradient is 0.
fn descent_is_the_same<B: Backend>() {
    let lazy = train::<B>(embedding(), SGD::new(0.1).lazy(true), &BATCHES);
    let dense = train::<B>(embedding(), SGD::new(0.1), &BATCHES);
    assert_eq!(table(&lazy), table(&dense));
}

fn adam_moves_what_was_looked_up<B: Backend>() {
    let before = table(&train::<B>(embedding(), Adam::new(0.1), &[]));
    let lazy = table(&train::<B>(embedding(), Adam::new(0.1).lazy(true), &BATCHES));
    let dense = table(&train::<B>(embedding(), Adam::new(0.1), &BATCHES));
    for row in [3, 6] {
        assert_eq!(lazy[row], before[row], "row {row} was never looked up");
    }
    // Rows of every step; the layer behind them saw the same in every step but for the row that differs.
    fornax_testkit::assert_close(&lazy[0], &dense[0], 1e-2, "a row of every step");
    let twice = [BATCHES[0], [3, 3, 3, 3, 3, 3]];
    let lazy = table(&train::<B>(embedding(), Adam::new(0.1).lazy(true), &twice));
    let once = table(&train::<B>(embedding(), Adam::new(0.1).lazy(true), &twice[..1]));
    assert_eq!(lazy[5], once[5], "the moments move nothing in a step without the row");
    let dense = table(&train::<B>(embedding(), Adam::new(0.1), &twice));
    assert_ne!(dense[5], once[5], "Keras's Adam moves it");
}

/// One step of PyTorch's `SparseAdam` (and of Keras's Adam): the first step of every moved element is the rate.
fn the_first_step_is_the_learning_rate<B: Backend>() {
    let before = table(&train::<B>(embedding(), Adam::new(0.1), &[]));
    let after = table(&train::<B>(embedding(), Adam::new(0.1).lazy(true), &BATCHES[..1]));
    for row in [0, 1, 2, 5] {
        for (before, after) in before[row].iter().zip(&after[row]) {
            assert!(((after - before).abs() - 0.1).abs() < 1e-4, "row {row}: {before} to {after}");
        }
    }
}

/// A penalty moves every row: the gradient is dense then.
fn a_penalty_is_kept<B: Backend>() {
    let penalized = || embedding().embeddings_regularizer(Regularizer::l2(0.1));
    let lazy = train::<B>(penalized(), Adam::new(0.1).lazy(true), &BATCHES);
    let dense = train::<B>(penalized(), Adam::new(0.1), &BATCHES);
    for (lazy, dense) in table(&lazy).iter().zip(&table(&dense)) {
        fornax_testkit::assert_close(lazy, dense, 1e-5, "a table with a penalty");
    }
}

/// The norm that clips is that of the rows added up by index.
fn clipping_sees_the_whole_gradient<B: Backend>() {
    for optimizer in [SGD::new(0.1).clipnorm(1e-3), SGD::new(0.1).global_clipnorm(1e-3)] {
        let lazy = train::<B>(embedding(), optimizer.clone().lazy(true), &BATCHES);
        let dense = train::<B>(embedding(), optimizer, &BATCHES);
        for (lazy, dense) in table(&lazy).iter().zip(&table(&dense)) {
            fornax_testkit::assert_close(lazy, dense, 1e-6, "a clipped step");
        }
    }
}

fn all<B: Backend>() {
    descent_is_the_same::<B>();
    adam_moves_what_was_looked_up::<B>();
    the_first_step_is_the_learning_rate::<B>();
    a_penalty_is_kept::<B>();
    clipping_sees_the_whole_gradient::<B>();
}

#[test]
fn flex() {
    all::<Flex>();
}

#[test]
fn ndarray() {
    all::<NdArray>();
}
