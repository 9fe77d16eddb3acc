//! Convolution as products of gathered rows with the kernel (implicit im2col).
//!
//! Output position `o` is the row `[x[o * stride + k * dilation - before, :] for k]` times the kernel as a matrix
//! `[positions * channels / groups, filters]`, which is how a channels-last kernel lies in memory already. The rows
//! of about 256 KiB are gathered at a time, whole output lines, so that they stay in the second-level cache. With
//! many channels a row is gathered after the other; with few, column after column, because a run of a row is then
//! too short to copy well.
//!
//! One to three spatial axes; missing ones are axes of length 1 in front.

use std::ops::Range;

use super::gemm::{Matrix, gemm, scratch};
use super::host::HostTensor;
use super::impl_for_cpu;
use super::pool::three;
use crate::DynTensor;
use crate::ops::{ConvGeometry, ConvOps};

/// Floats in a block of gathered rows.
const BLOCK: usize = 65_536;

/// Below so many channels a group, rows are gathered by columns.
const FEW_CHANNELS: usize = 8;

/// The lengths of a convolution over `[n, d, h, w, c]`.
struct Plan {
    batch: usize,
    input: [usize; 3],
    output: [usize; 3],
    channels: usize,
    filters: usize,
    kernel: [usize; 3],
    stride: [usize; 3],
    dilation: [usize; 3],
    before: [usize; 3],
    groups: usize,
}

/// An output line: image, depth and height.
type Line = [usize; 3];

impl Plan {
    fn new(x: &[usize], kernel: &[usize], geometry: &ConvGeometry) -> Self {
        let axes = kernel.len() - 2;
        let output: Vec<usize> =
            (0..axes).map(|axis| geometry.output_len(axis, x[axis + 1], kernel[axis])).collect();
        Self {
            batch: x[0],
            input: three(x[1..=axes].iter().copied(), 1),
            output: three(output.into_iter(), 1),
            channels: x[axes + 1],
            filters: kernel[axes + 1],
            kernel: three(kernel[..axes].iter().copied(), 1),
            stride: three(geometry.stride.iter().copied(), 1),
            dilation: three(geometry.dilation.iter().copied(), 1),
            before: three(geometry.padding.iter().map(|padding| padding.0), 0),
            groups: geometry.groups,
        }
    }

    /// Channels of a group.
    fn depth(&self) -> usize {
        self.channels / self.groups
    }

    /// Filters of a group.
    fn width(&self) -> usize {
        self.filters / self.groups
    }

    /// The length of a gathered row.
    fn patch(&self) -> usize {
        self.kernel.iter().product::<usize>() * self.depth()
    }

    fn positions(&self) -> usize {
        self.batch * self.output.iter().product::<usize>()
    }

