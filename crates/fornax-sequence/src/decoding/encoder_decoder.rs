//! [`EncoderDecoderStep`]: an [`RNNEncoderDecoder`] a step at a time.

use fornax_core::{Array, Backend, DynTensor, Error, Indices, Result, Value};
use fornax_layers::Network;

use super::cache::Memory;
use super::{StepDecoder, check_sources, without_padding};
use crate::layers::RNNEncoderDecoder;

/// A trained [`RNNEncoderDecoder`] as a [`StepDecoder`].
///
/// The source is encoded once. The logits are those of the whole model on the tokens so far, but for padding, id 0,
/// which never comes.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Apply, Functional, input};
/// use fornax_sequence::decoding::{EncoderDecoderStep, Limits, greedy};
/// use fornax_sequence::layers::RNNEncoderDecoder;
///
/// let (source, target) = (input::<Flex>([None]), input([None]));
/// let layer = RNNEncoderDecoder::new(9, 9, 8, 16);
/// let network = Functional::new([&source, &target], &layer.apply([&source, &target])?).build()?;
///
/// let decoder = EncoderDecoderStep::new(&network, "rnn_encoder_decoder")?;
/// let state = decoder.start(&Array::from_i32([2, 4], vec![5, 6, 0, 0, 7, 8, 5, 4])?)?;
/// let found = greedy(&decoder, state, 2, Limits { start: 1, end: 2, max_steps: 12 })?;
/// assert!(found.iter().all(|sequence| sequence.ended || sequence.tokens.len() == 12));
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Debug)]
pub struct EncoderDecoderStep<'a, B: Backend> {
    network: &'a Network<B>,
    name: String,
    layer: RNNEncoderDecoder,
}

/// What an [`EncoderDecoderStep`] remembers, a row a sequence.
#[derive(Clone, Debug)]
pub struct EncoderDecoderState<B: Backend> {
    memory: Memory<B>,
    state: DynTensor<B>,
}

impl<'a, B: Backend> EncoderDecoderStep<'a, B> {
    /// The layer `name` of a network.
    ///
    /// # Errors
    /// If the network has no such layer, or it is no [`RNNEncoderDecoder`].
    pub fn new(network: &'a Network<B>, name: &str) -> Result<Self> {
        Ok(Self { network, name: name.to_owned(), layer: network.layer(name)? })
    }

    /// The state before the first token of each source `[samples, time]`, one row a source.
    ///
    /// # Errors
    /// If the sources are not a matrix of ids of the source vocabulary.
    pub fn start(&self, sources: &Array) -> Result<EncoderDecoderState<B>> {
        check_sources(sources)?;
        let sources = Value::from_array(sources, self.network.device());
        let (memory, state) =
            self.network.with_layer(&self.name, |context| self.layer.encode(&sources, context))?;
        Ok(EncoderDecoderState { memory, state })
    }
}

impl<B: Backend> StepDecoder for EncoderDecoderStep<'_, B> {
    type State = EncoderDecoderState<B>;

    fn vocabulary(&self) -> usize {
        self.layer.target_vocabulary()
    }

    fn step(&self, tokens: &[i32], state: &mut Self::State) -> Result<Vec<f32>> {
        let rows = state.state.shape()[0];
        if tokens.len() != rows {
            return Err(Error::shape("tokens", tokens.len(), format!("{rows}, one a row of the state")));
        }
        let ids = Value::from_array(&Array::from_i32([rows, 1], tokens.to_vec())?, self.network.device());
        let (logits, next) = self.network.with_layer(&self.name, |context| {
            self.layer.step(&ids, state.state.clone(), &state.memory, context)
        })?;
        state.state = next;
        Ok(without_padding(logits.to_vec(), self.vocabulary()))
    }

    fn reorder(&self, state: &mut Self::State, rows: &[usize]) -> Result<()> {
        let count = state.state.shape()[0];
        if let Some(row) = rows.iter().find(|&&row| row >= count) {
            return Err(Error::argument("row", row, format!("0 to {}", count.saturating_sub(1))));
        }
        if rows.len() == count && rows.iter().enumerate().all(|(at, &row)| at == row) {
            return Ok(());
        }
        let device = self.network.device();
        state.memory.reorder(rows, device);
        let indices = rows.iter().map(|&row| row as i32).collect();
        state.state = state.state.clone().select(0, Indices::from_vec(indices, &[rows.len()], device));
        Ok(())
    }
}
