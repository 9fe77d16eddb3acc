//! Fewer images than threads: bands of rows of the output, each of them a convolution of its own.
//!
//! A row is a place on the first axis behind the batch, so that the rows of a band are one slice, of the input as of the output.
//! No sum depends on the bands: where tiles of two rows are transformed, bands begin at even rows.

use std::ops::Range;

use super::super::pool::MaxWindows;
use super::super::tasks::{self, unwritten, unwritten_bytes};
use super::forward::Forward;
use super::plan::Plan;
use crate::ops::Window;

/// Rows of the result, and the convolution that they are made by.
struct Band {
    rows: Range<usize>,
    input: Range<usize>,
    plan: Plan,
    windows: Option<MaxWindows>,
}

impl Band {
    /// Of a convolution whose output has this shape; none where the rows meet padding alone.
    fn new(rows: Range<usize>, whole: &Plan, shape: &[usize], pool: Option<&Window>) -> Option<Self> {
        let axis = 5 - shape.len();
        let (stride, size) = pool.map_or((1, 1), |pool| (pool.stride[0], pool.size[0]));
        let (first, end) = (rows.start * stride, (rows.end - 1) * stride + size);
        let from = first * whole.stride[axis];
        let to = (end - 1) * whole.stride[axis] + (whole.kernel[axis] - 1) * whole.dilation[axis] + 1;
        let before = whole.before[axis];
        let input = from.saturating_sub(before)..to.checked_sub(before)?.min(whole.input[axis]);
        if input.is_empty() {
            return None;
        }
        let mut plan = Plan { batch: 1, ..whole.clone() };
        (plan.input[axis], plan.output[axis]) = (input.len(), end - first);
        plan.before[axis] = before.saturating_sub(from);
        let windows = match pool {
            Some(pool) => Some(MaxWindows::new(&[&[1, end - first], &shape[2..]].concat(), pool)?),
            None => None,
        };
        Some(Self { rows, input, plan, windows })
    }
}

/// The output of a convolution or the maxima over windows of it, and the place of each where they are kept; none where there are as
/// many images as threads, or no bands. The output, not pooled, has this shape.
pub(super) fn by_bands(
    forward: &Forward<'_>,
    x: &[f32],
    shape: &[usize],
    pool: Option<&Window>,
    keep: bool,
) -> Option<(Vec<f32>, Vec<u8>)> {
    let whole = forward.plan;
    // Transformed tiles take 16 multiplications instead of 36.
    let cost = if forward.is_transformed() { whole.tasks().1 / 9 * 4 } else { whole.tasks().1 };
    let threads = tasks::threads_soon(cost);
    if whole.batch >= threads || x.is_empty() || pool.is_some_and(|pool| pool.padding[0] != (0, 0)) {
        return None;
    }
    let result = pool.map_or_else(|| shape.to_vec(), |pool| pool.output_shape(shape));
    let is_odd = pool.is_none_or(|pool| pool.stride[0] % 2 == 1);
    let (rows, unit) = (result[1], if forward.is_transformed() && is_odd { 2 } else { 1 });
    let count = threads.div_ceil(whole.batch).min(rows / unit);
    if count < 2 {
        return None;
    }
    let bound = |band: usize| if band == count { rows } else { rows * band / count / unit * unit };
    let bands = (0..count).map(|band| Band::new(bound(band)..bound(band + 1), whole, shape, pool));
    let bands: Vec<Band> = bands.collect::<Option<_>>()?;
    let bands: Vec<_> = bands.iter().map(|band| (band, forward.of_part(&band.plan))).collect();
    let row = result[2..].iter().product::<usize>();
    let mut y = unwritten(whole.batch * rows * row);
    let mut places = unwritten_bytes(if keep { y.len() } else { 0 });
    let mut parts = vec![];
    let (mut y_left, mut places_left) = (&mut y[..], &mut places[..]);
    for image in x.chunks_exact(whole.image()) {
        for (band, forward) in &bands {
            let len = band.rows.len() * row;
            let y = y_left.split_off_mut(..len)?;
            let places = places_left.split_off_mut(..if keep { len } else { 0 })?;
            let of_row = band.plan.image() / band.input.len();
            let x = &image[band.input.start * of_row..band.input.end * of_row];
            parts.push((x, band, forward, y, places));
        }
    }
    tasks::each(parts, cost, |_, (x, band, forward, y, places)| match &band.windows {
        None => forward.block(x, y),
        Some(windows) => {
            let mut output = unwritten(band.plan.result());
            forward.block(x, &mut output);
            windows.maxima(&output, y, places);
        }
    });
    Some((y, places))
}
