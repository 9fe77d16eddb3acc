//! Which row takes which time step when: padding is left out before anything is computed.

use crate::ops::{Places, Recurrence};

/// Rows of a part. Parts do not depend on the number of threads.
const ROWS: usize = 16;

/// A part of a batch. Its rows are sorted, the longest first, and step `s` takes the first `active(s)` of them: each row's
/// `s`-th time step that counts, whichever that is. Row `r` of step `s` is packed row `first(s) + r`.
pub(super) struct Plan {
    /// The row of the batch.
    pub(super) rows: Vec<usize>,
    /// Time steps that count, by row, in the order in which they are taken.
    times: Vec<Vec<usize>>,
    /// Where the rows of each step begin, and the end.
    starts: Vec<usize>,
}

impl Plan {
    /// The parts of a batch. Long and short rows are spread over them evenly.
    pub(super) fn parts(how: &Recurrence, batch: usize, time: usize) -> Vec<Self> {
        let times = |row: usize| {
            let counts = |t: &usize| how.steps.truth().is_none_or(|truth| truth[row * time + t]);
            let mut times: Vec<usize> = (0..time).filter(counts).collect();
            if how.reverse {
                times.reverse();
            }
            (row, times)
        };
        let mut rows: Vec<(usize, Vec<usize>)> = (0..batch).map(times).collect();
        rows.sort_by_key(|(_, times)| std::cmp::Reverse(times.len()));
        let count = batch.div_ceil(ROWS);
        let mut parts: Vec<Vec<(usize, Vec<usize>)>> = (0..count).map(|_| vec![]).collect();
        rows.into_iter().enumerate().for_each(|(at, row)| parts[at % count].push(row));
        parts.into_iter().map(Self::new).collect()
    }

    fn new(part: Vec<(usize, Vec<usize>)>) -> Self {
        let (rows, times): (Vec<usize>, Vec<Vec<usize>>) = part.into_iter().unzip();
        let steps = times.first().map_or(0, Vec::len);
        let mut starts = vec![0];
        for step in 0..steps {
            starts.push(starts[step] + times.partition_point(|times| times.len() > step));
        }
        Self { rows, times, starts }
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
        self.times[row][step]
    }

    /// The places of the packed rows.
    pub(super) fn places(&self, places: &Places) -> impl Iterator<Item = usize> {
        let time = places.shape()[1];
        let of_row = move |row: usize, step: usize| self.rows[row] * time + self.time(row, step);
        let steps =
            (0..self.steps()).flat_map(move |step| (0..self.active(step)).map(move |row| of_row(row, step)));
        steps.map(|at| places.rows()[at] as usize)
    }

    /// Whether row `row` takes a step at all.
    pub(super) fn counts(&self, row: usize) -> bool {
        !self.times[row].is_empty()
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
