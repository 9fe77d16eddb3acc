//! Linear-chain conditional random fields: a layer that scores whole tag sequences, its loss, and the best sequence.
//!
//! Tags `y` of a sequence with emissions `e [steps, tags]` have the score
//! `start[y_1] + sum_t e_t[y_t] + sum_t transitions[y_t-1, y_t] + end[y_T]`; their probability is the exponential of it
//! over the sum of those of all tag sequences.
//!
//! How it fits into a model: the loss needs the emissions and three weights of the layer, and a loss sees nothing but
//! the layer's output. So the output is what a user wants (the best tags, one-hot, to which accuracy and `predict`
//! apply as to any classifier), and it carries its scores, emissions and weights packed into one tensor `[batch, time +
//! tags + 2, tags]`, as the output of a softmax carries its logits. [`CrfLoss`] is then one node with one parent whose
//! gradient is local to each sequence; autodiff sums over the batch what the weights get. Neither `compile` nor the
//! training step knows of it. Value and gradient are computed on the host in `f64`
//! ([`fornax_core::ops::LossOps`]'s `row_losses`): they are one dynamic program, not tensor operations.
//!
//! Source: J. Lafferty, A. McCallum, F. Pereira, *Conditional Random Fields*, ICML 2001.

mod chain;
mod loss;

use fornax_core::{Array, Backend, DynTensor, Error, Result, Value};
use fornax_layers::{Constraint, Context, Initializer, Layer, Regularizer, Shape, WeightSpecs};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::rows::{Steps, expect_sequences};

pub use chain::LinearChain;
pub use loss::CrfLoss;

/// The best tag sequence by emissions and learned transitions.
///
/// # Shapes
/// - input: `[batch, time, tags]`, emissions (of a linear `Dense`); a mask leaves time steps out, wherever they lie
/// - output: `[batch, time, tags]`, one-hot, zeros at masked steps
/// - weights: `transitions [tags, tags]` (from, to), `start [tags]`, `end [tags]`
///
/// It trains with [`CrfLoss`] only: the output has no gradient.
/// Defaults: weights uniform within 0.1 (as `pytorch-crf`), best tags; with [`marginals`](Self::marginals) the
/// probability of each tag at each step.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_data::Dataset;
/// use fornax_layers::{Sequential, layers::Dense};
/// use fornax_optim::Adam;
/// use fornax_sequence::crf::{self, CRF, CrfLoss};
/// use fornax_train::{Compile, Fit, metrics::Accuracy};
///
/// // The tag of a step with input 0 is that of the step before: only transitions can tell.
/// let x = Array::from_vec([2, 3, 2], vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0])?;
/// let y = Array::from_i32([2, 3], vec![0, 0, 0, 1, 1, 1])?;
/// let mut model = Sequential::<Flex>::new([3, 2])
///     .add(Dense::new(2))
///     .add(CRF::new(2))
///     .compile(Adam::new(0.1), CrfLoss::new(), [Accuracy])?;
/// let history = model.fit(&Dataset::new(x.clone(), y)?, Fit::new().epochs(60).verbose(false))?;
/// assert_eq!(history.last("accuracy"), Some(1.0));
/// assert_eq!(crf::tags(&model.predict(&x)?)?, [[0, 0, 0], [1, 1, 1]]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct CRF {
    tags: usize,
    transitions_initializer: Initializer,
    transitions_regularizer: Option<Regularizer>,
    transitions_constraint: Option<Constraint>,
    marginals: bool,
}

impl Default for CRF {
    fn default() -> Self {
        Self::new(1)
    }
}

impl CRF {
    /// A layer of `tags` tags.
    pub fn new(tags: usize) -> Self {
        Self {
            tags,
            transitions_initializer: Initializer::RandomUniform { minval: -0.1, maxval: 0.1 },
            transitions_regularizer: None,
            transitions_constraint: None,
            marginals: false,
        }
    }

    /// Where all three weights start.
    pub fn transitions_initializer(mut self, initializer: Initializer) -> Self {
        self.transitions_initializer = initializer;
        self
    }

    /// A penalty on the transitions.
    pub fn transitions_regularizer(mut self, regularizer: Regularizer) -> Self {
        self.transitions_regularizer = Some(regularizer);
        self
    }

