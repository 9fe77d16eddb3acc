//! CTC: the sum over all paths, gradients, PyTorch's numbers; decoding against all labellings.

use std::collections::HashMap;

use fornax_core::ops::Activation;
use fornax_core::{Array, Autodiff, Backend, DynTensor, Flex, NdArray, Philox, Value};
use fornax_sequence::ctc::{Ctc, CtcDecoder};
use fornax_testkit::{Oracle, assert_close, config, gradient::check_gradient};
use fornax_train::losses::{CustomLoss, Loss};
use proptest::prelude::*;
use serde_json::Value as Json;

use super::{Recorded, integers, narrow, numbers, on_one_and_four_threads, scores, sequences};

/// A path without its repeats and then without its blanks.
fn collapse(path: &[usize], blank: usize) -> Vec<usize> {
    let mut labels = vec![];
    let mut last = blank;
    for &class in path {
        if class != last && class != blank {
            labels.push(class);
        }
        last = class;
    }
    labels
}

/// The probability of every labelling of one sequence of logits, path by path.
fn labellings(logits: &Array, blank: usize) -> HashMap<Vec<usize>, f64> {
    let [time, classes] = *logits.shape() else { panic!("[time, classes]") };
    let values = logits.to_f32();
    let p: Vec<Vec<f64>> = values
        .chunks(classes)
        .map(|row| {
            let total: f64 = row.iter().map(|&z| f64::from(z).exp()).sum();
            row.iter().map(|&z| f64::from(z).exp() / total).collect()
        })
        .collect();
    let mut all = HashMap::new();
    for path in sequences(classes, time) {
        let probability: f64 = path.iter().zip(&p).map(|(&class, p)| p[class]).product();
        *all.entry(collapse(&path, blank)).or_insert(0.0) += probability;
    }
    all
}

fn tensor<B: Backend>(array: &Array) -> DynTensor<B> {
    DynTensor::from_array(array, &Default::default())
}

/// One sequence as a batch.
fn batch_of_one(array: &Array) -> Array {
    array.reshape([&[1], array.shape()].concat()).unwrap()
}

#[test]
fn the_loss_is_the_sum_over_all_paths() {
    for (seed, (time, classes, blank)) in [(1, 2, 0), (4, 2, 1), (5, 3, 0), (6, 3, 2)].into_iter().enumerate()
    {
        let logits = scores(&[time, classes], seed as u64);
        let all = labellings(&logits, blank);
        assert!((all.values().sum::<f64>() - 1.0).abs() < 1e-12);
        for (labels, probability) in all {
            let loss = |found: f32| {
                assert_close(&[found], &[-probability.ln() as f32], 1e-6, &format!("{labels:?}"))
            };
            let (ctc, one) = (Ctc::new().blank(blank), batch_of_one(&logits));
            let labels = [labels.clone()];
            loss(ctc.sequence_losses::<Oracle>(tensor(&one), None, &labels).unwrap().to_vec()[0]);
            loss(ctc.sequence_losses::<Flex>(tensor(&one), None, &labels).unwrap().to_vec()[0]);
            loss(ctc.sequence_losses::<NdArray>(tensor(&one), None, &labels).unwrap().to_vec()[0]);
        }
    }
}

#[test]
fn gradients_are_finite_differences() {
    let labels = [vec![1, 1], vec![], vec![2, 1, 2]];
    for ctc in [Ctc::new(), Ctc::new().by_target_length(true)] {
        for lengths in [None, Some(&[5, 2, 3][..])] {
            let point = (vec![3, 5, 3], scores(&[3, 5, 3], 4).to_f32());
            check_gradient(&[point], 2e-4, |tensors| {
                vec![ctc.sequence_losses::<Recorded>(tensors[0].clone(), lengths, &labels).unwrap()]
            });
        }
    }
}

