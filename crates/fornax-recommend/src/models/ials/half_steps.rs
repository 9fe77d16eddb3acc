//! Half steps: the vectors of one side while the other stands still, and the objective.

use fornax_core::linalg::{Aligned, ConjugateGradients, Matrix, NormalEquations, RowEquations, multiply};
use fornax_core::{Error, Result};
use rayon::prelude::*;

use super::{Settings, Solver};
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::sparse::{SparseMatrix, UserItems};

/// Solves for every row of `out` against the `table` of the other side, and returns the Gram matrix of that.
pub(super) fn half<R: Index, C: Index>(
    matrix: &SparseMatrix<R, C>,
    table: &[f32],
    out: &mut [f32],
    width: usize,
    settings: Settings,
    solver: Solver,
) -> Result<Aligned> {
    let mut gram = Aligned::zeros(width * width);
    gram_of(table, width, &mut gram);
    let half = Half { matrix, table, gram, width, settings };
    match solver {
        Solver::Cholesky => half.exactly(out)?,
        Solver::ConjugateGradient { steps } => half.nearly(steps, out)?,
    }
    Ok(half.gram)
}

/// Rows that a task solves for.
const ROWS: usize = 32;

struct Half<'a, R, C> {
    matrix: &'a SparseMatrix<R, C>,
    table: &'a [f32],
    gram: Aligned,
    width: usize,
    settings: Settings,
}

impl<R: Index, C: Index> Half<'_, R, C> {
    fn exactly(&self, out: &mut [f32]) -> Result<()> {
        let Self { matrix, table, gram, width, settings } = self;
        let (width, settings) = (*width, *settings);
        out.par_chunks_mut(ROWS * width).enumerate().try_for_each_init(
            || Row::new(width),
            |row, (chunk, out)| {
                for (at, out) in out.chunks_exact_mut(width).enumerate() {
                    let index = R::new((chunk * ROWS + at) as u32);
                    let (columns, values) = matrix.row(index);
                    let solution = row.solve(columns, values, table, gram, matrix.columns(), settings);
                    let solution =
                        solution.map_err(|error| error.within(format!("{} {}", R::NAME, index.get())))?;
                    out.copy_from_slice(solution);
                }
                Ok(())
            },
        )
    }

    fn nearly(&self, steps: usize, out: &mut [f32]) -> Result<()> {
        let Self { matrix, table, gram, width, settings } = self;
        let (width, settings) = (*width, *settings);
        let most = ConjugateGradients::entries(width);
        out.par_chunks_mut(ROWS * width).enumerate().try_for_each_init(
            || ConjugateGradients::new(width),
            |solver, (chunk, out)| {
                let first = chunk * ROWS;
                let rows = out.len() / width;
                let entries = matrix.range(first).start..matrix.range(first + rows - 1).end;
                let weights: Vec<f32> =
                    matrix.values()[entries.clone()].iter().map(|value| settings.alpha * value).collect();
                let right: Vec<f32> = weights.iter().map(|weight| 1.0 + weight).collect();
                let equations: Vec<RowEquations> = (first..first + rows)
                    .map(|row| {
                        let range = matrix.range(row);
                        let own = range.start - entries.start..range.end - entries.start;
                        RowEquations {
                            indices: &matrix.indices()[range.clone()],
                            weights: &weights[own.clone()],
                            right: &right[own],
                            ridge: settings.ridge(range.len(), matrix.columns()),
                        }
                    })
                    .collect();
                let mut start = 0;
                while start < rows {
                    let mut entries = equations[start].indices.len();
                    let fit = equations[start + 1..].iter().take_while(|row| {
                        entries += row.indices.len();
                        entries <= most
                    });
                    let end = start + 1 + fit.count();
                    let out = &mut out[start * width..end * width];
                    solver.solve(&equations[start..end], gram, table, steps, out);
                    if let Some(at) = out.iter().position(|x| !x.is_finite()) {
                        let place = format!("{} {}", R::NAME, first + start + at / width);
                        return Err(Error::training(place, "a number that is not finite", "smaller weights"));
                    }
                    start = end;
                }
                Ok(())
            },
        )
    }
}

