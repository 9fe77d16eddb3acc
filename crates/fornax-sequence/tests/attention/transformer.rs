//! The Transformer's blocks and the whole model: the battery, what they reject, that padding changes nothing, and that
//! steps with a cache give the logits of the whole model.

use fornax_core::ops::Activation::{Gelu, Tanh};
use fornax_core::{Array, Backend, Flex, NdArray, Philox, Result};
use fornax_layers::{Apply, Functional, Network, input, layers::Dense};
use fornax_sequence::decoding::{BeamSearch, Limits, StepDecoder, TransformerStep, greedy};
use fornax_sequence::layers::{Transformer, TransformerDecoder, TransformerEncoder};
use fornax_testkit::{assert_close, battery::Battery};

fn small() -> Transformer {
    Transformer::new(7, 6, 4).num_layers(1).num_heads(2).intermediate_dim(3).activation(Tanh)
}

#[test]
fn blocks() {
    let encoder = TransformerEncoder::new(3, 2).activation(Tanh);
    Battery::new(encoder.clone(), [&[3, 4]]).run();
    Battery::new(encoder.normalize_first(true).dropout(0.3).use_causal_mask(true), [&[3, 4]]).run();
    let decoder = TransformerDecoder::new(3, 1).activation(Gelu);
    Battery::new(decoder.clone(), [&[3, 4], &[2, 3]]).run();
    Battery::new(decoder.normalize_first(true).dropout(0.2), [&[3, 4]]).run();
}

#[test]
fn whole_model() {
    Battery::new(small(), [&[4], &[3]]).integers(6).run();
    let shared = Transformer::new(5, 5, 4).num_layers(1).num_heads(1).intermediate_dim(3).activation(Tanh);
    let untied = shared.share_embeddings(true).tie_output(false).normalize_first(true);
    Battery::new(untied, [&[3], &[4]]).integers(5).run();
}

/// Logits after random weights that are not small, so that sequences differ.
fn network<B: Backend>(layer: Transformer) -> Network<B> {
    let (source, target) = (input([None]), input([None]));
    let logits = layer.apply([&source, &target]).unwrap();
    let mut network = Functional::new([&source, &target], &logits).seed(3).build().unwrap();
    let names: Vec<(String, Vec<usize>)> = network
        .variables()
        .iter()
        .map(|variable| (variable.name().into(), variable.shape().to_vec()))
        .collect();
    for (name, shape) in names {
        let mut random = Philox::new(4).named(&name);
        let values = (0..shape.iter().product::<usize>()).map(|_| 0.6 * random.normal()).collect();
        network.set_weight(&name, &Array::from_vec(shape, values).unwrap()).unwrap();
    }
    network
}

/// The whole model on the tokens so far, at every step anew.
struct Uncached<'a, B: Backend> {
    network: &'a Network<B>,
    sources: Vec<Vec<i32>>,
    vocabulary: usize,
}

impl<B: Backend> StepDecoder for Uncached<'_, B> {
    /// Source and tokens of each row.
    type State = Vec<(usize, Vec<i32>)>;

    fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    fn step(&self, tokens: &[i32], state: &mut Self::State) -> Result<Vec<f32>> {
        state.iter_mut().zip(tokens).for_each(|((_, so_far), token)| so_far.push(*token));
        let (rows, steps) = (state.len(), state[0].1.len());
        let sources = state.iter().flat_map(|(source, _)| self.sources[*source].clone()).collect();
        let targets = state.iter().flat_map(|(_, so_far)| so_far.clone()).collect();
        let sources = Array::from_i32([rows, self.sources[0].len()], sources)?;
        let logits = self.network.predict_all(&[sources, Array::from_i32([rows, steps], targets)?], rows)?;
        let logits = logits[0].to_f32();
        // Padding, id 0, never comes.
        let last = |row: &[f32]| [&[f32::NEG_INFINITY], &row[row.len() - self.vocabulary + 1..]].concat();
        Ok(logits.chunks(steps * self.vocabulary).flat_map(last).collect())
    }

    fn reorder(&self, state: &mut Self::State, rows: &[usize]) -> Result<()> {
        *state = rows.iter().map(|&row| state[row].clone()).collect();
        Ok(())
    }
}

const SOURCES: [[i32; 5]; 3] = [[3, 4, 5, 0, 0], [6, 1, 2, 3, 4], [2, 0, 0, 0, 0]];

fn sources() -> Array {
    Array::from_i32([3, 5], SOURCES.concat()).unwrap()
}

#[test]
fn cached_logits_are_those_of_the_whole_model() {
    fn check<B: Backend>(layer: Transformer) {
        let network = network::<B>(layer);
        let whole = Uncached { network: &network, sources: SOURCES.map(Vec::from).into(), vocabulary: 6 };
        let steps = TransformerStep::new(&network, "transformer", 8).unwrap();
        let mut states = (steps.start(&sources()).unwrap(), (0..3).map(|source| (source, vec![])).collect());
        // Rows repeated, swapped within and between sources, and left out; uneven numbers of rows a source.
        let orders: [&[usize]; 6] =
            [&[0, 0, 1, 1, 2, 2], &[1, 0, 2, 3, 5, 5], &[0, 1, 4, 5], &[2, 3], &[1, 0, 1], &[0, 1, 2]];
        let mut random = Philox::new(9);
        let mut rows = 3;
        for order in orders {
            let tokens: Vec<i32> = (0..rows).map(|_| 1 + random.below(5) as i32).collect();
            let found = steps.step(&tokens, &mut states.0).unwrap();
            let wanted = whole.step(&tokens, &mut states.1).unwrap();
            let [found, wanted] = [found, wanted]
                .map(|logits| logits.into_iter().filter(|logit| logit.is_finite()).collect::<Vec<f32>>());
            assert_eq!(found.len(), rows * 5);
            assert_close(&found, &wanted, 1e-5, "logits");
            steps.reorder(&mut states.0, order).unwrap();
            whole.reorder(&mut states.1, order).unwrap();
            rows = order.len();
        }
    }
    let two = small().num_layers(2);
    check::<Flex>(two.clone());
    check::<NdArray>(two.normalize_first(true).tie_output(false));
}

