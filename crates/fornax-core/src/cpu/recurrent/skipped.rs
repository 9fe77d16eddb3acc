//! Outputs of time steps that a mask leaves out, and their cotangents.

use super::Lengths;
use crate::ops::Recurrence;

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
pub(super) fn fill_skipped(how: &Recurrence, lengths: Lengths, output: &mut [f32]) {
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
pub(super) fn fold_skipped(how: &Recurrence, lengths: Lengths, doutput: &mut [f32]) {
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
