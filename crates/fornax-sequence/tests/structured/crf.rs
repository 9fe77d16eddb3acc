//! Conditional random fields: all tag sequences one by one, gradients, pytorch-crf's numbers, padding, a model.

use fornax_core::{Array, Autodiff, Backend, DynTensor, Flex, NdArray, Philox, Value};
use fornax_data::{Dataset, LengthBuckets};
use fornax_layers::{
    Network, Registry, Regularizer, Sequential,
    layers::{Dense, Embedding},
};
use fornax_optim::Adam;
use fornax_sequence::crf::{self, CRF, CrfLoss, LinearChain};
use fornax_testkit::{Oracle, assert_close, config, gradient::check_gradient};
use fornax_train::losses::{CustomLoss, Loss, SparseCategoricalCrossentropy};
use fornax_train::{Compile, Fit, metrics::Accuracy};
use proptest::prelude::*;
use serde_json::Value as Json;

use super::{Recorded, integers, narrow, numbers, on_one_and_four_threads, scores, sequences};

/// The score of tags, term by term.
fn score(emissions: &Array, [start, end, transitions]: &[Array; 3], path: &[usize]) -> f64 {
    let tags = start.len();
    let at = |array: &Array, index: usize| f64::from(array.to_f32()[index]);
    let emitted: f64 = path.iter().enumerate().map(|(t, &tag)| at(emissions, t * tags + tag)).sum();
    let moved: f64 = path.windows(2).map(|pair| at(transitions, pair[0] * tags + pair[1])).sum();
    at(start, path[0]) + emitted + moved + at(end, path[path.len() - 1])
}

fn weights(tags: usize, seed: u64) -> [Array; 3] {
    [scores(&[tags], seed), scores(&[tags], seed + 1), scores(&[tags, tags], seed + 2)]
}

fn check_chain(emissions: &Array, weights: &[Array; 3]) {
    let [steps, tags] = *emissions.shape() else { panic!("[steps, tags]") };
    let chain = LinearChain::new(&weights[0], &weights[1], &weights[2]).unwrap();
    let all: Vec<(Vec<usize>, f64)> = sequences(tags, steps)
        .map(|path| {
            let score = score(emissions, weights, &path);
            assert!((chain.score(emissions, &path).unwrap() - score).abs() < 1e-9);
            (path, score)
        })
        .collect();
    let best = all.iter().map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
    let total = best + all.iter().map(|(_, score)| (score - best).exp()).sum::<f64>().ln();
    assert!((chain.log_partition(emissions).unwrap() - total).abs() < 1e-9 * total.abs().max(1.0));
    let (path, found) = chain.viterbi(emissions).unwrap();
    assert!((found - best).abs() < 1e-9, "{found}, wanted {best}");
    assert!((score(emissions, weights, &path) - best).abs() < 1e-9, "the path has the score");
    let mut marginals = vec![0.0; steps * tags];
    for (path, score) in &all {
        path.iter().enumerate().for_each(|(t, &tag)| marginals[t * tags + tag] += (score - total).exp());
    }
    let found = chain.marginals(emissions).unwrap().to_f32();
    assert_close(&found, &narrow(&marginals), 1e-6, "marginals");
    for step in found.chunks(tags) {
        assert!((step.iter().sum::<f32>() - 1.0).abs() < 1e-6, "marginals sum to 1");
    }
}

#[test]
fn a_chain_is_the_sum_over_all_tag_sequences() {
    for (seed, (steps, tags)) in [(1, 1), (1, 3), (4, 1), (2, 2), (5, 3), (3, 4)].into_iter().enumerate() {
        check_chain(&scores(&[steps, tags], seed as u64), &weights(tags, 10 * seed as u64));
    }
}

