//! What every model that decodes a step at a time is held to: its steps are the whole model's, searches by them find what
//! searches by the whole model find, and padding changes nothing.

use fornax_core::{Array, Backend, Flex, Philox, Result};
use fornax_layers::{Functional, MultiLayer, Network, Shared, input};
use fornax_sequence::decoding::{BeamSearch, Hypothesis, Limits, StepDecoder, greedy};
use fornax_testkit::assert_close;

/// The ids of the target's vocabulary; the source's has one more.
pub(crate) const TARGETS: usize = 6;

/// A network of the layer with random weights that are not small, so that sequences differ.
pub(crate) fn network<B: Backend>(layer: impl MultiLayer) -> Network<B> {
    let (source, target) = (input([None]), input([None]));
    let logits = Shared::new(layer).apply([&source, &target]).unwrap();
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
}

impl<B: Backend> StepDecoder for Uncached<'_, B> {
    /// Source and tokens of each row.
    type State = Vec<(usize, Vec<i32>)>;

    fn vocabulary(&self) -> usize {
        TARGETS
    }

    fn step(&self, tokens: &[i32], state: &mut Self::State) -> Result<Vec<f32>> {
        state.iter_mut().zip(tokens).for_each(|((_, so_far), token)| so_far.push(*token));
        let (rows, steps) = (state.len(), state[0].1.len());
        let sources = state.iter().flat_map(|(source, _)| SOURCES[*source]).collect();
        let targets = state.iter().flat_map(|(_, so_far)| so_far.clone()).collect();
        let sources = Array::from_i32([rows, SOURCES[0].len()], sources)?;
        let logits = self.network.predict_all(&[sources, Array::from_i32([rows, steps], targets)?], rows)?;
        let logits = logits[0].to_f32();
        // Padding, id 0, never comes.
        let last = |row: &[f32]| [&[f32::NEG_INFINITY], &row[row.len() - TARGETS + 1..]].concat();
        Ok(logits.chunks(steps * TARGETS).flat_map(last).collect())
    }

    fn reorder(&self, state: &mut Self::State, rows: &[usize]) -> Result<()> {
        *state = rows.iter().map(|&row| state[row].clone()).collect();
        Ok(())
    }
}

const SOURCES: [[i32; 5]; 3] = [[3, 4, 5, 0, 0], [6, 1, 2, 3, 4], [2, 0, 0, 0, 0]];

pub(crate) fn sources() -> Array {
    Array::from_i32([3, 5], SOURCES.concat()).unwrap()
}

fn rows() -> Vec<(usize, Vec<i32>)> {
    (0..SOURCES.len()).map(|source| (source, vec![])).collect()
}

/// Steps give the logits of the whole model, in whatever order the rows are put.
pub(crate) fn check_logits<B: Backend, D: StepDecoder>(network: &Network<B>, steps: &D, state: D::State) {
    let whole = Uncached { network };
    let mut states = (state, rows());
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
        assert_eq!(found.len(), rows * (TARGETS - 1));
        assert_close(&found, &wanted, 1e-5, "logits");
        steps.reorder(&mut states.0, order).unwrap();
        whole.reorder(&mut states.1, order).unwrap();
        rows = order.len();
    }
}

/// Searches by steps find what searches by the whole model find.
pub(crate) fn check_searches<D: StepDecoder>(
    network: &Network<Flex>,
    steps: &D,
    start: impl Fn(&Array) -> Result<D::State>,
) {
    let whole = Uncached { network };
    let limits = Limits { start: 1, end: 2, max_steps: 7 };
    let tokens = |found: &[Hypothesis]| -> Vec<Vec<i32>> {
        found.iter().map(|hypothesis| hypothesis.tokens.clone()).collect()
    };
    let cached = greedy(steps, start(&sources()).unwrap(), 3, limits).unwrap();
    assert_eq!(tokens(&cached), tokens(&greedy(&whole, rows(), 3, limits).unwrap()));
    let search = BeamSearch::new(4).n_best(3).length_penalty(0.6);
    let cached = search.search(steps, start(&sources()).unwrap(), 3, limits).unwrap();
    let wanted = search.search(&whole, rows(), 3, limits).unwrap();
    for (cached, wanted) in cached.iter().zip(&wanted) {
        assert_eq!(tokens(cached), tokens(wanted));
        assert!((cached[0].score - wanted[0].score).abs() < 1e-4);
    }
    // A batch of one source finds what it finds among others.
    let alone = search.search(steps, start(&sources().rows(1..2)).unwrap(), 1, limits).unwrap();
    assert_eq!(tokens(&alone[0]), tokens(&cached[1]));
}

/// Padding behind source and target leaves the other logits as they are.
pub(crate) fn check_padding(network: &Network<Flex>) {
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
