//! Which targets a loss takes, and how their shapes meet those of the outputs.

use fornax_core::{Array, Backend, DynTensor, Error, Result, Value};
use fornax_layers::Shape;

/// What targets a loss takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Targets {
    /// A class index a sample or step; the output has a probability a class.
    Classes { ignored: Option<i64> },
    /// Probabilities of classes, in the shape of the output, which has more than one class.
    Distribution,
    /// Numbers from 0 to 1, in the shape of the output.
    Unit,
    /// -1, 0 or 1, in the shape of the output.
    Signs,
    /// Numbers in the shape of the output.
    Real,
    /// Whatever the user's own loss takes.
    Any,
}

impl Targets {
    /// An error unless the loss takes outputs of this shape.
    pub(crate) fn check_output(self, output: &Shape) -> Result<()> {
        match self {
            Self::Classes { .. } | Self::Distribution if output.last()? < 2 => {
                Err(Error::shape("output", format!("shape {output}"), "a last axis of at least 2 classes"))
            }
            _ => Ok(()),
        }
    }

    /// An error unless the targets fit an output of this shape.
    pub(crate) fn check(self, targets: &Array, output: &Shape) -> Result<()> {
        if self == Self::Any {
            return Ok(());
        }
        let axes = output.axes();
        let sample: Vec<Option<usize>> = targets.shape()[1..].iter().copied().map(Some).collect();
        let same = |a: &[Option<usize>], b: &[Option<usize>]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_none() || b.is_none() || a == b)
        };
        let (fits, wanted) = match self {
            Self::Classes { .. } => {
                let classes = &axes[..axes.len().saturating_sub(1)];
                let column = [classes, &[Some(1)]].concat();
                let wanted =
                    format!("{} or one axis of length 1 more: a class index each", shape_of(classes));
                (same(&sample, classes) || same(&sample, &column), wanted)
            }
            _ => {
                let longer = [&sample[..], &[Some(1)]].concat();
                let column = [axes, &[Some(1)]].concat();
                let fits = same(&sample, axes) || same(&longer, axes) || same(&sample, &column);
                (fits, format!("{}, that of the output", shape_of(axes)))
            }
        };
        if !fits {
            return Err(Error::shape("targets", format!("shape {}", shape_of(&sample)), wanted));
        }
        let wanted = match self {
            Self::Classes { .. } => format!("a class from 0 to {}", output.last()?.saturating_sub(1)),
            Self::Distribution | Self::Unit => "a number from 0 to 1".into(),
            Self::Signs => "-1, 0 or 1".into(),
            _ => "a finite number".into(),
        };
        let classes = if let Self::Classes { .. } = self { output.last()? } else { 0 };
        let valid = |x: f32| match self {
            Self::Classes { ignored } => {
                x.fract() == 0.0
                    && ((x >= 0.0 && (x as usize) < classes)
                        || ignored.is_some_and(|class| x == class as f32))
            }
            Self::Distribution | Self::Unit => (0.0..=1.0).contains(&x),
            Self::Signs => x == -1.0 || x == 0.0 || x == 1.0,
            _ => x.is_finite(),
        };
        let values = targets.to_f32();
        match values.iter().position(|&x| !valid(x)) {
            None => Ok(()),
            Some(at) => {
                let row = at / targets.row_len().max(1);
                let wanted = match self {
                    Self::Classes { .. } => format!("{wanted} ({classes} classes)"),
                    _ => wanted,
                };
                Err(Error::data(format!("targets, row {row}"), values[at], wanted))
            }
        }
    }
}

/// The shape of a batch as Keras prints it.
fn shape_of(axes: &[Option<usize>]) -> String {
    Shape::from(axes.to_vec()).to_string()
}

/// Targets and outputs of one shape, with the logits behind the outputs.
pub(crate) struct Pair<B: Backend> {
    pub(crate) truth: DynTensor<B>,
    pub(crate) prediction: DynTensor<B>,
    pub(crate) logits: Option<DynTensor<B>>,
}

impl<B: Backend> Pair<B> {
    /// The two as floats; an axis of length 1 too many or too few at the end is dropped or added.
    ///
    /// # Errors
    /// If the shapes differ otherwise.
    pub(crate) fn new(y_true: &Value<B>, y_pred: &Value<B>) -> Result<Self> {
        let (truth, prediction) = (y_true.shape(), y_pred.shape());
        let column = |shape: &[usize], of: usize| shape.len() == of + 1 && shape.last() == Some(&1);
        let shape = if column(&truth, prediction.len()) {
            if prediction.len() == 1 { &truth[..] } else { &truth[..prediction.len()] }
        } else if column(&prediction, truth.len()) {
            if truth.len() == 1 { &prediction[..] } else { &prediction[..truth.len()] }
        } else {
            &prediction[..]
        };
        let count = |shape: &[usize]| shape.iter().product::<usize>();
        let fits =
            |found: &[usize]| found == shape || (found.len() != shape.len() && count(found) == count(shape));
        let near = truth.len().abs_diff(prediction.len()) <= 1;
        if !near || !fits(&truth) || !fits(&prediction) {
            return Err(Error::shape(
                "targets",
                format!("{truth:?}"),
                format!("{prediction:?}, that of the output"),
            ));
        }
        Ok(Self {
            truth: y_true.clone().float().reshape(shape),
            prediction: y_pred.clone().float().reshape(shape),
            logits: y_pred.logits().cloned().map(|logits| logits.reshape(shape)),
        })
    }
}

/// The shape without its last axis; `[1]` for a vector.
pub(crate) fn drop_last(shape: &[usize]) -> Vec<usize> {
    match shape {
        [] | [_] => vec![1],
        [first @ .., _] => first.to_vec(),
    }
}

/// The mean over the last axis, which is dropped.
pub(crate) fn mean_last<B: Backend>(x: DynTensor<B>) -> DynTensor<B> {
    let shape = drop_last(&x.shape());
    let last = x.rank() - 1;
    x.mean_axis(last).reshape(&shape)
}

/// The sum over the last axis, which is dropped.
pub(crate) fn sum_last<B: Backend>(x: DynTensor<B>) -> DynTensor<B> {
    let shape = drop_last(&x.shape());
    let last = x.rank() - 1;
    x.sum_axis(last).reshape(&shape)
}