#[test]
fn scores_that_rule_almost_everything_out_keep_their_digits() {
    // Forbidden and huge transitions, and emissions whose exponentials are 0 or infinite.
    for (seed, size) in [(1, 60.0), (2, 300.0), (3, 1000.0), (4, 20_000.0)] {
        let [start, end, transitions] = weights(3, seed);
        let scaled = |array: &Array| {
            Array::from_vec(array.shape(), array.to_f32().iter().map(|x| x * size).collect()).unwrap()
        };
        let emissions = scores(&[4, 3], seed + 50);
        check_chain(&emissions, &[start.clone(), end.clone(), scaled(&transitions)]);
        check_chain(&scaled(&emissions), &[start.clone(), scaled(&end), transitions.clone()]);
        check_chain(&scaled(&emissions), &[scaled(&start), end, scaled(&transitions)]);
    }
    let forbidden = Array::from_vec([2, 2], vec![-10_000.0, 0.0, -10_000.0, -10_000.0]).unwrap();
    let zeros = || Array::from(vec![0.0f32; 2]);
    check_chain(&scores(&[3, 2], 1), &[zeros(), zeros(), forbidden]);
}

/// A network of one CRF with these weights.
fn network<B: Backend>(time: Option<usize>, weights: &[Array; 3]) -> Network<B> {
    let tags = weights[0].len();
    let mut network = Sequential::<B>::new(vec![time, Some(tags)]).add(CRF::new(tags)).build().unwrap();
    for (name, values) in ["crf/start", "crf/end", "crf/transitions"].iter().zip(weights) {
        network.set_weight(name, values).unwrap();
    }
    network
}

/// The losses, and the gradients of their mean by emissions, transitions, start and end.
fn losses_and_gradients(
    emissions: &Array,
    weights: &[Array; 3],
    mask: &[bool],
    labels: &Array,
) -> (Vec<f32>, Vec<Vec<f32>>, Vec<f32>) {
    let device = Default::default();
    let mut network = network::<Flex>(None, weights);
    let x = DynTensor::<Flex>::from_array(emissions, &device).lift(true);
    let kept = mask.iter().map(|&kept| f32::from(u8::from(kept))).collect();
    let mask =
        DynTensor::<Autodiff<Flex>>::from_vec(kept, &emissions.shape()[..2], &device).equal_scalar(1.0);
    let lifted = network.lift();
    let input = Value::from(x.clone()).with_mask(Some(mask));
    let (outputs, _) = network.train_lifted(&lifted, vec![input], Philox::new(1)).unwrap();
    let targets = Value::from_array(labels, &device);
    let losses = CrfLoss::new().losses(&targets, &outputs[0]).unwrap();
    let loss = Loss::from(CrfLoss::new()).reduced(&targets, &outputs[0], None).unwrap();
    let mut gradients = loss.backward();
    let all =
        std::iter::once(&x).chain(&lifted).map(|leaf| gradients.remove(leaf).unwrap().to_vec()).collect();
    (losses.to_vec(), all, outputs[0].clone().float().to_vec())
}

#[test]
fn losses_gradients_and_paths_are_those_of_pytorch_crf() {
    let goldens: Json = serde_json::from_str(include_str!("../goldens/crf.json")).unwrap();
    for golden in goldens.as_array().unwrap() {
        let shape = integers(&golden["shape"]);
        let [batch, time, tags] = shape[..] else { panic!("[batch, time, tags]") };
        let array = |name: &str, shape: &[usize]| {
            let values = numbers(&golden[name]).iter().map(|x| (x / 64.0) as f32).collect();
            Array::from_vec(shape, values).unwrap()
        };
        let weights = [array("start", &[tags]), array("end", &[tags]), array("transitions", &[tags, tags])];
        let lengths = integers(&golden["lengths"]);
        let mask: Vec<bool> = (0..batch * time).map(|at| at % time < lengths[at / time]).collect();
        let labels = integers(&golden["labels"]).into_iter().map(|tag| tag as i32).collect();
        let labels = Array::from_i32([batch, time], labels).unwrap();
        let emissions = array("emissions", &shape);
        let (losses, gradients, output) = losses_and_gradients(&emissions, &weights, &mask, &labels);
        assert_close(&losses, &narrow(&numbers(&golden["losses"])), 2e-6, "losses");
        for (found, wanted) in gradients.iter().zip(golden["gradients"].as_array().unwrap()) {
            assert_close(found, &narrow(&numbers(wanted)), 2e-6, "gradient");
        }
        let paths: Vec<_> = golden["paths"].as_array().unwrap().iter().map(integers).collect();
        assert_eq!(crf::tags(&Array::from_vec(shape, output).unwrap()).unwrap(), paths);
    }
}

