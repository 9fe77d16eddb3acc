//! The network of a tagger.

use fornax_core::ops::Activation::Relu;
use fornax_core::{Backend, Result, Value};
use fornax_layers::layers::{Concatenate, Conv1D, Dense, Dropout, Embedding, GlobalMaxPooling1D, Padding};
use fornax_layers::{
    Apply, Context, Functional, MultiLayer, Network, Sequential, Shape, Shared, WeightSpecs, input,
};
use fornax_sequence::crf::CRF;
use fornax_sequence::layers::{Bidirectional, LSTM, TimeDistributed};
use serde::{Deserialize, Serialize};

use super::encoder::{LETTERS, SentenceEncoder};

/// The sizes of a tagger.
#[derive(Clone, Debug)]
pub(super) struct Sizes {
    pub(super) dimension: usize,
    pub(super) units: usize,
    pub(super) dropout: f64,
}

/// The layer that holds the vectors of words.
pub(super) const WORDS: &str = "embedding";

pub(super) fn network<B: Backend>(
    encoder: &SentenceEncoder,
    sizes: &Sizes,
    seed: u64,
    device: B::Device,
) -> Result<Network<B>> {
    let (words, features) = (input([None]), input([None]));
    let spelled = input([None, Some(LETTERS)]);
    let spelling = Sequential::new([LETTERS])
        .device(device.clone())
        .add(Embedding::new(encoder.letters.len(), 30))
        .add(Conv1D::new(50, 3).padding(Padding::Same).activation(Relu))
        .add(GlobalMaxPooling1D::new())
        .build()?;
    let inputs = [
        &Embedding::new(encoder.words.len(), sizes.dimension).apply(&words)?,
        &TimeDistributed::new(spelling).apply(&spelled)?,
        &Embedding::new(encoder.features.len(), 20).apply(&features)?,
    ];
    let x = Shared::new(MaskOf).apply([&Concatenate::new().apply(inputs)?, &words])?;
    let x = Dropout::new(sizes.dropout).apply(&x)?;
    let x = Bidirectional::new(LSTM::new(sizes.units).return_sequences(true)).apply(&x)?;
    let x = Dropout::new(sizes.dropout).apply(&x)?;
    let x = Dense::new(encoder.tags.len()).apply(&x)?;
    let y = CRF::new(encoder.tags.len()).apply(&x)?;
    Functional::new([&words, &spelled, &features], &y).seed(seed).device(device).build()
}

/// Features `[batch, time, features]` with the mask of ids `[batch, time]`, of which 0 is padding.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MaskOf;

impl MultiLayer for MaskOf {
    const NAME: &'static str = "MaskOf";

    fn build_all(&self, inputs: &[Shape], _: &mut WeightSpecs) -> Result<Vec<Shape>> {
        Ok(inputs[..1].to_vec())
    }

    fn call_all<B: Backend>(
        &self,
        mut inputs: Vec<Value<B>>,
        _: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let ids = inputs.swap_remove(1).indices();
        Ok(vec![inputs.swap_remove(0).with_mask(Some(ids.equal_scalar(0).not()))])
    }
}
