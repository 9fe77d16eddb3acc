//! [`RNNEncoderDecoder`]: the recurrent encoder-decoder with attention, from token ids to logits.

use fornax_core::ops::Activation;
use fornax_core::{Backend, DynTensor, Result, Value};
use fornax_layers::{Context, Initializer, MultiLayer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::GRU;
use crate::decoding::cache::Memory;
use crate::layers::ids::{check_ids, check_sides, padding, sides};
use crate::layers::projections::{at_least_one, check_dropout};
use crate::layers::single_head::Call;

/// Where a recurrent decoder attends, and by which score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecoderAttention {
    /// Bahdanau et al. 2015: additive scores `v tanh(s_{t-1} W_q + h_j W_k)`; the context goes into the recurrent step.
    Bahdanau,
    /// Luong et al. 2015, global attention: multiplicative scores `s_t W_q h_j` behind the recurrent step. All steps of
    /// training are one product, so that this form is the faster one.
    #[default]
    Luong,
}

/// The logits of the next target token at each target step, given the source: a bidirectional GRU over the source, a GRU
/// over the target that starts from `tanh([h_forward, h_backward] W + b)`, and attention of the target's steps to the
/// source's.
///
/// With the source's steps `h_j`, embeddings `y_t` and the context `c_t = sum_j softmax_j(score) h_j`:
/// - `DecoderAttention::Luong`: `s_t = GRU(y_t, s_{t-1})`, logits of `tanh([c_t, s_t] W_c)`
/// - `DecoderAttention::Bahdanau`: `s_t = GRU([y_t, c_t], s_{t-1})`, logits of `[s_t, c_t, y_t]`
///
/// Id 0 is padding: it is not seen, and the output carries the target's mask, so that losses count the other steps
/// only. Training is teacher forcing: the inputs are the source and the target from its start token on, the labels
/// the target from its first word on. [`EncoderDecoderStep`](crate::decoding::EncoderDecoderStep) decodes a step at a
/// time.
///
/// # Shapes
/// - inputs: source ids `[batch, source time]` and target ids `[batch, target time]`
/// - output: logits `[batch, target time, target vocabulary]`
/// - weights: `source_embedding [source vocabulary, width]`, `target_embedding [target vocabulary, width]`, those of a
///   GRU under `encoder/forward/`, `encoder/backward/` and `decoder/`, `bridge/kernel [2 units, units]` and `bridge/bias`,
///   `attention/query_kernel [units, 2 units]` (Bahdanau `[units, units]`, with `attention/key_kernel [2 units, units]` and
///   `attention/score [units]`), Luong's `attention/output_kernel [3 units, units]`, `output/kernel` and `output/bias`
///
/// Defaults: Luong's attention, dropout 0 of embeddings and of what the logits are made from, GRU defaults; embeddings start
/// uniform from -1 to 1. Source:
/// Bahdanau et al. 2015, Luong et al. 2015 (score `general`, no input feeding).
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Apply, Functional, input};
/// use fornax_optim::Adam;
/// use fornax_sequence::layers::RNNEncoderDecoder;
/// use fornax_train::{Compile, losses::SparseCategoricalCrossentropy};
///
/// let (source, target) = (input::<Flex>([4]), input([3]));
/// let logits = RNNEncoderDecoder::new(20, 20, 8, 16).apply([&source, &target])?;
/// let loss = SparseCategoricalCrossentropy::new().from_logits(true).ignore_class(Some(0));
/// let mut model = Functional::new([&source, &target], &logits).compile(Adam::new(0.01), loss, ())?;
///
/// let source = Array::from_i32([1, 4], vec![5, 6, 7, 0])?;
/// let (given, wanted) = (Array::from_i32([1, 3], vec![1, 9, 8])?, Array::from_i32([1, 3], vec![9, 8, 2])?);
/// let pair = fornax_data::Dataset::from_parts(vec![source, given], vec![wanted])?;
/// let first = model.train_on_batch(&pair)?.get("loss").unwrap();
/// let last = (0..40).map(|_| model.train_on_batch(&pair).unwrap().get("loss").unwrap()).last().unwrap();
/// assert!(last < 0.1 * first);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct RNNEncoderDecoder {
    source_vocabulary: usize,
    target_vocabulary: usize,
    width: usize,
    units: usize,
    attention: DecoderAttention,
    dropout: f64,
    seed: Option<u64>,
}

impl Default for RNNEncoderDecoder {
    fn default() -> Self {
        Self::new(2, 2, 256, 512)
    }
}