#[test]
fn gradients_are_finite_differences() {
    let (batch, time, tags) = (2, 4, 3);
    let network = network::<Oracle>(Some(time), &weights(tags, 1));
    let points = [
        (vec![batch, time, tags], scores(&[batch, time, tags], 5).to_f32()),
        (vec![tags, tags], scores(&[tags, tags], 6).to_f32()),
        (vec![tags], scores(&[tags], 7).to_f32()),
        (vec![tags], scores(&[tags], 8).to_f32()),
    ];
    let device = Default::default();
    let labels = Array::from_i32([batch, time], vec![0, 2, 2, 1, 1, -1, 0, 2]).unwrap();
    let kept = vec![1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0];
    check_gradient(&points, 2e-4, |tensors| {
        let mask = DynTensor::<Recorded>::from_vec(kept.clone(), &[batch, time], &device).equal_scalar(1.0);
        let input = Value::from(tensors[0].clone()).with_mask(Some(mask));
        let lifted = tensors[1..].to_vec();
        let (outputs, _) = network.train_lifted(&lifted, vec![input], Philox::new(1)).unwrap();
        vec![CrfLoss::new().losses(&Value::from_array(&labels, &device), &outputs[0]).unwrap()]
    });
}

#[test]
fn outputs_are_equal_on_every_backend_and_alone() {
    fn output<B: Backend>(weights: &[Array; 3], x: &Array, marginals: bool) -> Vec<f32> {
        let tags = weights[0].len();
        let crf = CRF::new(tags).marginals(marginals);
        let mut network = Sequential::<B>::new([5, tags]).add(crf).build().unwrap();
        for (name, values) in ["crf/start", "crf/end", "crf/transitions"].iter().zip(weights) {
            network.set_weight(name, values).unwrap();
        }
        network.predict(x).unwrap().to_f32()
    }
    let (weights, x) = (weights(4, 3), scores(&[3, 5, 4], 9));
    for marginals in [false, true] {
        let wanted = output::<Oracle>(&weights, &x, marginals);
        assert_close(&output::<Flex>(&weights, &x, marginals), &wanted, 1e-6, "flex");
        assert_close(&output::<NdArray>(&weights, &x, marginals), &wanted, 1e-6, "ndarray");
        let alone: Vec<f32> =
            (0..3).flat_map(|row| output::<Flex>(&weights, &x.rows(row..row + 1), marginals)).collect();
        assert_close(&alone, &wanted, 1e-6, "one by one");
    }
}