    /// A projection of the transitions after each step.
    pub fn transitions_constraint(mut self, constraint: Constraint) -> Self {
        self.transitions_constraint = Some(constraint);
        self
    }

    /// Whether the output is the probability of each tag at each step instead of the best sequence.
    pub fn marginals(mut self, marginals: bool) -> Self {
        self.marginals = marginals;
        self
    }

    /// The output for emissions on the host.
    fn decode(&self, chain: &LinearChain, emissions: &[f64], steps: &Steps, time: usize) -> Vec<f64> {
        let tags = self.tags;
        let mut output = vec![0.0; emissions.len()];
        let rows = output.par_chunks_mut(time * tags).zip(emissions.par_chunks(time * tags));
        rows.enumerate().for_each(|(row, (output, emissions))| {
            let steps = steps.of(row);
            let emissions = chain::gather(emissions, steps, tags);
            if self.marginals {
                let marginals = chain.marginals_of(&emissions);
                for (&step, p) in steps.iter().zip(marginals.chunks(tags)) {
                    output[step * tags..(step + 1) * tags].copy_from_slice(p);
                }
            } else {
                let (best, _) = chain.best_of(&emissions);
                steps.iter().zip(best).for_each(|(&step, tag)| output[step * tags + tag] = 1.0);
            }
        });
        output
    }
}

impl Layer for CRF {
    const CLASS_NAME: &'static str = "CRF";

    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
        if self.tags == 0 {
            return Err(Error::argument("tags", 0, "at least 1"));
        }
        input.expect_rank(2, "[time, tags]")?;
        if input.last()? != self.tags {
            let wanted = format!("a last axis of {} tags (of a Dense layer before)", self.tags);
            return Err(Error::shape("input", format!("shape {input}"), wanted));
        }
        weights
            .add("transitions", &[self.tags, self.tags], self.transitions_initializer)
            .regularizer(self.transitions_regularizer)
            .constraint(self.transitions_constraint);
        weights.add("start", &[self.tags], self.transitions_initializer);
        weights.add("end", &[self.tags], self.transitions_initializer);
        Ok(input.clone())
    }

    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
        let mask = x.time_mask()?.cloned();
        let emissions = x.float();
        let [batch, time, tags] = expect_sequences("emissions", &emissions.shape())?;
        let [transitions, start, end] = ["transitions", "start", "end"].map(|name| context.weight(name));
        let chain = LinearChain::from_parts(start.to_f64(), end.to_f64(), transitions.to_f64());
        let steps = Steps::masked(mask.as_ref(), batch, time);
        let output = self.decode(&chain, &emissions.to_f64(), &steps, time);
        let output = DynTensor::from_f64(output, &emissions.shape(), &emissions.device());
        // The order in which `loss` takes them apart.
        let weights =
            [start.reshape(&[1, 1, tags]), end.reshape(&[1, 1, tags]), transitions.reshape(&[1, tags, tags])];
        let weights = DynTensor::concatenate(weights.into(), 1).expand(&[batch, tags + 2, tags]);
        Ok(Value::from(output).with_scores(DynTensor::concatenate(vec![emissions, weights], 1)))
    }
}

/// The tags of the steps that count, from the output `[batch, time, tags]` of a model that ends with a [`CRF`]: the
/// largest element of each step that is not all zeros.
///
/// # Errors
/// If the output has another number of axes.
///
/// ```
/// use fornax_core::Array;
///
/// let padded = Array::from_vec([1, 3, 2], vec![0.0, 1.0, 1.0, 0.0, 0.0, 0.0])?;
/// assert_eq!(fornax_sequence::crf::tags(&padded)?, [[1, 0]]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
pub fn tags(output: &Array) -> Result<Vec<Vec<usize>>> {
    let [_, time, tags] = expect_sequences("output", output.shape())?;
    let values = output.to_f32();
    let counted = |step: &[f32]| {
        let best = (1..tags).fold(0, |best, tag| if step[tag] > step[best] { tag } else { best });
        (step[best] > 0.0).then_some(best)
    };
    Ok(values.chunks(time * tags).map(|row| row.chunks(tags).filter_map(counted).collect()).collect())
}
