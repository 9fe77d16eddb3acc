//! Products with a matrix that is packed once and used many times: a recurrent kernel, at each time step.
//!
//! The right factor lies in panels of 16 columns, `[panel][row][16]`, so that a step of the sum reads one cache line.
//! `R` rows times `V` vectors of the output stay in registers (8 x 3 of AVX-512's 32, 6 x 2 of AVX2's 16); the last rows
//! go 4, 2 and 1 at a time, because the rows of a batch of sequences end one after the other. Deep factors go 256 rows at
//! a time, so that a block (48 KiB of AVX-512's three panels, 16 of AVX2's one) stays near for all rows of the output. Each
//! sum runs over the rows of the factor in order, whatever block it is in.

use std::ops::Range;
use std::sync::atomic::{Ordering, compiler_fence};

use super::tasks::{MOVE, each, unwritten};
use crate::lanes::{Kernel, Lanes};

/// Columns of a panel.
pub(super) const PANEL: usize = 16;

/// Rows of the right factor that are multiplied at a time.
const BLOCK: usize = 256;

/// Steps of a sum between two jumps.
const UNROLLED: usize = 4;

/// A left factor whose element `(r, k)` lies at `r * row + k * step`.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) values: &'a [f32],
    pub(super) row: usize,
    pub(super) step: usize,
}

impl<'a> Left<'a> {
    /// Rows that begin `stride` elements apart.
    pub(super) fn rows(values: &'a [f32], stride: usize) -> Self {
        Self { values, row: stride, step: 1 }
    }

    /// Columns of rows that begin `stride` elements apart, as rows.
    pub(super) fn columns(values: &'a [f32], stride: usize) -> Self {
        Self { values, row: 1, step: stride }
    }
}

/// Where a product goes: rows that begin `row` elements apart, in panels of 16 columns that begin `panel` apart.
pub(super) struct Out<'a> {
    values: &'a mut [f32],
    row: usize,
    panel: usize,
}

impl<'a> Out<'a> {
    /// Rows that begin `stride` elements apart.
    pub(super) fn rows(values: &'a mut [f32], stride: usize) -> Self {
        Self { values, row: stride, panel: PANEL }
    }

    /// `[panel][row][16]`: sums that are added to many times lie close together.
    pub(super) fn panels(values: &'a mut [f32], rows: usize) -> Self {
        Self { values, row: PANEL, panel: rows * PANEL }
    }
}

/// What the sums of a product begin with.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    Zero,
    /// What is where the product goes.
    Accumulate,
    /// A number a column, the same for each row.
    Bias(&'a [f32]),
}

/// A packed right factor.
pub(super) struct Panels {
    values: Vec<f32>,
    depth: usize,
    columns: usize,
}

impl Panels {
    /// Packs a matrix of `depth` rows and `columns` columns, a multiple of 16: `fill` writes the rows of the panel that begins at
    /// the column it is given.
    pub(super) fn pack(
        depth: usize,
        columns: usize,
        fill: impl Fn(usize, &mut [[f32; PANEL]]) + Sync,
    ) -> Self {
        assert_eq!(columns % PANEL, 0);
        let mut values = unwritten(depth * columns);
        let panels = values.chunks_exact_mut(depth.max(1) * PANEL).collect();
        each(panels, depth * columns * MOVE, |panel, rows: &mut [f32]| {
            fill(panel * PANEL, rows.as_chunks_mut().0);
        });
        Self { values, depth, columns }
    }

    /// None yet: [`Self::repack`] fills them.
    pub(super) fn empty() -> Self {
        Self { values: vec![], depth: 0, columns: 0 }
    }

    /// Packs rows of numbers, in the memory that is there.
    pub(super) fn repack(&mut self, rows: &[f32], columns: usize) {
        self.columns = columns;
        self.depth = rows.len() / columns;
        if self.values.len() != rows.len() {
            self.values = unwritten(rows.len());
        }
        for (panel, out) in self.values.chunks_exact_mut(self.depth.max(1) * PANEL).enumerate() {
            for (out, row) in out.chunks_exact_mut(PANEL).zip(rows.chunks_exact(columns)) {
                out.copy_from_slice(&row[panel * PANEL..][..PANEL]);
            }
        }
    }

