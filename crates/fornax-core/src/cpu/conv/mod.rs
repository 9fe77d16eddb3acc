//! Convolution and its cotangents. Kernels of 3 x 3 at every position of enough channels go by fewer multiplications
//! (`winograd.rs`), others are sums of products at given places (`product.rs`); nothing is gathered or padded for them.
//!
//! - output: row = output position, step = kernel element and channel, factor = kernel
//! - cotangent of the input: row = input position, step = kernel element and filter, factor = kernel, transposed
//! - cotangent of the kernel: row = kernel element and channel, step = output position, factor = cotangent of `y`
//!
//! Positions that meet the same kernel elements inside the other image form a class: away from the ends there is
//! one, or one a phase of the stride. So padding, stride and dilation cost no product with a zero.
//!
//! Threads: the batch is cut into up to eight tasks of whole images whatever the number of threads; each has its own
//! sum of the kernel's cotangent. A task goes through blocks of images that fit the second-level cache, in which bias
//! and rectifier are applied as sums are stored, and all three cotangents are computed while a block is there. Forward,
//! fewer images than threads are cut into bands of rows (`bands.rs`).
//!
//! Maxima over windows that do not overlap are taken of a block at a time, so that the output, which is larger by the size
//! of a window, is never there as a whole: a training step keeps the maxima and a byte for the place of each. Positions behind
//! the last window are not computed at all, and nothing goes back through them.
//!
//! One to three spatial axes; missing ones are axes of length 1 in front.

mod backward;
mod bands;
mod forward;
mod plan;
mod tiles;
mod winograd;

use std::sync::Arc;

use super::host::{Host, HostTensor};
use super::impl_for_cpu;
use super::pool::MaxWindows;
use crate::DynTensor;
use crate::ops::{Activation, BeforePool, ConvGeometry, ConvOps, ConvPool, conv};
use backward::{Backward, Behind, backward};
use bands::by_bands;
use forward::Forward;
use plan::Plan;

/// Whether an activation that is applied as sums are stored is a rectifier; none of another one.
fn fused(activation: Activation) -> Option<bool> {
    match activation {
        Activation::Linear => Some(false),
        Activation::Relu => Some(true),
        _ => None,
    }
}

/// The maxima over windows of a convolution, and their places where they are to be kept; none where that is not fused.
fn pooled<B: Host>(
    x: &DynTensor<B>,
    kernel: &DynTensor<B>,
    bias: Option<&DynTensor<B>>,
    form: &ConvPool,
    keep: bool,
) -> Option<(DynTensor<B>, Vec<u8>)> {
    let relu = fused(form.activation)?;
    let plan = Plan::new(&x.shape(), &kernel.shape(), &form.geometry).reached_by(&form.pool);
    let shape = plan.output_shape(form.pool.size.len());
    let windows = MaxWindows::new(&shape, &form.pool)?;
    let (x, kernel, bias) = (x.clone().standard(), kernel.clone().standard(), bias.cloned());
    let bias = bias.map(HostTensor::standard);
    let bias = bias.as_ref().map(HostTensor::floats);
    let forward = Forward::new(&plan, kernel.floats(), bias, relu);
    let by_bands = by_bands(&forward, x.floats(), &shape, Some(&form.pool), keep);
    let (y, places) = by_bands.unwrap_or_else(|| forward.pooled(x.floats(), &windows, keep));
    Some((DynTensor::from_floats(y, &form.pool.output_shape(&shape)), places))
}

/// The cotangents of input, kernel and bias, those that are wanted.
fn cotangents<B: Host>(
    x: DynTensor<B>,
    kernel: DynTensor<B>,
    dy: DynTensor<B>,
    behind: Behind<'_>,
    plan: &Plan,
    want: [bool; 3],
) -> [Option<DynTensor<B>>; 3] {
    let (x, kernel, dy) = (x.standard(), kernel.standard(), dy.standard());
    let shapes = [x.shape(), kernel.shape(), vec![kernel.shape()[kernel.rank() - 1]]];
    let from = Backward { x: x.floats(), kernel: kernel.floats(), dy: dy.floats(), behind };
    let mut shapes = shapes.iter();
    backward(plan, &from, want).map(|cotangent| {
        let shape = shapes.next().expect("a shape a cotangent");
        cotangent.map(|values| DynTensor::from_floats(values, shape))
    })
}

