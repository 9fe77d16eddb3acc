//! [`CrfLoss`]: the negative log-likelihood of tags, from the scores that a [`CRF`](super::CRF) attaches to its output.

use fornax_core::{Array, Backend, DynTensor, Error, Result, Value};
use fornax_layers::Shape;
use fornax_train::losses::{CustomLoss, Loss};

use super::chain::{Gradient, LinearChain, gather};
use crate::rows::{Steps, expect_sequences, row_losses};

/// `-log p(tags | input)`, a loss a sequence.
///
/// # Shapes
/// - outputs: those of a [`CRF`](super::CRF) layer, `[batch, time, tags]`
/// - targets: `[batch, time]` or `[batch, time, 1]`, tags; what masked steps hold does not matter, and only they may
///   hold a negative number
/// - losses: `[batch]`, 0 for a sequence without a step that counts
///
/// The gradient is the expected counts of tags and pairs of tags less those of the targets.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, Value};
/// use fornax_layers::{Initializer, Sequential};
/// use fornax_sequence::crf::{CRF, CrfLoss};
/// use fornax_train::losses::Loss;
///
/// // Without any preference all 3² sequences are equally likely.
/// let crf = CRF::new(3).transitions_initializer(Initializer::Zeros);
/// let network = Sequential::<Flex>::new([2, 3]).add(crf).build()?;
/// let emissions = Value::from_array(&Array::from_vec([1, 2, 3], vec![0.0; 6])?, network.device());
/// let targets = Value::from_array(&Array::from_i32([1, 2], vec![2, 0])?, network.device());
/// let output = &network.infer(vec![emissions])?[0];
/// let loss = Loss::from(CrfLoss::new()).reduced(&targets, output, None)?.to_scalar();
/// assert!((loss - 9f64.ln()).abs() < 1e-6);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CrfLoss;

impl CrfLoss {
    /// The loss.
    pub const fn new() -> Self {
        Self
    }
}

impl CustomLoss for CrfLoss {
    fn name(&self) -> &str {
        "crf"
    }

    fn handles_mask(&self) -> bool {
        true
    }

    fn check_output(&self, output: &Shape) -> Result<()> {
        output.expect_rank(2, "[time, tags]")
    }

    fn check_targets(&self, targets: &Array, output: &Shape) -> Result<()> {
        let tags = output.last()?;
        match *targets.shape() {
            [_, time] | [_, time, 1] if output.axes()[0].is_none_or(|wanted| wanted == time) => {}
            _ => {
                let wanted = format!("a tag for each time step of {output}");
                return Err(Error::shape("targets", format!("{:?}", targets.shape()), wanted));
            }
        }
        let values = targets.to_f32();
        match values.iter().position(|x| x.fract() != 0.0 || *x >= tags as f32) {
            None => Ok(()),
            Some(at) => {
                let place = format!("targets, row {}", at / targets.row_len());
                Err(Error::data(place, values[at], format!("a tag from 0 to {} ({tags} tags)", tags - 1)))
            }
        }
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let [batch, time, tags] = expect_sequences("outputs", &y_pred.shape())?;
        let scores = y_pred.scores().filter(|scores| scores.shape() == [batch, time + tags + 2, tags]);
        let Some(scores) = scores else {
            return Err(Error::training(
                "outputs",
                "no scores of a tag sequence",
                "the output of a CRF layer",
            ));
        };
        let found = y_true.shape();
        if found != [batch, time] && found != [batch, time, 1] {
            let wanted = format!("{:?}, a tag a time step", [batch, time]);
            return Err(Error::shape("targets", format!("{found:?}"), wanted));
        }
        let steps = Steps::masked(y_pred.time_mask()?, batch, time);
        let targets = y_true.clone().indices().to_vec();
        let targets = (0..batch).map(|row| counted(&targets[row * time..], steps.of(row), row, tags));
        let targets = targets.collect::<Result<Vec<_>>>()?;
        Ok(row_losses(scores.clone(), |row, scores, gradient| {
            let (steps, targets) = (steps.of(row), &targets[row]);
            let (emissions, weights) = scores.split_at(time * tags);
            let (start, weights) = weights.split_at(tags);
            let (end, transitions) = weights.split_at(tags);
            let chain = LinearChain::from_parts(start.to_vec(), end.to_vec(), transitions.to_vec());
            let emissions = gather(emissions, steps, tags);
            let Some(gradient) = gradient else { return chain.loss(&emissions, targets, None) };
            let (by_emissions, weights) = gradient.split_at_mut(time * tags);
            let (start, weights) = weights.split_at_mut(tags);
            let (end, transitions) = weights.split_at_mut(tags);
            let mut gradient = Gradient { emissions: vec![0.0; emissions.len()], start, end, transitions };
            let loss = chain.loss(&emissions, targets, Some(&mut gradient));
            for (&step, row) in steps.iter().zip(gradient.emissions.chunks(tags)) {
                by_emissions[step * tags..(step + 1) * tags].copy_from_slice(row);
            }
            loss
        }))
    }
}

/// The targets of the steps that count.
fn counted(targets: &[i32], steps: &[usize], row: usize, tags: usize) -> Result<Vec<usize>> {
    let each = steps.iter().map(|&step| match usize::try_from(targets[step]) {
        Ok(tag) if tag < tags => Ok(tag),
        _ => {
            let wanted = format!("a tag from 0 to {} ({tags} tags)", tags - 1);
            Err(Error::data(format!("targets, sequence {row}, step {step}"), targets[step], wanted))
        }
    });
    each.collect()
}

impl From<CrfLoss> for Loss {
    fn from(loss: CrfLoss) -> Self {
        Self::custom(loss)
    }
}
