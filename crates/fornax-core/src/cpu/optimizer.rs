//! Adam and plain SGD in one pass in place; the other rules run by Burn's operations.

use super::adam::{Rates, adam, adam_at_rest};
use super::embedding::{AHEAD, row_numbers};
use super::host::{Host, HostTensor};
use super::impl_for_cpu;
use super::tasks::{MOVE, each};
use crate::ops::{OptimizerOps, Slots, UpdateRule, optimizer};
use crate::prefetch::prefetch_row;
use crate::{DynTensor, Indices};

simd_fn! {
    /// `w -= alpha g`.
    fn descend(w: &mut [f32], g: &[f32], alpha: f32) {
        w.iter_mut().zip(g).for_each(|(w, &g)| *w -= alpha * g);
    }
}

/// Weights of a part, which a thread updates.
const PART: usize = 1 << 15;

/// Rows of a table that a thread updates.
const ROWS: usize = 256;

/// The rates that [`adam`] takes at step `t`.
fn adam_rates([beta_1, beta_2, epsilon]: [f64; 3], alpha: f64, t: u64) -> Rates {
    let corrected = alpha * (1.0 - beta_2.powf(t as f64)).sqrt() / (1.0 - beta_1.powf(t as f64));
    let [alpha, first, second, epsilon] =
        [corrected, 1.0 - beta_1, 1.0 - beta_2, epsilon].map(|rate| rate as f32);
    Rates { alpha, first, second, epsilon }
}

/// The numbers of rows of a table of so many; they have to ascend and to lie in it.
fn ascending<B: Host>(rows: &Indices<B>, count: usize) -> Vec<u32> {
    let rows: Vec<u32> = row_numbers(rows).map(|row| row as u32).collect();
    assert!(rows.is_sorted_by(|a, b| a < b), "rows ascend");
    assert!(rows.last().is_none_or(|&last| (last as usize) < count), "rows lie in the table");
    rows
}

/// Adam's step of the rows from `first` on that `[w, m, v]` hold, of which `rows` have the gradients `g`: those between two of them by
/// a gradient of zeros, neighbours at once.
fn adam_by_rows(
    [w, m, v]: [&mut [f32]; 3],
    first: usize,
    rows: &[u32],
    g: &[f32],
    width: usize,
    rates: Rates,
) {
    let end = first + w.len() / width;
    let (mut row, mut rest) = (first, rows);
    while row < end {
        let next = rest.first().map_or(end, |&next| next as usize);
        let between = (row - first) * width..(next - first) * width;
        adam_at_rest(&mut w[between.clone()], &mut m[between.clone()], &mut v[between], rates);
        let run = rest.iter().zip(next as u32..).take_while(|(row, at)| **row == *at).count();
        let (run_at, g_at) = ((next - first) * width, (rows.len() - rest.len()) * width);
        let (run_of, g_of) = (run_at..run_at + run * width, g_at..g_at + run * width);
        adam(&mut w[run_of.clone()], &mut m[run_of.clone()], &mut v[run_of], &g[g_of], rates);
        (row, rest) = (next + run, &rest[run..]);
    }
}

