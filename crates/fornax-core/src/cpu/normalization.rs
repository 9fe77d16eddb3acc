//! Normalization. A pass over `x` takes the statistics, a second one writes; backward likewise. Statistics of columns
//! are those of short runs of rows in `f32`, which the first-level cache holds, joined in `f64` (Chan, Golub and LeVeque,
//! *Updating formulae and a pairwise algorithm for computing sample variances*, 1979).
//!
//! Rows are cut into up to eight tasks whose sums are added in their order, so that they do not depend on threads.

use super::gemm::add_row;
use super::host::{Host, HostTensor};
use super::impl_for_cpu;
use super::tasks::{self, MOVE, unwritten};
use crate::DynTensor;
use crate::ops::NormalizationOps;

/// Rows whose sums are taken in `f32`.
const RUN: usize = 64;

/// How many rows, their sum and their sum of squared distances from the mean, a column each.
pub(super) struct Moments {
    rows: usize,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn new(columns: usize) -> Self {
        Self { rows: 0, sums: vec![0.0; columns], squares: vec![0.0; columns] }
    }

    /// Those of these rows and of others together.
    #[inline(always)]
    fn join(&mut self, rows: usize, others: impl Iterator<Item = (f64, f64)>) {
        let (before, added) = (self.rows as f64, rows as f64);
        // The distance of the means, squared, counts for so many rows.
        let weight = if self.rows == 0 { 0.0 } else { 1.0 / (before * added * (before + added)) };
        for ((sum, squares), (other_sum, other_squares)) in
            self.sums.iter_mut().zip(&mut self.squares).zip(others)
        {
            let distance = before * other_sum - added * *sum;
            *squares += other_squares + distance * distance * weight;
            *sum += other_sum;
        }
        self.rows += rows;
    }
}

simd_fn! {
    /// The moments of the columns of `x`.
    fn moments(x: &[f32], columns: usize) -> Moments {
        let mut moments = Moments::new(columns);
        let mut sums = vec![0.0f32; columns];
        let (mut means, mut squares) = (sums.clone(), sums.clone());
        for run in x.chunks(RUN * columns) {
            let rows = run.len() / columns;
            sums.fill(0.0);
            for x in run.chunks_exact(columns) {
                sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
            }
            let share = 1.0 / rows as f32;
            means.iter_mut().zip(&sums).for_each(|(mean, sum)| *mean = sum * share);
            squares.fill(0.0);
            for x in run.chunks_exact(columns) {
                for ((square, x), mean) in squares.iter_mut().zip(x).zip(&means) {
                    *square += (x - mean) * (x - mean);
                }
            }
            moments.join(rows, sums.iter().zip(&squares).map(|(&sum, &square)| (sum.into(), square.into())));
        }
        moments
    }
}

simd_fn! {
    /// `sums[j] += sum over r of dy[r, j]` and `products[j] += sum over r of dy[r, j] (x[r, j] - centre[j])`.
    fn column_products(x: &[f32], dy: &[f32], centre: &[f32], sums: &mut [f64], products: &mut [f64]) {
        let columns = sums.len();
        let (mut run_sums, mut run_products) = (vec![0.0f32; columns], vec![0.0f32; columns]);
        for (x, dy) in x.chunks(RUN * columns).zip(dy.chunks(RUN * columns)) {
            run_sums.fill(0.0);
            run_products.fill(0.0);
            for (x, dy) in x.chunks_exact(columns).zip(dy.chunks_exact(columns)) {
                add_products(x, dy, centre, &mut run_sums, &mut run_products);
            }
            sums.iter_mut().zip(&run_sums).for_each(|(sum, run)| *sum += f64::from(*run));
            products.iter_mut().zip(&run_products).for_each(|(sum, run)| *sum += f64::from(*run));
        }
    }
}