    /// `out = start + left self` for `rows` rows.
    pub(super) fn multiply(&self, left: Left<'_>, rows: usize, out: Out<'_>, start: Start<'_>) {
        self.multiply_part(0..self.depth, 0..self.columns, left, rows, out, start);
    }

    /// [`Self::multiply`] by these rows and columns alone; the columns are whole panels.
    pub(super) fn multiply_part(
        &self,
        steps: Range<usize>,
        columns: Range<usize>,
        left: Left<'_>,
        rows: usize,
        out: Out<'_>,
        start: Start<'_>,
    ) {
        if rows == 0 || columns.is_empty() {
            return;
        }
        assert!(columns.start.is_multiple_of(PANEL) && columns.end.is_multiple_of(PANEL));
        assert!(columns.end <= self.columns && steps.start <= steps.end && steps.end <= self.depth);
        let last = (rows - 1) * out.row + (columns.len() / PANEL - 1) * out.panel;
        assert!(last + PANEL <= out.values.len());
        if let Start::Bias(bias) = start {
            assert_eq!(bias.len(), columns.len());
        }
        assert!(steps.is_empty() || (rows - 1) * left.row + (steps.end - 1) * left.step < left.values.len());
        let Out { values, row, panel } = out;
        let job =
            Job { panels: self, steps, columns, left, rows, out: values.as_mut_ptr(), row, panel, start };
        // SAFETY: the assertions bound every element that the job touches.
        unsafe { job.run_widest() }
    }
}

struct Job<'a> {
    panels: &'a Panels,
    steps: Range<usize>,
    columns: Range<usize>,
    left: Left<'a>,
    rows: usize,
    out: *mut f32,
    row: usize,
    panel: usize,
    start: Start<'a>,
}

impl Kernel for Job<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let mut column = self.columns.start;
        while column < self.columns.end {
            let panels = (self.columns.end - column) / PANEL;
            unsafe {
                column += match panels {
                    1 if L::LEN == PANEL => self.rows::<L, 1>(column),
                    // Never a panel alone at the end: 4 are 2 and 2.
                    3 | 5.. if L::LEN == PANEL && L::REGISTERS == 32 => self.rows::<L, 3>(column),
                    _ => self.rows::<L, 2>(column),
                };
            }
        }
    }
}

