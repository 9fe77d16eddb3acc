//! Every operation family and both listings on CUDA against NdArray, and their times. Needs an NVIDIA driver.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Instant;

use fornax::core::ops::{
    Activation, AttentionOptions, ConvGeometry, Examples, Hidden, PoolKind, UpdateRule, Window,
};
use fornax::core::{Cuda, DynTensor, Indices, NdArray, Philox};
use fornax::prelude::*;
use fornax::{Error, Result};
use fornax_benches::{LISTINGS, model, samples};

fn main() -> ExitCode {
    if let Err(error) = "cuda".parse::<fornax::device::DeviceName>() {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    let mut failed = 0;
    for (name, wanted, found) in
        operations::<NdArray>().into_iter().zip(operations::<Cuda>()).map(|((name, a), (_, b))| (name, a, b))
    {
        let error =
            wanted.iter().zip(&found).map(|(w, f)| (w - f).abs() / w.abs().max(1.0)).fold(0.0, f32::max);
        let pass = wanted.len() == found.len() && error < 1e-4;
        failed += usize::from(!pass);
        println!("{name:<24} largest error {error:.1e} {}", if pass { "pass" } else { "FAIL" });
    }
    for name in LISTINGS {
        match listing(name) {
            Ok(text) => println!("{text}"),
            Err(error) => {
                failed += 1;
                println!("{name}: {error} FAIL");
            }
        }
    }
    println!("{failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn noise<B: Backend>(shape: &[usize], seed: u64) -> DynTensor<B> {
    let mut values = vec![0.0; shape.iter().product()];
    Philox::new(seed).fill_uniform(&mut values);
    values.iter_mut().for_each(|value| *value -= 0.5);
    DynTensor::from_vec(values, shape, &B::Device::default())
}

/// The result of every operation on the same inputs.
fn operations<B: Backend>() -> Vec<(String, Vec<f32>)> {
    let mut results: Vec<(String, Vec<f32>)> = vec![];
    let mut keep = |name: &str, tensor: DynTensor<B>| results.push((name.to_owned(), tensor.to_vec()));
    let (x, kernel, bias, dy) =
        (noise::<B>(&[7, 13], 1), noise(&[13, 5], 2), noise(&[5], 3), noise(&[7, 5], 4));
    keep("dense", B::dense(x.clone(), kernel.clone(), Some(bias.clone()), Activation::Linear));
    let y = B::dense(x.clone(), kernel.clone(), Some(bias.clone()), Activation::Tanh);
    keep("dense tanh", y.clone());
    for cotangent in B::dense_backward(x.clone(), kernel, y, dy.clone(), Activation::Tanh, [true; 3]) {
        keep("dense cotangent", cotangent.expect("it was wanted"));
    }
    keep("add_bias", B::add_bias(dy.clone(), bias));
    keep("add_bias dbias", B::add_bias_backward(dy));
    for activation in Activation::ALL {
        let y = B::activate(x.clone(), activation);
        keep(&format!("{activation:?}"), y.clone());
        keep(
            &format!("{activation:?} dx"),
            B::activate_backward(x.clone(), y, noise(&[7, 13], 5), activation),
        );
    }
    let image = noise::<B>(&[2, 9, 8, 4], 6);
    let geometry =
        ConvGeometry { stride: vec![2, 1], dilation: vec![1, 2], padding: vec![(1, 0), (2, 1)], groups: 2 };
    let kernel = noise::<B>(&[3, 2, 2, 6], 7);
    let (bias, relu) = (noise::<B>(&[6], 12), Activation::Relu);
    let y = B::conv(image.clone(), kernel.clone(), Some(bias), relu, &geometry);
    let dy = noise::<B>(&y.shape(), 8);
    keep("conv", y.clone());
    let cotangents =
        B::conv_backward(image.clone(), kernel.clone(), y, dy.clone(), relu, &geometry, [true; 3]);
    for cotangent in cotangents {
        keep("conv cotangent", cotangent.expect("it was wanted"));
    }
    keep("conv dx", B::conv_input(dy.clone(), kernel, &geometry, &[2, 9, 8, 4]));
    keep("conv dkernel", B::conv_kernel(image.clone(), dy, &geometry, &[3, 2, 2, 6]));
    let window = Window { size: vec![3, 2], stride: vec![2, 2], padding: vec![(1, 1), (0, 1)] };
    for kind in [PoolKind::Max, PoolKind::Average] {
        let y = B::pool(image.clone(), &window, kind);
        let dy = noise::<B>(&y.shape(), 9);
        keep(&format!("pool {kind:?}"), y.clone());
        keep(&format!("pool {kind:?} dx"), B::pool_backward(image.clone(), y, dy, &window, kind));
    }
    let (scale, shift) = (noise::<B>(&[13], 13), noise::<B>(&[13], 14));
    for axis in [0, 1] {
        let [y, mean, variance] = B::normalize(x.clone(), scale.clone(), shift.clone(), axis, 1e-3);
        keep("normalize", y);
        let dy = noise(&[7, 13], 10);
        for cotangent in B::normalize_backward(x.clone(), [mean, variance], scale.clone(), dy, axis, 1e-3) {
            keep("normalize cotangent", cotangent);
        }
    }
    keep("scale_and_shift", B::scale_and_shift(x.clone(), scale.clone(), shift));
    for cotangent in B::scale_and_shift_backward(x.clone(), scale, noise(&[7, 13], 15)) {
        keep("scale_and_shift cotangent", cotangent);
    }
    let heads = |steps: usize, heads: usize, seed: u64| noise::<B>(&[2, steps, heads, 6], seed);
    let inputs = || [heads(5, 4, 16), heads(7, 2, 17), heads(7, 2, 18)];
    let options =
        || AttentionOptions::new(6).causal().offset(1).lengths(vec![4, 7]).dropout(0.2, Philox::new(4));
    let [q, k, v] = inputs();
    let [y, log_sum] = B::dot_product_attention(q, k, v, options());
    keep("attention", y.clone());
    let dy = heads(5, 4, 19);
    for cotangent in B::dot_product_attention_backward(inputs(), [y, log_sum], dy, options()) {
        keep("attention cotangent", cotangent);
    }
    keep("dropout", B::dropout(x.clone(), 0.3, &[7, 13], Philox::new(3)));
    let ids = || Indices::<B>::from_vec(vec![3, 0, 3], &[3], &B::Device::default());
    keep("embedding", B::embedding_lookup(x.clone(), ids()));
    keep("embedding dtable", B::embedding_lookup_backward(7, ids(), noise(&[3, 13], 11)));
    let labels = Indices::<B>::from_vec(vec![3, 0, 12, 5, 5, 1, 9], &[7], &B::Device::default());
    let (losses, probabilities) = B::sparse_cross_entropy(x.clone(), labels.clone(), 0.1);
    keep("cross entropy", losses);
    keep("cross entropy dx", B::sparse_cross_entropy_backward(probabilities, labels, 0.1, noise(&[7], 12)));
    // One example a call: only then do CPUs, which take one after the other, compute what is wanted elsewhere.
    let mut tables = [noise::<B>(&[5, 16], 20), noise(&[5, 16], 21)];
    let mut classes = [noise::<B>(&[5, 16], 22), noise(&[3, 16], 23)];
    for (inputs, right, wrong) in [(vec![0, 3], vec![1], vec![2, 4]), (vec![3], vec![2], vec![0])] {
        let mut example = Examples::default();
        example.push(&inputs, &right, &wrong);
        for hidden in [Hidden::Each, Hidden::Mean] {
            tables = B::train_word_vectors(tables, &example, hidden, 0.1, false).0;
        }
        let mut example = Examples::default();
        example.push(&inputs, &right, &[]);
        classes = B::train_bag_classifier(classes, &example, 0.1, false).0;
    }
    for table in tables.into_iter().chain(classes) {
        keep("table of vectors", table);
    }
    let rules = [
        UpdateRule::Sgd { momentum: 0.9, nesterov: true },
        UpdateRule::Adam { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad: false },
        UpdateRule::Rmsprop { rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false },
    ];
    for rule in rules {
        let device = B::Device::default();
        let slots = rule.slots().into_iter().map(|value| DynTensor::full(&[7, 13], value, &device));
        let moved = B::update(&rule, x.clone(), &mut slots.collect(), noise(&[7, 13], 13), 1e-2, 1);
        keep(&format!("{rule:?}"), moved);
    }
    results
}

/// Ten steps on both backends have the same losses; then the time of a step on CUDA.
fn listing(name: &str) -> Result<String> {
    let set = samples(name, 320)?;
    let wanted = model::<NdArray>(name, Default::default())?
        .fit(&set, Fit::new().shuffle(false).verbose(false))?
        .last("loss");
    let mut cuda = model::<Cuda>(name, Default::default())?;
    let found = cuda.fit(&set, Fit::new().shuffle(false).verbose(false))?.last("loss");
    let (wanted, found) = (wanted.unwrap_or(f64::NAN), found.unwrap_or(f64::NAN));
    if (wanted - found).abs() > 1e-3 * wanted {
        return Err(Error::training(format!("loss of {name} on CUDA"), found, wanted));
    }
    let clock = Instant::now();
    cuda.fit(&samples(name, 32 * 200)?, Fit::new().verbose(false))?;
    Ok(format!("{name:<24} loss {found:.5} pass, {:.3} ms a step", 5.0 * clock.elapsed().as_secs_f64()))
}
