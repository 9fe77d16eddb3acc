//! Fewer images than threads: bands of rows of the output, each of them a convolution of its own.
//!
//! A row is a place on the first axis behind the batch, so that the rows of a band are one slice, of the input as of the output.
//! No sum depends on the bands: where tiles of two rows are transformed, bands begin at even rows.

use std::ops::Range;

use super::super::pool::MaxWindows;
use super::super::tasks::{self, unwritten, unwritten_bytes};
use super::forward::Forward;
use super::plan::Plan;
use crate::ops::{ConvGeometry, Window};

/// The tensors of a convolution: numbers and shapes of the input and the kernel, the bias, whether a rectifier follows.
pub(super) struct Given<'a> {
    pub(super) x: (&'a [f32], &'a [usize]),
    pub(super) kernel: (&'a [f32], &'a [usize]),
    pub(super) bias: Option<&'a [f32]>,
    pub(super) relu: bool,
}

/// Rows of the result, and the convolution that they are made by.
struct Band {
    rows: Range<usize>,
    input: Range<usize>,
    plan: Plan,
    windows: Option<MaxWindows>,
}

impl Band {
    /// None where the rows meet padding alone.
    fn new(
        rows: Range<usize>,
        given: &Given<'_>,
        geometry: &ConvGeometry,
        pool: Option<&Window>,
    ) -> Option<Self> {
        let (shape, kernel) = (given.x.1, given.kernel.1);
        let (stride, size) = pool.map_or((1, 1), |pool| (pool.stride[0], pool.size[0]));
        let (first, end) = (rows.start * stride, (rows.end - 1) * stride + size);
        let (before, len) = (geometry.padding[0].0, shape[1]);
        let from = first * geometry.stride[0];
        let to = (end - 1) * geometry.stride[0] + (kernel[0] - 1) * geometry.dilation[0] + 1;
        let input = from.saturating_sub(before)..to.checked_sub(before)?.min(len);
        if input.is_empty() {
            return None;
        }
        let mut geometry = geometry.clone();
        geometry.padding[0] = (before.saturating_sub(from), (to - before) - input.end);
        let shape = [&[1, input.len()], &shape[2..]].concat();
        let plan = Plan::new(&shape, kernel, &geometry);
        let windows = match pool {
            Some(pool) => Some(MaxWindows::new(&geometry.output_shape(&shape, kernel), pool)?),
            None => None,
        };
        Some(Self { rows, input, plan, windows })
    }
}

/// The output of a convolution or the maxima over windows of it, and the place of each where they are kept; none where there are as
/// many images as threads, or no bands that give the same sums.
pub(super) fn by_bands(
    given: &Given<'_>,
    geometry: &ConvGeometry,
    pool: Option<&Window>,
    keep: bool,
) -> Option<(Vec<f32>, Vec<u8>)> {
    let whole = Plan::new(given.x.1, given.kernel.1, geometry);
    let cost = whole.tasks().1;
    let threads = tasks::threads_soon(cost);
    if whole.batch >= threads || pool.is_some_and(|pool| pool.padding[0] != (0, 0)) {
        return None;
    }
    let mut shape = geometry.output_shape(given.x.1, given.kernel.1);
    if let Some(pool) = pool {
        shape = pool.output_shape(&shape);
    }
    let (rows, unit) = (shape[1], if pool.is_some_and(|pool| pool.stride[0] % 2 == 0) { 1 } else { 2 });
    let count = threads.div_ceil(whole.batch.max(1)).min(rows / unit);
    let bound = |band: usize| if band == count { rows } else { rows * band / count / unit * unit };
    let bands = (0..count).map(|band| Band::new(bound(band)..bound(band + 1), given, geometry, pool));
    let bands: Vec<Band> = bands.collect::<Option<_>>()?;
    let same = bands.iter().all(|band| band.plan.grid().is_some() == whole.grid().is_some());
    if count < 2 || !same {
        return None;
    }
    let row = shape[2..].iter().product::<usize>();
    let mut y = unwritten(whole.batch * rows * row);
    let mut places = unwritten_bytes(if keep { y.len() } else { 0 });
    let mut parts = vec![];
    let (mut y_left, mut places_left) = (&mut y[..], &mut places[..]);
    for image in given.x.0.chunks_exact(whole.image().max(1)) {
        for band in &bands {
            let len = band.rows.len() * row;
            let y = y_left.split_off_mut(..len)?;
            let places = places_left.split_off_mut(..if keep { len } else { 0 })?;
            parts.push((image, band, y, places));
        }
    }
    let of_row = whole.image() / given.x.1[1];
    tasks::each(parts, cost, |_, (image, band, y, places)| {
        let x = &image[band.input.start * of_row..band.input.end * of_row];
        let forward = Forward::new(&band.plan, given.kernel.0, given.bias, given.relu);
        match &band.windows {
            None => forward.block(x, y),
            Some(windows) => {
                let mut output = unwritten(band.plan.result());
                forward.block(x, &mut output);
                windows.maxima(&output, y, places);
            }
        }
    });
    Some((y, places))
}
