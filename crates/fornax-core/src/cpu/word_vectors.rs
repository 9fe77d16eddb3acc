//! Word vectors: example by example, a small product of the inputs' and the outputs' rows at a time.
//!
//! For the `m` hidden vectors `x_i` and a block of six outputs `w_j` (five wrong and a right one are the usual number):
//!
//! 1. the rows `w_j` are copied to a tile, because step 4 wants them as they were;
//! 2. `z_ij = x_i . w_j`, two `x` against six `w` in registers, so that eight loads feed twelve multiply-adds;
//! 3. `g_ij = alpha (label_j - sigmoid(z_ij))`;
//! 4. `w_j += sum_i g_ij x_i` in the table, `dx_i += sum_j g_ij w_j` in memory of the thread;
//!
//! and behind the last block `dx` is added to the rows of the inputs. A row is read once for all its `6 m` products, which is
//! what makes this three times as fast as pair by pair, where memory is what limits.
//!
//! The rows of the next example are asked for while one is computed. With several threads rows are read and
//! changed by relaxed atomic operations of two numbers each: no race is undefined, a change may be lost.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::host::{Host, HostTensor};
use super::impl_for_cpu;
use super::lanes::{Kernel, Lanes};
use crate::DynTensor;
use crate::math::sigmoid;
use crate::ops::{Example, Examples, Hidden, WordVectorOps};

/// Outputs of a block.
const BLOCK: usize = 6;

/// Numbers of a block in memory.
const STRIDE: usize = 8;

/// Widths are multiples of this: whole vectors and whole cache lines.
const WIDTH: usize = 16;

/// One example of so many is looked at for the loss.
const LOSS_EVERY: usize = 64;

/// Examples that a thread takes at a time.
const TAKEN: usize = 64;

/// The rows of a table.
trait Rows: Copy + Send + Sync {
    /// Where the row's numbers can be read: in the table, or copied to `scratch`.
    unsafe fn read(self, row: u32, scratch: *mut f32) -> *const f32;

    /// Adds a vector to the row's numbers from `column` on.
    unsafe fn add<L: Lanes>(self, row: u32, column: usize, delta: L);

    fn place(self, row: u32) -> *const f32;
}

/// A table that no other thread uses.
#[derive(Clone, Copy)]
struct Own {
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
struct Shared<'a> {
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

/// Memory of a thread, for examples of at most `hidden` hidden vectors.
struct Scratch {
    x: Vec<f32>,
    dx: Vec<f32>,
    w: Vec<f32>,
    g: Vec<f32>,
    places: Vec<*const f32>,
}

impl Scratch {
    fn new(hidden: usize, width: usize) -> Self {
        // An even number of hidden vectors, because step 2 takes two at a time.
        let hidden = hidden.next_multiple_of(2);
        Self {
            x: vec![0.0; hidden * width],
            dx: vec![0.0; hidden * width],
            w: vec![0.0; BLOCK * width],
            g: vec![0.0; hidden * STRIDE],
            places: vec![std::ptr::null(); hidden],
        }
    }
}

/// The examples of a range.
struct Run<'a, R> {
    tables: [R; 2],
    width: usize,
    examples: &'a Examples,
    range: Range<usize>,
    hidden: Hidden,
    alpha: f32,
    scratch: &'a mut Scratch,
    loss: &'a mut f64,
}

impl<R: Rows> Kernel for Run<'_, R> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(mut self) {
        for index in self.range.clone() {
            if index + 1 < self.examples.len() {
                self.prefetch(self.examples.get(index + 1));
            }
            unsafe { self.example::<L>(index, self.examples.get(index)) };
        }
    }
}

