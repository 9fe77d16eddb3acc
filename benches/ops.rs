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
        bencher.iter(|| B::dense(x.clone(), kernel.clone(), None, Activation::Relu));
    });
    criterion.bench_function(&name("dense_backward"), |bencher| {
        let (y, all) = (dy.clone(), [true; 3]);
        bencher.iter(|| {
            B::dense_backward(x.clone(), kernel.clone(), y.clone(), dy.clone(), Activation::Relu, all)
        });
    });
    let geometry =
        ConvGeometry { stride: vec![1; 2], dilation: vec![1; 2], padding: vec![(0, 0); 2], groups: 1 };
    let listing = [([32, 28, 28, 1], [3, 3, 1, 32]), ([32, 13, 13, 32], [3, 3, 32, 64])];
    for (shape, kernel) in listing {
        let name = |op: &str| name(&format!("{op}_{}_channels", shape[3]));
        let (x, kernel, bias) = (noise::<B>(&shape), noise::<B>(&kernel), noise::<B>(&kernel[3..]));
        let conv = || B::conv(x.clone(), kernel.clone(), Some(bias.clone()), Activation::Relu, &geometry);
        criterion.bench_function(&name("conv"), |bencher| bencher.iter(conv));
        let y = conv();
        let dy = y.clone();
        for (part, want) in [("dx", [true, false, false]), ("dkernel", [false, true, true])] {
            criterion.bench_function(&name(&format!("conv_{part}")), |bencher| {
                bencher.iter(|| {
                    let (x, kernel, y, dy) = (x.clone(), kernel.clone(), y.clone(), dy.clone());
                    B::conv_backward(x, kernel, y, dy, Activation::Relu, &geometry, want)
                });
            });
        }
    }
    let window = Window { size: vec![2; 2], stride: vec![2; 2], padding: vec![(0, 0); 2] };
    let x = noise::<B>(&[32, 26, 26, 32]);
    criterion.bench_function(&name("max_pool"), |bencher| {
        bencher.iter(|| B::pool(x.clone(), &window, PoolKind::Max));
    });
    let y = B::pool(x.clone(), &window, PoolKind::Max);
    criterion.bench_function(&name("max_pool_backward"), |bencher| {
        bencher.iter(|| B::pool_backward(x.clone(), y.clone(), y.clone(), &window, PoolKind::Max));
    });
}

fn ops(criterion: &mut Criterion) {
    on::<Flex>(criterion);
    on::<NdArray>(criterion);
}

criterion_group!(benches, ops);
criterion_main!(benches);
