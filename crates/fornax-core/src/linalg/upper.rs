//! Symmetric matrices `[n, n]` of which the upper half counts, `n` a multiple of 16: sums of outer products, the Cholesky
//! factorization, and solving with it.
//!
//! Sums run over the rows of a panel while a tile of the matrix stays in registers: 8 rows of two vectors of AVX-512, 4 rows of
//! two vectors elsewhere. A tile lies on whole vectors, so that what lies left of the diagonal is overwritten, too. The
//! factorization is the same sum over the rows of the factor above (left-looking), and what a block of rows needs of its own
//! diagonal is done in the same registers.

// Plain loops over constant bounds are what the compiler unrolls into registers.
#![allow(clippy::needless_range_loop)]

use crate::lanes::{Kernel, Lanes};
use crate::math::{madd, sum_of_lanes};

/// Columns come in so many.
const COLUMNS: usize = 16;

/// The most rows of a tile.
const ROWS: usize = 8;

/// The upper half of `out [n, n] += PᵀP` for a panel `P [lines, n]`.
///
/// # Panics
/// If the lengths do not fit.
pub(super) fn add_gram(panel: &[f32], n: usize, out: &mut [f32]) {
    assert!(n > 0 && n.is_multiple_of(COLUMNS) && panel.len().is_multiple_of(n) && out.len() == n * n);
    // SAFETY: the assertion bounds panel and matrix.
    unsafe {
        AddGram { panel: panel.as_ptr(), lines: panel.len() / n, n, out: out.as_mut_ptr() }.run_widest()
    }
}

/// `A = UᵀU` in place, and `1 / U_ii` to `inverses`; false if the matrix is not positive definite.
///
/// # Panics
/// If the lengths do not fit.
pub(super) fn factor(a: &mut [f32], inverses: &mut [f32]) -> bool {
    let n = inverses.len();
    assert!(n.is_multiple_of(COLUMNS) && a.len() == n * n);
    let mut is_definite = true;
    // SAFETY: the assertion bounds the matrix.
    unsafe { Factor { a: a.as_mut_ptr(), n, inverses, is_definite: &mut is_definite }.run_widest() };
    is_definite
}

struct AddGram {
    panel: *const f32,
    lines: usize,
    n: usize,
    out: *mut f32,
}

impl Kernel for AddGram {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe { if L::REGISTERS == 32 { self.rows::<L, ROWS>() } else { self.rows::<L, 4>() } }
    }
}

impl AddGram {
    #[inline(always)]
    unsafe fn rows<L: Lanes, const R: usize>(self) {
        for row in (0..self.n).step_by(R) {
            let mut column = row / COLUMNS * COLUMNS;
            while column < self.n {
                unsafe {
                    match L::LEN == COLUMNS && column + COLUMNS == self.n {
                        true => self.add::<L, R, 1>(row, column),
                        false => self.add::<L, R, 2>(row, column),
                    }
                }
                column += 2 * L::LEN;
            }
        }
    }

    #[inline(always)]
    unsafe fn add<L: Lanes, const R: usize, const V: usize>(&self, row: usize, column: usize) {
        unsafe {
            let sums = tile::<L, R, V>(self.panel, self.lines, self.n, row, column);
            for r in 0..R {
                for v in 0..V {
                    let out = self.out.add((row + r) * self.n + column + v * L::LEN);
                    L::load(out).add(sums[r][v]).store(out);
                }
            }
        }
    }
}

/// `R` rows and `V` vectors of `PᵀP` from `row` and `column` on, for a panel `P [lines, n]`.
#[inline(always)]
unsafe fn tile<L: Lanes, const R: usize, const V: usize>(
    panel: *const f32,
    lines: usize,
    n: usize,
    row: usize,
    column: usize,
) -> [[L; V]; R] {
    unsafe {
        let mut sums = [[L::zero(); V]; R];
        let mut line = panel;
        for _ in 0..lines {
            let mut vectors = [L::zero(); V];
            for v in 0..V {
                vectors[v] = L::load(line.add(column + v * L::LEN));
            }
            for r in 0..R {
                let number = L::splat(line.add(row + r));
                for v in 0..V {
                    sums[r][v] = number.multiply_add(vectors[v], sums[r][v]);
                }
            }
            line = line.wrapping_add(n);
        }
        sums
    }
}

struct Factor<'a> {
    a: *mut f32,
    n: usize,
    inverses: &'a mut [f32],
    is_definite: &'a mut bool,
}

impl Kernel for Factor<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe { if L::LEN == COLUMNS { self.blocks::<L, ROWS, 1>() } else { self.blocks::<L, 4, 2>() } }
    }
}

