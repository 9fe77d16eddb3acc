//! Both encoder-decoders learn a toy translation, the source backwards, and decode it: the quick form of the translation
//! example.

use fornax_core::{Array, Flex, Philox, Result};
use fornax_data::{Dataset, text::Padding};
use fornax_layers::{Functional, MultiLayer, Shared, input};
use fornax_optim::Adam;
use fornax_sequence::decoding::{EncoderDecoderStep, Limits, StepDecoder, TransformerStep, greedy};
use fornax_sequence::layers::{DecoderAttention, RNNEncoderDecoder, Transformer};
use fornax_train::{Compile, Fit, Model, losses::SparseCategoricalCrossentropy};

const START: i32 = 1;
const END: i32 = 2;
const SYMBOLS: usize = 9;

/// Sources of 2 to 5 of the ids 3 to 8.
fn sources(count: usize, seed: u64) -> Vec<Vec<i32>> {
    let mut random = Philox::new(seed);
    let mut source = || (0..2 + random.below(4)).map(|_| 3 + random.below(6) as i32).collect();
    (0..count).map(|_| source()).collect()
}

fn backwards(source: &[i32]) -> Vec<i32> {
    source.iter().rev().copied().collect()
}

fn trained(layer: impl MultiLayer, rate: f64) -> Model<Flex> {
    let sources = sources(1500, 1);
    let pad = |rows: Vec<Vec<i32>>| Padding::new().length(6).apply(&rows).unwrap().array;
    let given = sources.iter().map(|source| [&[START], &backwards(source)[..]].concat()).collect();
    let wanted = sources.iter().map(|source| [&backwards(source)[..], &[END]].concat()).collect();
    let pairs = Dataset::from_parts(vec![pad(sources.clone()), pad(given)], vec![pad(wanted)]).unwrap();
    let (source, target) = (input([None]), input([None]));
    let logits = Shared::new(layer).apply([&source, &target]).unwrap();
    let loss = SparseCategoricalCrossentropy::new().from_logits(true).ignore_class(Some(0));
    let network = Functional::new([&source, &target], &logits).seed(1);
    let mut model = network.compile(Adam::new(rate), loss, ()).unwrap();
    model.fit(&pairs, Fit::new().epochs(12).verbose(false)).unwrap();
    model
}

/// At least nine of ten new sources come out right, whole.
fn check<D: StepDecoder>(decoder: &D, start: impl Fn(&Array) -> Result<D::State>) {
    let sources = sources(100, 2);
    let state = start(&Padding::new().apply(&sources).unwrap().array).unwrap();
    let found = greedy(decoder, state, 100, Limits { start: START, end: END, max_steps: 8 }).unwrap();
    let right =
        found.iter().zip(&sources).filter(|(found, source)| found.tokens == backwards(source)).count();
    assert!(right >= 90, "{right} of 100");
}

#[test]
fn recurrent_layers_translate() {
    for attention in [DecoderAttention::Luong, DecoderAttention::Bahdanau] {
        let model = trained(RNNEncoderDecoder::new(SYMBOLS, SYMBOLS, 16, 32).attention(attention), 0.01);
        let decoder = EncoderDecoderStep::new(model.network(), "rnn_encoder_decoder").unwrap();
        check(&decoder, |sources| decoder.start(sources));
    }
}

#[test]
fn a_transformer_translates() {
    let layer = Transformer::new(SYMBOLS, SYMBOLS, 32).num_layers(1).num_heads(2).intermediate_dim(64);
    let model = trained(layer.dropout(0.0).normalize_first(true), 0.005);
    let decoder = TransformerStep::new(model.network(), "transformer", 8).unwrap();
    check(&decoder, |sources| decoder.start(sources));
}
