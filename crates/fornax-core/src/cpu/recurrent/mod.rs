//! Recurrent layers over whole sequences, time-major inside.
//!
//! The batch is cut into parts of 16 rows, each of which runs through the whole sequence alone: on a thread of its own where
//! there are several, and with its numbers in the cache. A part goes through time in chunks: one product with the kernel
//! for all rows of a chunk, then a step at a time the product with the recurrent kernel, added to it, and the gates. What
//! the backward pass reads is kept packed: steps that a mask leaves out are not in it. Going back, a chunk's cotangents of
//! the pre-activations make those of both kernels and of the input in one product each.

mod cell;
mod gru;
mod lstm;
mod plan;
mod simple;

use super::gemm::add_column_sums;
use super::host::{Host, HostTensor};
use super::impl_for_cpu;
use super::panels::{Left, PANEL, Panels};
use super::tasks::{each, unwritten};
use crate::DynTensor;
use crate::ops::recurrent::{reference_backward, reference_forward};
use crate::ops::{Activation, Recurrence, RecurrentCell, RecurrentInputs, RecurrentOps, Unrolled};
use cell::{Cell, Layout};
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
    features: usize,
    units: usize,
}

impl Lengths {
    fn of<B: Host>(inputs: &RecurrentInputs<B>) -> Self {
        let [batch, time, features] = inputs.x.shape()[..] else { panic!("x is [batch, time, features]") };
        Self { batch, time, features, units: inputs.recurrent_kernel.shape()[0] }
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

/// Both kernels with a block for each gate, padded with zeros, and the bias of a row of pre-activations.
struct Weights {
    kernel: Panels,
    recurrent: Panels,
    bias: Vec<f32>,
}

/// Block and first unit of 16 columns.
fn place(column: usize, units: usize) -> (usize, usize) {
    (column / units, column % units)
}

impl Weights {
    fn pack<C: Cell>(lengths: Lengths, kernel: &[f32], recurrent: &[f32], bias: &[f32]) -> Self {
        let (units, padded) = (lengths.units, lengths.layout::<C>().units);
        let wide = C::CELL.gates() * units;
        let pack = |depth: usize, blocks: std::ops::Range<usize>, values: &[f32]| {
            Panels::pack(depth, blocks.len() * padded, |row, column, out| {
                let (block, unit) = place(column, padded);
                let count = units.saturating_sub(unit).min(PANEL);
                let from = row * wide + C::gate(blocks.start + block) * units + unit;
                out[..count].copy_from_slice(&values[from..from + count]);
            })
        };
        let mut sums = vec![0.0; C::BLOCKS * padded];
        for (row, blocks) in bias_rows::<C>() {
            for block in blocks {
                let from = row * wide + C::gate(block) * units;
                let out = &mut sums[block * padded..][..units];
                out.iter_mut().zip(&bias[from..]).for_each(|(sum, b)| *sum += b);
            }
        }
        Self {
            kernel: pack(lengths.features, C::KERNEL, kernel),
            recurrent: pack(units, C::RECURRENT, recurrent),
            bias: sums,
        }
    }

    /// Both kernels transposed; no bias.
    fn pack_transposed<C: Cell>(lengths: Lengths, kernel: &[f32], recurrent: &[f32]) -> Self {
        let (units, padded) = (lengths.units, lengths.layout::<C>().units);
        let wide = C::CELL.gates() * units;
        let pack = |rows: usize, blocks: std::ops::Range<usize>, values: &[f32]| {
            let columns = rows.next_multiple_of(PANEL);
            Panels::pack(blocks.len() * padded, columns, |at, first, out| {
                let (block, unit) = (at / padded, at % padded);
                if unit < units {
                    let column = C::gate(blocks.start + block) * units + unit;
                    let from = (first..rows).map(|row| values[row * wide + column]);
                    out.iter_mut().zip(from).for_each(|(out, value)| *out = value);
                }
            })
        };
        Self {
            kernel: pack(lengths.features, C::KERNEL, kernel),
            recurrent: pack(units, C::RECURRENT, recurrent),
            bias: vec![],
        }
    }
}

/// The rows of the bias and the blocks that each is added to.
fn bias_rows<C: Cell>() -> Vec<(usize, std::ops::Range<usize>)> {
    let mut rows = vec![(0, C::KERNEL)];
    if C::has_recurrent_bias() {
        rows.push((1, C::RECURRENT));
    }
    rows
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
    (x, states): (&[f32], &[f32]),
    (mut out, sequences): (Vec<&mut [f32]>, bool),
    save: bool,
) -> Part {
    let Lengths { time, features, units, .. } = lengths;
    let at = lengths.layout::<C>();
    let chunks = plan.chunks(CHUNK);
    let rows_of = |chunk: &std::ops::Range<usize>| plan.first(chunk.end) - plan.first(chunk.start);
    let memory = if save { plan.len() } else { chunks.iter().map(rows_of).max().unwrap_or(0) };
    let (mut factors, mut gates) = (unwritten(memory * at.factors), unwritten(memory * at.gates));
    let [mut h, mut c] = states_of::<C>(lengths, plan, states);
    for chunk in chunks {
        let (base, rows) = (if save { plan.first(chunk.start) } else { 0 }, rows_of(&chunk));
        let factors = &mut factors[base * at.factors..][..rows * at.factors];
        let gates = &mut gates[base * at.gates..][..rows * at.gates];
        let mut rows_left = factors.chunks_exact_mut(at.factors).zip(gates.chunks_exact_mut(at.gates));
        for step in chunk.clone() {
            for (row, (factors, gates)) in rows_left.by_ref().take(plan.active(step)).enumerate() {
                let from = (plan.rows[row] * time + plan.time(row, step)) * features;
                factors[..features].copy_from_slice(&x[from..from + features]);
                gates[..weights.bias.len()].copy_from_slice(&weights.bias);
            }
        }
        let to = C::KERNEL.start * at.units;
        weights.kernel.multiply(Left::rows(factors, at.factors), rows, &mut gates[to..], at.gates, true);
        for step in chunk.clone() {
            let (first, active) = (plan.first(step) - plan.first(chunk.start), plan.active(step));
            let gates = &mut gates[first * at.gates..][..active * at.gates];
            if save {
                let factors = factors[first * at.factors..].chunks_exact_mut(at.factors);
                factors.zip(h.chunks_exact(at.units)).take(active).for_each(|(factors, h)| {
                    factors[features..features + at.units].copy_from_slice(h);
                });
            }
            let to = C::RECURRENT.start * at.units;
            let left = Left::rows(&h, at.units);
            weights.recurrent.multiply(left, active, &mut gates[to..], at.gates, true);
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

fn forward<B: Host, C: Cell>(
    cell: C,
    inputs: RecurrentInputs<B>,
    how: &Recurrence,
    save: bool,
) -> (Unrolled<B>, Vec<DynTensor<B>>) {
    let lengths = Lengths::of(&inputs);
    let Lengths { batch, time, units, .. } = lengths;
    let [x, kernel, recurrent, bias, states] = inputs.into_array().map(HostTensor::standard);
    let weights = Weights::pack::<C>(lengths, kernel.floats(), recurrent.floats(), bias.floats());
    let plans = Plan::parts(how, batch, time);
    let width = if how.return_sequences { time * units } else { units };
    // A last output behind no step at all is 0.
    let mut output = if how.return_sequences { unwritten(batch * width) } else { vec![0.0; batch * width] };
    let cost = lengths.cost::<C>(&plans);
    let tasks: Vec<_> = plans.iter().zip(deal(&plans, &mut output, width)).collect();
    let given = (x.floats(), states.floats());
    let parts = each(tasks, cost, |_, (plan, out)| {
        unroll(cell, lengths, plan, &weights, given, (out, how.return_sequences), save)
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

/// For each row and each time step that is left out, in the order in which steps are taken: the step whose output it
/// repeats, if there is one.
fn skipped(how: &Recurrence, lengths: Lengths) -> Vec<(usize, usize, Option<usize>)> {
    let Some(truth) = how.steps.truth() else { return vec![] };
    let mut skipped = vec![];
    for row in 0..lengths.batch {
        let mut last = None;
        for step in 0..lengths.time {
            let t = if how.reverse { lengths.time - 1 - step } else { step };
            if truth[row * lengths.time + t] {
                last = Some(t);
            } else {
                skipped.push((row, t, last.filter(|_| !how.zero_output_for_mask)));
            }
        }
    }
    skipped
}

/// Outputs of steps that are left out.
fn fill_skipped(how: &Recurrence, lengths: Lengths, output: &mut [f32]) {
    let Lengths { time, units, .. } = lengths;
    if !how.return_sequences {
        zero_last(how, lengths, output);
        return;
    }
    for (row, t, from) in skipped(how, lengths) {
        let to = (row * time + t) * units;
        match from {
            Some(from) => {
                output.copy_within((row * time + from) * units..(row * time + from + 1) * units, to)
            }
            None => output[to..to + units].fill(0.0),
        }
    }
}

/// The last output is 0 where the last step is left out and `zero_output_for_mask` says so.
fn zero_last(how: &Recurrence, lengths: Lengths, output: &mut [f32]) {
    let last = if how.reverse { 0 } else { lengths.time.saturating_sub(1) };
    if let (Some(truth), true) = (how.steps.truth(), how.zero_output_for_mask) {
        for (row, output) in output.chunks_exact_mut(lengths.units).enumerate() {
            if !truth[row * lengths.time + last] {
                output.fill(0.0);
            }
        }
    }
}

/// The cotangents of the outputs with those of repeated outputs added to the steps that they repeat.
fn fold_skipped(how: &Recurrence, lengths: Lengths, doutput: &mut [f32]) {
    let Lengths { time, units, .. } = lengths;
    if !how.return_sequences {
        return zero_last(how, lengths, doutput);
    }
    for (row, t, to) in skipped(how, lengths) {
        if let Some(to) = to {
            for unit in 0..units {
                doutput[(row * time + to) * units + unit] += doutput[(row * time + t) * units + unit];
            }
        }
    }
}

/// The cotangents that a part adds to the weights', on padded units, and those of its first states.
struct PartCotangents {
    /// Of both kernels, `[features + units, blocks * units]`.
    kernels: Vec<f32>,
    /// Of the bias, `[blocks * units]`.
    bias: Vec<f32>,
    states: [Vec<f32>; 2],
}

/// A part's way back; `dx` are its rows of the input's cotangent where that is wanted.
fn unroll_back<C: Cell>(
    cell: C,
    lengths: Lengths,
    plan: &Plan,
    weights: &Weights,
    (factors, gates): (&[f32], &[f32]),
    (doutput, sequences): (&[f32], bool),
    dstates: [Vec<f32>; 2],
    mut dx: Option<Vec<&mut [f32]>>,
) -> PartCotangents {
    let Lengths { time, features, units, .. } = lengths;
    let at = lengths.layout::<C>();
    let wide = C::BLOCKS * at.units;
    let columns = |blocks: std::ops::Range<usize>| blocks.start * at.units..blocks.end * at.units;
    let (of_kernel, of_recurrent) = (columns(C::KERNEL), columns(C::RECURRENT));
    let [mut dh, mut dc] = dstates;
    if !sequences {
        for (row, dh) in dh.chunks_exact_mut(at.units).enumerate().filter(|(row, _)| plan.counts(*row)) {
            add(dh, &doutput[plan.rows[row] * units..][..units]);
        }
    }
    let (mut kernels, mut bias) = (vec![0.0; (features + at.units) * wide], vec![0.0; wide]);
    let mut packed = Panels::empty();
    let inputs = features.next_multiple_of(PANEL);
    let (mut dz, mut dx_rows) = (vec![], vec![]);
    for chunk in plan.chunks(CHUNK).into_iter().rev() {
        let base = plan.first(chunk.start);
        let rows = plan.first(chunk.end) - base;
        dz.resize(rows * wide, 0.0);
        for step in chunk.clone().rev() {
            let (first, active) = (plan.first(step), plan.active(step));
            let dh = &mut dh[..active * at.units];
            if sequences {
                for (row, dh) in dh.chunks_exact_mut(at.units).enumerate() {
                    add(dh, &doutput[(plan.rows[row] * time + plan.time(row, step)) * units..][..units]);
                }
            }
            let kept = (
                &factors[first * at.factors..][..active * at.factors],
                &gates[first * at.gates..][..active * at.gates],
            );
            let dz = &mut dz[(first - base) * wide..][..active * wide];
            cell.backward(at, kept, dh, &mut dc[..active * at.units], dz);
            let left = Left::rows(&dz[of_recurrent.start..], wide);
            weights.recurrent.multiply(left, active, dh, at.units, C::DIRECT);
        }
        packed.repack(&dz, wide);
        let left = Left::columns(&factors[base * at.factors..], at.factors);
        if of_kernel == of_recurrent {
            packed.multiply(left, features + at.units, &mut kernels, wide, true);
        } else {
            let to = &mut kernels[of_kernel.start..];
            packed.multiply_columns(of_kernel.clone(), left, features, to, wide, true);
            let left = Left::columns(&factors[base * at.factors + features..], at.factors);
            let to = &mut kernels[features * wide + of_recurrent.start..];
            packed.multiply_columns(of_recurrent.clone(), left, at.units, to, wide, true);
        }
        add_column_sums(&dz, &mut bias);
        if let Some(dx) = &mut dx {
            dx_rows.resize(rows * inputs, 0.0);
            let left = Left::rows(&dz[of_kernel.start..], wide);
            weights.kernel.multiply(left, rows, &mut dx_rows, inputs, false);
            let mut from = dx_rows.chunks_exact(inputs);
            for step in chunk {
                for (row, from) in from.by_ref().take(plan.active(step)).enumerate() {
                    let to = &mut dx[row][plan.time(row, step) * features..][..features];
                    to.copy_from_slice(&from[..features]);
                }
            }
        }
    }
    PartCotangents { kernels, bias, states: [dh, dc] }
}

fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

fn backward<B: Host, C: Cell>(
    cell: C,
    inputs: RecurrentInputs<B>,
    saved: Vec<DynTensor<B>>,
    doutput: DynTensor<B>,
    dstates: Option<DynTensor<B>>,
    how: &Recurrence,
    [want_x, want_kernel, want_recurrent, want_bias, want_states]: [bool; 5],
) -> [Option<DynTensor<B>>; 5] {
    let lengths = Lengths::of(&inputs);
    let Lengths { batch, time, features, units } = lengths;
    let (kernel, recurrent) = (inputs.kernel.standard(), inputs.recurrent_kernel.standard());
    let weights = Weights::pack_transposed::<C>(lengths, kernel.floats(), recurrent.floats());
    let plans = Plan::parts(how, batch, time);
    let mut doutput = doutput.standard();
    if how.steps.truth().is_some() {
        fold_skipped(how, lengths, doutput.floats_mut());
    }
    let dstates = match dstates {
        Some(dstates) => dstates.standard(),
        None => DynTensor::from_floats(
            vec![0.0; C::CELL.states() * batch * units],
            &[C::CELL.states(), batch, units],
        ),
    };
    // The cotangent of a step that is left out is 0.
    let mut dx = match (want_x, how.steps.truth()) {
        (false, _) => vec![],
        (true, None) => unwritten(batch * time * features),
        (true, Some(_)) => vec![0.0; batch * time * features],
    };
    let rows = if want_x {
        deal(&plans, &mut dx, time * features).into_iter().map(Some).collect()
    } else {
        plans.iter().map(|_| None).collect::<Vec<_>>()
    };
    let cost = 2 * lengths.cost::<C>(&plans);
    let tasks: Vec<_> = plans.iter().zip(saved.chunks_exact(2).zip(rows)).collect();
    let parts = each(tasks, cost, |_, (plan, (saved, dx))| {
        let kept = (saved[0].floats(), saved[1].floats());
        let given = (doutput.floats(), how.return_sequences);
        let dstates = states_of::<C>(lengths, plan, dstates.floats());
        unroll_back(cell, lengths, plan, &weights, kept, given, dstates, dx)
    });
    let (wide, padded) = (C::CELL.gates() * units, lengths.layout::<C>().units);
    let columns = C::BLOCKS * padded;
    // Sums over the parts, in their order, of the blocks of `rows` rows from `first` on.
    let sum =
        |part: fn(&PartCotangents) -> &[f32], first: usize, rows: usize, blocks: std::ops::Range<usize>| {
            let mut out = vec![0.0; rows * wide];
            for part in parts.iter().map(part) {
                for (row, out) in out.chunks_exact_mut(wide).enumerate() {
                    for block in blocks.clone() {
                        let from = (first + row) * columns + block * padded;
                        add(&mut out[C::gate(block) * units..][..units], &part[from..]);
                    }
                }
            }
            out
        };
    let tensor = |values: Vec<f32>, rows: usize| DynTensor::from_floats(values, &[rows, wide]);
    let states: Vec<_> = parts.iter().map(|part| part.states.clone()).collect();
    [
        want_x.then(|| DynTensor::from_floats(dx, &[batch, time, features])),
        want_kernel.then(|| tensor(sum(|part| &part.kernels, 0, features, C::KERNEL), features)),
        want_recurrent.then(|| tensor(sum(|part| &part.kernels, features, units, C::RECURRENT), units)),
        want_bias.then(|| {
            let rows = bias_rows::<C>().into_iter();
            let bias = rows.flat_map(|(_, blocks)| sum(|part| &part.bias, 0, 1, blocks)).collect();
            DynTensor::from_floats(bias, &C::CELL.bias_shape(units))
        }),
        want_states.then(|| {
            let states = gather_states::<C>(lengths, &plans, &states);
            DynTensor::from_floats(states, &[C::CELL.states(), batch, units])
        }),
    ]
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
