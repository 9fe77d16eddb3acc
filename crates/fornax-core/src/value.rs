//! [`Value`]: what flows between layers, a tensor with what Keras attaches to it.

use std::sync::{Arc, OnceLock};

use crate::ops::Activation;
use crate::{Array, Backend, DynTensor, Error, Indices, Mask, Result};

/// A float tensor or a tensor of indices, with an optional mask of the time steps that count and what it was
/// computed from: behind a softmax or sigmoid the logits, behind a structured output its scores.
///
/// A softmax or sigmoid is computed when somebody asks for it: a training step whose loss looks at the logits alone does not.
/// So are rows of a table copied to the places that take them: a recurrent layer looks at the rows alone.
///
/// The loss trains through the logits where it can, which is exact where probabilities are rounded to 0 or 1
/// (Keras does the same on TensorFlow). A structured output (the best path of a conditional random field) has no
/// gradient; the loss that belongs to it trains through the scores, which no other loss looks at.
#[derive(Clone, Debug)]
pub struct Value<B: Backend> {
    data: Data<B>,
    /// In a place of its own: most values have nothing there, and they are moved from layer to layer.
    attached: Option<Box<Attached<B>>>,
    /// The least and the largest index, where they were seen on the host.
    range: Option<(i32, i32)>,
}

#[derive(Clone, Debug)]
struct Attached<B: Backend> {
    mask: Option<Mask<B>>,
    scores: Option<DynTensor<B>>,
}

#[derive(Clone, Debug)]
enum Data<B: Backend> {
    Float(DynTensor<B>),
    Int(Indices<B>),
    Later(Arc<Later<B>>),
}

/// What is computed once, when it is first asked for.
#[derive(Debug)]
struct Later<B: Backend> {
    source: Source<B>,
    result: OnceLock<DynTensor<B>>,
}

/// What it is computed from.
#[derive(Clone, Debug)]
enum Source<B: Backend> {
    /// Logits and their activation.
    Logits(DynTensor<B>, Activation),
    /// Rows `[rows, width]` and the number of the row that each place takes.
    Rows(DynTensor<B>, Indices<B>),
}

impl<B: Backend> Source<B> {
    fn result(self) -> DynTensor<B> {
        match self {
            Self::Logits(logits, activation) => B::activate(logits, activation),
            Self::Rows(rows, places) => B::embedding_lookup(rows, places),
        }
    }

    fn shape(&self) -> Vec<usize> {
        match self {
            Self::Logits(logits, _) => logits.shape(),
            Self::Rows(rows, places) => [places.shape(), rows.shape()[1..].to_vec()].concat(),
        }
    }

    fn device(&self) -> B::Device {
        let (Self::Logits(tensor, _) | Self::Rows(tensor, _)) = self;
        tensor.device()
    }
}

impl<B: Backend> Later<B> {
    fn result(&self) -> &DynTensor<B> {
        self.result.get_or_init(|| self.source.clone().result())
    }
}

impl<B: Backend> Value<B> {
    /// A host array on the device; integers become indices.
    pub fn from_array(array: &Array, device: &B::Device) -> Self {
        Self::from_owned_array(array.clone(), device)
    }

    /// [`Self::from_array`], as [`DynTensor::from_owned_array`] without a copy where there need be none.
    pub fn from_owned_array(array: Array, device: &B::Device) -> Self {
        if array.is_integer() {
            let values = array.to_i32();
            let range = values.iter().copied().min().zip(values.iter().copied().max());
            Self { range, ..Indices::from_vec(values, array.shape(), device).into() }
        } else {
            DynTensor::from_owned_array(array, device).into()
        }
    }

    /// The softmax or sigmoid of `logits`, which are remembered.
    pub fn activated(logits: DynTensor<B>, activation: Activation) -> Self {
        Self::later(Source::Logits(logits, activation))
    }

    /// The rows `[rows, width]` by `places [..]`: `[.., width]`.
    pub fn looked_up(rows: DynTensor<B>, places: Indices<B>) -> Self {
        Self::later(Source::Rows(rows, places))
    }