impl Factor<'_> {
    /// Blocks of `R` rows; 16 columns are `V` vectors.
    #[inline(always)]
    unsafe fn blocks<L: Lanes, const R: usize, const V: usize>(self) {
        let (a, n) = (self.a, self.n);
        for start in (0..n).step_by(R) {
            let first = start / COLUMNS * COLUMNS;
            unsafe {
                let sums = tile::<L, R, V>(a, start, n, start, first);
                for r in 0..R {
                    for v in 0..V {
                        let at = a.add((start + r) * n + first + v * L::LEN);
                        L::load(at).subtract(sums[r][v]).store(at);
                    }
                }
                let diagonal =
                    std::array::from_fn(|r| std::array::from_fn(|c| *a.add((start + r) * n + start + c)));
                let Some(diagonal) = Diagonal::<R>::new(diagonal) else {
                    *self.is_definite = false;
                    return;
                };
                self.inverses[start..start + R].copy_from_slice(&diagonal.roots);
                self.finish::<L, R, V>(&diagonal, start, first, false);
                let mut column = first + COLUMNS;
                while column < n {
                    match L::LEN == COLUMNS && column + COLUMNS == n {
                        true => self.finish::<L, R, 1>(&diagonal, start, column, true),
                        false => self.finish::<L, R, 2>(&diagonal, start, column, true),
                    }
                    column += 2 * L::LEN;
                }
            }
        }
    }

    /// The rows of the factor in a tile of `A`, of which the products of the rows above are still to be taken.
    #[inline(always)]
    unsafe fn finish<L: Lanes, const R: usize, const V: usize>(
        &self,
        diagonal: &Diagonal<R>,
        start: usize,
        column: usize,
        is_new: bool,
    ) {
        unsafe {
            let place = |r: usize, v: usize| self.a.add((start + r) * self.n + column + v * L::LEN);
            let mut rows = tile::<L, R, V>(self.a, if is_new { start } else { 0 }, self.n, start, column);
            for r in 0..R {
                for v in 0..V {
                    rows[r][v] = L::load(place(r, v)).subtract(rows[r][v]);
                }
            }
            for pivot in 0..R {
                for r in pivot + 1..R {
                    let factor = L::splat(&diagonal.factors[pivot][r]);
                    for v in 0..V {
                        rows[r][v] = factor.multiply_add(rows[pivot][v], rows[r][v]);
                    }
                }
            }
            for r in 0..R {
                let root = L::splat(&diagonal.roots[r]);
                for v in 0..V {
                    root.multiply(rows[r][v]).store(place(r, v));
                }
            }
        }
    }
}

/// A block `L D Lᵀ` of the diagonal: no root is waited for between two pivots.
struct Diagonal<const R: usize> {
    /// `-L_rp` at `[p][r]`.
    factors: [[f32; R]; R],
    /// `1 / sqrt(D_pp)`.
    roots: [f32; R],
}

impl<const R: usize> Diagonal<R> {
    /// Of a block whose upper half counts; nothing if it is not positive definite.
    #[inline(always)]
    fn new(mut block: [[f32; R]; R]) -> Option<Self> {
        let mut factors = [[0.0; R]; R];
        let mut roots = [0.0; R];
        for pivot in 0..R {
            let inverse = 1.0 / block[pivot][pivot];
            roots[pivot] = block[pivot][pivot];
            for r in pivot + 1..R {
                let factor = -block[pivot][r] * inverse;
                factors[pivot][r] = factor;
                for c in r..R {
                    block[r][c] += factor * block[pivot][c];
                }
            }
        }
        // Not `<=`: NaN has to end here too.
        if !roots.iter().all(|&pivot| pivot > 0.0 && pivot < f32::INFINITY) {
            return None;
        }
        Some(Self { factors, roots: roots.map(|pivot| 1.0 / pivot.sqrt()) })
    }
}

simd_fn! {
    /// Solves `UᵀU x = b` in place, by blocks of 8 rows; `inverses` are `1 / U_ii`.
    fn solve(u: &[f32], inverses: &[f32], b: &mut [f32]) {
        let n = inverses.len();
        for start in (0..n).step_by(ROWS) {
            // Two lines at a time, so that sums do not wait for each other.
            let mut sums = [[0.0f32; ROWS]; 2];
            for (lines, known) in u.chunks_exact(2 * n).zip(b[..start].chunks_exact(2)) {
                for half in 0..2 {
                    let line = &lines[half * n + start..][..ROWS];
                    for lane in 0..ROWS {
                        sums[half][lane] = madd::<FMA>(known[half], line[lane], sums[half][lane]);
                    }
                }
            }
            let mut rest = [0.0f32; ROWS];
            for lane in 0..ROWS {
                rest[lane] = b[start + lane] - (sums[0][lane] + sums[1][lane]);
            }
            for pivot in 0..ROWS {
                let x = rest[pivot] * inverses[start + pivot];
                b[start + pivot] = x;
                let line = &u[(start + pivot) * n + start..][..ROWS];
                for lane in pivot + 1..ROWS {
                    rest[lane] = madd::<FMA>(-x, line[lane], rest[lane]);
                }
            }
        }
        for start in (0..n).step_by(ROWS).rev() {
            let end = start + ROWS;
            let mut rest = [0.0f32; ROWS];
            for row in 0..ROWS {
                let mut sums = [0.0f32; 8];
                let line = &u[(start + row) * n + end..(start + row + 1) * n];
                for (x, u) in b[end..].chunks_exact(8).zip(line.chunks_exact(8)) {
                    for lane in 0..8 {
                        sums[lane] = madd::<FMA>(x[lane], u[lane], sums[lane]);
                    }
                }
                rest[row] = b[start + row] - sum_of_lanes(sums);
            }
            for pivot in (0..ROWS).rev() {
                let x = rest[pivot] * inverses[start + pivot];
                b[start + pivot] = x;
                for row in 0..pivot {
                    rest[row] = madd::<FMA>(-x, u[(start + row) * n + start + pivot], rest[row]);
                }
            }
        }
    }
}
