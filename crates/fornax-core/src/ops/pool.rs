//! Pooling over windows of any number of spatial axes, channels last: the maximum or the mean of each window.
//!
//! Padding takes no part: a maximum ignores it, a mean divides by the number of elements that are not padding
//! (as Keras does under `padding="same"`). The cotangent of a maximum goes to the first largest element.

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::record;
use crate::DynTensor;

/// Which statistic of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolKind {
    /// The largest element.
    Max,
    /// The mean of the elements that are not padding.
    Average,
}

/// Size, stride and padding of a window, a component a spatial axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Lengths of the window.
    pub size: Vec<usize>,
    /// Steps of the window.
    pub stride: Vec<usize>,
    /// Padding before and after each axis.
    pub padding: Vec<(usize, usize)>,
}

impl Window {
    /// The length of spatial axis `axis` of the output.
    pub fn output_len(&self, axis: usize, input: usize) -> usize {
        let (before, after) = self.padding[axis];
        (input + before + after).checked_sub(self.size[axis]).map_or(0, |rest| rest / self.stride[axis] + 1)
    }

    /// The shape of the output for an input of `shape`, batch and channels included.
    pub fn output_shape(&self, shape: &[usize]) -> Vec<usize> {
        let mut output = shape.to_vec();
        for axis in 0..self.size.len() {
            output[axis + 1] = self.output_len(axis, shape[axis + 1]);
        }
        output
    }

    /// Whether the window is the whole of an input of `shape`, and nothing else.
    fn is_whole(&self, shape: &[usize]) -> bool {
        self.size == shape[1..shape.len() - 1] && self.padding.iter().all(|&padding| padding == (0, 0))
    }

    /// How many elements of the window at each output position of `axis` are not padding.
    fn counts(&self, axis: usize, input: usize) -> Vec<usize> {
        let before = self.padding[axis].0;
        (0..self.output_len(axis, input))
            .map(|position| {
                let start = position * self.stride[axis];
                let end = (start + self.size[axis]).min(before + input);
                end - start.max(before)
            })
            .collect()
    }
}

/// Pooling on a backend: `x [n, spatial.., channels]`.
pub trait PoolOps: Burn {
    /// The statistic of each window.
    fn pool(x: DynTensor<Self>, window: &Window, kind: PoolKind) -> DynTensor<Self> {
        reference(x, window, kind)
    }

    /// The cotangent of `x` from that of the output `y`.
    fn pool_backward(
        x: DynTensor<Self>,
        y: DynTensor<Self>,
        dy: DynTensor<Self>,
        window: &Window,
        kind: PoolKind,
    ) -> DynTensor<Self> {
        reference_backward(x, y, dy, window, kind)
    }
}

pub(crate) fn reference<B: Burn>(x: DynTensor<B>, window: &Window, kind: PoolKind) -> DynTensor<B> {
    if kind == PoolKind::Average && window.is_whole(&x.shape()) {
        return flat(x.clone()).mean_axis(1).reshape(&window.output_shape(&x.shape()));
    }
    let taps = Taps { window, shape: x.shape() };
    let fill = match kind {
        PoolKind::Max => f64::from(f32::MIN),
        PoolKind::Average => 0.0,
    };
    let device = x.device();
    let x = taps.pad(x, fill);
    let mut offsets = taps.offsets();
    let first = taps.slice(x.clone(), &offsets.next().expect("a window has at least one element"));
    let combined = offsets.fold(first, |y, offset| {
        let part = taps.slice(x.clone(), &offset);
        match kind {
            PoolKind::Max => y.maximum(part),
            PoolKind::Average => y.add(part),
        }
    });
    match kind {
        PoolKind::Max => combined,
        PoolKind::Average => combined.mul(taps.weights(&device)),
    }
}