impl_for_cpu!(OptimizerOps {
    const ROW_GRADIENTS: bool = true;

    fn update(
        rule: &UpdateRule,
        weight: DynTensor<Self>,
        slots: &mut Slots<Self>,
        gradient: DynTensor<Self>,
        alpha: f64,
        t: u64,
    ) -> DynTensor<Self> {
        match *rule {
            UpdateRule::Adam { beta_1, beta_2, epsilon, amsgrad: false } => {
                let (mut w, g) = (weight.standard(), gradient.standard());
                let rates = adam_rates([beta_1, beta_2, epsilon], alpha, t);
                let [m, v] = &mut slots[..] else { panic!("Adam keeps two moments") };
                assert!([m.len(), v.len(), g.len()] == [w.len(); 3], "moments and gradient are the weight's");
                let moments = m.floats_mut().chunks_mut(PART).zip(v.floats_mut().chunks_mut(PART));
                let parts = w.floats_mut().chunks_mut(PART).zip(g.floats().chunks(PART)).zip(moments);
                each(parts.collect(), 7 * MOVE * g.len(), |_, ((w, g), (m, v))| adam(w, m, v, g, rates));
                w
            }
            UpdateRule::Sgd { momentum: 0.0, .. } => {
                let (mut w, g) = (weight.standard(), gradient.standard());
                assert_eq!(w.len(), g.len(), "the gradient is the weight's");
                let parts = w.floats_mut().chunks_mut(PART).zip(g.floats().chunks(PART));
                each(parts.collect(), 3 * MOVE * g.len(), |_, (w, g)| descend(w, g, alpha as f32));
                w
            }
            _ => optimizer::reference(rule, weight, slots, gradient, alpha, t),
        }
    }

    fn update_by_rows(
        rule: &UpdateRule,
        table: DynTensor<Self>,
        slots: &mut Slots<Self>,
        rows: Indices<Self>,
        gradient: DynTensor<Self>,
        alpha: f64,
        t: u64,
    ) -> DynTensor<Self> {
        let UpdateRule::Adam { beta_1, beta_2, epsilon, amsgrad: false } = *rule else {
            return optimizer::reference_by_rows(rule, table, slots, rows, gradient, alpha, t);
        };
        let (mut w, g) = (table.standard(), gradient.standard());
        let rates = adam_rates([beta_1, beta_2, epsilon], alpha, t);
        let [m, v] = &mut slots[..] else { panic!("Adam keeps two moments") };
        assert!([m.len(), v.len()] == [w.len(); 2], "moments are the table's");
        let (width, work) = (w.shape()[1].max(1), 6 * MOVE * w.len());
        let rows = ascending(&rows, w.shape()[0]);
        let of_part = (PART / width).max(1);
        let tables = w.floats_mut().chunks_mut(of_part * width);
        let tables = tables.zip(m.floats_mut().chunks_mut(of_part * width));
        let tables = tables.zip(v.floats_mut().chunks_mut(of_part * width));
        each(tables.collect(), work, |part, ((w, m), v)| {
            let first = part * of_part;
            let [from, to] = [first, first + of_part].map(|end| rows.partition_point(|&row| (row as usize) < end));
            let g = &g.floats()[from * width..to * width];
            adam_by_rows([w, m, v], first, &rows[from..to], g, width, rates);
        });
        w
    }

    fn update_rows(
        rule: &UpdateRule,
        table: DynTensor<Self>,
        slots: &mut Slots<Self>,
        rows: Indices<Self>,
        gradient: DynTensor<Self>,
        alpha: f64,
        t: u64,
    ) -> DynTensor<Self> {
        let UpdateRule::Adam { beta_1, beta_2, epsilon, amsgrad: false } = *rule else {
            return optimizer::reference_of_rows(rule, table, slots, rows, gradient, alpha, t);
        };
        let (mut w, g) = (table.standard(), gradient.standard());
        let rates = adam_rates([beta_1, beta_2, epsilon], alpha, t);
        let [m, v] = &mut slots[..] else { panic!("Adam keeps two moments") };
        let width = w.shape()[1].max(1);
        let rows = ascending(&rows, w.shape()[0]);
        let mut tables = [w.floats_mut(), m.floats_mut(), v.floats_mut()];
        let mut first = 0;
        // Parts of the rows with those of the tables from one to the next.
        let mut parts = vec![];
        for (rows, g) in rows.chunks(ROWS).zip(g.floats().chunks(ROWS * width)) {
            let end = rows[rows.len() - 1] as usize + 1;
            let of_part = tables.each_mut().map(|table| table.split_off_mut(..(end - first) * width));
            parts.push((first as u32, rows, g, of_part.map(|part| part.expect("rows lie in the table"))));
            first = end;
        }
        each(parts, 7 * MOVE * g.len(), |_, (first, rows, g, [w, m, v])| {
            let rows: Vec<u32> = rows.iter().map(|row| row - first).collect();
            for (at, (g, &row)) in g.chunks_exact(width).zip(&rows).enumerate() {
                for table in [&*w, m, v] {
                    prefetch_row(table, width, &rows, at, AHEAD);
                }
                let row = row as usize * width..(row as usize + 1) * width;
                adam(&mut w[row.clone()], &mut m[row.clone()], &mut v[row], g, rates);
            }
        });
        w
    }
});
