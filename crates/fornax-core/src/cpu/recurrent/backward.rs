//! Back-propagation through time.

use std::ops::Range;

use super::super::embedding::add;
use super::super::gemm::add_column_sums;
use super::super::host::{Host, HostTensor};
use super::super::panels::{Left, Out, PANEL, Panels, Start};
use super::super::tasks::{MOVE, each, unwritten};
use super::cell::Cell;
use super::plan::Plan;
use super::projected::project_backward;
use super::skipped::fold_skipped;
use super::weights::{Weights, bias_rows};
use super::{CHUNK, Lengths, deal, gather_states, is_zero, states_of};
use crate::DynTensor;
use crate::ops::{Recurrence, RecurrentInputs};
use crate::prefetch::prefetch;

/// Rows of the weights' cotangents that are summed at a time.
const SUMMED: usize = 32;

/// The cotangents that a part adds to the weights', on padded units, and those of its first states.
struct PartCotangents {
    /// Of both kernels, `[features + units, blocks * units]` in panels of 16 columns.
    kernels: Vec<f32>,
    /// Of the bias, `[blocks * units]`.
    bias: Vec<f32>,
    states: [Vec<f32>; 2],
}

/// Where a part's cotangents of its inputs go.
enum Wanted<'a> {
    /// Nowhere.
    Nothing,
    /// To the rows `[time, features]` of the inputs' cotangent.
    Inputs(Vec<&'a mut [f32]>),
    /// Those of the pre-activations go to the packed rows `[blocks * units]`, where the products with the kernel are given.
    Products(&'a mut [f32]),
}

/// A part's way back from the cotangents of the outputs and of the last states; the cotangents of the first states are right
/// where they are wanted.
fn unroll_back<C: Cell>(
    cell: C,
    lengths: Lengths,
    plan: &Plan,
    weights: &Weights,
    (factors, gates): (&[f32], &[f32]),
    (doutput, sequences, dstates): (&[f32], bool, &[f32]),
    (wanted, want_states): (Wanted<'_>, bool),
) -> PartCotangents {
    let Lengths { time, features, units, projected, .. } = lengths;
    let at = lengths.layout::<C>();
    let wide = C::BLOCKS * at.units;
    let columns = |blocks: Range<usize>| blocks.start * at.units..blocks.end * at.units;
    let (of_kernel, of_recurrent) = (columns(C::KERNEL), columns(C::RECURRENT));
    let [mut dh, mut dc] = states_of::<C>(lengths, plan, dstates);
    if !sequences {
        for (row, dh) in dh.chunks_exact_mut(at.units).enumerate().filter(|(row, _)| plan.counts(*row)) {
            add(dh, &doutput[plan.rows[row] * units..][..units]);
        }
    }
    let mut kernels = unwritten((features + at.units) * wide);
    if plan.steps() == 0 {
        kernels.fill(0.0);
    }
    let (mut bias, mut start) = (vec![0.0; wide], Start::Zero);
    let mut packed = Panels::empty();
    let inputs = features.next_multiple_of(PANEL);
    let chunks = plan.chunks(CHUNK);
    let most = chunks.iter().map(|chunk| plan.first(chunk.end) - plan.first(chunk.start)).max().unwrap_or(0);
    let (mut dx, mut dz_rows) = match wanted {
        Wanted::Nothing => (None, None),
        Wanted::Inputs(dx) => (Some(dx), None),
        Wanted::Products(dz) => (None, Some(dz)),
    };
    let mut of_chunk = unwritten(if dz_rows.is_some() { 0 } else { most * wide });
    let mut dx_rows = unwritten(if dx.is_some() { most * inputs } else { 0 });
    for chunk in chunks.into_iter().rev() {
        let base = plan.first(chunk.start);
        let rows = plan.first(chunk.end) - base;
        let dz = match &mut dz_rows {
            Some(all) => &mut all[base * wide..][..rows * wide],
            None => &mut of_chunk[..rows * wide],
        };
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
            if let Some(before) = step.checked_sub(1) {
                let rows = &gates[plan.first(before) * at.gates..][..plan.active(before) * at.gates];
                prefetch(rows.as_ptr(), rows.len());
            }
            if step > 0 || want_states {
                let left = Left::rows(&dz[of_recurrent.start..], wide);
                let start = if C::DIRECT { Start::Accumulate } else { Start::Zero };
                weights.recurrent.multiply(left, active, Out::rows(dh, at.units), start);
            }
        }
        packed.repack(dz, wide);
        let mut product = |steps: Range<usize>, columns: Range<usize>, from: usize, count: usize| {
            let left = Left::columns(&factors[base * at.factors + from..], at.factors);
            let to = &mut kernels[columns.start * (features + at.units) + from * PANEL..];
            packed.multiply_part(steps, columns, left, count, Out::panels(to, features + at.units), start);
        };
        let first = if chunk.start == 0 { &factors[..plan.active(0) * at.factors] } else { &[] };
        let zeros = first.chunks_exact(at.factors).all(|row| is_zero(&row[features..features + at.units]));
        let behind = if zeros { first.len() / at.factors } else { 0 };
        if of_kernel == of_recurrent && behind == 0 {
            product(0..rows, of_kernel.clone(), 0, features + at.units);
        } else {
            if !projected {
                product(0..rows, of_kernel.clone(), 0, features);
            }
            product(behind..rows, of_recurrent.clone(), features, at.units);
        }
        start = Start::Accumulate;
        add_column_sums(dz, &mut bias);
        if let Some(dx) = &mut dx {
            let left = Left::rows(&dz[of_kernel.start..], wide);
            let dx_rows = &mut dx_rows[..rows * inputs];
            weights.kernel.multiply(left, rows, Out::rows(dx_rows, inputs), Start::Zero);
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

simd_fn! {
    /// Adds the first columns of panels that begin so far apart.
    fn add_panels(to: &mut [f32], panels: &[f32], between: usize) {
        for (to, at) in to.chunks_mut(PANEL).zip((0..).step_by(between)) {
            to.iter_mut().zip(&panels[at..at + PANEL]).for_each(|(to, from)| *to += from);
        }
    }
}

pub(super) fn backward<B: Host, C: Cell>(
    cell: C,
    inputs: RecurrentInputs<B>,
    saved: Vec<DynTensor<B>>,
    doutput: DynTensor<B>,
    dstates: Option<DynTensor<B>>,
    how: &Recurrence,
    [want_x, want_kernel, want_recurrent, want_bias, want_states]: [bool; 5],
) -> [Option<DynTensor<B>>; 5] {
    let lengths = Lengths::of(&inputs, how);
    let Lengths { batch, time, features, units, projected } = lengths;
    let shape = inputs.x.shape();
    let (kernel, recurrent) = (inputs.kernel.standard(), inputs.recurrent_kernel.standard());
    let (wide, padded) = (C::CELL.gates() * units, lengths.layout::<C>().units);
    let of_kernel = (want_x && !projected).then(|| kernel.floats());
    let weights = Weights::pack_transposed::<C>(lengths, of_kernel, recurrent.floats());
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
    let of_row = C::BLOCKS * padded;
    let mut cotangents = match how.steps.truth() {
        _ if projected => unwritten(plans.iter().map(Plan::len).sum::<usize>() * of_row),
        _ if !want_x => vec![],
        None => unwritten(batch * time * features),
        // The cotangent of a step that is left out is 0.
        Some(_) => vec![0.0; batch * time * features],
    };
    let mut rest = &mut cotangents[..];
    let wanted: Vec<Wanted> = if projected {
        let of_plan =
            |plan: &Plan| rest.split_off_mut(..plan.len() * of_row).expect("there are rows for every part");
        plans.iter().map(of_plan).map(Wanted::Products).collect()
    } else if want_x {
        deal(&plans, rest, time * features).into_iter().map(Wanted::Inputs).collect()
    } else {
        plans.iter().map(|_| Wanted::Nothing).collect()
    };
    let cost = 2 * lengths.cost::<C>(&plans);
    let tasks: Vec<_> = plans.iter().zip(saved.chunks_exact(2).zip(wanted)).collect();
    let parts = each(tasks, cost, |_, (plan, (saved, wanted))| {
        let kept = (saved[0].floats(), saved[1].floats());
        let given = (doutput.floats(), how.return_sequences, dstates.floats());
        unroll_back(cell, lengths, plan, &weights, kept, given, (wanted, want_states))
    });
    // Sums over the parts, in their order, of these blocks of these rows: out of panels that hold `all` rows.
    let sum = |part: fn(&PartCotangents) -> &[f32], all: usize, rows: Range<usize>, blocks: Range<usize>| {
        let mut out = vec![0.0; rows.len() * wide];
        let cost = parts.len() * out.len() * MOVE;
        each(out.chunks_mut(SUMMED * wide).collect(), cost, |index, out| {
            for part in parts.iter().map(part) {
                for (row, out) in (rows.start + index * SUMMED..).zip(out.chunks_exact_mut(wide)) {
                    for block in blocks.clone() {
                        let out = &mut out[C::gate(block) * units..][..units];
                        add_panels(out, &part[(block * padded / PANEL * all + row) * PANEL..], all * PANEL);
                    }
                }
            }
        });
        out
    };
    let all = features + padded;
    let (of_kernel, of_recurrent) = (0..features, features..features + units);
    let tensor = |values: Vec<f32>, rows: usize| DynTensor::from_floats(values, &[rows, wide]);
    let states: Vec<_> = parts.iter().map(|part| part.states.clone()).collect();
    let [dx, dkernel] = match &how.places {
        None => {
            let dkernel = want_kernel.then(|| sum(|part| &part.kernels, all, of_kernel, C::KERNEL));
            [want_x.then_some(cotangents), dkernel]
        }
        Some(places) => {
            let (x, at) = (inputs.x.standard(), lengths.layout::<C>());
            let rows: Vec<_> = plans.iter().flat_map(|plan| plan.places(places)).collect();
            let dz = (&cotangents[..], &rows[..]);
            project_backward::<C>(x.floats(), kernel.floats(), dz, (units, at), [want_x, want_kernel])
        }
    };
    [
        dx.map(|dx| DynTensor::from_floats(dx, &shape)),
        dkernel.map(|dkernel| tensor(dkernel, kernel.shape()[0])),
        want_recurrent.then(|| tensor(sum(|part| &part.kernels, all, of_recurrent, C::RECURRENT), units)),
        want_bias.then(|| {
            let rows = bias_rows::<C>().into_iter();
            let bias = rows.flat_map(|(_, blocks)| sum(|part| &part.bias, 1, 0..1, blocks)).collect();
            DynTensor::from_floats(bias, &C::CELL.bias_shape(units))
        }),
        want_states.then(|| {
            let states = gather_states::<C>(lengths, &plans, &states);
            DynTensor::from_floats(states, &[C::CELL.states(), batch, units])
        }),
    ]
}