pub(crate) fn reference_backward<B: Burn>(
    x: DynTensor<B>,
    y: DynTensor<B>,
    dy: DynTensor<B>,
    window: &Window,
    kind: PoolKind,
) -> DynTensor<B> {
    if kind == PoolKind::Average && window.is_whole(&x.shape()) {
        let (shape, x) = (x.shape(), flat(x));
        let share = dy.mul_scalar(1.0 / x.shape()[1] as f64);
        return flat(share).expand(&x.shape()).reshape(&shape);
    }
    let taps = Taps { window, shape: x.shape() };
    let device = x.device();
    let parts: Box<dyn Iterator<Item = (Vec<usize>, DynTensor<B>)>> = match kind {
        PoolKind::Average => {
            let share = dy.mul(taps.weights(&device));
            Box::new(taps.offsets().map(move |offset| (offset, share.clone())))
        }
        PoolKind::Max => {
            let x = taps.pad(x, f64::from(f32::MIN));
            let mut left = dy;
            let taps = &taps;
            Box::new(taps.offsets().map(move |offset| {
                let chosen = taps.slice(x.clone(), &offset).equal(&y);
                let part = left.clone().fill_where(chosen.clone().not(), 0.0);
                left = left.clone().fill_where(chosen, 0.0);
                (offset, part)
            }))
        }
    };
    let dx = parts
        .map(|(offset, part)| taps.unslice(part, &offset))
        .reduce(|sum, part| sum.add(part))
        .expect("a window has at least one element");
    taps.unpad(dx)
}

/// `[n, positions, channels]`.
fn flat<B: Burn>(x: DynTensor<B>) -> DynTensor<B> {
    let shape = x.shape();
    let [batch, channels] = [shape[0], shape[shape.len() - 1]];
    let positions = shape[1..shape.len() - 1].iter().product();
    x.reshape(&[batch, positions, channels])
}

/// The elements of a window and where they fall on the padded input.
struct Taps<'a> {
    window: &'a Window,
    shape: Vec<usize>,
}

impl Taps<'_> {
    fn axes(&self) -> std::ops::Range<usize> {
        0..self.window.size.len()
    }

    fn offsets(&self) -> impl Iterator<Item = Vec<usize>> + '_ {
        (0..self.window.size.iter().product()).map(|mut flat: usize| {
            let mut offset = vec![0; self.window.size.len()];
            for axis in self.axes().rev() {
                offset[axis] = flat % self.window.size[axis];
                flat /= self.window.size[axis];
            }
            offset
        })
    }

    fn pad<B: Burn>(&self, x: DynTensor<B>, fill: f64) -> DynTensor<B> {
        self.axes().fold(x, |x, axis| {
            let (before, after) = self.window.padding[axis];
            x.pad(axis + 1, before, after, fill)
        })
    }

    fn unpad<B: Burn>(&self, x: DynTensor<B>) -> DynTensor<B> {
        self.axes().fold(x, |x, axis| {
            let before = self.window.padding[axis].0;
            x.slice(axis + 1, before, before + self.shape[axis + 1], 1)
        })
    }

    fn end(&self, axis: usize, start: usize) -> usize {
        let output = self.window.output_len(axis, self.shape[axis + 1]);
        start + (output - 1) * self.window.stride[axis] + 1
    }

    fn slice<B: Burn>(&self, x: DynTensor<B>, offset: &[usize]) -> DynTensor<B> {
        self.axes().fold(x, |x, axis| {
            x.slice(axis + 1, offset[axis], self.end(axis, offset[axis]), self.window.stride[axis])
        })
    }

    /// The transpose of [`Self::slice`]: into a padded input of zeros.
    fn unslice<B: Burn>(&self, part: DynTensor<B>, offset: &[usize]) -> DynTensor<B> {
        self.axes().fold(part, |part, axis| {
            let (before, after) = self.window.padding[axis];
            let total = self.shape[axis + 1] + before + after;
            let end = self.end(axis, offset[axis]);
            part.spread(axis + 1, self.window.stride[axis]).pad(axis + 1, offset[axis], total - end, 0.0)
        })
    }

    /// The reciprocal number of elements that are not padding, `[1, output.., 1]`.
    fn weights<B: Burn>(&self, device: &B::Device) -> DynTensor<B> {
        let mut weights = vec![1.0];
        let mut shape = vec![1; self.shape.len()];
        for axis in self.axes() {
            let counts = self.window.counts(axis, self.shape[axis + 1]);
            shape[axis + 1] = counts.len();
            weights =
                weights.iter().flat_map(|w| counts.iter().map(move |&count| w / count as f32)).collect();
        }
        DynTensor::from_vec(weights, &shape, device)
    }
}

impl<B: PoolOps, C: CheckpointStrategy> PoolOps for Autodiff<B, C> {
    fn pool(x: DynTensor<Self>, window: &Window, kind: PoolKind) -> DynTensor<Self> {
        record(
            [x],
            |[x]| {
                let y = B::pool(x.clone(), window, kind);
                (y.clone(), (x, y, window.clone(), kind))
            },
            |(x, y, window, kind), dy, _| [Some(B::pool_backward(x, y, dy, &window, kind))],
        )
    }
}
