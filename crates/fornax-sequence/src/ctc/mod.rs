//! Connectionist temporal classification: labels without an alignment, trained and decoded.
//!
//! A network gives a probability of each class and of a *blank* at each time step. A path of one class a step stands
//! for the labels that are left when repeats are merged and then blanks removed; the probability of a labelling is
//! the sum over all of its paths. The loss is a custom node on the host in `f64` ([`fornax_core::ops::LossOps`]'s
//! `row_losses`), not an operation family of its own: value and gradient are one dynamic program over a few hundred
//! cells a sequence, which tensor operations would spread over dozens of nodes a time step.
//!
//! Source: A. Graves et al., *Connectionist Temporal Classification*, ICML 2006.

mod alignment;
mod decoding;

use fornax_core::{Array, Backend, DynTensor, Error, Result, Value};
use fornax_layers::Shape;
use fornax_train::losses::{CustomLoss, Loss};

use crate::rows::{Steps, expect_sequences, row_losses};
use alignment::Alignments;

pub use decoding::{CtcDecoder, Decoded};

/// `-log p(labels | outputs)`, a loss a sequence.
///
/// # Shapes
/// - outputs: `[batch, time, classes]`, logits (behind a softmax layer those of the softmax); a mask leaves time steps
///   out, wherever they lie
/// - targets: `[batch, labels]`, class indices; the blank or a negative number pads at the end
/// - losses: `[batch]`
///
/// Defaults: blank 0, losses not divided by the number of labels (`keras.losses.CTC`;
/// [`by_target_length`](Self::by_target_length) is the mean of `torch.nn.CTCLoss`), a target that is too long for its
/// input is an error.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_data::Dataset;
/// use fornax_layers::{Sequential, layers::Dense};
/// use fornax_optim::Adam;
/// use fornax_sequence::ctc::{Ctc, CtcDecoder};
/// use fornax_train::{Compile, Fit};
///
/// // Two frames a symbol; which frames belong to which label is not said.
/// let x = Array::from_vec([1, 4, 2], vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0])?;
/// let set = Dataset::new(x.clone(), Array::from_i32([1, 2], vec![2, 1])?)?;
/// let mut model = Sequential::<Flex>::new([4, 2]).add(Dense::new(3)).compile(Adam::new(0.1), Ctc::new(), [])?;
/// model.fit(&set, Fit::new().epochs(60).verbose(false))?;
/// let decoded = CtcDecoder::new().greedy(&model.predict(&x)?, None)?;
/// assert_eq!(decoded[0].labels, [2, 1]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ctc {
    blank: usize,
    by_target_length: bool,
    zero_infinity: bool,
}

impl Ctc {
    /// The loss with its defaults.
    pub const fn new() -> Self {
        Self { blank: 0, by_target_length: false, zero_infinity: false }
    }

    /// The class that stands for no label.
    pub const fn blank(mut self, blank: usize) -> Self {
        self.blank = blank;
        self
    }

    /// Whether each loss is divided by the number of labels (at least 1), as PyTorch's mean does.
    pub const fn by_target_length(mut self, by_target_length: bool) -> Self {
        self.by_target_length = by_target_length;
        self
    }

    /// Whether a target without a path through its input counts as loss 0 instead of being an error.
    pub const fn zero_infinity(mut self, zero_infinity: bool) -> Self {
        self.zero_infinity = zero_infinity;
        self
    }

    /// The losses `[batch]` of `logits [batch, time, classes]`, of which the first `lengths` steps count (all without
    /// lengths), for the labels of each sequence.
    ///
    /// # Errors
    /// If shapes, lengths or labels do not fit, or a target is longer than its input can hold: labels and a blank
    /// between equal neighbours.
    pub fn sequence_losses<B: Backend>(
        &self,
        logits: DynTensor<B>,
        lengths: Option<&[usize]>,
        labels: &[Vec<usize>],
    ) -> Result<DynTensor<B>> {
        let [batch, time, classes] = expect_sequences("outputs", &logits.shape())?;
        self.check_classes(classes)?;
        if labels.len() != batch {
            return Err(Error::shape("labels", format!("{} sequences", labels.len()), batch));
        }
        for (row, labels) in labels.iter().enumerate() {
            for (at, &label) in labels.iter().enumerate() {
                self.check_label(label as i64, classes, row, at)?;
            }
        }
        self.over_steps(logits, &Steps::first(lengths, batch, time)?, labels)
    }