proptest! {
    #![proptest_config(config(40))]
    #[test]
    fn padding_never_changes_a_result(gaps in proptest::collection::vec(0usize..4, 5), garbage in -80.0f32..80.0) {
        let (tags, weights) = (3, weights(3, 20));
        let emissions = scores(&[1, 4, tags], 8);
        let labels = [2, 0, 1, 1];
        let plain = losses_and_gradients(&emissions, &weights, &[true; 4], &Array::from_i32([1, 4], labels.into()).unwrap());
        let (mut padded, mut mask, mut targets, mut gradient, mut output) = (vec![], vec![], vec![], vec![], vec![]);
        for (step, gap) in gaps.into_iter().enumerate() {
            padded.extend(std::iter::repeat_n(garbage, gap * tags));
            gradient.extend(std::iter::repeat_n(0.0, gap * tags));
            output.extend(std::iter::repeat_n(0.0, gap * tags));
            mask.extend(std::iter::repeat_n(false, gap));
            targets.extend(std::iter::repeat_n(-1, gap));
            if step < 4 {
                let at = step * tags..(step + 1) * tags;
                padded.extend(&emissions.to_f32()[at.clone()]);
                gradient.extend(&plain.1[0][at.clone()]);
                output.extend(&plain.2[at]);
                mask.push(true);
                targets.push(labels[step]);
            }
        }
        let time = mask.len();
        let padded = Array::from_vec([1, time, tags], padded).unwrap();
        let found = losses_and_gradients(&padded, &weights, &mask, &Array::from_i32([1, time], targets).unwrap());
        prop_assert_eq!(found.0, plain.0);
        prop_assert_eq!(&found.1[0], &gradient);
        prop_assert_eq!(&found.1[1..], &plain.1[1..]);
        prop_assert_eq!(found.2, output);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (weights, emissions) = (weights(5, 1), scores(&[9, 12, 5], 2));
    let mut random = Philox::new(3);
    let labels = Array::from_i32([9, 12], (0..108).map(|_| random.below(5) as i32).collect()).unwrap();
    let [one, four] =
        on_one_and_four_threads(|| losses_and_gradients(&emissions, &weights, &[true; 108], &labels));
    assert_eq!(one, four);
}

#[test]
fn a_sequence_without_a_step_costs_nothing() {
    let labels = Array::from_i32([1, 2], vec![-1, -1]).unwrap();
    let (losses, gradients, output) =
        losses_and_gradients(&scores(&[1, 2, 3], 1), &weights(3, 1), &[false; 2], &labels);
    assert_eq!(losses, [0.0]);
    assert!(gradients.iter().flatten().chain(&output).all(|&x| x == 0.0));
}

#[test]
fn a_saved_layer_comes_back_from_a_registry() {
    let crf = CRF::new(3).marginals(true).transitions_regularizer(Regularizer::l2(0.5));
    let network = Sequential::<Flex>::new([4, 3]).add(crf).build().unwrap();
    let mut registry = Registry::<Flex>::default();
    assert!(registry.network(&network.config(), Default::default()).is_err(), "the class is not registered");
    fornax_sequence::register(&mut registry);
    let mut rebuilt = registry.network(&network.config(), Default::default()).unwrap();
    assert_eq!(rebuilt.config(), network.config());
    assert_eq!(rebuilt.copy_matching(&network), 3);
    let x = scores(&[2, 4, 3], 1);
    assert_eq!(rebuilt.predict(&x).unwrap(), network.predict(&x).unwrap());
}

/// Sentences of words 1 to 3 padded with 0. Words 1 and 2 begin a phrase of their type (tags 0 and 1); word 3 goes on
/// with the phrase that it is in (tags 2 and 3), so that its tag follows from the tag before it alone.
fn sentences(count: usize) -> Dataset {
    let mut random = Philox::new(5);
    let (mut words, mut tags) = (vec![], vec![]);
    for _ in 0..count {
        let length = 2 + random.below(4);
        let mut tag = 0;
        for step in 0..6 {
            let word = if step >= length {
                0
            } else if step == 0 {
                1 + random.below(2)
            } else {
                1 + random.below(3)
            };
            tag = if word == 1 || word == 2 { word as i32 - 1 } else { tag % 2 + 2 };
            words.push(word as i32);
            tags.push(if word == 0 { -1 } else { tag });
        }
    }
    let words = Array::from_i32([count, 6], words).unwrap();
    Dataset::new(words, Array::from_i32([count, 6], tags).unwrap()).unwrap()
}

#[test]
fn a_masked_model_learns_what_only_transitions_tell() {
    let set = sentences(64);
    let mut model = Sequential::<Flex>::new([6])
        .add(Embedding::new(4, 4).mask_zero(true))
        .add(Dense::new(4))
        .add(CRF::new(4))
        .compile(Adam::new(0.05), CrfLoss::new(), [])
        .unwrap();
    let history = model.fit(&set, Fit::new().epochs(60).verbose(false)).unwrap();
    assert!(history.last("loss").unwrap() < 0.3, "loss {:?}", history.last("loss"));
    let found = crf::tags(&model.predict(&set.inputs()[0]).unwrap()).unwrap();
    let targets = set.targets()[0].to_i32();
    let wanted: Vec<Vec<usize>> = targets
        .chunks(6)
        .map(|row| row.iter().filter(|&&tag| tag >= 0).map(|&tag| tag as usize).collect())
        .collect();
    assert_eq!(found, wanted);
    // The same from batches of near-equal length.
    let lengths: Vec<usize> = wanted.iter().map(Vec::len).collect();
    let mut ragged = Sequential::<Flex>::new(vec![None])
        .add(Embedding::new(4, 4).mask_zero(true))
        .add(Dense::new(4))
        .add(CRF::new(4))
        .compile(Adam::new(0.05), CrfLoss::new(), [])
        .unwrap();
    let buckets = LengthBuckets::new(lengths).targets([0]);
    let fit = Fit::new().epochs(60).batch_size(16).verbose(false).length_buckets(buckets);
    ragged.fit(&set, fit).unwrap();
    assert_eq!(crf::tags(&ragged.predict(&set.inputs()[0]).unwrap()).unwrap(), wanted);
    // Longer padding, same loss.
    let longer = |array: &Array, pad: i32| {
        let rows = array.to_i32().chunks(6).flat_map(|row| [row, &[pad; 3]].concat()).collect();
        Array::from_i32([64, 9], rows).unwrap()
    };
    let mut wide = Sequential::<Flex>::new([9])
        .add(Embedding::new(4, 4).mask_zero(true))
        .add(Dense::new(4))
        .add(CRF::new(4))
        .compile(Adam::new(0.05), CrfLoss::new(), [])
        .unwrap();
    wide.network_mut().copy_matching(model.network());
    let padded = Dataset::new(longer(&set.inputs()[0], 0), longer(&set.targets()[0], -1)).unwrap();
    let (found, wanted) = (wide.evaluate(&padded).unwrap().loss(), model.evaluate(&set).unwrap().loss());
    assert!((found - wanted).abs() < 1e-6, "{found}, wanted {wanted}");
}

#[test]
fn what_does_not_fit_is_an_error() {
    let compile = |loss: Loss| {
        Sequential::<Flex>::new([2, 3]).add(CRF::new(3)).compile(Adam::default(), loss, [Accuracy])
    };
    let set = Dataset::new(scores(&[1, 2, 3], 1), Array::from_i32([1, 2], vec![0, 1]).unwrap()).unwrap();
    let mut model = compile(SparseCategoricalCrossentropy).unwrap();
    assert_eq!(
        model.train_on_batch(&set).unwrap_err().to_string(),
        "loss: found no gradient for any weight, wanted a loss that the output can be trained by (CrfLoss for a CRF \
         layer)"
    );
    let mut model = compile(CrfLoss::new().into()).unwrap();
    let with =
        |tags: Vec<i32>| Dataset::new(scores(&[1, 2, 3], 1), Array::from_i32([1, 2], tags).unwrap()).unwrap();
    let error = model.train_on_batch(&with(vec![0, 3])).unwrap_err();
    assert_eq!(error.to_string(), "loss crf: targets, row 0: found 3, wanted a tag from 0 to 2 (3 tags)");
    let error = model.train_on_batch(&with(vec![-1, 0])).unwrap_err();
    assert_eq!(error.to_string(), "targets, sequence 0, step 0: found -1, wanted a tag from 0 to 2 (3 tags)");
    let mut plain = Sequential::<Flex>::new([2, 3])
        .add(Dense::new(3))
        .compile(Adam::default(), CrfLoss::new(), [])
        .unwrap();
    let error = plain.train_on_batch(&set).unwrap_err();
    assert_eq!(
        error.to_string(),
        "outputs: found no scores of a tag sequence, wanted the output of a CRF layer"
    );
    let error = Sequential::<Flex>::new([2, 4]).add(CRF::new(3)).build().unwrap_err();
    assert!(error.to_string().contains("a last axis of 3 tags"), "{error}");
    assert!(Sequential::<Flex>::new([4]).add(CRF::new(4)).build().is_err());
    assert!(Sequential::<Flex>::new([2, 4]).add(CRF::new(0)).build().is_err());
    let [start, end, transitions] = weights(3, 1);
    assert!(LinearChain::new(&start, &scores(&[2], 1), &transitions).is_err());
    assert!(LinearChain::new(&vec![0.0, f32::NAN, 0.0].into(), &end, &transitions).is_err());
    let chain = LinearChain::new(&start, &end, &transitions).unwrap();
    assert!(chain.viterbi(&scores(&[2, 2], 1)).is_err());
    assert!(chain.viterbi(&scores(&[0, 3], 1)).is_err());
    assert!(chain.score(&scores(&[2, 3], 1), &[0]).is_err());
    assert!(chain.score(&scores(&[2, 3], 1), &[0, 3]).is_err());
}
