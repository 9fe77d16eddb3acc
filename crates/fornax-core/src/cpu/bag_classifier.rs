//! The linear classifier of bags: a row of inputs is read once for the mean and once, then from the cache, for its change.

use std::ops::Range;

use super::host::Host;
use super::impl_for_cpu;
use super::rows::{Pass, Rows, WIDTH, copy, over_examples};
use crate::DynTensor;
use crate::lanes::{Kernel, Lanes};
use crate::math::exp;
use crate::ops::{BagClassifierOps, Example, Examples};
use crate::prefetch::prefetch;

/// A row is asked for this many rows ahead.
const AHEAD: usize = 12;

/// Memory of a thread.
struct Scratch {
    /// The mean of the inputs, and what it changes by.
    h: Vec<f32>,
    dh: Vec<f32>,
    /// A row as it was.
    row: Vec<f32>,
    /// What each class changes by, in units of `h`.
    g: Vec<f32>,
}

/// All examples.
struct All<'a> {
    examples: &'a Examples,
    width: usize,
    classes: usize,
    alpha: f32,
}

/// The examples of a range.
struct Run<'a, R> {
    all: &'a All<'a>,
    tables: [R; 2],
    range: Range<usize>,
    scratch: &'a mut Scratch,
    loss: &'a mut f64,
}

impl Pass for All<'_> {
    type Scratch = Scratch;

    fn scratch(&self) -> Scratch {
        let row = || vec![0.0; self.width];
        Scratch { h: row(), dh: row(), row: row(), g: vec![0.0; self.classes] }
    }

    unsafe fn run<R: Rows>(&self, tables: [R; 2], range: Range<usize>, scratch: &mut Scratch) -> f64 {
        let mut loss = 0.0;
        // SAFETY: the caller's.
        unsafe { Run { all: self, tables, range, scratch, loss: &mut loss }.run_widest() };
        loss
    }
}

impl<R: Rows> Kernel for Run<'_, R> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(mut self) {
        for index in self.range.clone() {
            unsafe { self.example::<L>(self.all.examples.get(index)) };
        }
    }
}

impl<R: Rows> Run<'_, R> {
    #[inline(always)]
    unsafe fn example<L: Lanes>(&mut self, example: Example<'_>) {
        let All { width, alpha, .. } = *self.all;
        let ([inputs, classes], class) = (self.tables, example.class() as usize);
        let Scratch { h, dh, row, g } = &mut *self.scratch;
        let [h, dh, row] = [h, dh, row].map(|memory| memory.as_mut_ptr());
        let columns = || (0..width).step_by(L::LEN);
        unsafe {
            columns().for_each(|column| L::zero().store(h.add(column)));
            for (at, &input) in example.inputs.iter().enumerate() {
                if let Some(&ahead) = example.inputs.get(at + AHEAD) {
                    prefetch(inputs.place(ahead), width);
                }
                columns().for_each(|column| {
                    inputs.load::<L>(input, column).add(L::load(h.add(column))).store(h.add(column))
                });
            }
            let share = 1.0 / example.inputs.len() as f32;
            scale::<L>(h, share, width);
            for (k, z) in g.iter_mut().enumerate() {
                let v = classes.read::<L>(k as u32, row);
                let mut sums = [L::zero(); 8];
                for column in columns() {
                    sums[0] = L::load(v.add(column)).multiply_add(L::load(h.add(column)), sums[0]);
                }
                let mut sum = [0.0; 8];
                L::sums(sums, sum.as_mut_ptr());
                *z = sum[0];
            }
            *self.loss += f64::from(softmax(g, class));
            for (k, g) in g.iter_mut().enumerate() {
                *g = alpha * (f32::from(k == class) - *g);
            }
            columns().for_each(|column| L::zero().store(dh.add(column)));
            for (k, g) in g.iter().enumerate() {
                let v = classes.read::<L>(k as u32, row);
                copy::<L>(v, row, width);
                let g = L::splat(g);
                for column in columns() {
                    g.multiply_add(L::load(row.add(column)), L::load(dh.add(column))).store(dh.add(column));
                    classes.add(k as u32, column, g.multiply_add(L::load(h.add(column)), L::zero()));
                }
            }
            scale::<L>(dh, share, width);
            for &input in example.inputs {
                columns().for_each(|column| inputs.add(input, column, L::load(dh.add(column))));
            }
        }
    }
}

#[inline(always)]
unsafe fn scale<L: Lanes>(values: *mut f32, by: f32, width: usize) {
    for column in (0..width).step_by(L::LEN) {
        unsafe {
            L::splat(&by).multiply_add(L::load(values.add(column)), L::zero()).store(values.add(column))
        };
    }
}

/// Probabilities of logits in place; returns `-ln p` of a class.
#[inline(always)]
fn softmax(z: &mut [f32], class: usize) -> f32 {
    let largest = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let right = z[class] - largest;
    let mut sum = 0.0;
    for z in z.iter_mut() {
        *z = exp(*z - largest);
        sum += *z;
    }
    z.iter_mut().for_each(|z| *z /= sum);
    sum.ln() - right
}

fn train<B: Host>(
    tables: [DynTensor<B>; 2],
    examples: &Examples,
    alpha: f64,
    hogwild: bool,
) -> ([DynTensor<B>; 2], f64) {
    let width = examples.check(&tables, WIDTH);
    let all = All { examples, width, classes: tables[1].shape()[0], alpha: alpha as f32 };
    // SAFETY: every row was found to lie in its table.
    unsafe { over_examples(&all, tables, examples.len(), hogwild) }
}

impl_for_cpu!(BagClassifierOps {
    fn train_bag_classifier(
        tables: [DynTensor<Self>; 2],
        examples: &Examples,
        alpha: f64,
        hogwild: bool,
    ) -> ([DynTensor<Self>; 2], f64) {
        train(tables, examples, alpha, hogwild)
    }
});