    /// The output lines in blocks.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let lines = self.batch * self.output[0] * self.output[1];
        let step = (BLOCK / (self.output[2] * self.patch()).max(1)).clamp(1, lines.max(1));
        (0..lines).step_by(step).map(move |start| start..(start + step).min(lines))
    }

    fn line(&self, flat: usize) -> Line {
        let per_image = self.output[0] * self.output[1];
        [flat / per_image, flat % per_image / self.output[1], flat % self.output[1]]
    }

    /// The input position on `axis` that kernel position `tap` meets at output position `at`.
    fn source(&self, axis: usize, at: usize, tap: usize) -> Option<usize> {
        let position = (at * self.stride[axis] + tap * self.dilation[axis]).checked_sub(self.before[axis])?;
        (position < self.input[axis]).then_some(position)
    }

    /// The offset of the input line that kernel position `(kd, kh)` meets at an output line.
    fn source_line(&self, [image, depth, height]: Line, kd: usize, kh: usize) -> Option<usize> {
        let (d, h) = (self.source(0, depth, kd)?, self.source(1, height, kh)?);
        Some(((image * self.input[0] + d) * self.input[1] + h) * self.input[2] * self.channels)
    }

    /// The output positions on the last axis at which `tap` falls inside the input.
    fn inside(&self, tap: usize) -> Range<usize> {
        let (stride, shift) = (self.stride[2], tap * self.dilation[2]);
        let start = self.before[2].saturating_sub(shift).div_ceil(stride);
        let end = (self.input[2] + self.before[2]).saturating_sub(shift).div_ceil(stride);
        start.min(self.output[2])..end.clamp(start.min(self.output[2]), self.output[2])
    }

    /// Calls `visit` for every line of a block and kernel position: the offset in the row, the first row, and the
    /// offset of the input line, if it is not padding.
    fn each_tap(&self, lines: Range<usize>, mut visit: impl FnMut(usize, [usize; 3], usize, Option<usize>)) {
        for (index, line) in lines.map(|flat| self.line(flat)).enumerate() {
            for kd in 0..self.kernel[0] {
                for kh in 0..self.kernel[1] {
                    let source = self.source_line(line, kd, kh);
                    for kw in 0..self.kernel[2] {
                        let tap = (kd * self.kernel[1] + kh) * self.kernel[2] + kw;
                        visit(tap, [kd, kh, kw], index * self.output[2], source);
                    }
                }
            }
        }
    }

    /// The rows of a block for `group`, as a matrix `[positions, patch]`.
    fn gather<'a>(&self, x: &[f32], lines: Range<usize>, group: usize, rows: &'a mut [f32]) -> Matrix<'a> {
        let count = rows.len() / self.patch();
        if self.depth() < FEW_CHANNELS {
            self.gather_columns(x, lines, group, rows, count);
            Matrix::rows(rows, count).t()
        } else {
            self.gather_rows(x, lines, group, rows);
            Matrix::rows(rows, self.patch())
        }
    }

    fn gather_rows(&self, x: &[f32], lines: Range<usize>, group: usize, rows: &mut [f32]) {
        let (depth, patch) = (self.depth(), self.patch());
        self.each_tap(lines, |tap, [_, _, kw], first, source| {
            let inside = if source.is_some() { self.inside(kw) } else { 0..0 };
            let mut at = first * patch + tap * depth;
            for position in 0..self.output[2] {
                let to = &mut rows[at..at + depth];
                at += patch;
                match source {
                    Some(line) if inside.contains(&position) => {
                        let w = position * self.stride[2] + kw * self.dilation[2] - self.before[2];
                        let from = line + w * self.channels + group * depth;
                        copy(&x[from..from + depth], to);
                    }
                    _ => to.fill(0.0),
                }
            }
        });
    }

    fn gather_columns(
        &self,
        x: &[f32],
        lines: Range<usize>,
        group: usize,
        columns: &mut [f32],
        count: usize,
    ) {
        let depth = self.depth();
        self.each_tap(lines, |tap, [_, _, kw], first, source| {
            let inside = if source.is_some() { self.inside(kw) } else { 0..0 };
            for channel in 0..depth {
                let start = (tap * depth + channel) * count + first;
                let to = &mut columns[start..start + self.output[2]];
                to[..inside.start].fill(0.0);
                to[inside.end..].fill(0.0);
                let Some(line) = source.filter(|_| !inside.is_empty()) else { continue };
                let w = inside.start * self.stride[2] + kw * self.dilation[2] - self.before[2];
                let from = &x[line + w * self.channels + group * depth + channel..];
                match self.stride[2] * self.channels {
                    1 => copy(&from[..inside.len()], &mut to[inside.clone()]),
                    step => to[inside.clone()]
                        .iter_mut()
                        .zip(from.iter().step_by(step))
                        .for_each(|(t, f)| *t = *f),
                }
            }
        });
    }

    /// The transpose of [`Self::gather_rows`]: adds rows back onto the input.
    fn scatter_rows(&self, rows: &[f32], lines: Range<usize>, group: usize, dx: &mut [f32]) {
        let (depth, patch) = (self.depth(), self.patch());
        self.each_tap(lines, |tap, [_, _, kw], first, source| {
            let Some(line) = source else { return };
            for position in self.inside(kw) {
                let w = position * self.stride[2] + kw * self.dilation[2] - self.before[2];
                let to = line + w * self.channels + group * depth;
                let from = (first + position) * patch + tap * depth;
                dx[to..to + depth].iter_mut().zip(&rows[from..from + depth]).for_each(|(t, f)| *t += f);
            }
        });
    }
}

