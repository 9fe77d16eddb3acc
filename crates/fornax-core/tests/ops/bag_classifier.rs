//! The linear classifier of bags: example by example as plain loops do it, and down the gradient of the loss.

use fornax_core::ops::{BagClassifierOps, Examples};
use fornax_core::{Backend, DynTensor, Flex, NdArray, Philox};
use fornax_testkit::{Oracle, assert_close};

use super::{Point, point, tensor, to_f32};

const ROWS: usize = 40;

/// Bags without a row twice, each with its class.
fn bags(sizes: &[usize], classes: usize) -> Vec<(Vec<u32>, u32)> {
    let mut random = Philox::new(5);
    let mut bag = |&size: &usize| {
        let rows = random.permutation(ROWS).into_iter().take(size).map(|row| row as u32).collect();
        (rows, random.below(classes) as u32)
    };
    sizes.iter().map(&mut bag).collect()
}

fn pushed(bags: &[(Vec<u32>, u32)]) -> Examples {
    let mut examples = Examples::default();
    bags.iter().for_each(|(inputs, class)| examples.push(inputs, &[*class], &[]));
    examples
}

/// The tables after the bags and the loss of all of them, by loops in double precision.
fn by_loops(tables: &[Point; 2], width: usize, bags: &[(Vec<u32>, u32)], alpha: f64) -> ([Vec<f64>; 2], f64) {
    let [mut x, mut v] =
        tables.each_ref().map(|(_, values)| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>());
    let mut loss = 0.0;
    for (inputs, class) in bags {
        let share = 1.0 / inputs.len() as f64;
        let h: Vec<f64> = (0..width)
            .map(|at| inputs.iter().map(|&row| x[row as usize * width + at]).sum::<f64>() * share)
            .collect();
        let z: Vec<f64> =
            v.chunks(width).map(|v| v.iter().zip(&h).map(|(v, h)| v * h).sum::<f64>()).collect();
        let sum: f64 = z.iter().map(|z| z.exp()).sum();
        loss += sum.ln() - z[*class as usize];
        let g: Vec<f64> = z
            .iter()
            .enumerate()
            .map(|(k, z)| alpha * (f64::from(u8::from(k == *class as usize)) - z.exp() / sum))
            .collect();
        for at in 0..width {
            let dh: f64 = g.iter().zip(v.chunks(width)).map(|(g, v)| g * v[at]).sum();
            inputs.iter().for_each(|&row| x[row as usize * width + at] += share * dh);
        }
        for (g, v) in g.iter().zip(v.chunks_mut(width)) {
            v.iter_mut().zip(&h).for_each(|(v, h)| *v += g * h);
        }
    }
    ([x, v], loss)
}

fn tables<B: Backend>(width: usize, classes: usize) -> ([Point; 2], [DynTensor<B>; 2]) {
    let padded = B::padded_width(width);
    let points = [ROWS, classes].map(|rows| {
        let (_, mut values) = point(&[rows, padded], 3 + rows as u64);
        for row in values.chunks_exact_mut(padded) {
            row.iter_mut().for_each(|value| *value *= 0.02);
            row[width..].fill(0.0);
        }
        (vec![rows, padded], values)
    });
    let tensors = points.each_ref().map(tensor::<B>);
    (points, tensors)
}

fn check<B: Backend>(width: usize, classes: usize) {
    let bags = bags(&[1, 2, 13, 40, 7, 12], classes);
    let (points, mut found) = tables::<B>(width, classes);
    let padded = points[0].0[1];
    let (wanted, wanted_loss) = by_loops(&points, padded, &bags, 0.2);
    let mut loss = 0.0;
    // One example a call: what is no CPU takes those of a call at once.
    for bag in &bags {
        let (tables, part) = B::train_bag_classifier(found, &pushed(std::slice::from_ref(bag)), 0.2, false);
        (found, loss) = (tables, loss + part);
    }
    assert!((loss - wanted_loss).abs() < 1e-4 * wanted_loss.max(1.0), "loss {loss}, wanted {wanted_loss}");
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_close(&found.to_vec(), &to_f32(wanted), 2e-5, "table");
    }
}

#[test]
fn examples_are_those_of_plain_loops() {
    for (width, classes) in [(1, 2), (16, 1), (33, 7), (100, 20)] {
        check::<Oracle>(width, classes);
        check::<Flex>(width, classes);
        check::<NdArray>(width, classes);
    }
}

#[test]
fn steps_go_down_the_gradient() {
    let bags = bags(&[3], 4);
    let loss = |points: &[Point; 2]| by_loops(points, 5, &bags, 0.0).1;
    let (points, tensors) = tables::<Oracle>(5, 4);
    let (after, _) = Oracle::train_bag_classifier(tensors, &pushed(&bags), 1.0, false);
    for (table, after) in after.iter().enumerate() {
        for (at, after) in after.to_f64().into_iter().enumerate() {
            let moved = |by: f32| {
                let mut points = points.clone();
                points[table].1[at] += by;
                (loss(&points), f64::from(points[table].1[at]))
            };
            let ((above, high), (below, low)) = (moved(1e-3), moved(-1e-3));
            let slope = (above - below) / (high - low);
            let change = after - f64::from(points[table].1[at]);
            assert!((change + slope).abs() < 1e-4, "{change} for a slope of {slope}");
        }
    }
}

/// Many examples at once, and several threads, learn what one after the other does.
#[test]
fn all_ways_learn_the_same() {
    fn losses<B: Backend>(hogwild: bool) -> [f64; 2] {
        // A class is the remainder of every row of its bags.
        let mut random = Philox::new(8);
        let mut examples = Examples::default();
        for _ in 0..2000 {
            let class = random.below(4) as u32;
            let inputs: Vec<u32> = (0..6).map(|_| 4 * random.below(ROWS / 4) as u32 + class).collect();
            examples.push(&inputs, &[class], &[]);
        }
        let (_, mut tensors) = tables::<B>(16, 4);
        [0, 1].map(|_| {
            let (tables, loss) = B::train_bag_classifier(
                std::mem::replace(&mut tensors, tables::<B>(16, 4).1),
                &examples,
                0.2,
                hogwild,
            );
            tensors = tables;
            loss / 2000.0
        })
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let ways = pool.install(|| [losses::<Flex>(false), losses::<Flex>(true), losses::<NdArray<f64>>(false)]);
    for [first, second] in ways {
        assert!(second < 0.1 && second < first, "{ways:?}");
    }
}
