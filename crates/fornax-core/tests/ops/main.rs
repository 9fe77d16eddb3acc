//! The laws of the operation families, a file each: what they compute against plain loops in double precision,
//! every backend against the oracle, gradients against finite differences.

mod activation;
mod attention;
mod bag_classifier;
mod conv;
mod dense;
mod dropout;
mod embedding;
mod loss;
mod normalization;
mod optimizer;
mod pool;
mod recurrent;
mod threads;
mod word_vectors;

use fornax_core::{Backend, DynTensor};
use fornax_testkit::{config, distinct_values};

/// A shape and values for it, exact in `f32` and fit for finite differences.
type Point = (Vec<usize>, Vec<f32>);

fn point(shape: &[usize], seed: u64) -> Point {
    (shape.to_vec(), distinct_values(shape.iter().product(), seed))
}

fn tensor<B: Backend>((shape, values): &Point) -> DynTensor<B> {
    DynTensor::from_vec(values.clone(), shape, &B::Device::default())
}

/// The positions of a grid in row-major order.
fn positions(lengths: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    (0..lengths.iter().product()).map(|flat: usize| {
        let mut rest = flat;
        let mut position: Vec<usize> = lengths.iter().rev().map(|len| (rest % len, rest /= len).0).collect();
        position.reverse();
        position
    })
}

/// The row-major index of a position.
fn index(lengths: &[usize], position: &[usize]) -> usize {
    lengths.iter().zip(position).fold(0, |flat, (len, at)| flat * len + at)
}

fn to_f32(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

/// The oracle with the graph that gradients need.
type Recorded = fornax_core::Autodiff<fornax_testkit::Oracle>;