impl Job<'_> {
    /// `V` vectors of the output; returns how many columns they are.
    #[inline(always)]
    unsafe fn rows<L: Lanes, const V: usize>(&self, column: usize) -> usize {
        let mut start = self.steps.start;
        loop {
            let end = (start + BLOCK).min(self.steps.end);
            let (mut row, steps) = (0, start..end);
            unsafe {
                if L::REGISTERS == 32 {
                    row = self.tiles::<L, 8, V>(column, row, &steps);
                }
                if L::REGISTERS == 16 {
                    row = self.tiles::<L, 6, V>(column, row, &steps);
                }
                if L::REGISTERS >= 16 {
                    row = self.tiles::<L, 4, V>(column, row, &steps);
                }
                row = self.tiles::<L, 2, V>(column, row, &steps);
                self.tiles::<L, 1, V>(column, row, &steps);
            }
            start = end;
            if start == self.steps.end {
                return V * L::LEN;
            }
        }
    }

    /// As many tiles of `R` rows as are left from `row` on; returns the next row.
    #[inline(always)]
    unsafe fn tiles<L: Lanes, const R: usize, const V: usize>(
        &self,
        column: usize,
        mut row: usize,
        steps: &Range<usize>,
    ) -> usize {
        while row + R <= self.rows {
            unsafe { self.tile::<L, R, V>(column, row, steps) };
            row += R;
        }
        row
    }

    // Plain loops over constant bounds are what the compiler unrolls into registers.
    #[allow(clippy::needless_range_loop)]
    #[inline(always)]
    unsafe fn tile<L: Lanes, const R: usize, const V: usize>(
        &self,
        column: usize,
        row: usize,
        steps: &Range<usize>,
    ) {
        unsafe {
            let depth = self.panels.depth;
            let out = self.out.add(row * self.row + (column - self.columns.start) / PANEL * self.panel);
            let place = |r: usize, v: usize| {
                let at = v * L::LEN;
                out.add(r * self.row + at / PANEL * self.panel + at % PANEL)
            };
            let mut sums = [[L::zero(); V]; R];
            match self.start {
                Start::Zero if steps.start == self.steps.start => {}
                Start::Bias(bias) if steps.start == self.steps.start => {
                    for v in 0..V {
                        let number = L::load(bias.as_ptr().add(column - self.columns.start + v * L::LEN));
                        for r in 0..R {
                            sums[r][v] = number;
                        }
                    }
                }
                _ => {
                    for r in 0..R {
                        for v in 0..V {
                            sums[r][v] = L::load(place(r, v));
                        }
                    }
                }
            }
            // Where there is no step these may point outside, and are not read.
            let left = self.left.values.as_ptr();
            let left = left.wrapping_add(row * self.left.row + steps.start * self.left.step);
            let panel = self.panels.values.as_ptr().wrapping_add(column * depth + steps.start * PANEL);
            let mut at = Step { lefts: [left; 3], panel };
            for third in 0..3 {
                at.lefts[third] = apart(left.wrapping_add(3 * third * self.left.row));
            }
            for _ in 0..steps.len() / UNROLLED {
                self.add_steps::<L, R, V, UNROLLED>(&mut sums, &mut at);
            }
            for _ in 0..steps.len() % UNROLLED {
                self.add_steps::<L, R, V, 1>(&mut sums, &mut at);
            }
            for r in 0..R {
                for v in 0..V {
                    sums[r][v].store(place(r, v));
                }
            }
        }
    }

    /// Adds the next `U` steps to the sums of a tile.
    #[allow(clippy::needless_range_loop)]
    #[inline(always)]
    unsafe fn add_steps<L: Lanes, const R: usize, const V: usize, const U: usize>(
        &self,
        sums: &mut [[L; V]; R],
        at: &mut Step,
    ) {
        unsafe {
            for step in 0..U {
                let mut vectors = [L::zero(); V];
                for v in 0..V {
                    let lane = v * L::LEN;
                    let from = lane / PANEL * self.panels.depth * PANEL + lane % PANEL;
                    vectors[v] = L::load(at.panel.add(step * PANEL + from));
                }
                for r in 0..R {
                    if L::REGISTERS == 16 {
                        // Each number is loaded when it is needed: all of them at once would take more registers.
                        compiler_fence(Ordering::SeqCst);
                    }
                    let number = L::splat(at.lefts[r / 3].add(r % 3 * self.left.row));
                    for v in 0..V {
                        sums[r][v] = number.multiply_add(vectors[v], sums[r][v]);
                    }
                }
                // Behind the last step these point outside, and are not read.
                for third in 0..R.div_ceil(3) {
                    at.lefts[third] = apart(at.lefts[third].wrapping_add(self.left.step));
                }
            }
            at.panel = at.panel.wrapping_add(U * PANEL);
        }
    }
}

/// Where the next step of a tile reads: the left factor from every third row on, and the panel.
struct Step {
    lefts: [*const f32; 3],
    panel: *const f32,
}

