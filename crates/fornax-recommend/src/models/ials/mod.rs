//! [`Ials`]: implicit alternating least squares (Hu, Koren and Volinsky 2008).

mod half_steps;
mod update;

use fornax_core::linalg::{Aligned, NormalEquations};
use fornax_core::{Array, Error, Philox, Result};
use fornax_data::archive::MappedArrays;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use half_steps::{Row, gram_of, half, objective};

use super::factors::{Factors, by_factors, check_memory, check_most, most_of_equations};
use super::stored::{self, StoredModel, json};
use crate::ids::{Index, ItemIndex};
use crate::recommend::{Explain, FoldIn, Score, Scored, check, contributions, sorted_history};
use crate::sparse::UserItems;

/// Vectors `x_u` and `y_v` that minimize
///
/// `sum over all (u, v) of c_uv (p_uv - x_u · y_v)² + sum over u of l_u |x_u|² + sum over v of l_v |y_v|²`
///
/// where an interaction of weight `w` has the preference `p = 1` and the confidence `c = 1 + alpha w`, everything else 0 and 1.
/// `l_u = regularization (n_u + n / alpha)^frequency` with the number `n_u` of the user's interactions and `n` of all items, and
/// so for items (Rendle, Krichene, Zhang and Koren 2022, whose weight of unknown pairs is `1 / alpha`).
///
/// Users are solved for while items stand still, then items. With [`Solver::Cholesky`] each step finds the minimum, so that the
/// objective never rises. The result does not depend on the number of threads.
///
/// Defaults: alpha 1, regularization 1, frequency 0 (`l` is the same for all), 15 iterations, seed 0, no objectives, at most 4 GiB; the initial vectors of
/// items are normal, with a variance of `0.01 / factors`.
///
/// ```
/// use fornax_recommend::{Duplicates, Filter, Ials, Interactions, Recommend};
///
/// let log = [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("d", 3), ("d", 4), ("e", 3), ("e", 4), ("f", 4)];
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let model = Ials::new(4).alpha(5.0).regularization(0.1).fit(&log)?;
/// let list = model.recommend(log.users().expect("c")?, 1, &Filter::unseen(&log))?;
/// assert_eq!(*log.items().id(list[0].index), 2);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ials {
    factors: usize,
    alpha: f32,
    regularization: f32,
    frequency: f32,
    iterations: usize,
    solver: Solver,
    compute_objective: bool,
    seed: u64,
    memory: u64,
}

/// How the vectors of one side are found while the other stands still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Solver {
    /// Exactly: a row's matrix is built by blocks and solved by a Cholesky factorization. For `f` factors and `n` interactions
    /// that takes `n f² + f³ / 3` operations a row.
    #[default]
    Cholesky,
    /// Nearly: so many steps of the conjugate gradient method from where the vectors are, `4 (n f + f²)` operations each, as the
    /// library `implicit` does with 3 (Takács, Pilászy and Tikk 2011). Faster where there are many factors.
    ConjugateGradient {
        /// The steps of each row, at least 1.
        steps: usize,
    },
}

/// A fitted [`Ials`].
#[derive(Clone, Debug, PartialEq)]
pub struct IalsModel {
    factors: Factors,
    /// `YᵀY`, with rows in whole multiples of 16.
    gram: Vec<f32>,
    /// The vectors of items, with rows in whole multiples of 16.
    table: Vec<f32>,
    settings: Settings,
    objectives: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Settings {
    alpha: f32,
    regularization: f32,
    frequency: f32,
}

impl Settings {
    /// The regularization of a row with so many of all columns.
    fn ridge(self, count: usize, columns: usize) -> f32 {
        self.regularization * (count as f32 + columns as f32 / self.alpha).powf(self.frequency)
    }

    fn check(self) -> Result<()> {
        for (name, value) in [("alpha", self.alpha), ("regularization", self.regularization)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::argument(name, value, "a finite number above 0"));
            }
        }
        match self.frequency >= 0.0 && self.frequency.is_finite() {
            true => Ok(()),
            false => Err(Error::argument("frequency", self.frequency, "a finite number of 0 or more")),
        }
    }
}

impl Ials {
    /// With so many factors.
    pub fn new(factors: usize) -> Self {
        Self {
            factors,
            alpha: 1.0,
            regularization: 1.0,
            frequency: 0.0,
            iterations: 15,
            solver: Solver::default(),
            compute_objective: false,
            seed: 0,
            memory: 4 << 30,
        }
    }

