//! A row times a matrix: what a model of one sample is made of, and too small to pack for.

use crate::lanes::{Kernel, Lanes};

/// Rows of numbers that begin `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
}

/// `y = x matrix`, or `y += x matrix`, for one row.
pub(super) fn row_product(x: &[f32], matrix: Rows<'_>, y: &mut [f32], add: bool) {
    if x.is_empty() || y.is_empty() {
        if !add {
            y.fill(0.0);
        }
        return;
    }
    assert!((x.len() - 1) * matrix.stride + y.len() <= matrix.values.len());
    // SAFETY: the assertion bounds what is read.
    unsafe { Job { x, matrix, y, add }.run_widest() }
}

struct Job<'a> {
    x: &'a [f32],
    matrix: Rows<'a>,
    y: &'a mut [f32],
    add: bool,
}

impl Kernel for Job<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { x, matrix, y, add } = self;
        let mut column = 0;
        while column < y.len() {
            unsafe {
                // Wide panels read long pieces of each row.
                if column + 8 * L::LEN <= y.len() && L::REGISTERS > 8 {
                    row_panel::<L, 8>(x, matrix, &mut y[column..], column, add);
                    column += 8 * L::LEN;
                } else if column + 4 * L::LEN <= y.len() {
                    row_panel::<L, 4>(x, matrix, &mut y[column..], column, add);
                    column += 4 * L::LEN;
                } else {
                    row_panel::<L, 1>(x, matrix, &mut y[column..], column, add);
                    column += L::LEN;
                }
            }
        }
    }
}

/// The columns from `column` on, `V` vectors of them, the last of which may be cut off.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
unsafe fn row_panel<L: Lanes, const V: usize>(
    x: &[f32],
    matrix: Rows<'_>,
    y: &mut [f32],
    column: usize,
    add: bool,
) {
    unsafe {
        let len = y.len().min(V * L::LEN);
        let whole = len == V * L::LEN;
        let mut sums = [L::zero(); V];
        let part = |v: usize| len - v * L::LEN;
        if add {
            for v in 0..V {
                let at = y.as_ptr().add(v * L::LEN);
                sums[v] = if whole { L::load(at) } else { L::load_part(at, part(v)) };
            }
        }
        for k in 0..x.len() {
            let number = L::splat(x.as_ptr().add(k));
            let start = k * matrix.stride + column;
            // Behind a row that is cut off lies the next one, but for the last rows.
            let readable = whole || start + V * L::LEN <= matrix.values.len();
            for v in 0..V {
                let at = matrix.values.as_ptr().add(start + v * L::LEN);
                let vector = if readable { L::load(at) } else { L::load_part(at, part(v)) };
                sums[v] = number.multiply_add(vector, sums[v]);
            }
        }
        for v in 0..V {
            let at = y.as_mut_ptr().add(v * L::LEN);
            if whole { sums[v].store(at) } else { sums[v].store_part(at, part(v)) }
        }
    }
}