impl RNNEncoderDecoder {
    /// A model of embeddings of `width` elements and recurrent layers of `units`, between vocabularies of so many ids,
    /// padding included.
    pub fn new(source_vocabulary: usize, target_vocabulary: usize, width: usize, units: usize) -> Self {
        let (attention, dropout, seed) = (DecoderAttention::default(), 0.0, None);
        Self { source_vocabulary, target_vocabulary, width, units, attention, dropout, seed }
    }

    setters! {
        /// Where the decoder attends, and by which score.
        attention: DecoderAttention,
        /// The fraction that training drops of the embeddings and of what the logits are made from.
        dropout: f64,
        /// A seed of the layer's own for dropout.
        seed: Some(u64),
    }

    /// The ids of the target's vocabulary.
    pub(crate) fn target_vocabulary(&self) -> usize {
        self.target_vocabulary
    }

    fn gru(&self) -> GRU {
        GRU::new(self.units).return_sequences(true)
    }

    fn is_luong(&self) -> bool {
        self.attention == DecoderAttention::Luong
    }

    /// The vectors of ids, with what training drops.
    fn embed<B: Backend>(
        &self,
        side: &str,
        ids: &Value<B>,
        context: &mut Context<'_, B>,
    ) -> Result<DynTensor<B>> {
        let name = format!("{side}_embedding");
        check_ids(side, ids, context.weight(&name).shape()[0])?;
        let x = context.lookup(&name, ids.clone().indices());
        Ok(self.dropped(x, side, context))
    }

    fn dropped<B: Backend>(&self, x: DynTensor<B>, place: &str, context: &Context<'_, B>) -> DynTensor<B> {
        if self.dropout == 0.0 || !context.training() {
            return x;
        }
        let random = self.seed.map_or(context.random(), |seed| context.random().reseeded(seed));
        let shape = x.shape();
        B::dropout(x, self.dropout, &shape, random.named(place))
    }

    /// The encoder's steps with what attention needs of them, and the decoder's state before the first step.
    pub(crate) fn encode<B: Backend>(
        &self,
        source: &Value<B>,
        context: &mut Context<'_, B>,
    ) -> Result<(Memory<B>, DynTensor<B>)> {
        let mask = padding(&source.clone().indices());
        let x = Value::from(self.embed("source", source, context)?).with_mask(Some(mask.clone()));
        let gru = self.gru();
        let forward = gru.parts().run("encoder/forward/", x.clone(), vec![], false, context)?;
        let backward = gru.parts().run("encoder/backward/", x, vec![], true, context)?;
        let last = DynTensor::concatenate(vec![forward.states, backward.states], 2);
        let shape = last.shape();
        let (kernel, bias) = (context.weight("bridge/kernel"), context.weight("bridge/bias"));
        let state = B::dense(last.reshape(&shape[1..]), kernel, Some(bias), Activation::Tanh);
        let values = DynTensor::concatenate(vec![forward.output, backward.output], 2);
        let keys = match self.attention {
            DecoderAttention::Luong => values.clone(),
            DecoderAttention::Bahdanau => {
                B::dense(values.clone(), context.weight("attention/key_kernel"), None, Activation::Linear)
            }
        };
        Ok((Memory { keys, values, mask: Some(mask) }, state))
    }

    /// The contexts `[batch, steps, 2 units]` of decoder states `[batch, steps, units]`.
    fn attend<B: Backend>(
        &self,
        states: DynTensor<B>,
        memory: &Memory<B>,
        context: &Context<'_, B>,
    ) -> Result<DynTensor<B>> {
        let query = B::dense(states, context.weight("attention/query_kernel"), None, Activation::Linear);
        let values = Value::from(memory.values.clone()).with_mask(memory.mask.clone());
        let roles = [Value::from(query.clone()), values, memory.keys.clone().into()];
        let call = Call::new(&roles, context, (false, 0.0, None))?;
        if self.is_luong() {
            return Ok(call.by_products(query));
        }
        let sums = call.sums(|x| x);
        let shape = sums.shape();
        let scores = sums.mul(context.weight("attention/score").reshape(&[1, 1, 1, self.units])).sum_axis(3);
        Ok(call.by_scores(scores.reshape(&shape[..3])))
    }

