//! The product of two strided matrices.
//!
//! `c = f(a b + bias)`, or `c += a b`
//!
//! So many columns of the right factor as stay in the second-level cache are packed and met by the rows of the left
//! one, as many at a time as stay there beside them. Those are read where they are, a number of each row at a time, whether rows or
//! columns lie in order (after Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008). Threads take
//! columns or rows, of which there are more; each sum runs over the steps in their order, whatever the blocks.

use std::ops::Range;

use super::activation::relu;
use super::factor::{Factor, whole_lines};
use super::product::{Apart, Finish, products_at};
use super::row::{Rows, row_product};
use super::tasks::{each, threads, unwritten};
use super::transpose::transpose;

/// Numbers of each factor that a block has, about: a quarter of a second-level cache of 1 MiB, half of one of 512 KiB.
const BLOCK: usize = 64 << 10;

/// A matrix whose element `(r, c)` lies at `r * row + c * column`; one of the two is 1.
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

    /// The rows from `row` and the columns from `column` on.
    fn from(self, row: usize, column: usize) -> Self {
        Self { values: &self.values[row * self.row + column * self.column..], ..self }
    }

    /// Columns of `rows` rows as a right factor that is met by `uses` rows.
    fn factor(self, rows: usize, columns: Range<usize>, uses: usize) -> Factor<'a> {
        let Self { values, row, column } = self.from(0, columns.start);
        let shape = [rows, columns.len()];
        if column == 1 {
            Factor::new(values, row, shape, uses)
        } else {
            Factor::transposed(values, column, shape)
        }
    }
}

/// `c = a b`, finished, for `a [m, k]`, `b [k, n]`, `c [m, n]` whose rows begin `stride` apart and a bias `[n]`.
pub(super) fn gemm(
    [m, n, k]: [usize; 3],
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    stride: usize,
    finish: Finish<'_>,
) {
    if m == 0 || n == 0 {
        return;
    }
    assert!(n <= stride && (m - 1) * stride + n <= c.len());
    assert!(k == 0 || (m - 1) * a.row + (k - 1) * a.column < a.values.len());
    assert!(k == 0 || (k - 1) * b.row + (n - 1) * b.column < b.values.len());
    if m == 1 && a.column == 1 && b.column == 1 {
        return one_row(&a.values[..k], Rows { values: b.values, stride: b.row }, &mut c[..n], finish);
    }
    if b.column != 1 && finish.is_none() && m * (n + k) < n * k {
        // Less has to be transposed this way.
        let mut transposed = unwritten(n * m);
        gemm([n, m, k], b.t(), a.t(), &mut transposed, m, finish);
        return transpose(&transposed, m, [n, m], c, stride);
    }
    let bias = finish.bias.map(whole_lines);
    let out = Output(c.as_mut_ptr());
    let width = (BLOCK / k.max(1)).next_multiple_of(64);
    let height = (BLOCK / k.max(1)).next_multiple_of(60);
    let steps = Apart { count: k, stride: a.column };
    let product = |rows: Range<usize>, columns: Range<usize>| {
        let out = &out;
        for columns in blocks(columns, width) {
            let factor = b.factor(k, columns.clone(), rows.len());
            let finish = Finish { bias: bias.as_ref().map(|bias| &bias[columns.start..]), ..finish };
            for block in blocks(rows.clone(), height) {
                let (left, rows) = (a.from(block.start, 0), Apart { count: block.len(), stride: a.row });
                // SAFETY: the assertions bound every element of `c`, which is borrowed exclusively and of which parts do not
                // overlap.
                unsafe {
                    let out = (out.0.add(block.start * stride + columns.start), stride);
                    products_at(left.values, &factor, out, rows, steps, finish);
                }
            }
        }
    };
    let by_rows = m >= n;
    // At least so many rows or columns for a thread, and a multiple of those of a tile.
    let (len, least, tile) = if by_rows { (m, 30, 10) } else { (n, 64, 16) };
    let cost = m * n * k;
    match (len / least).min(threads(cost)) {
        0 | 1 => product(0..m, 0..n),
        parts => {
            let bound = |part: usize| if part == parts { len } else { len * part / parts / tile * tile };
            each((0..parts).map(|part| bound(part)..bound(part + 1)).collect(), cost, |_, part| {
                if by_rows { product(part, 0..n) } else { product(0..m, part) }
            });
        }
    }
}

/// A product of one row, too small to pack for.
fn one_row(x: &[f32], matrix: Rows<'_>, y: &mut [f32], finish: Finish<'_>) {
    if let Some(bias) = finish.bias {
        y.copy_from_slice(bias);
    }
    row_product(x, matrix, y, finish.add || finish.bias.is_some());
    if finish.relu {
        relu(y);
    }
}

/// The range in pieces of `len`, the last of which may be shorter.
pub(super) fn blocks(range: Range<usize>, len: usize) -> impl Iterator<Item = Range<usize>> {
    range.clone().step_by(len).map(move |start| start..(start + len).min(range.end))
}

/// Where a product goes, shared by threads that write different parts of it.
struct Output(*mut f32);

// SAFETY: see where it is made.
unsafe impl Sync for Output {}

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
