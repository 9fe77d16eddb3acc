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
//! The rows of the next example are asked for while one is computed.

use std::ops::Range;

use super::host::Host;
use super::impl_for_cpu;
use super::rows::{Pass, Rows, WIDTH, copy, mean, over_examples};
use crate::DynTensor;
use crate::lanes::{Kernel, Lanes};
use crate::math::sigmoid;
use crate::ops::{Example, Examples, Hidden, WordVectorOps};
use crate::prefetch::prefetch;

/// Outputs of a block.
const BLOCK: usize = 6;

/// Numbers of a block in memory.
const STRIDE: usize = 8;

/// One example of so many is looked at for the loss.
const LOSS_EVERY: usize = 64;

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
                        *place = inputs.read::<L>(row, x.add(at * width));
                    }
                    example.inputs.len()
                }
                Hidden::Mean => {
                    places[0] = mean::<L, R>(inputs, example.inputs, width, x);
                    1
                }
            };
            for (number, targets) in example.targets.chunks(BLOCK).enumerate() {
                for (at, &row) in targets.iter().enumerate() {
                    let (from, to) = (outputs.read::<L>(row, w.add(at * width)), w.add(at * width));
                    copy::<L>(from, to, width);
                }
                w.add(targets.len() * width).write_bytes(0, (BLOCK - targets.len()) * width);
                for (at, x) in places[..hidden].chunks(2).enumerate() {
                    let to = g.add(2 * at * STRIDE);
                    match *x {
                        [x, y] => products::<L, 2>([x, y], w, width, to),
                        [x] => products::<L, 1>([x], w, width, to),
                        _ => unreachable!("chunks of one or two"),
                    }
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

/// The products of one or two rows with the tile's, at `to` and `to + STRIDE`.
#[inline(always)]
unsafe fn products<L: Lanes, const N: usize>(x: [*const f32; N], w: *const f32, width: usize, to: *mut f32) {
    unsafe {
        let mut sums = [[L::zero(); STRIDE]; N];
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

/// All examples, of at most so many hidden vectors each.
struct All<'a> {
    examples: &'a Examples,
    width: usize,
    vectors: usize,
    hidden: Hidden,
    alpha: f32,
}

impl Pass for All<'_> {
    type Scratch = Scratch;

    fn scratch(&self) -> Scratch {
        Scratch::new(self.vectors, self.width)
    }

    unsafe fn run<R: Rows>(&self, tables: [R; 2], range: Range<usize>, scratch: &mut Scratch) -> f64 {
        let Self { examples, width, hidden, alpha, .. } = *self;
        let mut loss = 0.0;
        let run = Run { tables, width, examples, range, hidden, alpha, scratch, loss: &mut loss };
        // SAFETY: the caller's; the memory suffices for each of the examples.
        unsafe { run.run_widest() };
        loss
    }
}

fn train<B: Host>(
    tables: [DynTensor<B>; 2],
    examples: &Examples,
    hidden: Hidden,
    alpha: f64,
    hogwild: bool,
) -> ([DynTensor<B>; 2], f64) {
    let width = examples.check(&tables, WIDTH);
    let vectors = match hidden {
        Hidden::Each => (0..examples.len()).map(|at| examples.get(at).inputs.len()).max().unwrap_or(0),
        Hidden::Mean => 1,
    };
    let all = All { examples, width, vectors, hidden, alpha: alpha as f32 };
    // SAFETY: every row was found to lie in its table.
    let (tables, loss) = unsafe { over_examples(&all, tables, examples.len(), hogwild) };
    let looked_at = examples.len().div_ceil(LOSS_EVERY).max(1);
    (tables, loss * examples.len() as f64 / looked_at as f64)
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
