//! Convolution (cross-correlation, as in every deep-learning library) of one to three spatial axes, channels last:
//!
//! `y[n, o, f] = sum over k, c of x[n, o * stride + k * dilation - before, c] W[k, c, f]`
//!
//! for positions `o` and `k` of as many components as there are spatial axes. With groups, the channels and the
//! filters are cut into as many parts, and part meets part. The three maps of the family (output, cotangent of
//! the input, cotangent of the kernel) are each linear in both arguments and closed under differentiation; the
//! transposed convolution is the second. A bias and an activation behind the first are part of the operation.

use std::sync::Arc;

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::dense::as_last_axis;
use super::{Activation, ActivationOps, PoolKind, PoolOps, Window, activation, record};
use crate::DynTensor;

/// Stride, dilation, zeros added before and after, a component a spatial axis, and the number of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvGeometry {
    /// Steps of the window.
    pub stride: Vec<usize>,
    /// Distance of neighbouring kernel elements.
    pub dilation: Vec<usize>,
    /// Zeros before and after each axis.
    pub padding: Vec<(usize, usize)>,
    /// Parts into which channels and filters are cut.
    pub groups: usize,
}

impl ConvGeometry {
    /// The length of spatial axis `axis` of the output.
    pub fn output_len(&self, axis: usize, input: usize, kernel: usize) -> usize {
        let (before, after) = self.padding[axis];
        let reach = (kernel - 1) * self.dilation[axis] + 1;
        (input + before + after).checked_sub(reach).map_or(0, |rest| rest / self.stride[axis] + 1)
    }

    /// The shape of the output for an input and a kernel of these shapes.
    pub fn output_shape(&self, input: &[usize], kernel: &[usize]) -> Vec<usize> {
        let axes = kernel.len() - 2;
        let spatial = (0..axes).map(|axis| self.output_len(axis, input[axis + 1], kernel[axis]));
        std::iter::once(input[0]).chain(spatial).chain([kernel[axes + 1]]).collect()
    }
}

/// A convolution of which the maximum of each window is taken.
#[derive(Clone, Debug)]
pub struct ConvPool {
    /// Behind the sums.
    pub activation: Activation,
    /// Of the convolution.
    pub geometry: ConvGeometry,
    /// The windows over its output.
    pub pool: Window,
}

/// What a training step keeps of the output that was pooled: what [`ConvOps::conv_pool_kept`] gave goes to
/// [`ConvOps::conv_pool_backward`] of the same backend and form.
#[derive(Clone, Debug)]
pub enum BeforePool<B: Burn> {
    /// All of it.
    Output(DynTensor<B>),
    /// The number of each maximum among those of its window's pixels that are not padding, on a CPU backend.
    Places(Arc<Vec<u8>>),
}

/// Convolutions on a backend: `x [n, spatial.., channels]`, `kernel [spatial.., channels / groups, filters]`,
/// `y [n, spatial.., filters]`.
pub trait ConvOps: PoolOps {
    /// `f(conv(x, kernel) + bias [filters])`.
    fn conv(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        bias: Option<DynTensor<Self>>,
        activation: Activation,
        geometry: &ConvGeometry,
    ) -> DynTensor<Self> {
        let z = reference(x, kernel, geometry);
        let z = match bias {
            Some(bias) => z.clone().add(as_last_axis(bias, z.rank())),
            None => z,
        };
        activation::reference(z, activation)
    }

    /// The cotangents of `x`, `kernel` and `bias`, those that are wanted, from that of `y`, for an activation whose
    /// slope follows from `y`.
    fn conv_backward(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        y: DynTensor<Self>,
        dy: DynTensor<Self>,
        activation: Activation,
        geometry: &ConvGeometry,
        [want_x, want_kernel, want_bias]: [bool; 3],
    ) -> [Option<DynTensor<Self>>; 3] {
        let dz = activation::reference_backward(y.clone(), y, dy, activation);
        let [x_shape, kernel_shape] = [x.shape(), kernel.shape()];
        let filters = kernel_shape[kernel_shape.len() - 1];
        [
            want_x.then(|| reference_input(dz.clone(), kernel, geometry, &x_shape)),
            want_kernel.then(|| reference_kernel(x, dz.clone(), geometry, &kernel_shape)),
            want_bias.then(|| dz.rows().sum_axis(0).reshape(&[filters])),
        ]
    }

    /// The maxima over windows of [`conv`](Self::conv).
    fn conv_pool(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        bias: Option<DynTensor<Self>>,
        form: &ConvPool,
    ) -> DynTensor<Self> {
        unpooled(x, kernel, bias, form).0
    }