impl<R: Rows> Run<'_, R> {
    #[inline(always)]
    fn prefetch(&self, example: Example<'_>) {
        let [inputs, outputs] = self.tables;
        // The windows of an each-example overlap: what is new is its last input.
        let inputs_ahead = match self.hidden {
            Hidden::Each => &example.inputs[example.inputs.len() - 1..],
            Hidden::Mean => example.inputs,
        };
        for &row in inputs_ahead {
            prefetch(inputs.place(row), self.width);
        }
        for &row in example.targets {
            prefetch(outputs.place(row), self.width);
        }
    }

    #[inline(always)]
    unsafe fn example<L: Lanes>(&mut self, index: usize, example: Example<'_>) {
        let (width, [inputs, outputs]) = (self.width, self.tables);
        let Scratch { x, dx, w, g, places } = &mut *self.scratch;
        let (x, dx, w, g) = (x.as_mut_ptr(), dx.as_mut_ptr(), w.as_mut_ptr(), g.as_mut_ptr());
        unsafe {
            let hidden = match self.hidden {
                Hidden::Each => {
                    for (at, (&row, place)) in example.inputs.iter().zip(places.iter_mut()).enumerate() {
                        *place = inputs.read(row, x.add(at * width));
                    }
                    example.inputs.len()
                }
                Hidden::Mean => {
                    places[0] = mean::<L, R>(inputs, example.inputs, width, x, dx);
                    1
                }
            };
            // The partner of the last of an odd number; what is computed of it is not used.
            places[hidden.next_multiple_of(2) - 1] = places[hidden - 1];
            for (number, targets) in example.targets.chunks(BLOCK).enumerate() {
                for (at, &row) in targets.iter().enumerate() {
                    let (from, to) = (outputs.read(row, w.add(at * width)), w.add(at * width));
                    copy::<L>(from, to, width);
                }
                w.add(targets.len() * width).write_bytes(0, (BLOCK - targets.len()) * width);
                for pair in (0..hidden).step_by(2) {
                    products::<L>([places[pair], places[pair + 1]], w, width, g.add(pair * STRIDE));
                }
                let right = example.right.saturating_sub(number * BLOCK);
                if index.is_multiple_of(LOSS_EVERY) {
                    for at in 0..hidden {
                        let z = std::slice::from_raw_parts(g.add(at * STRIDE), targets.len());
                        *self.loss += loss(z, right);
                    }
                }
                let g_all = std::slice::from_raw_parts_mut(g, hidden * STRIDE);
                for g in g_all.chunks_exact_mut(STRIDE) {
                    for (at, g) in g.iter_mut().enumerate() {
                        let label = if at < right { 1.0 } else { 0.0 };
                        *g = self.alpha * (label - sigmoid(*g));
                    }
                    g[targets.len()..].fill(0.0);
                }
                for column in (0..width).step_by(L::LEN) {
                    let mut sums = [L::zero(); BLOCK];
                    for (at, &place) in places[..hidden].iter().enumerate() {
                        let x = L::load(place.add(column));
                        for (j, sum) in sums.iter_mut().enumerate() {
                            *sum = L::splat(g.add(at * STRIDE + j)).multiply_add(x, *sum);
                        }
                    }
                    for (&row, sum) in targets.iter().zip(sums) {
                        outputs.add(row, column, sum);
                    }
                }
                for at in 0..hidden {
                    let g: [L; BLOCK] = std::array::from_fn(|j| L::splat(g.add(at * STRIDE + j)));
                    let dx = dx.add(at * width);
                    for column in (0..width).step_by(L::LEN) {
                        let mut sum = if number == 0 { L::zero() } else { L::load(dx.add(column)) };
                        for (j, &g) in g.iter().enumerate() {
                            sum = L::load(w.add(j * width + column)).multiply_add(g, sum);
                        }
                        sum.store(dx.add(column));
                    }
                }
            }
            for (at, &row) in example.inputs.iter().enumerate() {
                let dx = if self.hidden == Hidden::Each { dx.add(at * width) } else { dx };
                for column in (0..width).step_by(L::LEN) {
                    inputs.add(row, column, L::load(dx.add(column)));
                }
            }
        }
    }
}

