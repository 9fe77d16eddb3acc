//! [`TransformerStep`]: a [`Transformer`] a step at a time, with a cache of keys and values.

use fornax_core::{Array, Backend, DynTensor, Error, Result, Value};
use fornax_layers::Network;

use super::cache::{KeyValues, Memory};
use super::{StepDecoder, check_sources, without_padding};
use crate::layers::Transformer;

/// A trained [`Transformer`] as a [`StepDecoder`].
///
/// A step computes keys and values of its own token only and keeps them, in memory laid out once; those of the
/// encoder's output are computed once for a sentence. The logits are those of the whole model on the tokens so far,
/// but for padding, id 0, which never comes.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Apply, Functional, input};
/// use fornax_sequence::decoding::{BeamSearch, Limits, TransformerStep};
/// use fornax_sequence::layers::Transformer;
///
/// let (source, target) = (input::<Flex>([4]), input([None]));
/// let layer = Transformer::new(9, 9, 8).num_layers(1).intermediate_dim(16).num_heads(2);
/// let network = Functional::new([&source, &target], &layer.apply([&source, &target])?).build()?;
///
/// let decoder = TransformerStep::new(&network, "transformer", 12)?;
/// let state = decoder.start(&Array::from_i32([2, 4], vec![5, 6, 0, 0, 7, 8, 5, 4])?)?;
/// let limits = Limits { start: 1, end: 2, max_steps: 12 };
/// let found = BeamSearch::new(3).n_best(2).search(&decoder, state, 2, limits)?;
/// assert_eq!((found.len(), found[0].len()), (2, 2));
/// assert!(found[0][0].score >= found[0][1].score);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Debug)]
pub struct TransformerStep<'a, B: Backend> {
    network: &'a Network<B>,
    name: String,
    layer: Transformer,
    max_steps: usize,
    /// The kernel of the logits, laid out once.
    output: DynTensor<B>,
}

/// What a [`TransformerStep`] remembers.
#[derive(Clone, Debug)]
pub struct TransformerState<B: Backend> {
    caches: Vec<KeyValues<B>>,
    memories: Vec<Memory<B>>,
    /// The sample of each row; the rows of a sample are neighbours, and as many as those of any other.
    samples: Vec<usize>,
    steps: usize,
}

impl<'a, B: Backend> TransformerStep<'a, B> {
    /// The layer `name` of a network, for sequences of up to `max_steps` tokens.
    ///
    /// # Errors
    /// If the network has no such layer, it is no [`Transformer`], or `max_steps` is 0.
    pub fn new(network: &'a Network<B>, name: &str, max_steps: usize) -> Result<Self> {
        if max_steps == 0 {
            return Err(Error::argument("max_steps", 0, "at least 1"));
        }
        let layer: Transformer = network.layer(name)?;
        let output = network.with_layer(name, |context| {
            let kernel = layer.output_kernel(context);
            Ok(DynTensor::from_vec(kernel.to_vec(), &kernel.shape(), network.device()))
        })?;
        Ok(Self { network, name: name.to_owned(), layer, max_steps, output })
    }

    /// The state before the first token of each source `[samples, time]`, one row a source.
    ///
    /// # Errors
    /// If the sources are not a matrix of ids of the source vocabulary.
    pub fn start(&self, sources: &Array) -> Result<TransformerState<B>> {
        check_sources(sources)?;
        let device = self.network.device();
        let sources = Value::from_array(sources, device);
        let rows = sources.shape()[0];
        Ok(TransformerState {
            memories: self.network.with_layer(&self.name, |context| self.layer.memories(sources, context))?,
            caches: self.layer.caches(rows, self.max_steps, device),
            samples: (0..rows).collect(),
            steps: 0,
        })
    }
}

impl<B: Backend> StepDecoder for TransformerStep<'_, B> {
    type State = TransformerState<B>;

    fn vocabulary(&self) -> usize {
        self.layer.target_vocabulary()
    }

    fn step(&self, tokens: &[i32], state: &mut Self::State) -> Result<Vec<f32>> {
        let rows = state.samples.len();
        if tokens.len() != rows {
            return Err(Error::shape("tokens", tokens.len(), format!("{rows}, one a row of the state")));
        }
        if state.steps == self.max_steps {
            return Err(Error::argument("steps", state.steps + 1, format!("at most {}", self.max_steps)));
        }
        let ids = Array::from_i32([rows, 1], tokens.to_vec())?;
        let ids = Value::from_array(&ids, self.network.device());
        let kept = (&mut state.caches[..], &state.memories[..]);
        let logits = self.network.with_layer(&self.name, |context| {
            self.layer.step(ids, state.steps, kept, &self.output, context)
        })?;
        state.steps += 1;
        Ok(without_padding(logits.to_vec(), self.vocabulary()))
    }

    fn reorder(&self, state: &mut Self::State, rows: &[usize]) -> Result<()> {
        let count = state.samples.len();
        if let Some(row) = rows.iter().find(|&&row| row >= count) {
            return Err(Error::argument("row", row, format!("0 to {}", count.saturating_sub(1))));
        }
        let device = self.network.device();
        let moved = rows.len() != count || rows.iter().enumerate().any(|(at, &row)| at != row);
        if moved {
            state.caches.iter_mut().for_each(|cache| cache.reorder(rows, device));
        }
        let samples: Vec<usize> = rows.iter().map(|&row| state.samples[row]).collect();
        // Neighbours of one sample share it, where there are as many of each; else every row gets a copy.
        let mut groups: Vec<usize> = samples.clone();
        groups.dedup();
        let each = samples.len() / groups.len().max(1);
        let even =
            samples.chunks(each.max(1)).zip(&groups).all(|(rows, group)| rows.iter().all(|row| row == group));
        if !(even && each * groups.len() == samples.len()) {
            groups = samples.clone();
        }
        let each = samples.len() / groups.len().max(1);
        let kept = state.memories.first().map_or(0, |memory| memory.keys.shape()[0]);
        if groups.len() != kept || groups.iter().enumerate().any(|(at, &group)| at != group) {
            state.memories.iter_mut().for_each(|memory| memory.reorder(&groups, device));
        }
        state.samples = (0..samples.len()).map(|row| row / each.max(1)).collect();
        Ok(())
    }
}
