//! Decoding: from a model of the next token to sequences, by the best token ([`greedy`]), by several hypotheses at a
//! time ([`BeamSearch`]) or by chance ([`Sampling`]).
//!
//! A model takes part by [`StepDecoder`]: a step over the last token of each row, with a state whose rows can be put
//! in another order, repeated and left out. [`TransformerStep`] is that of a [`Transformer`](crate::layers::Transformer),
//! [`EncoderDecoderStep`] that of an [`RNNEncoderDecoder`](crate::layers::RNNEncoderDecoder).

mod beam_search;
pub(crate) mod cache;
mod encoder_decoder;
mod sampling;
mod transformer;

pub use beam_search::BeamSearch;
pub use encoder_decoder::{EncoderDecoderState, EncoderDecoderStep};
pub use sampling::Sampling;
pub use transformer::{TransformerState, TransformerStep};

use fornax_core::{Array, Error, Result, log_sum_exp};

/// A model of the next token that goes a step at a time.
///
/// ```
/// use fornax_core::Result;
/// use fornax_sequence::decoding::{Limits, StepDecoder, greedy};
///
/// /// Counts up: behind token `t` comes `t + 1`.
/// struct Counter;
///
/// impl StepDecoder for Counter {
///     /// The number of tokens so far, a row.
///     type State = Vec<usize>;
///
///     fn vocabulary(&self) -> usize {
///         5
///     }
///
///     fn step(&self, tokens: &[i32], state: &mut Self::State) -> Result<Vec<f32>> {
///         state.iter_mut().for_each(|steps| *steps += 1);
///         let logit = |token: i32, next: i32| if next == token + 1 { 1.0 } else { 0.0 };
///         Ok(tokens.iter().flat_map(|&token| (0..5).map(move |next| logit(token, next))).collect())
///     }
///
///     fn reorder(&self, state: &mut Self::State, rows: &[usize]) -> Result<()> {
///         *state = rows.iter().map(|&row| state[row]).collect();
///         Ok(())
///     }
/// }
///
/// let limits = Limits { start: 0, end: 4, max_steps: 10 };
/// let found = greedy(&Counter, vec![0; 2], 2, limits)?;
/// assert_eq!(found[0].tokens, [1, 2, 3]);
/// assert!(found[1].ended);
/// # Ok::<(), fornax_core::Error>(())
/// ```
pub trait StepDecoder {
    /// What the model remembers of each row: recurrent states, a cache of keys and values, encoded sources.
    type State;

    /// The number of different tokens.
    fn vocabulary(&self) -> usize;

    /// The logits of the next token behind `tokens`, one a row of the state: `[rows, vocabulary]` in row-major order.
    ///
    /// # Errors
    /// If the tokens do not fit the model or the state.
    fn step(&self, tokens: &[i32], state: &mut Self::State) -> Result<Vec<f32>>;

    /// Row `i` of the state becomes what row `rows[i]` was; rows may be repeated and left out.
    ///
    /// # Errors
    /// If there is no such row.
    fn reorder(&self, state: &mut Self::State, rows: &[usize]) -> Result<()>;
}

/// Where sequences begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The token before the first.
    pub start: i32,
    /// The token that ends a sequence; it is not part of the result.
    pub end: i32,
    /// The most tokens of a sequence, its end included.
    pub max_steps: usize,
}

impl Limits {
    fn check(self, vocabulary: usize, rows: usize) -> Result<()> {
        for (name, value) in [("max_steps", self.max_steps), ("vocabulary", vocabulary), ("rows", rows)] {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least 1"));
            }
        }
        for (name, token) in [("start", self.start), ("end", self.end)] {
            if token < 0 || token as usize >= vocabulary {
                return Err(Error::argument(name, token, format!("a token, 0 to {}", vocabulary - 1)));
            }
        }
        Ok(())
    }
}

