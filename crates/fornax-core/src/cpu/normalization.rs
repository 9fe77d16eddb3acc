//! Standardisation: statistics in `f64` over sums of short runs in `f32`, then one pass that writes.
//!
//! Rows are cut into up to eight tasks whose sums are added in their order, so that they do not depend on threads.

use super::host::{Host, HostTensor};
use super::impl_for_cpu;
use super::tasks::{self, MOVE, unwritten};
use crate::DynTensor;
use crate::ops::NormalizationOps;

/// Rows whose sums are taken in `f32`.
const RUN: usize = 64;

simd_fn! {
    /// `sums[j] += sum over r of (x[r, j] - centre[j]) (factor[r, j] - centre[j])`.
    fn column_products(x: &[f32], factor: &[f32], centre: &[f32], sums: &mut [f64]) {
        let columns = sums.len();
        let mut run = vec![0.0f32; columns];
        for (x, factor) in x.chunks(RUN * columns).zip(factor.chunks(RUN * columns)) {
            run.fill(0.0);
            for (x, factor) in x.chunks_exact(columns).zip(factor.chunks_exact(columns)) {
                for (((sum, x), factor), centre) in run.iter_mut().zip(x).zip(factor).zip(centre) {
                    *sum += (x - centre) * (factor - centre);
                }
            }
            sums.iter_mut().zip(&run).for_each(|(sum, run)| *sum += f64::from(*run));
        }
    }
}

simd_fn! {
    /// `sums[j] += sum over r of x[r, j]`.
    fn column_sums(x: &[f32], sums: &mut [f64]) {
        let columns = sums.len();
        let mut run = vec![0.0f32; columns];
        for x in x.chunks(RUN * columns) {
            run.fill(0.0);
            for x in x.chunks_exact(columns) {
                run.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
            }
            sums.iter_mut().zip(&run).for_each(|(sum, run)| *sum += f64::from(*run));
        }
    }
}

simd_fn! {
    /// `y[r, j] = x[r, j] scale[j] + shift[j]`.
    fn scale_rows(x: &[f32], scale: &[f32], shift: &[f32], y: &mut [f32]) {
        for (y, x) in y.chunks_exact_mut(scale.len()).zip(x.chunks_exact(scale.len())) {
            for (((y, x), scale), shift) in y.iter_mut().zip(x).zip(scale).zip(shift) {
                *y = x * scale + shift;
            }
        }
    }
}

simd_fn! {
    /// `dx[r, j] = (dy[r, j] - mean[j] - y[r, j] projection[j]) inverse[j]`.
    fn columns_backward(y: &[f32], dy: &[f32], mean: &[f32], projection: &[f32], inverse: &[f32], dx: &mut [f32]) {
        let columns = mean.len();
        let rows = dx.chunks_exact_mut(columns).zip(dy.chunks_exact(columns)).zip(y.chunks_exact(columns));
        for ((dx, dy), y) in rows {
            let statistics = mean.iter().zip(projection).zip(inverse);
            for (((dx, dy), y), ((mean, projection), inverse)) in dx.iter_mut().zip(dy).zip(y).zip(statistics) {
                *dx = (dy - mean - y * projection) * inverse;
            }
        }
    }
}

