//! Forward in time.

use std::ops::Range;

use super::super::host::{Host, HostTensor};
use super::super::panels::{Left, Out, Start};
use super::super::tasks::{each, unwritten};
use super::cell::Cell;
use super::plan::Plan;
use super::projected::{Given, into_blocks, project};
use super::skipped::fill_skipped;
use super::weights::Weights;
use super::{CHUNK, Lengths, deal, gather_states, is_zero, states_of};
use crate::DynTensor;
use crate::ops::{Recurrence, RecurrentInputs, Unrolled};

/// What the forward pass of a part leaves.
struct Part {
    /// `x` and the states before each step, packed rows.
    factors: Vec<f32>,
    /// Activations and the extra blocks, packed rows.
    gates: Vec<f32>,
    states: [Vec<f32>; 2],
}

/// A part's way through time; with `save` everything is kept, else a chunk's memory is used again.
fn unroll<C: Cell>(
    cell: C,
    lengths: Lengths,
    plan: &Plan,
    weights: &Weights,
    (given, states): (Given<'_>, &[f32]),
    (mut out, sequences): (Vec<&mut [f32]>, bool),
    save: bool,
) -> Part {
    let Lengths { time, features, units, .. } = lengths;
    let at = lengths.layout::<C>();
    let chunks = plan.chunks(CHUNK);
    let rows_of = |chunk: &Range<usize>| plan.first(chunk.end) - plan.first(chunk.start);
    let memory = if save { plan.len() } else { chunks.iter().map(rows_of).max().unwrap_or(0) };
    let (mut factors, mut gates) = (unwritten(memory * at.factors), unwritten(memory * at.gates));
    let [mut h, mut c] = states_of::<C>(lengths, plan, states);
    let (begins_with_zeros, products) = (is_zero(&h), C::CELL.gates() * units);
    let (of_kernel, others) = weights.bias.split_at(C::KERNEL.end * at.units);
    for chunk in chunks {
        let (base, rows) = (if save { plan.first(chunk.start) } else { 0 }, rows_of(&chunk));
        let factors = &mut factors[base * at.factors..][..rows * at.factors];
        let gates = &mut gates[base * at.gates..][..rows * at.gates];
        let mut rows_left = factors.chunks_exact_mut(at.factors).zip(gates.chunks_exact_mut(at.gates));
        for step in chunk.clone() {
            for (row, (factors, gates)) in rows_left.by_ref().take(plan.active(step)).enumerate() {
                let from = plan.rows[row] * time + plan.time(row, step);
                match given {
                    Given::Inputs(x) => {
                        factors[..features].copy_from_slice(&x[from * features..][..features])
                    }
                    Given::Products(z, places) => {
                        let z = &z[places.rows()[from] as usize * products..][..products];
                        into_blocks::<C>(z, units, at, gates);
                    }
                }
                gates[of_kernel.len()..][..others.len()].copy_from_slice(others);
            }
        }
        if let Given::Inputs(_) = given {
            let (left, z) = (Left::rows(factors, at.factors), Out::rows(gates, at.gates));
            weights.kernel.multiply(left, rows, z, Start::Bias(of_kernel));
        }
        for step in chunk.clone() {
            let (first, active) = (plan.first(step) - plan.first(chunk.start), plan.active(step));
            let gates = &mut gates[first * at.gates..][..active * at.gates];
            if save {
                let factors = factors[first * at.factors..].chunks_exact_mut(at.factors);
                factors.zip(h.chunks_exact(at.units)).take(active).for_each(|(factors, h)| {
                    factors[features..features + at.units].copy_from_slice(h);
                });
            }
            if step > 0 || !begins_with_zeros {
                let out = Out::rows(&mut gates[C::RECURRENT.start * at.units..], at.gates);
                weights.recurrent.multiply(Left::rows(&h, at.units), active, out, Start::Accumulate);
            }
            cell.forward(at, gates, &mut h[..active * at.units], &mut c[..active * at.units]);
            if sequences {
                for (row, h) in h.chunks_exact(at.units).take(active).enumerate() {
                    out[row][plan.time(row, step) * units..][..units].copy_from_slice(&h[..units]);
                }
            }
        }
    }
    if !sequences {
        for (row, (out, h)) in out.iter_mut().zip(h.chunks_exact(at.units)).enumerate() {
            if plan.counts(row) {
                out.copy_from_slice(&h[..units]);
            }
        }
    }
    Part { factors, gates, states: [h, c] }
}

pub(super) fn forward<B: Host, C: Cell>(
    cell: C,
    inputs: RecurrentInputs<B>,
    how: &Recurrence,
    save: bool,
) -> (Unrolled<B>, Vec<DynTensor<B>>) {
    let lengths = Lengths::of(&inputs, how);
    let Lengths { batch, time, units, .. } = lengths;
    let [x, kernel, recurrent, bias, states] = inputs.into_array().map(HostTensor::standard);
    let weights = Weights::pack::<C>(lengths, kernel.floats(), recurrent.floats(), bias.floats());
    let products;
    let given = match &how.places {
        None => Given::Inputs(x.floats()),
        Some(places) => {
            let blocks = (units, lengths.layout::<C>());
            products = project::<C>(x.floats(), kernel.floats(), &weights.bias, blocks);
            Given::Products(&products, places)
        }
    };
    let plans = Plan::parts(how, batch, time);
    let width = if how.return_sequences { time * units } else { units };
    // A last output behind no step at all is 0.
    let mut output = if how.return_sequences { unwritten(batch * width) } else { vec![0.0; batch * width] };
    let cost = lengths.cost::<C>(&plans);
    let tasks: Vec<_> = plans.iter().zip(deal(&plans, &mut output, width)).collect();
    let parts = each(tasks, cost, |_, (plan, out)| {
        unroll(cell, lengths, plan, &weights, (given, states.floats()), (out, how.return_sequences), save)
    });
    fill_skipped(how, lengths, &mut output);
    let (mut saved, mut last) = (vec![], vec![]);
    for (part, plan) in parts.into_iter().zip(&plans) {
        last.push(part.states);
        if save {
            let rows = plan.len();
            for (values, stride) in
                [(part.factors, lengths.layout::<C>().factors), (part.gates, lengths.layout::<C>().gates)]
            {
                saved.push(DynTensor::from_floats(values, &[rows, stride]));
            }
        }
    }
    let shape: &[usize] = if how.return_sequences { &[batch, time, units] } else { &[batch, units] };
    let states = gather_states::<C>(lengths, &plans, &last);
    let states = DynTensor::from_floats(states, &[C::CELL.states(), batch, units]);
    (Unrolled { output: DynTensor::from_floats(output, shape), states }, saved)
}