#[test]
fn searches_with_and_without_cache_find_the_same() {
    let network = network::<Flex>(small());
    let whole = Uncached { network: &network, sources: SOURCES.map(Vec::from).into(), vocabulary: 6 };
    let steps = TransformerStep::new(&network, "transformer", 7).unwrap();
    let limits = Limits { start: 1, end: 2, max_steps: 7 };
    let rows: Vec<(usize, Vec<i32>)> = (0..3).map(|source| (source, vec![])).collect();
    let start = || steps.start(&sources()).unwrap();
    let tokens = |found: &[fornax_sequence::decoding::Hypothesis]| -> Vec<Vec<i32>> {
        found.iter().map(|hypothesis| hypothesis.tokens.clone()).collect()
    };
    let cached = greedy(&steps, start(), 3, limits).unwrap();
    assert_eq!(tokens(&cached), tokens(&greedy(&whole, rows.clone(), 3, limits).unwrap()));
    let search = BeamSearch::new(4).n_best(3).length_penalty(0.6);
    let cached = search.search(&steps, start(), 3, limits).unwrap();
    let wanted = search.search(&whole, rows, 3, limits).unwrap();
    for (cached, wanted) in cached.iter().zip(&wanted) {
        assert_eq!(tokens(cached), tokens(wanted));
        assert!((cached[0].score - wanted[0].score).abs() < 1e-4);
    }
    // A batch of one source finds what it finds among others.
    let alone = search.search(&steps, steps.start(&sources().rows(1..2)).unwrap(), 1, limits).unwrap();
    assert_eq!(tokens(&alone[0]), tokens(&cached[1]));
}

/// Padding behind source and target leaves the other logits as they are.
#[test]
fn padding_changes_nothing() {
    let network = network::<Flex>(small());
    let logits = |source: &[i32], target: &[i32]| {
        let ids = |ids: &[i32]| Array::from_i32([1, ids.len()], ids.to_vec()).unwrap();
        network.predict_all(&[ids(source), ids(target)], 1).unwrap()[0].to_f32()
    };
    let wanted = logits(&[3, 4, 5], &[1, 2]);
    for (source, target) in [(3, 5), (8, 2), (140, 70)] {
        let padded = |ids: &[i32], len: usize| [ids, &vec![0; len - ids.len()]].concat();
        let found = logits(&padded(&[3, 4, 5], source), &padded(&[1, 2], target));
        assert_close(&found[..wanted.len()], &wanted, 1e-5, "padded");
    }
}

#[test]
fn rejections_name_the_value() {
    let rejects = |layer: Transformer, part: &str| {
        let (source, target) = (input::<Flex>([4]), input([3]));
        let error = layer.apply([&source, &target]).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    rejects(small().num_heads(3), "num_heads: found 3, wanted a divisor of the width 4");
    rejects(small().num_decoder_layers(0), "num_decoder_layers: found 0");
    rejects(small().dropout(-0.1), "dropout: found -0.1");
    rejects(small().layer_norm_epsilon(f64::NAN), "layer_norm_epsilon: found NaN");
    rejects(small().share_embeddings(true), "target_vocabulary: found 6, wanted 7");
    let network = network::<Flex>(small());
    let ids = |ids: Vec<i32>| Array::from_i32([1, ids.len()], ids).unwrap();
    let error = network.predict_all(&[ids(vec![7]), ids(vec![1])], 1).unwrap_err().to_string();
    assert!(error.contains("source id: found 7, wanted 0 to 6"), "{error}");
    let error = TransformerStep::new(&network, "encoder", 3).unwrap_err().to_string();
    assert!(error.contains("layer: found encoder, wanted one of transformer"), "{error}");
    let dense = input::<Flex>([4]);
    let dense = Functional::new(&dense, &Dense::new(1).apply(&dense).unwrap()).build().unwrap();
    let error = TransformerStep::new(&dense, "dense", 3).unwrap_err().to_string();
    assert!(error.contains("layer dense: found Dense, wanted Transformer"), "{error}");
    let steps = TransformerStep::new(&network, "transformer", 1).unwrap();
    assert!(steps.start(&Array::from_i32([2], vec![1, 2]).unwrap()).is_err());
    let mut state = steps.start(&sources()).unwrap();
    let error = steps.step(&[1], &mut state).unwrap_err().to_string();
    assert!(error.contains("tokens: found 1, wanted 3"), "{error}");
    let error = steps.step(&[1, 2, 9], &mut state).unwrap_err().to_string();
    assert!(error.contains("target id: found 9, wanted 0 to 5"), "{error}");
    let error = steps.reorder(&mut state, &[3]).unwrap_err().to_string();
    assert!(error.contains("row: found 3, wanted 0 to 2"), "{error}");
    steps.step(&[1, 2, 3], &mut state).unwrap();
    let error = steps.step(&[1, 2, 3], &mut state).unwrap_err().to_string();
    assert!(error.contains("steps: found 2, wanted at most 1"), "{error}");
}
