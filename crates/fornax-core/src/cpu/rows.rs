//! Rows of two tables that examples change, one after the other or, with Hogwild (Niu et al. 2011), several at once.
//!
//! With several threads the numbers of rows are read and changed by relaxed atomic operations, a vector of them at a time: no
//! race is undefined, a change may be lost.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use super::host::{Host, HostTensor};
use crate::DynTensor;
use crate::lanes::Lanes;

/// Widths are multiples of this: whole vectors and whole cache lines.
pub(super) const WIDTH: usize = 16;

/// Examples that a thread takes at a time.
const TAKEN: usize = 64;

/// What examples do to the tables of inputs and outputs.
pub(super) trait Pass: Sync {
    /// Memory of a thread.
    type Scratch;

    fn scratch(&self) -> Self::Scratch;

    /// Takes the examples of a range and returns their loss.
    ///
    /// # Safety
    /// The tables hold every row of the examples.
    unsafe fn run<R: Rows>(&self, tables: [R; 2], range: Range<usize>, scratch: &mut Self::Scratch) -> f64;
}

/// The tables after so many examples, and the loss of all of them.
///
/// # Safety
/// The tables `[rows, width]` hold every row of the examples.
pub(super) unsafe fn over_examples<B: Host, P: Pass>(
    pass: &P,
    tables: [DynTensor<B>; 2],
    examples: usize,
    hogwild: bool,
) -> ([DynTensor<B>; 2], f64) {
    let mut tables = tables.map(DynTensor::standard);
    let width = tables[0].shape()[1];
    let threads = if hogwild { rayon::current_num_threads() } else { 1 };
    let [input, output] = &mut tables;
    let tables_mut = [input.floats_mut(), output.floats_mut()];
    let loss = if threads.min(examples.div_ceil(TAKEN)) <= 1 {
        let tables = tables_mut.map(|table| Own { at: table.as_mut_ptr(), width });
        // SAFETY: the caller's; the tables are borrowed.
        unsafe { pass.run(tables, 0..examples, &mut pass.scratch()) }
    } else {
        let tables = tables_mut.map(|table| Shared { numbers: as_numbers(table), width });
        let next = AtomicUsize::new(0);
        let losses = rayon::broadcast(|_| {
            let (mut loss, mut scratch) = (0.0, pass.scratch());
            loop {
                let start = next.fetch_add(TAKEN, Relaxed);
                if start >= examples {
                    return loss;
                }
                let range = start..(start + TAKEN).min(examples);
                // SAFETY: as above, and the numbers of the tables are atomic.
                loss += unsafe { pass.run(tables, range, &mut scratch) };
            }
        });
        losses.into_iter().sum()
    };
    (tables, loss)
}

/// The rows of a table.
pub(super) trait Rows: Copy + Send + Sync {
    /// Where the row's numbers can be read: in the table, or copied to `scratch`.
    unsafe fn read<L: Lanes>(self, row: u32, scratch: *mut f32) -> *const f32;

    /// A vector of the row's numbers from `column` on.
    unsafe fn load<L: Lanes>(self, row: u32, column: usize) -> L;

    /// Adds a vector to the row's numbers from `column` on.
    unsafe fn add<L: Lanes>(self, row: u32, column: usize, delta: L);

    fn place(self, row: u32) -> *const f32;
}

/// A table that no other thread uses.
#[derive(Clone, Copy)]
pub(super) struct Own {
    at: *mut f32,
    width: usize,
}

// SAFETY: the table is borrowed mutably as long as this is used, by one thread alone.
unsafe impl Send for Own {}
unsafe impl Sync for Own {}

impl Rows for Own {
    #[inline(always)]
    unsafe fn read<L: Lanes>(self, row: u32, _: *mut f32) -> *const f32 {
        self.place(row)
    }

    #[inline(always)]
    unsafe fn load<L: Lanes>(self, row: u32, column: usize) -> L {
        unsafe { L::load(self.place(row).add(column)) }
    }

