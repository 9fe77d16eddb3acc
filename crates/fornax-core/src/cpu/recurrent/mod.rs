//! Recurrent layers over whole sequences, time-major inside.
//!
//! The batch is cut into parts of 16 rows, each of which runs through the whole sequence alone: on a thread of its own where
//! there are several, and with its numbers in the cache. A part goes through time in chunks: one product with the kernel
//! for all rows of a chunk, then a step at a time the product with the recurrent kernel, added to it, and the gates. What
//! the backward pass reads is kept packed: steps that a mask leaves out are not in it. Going back, a chunk's cotangents of
//! the pre-activations make those of both kernels and of the input in one product each.
//!
//! Where time steps take rows of a table by place (words: few are most of a text) the product with the kernel is that of the
//! rows, once for all steps that take it, and so are the cotangents of the kernel and of the rows (`projected`).

mod backward;
mod cell;
mod forward;
mod gru;
mod lstm;
mod plan;
mod projected;
mod simple;
mod skipped;
mod weights;

use super::host::Host;
use super::impl_for_cpu;
use super::panels::PANEL;
use super::tasks::unwritten;
use crate::DynTensor;
use crate::ops::recurrent::{reference_backward, reference_forward};
use crate::ops::{Activation, Recurrence, RecurrentCell, RecurrentInputs, RecurrentOps, Unrolled};
use backward::backward;
use cell::{Cell, Layout};
use forward::forward;
use gru::Gru;
use lstm::Lstm;
use plan::Plan;
use simple::Simple;

/// Packed rows of a chunk, which with their gates stay in the second-level cache.
const CHUNK: usize = 128;

/// The lengths of a run.
#[derive(Clone, Copy)]
struct Lengths {
    batch: usize,
    time: usize,
    /// 0 where the products with the kernel are given.
    features: usize,
    units: usize,
    /// Whether they are.
    projected: bool,
}

impl Lengths {
    fn of<B: Host>(inputs: &RecurrentInputs<B>, how: &Recurrence) -> Self {
        let units = inputs.recurrent_kernel.shape()[0];
        let [batch, time, features] = match (&how.places, &inputs.x.shape()[..]) {
            (None, &[batch, time, features]) => [batch, time, features],
            (Some(places), &[_, _]) => [places.shape()[0], places.shape()[1], 0],
            _ => panic!("x is [batch, time, features], or [rows, features] with a place for each time step"),
        };
        Self { batch, time, features, units, projected: how.places.is_some() }
    }

    fn layout<C: Cell>(self) -> Layout {
        Layout::new::<C>(self.features, self.units.next_multiple_of(PANEL))
    }

    /// Multiply-adds of the two products.
    fn cost<C: Cell>(self, plans: &[Plan]) -> usize {
        let rows: usize = plans.iter().map(Plan::len).sum();
        rows * (self.features + self.units) * C::CELL.gates() * self.units
    }
}

/// The states of a part's rows, `[units]` padded each: `h`, and `c` where the cell has one.
fn states_of<C: Cell>(lengths: Lengths, plan: &Plan, states: &[f32]) -> [Vec<f32>; 2] {
    let (units, padded) = (lengths.units, lengths.layout::<C>().units);
    [0, 1].map(|state| {
        let mut values = vec![0.0; plan.rows.len() * padded];
        if state < C::CELL.states() {
            for (out, row) in values.chunks_exact_mut(padded).zip(&plan.rows) {
                let from = (state * lengths.batch + row) * units;
                out[..units].copy_from_slice(&states[from..from + units]);
            }
        }
        values
    })
}

/// Whether states are those that a sequence begins with by default: products with them are left out.
fn is_zero(states: &[f32]) -> bool {
    states.iter().all(|&state| state == 0.0)
}

/// The parts' states as `[states, batch, units]`.
fn gather_states<C: Cell>(lengths: Lengths, plans: &[Plan], parts: &[[Vec<f32>; 2]]) -> Vec<f32> {
    let (units, padded) = (lengths.units, lengths.layout::<C>().units);
    let mut out = unwritten(C::CELL.states() * lengths.batch * units);
    for (plan, states) in plans.iter().zip(parts) {
        for (state, values) in states.iter().enumerate().take(C::CELL.states()) {
            for (row, values) in plan.rows.iter().zip(values.chunks_exact(padded)) {
                out[(state * lengths.batch + row) * units..][..units].copy_from_slice(&values[..units]);
            }
        }
    }
    out
}

/// The rows `[width]` each of a tensor, handed to the parts they belong to.
fn deal<'a>(plans: &[Plan], values: &'a mut [f32], width: usize) -> Vec<Vec<&'a mut [f32]>> {
    let mut rows: Vec<Option<&mut [f32]>> = values.chunks_exact_mut(width.max(1)).map(Some).collect();
    let mut take = |row: &usize| rows.get_mut(*row).and_then(Option::take).unwrap_or_default();
    plans.iter().map(|plan| plan.rows.iter().map(&mut take).collect()).collect()
}

/// Calls a function with the kernel of the cell, or another where there is none.
macro_rules! with_kernel {
    ($how:expr, |$cell:ident| $call:expr, $otherwise:expr) => {{
        let usual = ($how.activation, $how.recurrent_activation) == (Activation::Tanh, Activation::Sigmoid);
        match $how.cell {
            _ if $how.recurrent_dropout.is_some() => $otherwise,
            RecurrentCell::Lstm if usual => {
                let $cell = Lstm;
                $call
            }
            RecurrentCell::Gru { reset_after: true } if usual => {
                let $cell = Gru;
                $call
            }
            RecurrentCell::Simple if matches!($how.activation, Activation::Tanh | Activation::Relu) => {
                let $cell = Simple { relu: $how.activation == Activation::Relu };
                $call
            }
            _ => $otherwise,
        }
    }};
}

impl_for_cpu!(RecurrentOps {
    fn recurrent(inputs: RecurrentInputs<Self>, how: &Recurrence) -> Unrolled<Self> {
        with_kernel!(how, |cell| forward(cell, inputs, how, false).0, reference_forward(inputs, how).0)
    }

    fn recurrent_saving(
        inputs: RecurrentInputs<Self>,
        how: &Recurrence,
    ) -> (Unrolled<Self>, Vec<DynTensor<Self>>) {
        with_kernel!(how, |cell| forward(cell, inputs, how, true), reference_forward(inputs, how))
    }

    fn recurrent_backward(
        inputs: RecurrentInputs<Self>,
        saved: Vec<DynTensor<Self>>,
        doutput: DynTensor<Self>,
        dstates: Option<DynTensor<Self>>,
        how: &Recurrence,
        want: [bool; 5],
    ) -> [Option<DynTensor<Self>>; 5] {
        with_kernel!(
            how,
            |cell| backward(cell, inputs, saved, doutput, dstates, how, want),
            reference_backward(inputs, saved, doutput, dstates, how, want)
        )
    }
});