#[inline(always)]
fn add_products(x: &[f32], dy: &[f32], centre: &[f32], sums: &mut [f32], products: &mut [f32]) {
    for ((((sum, product), x), dy), centre) in sums.iter_mut().zip(products).zip(x).zip(dy).zip(centre) {
        *sum += dy;
        *product += dy * (x - centre);
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
    /// `dx[r, j] = dy[r, j] slope[j] + (x[r, j] - centre[j]) bend[j] + shift[j]`.
    fn columns_backward(
        x: &[f32],
        dy: &[f32],
        slope: &[f32],
        centre: &[f32],
        bend: &[f32],
        shift: &[f32],
        dx: &mut [f32],
    ) {
        let columns = slope.len();
        for ((dx, dy), x) in dx.chunks_exact_mut(columns).zip(dy.chunks_exact(columns)).zip(x.chunks_exact(columns)) {
            column_backward(x, dy, slope, centre, bend, shift, dx);
        }
    }
}

#[inline(always)]
fn column_backward(
    x: &[f32],
    dy: &[f32],
    slope: &[f32],
    centre: &[f32],
    bend: &[f32],
    shift: &[f32],
    dx: &mut [f32],
) {
    let statistics = slope.iter().zip(centre).zip(bend).zip(shift);
    for (((dx, dy), x), (((slope, centre), bend), shift)) in dx.iter_mut().zip(dy).zip(x).zip(statistics) {
        *dx = dy * slope + ((x - centre) * bend + shift);
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
    /// Each row of `x` normalized, with its mean and variance.
    fn rows_forward(
        x: &[f32],
        scale: &[f32],
        shift: &[f32],
        y: &mut [f32],
        mean: &mut [f32],
        variance: &mut [f32],
        epsilon: f64,
    ) {
        let columns = scale.len();
        let rows = y.chunks_exact_mut(columns).zip(x.chunks_exact(columns));
        for (((y, x), mean), variance) in rows.zip(mean).zip(variance) {
            *mean = (total(x) / columns as f64) as f32;
            y.iter_mut().zip(x).for_each(|(y, x)| *y = x - *mean);
            let spread = dot(y, y) / columns as f64;
            *variance = spread as f32;
            let inverse = (1.0 / (spread + epsilon).sqrt()) as f32;
            for ((y, scale), shift) in y.iter_mut().zip(scale).zip(shift) {
                *y = *y * inverse * scale + shift;
            }
        }
    }
}

/// What a row's cotangent needs beside the row.
#[derive(Clone, Copy)]
pub(super) struct Statistics<'a> {
    mean: &'a [f32],
    variance: &'a [f32],
    scale: &'a [f32],
    epsilon: f64,
}

simd_fn! {
    /// The cotangent of each row of `x`; `dscale` and `dshift` gain theirs.
    fn rows_backward(
        x: &[f32],
        dy: &[f32],
        statistics: Statistics<'_>,
        dx: &mut [f32],
        dscale: &mut [f32],
        dshift: &mut [f32],
    ) {
        let Statistics { mean, variance, scale, epsilon } = statistics;
        let columns = scale.len();
        let mut standard = vec![0.0f32; columns];
        let rows = dx.chunks_exact_mut(columns).zip(dy.chunks_exact(columns)).zip(x.chunks_exact(columns));
        for (((dx, dy), x), (mean, variance)) in rows.zip(mean.iter().zip(variance)) {
            let inverse = (1.0 / (f64::from(*variance) + epsilon).sqrt()) as f32;
            standard.iter_mut().zip(x).for_each(|(standard, x)| *standard = (x - mean) * inverse);
            for (((dscale, dshift), dy), standard) in dscale.iter_mut().zip(&mut *dshift).zip(dy).zip(&standard) {
                *dscale += dy * standard;
                *dshift += dy;
            }
            dx.iter_mut().zip(dy).zip(scale).for_each(|((dx, dy), scale)| *dx = dy * scale);
            let mean = (total(dx) / columns as f64) as f32;
            let projection = (dot(dx, &standard) / columns as f64) as f32;
            for (dx, standard) in dx.iter_mut().zip(&standard) {
                *dx = (*dx - mean - standard * projection) * inverse;
            }
        }
    }
}

/// Numbers in a task of whole rows, one of eight at most.
fn task(len: usize, columns: usize) -> usize {
    ((len / columns.max(1)).div_ceil(8) * columns).max(1)
}

/// `x` and `y` in tasks of whole rows; `work` has the task's rows and its first row.
fn by_task<T: Send>(
    [x, y]: [&[f32]; 2],
    columns: usize,
    work: impl Fn([&[f32]; 2]) -> T + Sync,
) -> impl Iterator<Item = T> {
    let step = task(x.len(), columns);
    let parts = x.chunks(step).zip(y.chunks(step)).collect();
    tasks::each(parts, 2 * MOVE * x.len(), |_, (x, y)| work([x, y])).into_iter()
}

fn narrow(values: impl Iterator<Item = f64>) -> Vec<f32> {
    values.map(|value| value as f32).collect()
}

/// `1 / sqrt(variance + epsilon)`.
fn inverse_deviation(variance: f64, epsilon: f64) -> f64 {
    1.0 / (variance + epsilon).sqrt()
}

/// `y` written task by task.
fn write(y: &mut [f32], columns: usize, work: impl Fn(std::ops::Range<usize>, &mut [f32]) + Sync) {
    let (len, step) = (y.len(), task(y.len(), columns));
    tasks::each(y.chunks_mut(step).collect(), 2 * MOVE * len, |task, y: &mut [f32]| {
        work(task * step..task * step + y.len(), y);
    });
}

fn forward<B: Host>(
    x: DynTensor<B>,
    scale: DynTensor<B>,
    shift: DynTensor<B>,
    axis: usize,
    epsilon: f64,
) -> [DynTensor<B>; 3] {
    let (x, scale, shift) = (x.standard(), scale.standard(), shift.standard());
    let [.., columns] = x.shape()[..] else { panic!("rows are normalized") };
    let rows = x.len() / columns.max(1);
    let mut y = unwritten(x.len());
    let (values, scale, shift) = (x.floats(), scale.floats(), shift.floats());
    let (mean, variance, shape) = if axis == 0 {
        let mut all = Moments::new(columns);
        for part in by_task([values, values], columns, |[x, _]| moments(x, columns)) {
            all.join(part.rows, part.sums.into_iter().zip(part.squares));
        }
        let mean: Vec<f64> = all.sums.iter().map(|sum| sum / rows as f64).collect();
        let variance: Vec<f64> = all.squares.iter().map(|squares| squares / rows as f64).collect();
        let scale: Vec<f64> = variance
            .iter()
            .zip(scale)
            .map(|(&variance, &scale)| f64::from(scale) * inverse_deviation(variance, epsilon))
            .collect();
        let shift =
            mean.iter().zip(&scale).zip(shift).map(|((mean, scale), &shift)| f64::from(shift) - mean * scale);
        let (scale, shift) = (narrow(scale.iter().copied()), narrow(shift));
        write(&mut y, columns, |range, y| scale_rows(&values[range], &scale, &shift, y));
        (narrow(mean.into_iter()), narrow(variance.into_iter()), [1, columns])
    } else {
        let (mut mean, mut variance) = (vec![0.0; rows], vec![0.0; rows]);
        if !values.is_empty() {
            let step = task(values.len(), columns);
            let parts = y.chunks_mut(step).zip(values.chunks(step));
            let statistics = mean.chunks_mut(step / columns).zip(variance.chunks_mut(step / columns));
            let work = |_, ((y, x), (mean, variance)): ((&mut [f32], &[f32]), (&mut [f32], &mut [f32]))| {
                rows_forward(x, scale, shift, y, mean, variance, epsilon);
            };
            tasks::each(parts.zip(statistics).collect(), 2 * MOVE * values.len(), work);
        }
        (mean, variance, [rows, 1])
    };
    [
        DynTensor::from_floats(y, &x.shape()),
        DynTensor::from_floats(mean, &shape),
        DynTensor::from_floats(variance, &shape),
    ]
}

fn backward<B: Host>(
    x: DynTensor<B>,
    statistics: [DynTensor<B>; 2],
    scale: DynTensor<B>,
    dy: DynTensor<B>,
    axis: usize,
    epsilon: f64,
) -> [DynTensor<B>; 3] {
    let (x, scale, dy) = (x.standard(), scale.standard(), dy.standard());
    let [mean, variance] = statistics.map(HostTensor::standard);
    let [.., columns] = x.shape()[..] else { panic!("rows are normalized") };
    let rows = x.len() / columns.max(1);
    let (shape, mut dx) = (x.shape(), unwritten(x.len()));
    let (mean, variance, scale, x, dy) =
        (mean.floats(), variance.floats(), scale.floats(), x.floats(), dy.floats());
    let (dscale, dshift) = if axis == 0 {
        let (sums, products) = sums_of_columns(x, dy, mean);
        let inverse: Vec<f64> =
            variance.iter().map(|&variance| inverse_deviation(variance.into(), epsilon)).collect();
        let slope: Vec<f64> =
            scale.iter().zip(&inverse).map(|(&scale, inverse)| f64::from(scale) * inverse).collect();
        let share = 1.0 / rows as f64;
        let bend = products.iter().zip(&inverse).zip(&slope);
        let bend =
            narrow(bend.map(|((product, inverse), slope)| -slope * inverse * inverse * product * share));
        let shift = narrow(sums.iter().zip(&slope).map(|(sum, slope)| -slope * sum * share));
        let slope = narrow(slope.into_iter());
        write(&mut dx, columns, |range, dx| {
            columns_backward(&x[range.clone()], &dy[range], &slope, mean, &bend, &shift, dx);
        });
        let dscale = narrow(products.iter().zip(&inverse).map(|(product, inverse)| product * inverse));
        (dscale, narrow(sums.into_iter()))
    } else {
        let zeros = || (vec![0.0; columns], vec![0.0; columns]);
        let parts = if x.is_empty() {
            vec![]
        } else {
            let step = task(x.len(), columns);
            let statistics = mean.chunks(step / columns).zip(variance.chunks(step / columns));
            let parts = dx.chunks_mut(step).zip(x.chunks(step).zip(dy.chunks(step))).zip(statistics);
            tasks::each(parts.collect(), 2 * MOVE * x.len(), |_, ((dx, (x, dy)), (mean, variance))| {
                let (mut dscale, mut dshift) = zeros();
                let statistics = Statistics { mean, variance, scale, epsilon };
                rows_backward(x, dy, statistics, dx, &mut dscale, &mut dshift);
                (dscale, dshift)
            })
        };
        let (dscale, dshift) = parts.into_iter().fold(zeros(), |(mut dscale, mut dshift), part| {
            add_row(&mut dscale, &part.0);
            add_row(&mut dshift, &part.1);
            (dscale, dshift)
        });
        (dscale, dshift)
    };
    [
        DynTensor::from_floats(dx, &shape),
        DynTensor::from_floats(dscale, &[columns]),
        DynTensor::from_floats(dshift, &[columns]),
    ]
}

/// The sums over the rows of `dy` and of `dy (x - centre)`.
fn sums_of_columns(x: &[f32], dy: &[f32], centre: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let columns = centre.len();
    let zeros = || (vec![0.0; columns], vec![0.0; columns]);
    let parts = by_task([x, dy], columns, |[x, dy]| {
        let (mut sums, mut products) = zeros();
        column_products(x, dy, centre, &mut sums, &mut products);
        (sums, products)
    });
    parts.fold(zeros(), |(mut sums, mut products), part| {
        sums.iter_mut().zip(part.0).for_each(|(sum, part)| *sum += part);
        products.iter_mut().zip(part.1).for_each(|(sum, part)| *sum += part);
        (sums, products)
    })
}

impl_for_cpu!(NormalizationOps {
    fn normalize(
        x: DynTensor<Self>,
        scale: DynTensor<Self>,
        shift: DynTensor<Self>,
        axis: usize,
        epsilon: f64,
    ) -> [DynTensor<Self>; 3] {
        forward(x, scale, shift, axis, epsilon)
    }

    fn normalize_backward(
        x: DynTensor<Self>,
        statistics: [DynTensor<Self>; 2],
        scale: DynTensor<Self>,
        dy: DynTensor<Self>,
        axis: usize,
        epsilon: f64,
    ) -> [DynTensor<Self>; 3] {
        backward(x, statistics, scale, dy, axis, epsilon)
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
        let zeros = vec![0.0; columns];
        let (dshift, dscale) = sums_of_columns(x.floats(), dy.floats(), &zeros);
        let mut dx = unwritten(x.len());
        write(&mut dx, columns, |range, dx| scale_rows(&dy.floats()[range], scale.floats(), &zeros, dx));
        let vector = |sums: Vec<f64>| DynTensor::from_floats(narrow(sums.into_iter()), &[columns]);
        [DynTensor::from_floats(dx, &x.shape()), vector(dscale), vector(dshift)]
    }
});