    fn over_steps<B: Backend>(
        &self,
        logits: DynTensor<B>,
        steps: &Steps,
        labels: &[Vec<usize>],
    ) -> Result<DynTensor<B>> {
        let classes = logits.shape()[2];
        for (row, labels) in labels.iter().enumerate() {
            self.check_room(labels, steps.of(row).len(), row)?;
        }
        Ok(row_losses(logits, |row, logits, gradient| {
            let (steps, labels) = (steps.of(row), &labels[row]);
            let alignments = Alignments::new(logits, classes, steps, labels, self.blank);
            let factor = if self.by_target_length { 1.0 / labels.len().max(1) as f64 } else { 1.0 };
            let forward = alignments.forward();
            let loss = -forward.log_probability();
            if loss == f64::INFINITY {
                return if self.zero_infinity { 0.0 } else { loss };
            }
            if let Some(gradient) = gradient {
                alignments.gradient(&forward, factor, gradient);
            }
            loss * factor
        }))
    }

    fn check_classes(&self, classes: usize) -> Result<()> {
        if self.blank < classes {
            return Ok(());
        }
        Err(Error::argument("blank", self.blank, format!("0 to {} ({classes} classes)", classes - 1)))
    }

    fn check_label(&self, label: i64, classes: usize, row: usize, at: usize) -> Result<()> {
        if label >= 0 && label < classes as i64 && label != self.blank as i64 {
            return Ok(());
        }
        let wanted = format!("a class from 0 to {} other than the blank {}", classes - 1, self.blank);
        Err(Error::data(format!("labels, sequence {row}, position {at}"), label, wanted))
    }

    /// An error unless the labels have a path through `steps` time steps.
    fn check_room(&self, labels: &[usize], steps: usize, row: usize) -> Result<()> {
        let needed = alignment::shortest_path(labels);
        if needed <= steps || self.zero_infinity {
            return Ok(());
        }
        Err(Error::data(
            format!("labels, sequence {row}"),
            format!("{} labels that take {needed} time steps", labels.len()),
            format!("at most {steps}, the input's length (or zero_infinity)"),
        ))
    }

    /// The labels of each row of padded targets.
    fn unpadded(&self, targets: &[i32], width: usize, classes: usize) -> Result<Vec<Vec<usize>>> {
        let pads = |label: i32| label < 0 || label as usize == self.blank;
        let rows = targets.chunks(width.max(1)).enumerate();
        rows.map(|(row, targets)| {
            let length = targets.iter().position(|&label| pads(label)).unwrap_or(width);
            if let Some(at) = targets[length..].iter().position(|&label| !pads(label)) {
                let place = format!("labels, sequence {row}, position {}", length + at);
                return Err(Error::data(place, targets[length + at], "padding, as before it"));
            }
            let labels = targets[..length].iter().enumerate();
            let checked =
                labels.map(|(at, &label)| self.check_label(label.into(), classes, row, at).map(|()| label));
            checked.map(|label| label.map(|label| label as usize)).collect()
        })
        .collect()
    }
}

impl CustomLoss for Ctc {
    fn name(&self) -> &str {
        "ctc"
    }

    fn handles_mask(&self) -> bool {
        true
    }

    fn check_output(&self, output: &Shape) -> Result<()> {
        output.expect_rank(2, "[time, classes]")?;
        self.check_classes(output.last()?)
    }

    fn check_targets(&self, targets: &Array, output: &Shape) -> Result<()> {
        let [batch, width] = *targets.shape() else {
            return Err(Error::shape("targets", format!("{:?}", targets.shape()), "[batch, labels]"));
        };
        if let Some(at) = targets.to_f32().iter().position(|x| x.fract() != 0.0) {
            let place = format!("labels, sequence {}, position {}", at / width, at % width);
            return Err(Error::data(place, targets.to_f32()[at], "a class"));
        }
        let labels = match width {
            0 => vec![vec![]; batch],
            _ => self.unpadded(&targets.to_i32(), width, output.last()?)?,
        };
        let Some(Some(time)) = output.axes().first() else { return Ok(()) };
        labels.iter().enumerate().try_for_each(|(row, labels)| self.check_room(labels, *time, row))
    }

    fn losses<B: Backend>(&self, y_true: &Value<B>, y_pred: &Value<B>) -> Result<DynTensor<B>> {
        let [batch, time, classes] = expect_sequences("outputs", &y_pred.shape())?;
        let found = y_true.shape();
        let [rows, width] = found[..] else {
            return Err(Error::shape("targets", format!("{found:?}"), "[batch, labels]"));
        };
        if rows != batch {
            return Err(Error::shape("targets", format!("{found:?}"), format!("[{batch}, labels]")));
        }
        let labels = match width {
            0 => vec![vec![]; batch],
            _ => self.unpadded(&y_true.clone().indices().to_vec(), width, classes)?,
        };
        let logits = y_pred.logits().cloned().unwrap_or_else(|| y_pred.clone().float());
        self.over_steps(logits, &Steps::masked(y_pred.time_mask()?, batch, time), &labels)
    }
}

impl From<Ctc> for Loss {
    fn from(loss: Ctc) -> Self {
        Self::custom(loss)
    }
}