/// A sequence that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// The tokens, without start and end.
    pub tokens: Vec<i32>,
    /// The logarithm of the sequence's probability, its end included.
    pub log_probability: f64,
    /// What hypotheses are ordered by: the logarithm over the length penalty.
    pub score: f64,
    /// Whether the end token came, or the steps ran out.
    pub ended: bool,
}

/// The most probable token at each step, for each of `rows` rows of the state.
///
/// # Errors
/// If the limits are not of the vocabulary, or the model fails or gives a logit that is NaN.
pub fn greedy<D: StepDecoder>(
    decoder: &D,
    state: D::State,
    rows: usize,
    limits: Limits,
) -> Result<Vec<Hypothesis>> {
    each_row(decoder, state, rows, limits, |_, _, logits| Ok(best(logits)))
}

/// The position of the largest number, the first of equals.
fn best(logits: &[f32]) -> usize {
    let mut best = 0;
    for (at, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = at;
        }
    }
    best
}

/// One sequence a row, each token chosen by `choose(row, step, logits)`; rows that have ended leave the state.
fn each_row<D: StepDecoder>(
    decoder: &D,
    mut state: D::State,
    rows: usize,
    limits: Limits,
    mut choose: impl FnMut(usize, usize, &[f32]) -> Result<usize>,
) -> Result<Vec<Hypothesis>> {
    let vocabulary = decoder.vocabulary();
    limits.check(vocabulary, rows)?;
    let empty = Hypothesis { tokens: vec![], log_probability: 0.0, score: 0.0, ended: false };
    let mut found = vec![empty; rows];
    let mut live: Vec<usize> = (0..rows).collect();
    for step in 0..limits.max_steps {
        let last = |row: &usize| found[*row].tokens.last().copied().unwrap_or(limits.start);
        let tokens: Vec<i32> = live.iter().map(last).collect();
        let logits = logits(decoder, &tokens, &mut state)?;
        for (&row, logits) in live.iter().zip(logits.chunks_exact(vocabulary)) {
            let token = choose(row, step, logits)?;
            let hypothesis = &mut found[row];
            hypothesis.log_probability += f64::from(logits[token]) - log_sum_exp(logits);
            hypothesis.score = hypothesis.log_probability;
            match token as i32 == limits.end {
                true => hypothesis.ended = true,
                false => hypothesis.tokens.push(token as i32),
            }
        }
        let going: Vec<usize> = (0..live.len()).filter(|&at| !found[live[at]].ended).collect();
        if going.is_empty() {
            break;
        }
        if going.len() < live.len() {
            decoder.reorder(&mut state, &going)?;
            live = going.into_iter().map(|at| live[at]).collect();
        }
    }
    Ok(found)
}

/// The logits of a step, as many as there have to be, none of them NaN.
fn logits<D: StepDecoder>(decoder: &D, tokens: &[i32], state: &mut D::State) -> Result<Vec<f32>> {
    let logits = decoder.step(tokens, state)?;
    let wanted = tokens.len() * decoder.vocabulary();
    if logits.len() != wanted {
        return Err(Error::shape(
            "logits of a step",
            logits.len(),
            format!("{wanted}, rows times vocabulary"),
        ));
    }
    match logits.iter().position(|logit| logit.is_nan()) {
        Some(at) => Err(Error::data(format!("logit {at} of a step"), "NaN", "a number")),
        None => Ok(logits),
    }
}

/// An error unless `sources` are ids `[samples, time]` of at least one sample.
fn check_sources(sources: &Array) -> Result<()> {
    match *sources.shape() {
        [samples, _] if samples > 0 => Ok(()),
        _ => Err(Error::shape("sources", format!("{:?}", sources.shape()), "[samples, time]")),
    }
}

/// Logits by which padding, id 0, never comes.
fn without_padding(mut logits: Vec<f32>, vocabulary: usize) -> Vec<f32> {
    logits.chunks_exact_mut(vocabulary).for_each(|row| row[0] = f32::NEG_INFINITY);
    logits
}