    /// How much more an interaction of weight 1 counts than an unknown pair. The confidence of the library `implicit` is
    /// `alpha w`, without the 1: its 5 for weights of 1 is 4 here.
    pub fn alpha(self, alpha: f32) -> Self {
        Self { alpha, ..self }
    }

    /// The weight of the squared lengths of vectors.
    pub fn regularization(self, regularization: f32) -> Self {
        Self { regularization, ..self }
    }

    /// The exponent by which that grows with the number of interactions; 1 is the best in most studies.
    pub fn frequency(self, frequency: f32) -> Self {
        Self { frequency, ..self }
    }

    /// How often both sides are solved for.
    pub fn iterations(self, iterations: usize) -> Self {
        Self { iterations, ..self }
    }

    /// How the vectors of one side are found.
    pub fn solver(self, solver: Solver) -> Self {
        Self { solver, ..self }
    }

    /// Whether the objective is computed after each iteration; see [`IalsModel::objectives`].
    pub fn compute_objective(self, compute_objective: bool) -> Self {
        Self { compute_objective, ..self }
    }

    /// The most memory that the vectors may take, in bytes: 8 for a factor of each user and item, whose
    /// number is rounded up to a multiple of 16. The equations that are solved may take as much again, 260 for a square of
    /// factors, of which there are never more than 8192.
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// The seed of the initial vectors.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Fits the model to weights.
    ///
    /// # Errors
    /// If a setting is out of its domain, the factors take more memory than is allowed, a weight is negative, there is no interaction, or the equations cannot be solved in 32
    /// bits.
    pub fn fit(&self, interactions: &impl AsRef<UserItems>) -> Result<IalsModel> {
        let matrix = interactions.as_ref();
        self.check()?;
        matrix.check_weights()?;
        if matrix.is_empty() {
            return Err(Error::data("interactions", "none", "at least one"));
        }
        check_memory(self.factors, [matrix.rows(), matrix.columns()], self.memory)?;
        check_most(self.factors, most_of_equations(self.memory), self.memory)?;
        check_width(self.factors)?;
        let transposed = matrix.transposed();
        let settings = self.settings();
        let width = self.factors.next_multiple_of(16);
        let [mut users, mut items] =
            [matrix.rows(), matrix.columns()].map(|rows| Aligned::zeros(rows * width));
        let (mut random, deviation) =
            (Philox::new(self.seed).named("ials"), 0.1 / (self.factors as f32).sqrt());
        for item in items.chunks_exact_mut(width) {
            item[..self.factors].iter_mut().for_each(|x| *x = deviation * random.normal());
        }
        let mut objectives = vec![];
        for _ in 0..self.iterations {
            half(matrix, &items, &mut users, width, settings, self.solver)?;
            let gram = half(&transposed, &users, &mut items, width, settings, self.solver)?;
            if self.compute_objective {
                objectives.push(objective(matrix, &transposed, [&users, &items], &gram, width, settings));
            }
        }
        // Users last: a known user and one with the same history have the same vector.
        let gram = half(matrix, &items, &mut users, width, settings, self.solver)?;
        // Before the copies: it is as large as the log.
        drop(transposed);
        let of_users = narrowed(&users, width, self.factors);
        drop(users);
        let factors = Factors::from_parts(self.factors, of_users, narrowed(&items, width, self.factors));
        let gram = gram.to_vec();
        Ok(IalsModel { factors, gram, table: items.to_vec(), settings, objectives })
    }

    fn check(&self) -> Result<()> {
        if self.factors == 0 {
            return Err(Error::argument("factors", 0, "at least 1"));
        }
        if self.iterations == 0 {
            return Err(Error::argument("iterations", 0, "at least 1"));
        }
        if self.solver == (Solver::ConjugateGradient { steps: 0 }) {
            return Err(Error::argument("steps", 0, "at least 1"));
        }
        self.settings().check()
    }

    fn settings(&self) -> Settings {
        Settings { alpha: self.alpha, regularization: self.regularization, frequency: self.frequency }
    }
}

impl IalsModel {
    /// The vectors of users and items.
    pub fn factors(&self) -> &Factors {
        &self.factors
    }

    /// The objective after each iteration, where it was computed.
    pub fn objectives(&self) -> &[f64] {
        &self.objectives
    }