    fn later(source: Source<B>) -> Self {
        let later = Later { source, result: OnceLock::new() };
        Self { data: Data::Later(Arc::new(later)), attached: None, range: None }
    }

    /// The lengths of the axes; axis 0 is the batch.
    pub fn shape(&self) -> Vec<usize> {
        match &self.data {
            Data::Float(tensor) => tensor.shape(),
            Data::Int(indices) => indices.shape(),
            Data::Later(later) => later.source.shape(),
        }
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    /// Where the elements live.
    pub fn device(&self) -> B::Device {
        match &self.data {
            Data::Float(tensor) => tensor.device(),
            Data::Int(indices) => indices.device(),
            Data::Later(later) => later.source.device(),
        }
    }

    /// The same elements in another shape, without the mask and the logits, which belong to the old one.
    pub fn reshape(self, shape: &[usize]) -> Self {
        match self.data {
            Data::Int(indices) => Self { range: self.range, ..indices.reshape(shape).into() },
            _ => self.float().reshape(shape).into(),
        }
    }

    /// The elements as a float tensor (indices are converted).
    pub fn float(self) -> DynTensor<B> {
        match self.data {
            Data::Float(tensor) => tensor,
            Data::Int(indices) => indices.to_float(),
            Data::Later(later) => match Arc::try_unwrap(later) {
                Ok(Later { source, result }) => result.into_inner().unwrap_or_else(|| source.result()),
                Err(shared) => shared.result().clone(),
            },
        }
    }

    /// The elements as indices (floats are truncated).
    pub fn indices(self) -> Indices<B> {
        match self.data {
            Data::Int(indices) => indices,
            _ => self.float().to_indices(),
        }
    }

    /// The least and the largest element as indices, none if there is no element. Indices that came from the host
    /// carry it; of others the elements are copied to the host.
    pub fn index_range(&self) -> Option<(i32, i32)> {
        let values = match (&self.range, &self.data) {
            (Some(range), _) => return Some(*range),
            (None, Data::Int(indices)) => indices.to_vec(),
            (None, _) => self.clone().indices().to_vec(),
        };
        values.iter().copied().min().zip(values.iter().copied().max())
    }

    /// Burn's float tensor of rank `D`.
    ///
    /// # Errors
    /// If the rank is another.
    pub fn tensor<const D: usize>(self) -> Result<burn::tensor::Tensor<B, D>> {
        self.float().tensor()
    }

    /// The time steps that count, `[batch, time]` as a rule; [`Self::time_mask`] checks that.
    pub fn mask(&self) -> Option<&Mask<B>> {
        self.attached.as_ref()?.mask.as_ref()
    }

    /// The mask, which is `[batch, time]`, the first two axes of the tensor.
    ///
    /// # Errors
    /// If it has another shape.
    pub fn time_mask(&self) -> Result<Option<&Mask<B>>> {
        let Some(mask) = self.mask() else { return Ok(None) };
        let (found, shape) = (mask.shape(), self.shape());
        if found.len() == 2 && shape.starts_with(&found) {
            return Ok(Some(mask));
        }
        let wanted = format!("{:?}, a truth value for each time step", &shape[..shape.len().min(2)]);
        Err(Error::shape("mask", format!("{found:?}"), wanted))
    }

    /// The same tensor with another mask or none.
    pub fn with_mask(mut self, mask: Option<Mask<B>>) -> Self {
        if mask.is_some() || self.attached.is_some() {
            self.attach().mask = mask;
        }
        self
    }

    fn attach(&mut self) -> &mut Attached<B> {
        self.attached.get_or_insert_with(|| Box::new(Attached { mask: None, scores: None }))
    }

    /// The logits behind a softmax or sigmoid.
    pub fn logits(&self) -> Option<&DynTensor<B>> {
        match self.source()? {
            Source::Logits(logits, _) => Some(logits),
            Source::Rows(..) => None,
        }
    }

    /// The rows and the places of what was looked up and is not changed since.
    pub fn rows_by_place(&self) -> Option<(&DynTensor<B>, &Indices<B>)> {
        match self.source()? {
            Source::Rows(rows, places) => Some((rows, places)),
            Source::Logits(..) => None,
        }
    }

    fn source(&self) -> Option<&Source<B>> {
        match &self.data {
            Data::Later(later) => Some(&later.source),
            Data::Float(_) | Data::Int(_) => None,
        }
    }

    /// The same elements in another shape whose last axis is the same, with the logits and without the mask.
    pub fn reshape_rows(self, shape: &[usize]) -> Self {
        match self.source() {
            Some(Source::Logits(logits, activation)) => {
                Self::activated(logits.clone().reshape(shape), *activation)
            }
            _ => self.reshape(shape),
        }
    }

    /// The scores that a structured output was decoded from.
    pub fn scores(&self) -> Option<&DynTensor<B>> {
        self.attached.as_ref()?.scores.as_ref()
    }

    /// The same tensor, remembered to be decoded from `scores`.
    pub fn with_scores(mut self, scores: DynTensor<B>) -> Self {
        self.attach().scores = Some(scores);
        self
    }

    /// The elements as a host array; indices stay integers.
    pub fn to_array(&self) -> Array {
        match &self.data {
            Data::Float(tensor) => tensor.to_array(),
            Data::Later(later) => later.result().to_array(),
            Data::Int(indices) => Array::from_i32(indices.shape(), indices.to_vec())
                .expect("a tensor holds as many values as its shape"),
        }
    }

    pub(crate) fn convert<C: Backend>(
        self,
        float: impl Fn(DynTensor<B>) -> DynTensor<C>,
        int: impl Fn(Indices<B>) -> Indices<C>,
        mask: impl Fn(Mask<B>) -> Mask<C>,
    ) -> Value<C> {
        Value {
            data: match self.data {
                Data::Float(tensor) => Data::Float(float(tensor)),
                Data::Int(indices) => Data::Int(int(indices)),
                Data::Later(later) => Data::Later(Arc::new(Later {
                    source: match later.source.clone() {
                        Source::Logits(logits, activation) => Source::Logits(float(logits), activation),
                        Source::Rows(rows, places) => Source::Rows(float(rows), int(places)),
                    },
                    result: later
                        .result
                        .get()
                        .cloned()
                        .map(&float)
                        .map_or_else(OnceLock::new, OnceLock::from),
                })),
            },
            attached: self.attached.map(|attached| {
                Box::new(Attached { mask: attached.mask.map(mask), scores: attached.scores.map(&float) })
            }),
            range: self.range,
        }
    }

    /// An error unless the shape behind the batch axis is `wanted`; `None` stands for any length.
    ///
    /// # Errors
    /// Names `place`, the shape found and the shape wanted.
    pub fn expect_shape(&self, place: impl ToString, wanted: &[Option<usize>]) -> Result<()> {
        let shape = self.shape();
        let fits = shape.len() == wanted.len() + 1
            && shape[1..]
                .iter()
                .zip(wanted)
                .all(|(&found, wanted)| wanted.is_none_or(|wanted| wanted == found));
        if fits {
            return Ok(());
        }
        let wanted: Vec<String> = std::iter::once("batch".into())
            .chain(wanted.iter().map(|axis| axis.map_or("any".into(), |len| len.to_string())))
            .collect();
        Err(Error::shape(place, format!("{shape:?}"), format!("[{}]", wanted.join(", "))))
    }
}

impl<B: Backend> From<DynTensor<B>> for Value<B> {
    fn from(tensor: DynTensor<B>) -> Self {
        Self { data: Data::Float(tensor), attached: None, range: None }
    }
}

impl<B: Backend> From<Indices<B>> for Value<B> {
    fn from(indices: Indices<B>) -> Self {
        Self { data: Data::Int(indices), attached: None, range: None }
    }
}

impl<B: Backend, const D: usize> From<burn::tensor::Tensor<B, D>> for Value<B> {
    fn from(tensor: burn::tensor::Tensor<B, D>) -> Self {
        DynTensor::from(tensor).into()
    }
}