fn check_goldens<B: Backend>() {
    let goldens: Json = serde_json::from_str(include_str!("../goldens/ctc.json")).unwrap();
    for golden in goldens.as_array().unwrap() {
        let shape = integers(&golden["shape"]);
        let logits: Vec<f32> = numbers(&golden["logits"]).iter().map(|x| (x / 64.0) as f32).collect();
        let logits = DynTensor::<B>::from_vec(logits, &shape, &Default::default()).lift(true);
        let labels: Vec<_> = golden["labels"].as_array().unwrap().iter().map(integers).collect();
        let lengths = integers(&golden["lengths"]);
        let ctc = Ctc::new()
            .blank(golden["blank"].as_u64().unwrap() as usize)
            .zero_infinity(golden["zero_infinity"].as_bool().unwrap());
        let losses = |ctc: Ctc| ctc.sequence_losses(logits.clone(), Some(&lengths), &labels).unwrap();
        let compare = |reduced: DynTensor<Autodiff<B>>, name: &str| {
            let found = reduced.backward().remove(&logits).unwrap().to_vec();
            assert_close(&found, &narrow(&numbers(&golden[name])), 2e-6, name);
        };
        let each = losses(ctc);
        assert_close(&each.clone().to_vec(), &narrow(&numbers(&golden["losses"])), 2e-6, "losses");
        compare(each.sum(), "gradient");
        let mean = losses(ctc.by_target_length(true)).mean();
        assert_close(&mean.clone().to_vec(), &[golden["mean"].as_f64().unwrap() as f32], 2e-6, "mean");
        compare(mean, "mean_gradient");
    }
}

#[test]
fn losses_and_gradients_are_those_of_pytorch() {
    check_goldens::<Flex>();
    check_goldens::<NdArray>();
}

/// Losses and gradient through a model's form of the loss, with a mask.
fn masked(logits: &Array, mask: &[bool], labels: &Array) -> (f32, Vec<f32>) {
    type B = Autodiff<Flex>;
    let device = Default::default();
    let logits = tensor::<Flex>(logits).lift(true);
    let kept = mask.iter().map(|&kept| f32::from(u8::from(kept))).collect();
    let mask = DynTensor::<B>::from_vec(kept, &logits.shape()[..2], &device).equal_scalar(1.0);
    let y_pred = Value::from(logits.clone()).with_mask(Some(mask));
    let loss = Loss::from(Ctc::new()).reduced(&Value::from_array(labels, &device), &y_pred, None).unwrap();
    let mut gradients = loss.clone().backward();
    (loss.to_vec()[0], gradients.remove(&logits).unwrap().to_vec())
}