/// The mean of rows, in `x` unless there is one alone; `scratch` is for a row.
#[inline(always)]
unsafe fn mean<L: Lanes, R: Rows>(
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
unsafe fn copy<L: Lanes>(from: *const f32, to: *mut f32, width: usize) {
    if from == to.cast_const() {
        return;
    }
    for column in (0..width).step_by(L::LEN) {
        unsafe { L::load(from.add(column)).store(to.add(column)) };
    }
}

/// The products of two rows with the tile's, at `to` and `to + STRIDE`.
#[inline(always)]
unsafe fn products<L: Lanes>(x: [*const f32; 2], w: *const f32, width: usize, to: *mut f32) {
    unsafe {
        let mut sums = [[L::zero(); STRIDE]; 2];
        for column in (0..width).step_by(L::LEN) {
            let x = x.map(|x| L::load(x.add(column)));
            for j in 0..BLOCK {
                let w = L::load(w.add(j * width + column));
                for (sums, x) in sums.iter_mut().zip(x) {
                    sums[j] = w.multiply_add(x, sums[j]);
                }
            }
        }
        for (at, sums) in sums.into_iter().enumerate() {
            L::sums(sums, to.add(at * STRIDE));
        }
    }
}

/// The sum over outputs of `-ln sigmoid(z)` where they are right, else of `-ln sigmoid(-z)`.
fn loss(z: &[f32], right: usize) -> f64 {
    let softplus = |z: f64| z.max(0.0) + (-z.abs()).exp().ln_1p();
    let each = z.iter().enumerate().map(|(at, &z)| {
        let z = f64::from(z);
        softplus(if at < right { -z } else { z })
    });
    each.sum()
}

/// Asks for a row to be fetched into the cache.
#[inline(always)]
fn prefetch(at: *const f32, width: usize) {
    #[cfg(target_arch = "x86_64")]
    for column in (0..width).step_by(WIDTH) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: fetching ahead touches no memory as far as a program can see.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(column).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (at, width);
}

fn train<B: Host>(
    tables: [DynTensor<B>; 2],
    examples: &Examples,
    hidden: Hidden,
    alpha: f64,
    hogwild: bool,
) -> ([DynTensor<B>; 2], f64) {
    let mut tables = tables.map(DynTensor::standard);
    let shapes = tables.each_ref().map(|table| table.shape());
    let width = shapes[0][1];
    assert!(width == shapes[1][1] && width.is_multiple_of(WIDTH), "widths {width} and {}", shapes[1][1]);
    examples.check(shapes.map(|shape| shape[0]));
    let vectors = match hidden {
        Hidden::Each => (0..examples.len()).map(|at| examples.get(at).inputs.len()).max().unwrap_or(0),
        Hidden::Mean => 1,
    };
    let threads = if hogwild { rayon::current_num_threads() } else { 1 };
    let threads = threads.min(examples.len().div_ceil(TAKEN)).max(1);
    let [input, output] = &mut tables;
    let tables_mut = [input.floats_mut(), output.floats_mut()];
    let (mut loss, alpha) = (0.0, alpha as f32);
    if threads == 1 {
        let tables = tables_mut.map(|table| Own { at: table.as_mut_ptr(), width });
        let scratch = &mut Scratch::new(vectors, width);
        let (range, loss) = (0..examples.len(), &mut loss);
        let run = Run { tables, width, examples, range, hidden, alpha, scratch, loss };
        // SAFETY: the tables are borrowed, and hold every row of the examples; the memory suffices for each of them.
        unsafe { run.run_widest() };
    } else {
        let tables = tables_mut.map(|table| Shared { pairs: as_pairs(table), width });
        let next = AtomicUsize::new(0);
        let losses = rayon::broadcast(|_| {
            let (mut loss, scratch) = (0.0, &mut Scratch::new(vectors, width));
            loop {
                let start = next.fetch_add(TAKEN, Relaxed);
                if start >= examples.len() {
                    return loss;
                }
                let (range, loss) = (start..(start + TAKEN).min(examples.len()), &mut loss);
                let run = Run { tables, width, examples, range, hidden, alpha, scratch, loss };
                // SAFETY: as above, and the numbers of the tables are atomic.
                unsafe { run.run_widest() };
            }
        });
        loss = losses.into_iter().sum();
    }
    let looked_at = examples.len().div_ceil(LOSS_EVERY).max(1);
    (tables, loss * examples.len() as f64 / looked_at as f64)
}

/// Numbers as pairs that several threads may change.
fn as_pairs(table: &mut [f32]) -> &[AtomicU64] {
    // SAFETY: an atomic number has the size of a plain one and any bits; the borrow lasts as long.
    let (before, pairs, behind) = unsafe { table.align_to_mut::<AtomicU64>() };
    assert!(before.is_empty() && behind.is_empty(), "a table that is not aligned to eight bytes");
    pairs
}

impl_for_cpu!(WordVectorOps {
    fn train_word_vectors(
        tables: [DynTensor<Self>; 2],
        examples: &Examples,
        hidden: Hidden,
        alpha: f64,
        hogwild: bool,
    ) -> ([DynTensor<Self>; 2], f64) {
        train(tables, examples, hidden, alpha, hogwild)
    }

    fn padded_width(width: usize) -> usize {
        width.next_multiple_of(WIDTH)
    }
});