    /// [`conv_pool`](Self::conv_pool), and what its cotangents need.
    fn conv_pool_kept(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        bias: Option<DynTensor<Self>>,
        form: &ConvPool,
    ) -> (DynTensor<Self>, BeforePool<Self>) {
        unpooled(x, kernel, bias, form)
    }

    /// The cotangents of `x`, `kernel` and `bias`, those that are wanted, from that of the maxima `y`, for an activation whose
    /// slope follows from its output.
    fn conv_pool_backward(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        y: DynTensor<Self>,
        before: BeforePool<Self>,
        dy: DynTensor<Self>,
        form: &ConvPool,
        want: [bool; 3],
    ) -> [Option<DynTensor<Self>>; 3] {
        let BeforePool::Output(output) = before else { unreachable!("no places are kept here") };
        unpooled_backward(x, kernel, [y, output, dy], form, want)
    }

    /// The cotangent of `x` from that of `y`; `shape` is that of `x`.
    fn conv_input(
        dy: DynTensor<Self>,
        kernel: DynTensor<Self>,
        geometry: &ConvGeometry,
        shape: &[usize],
    ) -> DynTensor<Self> {
        reference_input(dy, kernel, geometry, shape)
    }

    /// The cotangent of the kernel from that of `y`; `shape` is that of the kernel.
    fn conv_kernel(
        x: DynTensor<Self>,
        dy: DynTensor<Self>,
        geometry: &ConvGeometry,
        shape: &[usize],
    ) -> DynTensor<Self> {
        reference_kernel(x, dy, geometry, shape)
    }
}

/// One product a kernel element: the strided slice of the padded input that meets it, times its matrix.
pub(crate) fn reference<B: Burn>(
    x: DynTensor<B>,
    kernel: DynTensor<B>,
    geometry: &ConvGeometry,
) -> DynTensor<B> {
    let taps = Taps::new(&x.shape(), &kernel.shape(), geometry);
    let x = taps.pad(x);
    let mut y: Option<DynTensor<B>> = None;
    for tap in taps.each() {
        let part = taps.slice(x.clone(), &tap).matmul(taps.matrix(kernel.clone(), &tap));
        y = Some(match y {
            Some(y) => y.add(part),
            None => part,
        });
    }
    let y = y.expect("a kernel has at least one element");
    y.permute(&[1, 0, 2]).reshape(&taps.output_shape())
}

pub(crate) fn reference_input<B: Burn>(
    dy: DynTensor<B>,
    kernel: DynTensor<B>,
    geometry: &ConvGeometry,
    shape: &[usize],
) -> DynTensor<B> {
    let taps = Taps::new(shape, &kernel.shape(), geometry);
    let dy = taps.split(dy, taps.filters);
    let mut dx: Option<DynTensor<B>> = None;
    for tap in taps.each() {
        let matrix = taps.matrix(kernel.clone(), &tap).permute(&[0, 2, 1]);
        let part = taps.unslice(dy.clone().matmul(matrix), &tap);
        dx = Some(match dx {
            Some(dx) => dx.add(part),
            None => part,
        });
    }
    taps.unpad(dx.expect("a kernel has at least one element"))
}

pub(crate) fn reference_kernel<B: Burn>(
    x: DynTensor<B>,
    dy: DynTensor<B>,
    geometry: &ConvGeometry,
    shape: &[usize],
) -> DynTensor<B> {
    let taps = Taps::new(&x.shape(), shape, geometry);
    let (x, dy) = (taps.pad(x), taps.split(dy, taps.filters));
    let matrices = taps
        .each()
        .map(|tap| {
            let product = taps.slice(x.clone(), &tap).permute(&[0, 2, 1]).matmul(dy.clone());
            product.permute(&[1, 0, 2]).reshape(&[1, taps.channels / taps.groups, taps.filters])
        })
        .collect();
    DynTensor::concatenate(matrices, 0).reshape(shape)
}

/// The elements of a kernel and where they fall on the padded input.
struct Taps<'a> {
    geometry: &'a ConvGeometry,
    batch: usize,
    channels: usize,
    filters: usize,
    groups: usize,
    input: Vec<usize>,
    kernel: Vec<usize>,
    output: Vec<usize>,
}

impl<'a> Taps<'a> {
    fn new(x: &[usize], kernel: &[usize], geometry: &'a ConvGeometry) -> Self {
        let axes = kernel.len() - 2;
        let input = x[1..=axes].to_vec();
        let output = (0..axes).map(|axis| geometry.output_len(axis, input[axis], kernel[axis])).collect();
        Self {
            geometry,
            batch: x[0],
            channels: x[axes + 1],
            filters: kernel[axes + 1],
            groups: geometry.groups,
            input,
            kernel: kernel[..axes].to_vec(),
            output,
        }
    }

