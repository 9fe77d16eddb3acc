//! Products of matrices in slices, by the `gemm` crate.

use std::ops::Range;

/// The numbers that matrices hold.
pub trait Number: Copy + Send + Sync + PartialEq + std::ops::Mul<Output = Self> + Sealed + 'static {
    /// 0.
    const ZERO: Self;
}

impl Number for f32 {
    const ZERO: Self = 0.0;
}

impl Number for f64 {
    const ZERO: Self = 0.0;
}

use sealed::Sealed;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A matrix in a slice: element `(r, c)` lies at `r * row_stride + c * column_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    values: &'a [T],
    shape: [usize; 2],
    strides: [usize; 2],
}

impl<'a, T: Number> Matrix<'a, T> {
    /// A row-major matrix without gaps.
    ///
    /// # Panics
    /// If the slice is shorter.
    pub fn new(values: &'a [T], rows: usize, columns: usize) -> Self {
        Self::strided(values, rows, columns, columns)
    }

    /// A matrix whose rows begin `stride` elements apart.
    ///
    /// # Panics
    /// If rows overlap or the slice is too short for the last one.
    pub fn strided(values: &'a [T], rows: usize, columns: usize, stride: usize) -> Self {
        assert_rows(values.len(), rows, columns, stride);
        Self { values, shape: [rows, columns], strides: [stride, 1] }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        let ([rows, columns], [row, column]) = (self.shape, self.strides);
        Self { values: self.values, shape: [columns, rows], strides: [column, row] }
    }

    /// Rows and columns.
    pub fn shape(self) -> [usize; 2] {
        self.shape
    }
}

impl Matrix<'_, f32> {
    /// The matrix times a number, with rows `stride` numbers apart; what lies between them stays.
    ///
    /// # Panics
    /// If rows overlap or the slice is too short for the last one.
    pub fn scaled(self, scale: f32, out: &mut [f32], stride: usize) {
        // Squares of this side, so that a transpose finds the lines it needs in the cache.
        const SIDE: usize = 64;
        let [rows, columns] = self.shape;
        assert_rows(out.len(), rows, columns, stride);
        if columns == 0 {
            return;
        }
        let [row_stride, column_stride] = self.strides;
        if column_stride == 1 {
            for (row, to) in out.chunks_mut(stride).take(rows).enumerate() {
                let from = &self.values[row * row_stride..][..columns];
                to[..columns].iter_mut().zip(from).for_each(|(to, x)| *to = scale * x);
            }
            return;
        }
        for (first, out) in (0..rows).step_by(SIDE).zip(out.chunks_mut(SIDE * stride)) {
            for start in (0..columns).step_by(SIDE) {
                let end = columns.min(start + SIDE);
                for (row, to) in (first..rows).zip(out.chunks_mut(stride)) {
                    let from = self.values[row * row_stride + start * column_stride..].iter();
                    let to = to[start..end].iter_mut();
                    to.zip(from.step_by(column_stride)).for_each(|(to, x)| *to = scale * x);
                }
            }
        }
    }

    /// Some rows in `f64`, copied to `wide`, in the same layout without gaps.
    ///
    /// # Panics
    /// If there are no such rows.
    pub fn widened<'w>(self, rows: Range<usize>, wide: &'w mut Vec<f64>) -> Matrix<'w, f64> {
        let [count, columns] = self.shape;
        assert!(rows.end <= count, "rows {rows:?} of {count}");
        if columns == 0 {
            return Matrix::new(&[], rows.len(), 0);
        }
        let transposed = self.strides[1] > 1;
        // How many pieces, where the first begins, how long they are, how far apart.
        let (pieces, first, len, apart) = match transposed {
            true => (columns, rows.start, rows.len(), self.strides[1]),
            false => (rows.len(), rows.start * self.strides[0], columns, self.strides[0]),
        };
        wide.clear();
        for piece in 0..pieces {
            let start = first + piece * apart;
            wide.extend(self.values[start..start + len].iter().map(|&x| f64::from(x)));
        }
        let matrix = Matrix::new(wide, pieces, len);
        if transposed { matrix.t() } else { matrix }
    }
}

/// # Panics
/// If rows overlap or there are not enough numbers for the last one.
pub(super) fn assert_rows(len: usize, rows: usize, columns: usize, stride: usize) {
    let end = if rows == 0 || columns == 0 { Some(0) } else { end(rows, columns, stride) };
    assert!(
        columns <= stride && end.is_some_and(|end| end <= len),
        "{rows} x {columns} of stride {stride} in {len} numbers"
    );
}

fn end(rows: usize, columns: usize, stride: usize) -> Option<usize> {
    (rows - 1).checked_mul(stride)?.checked_add(columns)
}

/// What a product has to cost to be worth several threads, in multiply-adds.
const WORTH_THREADS: usize = 4 << 20;

/// `out = alpha a b + beta out`, for rows of `out` that begin `stride` elements apart; with a `beta` of 0 what was there does
/// not count, be it NaN.
///
/// Sums do not depend on the number of threads.
///
/// ```
/// use fornax_core::linalg::{Matrix, multiply};
///
/// let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0]);
/// let mut out = [1.0; 2];
/// multiply(1.0, Matrix::new(&a, 2, 2), Matrix::new(&b, 2, 1), -1.0, &mut out, 1);
/// assert_eq!(out, [16.0, 38.0]);
/// ```
///
/// # Panics
/// If the shapes do not fit or `out` is too short.
pub fn multiply<T: Number>(
    alpha: T,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    beta: T,
    out: &mut [T],
    stride: usize,
) {
    let ([m, k], [b_rows, n]) = (a.shape, b.shape);
    assert_eq!(k, b_rows, "the columns of {:?} meet the rows of {:?}", a.shape, b.shape);
    if m == 0 || n == 0 {
        return;
    }
    assert!(
        n <= stride && end(m, n, stride).is_some_and(|end| end <= out.len()),
        "a product of {m} x {n} of stride {stride} in {} numbers",
        out.len()
    );
    if k == 0 {
        for row in out.chunks_mut(stride).take(m) {
            row[..n].iter_mut().for_each(|x| *x = if beta == T::ZERO { T::ZERO } else { beta * *x });
        }
        return;
    }
    let threads = rayon::current_num_threads();
    let parallelism = match m.saturating_mul(n).saturating_mul(k) >= WORTH_THREADS && threads > 1 {
        true => gemm::Parallelism::Rayon(threads),
        false => gemm::Parallelism::None,
    };
    // SAFETY: `Matrix` holds what it says, the assertion above bounds `out`, which is borrowed exclusively.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride as isize,
            beta != T::ZERO,
            a.values.as_ptr(),
            a.strides[1] as isize,
            a.strides[0] as isize,
            b.values.as_ptr(),
            b.strides[1] as isize,
            b.strides[0] as isize,
            beta,
            alpha,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_any_layout_are_those_of_loops() {
        for [m, n, k] in [[1, 1, 1], [3, 5, 7], [17, 1, 9], [1, 20, 30], [40, 33, 0], [130, 90, 70]] {
            let values =
                |len: usize, seed: f64| (0..len).map(|at| (at as f64 * seed).sin()).collect::<Vec<_>>();
            let (a, b) = (values(m * (k + 2), 0.7), values(n * (k + 1), 1.3));
            let before = values(m * (n + 3), 0.4);
            let mut out = before.clone();
            let left = Matrix::strided(&a, m, k, k + 2);
            multiply(0.5, left, Matrix::strided(&b, n, k, k + 1).t(), -2.0, &mut out, n + 3);
            for (at, (&out, &before)) in out.iter().zip(&before).enumerate() {
                let (row, column) = (at / (n + 3), at % (n + 3));
                let wanted = if column < n {
                    let sum: f64 = (0..k).map(|t| a[row * (k + 2) + t] * b[column * (k + 1) + t]).sum();
                    0.5 * sum - 2.0 * before
                } else {
                    before
                };
                assert!((out - wanted).abs() < 1e-12, "{m} x {n} x {k} at {at}: {out}, wanted {wanted}");
            }
        }
        let mut unset = [f32::NAN; 2];
        multiply(1.0, Matrix::new(&[1.0], 1, 1), Matrix::new(&[2.0, 3.0], 1, 2), 0.0, &mut unset, 2);
        assert_eq!(unset, [2.0, 3.0]);
    }

    #[test]
    fn copies_of_any_layout_hold_the_same_numbers() {
        for [rows, columns] in [[0, 3], [3, 0], [1, 1], [1, 70], [70, 1], [63, 65], [130, 40]] {
            let stride = columns + 2;
            let values: Vec<f32> = (0..rows * stride).map(|at| at as f32).collect();
            let plain = Matrix::strided(&values, rows, columns, stride);
            for (matrix, transposed) in [(plain, false), (plain.t(), true)] {
                let [rows, columns] = matrix.shape();
                let number = |row: usize, column: usize| {
                    if transposed { values[column * stride + row] } else { values[row * stride + column] }
                };
                let apart = columns + 1;
                let mut out = vec![-1.0; (rows * apart).saturating_sub(1)];
                matrix.scaled(2.0, &mut out, apart);
                for (at, &out) in out.iter().enumerate() {
                    let (row, column) = (at / apart, at % apart);
                    assert_eq!(out, if column < columns { 2.0 * number(row, column) } else { -1.0 });
                }
                let (first, mut wide) = (rows / 3, vec![]);
                let piece = matrix.widened(first..rows, &mut wide);
                assert_eq!(piece.shape(), [rows - first, columns]);
                for (row, column) in
                    (first..rows).flat_map(|row| (0..columns).map(move |column| (row, column)))
                {
                    let [by_row, by_column] = piece.strides;
                    let found = piece.values[(row - first) * by_row + column * by_column];
                    assert_eq!(found, f64::from(number(row, column)));
                }
            }
        }
    }
}