    /// What the logits are made from at each step of `y`, embeddings `[batch, steps, width]`, and the state behind them.
    /// Bahdanau's attention takes one step at a time.
    fn decode<B: Backend>(
        &self,
        y: Value<B>,
        state: DynTensor<B>,
        memory: &Memory<B>,
        context: &mut Context<'_, B>,
    ) -> Result<(DynTensor<B>, DynTensor<B>)> {
        let (gru, shape) = (self.gru(), state.shape());
        let run = |x: Value<B>, state: DynTensor<B>, context: &mut Context<'_, B>| {
            let run = gru.parts().run("decoder/", x, vec![state], false, context)?;
            Result::Ok((run.output, run.states.reshape(&shape)))
        };
        if self.is_luong() {
            let (states, last) = run(y, state, context)?;
            let contexts = self.attend(states.clone(), memory, context)?;
            let both = DynTensor::concatenate(vec![contexts, states], 2);
            let kernel = context.weight("attention/output_kernel");
            return Ok((B::dense(both, kernel, None, Activation::Tanh), last));
        }
        let mut state = state;
        let (y, mut features) = (y.float(), vec![]);
        for step in 0..y.shape()[1] {
            let y = y.clone().slice(1, step, step + 1, 1);
            let query = state.clone().reshape(&[shape[0], 1, self.units]);
            let c = self.attend(query, memory, context)?;
            let x = DynTensor::concatenate(vec![y.clone(), c.clone()], 2);
            let (output, next) = run(x.into(), state, context)?;
            features.push(DynTensor::concatenate(vec![output, c, y], 2));
            state = next;
        }
        Ok((DynTensor::concatenate(features, 1), state))
    }

    fn logits<B: Backend>(&self, features: DynTensor<B>, context: &Context<'_, B>) -> DynTensor<B> {
        let (kernel, bias) = (context.weight("output/kernel"), context.weight("output/bias"));
        B::dense(self.dropped(features, "output", context), kernel, Some(bias), Activation::Linear)
    }

    /// The logits `[rows, vocabulary]` behind the ids `[rows, 1]`, and the state behind them.
    pub(crate) fn step<B: Backend>(
        &self,
        ids: &Value<B>,
        state: DynTensor<B>,
        memory: &Memory<B>,
        context: &mut Context<'_, B>,
    ) -> Result<(DynTensor<B>, DynTensor<B>)> {
        let y = self.embed("target", ids, context)?;
        let (features, state) = self.decode(y.into(), state, memory, context)?;
        Ok((self.logits(features.rows(), context), state))
    }
}

impl MultiLayer for RNNEncoderDecoder {
    const NAME: &'static str = "RNNEncoderDecoder";

    fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let time = check_sides(inputs)?;
        let (width, units) = (self.width, self.units);
        at_least_one(&[
            ("source_vocabulary", self.source_vocabulary),
            ("target_vocabulary", self.target_vocabulary),
            ("width", width),
        ])?;
        check_dropout(self.dropout)?;
        let embedding = Initializer::RandomUniform { minval: -1.0, maxval: 1.0 };
        weights.add("source_embedding", &[self.source_vocabulary, width], embedding);
        weights.add("target_embedding", &[self.target_vocabulary, width], embedding);
        let gru = self.gru();
        let parts = gru.parts();
        parts.build_cell("encoder/forward/", width, weights)?;
        parts.build_cell("encoder/backward/", width, weights)?;
        let (given, features) =
            if self.is_luong() { (width, units) } else { (width + 2 * units, width + 3 * units) };
        parts.build_cell("decoder/", given, weights)?;
        let mut kernel = |name: &str, from: usize, to: usize| {
            weights.add(name, &[from, to], Initializer::GlorotUniform);
        };
        kernel("bridge/kernel", 2 * units, units);
        kernel("output/kernel", features, self.target_vocabulary);
        if self.is_luong() {
            kernel("attention/query_kernel", units, 2 * units);
            kernel("attention/output_kernel", 3 * units, units);
        } else {
            kernel("attention/query_kernel", units, units);
            kernel("attention/key_kernel", 2 * units, units);
            weights.add("attention/score", &[units], Initializer::GlorotUniform);
        }
        weights.add("bridge/bias", &[units], Initializer::Zeros);
        weights.add("output/bias", &[self.target_vocabulary], Initializer::Zeros);
        Ok(vec![vec![time, Some(self.target_vocabulary)].into()])
    }

    fn call_all<B: Backend>(
        &self,
        inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let [source, target] = sides(inputs)?;
        let (memory, state) = self.encode(&source, context)?;
        let mask = padding(&target.clone().indices());
        let y = Value::from(self.embed("target", &target, context)?).with_mask(Some(mask.clone()));
        let (features, _) = self.decode(y, state, &memory, context)?;
        Ok(vec![Value::from(self.logits(features, context)).with_mask(Some(mask))])
    }
}
