//! Rows of two tables that examples change, one after the other or, with Hogwild (Niu et al. 2011), several at once.
//!
//! With several threads rows are read and changed by relaxed atomic operations of two numbers each: no race is undefined, a
//! change may be lost.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::host::{Host, HostTensor};
use super::lanes::Lanes;
use crate::DynTensor;

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
        let tables = tables_mut.map(|table| Shared { pairs: as_pairs(table), width });
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
    unsafe fn read(self, row: u32, scratch: *mut f32) -> *const f32;

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
    unsafe fn read(self, row: u32, _: *mut f32) -> *const f32 {
        self.place(row)
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
    pairs: &'a [AtomicU64],
    width: usize,
}

impl Rows for Shared<'_> {
    #[inline(always)]
    unsafe fn read(self, row: u32, scratch: *mut f32) -> *const f32 {
        let pairs = &self.pairs[row as usize * self.width / 2..][..self.width / 2];
        for (at, pair) in pairs.iter().enumerate() {
            unsafe { scratch.cast::<u64>().add(at).write_unaligned(pair.load(Relaxed)) };
        }
        scratch
    }

    #[inline(always)]
    unsafe fn add<L: Lanes>(self, row: u32, column: usize, delta: L) {
        let mut deltas = [[0.0f32; 2]; WIDTH / 2];
        unsafe { delta.store(deltas.as_mut_ptr().cast()) };
        let pairs = &self.pairs[(row as usize * self.width + column) / 2..][..L::LEN / 2];
        for (pair, delta) in pairs.iter().zip(deltas) {
            pair.store(sum_of_pairs(pair.load(Relaxed), delta), Relaxed);
        }
    }

    #[inline(always)]
    fn place(self, row: u32) -> *const f32 {
        self.pairs.as_ptr().cast::<f32>().wrapping_add(row as usize * self.width)
    }
}

/// Two numbers, as they lie in memory, and two more.
#[inline(always)]
fn sum_of_pairs(pair: u64, delta: [f32; 2]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{
            _mm_add_ps, _mm_castps_si128, _mm_castsi128_ps, _mm_cvtsi64_si128, _mm_cvtsi128_si64,
        };
        let delta = u64::from(delta[0].to_bits()) | u64::from(delta[1].to_bits()) << 32;
        // SAFETY: every x86-64 machine has SSE2.
        unsafe {
            let [pair, delta] = [pair, delta].map(|x| _mm_castsi128_ps(_mm_cvtsi64_si128(x as i64)));
            _mm_cvtsi128_si64(_mm_castps_si128(_mm_add_ps(pair, delta))) as u64
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let bytes = pair.to_ne_bytes();
        let [a, b] = [0, 4].map(|at| f32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes")));
        let [a, b] = [a + delta[0], b + delta[1]].map(f32::to_ne_bytes);
        u64::from_ne_bytes([a, b].concat().try_into().expect("eight bytes"))
    }
}

/// The mean of rows, in `x` unless there is one alone; `scratch` is for a row.
#[inline(always)]
pub(super) unsafe fn mean<L: Lanes, R: Rows>(
    table: R,
    rows: &[u32],
    width: usize,
    x: *mut f32,
    scratch: *mut f32,
) -> *const f32 {
    unsafe {
        let [first, rest @ ..] = rows else { unreachable!("an example has inputs") };
        if rest.is_empty() {
            return table.read(*first, x);
        }
        let from = table.read(*first, x);
        copy::<L>(from, x, width);
        for &row in rest {
            let row = table.read(row, scratch);
            for column in (0..width).step_by(L::LEN) {
                L::load(row.add(column)).add(L::load(x.add(column))).store(x.add(column));
            }
        }
        let share = 1.0 / rows.len() as f32;
        for column in (0..width).step_by(L::LEN) {
            L::splat(&share).multiply_add(L::load(x.add(column)), L::zero()).store(x.add(column));
        }
        x
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

/// Asks for a row to be fetched into the cache.
#[inline(always)]
pub(super) fn prefetch(at: *const f32, width: usize) {
    #[cfg(target_arch = "x86_64")]
    for column in (0..width).step_by(WIDTH) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: fetching ahead touches no memory as far as a program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(column).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (at, width);
}

/// Numbers as pairs that several threads may change.
fn as_pairs(table: &mut [f32]) -> &[AtomicU64] {
    // SAFETY: an atomic number has the size of a plain one and any bits; the borrow lasts as long.
    let (before, pairs, behind) = unsafe { table.align_to_mut::<AtomicU64>() };
    assert!(before.is_empty() && behind.is_empty(), "a table that is not aligned to eight bytes");
    pairs
}
