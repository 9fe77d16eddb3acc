//! Steps of the rows of a table alone, which are those of the oracle and move no other row; steps of many weights.

use fornax_core::ops::{EmbeddingOps, OptimizerOps, UpdateRule};
use fornax_core::{Backend, DynTensor, Flex, Indices, NdArray};
use fornax_testkit::{Oracle, assert_close};

use super::{point, tensor};

/// The table and its slots after three steps of rows 1 and 4.
fn stepped<B: Backend>(rule: &UpdateRule) -> Vec<Vec<f32>> {
    let device = B::Device::default();
    let mut table = tensor::<B>(&point(&[6, 5], 1));
    let mut slots: Vec<_> =
        rule.slots().into_iter().map(|value| DynTensor::full(&[6, 5], value, &device)).collect();
    for t in 1..=3 {
        let rows = Indices::from_vec(vec![1, 4], &[2], &device);
        let gradient = tensor::<B>(&point(&[2, 5], 10 + t));
        table = B::update_rows(rule, table, &mut slots, rows, gradient, 0.01, t);
    }
    [&[table], &slots[..]].concat().iter().map(DynTensor::to_vec).collect()
}

#[test]
fn rows_move_alone() {
    let adam = |amsgrad| UpdateRule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad };
    for rule in [adam(false), adam(true), UpdateRule::Sgd { momentum: 0.9, nesterov: false }] {
        let wanted = stepped::<Oracle>(&rule);
        for found in [stepped::<Flex>(&rule), stepped::<NdArray>(&rule)] {
            for (found, wanted) in found.iter().zip(&wanted) {
                assert_close(found, wanted, 1e-5, "table or slot");
            }
            let before = point(&[6, 5], 1).1;
            for row in [0, 2, 3, 5] {
                assert_eq!(found[0][row * 5..][..5], before[row * 5..][..5]);
            }
            assert_ne!(found[0][5..10], before[5..10]);
        }
    }
}

/// The weights are cut into parts, which is what threads share; each element is stepped alone.
#[test]
fn a_step_is_the_same_for_any_number_of_threads() {
    const LEN: usize = 200_003;
    let adam = UpdateRule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad: false };
    for rule in [adam, UpdateRule::Sgd { momentum: 0.0, nesterov: false }] {
        let step = |threads: usize, from: usize, len: usize| {
            let part = |seed| {
                let (_, values) = point(&[LEN], seed);
                tensor::<Flex>(&(vec![len], values[from..][..len].to_vec()))
            };
            let zeros = |value| DynTensor::full(&[len], value, &Default::default());
            let mut slots: Vec<_> = rule.slots().into_iter().map(zeros).collect();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let weight = pool.install(|| Flex::update(&rule, part(1), &mut slots, part(2), 0.01, 3));
            [&[weight], &slots[..]].concat().iter().map(DynTensor::to_vec).collect::<Vec<_>>()
        };
        let wanted = step(1, 0, LEN);
        assert!(step(2, 0, LEN) == wanted && step(4, 0, LEN) == wanted);
        for (found, wanted) in step(1, LEN - 9, 9).iter().zip(&wanted) {
            assert_close(found, &wanted[LEN - 9..], 1e-6, "the last weights alone");
        }
    }
}

/// A gradient kept as rows moves every row as the same gradient with zeros between them does, to the bit and by any number of threads.
#[test]
fn a_step_by_rows_is_that_of_the_whole_gradient() {
    // Parts of 885 rows.
    const SHAPE: [usize; 2] = [3000, 37];
    let adam = |amsgrad| UpdateRule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad };
    let scattered = (0..3000).filter(|row| row % 7 < 3 || row % 50 == 3).collect();
    let choices: [Vec<i32>; 5] = [scattered, vec![884, 885], vec![0, 1, 2999], (0..3000).collect(), vec![]];
    for (rule, rows) in
        [adam(false), adam(true)].iter().flat_map(|rule| choices.iter().map(move |it| (rule, it)))
    {
        let step = |threads: usize, by_rows: bool| {
            let device = Default::default();
            let table = tensor::<Flex>(&point(&SHAPE, 1));
            let values = tensor::<Flex>(&point(&[rows.len(), SHAPE[1]], 2));
            let rows = Indices::from_vec(rows.clone(), &[rows.len()], &device);
            let slot = |seed| tensor::<Flex>(&point(&SHAPE, seed)).square();
            let mut slots: Vec<_> = (3..).map(slot).take(rule.slots().len()).collect();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let table = pool.install(|| match by_rows {
                true => Flex::update_by_rows(rule, table, &mut slots, rows, values, 0.01, 3),
                false => {
                    let gradient = Flex::embedding_lookup_backward(SHAPE[0], rows, values);
                    Flex::update(rule, table, &mut slots, gradient, 0.01, 3)
                }
            });
            [&[table], &slots[..]].concat().iter().map(DynTensor::to_vec).collect::<Vec<_>>()
        };
        let wanted = step(1, false);
        assert!(step(1, true) == wanted && step(2, true) == wanted, "{} rows", rows.len());
    }
}