/// The sum of a row's products, in 16 partial sums.
#[inline(always)]
fn dot(x: &[f32], y: &[f32]) -> f64 {
    let mut sums = [0.0f32; 16];
    let (xs, ys) = (x.chunks_exact(16), y.chunks_exact(16));
    let rest: f32 = xs.remainder().iter().zip(ys.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in xs.zip(ys) {
        for lane in 0..16 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().map(|&sum| f64::from(sum)).sum::<f64>() + f64::from(rest)
}

/// The sum of a row, in 16 partial sums.
#[inline(always)]
fn total(x: &[f32]) -> f64 {
    let mut sums = [0.0f32; 16];
    let xs = x.chunks_exact(16);
    let rest: f32 = xs.remainder().iter().sum();
    for x in xs {
        sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
    }
    sums.iter().map(|&sum| f64::from(sum)).sum::<f64>() + f64::from(rest)
}

simd_fn! {
    /// Each row of `x` standardised, with its mean and variance.
    fn rows_forward(x: &[f32], y: &mut [f32], mean: &mut [f32], variance: &mut [f32], epsilon: f64) {
        let columns = x.len() / mean.len();
        let rows = y.chunks_exact_mut(columns).zip(x.chunks_exact(columns));
        for (((y, x), mean), variance) in rows.zip(mean).zip(variance) {
            *mean = (total(x) / columns as f64) as f32;
            y.iter_mut().zip(x).for_each(|(y, x)| *y = x - *mean);
            let spread = dot(y, y) / columns as f64;
            *variance = spread as f32;
            let inverse = (1.0 / (spread + epsilon).sqrt()) as f32;
            y.iter_mut().for_each(|y| *y *= inverse);
        }
    }
}

simd_fn! {
    /// The cotangent of each row.
    fn rows_backward(y: &[f32], dy: &[f32], variance: &[f32], dx: &mut [f32], epsilon: f64) {
        let columns = y.len() / variance.len();
        let rows = dx.chunks_exact_mut(columns).zip(dy.chunks_exact(columns)).zip(y.chunks_exact(columns));
        for (((dx, dy), y), variance) in rows.zip(variance) {
            let mean = (total(dy) / columns as f64) as f32;
            let projection = (dot(dy, y) / columns as f64) as f32;
            let inverse = (1.0 / (f64::from(*variance) + epsilon).sqrt()) as f32;
            for ((dx, dy), y) in dx.iter_mut().zip(dy).zip(y) {
                *dx = (dy - mean - y * projection) * inverse;
            }
        }
    }
}

/// Numbers in a task of whole rows, one of eight at most.
fn task(len: usize, columns: usize) -> usize {
    ((len / columns.max(1)).div_ceil(8) * columns).max(1)
}

/// The mean over the rows of what `sum` adds up for a task.
fn mean_of_columns(
    tensors: [&[f32]; 2],
    columns: usize,
    sum: impl Fn([&[f32]; 2], &mut [f64]) + Sync,
) -> Vec<f64> {
    let len = tensors[0].len();
    let [x, y] = tensors.map(|tensor| tensor.chunks(task(len, columns)));
    let sums = tasks::each(x.zip(y).collect(), 2 * MOVE * len, |_, (x, y)| {
        let mut sums = vec![0.0; columns];
        sum([x, y], &mut sums);
        sums
    });
    let mut mean = vec![0.0; columns];
    for part in sums {
        mean.iter_mut().zip(part).for_each(|(mean, part)| *mean += part);
    }
    mean.iter_mut().for_each(|mean| *mean *= columns as f64 / len as f64);
    mean
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

/// `y` written task by task.
fn write(y: &mut [f32], columns: usize, work: impl Fn(std::ops::Range<usize>, &mut [f32]) + Sync) {
    let (len, step) = (y.len(), task(y.len(), columns));
    tasks::each(y.chunks_mut(step).collect(), 2 * MOVE * len, |task, y: &mut [f32]| {
        work(task * step..task * step + y.len(), y);
    });
}

fn forward<B: Host>(x: DynTensor<B>, axis: usize, epsilon: f64) -> [DynTensor<B>; 3] {
    let x = x.standard();
    let [rows, columns] = x.shape()[..] else { panic!("a matrix is standardised") };
    let mut y = unwritten(x.len());
    let values = x.floats();
    let (mean, variance, shape) = if axis == 0 {
        let mean = mean_of_columns([values, values], columns, |[x, _], sums| column_sums(x, sums));
        let centre = narrow(&mean);
        let variance = mean_of_columns([values, values], columns, |[x, same], sums| {
            column_products(x, same, &centre, sums);
        });
        let scale: Vec<f64> = variance.iter().map(|variance| 1.0 / (variance + epsilon).sqrt()).collect();
        let shift: Vec<f64> = mean.iter().zip(&scale).map(|(mean, scale)| -mean * scale).collect();
        let (scale, shift) = (narrow(&scale), narrow(&shift));
        write(&mut y, columns, |range, y| scale_rows(&values[range], &scale, &shift, y));
        (centre, narrow(&variance), [1, columns])
    } else {
        let (mut mean, mut variance) = (vec![0.0; rows], vec![0.0; rows]);
        if !values.is_empty() {
            let step = task(values.len(), columns);
            let parts = y.chunks_mut(step).zip(values.chunks(step));
            let statistics = mean.chunks_mut(step / columns).zip(variance.chunks_mut(step / columns));
            let work = |_, ((y, x), (mean, variance)): ((&mut [f32], &[f32]), (&mut [f32], &mut [f32]))| {
                rows_forward(x, y, mean, variance, epsilon);
            };
            tasks::each(parts.zip(statistics).collect(), 2 * MOVE * values.len(), work);
        }
        (mean, variance, [rows, 1])
    };
    [
        DynTensor::from_floats(y, &[rows, columns]),
        DynTensor::from_floats(mean, &shape),
        DynTensor::from_floats(variance, &shape),
    ]
}

fn backward<B: Host>(
    y: DynTensor<B>,
    variance: DynTensor<B>,
    dy: DynTensor<B>,
    axis: usize,
    epsilon: f64,
) -> DynTensor<B> {
    let (y, variance, dy) = (y.standard(), variance.standard(), dy.standard());
    let [rows, columns] = y.shape()[..] else { panic!("a matrix is standardised") };
    let mut dx = unwritten(y.len());
    let (y, dy, variance) = (y.floats(), dy.floats(), variance.floats());
    if axis == 0 {
        let zeros = vec![0.0; columns];
        let mean = narrow(&mean_of_columns([dy, y], columns, |[dy, _], sums| column_sums(dy, sums)));
        let projection =
            mean_of_columns([dy, y], columns, |[dy, y], sums| column_products(dy, y, &zeros, sums));
        let projection = narrow(&projection);
        let inverse: Vec<f32> =
            variance.iter().map(|&variance| (1.0 / (f64::from(variance) + epsilon).sqrt()) as f32).collect();
        write(&mut dx, columns, |range, dx| {
            columns_backward(&y[range.clone()], &dy[range], &mean, &projection, &inverse, dx);
        });
    } else if !y.is_empty() {
        let step = task(y.len(), columns);
        let parts = dx.chunks_mut(step).zip(variance.chunks(step / columns));
        let parts = parts.zip(y.chunks(step).zip(dy.chunks(step))).collect();
        let work = |_, ((dx, variance), (y, dy)): ((&mut [f32], &[f32]), (&[f32], &[f32]))| {
            rows_backward(y, dy, variance, dx, epsilon);
        };
        tasks::each(parts, 2 * MOVE * y.len(), work);
    }
    DynTensor::from_floats(dx, &[rows, columns])
}

impl_for_cpu!(NormalizationOps {
    fn standardize(x: DynTensor<Self>, axis: usize, epsilon: f64) -> [DynTensor<Self>; 3] {
        forward(x, axis, epsilon)
    }

    fn standardize_backward(
        y: DynTensor<Self>,
        variance: DynTensor<Self>,
        dy: DynTensor<Self>,
        axis: usize,
        epsilon: f64,
    ) -> DynTensor<Self> {
        backward(y, variance, dy, axis, epsilon)
    }

    fn scale_and_shift(x: DynTensor<Self>, scale: DynTensor<Self>, shift: DynTensor<Self>) -> DynTensor<Self> {
        let (x, scale, shift) = (x.standard(), scale.standard(), shift.standard());
        let mut y = unwritten(x.len());
        let (values, scale, shift) = (x.floats(), scale.floats(), shift.floats());
        write(&mut y, scale.len(), |range, y| scale_rows(&values[range], scale, shift, y));
        DynTensor::from_floats(y, &x.shape())
    }

    fn scale_and_shift_backward(
        x: DynTensor<Self>,
        scale: DynTensor<Self>,
        dy: DynTensor<Self>,
    ) -> [DynTensor<Self>; 3] {
        let (x, scale, dy) = (x.standard(), scale.standard(), dy.standard());
        let columns = scale.len();
        let (values, dy_values) = (x.floats(), dy.floats());
        let (rows, zeros) = ((x.len() / columns) as f64, vec![0.0; columns]);
        let sums = |mean: Vec<f64>| {
            let sums: Vec<f32> = mean.into_iter().map(|mean| (mean * rows) as f32).collect();
            DynTensor::from_floats(sums, &[columns])
        };
        let dscale = mean_of_columns([dy_values, values], columns, |[dy, x], sums| {
            column_products(dy, x, &zeros, sums);
        });
        let dshift = mean_of_columns([dy_values, values], columns, |[dy, _], sums| column_sums(dy, sums));
        let mut dx = unwritten(x.len());
        write(&mut dx, columns, |range, dx| scale_rows(&dy_values[range], scale.floats(), &zeros, dx));
        [DynTensor::from_floats(dx, &x.shape()), sums(dscale), sums(dshift)]
    }
});
