//! Training of word vectors: example by example as plain loops do it, and down the gradient of the loss.

use fornax_core::ops::{Examples, Hidden, WordVectorOps};
use fornax_core::{Backend, DynTensor, Flex, NdArray, Philox};
use fornax_testkit::{Oracle, assert_close};

use super::{Point, point, tensor, to_f32};

const ROWS: [usize; 2] = [23, 41];

/// Inputs, right and wrong outputs of an example.
type Plain = (Vec<u32>, Vec<u32>, Vec<u32>);

/// Examples without a row twice, with so many inputs, right and wrong outputs.
fn examples(sizes: &[[usize; 3]], seed: u64) -> Vec<Plain> {
    let mut random = Philox::new(seed);
    let mut drawn = |rows: usize, len: usize| {
        random.permutation(rows).into_iter().take(len).map(|row| row as u32).collect::<Vec<u32>>()
    };
    let example = |&[inputs, right, wrong]: &[usize; 3]| {
        let mut outputs = drawn(ROWS[1], right + wrong);
        let wrong = outputs.split_off(right);
        (drawn(ROWS[0], inputs), outputs, wrong)
    };
    sizes.iter().map(example).collect()
}

fn pushed(plain: &[Plain]) -> Examples {
    let mut examples = Examples::default();
    for (inputs, right, wrong) in plain {
        examples.push(inputs, right, wrong);
    }
    examples
}

/// The tables after the examples and the loss of each, by loops in double precision.
fn by_loops(
    tables: &[Point; 2],
    width: usize,
    plain: &[Plain],
    hidden: Hidden,
    alpha: f64,
) -> ([Vec<f64>; 2], Vec<f64>) {
    let [mut x, mut v] =
        tables.each_ref().map(|(_, values)| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>());
    let mut losses = vec![];
    for (inputs, right, wrong) in plain {
        let row = |table: &[f64], row: u32| table[row as usize * width..][..width].to_vec();
        let groups: Vec<&[u32]> =
            inputs.chunks(if hidden == Hidden::Each { 1 } else { inputs.len() }).collect();
        let (before, mut loss) = (v.clone(), 0.0);
        let old = x.clone();
        for group in groups {
            let mut h = vec![0.0; width];
            for &input in group {
                h.iter_mut().zip(row(&old, input)).for_each(|(h, value)| *h += value / group.len() as f64);
            }
            for (targets, label) in [(right, 1.0), (wrong, 0.0)] {
                for &target in targets {
                    let w = row(&before, target);
                    let z: f64 = h.iter().zip(&w).map(|(a, b)| a * b).sum();
                    let p = 1.0 / (1.0 + (-z).exp());
                    let signed = if label == 1.0 { -z } else { z };
                    loss += signed.max(0.0) + (-signed.abs()).exp().ln_1p();
                    let g = alpha * (label - p);
                    for at in 0..width {
                        v[target as usize * width + at] += g * h[at];
                        group.iter().for_each(|&input| x[input as usize * width + at] += g * w[at]);
                    }
                }
            }
        }
        losses.push(loss);
    }
    ([x, v], losses)
}

/// Tables whose elements behind `width` are 0.
fn tables<B: Backend>(width: usize) -> ([Point; 2], [DynTensor<B>; 2]) {
    let padded = B::padded_width(width);
    let points = [0, 1].map(|at| {
        let (_, mut values) = point(&[ROWS[at], padded], 7 + at as u64);
        for row in values.chunks_exact_mut(padded) {
            row.iter_mut().for_each(|value| *value *= 0.2);
            row[width..].fill(0.0);
        }
        (vec![ROWS[at], padded], values)
    });
    let tensors = points.each_ref().map(tensor::<B>);
    (points, tensors)
}

fn check<B: Backend>(width: usize, sizes: &[[usize; 3]], hidden: Hidden) {
    let plain = examples(sizes, 3);
    let (points, mut found) = tables::<B>(width);
    let padded = points[0].0[1];
    let (wanted, losses) = by_loops(&points, padded, &plain, hidden, 0.1);
    // One example a call: what is no CPU takes those of a call at once.
    for (example, wanted) in plain.iter().zip(losses) {
        let examples = pushed(std::slice::from_ref(example));
        let (tables, loss) = B::train_word_vectors(found, &examples, hidden, 0.1, false);
        found = tables;
        assert!((loss - wanted).abs() < 1e-4 * wanted, "loss {loss}, wanted {wanted}");
    }
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_close(&found.to_vec(), &to_f32(wanted), 2e-5, "table");
    }
}

