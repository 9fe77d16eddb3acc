//! Steps of the rows of a table alone: those of the oracle, and no other row moves.

use fornax_core::ops::UpdateRule;
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
