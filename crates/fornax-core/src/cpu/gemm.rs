//! The product of two strided matrices, by the `gemm` crate.

use super::row::{Rows, row_product};
use super::tasks::WORTH_A_THREAD;

/// A matrix whose element `(r, c)` lies at `r * row + c * column`.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    row: usize,
    column: usize,
}

impl<'a> Matrix<'a> {
    /// Rows that begin `stride` elements apart.
    pub(super) fn rows(values: &'a [f32], stride: usize) -> Self {
        Self { values, row: stride, column: 1 }
    }

    /// The transpose.
    pub(super) fn t(self) -> Self {
        Self { values: self.values, row: self.column, column: self.row }
    }
}

/// `c = a b`, or `c += a b` if `add`, for `a [m, k]`, `b [k, n]` and `c [m, n]` whose rows begin `stride` apart.
pub(super) fn gemm(
    [m, n, k]: [usize; 3],
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    stride: usize,
    add: bool,
) {
    if m == 0 || n == 0 {
        return;
    }
    assert!(n <= stride && (m - 1) * stride + n <= c.len());
    if k == 0 {
        if !add {
            c.chunks_mut(stride).take(m).for_each(|row| row[..n].fill(0.0));
        }
        return;
    }
    assert!((m - 1) * a.row + (k - 1) * a.column < a.values.len());
    assert!((k - 1) * b.row + (n - 1) * b.column < b.values.len());
    if m == 1 && a.column == 1 && b.column == 1 {
        return row_product(&a.values[..k], Rows { values: b.values, stride: b.row }, &mut c[..n], add);
    }
    // SAFETY: the assertions bound every element that the product touches; `c` is borrowed exclusively.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            stride as isize,
            add,
            a.values.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.values.as_ptr(),
            b.column as isize,
            b.row as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism(m * n * k),
        );
    }
}

/// All threads for a product of many multiply-adds; `gemm` cuts the output, so that sums do not depend on it.
fn parallelism(cost: usize) -> gemm::Parallelism {
    match rayon::current_num_threads() {
        threads if threads > 1 && cost >= WORTH_A_THREAD => gemm::Parallelism::Rayon(threads),
        _ => gemm::Parallelism::None,
    }
}

simd_fn! {
    /// Every row of `out` becomes `row`.
    fn broadcast_rows(row: &[f32], out: &mut [f32]) {
        for out in out.chunks_exact_mut(row.len()) {
            out.copy_from_slice(row);
        }
    }
}

simd_fn! {
    /// `x[r, j] += row[j]`.
    fn add_row(x: &mut [f32], row: &[f32]) {
        for x in x.chunks_exact_mut(row.len()) {
            x.iter_mut().zip(row).for_each(|(x, b)| *x += b);
        }
    }
}

simd_fn! {
    /// `sums[j] += sum over r of x[r, j]`.
    fn add_column_sums(x: &[f32], sums: &mut [f32]) {
        for row in x.chunks_exact(sums.len()) {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
    }
}