    fn output_shape(&self) -> Vec<usize> {
        [&[self.batch], &self.output[..], &[self.filters]].concat()
    }

    /// The positions in the kernel in row-major order.
    fn each(&self) -> impl Iterator<Item = Vec<usize>> + '_ {
        (0..self.kernel.iter().product()).map(|mut flat: usize| {
            let mut position = vec![0; self.kernel.len()];
            for axis in (0..self.kernel.len()).rev() {
                position[axis] = flat % self.kernel[axis];
                flat /= self.kernel[axis];
            }
            position
        })
    }

    fn pad<B: Burn>(&self, x: DynTensor<B>) -> DynTensor<B> {
        (0..self.input.len()).fold(x, |x, axis| {
            let (before, after) = self.geometry.padding[axis];
            x.pad(axis + 1, before, after, 0.0)
        })
    }

    fn unpad<B: Burn>(&self, x: DynTensor<B>) -> DynTensor<B> {
        (0..self.input.len()).fold(x, |x, axis| {
            let before = self.geometry.padding[axis].0;
            x.slice(axis + 1, before, before + self.input[axis], 1)
        })
    }

    /// The first and one past the last padded input position that `tap` meets on `axis`.
    fn span(&self, axis: usize, tap: &[usize]) -> (usize, usize) {
        let start = tap[axis] * self.geometry.dilation[axis];
        (start, start + (self.output[axis] - 1) * self.geometry.stride[axis] + 1)
    }

    /// What `tap` meets: `[groups, rows, channels / groups]`.
    fn slice<B: Burn>(&self, x: DynTensor<B>, tap: &[usize]) -> DynTensor<B> {
        let x = (0..tap.len()).fold(x, |x, axis| {
            let (start, end) = self.span(axis, tap);
            x.slice(axis + 1, start, end, self.geometry.stride[axis])
        });
        self.split(x, self.channels)
    }

    /// The transpose of [`Self::slice`]: rows put back to their positions in a padded input of zeros.
    fn unslice<B: Burn>(&self, rows: DynTensor<B>, tap: &[usize]) -> DynTensor<B> {
        let shape = [&[self.batch], &self.output[..], &[self.channels]].concat();
        let x = rows.permute(&[1, 0, 2]).reshape(&shape);
        (0..tap.len()).fold(x, |x, axis| {
            let (start, end) = self.span(axis, tap);
            let (before, after) = self.geometry.padding[axis];
            let total = self.input[axis] + before + after;
            x.spread(axis + 1, self.geometry.stride[axis]).pad(axis + 1, start, total - end, 0.0)
        })
    }

    /// `[.., width]` as `[groups, rows, width / groups]`.
    fn split<B: Burn>(&self, tensor: DynTensor<B>, width: usize) -> DynTensor<B> {
        let rows = tensor.len() / width;
        tensor.reshape(&[rows, self.groups, width / self.groups]).permute(&[1, 0, 2])
    }

    /// The kernel's element `tap`: `[groups, channels / groups, filters / groups]`.
    fn matrix<B: Burn>(&self, kernel: DynTensor<B>, tap: &[usize]) -> DynTensor<B> {
        let kernel =
            (0..tap.len()).fold(kernel, |kernel, axis| kernel.slice(axis, tap[axis], tap[axis] + 1, 1));
        kernel
            .reshape(&[self.channels / self.groups, self.groups, self.filters / self.groups])
            .permute(&[1, 0, 2])
    }
}

/// [`ConvOps::conv_pool_kept`] by the operations it is fused from.
pub(crate) fn unpooled<B: ConvOps>(
    x: DynTensor<B>,
    kernel: DynTensor<B>,
    bias: Option<DynTensor<B>>,
    form: &ConvPool,
) -> (DynTensor<B>, BeforePool<B>) {
    let output = B::conv(x, kernel, bias, form.activation, &form.geometry);
    (B::pool(output.clone(), &form.pool, PoolKind::Max), BeforePool::Output(output))
}

/// [`ConvOps::conv_pool_backward`] by the operations it is fused from, from the maxima, what they are the maxima of, and
/// their cotangents.
pub(crate) fn unpooled_backward<B: ConvOps>(
    x: DynTensor<B>,
    kernel: DynTensor<B>,
    [y, output, dy]: [DynTensor<B>; 3],
    form: &ConvPool,
    want: [bool; 3],
) -> [Option<DynTensor<B>>; 3] {
    let dy = B::pool_backward(output.clone(), y, dy, &form.pool, PoolKind::Max);
    B::conv_backward(x, kernel, output, dy, form.activation, &form.geometry, want)
}

