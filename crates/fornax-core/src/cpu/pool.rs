//! Pooling with a loop over the windows of an image, which are listed once; the innermost loop runs along the channels,
//! which are contiguous. Parts of the batch run on several threads.
//!
//! Any number of spatial axes up to three: missing ones are axes of length 1 in front.

use std::sync::Arc;

use super::host::{Host, HostTensor};
use super::impl_for_cpu;
use super::kept::Kept;
use super::tasks::{self, unwritten};
use crate::DynTensor;
use crate::ops::{PoolKind, PoolOps, Window};

/// A window over the axes `[d, h, w, c]` of an image.
#[derive(Clone, PartialEq, Eq)]
struct Plan {
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

    /// Where the pixels of each window lie in an image.
    fn windows(&self) -> Arc<Windows> {
        WINDOWS.get(self, || self.list_windows().into())
    }

    fn list_windows(&self) -> Windows {
        let [_, height, width] = self.input;
        let mut windows = Windows { pixels: vec![], ends: vec![], uncovered: None };
        for od in 0..self.output[0] {
            for oh in 0..self.output[1] {
                for ow in 0..self.output[2] {
                    for d in self.span(0, od) {
                        for h in self.span(1, oh) {
                            let line = (d * height + h) * width;
                            windows.pixels.extend(self.span(2, ow).map(|w| (line + w) * self.channels));
                        }
                    }
                    windows.ends.push(windows.pixels.len());
                }
            }
        }
        if (0..3).all(|axis| self.stride[axis] >= self.size[axis]) {
            let mut covered = vec![false; self.input.iter().product()];
            windows.pixels.iter().for_each(|pixel| covered[pixel / self.channels.max(1)] = true);
            let uncovered = (0..covered.len()).filter(|&pixel| !covered[pixel]);
            windows.uncovered = Some(uncovered.map(|pixel| pixel * self.channels).collect());
        }
        windows
    }

    /// Numbers of an image and of its output.
    fn lengths(&self) -> [usize; 2] {
        [self.input, self.output].map(|axes| axes.iter().product::<usize>() * self.channels)
    }
}

/// The windows of the last few plans.
static WINDOWS: Kept<Plan, Windows> = Kept::new();

/// The pixels of all windows one after the other, and where those of each end.
pub(super) struct Windows {
    pixels: Vec<usize>,
    ends: Vec<usize>,
    /// The pixels in no window, if windows do not overlap.
    uncovered: Option<Vec<usize>>,
}

impl Windows {
    /// The pixels of `window`.
    #[inline(always)]
    fn pixels(&self, window: usize) -> &[usize] {
        let start = if window == 0 { 0 } else { self.ends[window - 1] };
        &self.pixels[start..self.ends[window]]
    }
}

simd_fn! {
    /// The output of one image.
    fn image_forward(windows: &Windows, x: &[f32], y: &mut [f32], channels: usize, kind: PoolKind) {
        for window in 0..windows.ends.len() {
            let pixels = windows.pixels(window);
            let y = &mut y[window * channels..][..channels];
            match (kind, pixels.len()) {
                (PoolKind::Max, 4) => {
                    let [a, b, c, d] = [0, 1, 2, 3].map(|at| &x[pixels[at]..][..channels]);
                    for ((((y, &a), &b), &c), &d) in y.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                        *y = larger(larger(larger(a, b), c), d);
                    }
                }
                (PoolKind::Max, _) => {
                    y.copy_from_slice(&x[pixels[0]..][..channels]);
                    for &pixel in &pixels[1..] {
                        y.iter_mut().zip(&x[pixel..][..channels]).for_each(|(y, &x)| *y = larger(*y, x));
                    }
                }
                (PoolKind::Average, count) => {
                    y.copy_from_slice(&x[pixels[0]..][..channels]);
                    for &pixel in &pixels[1..] {
                        y.iter_mut().zip(&x[pixel..][..channels]).for_each(|(y, x)| *y += x);
                    }
                    let count = count as f32;
                    y.iter_mut().for_each(|y| *y /= count);
                }
            }
        }
    }
}

/// The larger of two; the first where equal or not comparable.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

