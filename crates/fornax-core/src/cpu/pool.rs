//! Pooling with a loop over windows; the innermost loop runs along the channels, which are contiguous.
//!
//! Any number of spatial axes up to three: missing ones are axes of length 1 in front.

use super::gemm::scratch;
use super::host::{Host, HostTensor};
use super::impl_for_cpu;
use crate::DynTensor;
use crate::ops::{PoolKind, PoolOps, Window};

/// A window over `[n, d, h, w, c]`.
struct Plan {
    batch: usize,
    input: [usize; 3],
    output: [usize; 3],
    channels: usize,
    size: [usize; 3],
    stride: [usize; 3],
    before: [usize; 3],
}

/// Axes behind those of length 1 that make them three.
pub(super) fn three(axes: impl ExactSizeIterator<Item = usize>, fill: usize) -> [usize; 3] {
    let mut all = [fill; 3];
    let missing = 3 - axes.len();
    axes.enumerate().for_each(|(at, len)| all[missing + at] = len);
    all
}

impl Plan {
    fn new(shape: &[usize], window: &Window) -> Self {
        let axes = window.size.len();
        let output = window.output_shape(shape);
        Self {
            batch: shape[0],
            input: three(shape[1..=axes].iter().copied(), 1),
            output: three(output[1..=axes].iter().copied(), 1),
            channels: shape[axes + 1],
            size: three(window.size.iter().copied(), 1),
            stride: three(window.stride.iter().copied(), 1),
            before: three(window.padding.iter().map(|padding| padding.0), 0),
        }
    }

    /// The input positions of axis `axis` under the window at output position `at`.
    fn span(&self, axis: usize, at: usize) -> std::ops::Range<usize> {
        let start = (at * self.stride[axis]) as isize - self.before[axis] as isize;
        let end = start + self.size[axis] as isize;
        (start.max(0) as usize)..(end.max(0) as usize).min(self.input[axis])
    }

    /// Calls `visit` with the offset of each output pixel and the offsets of the input pixels in its window.
    fn each_window(&self, mut visit: impl FnMut(usize, &[usize])) {
        let [_, height, width] = self.input;
        let mut pixels = Vec::with_capacity(self.size.iter().product());
        let mut at = 0;
        for image in 0..self.batch {
            let image = image * self.input.iter().product::<usize>();
            for od in 0..self.output[0] {
                for oh in 0..self.output[1] {
                    for ow in 0..self.output[2] {
                        pixels.clear();
                        for d in self.span(0, od) {
                            for h in self.span(1, oh) {
                                let line = image + (d * height + h) * width;
                                pixels.extend(self.span(2, ow).map(|w| (line + w) * self.channels));
                            }
                        }
                        visit(at, &pixels);
                        at += self.channels;
                    }
                }
            }
        }
    }
}

simd_fn! {
    /// `y = max(y, x)`.
    fn keep_larger(y: &mut [f32], x: &[f32]) {
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x > *y { x } else { *y });
    }
}

fn forward<B: Host>(x: DynTensor<B>, window: &Window, kind: PoolKind) -> DynTensor<B> {
    let (x, plan) = (x.clone().standard(), Plan::new(&x.shape(), window));
    let shape = window.output_shape(&x.shape());
    let mut y = scratch(shape.iter().product());
    let (values, channels) = (x.floats(), plan.channels);
    plan.each_window(|at, pixels| {
        let y = &mut y[at..at + channels];
        let mut pixels = pixels.iter().map(|&pixel| &values[pixel..pixel + channels]);
        y.copy_from_slice(pixels.next().expect("a window covers at least one pixel"));
        match kind {
            PoolKind::Max => pixels.for_each(|x| keep_larger(y, x)),
            PoolKind::Average => {
                let count = (pixels.len() + 1) as f32;
                pixels.for_each(|x| y.iter_mut().zip(x).for_each(|(y, x)| *y += x));
                y.iter_mut().for_each(|y| *y /= count);
            }
        }
    });
    DynTensor::from_floats(y, &shape)
}

fn backward<B: Host>(
    x: DynTensor<B>,
    y: DynTensor<B>,
    dy: DynTensor<B>,
    window: &Window,
    kind: PoolKind,
) -> DynTensor<B> {
    let (x, y, dy) = (x.standard(), y.standard(), dy.standard());
    let plan = Plan::new(&x.shape(), window);
    let mut dx = scratch(x.len());
    let (x_values, y_values, dy_values, channels) = (x.floats(), y.floats(), dy.floats(), plan.channels);
    let mut left = vec![0.0; channels];
    plan.each_window(|at, pixels| {
        let dy = &dy_values[at..at + channels];
        match kind {
            PoolKind::Max => {
                left.copy_from_slice(dy);
                let y = &y_values[at..at + channels];
                for &pixel in pixels {
                    route(&x_values[pixel..pixel + channels], y, &mut left, &mut dx[pixel..pixel + channels]);
                }
            }
            PoolKind::Average => {
                let share = 1.0 / pixels.len() as f32;
                for &pixel in pixels {
                    let dx = &mut dx[pixel..pixel + channels];
                    dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += share * dy);
                }
            }
        }
    });
    DynTensor::from_floats(dx, &x.shape())
}

simd_fn! {
    /// Where `x` is the maximum `y` and the cotangent is still `left`, it goes to `dx`.
    fn route(x: &[f32], y: &[f32], left: &mut [f32], dx: &mut [f32]) {
        for (((x, y), left), dx) in x.iter().zip(y).zip(left).zip(dx) {
            let taken = if x == y { *left } else { 0.0 };
            *dx += taken;
            *left -= taken;
        }
    }
}

impl_for_cpu!(PoolOps {
    fn pool(x: DynTensor<Self>, window: &Window, kind: PoolKind) -> DynTensor<Self> {
        forward(x, window, kind)
    }

    fn pool_backward(
        x: DynTensor<Self>,
        y: DynTensor<Self>,
        dy: DynTensor<Self>,
        window: &Window,
        kind: PoolKind,
    ) -> DynTensor<Self> {
        backward(x, y, dy, window, kind)
    }
});