/// [`ConvOps::conv`] by the operations it is fused from.
#[cfg(any(feature = "flex", feature = "ndarray"))]
pub(crate) fn unfused<B: ConvOps + ActivationOps>(
    x: DynTensor<B>,
    kernel: DynTensor<B>,
    bias: Option<DynTensor<B>>,
    activation: Activation,
    geometry: &ConvGeometry,
) -> DynTensor<B> {
    B::activate(B::conv(x, kernel, bias, Activation::Linear, geometry), activation)
}

/// [`ConvOps::conv_backward`] by the operations it is fused from.
#[cfg(any(feature = "flex", feature = "ndarray"))]
pub(crate) fn unfused_backward<B: ConvOps + ActivationOps>(
    x: DynTensor<B>,
    kernel: DynTensor<B>,
    y: DynTensor<B>,
    dy: DynTensor<B>,
    activation: Activation,
    geometry: &ConvGeometry,
    want: [bool; 3],
) -> [Option<DynTensor<B>>; 3] {
    let dz = B::activate_backward(y.clone(), y.clone(), dy, activation);
    B::conv_backward(x, kernel, y, dz, Activation::Linear, geometry, want)
}

impl<B: ConvOps + ActivationOps, C: CheckpointStrategy> ConvOps for Autodiff<B, C> {
    fn conv(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        bias: Option<DynTensor<Self>>,
        activation: Activation,
        geometry: &ConvGeometry,
    ) -> DynTensor<Self> {
        if !activation.slope_from_output() {
            return Self::activate(Self::conv(x, kernel, bias, Activation::Linear, geometry), activation);
        }
        match bias {
            Some(bias) => record(
                [x, kernel, bias],
                |[x, kernel, bias]| {
                    let y = B::conv(x.clone(), kernel.clone(), Some(bias), activation, geometry);
                    (y.clone(), (x, kernel, y, activation, geometry.clone()))
                },
                |(x, kernel, y, activation, geometry), dy, want| {
                    B::conv_backward(x, kernel, y, dy, activation, &geometry, want)
                },
            ),
            None => record(
                [x, kernel],
                |[x, kernel]| {
                    let y = B::conv(x.clone(), kernel.clone(), None, activation, geometry);
                    (y.clone(), (x, kernel, y, activation, geometry.clone()))
                },
                |(x, kernel, y, activation, geometry), dy, [want_x, want_kernel]| {
                    let want = [want_x, want_kernel, false];
                    let [dx, dkernel, _] = B::conv_backward(x, kernel, y, dy, activation, &geometry, want);
                    [dx, dkernel]
                },
            ),
        }
    }

    fn conv_pool(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        bias: Option<DynTensor<Self>>,
        form: &ConvPool,
    ) -> DynTensor<Self> {
        if !form.activation.slope_from_output() {
            return unpooled(x, kernel, bias, form).0;
        }
        match bias {
            Some(bias) => record(
                [x, kernel, bias],
                |[x, kernel, bias]| {
                    let (y, before) = B::conv_pool_kept(x.clone(), kernel.clone(), Some(bias), form);
                    (y.clone(), (x, kernel, y, before, form.clone()))
                },
                |(x, kernel, y, before, form), dy, want| {
                    B::conv_pool_backward(x, kernel, y, before, dy, &form, want)
                },
            ),
            None => record(
                [x, kernel],
                |[x, kernel]| {
                    let (y, before) = B::conv_pool_kept(x.clone(), kernel.clone(), None, form);
                    (y.clone(), (x, kernel, y, before, form.clone()))
                },
                |(x, kernel, y, before, form), dy, [want_x, want_kernel]| {
                    let want = [want_x, want_kernel, false];
                    let [dx, dkernel, _] = B::conv_pool_backward(x, kernel, y, before, dy, &form, want);
                    [dx, dkernel]
                },
            ),
        }
    }

    fn conv_input(
        dy: DynTensor<Self>,
        kernel: DynTensor<Self>,
        geometry: &ConvGeometry,
        shape: &[usize],
    ) -> DynTensor<Self> {
        record(
            [dy, kernel],
            |[dy, kernel]| {
                let dx = B::conv_input(dy.clone(), kernel.clone(), geometry, shape);
                (dx, (dy, kernel, geometry.clone()))
            },
            |(dy, kernel, geometry), cotangent, [want_dy, want_kernel]| {
                let linear = Activation::Linear;
                let of_dy =
                    want_dy.then(|| B::conv(cotangent.clone(), kernel.clone(), None, linear, &geometry));
                let shape = kernel.shape();
                [of_dy, want_kernel.then(|| B::conv_kernel(cotangent, dy, &geometry, &shape))]
            },
        )
    }
}