impl_for_cpu!(ConvOps {
    fn conv(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        bias: Option<DynTensor<Self>>,
        activation: Activation,
        geometry: &ConvGeometry,
    ) -> DynTensor<Self> {
        let Some(relu) = fused(activation) else {
            return conv::unfused(x, kernel, bias, activation, geometry);
        };
        let (x, kernel, bias) = (x.standard(), kernel.standard(), bias.map(HostTensor::standard));
        let plan = Plan::new(&x.shape(), &kernel.shape(), geometry);
        let shape = geometry.output_shape(&x.shape(), &kernel.shape());
        let bias = bias.as_ref().map(HostTensor::floats);
        let forward = Forward::new(&plan, kernel.floats(), bias, relu);
        let y = match by_bands(&forward, x.floats(), &shape, None, false) {
            Some((y, _)) => y,
            None => forward.all(x.floats()),
        };
        DynTensor::from_floats(y, &shape)
    }

    fn conv_backward(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        y: DynTensor<Self>,
        dy: DynTensor<Self>,
        activation: Activation,
        geometry: &ConvGeometry,
        want: [bool; 3],
    ) -> [Option<DynTensor<Self>>; 3] {
        let Some(relu) = fused(activation) else {
            return conv::unfused_backward(x, kernel, y, dy, activation, geometry, want);
        };
        let plan = Plan::new(&x.shape(), &kernel.shape(), geometry);
        let y = y.standard();
        let behind = if relu { Behind::Relu(y.floats()) } else { Behind::Nothing };
        cotangents(x, kernel, dy, behind, &plan, want)
    }

    fn conv_pool(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        bias: Option<DynTensor<Self>>,
        form: &ConvPool,
    ) -> DynTensor<Self> {
        match pooled(&x, &kernel, bias.as_ref(), form, false) {
            Some((y, _)) => y,
            None => conv::unpooled(x, kernel, bias, form).0,
        }
    }

    fn conv_pool_kept(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        bias: Option<DynTensor<Self>>,
        form: &ConvPool,
    ) -> (DynTensor<Self>, BeforePool<Self>) {
        match pooled(&x, &kernel, bias.as_ref(), form, true) {
            Some((y, places)) => (y, BeforePool::Places(Arc::new(places))),
            None => conv::unpooled(x, kernel, bias, form),
        }
    }

    fn conv_pool_backward(
        x: DynTensor<Self>,
        kernel: DynTensor<Self>,
        y: DynTensor<Self>,
        before: BeforePool<Self>,
        dy: DynTensor<Self>,
        form: &ConvPool,
        want: [bool; 3],
    ) -> [Option<DynTensor<Self>>; 3] {
        let places = match before {
            BeforePool::Places(places) => places,
            BeforePool::Output(output) => {
                return conv::unpooled_backward(x, kernel, [y, output, dy], form, want);
            }
        };
        let plan = Plan::new(&x.shape(), &kernel.shape(), &form.geometry).reached_by(&form.pool);
        let shape = plan.output_shape(form.pool.size.len());
        let windows = MaxWindows::new(&shape, &form.pool).expect("places are kept of such windows alone");
        let (y, relu) = (y.standard(), form.activation == Activation::Relu);
        let behind = Behind::Pool { windows: &windows, y: y.floats(), places: &places, relu };
        cotangents(x, kernel, dy, behind, &plan, want)
    }

    fn conv_input(
        dy: DynTensor<Self>,
        kernel: DynTensor<Self>,
        geometry: &ConvGeometry,
        shape: &[usize],
    ) -> DynTensor<Self> {
        let (dy, kernel) = (dy.standard(), kernel.standard());
        let plan = Plan::new(shape, &kernel.shape(), geometry);
        let from = Backward { x: &[], kernel: kernel.floats(), dy: dy.floats(), behind: Behind::Nothing };
        let [dx, ..] = backward(&plan, &from, [true, false, false]);
        DynTensor::from_floats(dx.expect("it is wanted"), shape)
    }

    fn conv_kernel(
        x: DynTensor<Self>,
        dy: DynTensor<Self>,
        geometry: &ConvGeometry,
        shape: &[usize],
    ) -> DynTensor<Self> {
        let (x, dy) = (x.standard(), dy.standard());
        let plan = Plan::new(&x.shape(), shape, geometry);
        let from = Backward { x: x.floats(), kernel: &[], dy: dy.floats(), behind: Behind::Nothing };
        let [_, dkernel, _] = backward(&plan, &from, [false, true, false]);
        DynTensor::from_floats(dkernel.expect("it is wanted"), shape)
    }
});