/// `to = from`, inlined: most runs are too short for a call of `memcpy`.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

fn forward(plan: &Plan, x: &[f32], kernel: &[f32]) -> Vec<f32> {
    let (patch, filters, width) = (plan.patch(), plan.filters, plan.width());
    let mut y = scratch(plan.positions() * filters);
    let mut rows = vec![];
    for lines in plan.blocks() {
        let (first, count) = (lines.start * plan.output[2], lines.len() * plan.output[2]);
        rows.resize(count * patch, 0.0);
        for group in 0..plan.groups {
            let gathered = plan.gather(x, lines.clone(), group, &mut rows);
            let matrix = Matrix::rows(&kernel[group * width..], filters);
            let y = &mut y[first * filters + group * width..];
            gemm([count, width, patch], gathered, matrix, y, filters, false);
        }
    }
    y
}

fn input_cotangent(plan: &Plan, dy: &[f32], kernel: &[f32]) -> Vec<f32> {
    let (patch, filters, width) = (plan.patch(), plan.filters, plan.width());
    let mut dx = scratch(plan.batch * plan.input.iter().product::<usize>() * plan.channels);
    let transposed = transposed(kernel, filters);
    let mut rows = vec![];
    for lines in plan.blocks() {
        let (first, count) = (lines.start * plan.output[2], lines.len() * plan.output[2]);
        rows.resize(count * patch, 0.0);
        for group in 0..plan.groups {
            let dy = Matrix::rows(&dy[first * filters + group * width..], filters);
            let matrix = Matrix::rows(&transposed[group * width * patch..], patch);
            gemm([count, patch, width], dy, matrix, &mut rows, patch, false);
            plan.scatter_rows(&rows, lines.clone(), group, &mut dx);
        }
    }
    dx
}

fn kernel_cotangent(plan: &Plan, x: &[f32], dy: &[f32]) -> Vec<f32> {
    let (patch, filters, width) = (plan.patch(), plan.filters, plan.width());
    let mut dkernel = scratch(patch * filters);
    let mut rows = vec![];
    for lines in plan.blocks() {
        let (first, count) = (lines.start * plan.output[2], lines.len() * plan.output[2]);
        rows.resize(count * patch, 0.0);
        for group in 0..plan.groups {
            let gathered = plan.gather(x, lines.clone(), group, &mut rows).t();
            let dy = Matrix::rows(&dy[first * filters + group * width..], filters);
            gemm([patch, width, count], gathered, dy, &mut dkernel[group * width..], filters, true);
        }
    }
    dkernel
}

/// The transpose of rows of `columns`, copied: many small products share it as their right factor.
fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns;
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

impl_for_cpu!(ConvOps {
    fn conv(x: DynTensor<Self>, kernel: DynTensor<Self>, geometry: &ConvGeometry) -> DynTensor<Self> {
        let (x, kernel) = (x.standard(), kernel.standard());
        let (mut shape, size) = (x.shape(), kernel.shape());
        let plan = Plan::new(&shape, &size, geometry);
        for axis in 0..size.len() - 2 {
            shape[axis + 1] = geometry.output_len(axis, shape[axis + 1], size[axis]);
        }
        *shape.last_mut().expect("channels") = plan.filters;
        DynTensor::from_floats(forward(&plan, x.floats(), kernel.floats()), &shape)
    }

    fn conv_input(
        dy: DynTensor<Self>,
        kernel: DynTensor<Self>,
        geometry: &ConvGeometry,
        shape: &[usize],
    ) -> DynTensor<Self> {
        let (dy, kernel) = (dy.standard(), kernel.standard());
        let plan = Plan::new(shape, &kernel.shape(), geometry);
        DynTensor::from_floats(input_cotangent(&plan, dy.floats(), kernel.floats()), shape)
    }

    fn conv_kernel(
        x: DynTensor<Self>,
        dy: DynTensor<Self>,
        geometry: &ConvGeometry,
        shape: &[usize],
    ) -> DynTensor<Self> {
        let (x, dy) = (x.standard(), dy.standard());
        let plan = Plan::new(&x.shape(), shape, geometry);
        DynTensor::from_floats(kernel_cotangent(&plan, x.floats(), dy.floats()), shape)
    }
});
