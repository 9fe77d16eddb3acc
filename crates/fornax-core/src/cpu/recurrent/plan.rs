//! Which row takes which time step when: padding is left out before anything is computed.

use std::cmp::Reverse;

use crate::ops::{Places, Recurrence};

/// Rows of a part. Parts do not depend on the number of threads.
const ROWS: usize = 16;

/// A part of a batch. Its rows are sorted, the longest first, and step `s` takes the first `active(s)` of them: each row's
/// `s`-th time step that counts, whichever that is. Row `r` of step `s` is packed row `first(s) + r`.
pub(super) struct Plan {
    /// The row of the batch.
    pub(super) rows: Vec<usize>,
    /// The time of each packed row.
    times: Vec<usize>,
    /// Where the rows of each step begin, and the end.
    starts: Vec<usize>,
}

impl Plan {
    /// The parts of a batch. Long and short rows are spread over them evenly.
    pub(super) fn parts(how: &Recurrence, batch: usize, time: usize) -> Vec<Self> {
        let truth = how.steps.truth();
        let count_of = |truth: &[bool]| truth.iter().filter(|counts| **counts).count();
        let length = |row: usize| truth.map_or(time, |truth| count_of(&truth[row * time..][..time]));
        let lengths: Vec<usize> = (0..batch).map(length).collect();
        let mut rows: Vec<usize> = (0..batch).collect();
        rows.sort_by_key(|&row| Reverse(lengths[row]));
        let count = batch.div_ceil(ROWS);
        let part = |part: usize| {
            let rows: Vec<usize> = rows.iter().copied().skip(part).step_by(count).collect();
            let steps = rows.first().map_or(0, |&row| lengths[row]);
            let mut starts = Vec::with_capacity(steps + 1);
            starts.push(0);
            for step in 0..steps {
                starts.push(starts[step] + rows.partition_point(|&row| lengths[row] > step));
            }
            let mut times = vec![0; starts[steps]];
            for (at, row) in rows.iter().enumerate() {
                let order = (0..time).map(|step| if how.reverse { time - 1 - step } else { step });
                let order = order.filter(|t| truth.is_none_or(|truth| truth[row * time + t]));
                order.zip(&starts).for_each(|(t, start)| times[start + at] = t);
            }
            Self { rows, times, starts }
        };
        (0..count).map(part).collect()
    }

    pub(super) fn steps(&self) -> usize {
        self.starts.len() - 1
    }

    /// Packed rows.
    pub(super) fn len(&self) -> usize {
        self.starts[self.steps()]
    }

    pub(super) fn first(&self, step: usize) -> usize {
        self.starts[step]
    }

    pub(super) fn active(&self, step: usize) -> usize {
        self.starts[step + 1] - self.starts[step]
    }

    /// The time of row `row` of step `step`.
    pub(super) fn time(&self, row: usize, step: usize) -> usize {
        self.times[self.starts[step] + row]
    }

    /// The places of the packed rows.
    pub(super) fn places(&self, places: &Places) -> impl Iterator<Item = usize> {
        let time = places.shape()[1];
        let rows = (0..self.steps()).flat_map(|step| &self.rows[..self.active(step)]);
        rows.zip(&self.times).map(move |(row, t)| places.rows()[row * time + t] as usize)
    }

    /// Whether row `row` takes a step at all.
    pub(super) fn counts(&self, row: usize) -> bool {
        self.steps() > 0 && row < self.active(0)
    }

    /// Ranges of steps of about `rows` packed rows each.
    pub(super) fn chunks(&self, rows: usize) -> Vec<std::ops::Range<usize>> {
        let mut chunks = vec![];
        let mut start = 0;
        while start < self.steps() {
            let fits = self.starts[start..].partition_point(|&first| first - self.starts[start] <= rows);
            let end = (start + fits - 1).max(start + 1);
            chunks.push(start..end);
            start = end;
        }
        chunks
    }
}