proptest! {
    #![proptest_config(config(40))]
    #[test]
    fn padding_never_changes_the_loss(
        gaps in proptest::collection::vec(0usize..4, 6), pads in 0usize..4, pad_with in prop_oneof![Just(0), Just(-1)],
        garbage in -50.0f32..50.0,
    ) {
        let (classes, labels) = (4, vec![1, 1, 3]);
        let logits = scores(&[1, 5, classes], 8);
        let (loss, gradient) = masked(&logits, &[true; 5], &Array::from_i32([1, 3], labels.clone()).unwrap());
        let (mut padded, mut mask, mut wanted) = (vec![], vec![], vec![]);
        let values = logits.to_f32();
        for (step, gap) in gaps.into_iter().enumerate() {
            padded.extend(std::iter::repeat_n(garbage, gap * classes));
            wanted.extend(std::iter::repeat_n(0.0, gap * classes));
            mask.extend(std::iter::repeat_n(false, gap));
            if step < 5 {
                padded.extend(&values[step * classes..(step + 1) * classes]);
                wanted.extend(&gradient[step * classes..(step + 1) * classes]);
                mask.push(true);
            }
        }
        let padded = Array::from_vec([1, mask.len(), classes], padded).unwrap();
        let labels = [labels, vec![pad_with; pads]].concat();
        let (found, by_logits) = masked(&padded, &mask, &Array::from_i32([1, labels.len()], labels).unwrap());
        prop_assert_eq!(found, loss);
        prop_assert_eq!(by_logits, wanted);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let logits = scores(&[9, 20, 6], 2);
    let mut random = Philox::new(3);
    let labels: Vec<Vec<usize>> = (0..9).map(|row| (0..row).map(|_| 1 + random.below(5)).collect()).collect();
    let [one, four] = on_one_and_four_threads(|| {
        let logits = tensor::<Flex>(&logits).lift(true);
        let losses = Ctc::new().sequence_losses(logits.clone(), None, &labels).unwrap();
        let values = losses.clone().to_vec();
        (values, losses.sum().backward().remove(&logits).unwrap().to_vec())
    });
    assert_eq!(one, four);
}

#[test]
fn the_logits_behind_a_softmax_are_taken() {
    let z = tensor::<Flex>(&scores(&[1, 4, 3], 1));
    let labels = Value::from_array(&Array::from_i32([1, 2], vec![1, 2]).unwrap(), &z.device());
    let plain = Ctc::new().losses(&labels, &z.clone().into()).unwrap().to_vec();
    let behind = Value::activated(z, Activation::Softmax);
    assert_eq!(Ctc::new().losses(&labels, &behind).unwrap().to_vec(), plain);
}

#[test]
fn a_target_that_is_too_long_is_an_error_or_counts_nothing() {
    let logits = tensor::<Flex>(&scores(&[2, 3, 3], 1)).lift(true);
    let losses = |ctc: Ctc, labels: &[Vec<usize>]| ctc.sequence_losses(logits.clone(), None, labels);
    let long = [vec![1, 2, 1], vec![1, 1, 2]];
    let error = losses(Ctc::new(), &long).unwrap_err();
    assert_eq!(
        error.to_string(),
        "labels, sequence 1: found 3 labels that take 4 time steps, wanted at most 3, the input's length (or \
         zero_infinity)"
    );
    let found = losses(Ctc::new().zero_infinity(true), &long).unwrap();
    let values = found.clone().to_vec();
    assert!(values[0] > 0.0 && values[1] == 0.0);
    let gradient = found.sum().backward().remove(&logits).unwrap().to_vec();
    assert!(gradient[..9].iter().any(|&g| g != 0.0) && gradient[9..].iter().all(|&g| g == 0.0));
}

#[test]
fn what_does_not_fit_is_an_error() {
    let ctc = Ctc::new();
    let logits = || tensor::<Flex>(&scores(&[1, 3, 3], 1));
    let label = |label| ctc.sequence_losses(logits(), None, &[vec![label]]).unwrap_err().to_string();
    let wanted = "wanted a class from 0 to 2 other than the blank 0";
    assert_eq!(label(3), format!("labels, sequence 0, position 0: found 3, {wanted}"));
    assert_eq!(label(0), format!("labels, sequence 0, position 0: found 0, {wanted}"));
    assert!(ctc.blank(3).sequence_losses(logits(), None, &[vec![1]]).is_err());
    assert!(ctc.sequence_losses(logits(), None, &[]).is_err());
    for lengths in [&[0][..], &[4], &[1, 1]] {
        assert!(ctc.sequence_losses(logits(), Some(lengths), &[vec![1]]).is_err(), "{lengths:?}");
    }
    let targets = |values: Vec<i32>| {
        let labels = Array::from_i32([1, values.len()], values).unwrap();
        Loss::from(ctc).check_targets(&labels, &[Some(3), Some(3)].into())
    };
    assert!(targets(vec![1, 2, 0, -1]).is_ok());
    let error = targets(vec![1, 0, 2]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "loss ctc: labels, sequence 0, position 2: found 2, wanted padding, as before it"
    );
    assert!(targets(vec![1, 1, 1]).unwrap_err().to_string().contains("5 time steps"));
    let fraction = Array::from_vec([1, 1], vec![1.5]).unwrap();
    assert!(Loss::from(ctc).check_targets(&fraction, &[Some(3), Some(3)].into()).is_err());
    assert!(Loss::from(ctc).check_output(&[3].into()).is_err());
    assert!(Loss::from(ctc.blank(9)).check_output(&[4, 3].into()).is_err());
}

#[test]
fn a_beam_of_all_prefixes_finds_every_labelling() {
    for (seed, blank) in [(1, 0), (2, 2)] {
        let logits = scores(&[5, 3], seed);
        let mut wanted: Vec<_> = labellings(&logits, blank).into_iter().collect();
        wanted.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let decoder = CtcDecoder::new().blank(blank).beam_width(1000).paths(1000);
        let found = decoder.beam(&batch_of_one(&logits), None).unwrap().swap_remove(0);
        assert_eq!(found.len(), wanted.len());
        for (found, (labels, probability)) in found.iter().zip(&wanted) {
            assert!(
                (found.score - probability.ln()).abs() < 1e-9,
                "{found:?}, wanted {labels:?} {probability}"
            );
        }
        assert_eq!(found[0].labels, wanted[0].0);
        let narrow = decoder.beam_width(4).paths(2).beam(&batch_of_one(&logits), None).unwrap();
        assert_eq!(narrow[0].len(), 2);
        assert!(narrow[0][0].score <= found[0].score + 1e-12);
    }
}

#[test]
fn greedy_is_the_best_path_and_lengths_cut() {
    let outputs = Array::from_vec(
        [2, 4, 3],
        vec![
            0.1, 0.8, 0.1, 0.1, 0.7, 0.2, 0.9, 0.05, 0.05, 0.2, 0.7, 0.1, //
            0.1, 0.1, 0.8, 0.3, 0.6, 0.1, 0.5, 0.2, 0.3, 0.0, 0.5, 0.5,
        ],
    )
    .unwrap();
    let decoder = CtcDecoder::new().from_logits(false);
    let found = decoder.greedy(&outputs, None).unwrap();
    assert_eq!([&found[0].labels[..], &found[1].labels], [&[1, 1][..], &[2, 1, 1]]);
    assert!((found[0].score - (0.8f64 * 0.7 * 0.9 * 0.7).ln()).abs() < 1e-6);
    let cut = decoder.greedy(&outputs, Some(&[2, 1])).unwrap();
    assert_eq!([&cut[0].labels[..], &cut[1].labels], [&[1][..], &[2]]);
    assert_eq!(decoder.beam(&outputs, Some(&[2, 1])).unwrap()[1][0].labels, [2]);
}

#[test]
fn a_scorer_moves_the_search() {
    let even = Array::from_vec([1, 1, 3], vec![0.2, 0.4, 0.4]).unwrap();
    let decoder = CtcDecoder::new().from_logits(false);
    assert_eq!(decoder.beam(&even, None).unwrap()[0][0].labels, [1], "of equal ones the first");
    let likes_two = decoder.scorer(|prefix, label| if prefix.is_empty() && label == 2 { 0.5 } else { 0.0 });
    let best = likes_two.beam(&even, None).unwrap().swap_remove(0).swap_remove(0);
    assert_eq!(best.labels, [2]);
    assert!((best.score - (0.4f64.ln() + 0.5)).abs() < 1e-6);
}

#[test]
fn decoders_reject_what_they_cannot_read() {
    let decoder = CtcDecoder::new();
    let outputs = scores(&[1, 2, 3], 1);
    assert!(decoder.clone().beam_width(0).beam(&outputs, None).is_err());
    assert!(decoder.clone().paths(0).beam(&outputs, None).is_err());
    assert!(decoder.clone().blank(3).greedy(&outputs, None).is_err());
    assert!(decoder.greedy(&scores(&[2, 3], 1), None).is_err());
    assert!(decoder.greedy(&outputs, Some(&[3])).is_err());
    let error =
        decoder.clone().from_logits(false).greedy(&Array::from_vec([1, 1, 2], vec![0.5, 1.5]).unwrap(), None);
    assert_eq!(
        error.unwrap_err().to_string(),
        "outputs, sequence 0, step 0, class 1: found 1.5, wanted a probability"
    );
    assert!(decoder.greedy(&Array::from_vec([1, 1, 2], vec![0.5, f32::NAN]).unwrap(), None).is_err());
}
