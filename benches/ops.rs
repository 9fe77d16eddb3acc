//! The operations under the listings, alone: forward and backward of each layer's operation at batch 32.
#![allow(missing_docs)]

use criterion::{Criterion, criterion_group, criterion_main};
use fornax::Backend;
use fornax::core::ops::{Activation, ConvGeometry, PoolKind, Window};
use fornax::core::{DynTensor, Flex, NdArray, Philox};

fn noise<B: Backend>(shape: &[usize]) -> DynTensor<B> {
    let mut values = vec![0.0; shape.iter().product()];
    Philox::new(1).fill_uniform(&mut values);
    DynTensor::from_vec(values, shape, &B::Device::default())
}

fn on<B: Backend>(criterion: &mut Criterion) {
    let device = B::Device::default();
    let name = |op: &str| format!("{op}/{}", B::name(&device));
    let (x, kernel, dy) = (noise::<B>(&[32, 784]), noise::<B>(&[784, 64]), noise::<B>(&[32, 64]));
    criterion.bench_function(&name("dense"), |bencher| {
        bencher.iter(|| B::dense(x.clone(), kernel.clone(), None));
    });
    criterion.bench_function(&name("dense_backward"), |bencher| {
        bencher.iter(|| B::dense_backward(x.clone(), kernel.clone(), dy.clone(), [true, true]));
    });
    let geometry =
        ConvGeometry { stride: vec![1; 2], dilation: vec![1; 2], padding: vec![(0, 0); 2], groups: 1 };
    let (x, kernel, dy) =
        (noise::<B>(&[32, 13, 13, 32]), noise::<B>(&[3, 3, 32, 64]), noise::<B>(&[32, 11, 11, 64]));
    criterion.bench_function(&name("conv"), |bencher| {
        bencher.iter(|| B::conv(x.clone(), kernel.clone(), &geometry));
    });
    criterion.bench_function(&name("conv_input"), |bencher| {
        bencher.iter(|| B::conv_input(dy.clone(), kernel.clone(), &geometry, &[32, 13, 13, 32]));
    });
    criterion.bench_function(&name("conv_kernel"), |bencher| {
        bencher.iter(|| B::conv_kernel(x.clone(), dy.clone(), &geometry, &[3, 3, 32, 64]));
    });
    let window = Window { size: vec![2; 2], stride: vec![2; 2], padding: vec![(0, 0); 2] };
    let x = noise::<B>(&[32, 26, 26, 32]);
    criterion.bench_function(&name("max_pool"), |bencher| {
        bencher.iter(|| B::pool(x.clone(), &window, PoolKind::Max));
    });
    criterion.bench_function(&name("relu"), |bencher| {
        bencher.iter(|| B::activate(x.clone(), Activation::Relu));
    });
}

fn ops(criterion: &mut Criterion) {
    on::<Flex>(criterion);
    on::<NdArray>(criterion);
}

criterion_group!(benches, ops);
criterion_main!(benches);