/// Inputs, right and wrong outputs around the sizes of the kernel's blocks.
const SIZES: [[usize; 3]; 7] =
    [[1, 1, 0], [1, 0, 1], [2, 1, 5], [3, 1, 6], [11, 2, 11], [10, 1, 4], [5, 7, 6]];

#[test]
fn examples_are_those_of_plain_loops() {
    for width in [1, 5, 16, 33, 100] {
        for hidden in [Hidden::Each, Hidden::Mean] {
            check::<Oracle>(width, &SIZES, hidden);
            check::<Flex>(width, &SIZES, hidden);
            check::<NdArray>(width, &SIZES, hidden);
        }
    }
}

/// CPU backends take the examples of a call one after the other, and elements behind the width stay 0.
#[test]
fn a_call_is_its_examples_in_order() {
    let plain = examples(&SIZES.repeat(20), 5);
    let ([points, _], hidden) = ([tables::<Flex>(20).0, tables::<Flex>(20).0], Hidden::Each);
    let (wanted, losses) = by_loops(&points, 32, &plain, hidden, 0.05);
    let (found, loss) = Flex::train_word_vectors(tables::<Flex>(20).1, &pushed(&plain), hidden, 0.05, false);
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_close(&found.to_vec(), &to_f32(wanted), 1e-4, "table");
        assert!(found.to_vec().chunks_exact(32).all(|row| row[20..].iter().all(|&value| value == 0.0)));
    }
    // Every 64th is looked at.
    let looked_at: Vec<f64> = losses.iter().copied().step_by(64).collect();
    let wanted = looked_at.iter().sum::<f64>() * losses.len() as f64 / looked_at.len() as f64;
    assert!((loss - wanted).abs() < 1e-4 * wanted, "loss {loss}, wanted {wanted}");
}

/// Where no two examples share a row, the order does not matter and threads cannot overwrite each other.
#[test]
fn hogwild_loses_nothing_of_rows_apart() {
    let rows = 3000u32;
    let mut examples = Examples::default();
    (0..rows / 3).for_each(|at| examples.push(&[3 * at, 3 * at + 1], &[3 * at], &[3 * at + 1, 3 * at + 2]));
    let run = |hogwild: bool| {
        let tables = [1, 2].map(|seed| tensor::<Flex>(&point(&[rows as usize, 16], seed)));
        Flex::train_word_vectors(tables, &examples, Hidden::Each, 0.1, hogwild)
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let ((exact, exact_loss), (hogwild, loss)) = pool.install(|| (run(false), run(true)));
    for (exact, hogwild) in exact.iter().zip(&hogwild) {
        assert_eq!(exact.to_vec(), hogwild.to_vec());
    }
    assert!((exact_loss - loss).abs() < 1e-6 * loss, "{exact_loss} and {loss}");
}

#[test]
fn steps_go_down_the_gradient() {
    let plain = examples(&[[3, 2, 4]], 9);
    for (hidden, share) in [(Hidden::Each, 1.0), (Hidden::Mean, 3.0)] {
        let loss = |points: &[Point; 2]| by_loops(points, 5, &plain, hidden, 0.0).1[0];
        let (points, tensors) = tables::<Oracle>(5);
        let (after, _) = Oracle::train_word_vectors(tensors, &pushed(&plain), hidden, 1.0, false);
        for (table, share) in [(0, share), (1, 1.0)] {
            for (at, after) in after[table].to_f64().into_iter().enumerate() {
                let moved = |by: f32| {
                    let mut points = points.clone();
                    points[table].1[at] += by;
                    (loss(&points), f64::from(points[table].1[at]))
                };
                let ((above, high), (below, low)) = (moved(1e-3), moved(-1e-3));
                let slope = (above - below) / (high - low);
                let change = after - f64::from(points[table].1[at]);
                assert!((change + share * slope).abs() < 1e-4, "{change} for a slope of {slope}");
            }
        }
    }
}

#[test]
fn examples_without_a_side_are_left_out() {
    let mut examples = Examples::default();
    examples.push(&[], &[1], &[2]);
    examples.push(&[1], &[], &[]);
    assert!(examples.is_empty());
    examples.push(&[1], &[], &[2]);
    assert_eq!(examples.len(), 1);
    examples.clear();
    assert!(examples.is_empty());
}