/// The same pointer, but the compiler does not know that: it would compute a row's place from that of the row before it,
/// by an instruction a row, instead of leaving it to the addressing of the load.
#[allow(clippy::pointers_in_nomem_asm_block, reason = "nothing is read or written")]
#[inline(always)]
fn apart(pointer: *const f32) -> *const f32 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        let mut pointer = pointer;
        // SAFETY: there is no instruction.
        unsafe {
            std::arch::asm!("/* {} */", inout(reg) pointer, options(pure, nomem, nostack, preserves_flags))
        };
        pointer
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_plain_loops() {
        let numbers: Vec<f32> = (0..80).map(|at| at as f32 / 4.0).collect();
        let (zero, there) = (Start::Zero, Start::Accumulate);
        let bias = |columns: usize| Start::Bias(&numbers[..columns]);
        for (rows, depth, columns, start) in [
            (1, 1, 16, zero),
            (3, 5, 48, there),
            (15, 7, 32, zero),
            (22, 9, 80, there),
            (5, 300, 32, zero),
            (23, 9, 80, bias(80)),
            (7, 300, 48, bias(48)),
            (9, 300, 112, there),
            (2, 0, 16, bias(16)),
        ] {
            let value = |at: usize| ((at * 7 % 13) as f32 - 6.0) / 8.0;
            let right = |k: usize, column: usize| value(k * columns + column + 3);
            let panels = Panels::pack(depth, columns, |from, rows| {
                for (k, row) in rows.iter_mut().enumerate() {
                    *row = std::array::from_fn(|at| right(k, from + at));
                }
            });
            let left: Vec<f32> = (0..rows * depth).map(value).collect();
            let before: Vec<f32> = (0..rows * columns).map(|at| value(at + 1)).collect();
            let mut wanted = match start {
                Start::Zero => vec![0.0; before.len()],
                Start::Accumulate => before.clone(),
                Start::Bias(bias) => bias.repeat(rows),
            };
            for (at, wanted) in wanted.iter_mut().enumerate() {
                let (row, column) = (at / columns, at % columns);
                *wanted += (0..depth).map(|k| left[row * depth + k] * right(k, column)).sum::<f32>();
            }
            let mut found = before.clone();
            panels.multiply(Left::rows(&left, depth), rows, Out::rows(&mut found, columns), start);
            assert_eq!(found, wanted, "{rows} x {depth} x {columns}");
            // The columns behind the first panel alone, in rows as wide as all of them.
            let mut found = before.clone();
            let behind = match start {
                Start::Bias(bias) => Start::Bias(&bias[PANEL..]),
                start => start,
            };
            let out = Out::rows(&mut found[PANEL.min(columns - PANEL)..], columns);
            panels.multiply_part(0..depth, PANEL..columns, Left::rows(&left, depth), rows, out, behind);
            for (at, (found, (before, wanted))) in found.iter().zip(before.iter().zip(&wanted)).enumerate() {
                assert_eq!(found, if at % columns < PANEL { before } else { wanted }, "columns from 16 on");
            }
            // The rows of the factor in two parts.
            for cut in [depth / 3, depth] {
                let mut found = before.clone();
                for (steps, start) in [(0..cut, start), (cut..depth, Start::Accumulate)] {
                    let out = Out::rows(&mut found, columns);
                    panels.multiply_part(steps, 0..columns, Left::rows(&left, depth), rows, out, start);
                }
                assert_eq!(found, wanted, "{rows} x {depth} x {columns}, cut at {cut}");
            }
            let transposed: Vec<f32> =
                (0..left.len()).map(|at| left[at % rows * depth + at / rows]).collect();
            let mut found = before.clone();
            panels.multiply(Left::columns(&transposed, rows), rows, Out::rows(&mut found, columns), start);
            assert_eq!(found, wanted, "{rows} x {depth} x {columns}, left factor transposed");
            let panelled = |values: &[f32]| -> Vec<f32> {
                let place =
                    |at: usize| at / PANEL % rows * columns + at / (rows * PANEL) * PANEL + at % PANEL;
                (0..values.len()).map(|at| values[place(at)]).collect()
            };
            let mut found = panelled(&before);
            panels.multiply(Left::rows(&left, depth), rows, Out::panels(&mut found, rows), start);
            assert_eq!(found, panelled(&wanted), "{rows} x {depth} x {columns}, in panels");
        }
    }
}