    #[inline(always)]
    unsafe fn add<L: Lanes>(self, row: u32, column: usize, delta: L) {
        unsafe {
            let at = self.at.add(row as usize * self.width + column);
            delta.add(L::load(at)).store(at);
        }
    }

    #[inline(always)]
    fn place(self, row: u32) -> *const f32 {
        self.at.wrapping_add(row as usize * self.width)
    }
}

/// A table that several threads change.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    numbers: &'a [AtomicU32],
    width: usize,
}

impl Shared<'_> {
    #[inline(always)]
    fn row(self, row: u32) -> *mut f32 {
        self.numbers[row as usize * self.width..][..self.width].as_ptr().cast::<f32>().cast_mut()
    }
}

impl Rows for Shared<'_> {
    #[inline(always)]
    unsafe fn read<L: Lanes>(self, row: u32, scratch: *mut f32) -> *const f32 {
        let at = self.row(row);
        for column in (0..self.width).step_by(L::LEN) {
            unsafe { L::load_shared(at.add(column)).store(scratch.add(column)) };
        }
        scratch
    }

    #[inline(always)]
    unsafe fn load<L: Lanes>(self, row: u32, column: usize) -> L {
        unsafe { L::load_shared(self.row(row).add(column)) }
    }

    #[inline(always)]
    unsafe fn add<L: Lanes>(self, row: u32, column: usize, delta: L) {
        unsafe {
            let at = self.row(row).add(column);
            delta.add(L::load_shared(at)).store_shared(at);
        }
    }

    #[inline(always)]
    fn place(self, row: u32) -> *const f32 {
        self.numbers.as_ptr().cast::<f32>().wrapping_add(row as usize * self.width)
    }
}

/// Numbers that several threads may change.
fn as_numbers(table: &mut [f32]) -> &[AtomicU32] {
    // SAFETY: an atomic number has the size and alignment of a plain one and any bits; the borrow lasts as long.
    unsafe { std::slice::from_raw_parts(table.as_mut_ptr().cast(), table.len()) }
}

/// The mean of rows, in `x` unless there is one alone.
#[inline(always)]
pub(super) unsafe fn mean<L: Lanes, R: Rows>(
    table: R,
    rows: &[u32],
    width: usize,
    x: *mut f32,
) -> *const f32 {
    unsafe {
        if let [one] = rows {
            return table.read::<L>(*one, x);
        }
        let share = 1.0 / rows.len() as f32;
        let mut column = 0;
        while column + 4 * L::LEN <= width {
            mean_of_columns::<L, R, 4>(table, rows, column, share, x);
            column += 4 * L::LEN;
        }
        while column < width {
            mean_of_columns::<L, R, 1>(table, rows, column, share, x);
            column += L::LEN;
        }
        x
    }
}

/// `N` vectors from `column` on of the sum of rows, times `share`.
#[inline(always)]
unsafe fn mean_of_columns<L: Lanes, R: Rows, const N: usize>(
    table: R,
    rows: &[u32],
    column: usize,
    share: f32,
    x: *mut f32,
) {
    unsafe {
        let mut sums = [L::zero(); N];
        for &row in rows {
            for (at, sum) in sums.iter_mut().enumerate() {
                *sum = table.load::<L>(row, column + at * L::LEN).add(*sum);
            }
        }
        for (at, sum) in sums.into_iter().enumerate() {
            let to = x.add(column + at * L::LEN);
            L::splat(&share).multiply_add(sum, L::zero()).store(to);
        }
    }
}

/// Copies a row, unless it is where it should be.
#[inline(always)]
pub(super) unsafe fn copy<L: Lanes>(from: *const f32, to: *mut f32, width: usize) {
    if from == to.cast_const() {
        return;
    }
    for column in (0..width).step_by(L::LEN) {
        unsafe { L::load(from.add(column)).store(to.add(column)) };
    }
}