/// Solves exactly for some rows against the `table` of the other side: their vectors, one after the other.
pub(super) fn some_rows<R: Index, C: Index>(
    matrix: &SparseMatrix<R, C>,
    rows: &[R],
    table: &[f32],
    gram: &[f32],
    width: usize,
    settings: Settings,
) -> Result<Vec<f32>> {
    let mut out = vec![0.0; rows.len() * width];
    let each = out.par_chunks_mut(width).zip(rows);
    each.try_for_each_init(
        || Row::new(width),
        |row, (out, &index)| {
            let (columns, values) = matrix.row(index);
            let solution = row.solve(columns, values, table, gram, matrix.columns(), settings);
            let place = || format!("{} {}", R::NAME, index.get());
            out.copy_from_slice(solution.map_err(|error| error.within(place()))?);
            Ok(())
        },
    )?;
    Ok(out)
}

pub(super) fn gram_of(table: &[f32], width: usize, out: &mut [f32]) {
    let table = Matrix::new(table, table.len() / width, width);
    multiply(1.0, table.t(), table, 0.0, out, width);
}

/// What solving for a row needs.
pub(super) struct Row {
    equations: NormalEquations,
    weights: Vec<f32>,
    right: Vec<f32>,
}

impl Row {
    pub(super) fn new(width: usize) -> Self {
        Self { equations: NormalEquations::new(width), weights: vec![], right: vec![] }
    }

    pub(super) fn solve(
        &mut self,
        columns: &[u32],
        values: &[f32],
        table: &[f32],
        gram: &[f32],
        all: usize,
        settings: Settings,
    ) -> Result<&[f32]> {
        self.weights.clear();
        self.weights.extend(values.iter().map(|value| settings.alpha * value));
        self.right.clear();
        self.right.extend(self.weights.iter().map(|weight| 1.0 + weight));
        self.equations.reset(gram, settings.ridge(columns.len(), all));
        self.equations.add(columns, &self.weights, &self.right, table);
        let solution = self.equations.solve()?;
        match solution.iter().all(|x| x.is_finite()) {
            true => Ok(solution),
            false => Err(Error::training("vector", "a number that is not finite", "smaller weights")),
        }
    }
}

/// The objective, without the pairs one by one: `sum of c (p - s)² = sum over known of (c (1 - s)² - s²) + sum over all of s²`, and
/// the last sum is that of `XᵀX` times `YᵀY`, entry by entry.
pub(super) fn objective(
    matrix: &UserItems,
    transposed: &SparseMatrix<ItemIndex, UserIndex>,
    [users, items]: [&[f32]; 2],
    users_gram: &[f32],
    width: usize,
    settings: Settings,
) -> f64 {
    let wide = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let mut items_gram = vec![0.0; width * width];
    gram_of(items, width, &mut items_gram);
    let all: f64 = wide(users_gram).iter().zip(wide(&items_gram)).map(|(a, b)| a * b).sum();
    let row = |table: &'_ [f32], at: usize| table[at * width..][..width].to_vec();
    let per_user: Vec<f64> = (0..matrix.rows())
        .into_par_iter()
        .map(|user| {
            let (columns, values) = matrix.row(UserIndex::new(user as u32));
            let x = row(users, user);
            let known = columns.iter().zip(values).map(|(&item, &value)| {
                let score = dot(&x, &items[item as usize * width..][..width]);
                (1.0 + f64::from(settings.alpha * value)) * (1.0 - score).powi(2) - score * score
            });
            let ridge = f64::from(settings.ridge(columns.len(), matrix.columns()));
            known.sum::<f64>() + ridge * dot(&x, &x)
        })
        .collect();
    let of_items = (0..matrix.columns()).map(|item| {
        let count = transposed.row(ItemIndex::new(item as u32)).0.len();
        let y = &items[item * width..][..width];
        f64::from(settings.ridge(count, matrix.rows())) * dot(y, y)
    });
    all + per_user.iter().sum::<f64>() + of_items.sum::<f64>()
}