simd_fn! {
    /// The cotangent of one image; a maximum's goes to the first element that is equal to it.
    fn image_backward(
        windows: &Windows,
        x: &[f32],
        y: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        channels: usize,
        kind: PoolKind,
    ) {
        match &windows.uncovered {
            Some(pixels) => {
                pixels.iter().for_each(|&pixel| dx[pixel..][..channels].fill(0.0));
                each_window_backward::<false>(windows, x, y, dy, dx, channels, kind);
            }
            None => {
                dx.fill(0.0);
                each_window_backward::<true>(windows, x, y, dy, dx, channels, kind);
            }
        }
    }
}

/// Adds to `dx`, or sets it where windows do not overlap.
#[inline(always)]
fn each_window_backward<const ADD: bool>(
    windows: &Windows,
    x: &[f32],
    y: &[f32],
    dy: &[f32],
    dx: &mut [f32],
    channels: usize,
    kind: PoolKind,
) {
    let mut left = vec![0.0; channels];
    for window in 0..windows.ends.len() {
        let pixels = windows.pixels(window);
        let dy = &dy[window * channels..][..channels];
        match kind {
            PoolKind::Max => {
                left.copy_from_slice(dy);
                let y = &y[window * channels..][..channels];
                for &pixel in pixels {
                    route::<ADD>(&x[pixel..][..channels], y, &mut left, &mut dx[pixel..][..channels]);
                }
            }
            PoolKind::Average => {
                let share = 1.0 / pixels.len() as f32;
                for &pixel in pixels {
                    let dx = dx[pixel..][..channels].iter_mut();
                    dx.zip(dy).for_each(|(dx, dy)| *dx = share * dy + if ADD { *dx } else { 0.0 });
                }
            }
        }
    }
}

/// Where `x` is the maximum `y` and the cotangent is still `left`, it goes to `dx`.
#[inline(always)]
fn route<const ADD: bool>(x: &[f32], y: &[f32], left: &mut [f32], dx: &mut [f32]) {
    for (((x, y), left), dx) in x.iter().zip(y).zip(left).zip(dx) {
        let taken = if x == y { *left } else { 0.0 };
        *dx = taken + if ADD { *dx } else { 0.0 };
        *left -= taken;
    }
}

/// Windows that do not overlap, of which maxima are taken where a convolution leaves its output.
pub(super) struct MaxWindows {
    windows: Arc<Windows>,
    channels: usize,
}

impl MaxWindows {
    /// Of an output of `shape`; none where windows overlap, have more than 256 pixels, or there is none.
    pub(super) fn new(shape: &[usize], window: &Window) -> Option<Self> {
        let plan = Plan::new(shape, window);
        let apart = (0..3).all(|axis| plan.stride[axis] >= plan.size[axis]);
        let [_, result] = plan.lengths();
        let pixels = plan.size.iter().zip(&plan.input).map(|(&size, &input)| size.min(input));
        let fits = pixels.product::<usize>() <= 1 << u8::BITS;
        (apart && fits && result > 0).then(|| Self { windows: plan.windows(), channels: plan.channels })
    }

    /// Numbers of what is pooled of an image.
    pub(super) fn result(&self) -> usize {
        self.windows.ends.len() * self.channels
    }

    /// The maxima of an image and, where there is room for them, their places in the windows.
    pub(super) fn maxima(&self, x: &[f32], y: &mut [f32], places: &mut [u8]) {
        match places.is_empty() {
            true => image_forward(&self.windows, x, y, self.channels, PoolKind::Max),
            false => image_maxima(&self.windows, x, y, places, self.channels),
        }
    }

    /// The cotangent of an image from its maxima `y`, their cotangents `dy` and places, 0 where a rectifier is not positive; `sums`
    /// gains its sum over pixels.
    pub(super) fn cotangent(
        &self,
        [y, dy]: [&[f32]; 2],
        places: &[u8],
        relu: bool,
        dx: &mut [f32],
        sums: &mut [f32],
    ) {
        image_cotangent(&self.windows, y, dy, places, relu, dx, sums);
    }
}