    /// The vector that someone with this history of items and weights would have, with the items as they are.
    ///
    /// # Errors
    /// If an item is not known or comes twice, or a weight is negative or not finite.
    pub fn vector_from(&self, history: &[(ItemIndex, f32)]) -> Result<Vec<f32>> {
        let (columns, weights) = self.weights(history)?;
        let mut row = Row::new(self.padded_width());
        let items = self.item_count();
        let solution = row.solve(&columns, &weights, &self.table, &self.gram, items, self.settings)?;
        Ok(solution[..self.factors.width()].to_vec())
    }

    /// The elements of a row of the table and of the Gram matrix.
    fn padded_width(&self) -> usize {
        self.factors.width().next_multiple_of(16)
    }

    fn weights(&self, history: &[(ItemIndex, f32)]) -> Result<(Vec<u32>, Vec<f32>)> {
        let (columns, weights) = sorted_history(history, self.item_count())?;
        if let Some(at) = weights.iter().position(|&weight| weight < 0.0) {
            let place = format!("history, item {}", columns[at]);
            return Err(Error::data(place, weights[at], "a weight of 0 or more"));
        }
        Ok((columns, weights))
    }
}

by_factors!(IalsModel);

#[derive(Serialize, Deserialize)]
struct Header {
    settings: Settings,
    objectives: Vec<f64>,
}

impl StoredModel for IalsModel {
    const KIND: &'static str = "ials";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        let header = Header { settings: self.settings, objectives: self.objectives.clone() };
        (json(&header), self.factors.arrays())
    }

    fn from_parts(header: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        let Header { settings, objectives } = stored::settings(header)?;
        settings.check()?;
        let factors = Factors::from_arrays(arrays, seen)?;
        check_width(factors.width())?;
        let width = factors.width().next_multiple_of(16);
        let table = widened(factors.items(), factors.width(), width);
        let mut gram = vec![0.0; width * width];
        gram_of(&table, width, &mut gram);
        Ok(Self { factors, gram, table, settings, objectives })
    }
}

/// The most factors: their Gram matrix, which no file has, takes 256 MiB.
const MOST_FACTORS: usize = 8192;

fn check_width(factors: usize) -> Result<()> {
    match factors <= MOST_FACTORS {
        true => Ok(()),
        false => Err(Error::argument("factors", factors, format!("at most {MOST_FACTORS}"))),
    }
}

/// Rows with zeros behind them.
fn widened(table: &[f32], width: usize, wide: usize) -> Vec<f32> {
    let mut out = vec![0.0; table.len() / width * wide];
    let rows = out.chunks_exact_mut(wide).zip(table.chunks_exact(width));
    rows.for_each(|(to, row)| to[..width].copy_from_slice(row));
    out
}

/// Rows without what [`widened`] adds.
fn narrowed(table: &[f32], wide: usize, width: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(table.len() / wide * width);
    table.chunks_exact(wide).for_each(|row| out.extend_from_slice(&row[..width]));
    out
}

impl FoldIn for IalsModel {
    fn scores_from(&self, history: &[(ItemIndex, f32)]) -> Result<Vec<f32>> {
        Ok(self.factors.scores_of(&self.vector_from(history)?))
    }
}

/// `c_w y_v · A⁻¹ y_w` for each item `w`, with the matrix `A` of the user's equations (section 5 of the paper).
impl Explain for IalsModel {
    fn explain(&self, history: &[(ItemIndex, f32)], item: ItemIndex) -> Result<Vec<Scored>> {
        check("item", item, self.item_count())?;
        let (columns, mut weights) = self.weights(history)?;
        weights.iter_mut().for_each(|weight| *weight *= self.settings.alpha);
        let mut equations = NormalEquations::new(self.padded_width());
        equations.reset(&self.gram, self.settings.ridge(columns.len(), self.item_count()));
        equations.add(&columns, &weights, &vec![0.0; columns.len()], &self.table);
        equations.add(&[item.get() as u32], &[0.0], &[1.0], &self.table);
        let solution = equations.solve()?[..self.factors.width()].to_vec();
        let products = self.factors.scores_of(&solution);
        let each = columns.into_iter().zip(weights);
        Ok(contributions(each.map(|(at, weight)| (at, (1.0 + weight) * products[at as usize]))))
    }
}
