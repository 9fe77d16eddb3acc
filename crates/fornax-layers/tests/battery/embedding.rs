//! Embedding and masking.

use fornax_core::{Array, DynTensor, ErrorKind, Flex, Indices, Value};
use fornax_layers::{Constraint, Network, Regularizer, layers::*};
use fornax_testkit::battery::Battery;

use crate::activations::{of, rejects};

#[test]
fn embedding() {
    Battery::new(Embedding::new(7, 3), [&[4]]).integers(7).run();
    let named = Embedding::new(7, 2).mask_zero(true).embeddings_regularizer(Regularizer::l2(0.1));
    Battery::new(named.embeddings_constraint(Constraint::unit_norm()), [&[2, 3]]).integers(7).run();
    rejects(Embedding::new(0, 3), "input_dim: found 0, wanted at least 1");
    rejects(Embedding::new(3, 0), "output_dim");
}

#[test]
fn indices_out_of_range_are_errors_wherever_they_come_from() {
    let network = of(Embedding::new(3, 2), [2]);
    let fails = |x: Value<Flex>, part: &str| {
        let error = network.infer(vec![x]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().ends_with(part), "{error}");
    };
    let device = Default::default();
    fails(
        Value::from_array(&Array::from_i32([1, 2], vec![0, 3]).unwrap(), &device),
        "found 3, wanted 0 to 2 (input_dim 3)",
    );
    fails(
        Indices::from_vec(vec![-1, 2], &[1, 2], &device).into(),
        "index: found -1, wanted 0 to 2 (input_dim 3)",
    );
    fails(
        DynTensor::from_vec(vec![0.0, 9.0], &[1, 2], &device).into(),
        "index: found 9, wanted 0 to 2 (input_dim 3)",
    );
    assert!(network.infer(vec![Indices::from_vec(vec![0, 2], &[1, 2], &device).into()]).is_ok());
}

/// Where few rows are taken often, they are looked up once; the places say which is which.
#[test]
fn rows_and_places() {
    let network = of(Embedding::new(9, 2), [4]);
    let table = network.weight("embedding/embeddings").unwrap().to_f32();
    let of_words = |words: Vec<i32>| {
        let x = Array::from_i32([words.len() / 4, 4], words.clone()).unwrap();
        let y = network.infer(vec![Value::from_array(&x, network.device())]).unwrap().swap_remove(0);
        let rows = y.rows_by_place().map(|(rows, places)| (rows.shape(), places.to_vec()));
        let wanted: Vec<f32> =
            words.iter().flat_map(|&word| table[2 * word as usize..][..2].to_vec()).collect();
        assert_eq!((y.shape(), y.clone().float().to_vec()), (vec![words.len() / 4, 4, 2], wanted.clone()));
        assert_eq!(
            (y.to_array().to_f32(), y.reshape(&[words.len(), 2]).float().to_vec()),
            (wanted.clone(), wanted)
        );
        rows
    };
    assert_eq!(of_words(vec![7, 1, 7, 7, 3, 1, 3, 1]), Some((vec![3, 2], vec![2, 0, 2, 2, 1, 0, 1, 0])));
    assert_eq!(of_words(vec![7, 1, 2, 2]), None);
    assert_eq!(of_words(vec![]), Some((vec![0, 2], vec![])));
}

#[test]
fn padding_is_masked() {
    let holds = |network: Network<Flex>, x: Array| {
        let y = network.infer(vec![Value::from_array(&x, network.device())]).unwrap().swap_remove(0);
        y.mask().map(|mask| (mask.shape(), mask.clone().to_float().to_vec()))
    };
    let tokens = || Array::from_i32([1, 3], vec![2, 0, 1]).unwrap();
    assert_eq!(
        holds(of(Embedding::new(3, 2).mask_zero(true), [3]), tokens()),
        Some((vec![1, 3], vec![1.0, 0.0, 1.0]))
    );
    assert_eq!(holds(of(Embedding::new(3, 2), [3]), tokens()), None);
    let steps = Array::from_vec([1, 2, 2], vec![0.0, 0.0, 0.0, 1.0]).unwrap();
    assert_eq!(holds(of(Masking::default(), [2, 2]), steps), Some((vec![1, 2], vec![0.0, 1.0])));
}

#[test]
fn masking() {
    Battery::new(Masking::default(), [&[3, 2]]).run();
    Battery::new(Masking::new(0.5), [&[3, 2, 2]]).run();
    rejects(Masking::default(), "[time, features] behind the batch axis");
}
