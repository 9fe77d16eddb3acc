//! The product of two strided matrices, by the `gemm` crate.

use std::ops::Range;

use super::row::{Rows, row_product};
use super::tasks::{each, threads};

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
    let c = Output(c.as_mut_ptr());
    let product = |rows: Range<usize>, columns: Range<usize>| {
        let c = &c;
        // SAFETY: the assertions bound every element that the product touches; `c` is borrowed exclusively, and parts of
        // it do not overlap.
        unsafe {
            gemm::gemm(
                rows.len(),
                columns.len(),
                k,
                c.0.add(rows.start * stride + columns.start),
                1,
                stride as isize,
                add,
                a.values.as_ptr().add(rows.start * a.row),
                a.column as isize,
                a.row as isize,
                b.values.as_ptr().add(columns.start * b.column),
                b.column as isize,
                b.row as isize,
                1.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            )
        }
    };
    let cost = m * n * k;
    match (m.max(n) / least_part(m.min(n))).min(threads(cost)) {
        0 | 1 => product(0..m, 0..n),
        parts => {
            let bound = |part: usize| m.max(n) * part / parts / 16 * 16;
            let end = |part: usize| if part + 1 == parts { m.max(n) } else { bound(part + 1) };
            each((0..parts).map(|part| bound(part)..end(part)).collect(), cost, |_, part| {
                if m < n { product(0..m, part) } else { product(part, 0..n) }
            });
        }
    }
}

/// Rows or columns that a thread takes at least, beside so many on the other side: with 64 on both or 256 sums in all, `gemm` takes
/// other ways, which would change sums.
fn least_part(other: usize) -> usize {
    if other <= 2 { 512 } else { 128 }
}

/// Where a product goes, shared by threads that write different parts of it.
struct Output(*mut f32);

// SAFETY: see where it is made.
unsafe impl Sync for Output {}

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