simd_fn! {
    /// [`image_forward`] of a maximum, and the place of the first element that is equal to it.
    fn image_maxima(windows: &Windows, x: &[f32], y: &mut [f32], places: &mut [u8], channels: usize) {
        for window in 0..windows.ends.len() {
            let pixels = windows.pixels(window);
            let y = &mut y[window * channels..][..channels];
            let places = &mut places[window * channels..][..channels];
            if let &[a, b, c, d] = pixels {
                let [a, b, c, d] = [a, b, c, d].map(|pixel| &x[pixel..][..channels]);
                for (((((y, place), &a), &b), &c), &d) in y.iter_mut().zip(places).zip(a).zip(b).zip(c).zip(d) {
                    let (mut most, mut at) = (a, 0u32);
                    for (number, x) in [(1, b), (2, c), (3, d)] {
                        at = if x > most { number } else { at };
                        most = larger(most, x);
                    }
                    (*y, *place) = (most, at as u8);
                }
                continue;
            }
            y.copy_from_slice(&x[pixels[0]..][..channels]);
            places.fill(0);
            for (number, &pixel) in pixels.iter().enumerate().skip(1) {
                for ((y, place), &x) in y.iter_mut().zip(&mut *places).zip(&x[pixel..][..channels]) {
                    *place = if x > *y { number as u8 } else { *place };
                    *y = larger(*y, x);
                }
            }
        }
    }
}

simd_fn! {
    /// See [`MaxWindows::cotangent`].
    fn image_cotangent(
        windows: &Windows,
        y: &[f32],
        dy: &[f32],
        places: &[u8],
        relu: bool,
        dx: &mut [f32],
        sums: &mut [f32],
    ) {
        let channels = sums.len();
        for &pixel in windows.uncovered.iter().flatten() {
            dx[pixel..][..channels].fill(0.0);
        }
        let mut kept = [0.0; 64];
        let windows_and_channels =
            (0..windows.ends.len()).flat_map(|window| (0..channels).step_by(64).map(move |first| (window, first)));
        for (window, first) in windows_and_channels {
            let (width, at) = ((channels - first).min(64), window * channels + first);
            let (kept, sums) = (&mut kept[..width], &mut sums[first..][..width]);
            for (((kept, sum), &y), &dy) in kept.iter_mut().zip(sums).zip(&y[at..]).zip(&dy[at..]) {
                // Nothing is equal to a maximum that is no number.
                *kept = if y > 0.0 || !(relu || y.is_nan()) { dy } else { 0.0 };
                *sum += *kept;
            }
            for (number, &pixel) in windows.pixels(window).iter().enumerate() {
                let number = number as u8;
                let dx = dx[pixel + first..][..width].iter_mut();
                for ((dx, &place), &kept) in dx.zip(&places[at..]).zip(&*kept) {
                    *dx = if place == number { kept } else { 0.0 };
                }
            }
        }
    }
}

/// Images of a part of the batch, one of eight at most.
fn images_of_a_part(batch: usize) -> usize {
    batch.div_ceil(8).max(1)
}

fn forward<B: Host>(x: DynTensor<B>, window: &Window, kind: PoolKind) -> DynTensor<B> {
    let (x, plan) = (x.clone().standard(), Plan::new(&x.shape(), window));
    let shape = window.output_shape(&x.shape());
    let (windows, [image, result]) = (plan.windows(), plan.lengths());
    let mut y = unwritten(x.shape()[0] * result);
    let images = images_of_a_part(x.shape()[0]);
    if !y.is_empty() {
        let parts = y.chunks_mut(images * result).zip(x.floats().chunks(images * image)).collect();
        tasks::each(parts, tasks::MOVE * x.len(), |_, (y, x): (&mut [f32], &[f32])| {
            for (y, x) in y.chunks_exact_mut(result).zip(x.chunks_exact(image)) {
                image_forward(&windows, x, y, plan.channels, kind);
            }
        });
    }
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
    let (windows, [image, result]) = (plan.windows(), plan.lengths());
    let mut dx = unwritten(x.len());
    if dy.is_empty() {
        dx.fill(0.0);
    } else {
        let images = images_of_a_part(x.shape()[0]);
        let parts = dx.chunks_mut(images * image).collect();
        tasks::each(parts, 2 * tasks::MOVE * x.len(), |part, dx: &mut [f32]| {
            for (at, dx) in dx.chunks_exact_mut(image).enumerate() {
                let at = part * images + at;
                let [y, dy] = [&y, &dy].map(|tensor| &tensor.floats()[at * result..][..result]);
                image_backward(&windows, &x.floats()[at * image..][..image], y, dy, dx, plan.channels, kind);
            }
        });
    }
    DynTensor::from_floats(dx, &x.shape())
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
