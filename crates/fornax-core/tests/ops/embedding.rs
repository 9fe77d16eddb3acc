//! Embedding: rows by index, cotangents added up by index.

use fornax_core::ops::{EmbeddingOps, distinct};
use fornax_core::{Backend, Flex, Indices, NdArray, Philox};
use fornax_testkit::{Oracle, assert_close, gradient::check_gradient};

use super::{Recorded, point, tensor, to_f32};

fn check<B: Backend>(rows: usize, width: usize, shape: &[usize]) {
    let mut random = Philox::new(3);
    let chosen: Vec<i32> = (0..shape.iter().product()).map(|_| random.below(rows) as i32).collect();
    let indices = || Indices::<B>::from_vec(chosen.clone(), shape, &B::Device::default());
    let output = [shape, &[width]].concat();
    let (table, dy) = (point(&[rows, width], 1), point(&output, 2));
    let (mut y, mut dtable) = (vec![], vec![0.0; rows * width]);
    for (at, &row) in chosen.iter().enumerate() {
        for column in 0..width {
            y.push(table.1[row as usize * width + column]);
            dtable[row as usize * width + column] += f64::from(dy.1[at * width + column]);
        }
    }
    let found = B::embedding_lookup(tensor::<B>(&table), indices());
    assert_eq!(found.shape(), output);
    assert_close(&found.to_vec(), &y, 0.0, "rows");
    let found = B::embedding_lookup_backward(rows, indices(), tensor::<B>(&dy));
    assert_close(&found.to_vec(), &to_f32(&dtable), 1e-5, "cotangent of the table");

    let distinct: Vec<i32> = (0..rows as i32).filter(|row| chosen.contains(row)).collect();
    let values = point(&[distinct.len(), width], 5);
    let mut replaced = table.1.clone();
    for (&row, value) in distinct.iter().zip(values.1.chunks(width)) {
        replaced[row as usize * width..][..width].copy_from_slice(value);
    }
    let indices = Indices::<B>::from_vec(distinct.clone(), &[distinct.len()], &B::Device::default());
    let found = B::replace_rows(tensor::<B>(&table), indices, tensor::<B>(&values));
    assert_close(&found.to_vec(), &replaced, 1e-6, "replaced rows");
}

#[test]
fn rows_are_those_of_plain_loops() {
    for (rows, width, shape) in
        [(1, 1, &[1][..]), (7, 5, &[3]), (3, 2, &[4, 6]), (50, 17, &[2, 3, 5]), (29, 64, &[1200])]
    {
        check::<Oracle>(rows, width, shape);
        check::<Flex>(rows, width, shape);
        check::<NdArray>(rows, width, shape);
    }
}

/// By a list of all numbers, and by sorting where that would be long.
#[test]
fn distinct_numbers_and_places() {
    assert_eq!(distinct(&[7, 2, 7, 0]), (vec![0, 2, 7], vec![2, 1, 2, 0]));
    assert_eq!(distinct(&[70_000, 2, 70_000]), (vec![2, 70_000], vec![1, 0, 1]));
    assert_eq!(distinct(&[]), (vec![], vec![]));
}

/// A leaf's gradient is that of the rows, and the table has none.
#[test]
fn a_leaf_takes_the_gradient_of_its_rows() {
    let table = tensor::<Oracle>(&point(&[5, 3], 1)).lift(true);
    let indices = Indices::from_vec(vec![4, 0, 4], &[3], &Default::default());
    let rows = Recorded::embedding_leaf(table.clone(), indices);
    let mut gradients = rows.clone().square().sum().backward();
    let wanted: Vec<f32> = rows.to_vec().iter().map(|value| 2.0 * value).collect();
    assert_eq!(gradients.remove(&rows).unwrap().to_vec(), wanted);
    assert!(gradients.remove(&table).is_none());
}

#[test]
fn gradients_are_finite_differences() {
    check_gradient(&[point(&[5, 3], 1)], 2e-4, |tensors| {
        let indices = Indices::from_vec(vec![4, 0, 4, 2, 4, 0], &[2, 3], &Default::default());
        vec![Recorded::embedding_lookup(tensors[0].clone(), indices)]
    });
}

#[test]
fn threads_change_no_bit() {
    let mut random = Philox::new(3);
    let chosen: Vec<i32> = (0..12_000).map(|_| random.below(301) as i32).collect();
    let (table, dy) = (point(&[301, 64], 1), point(&[12_000, 64], 2));
    let found = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let indices = || Indices::<Flex>::from_vec(chosen.clone(), &[12_000], &Default::default());
        pool.install(|| {
            let rows = Flex::embedding_lookup(tensor(&table), indices());
            [rows, Flex::embedding_lookup_backward(301, indices(), tensor(&dy))].map(|tensor| tensor.to_vec())
        })
    };
    let wanted = found(1);
    assert!(found(2) == wanted && found(4) == wanted);
}
