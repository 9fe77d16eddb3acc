//! [`Als`]: alternating least squares over the known ratings (Zhou, Wilkinson, Schreiber and Pan 2008).

use fornax_core::linalg::NormalEquations;
use fornax_core::{Array, Error, Philox, Result};
use fornax_data::archive::MappedArrays;
use rayon::prelude::*;
use serde_json::Value as Json;

use super::Scale;
use super::biased_factors::{BiasedFactors, FittedFactors, by_fitted_factors, draw};
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::factors::{check_most, most_of_equations};
use crate::models::products::product;
use crate::models::stored::{StoredModel, json, settings};
use crate::sparse::{SparseMatrix, UserItems};

/// `r_uv = mean + b_u + b_v + p_u · q_v` with what minimizes
///
/// `sum over known (u, v) of (r - r_uv)² + regularization (sum over u of n_u (b_u² + |p_u|²) + sum over v of n_v (b_v² + |q_v|²))`
///
/// with the numbers `n_u` and `n_v` of known ratings (ALS-WR, weighted regularization). The paper has neither the mean nor
/// biases; [`biases`](Self::biases) can do without them. Users are solved for exactly while items stand still, then items, so
/// that the objective never rises. The result does not depend on the number of threads.
///
/// Defaults: regularization 0.1, 15 iterations, with biases, no objectives, seed 0, at most 4 GiB; the initial vectors of items
/// are normal with standard deviation 0.1.
///
/// ```
/// use fornax_recommend::{Als, Duplicates, Interactions, Predict};
///
/// let log = Interactions::from_events([("a", 1, 5.0), ("a", 2, 3.0), ("b", 1, 4.0)], Duplicates::Error)?;
/// let model = Als::new(10).regularization(0.001).fit(&log)?;
/// assert!((model.predict(log.users().get("a"), log.items().get(&1)) - 5.0).abs() < 0.1);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Als {
    factors: usize,
    regularization: f32,
    iterations: usize,
    biases: bool,
    compute_objective: bool,
    seed: u64,
    memory: u64,
}

/// A fitted [`Als`].
#[derive(Clone, Debug, PartialEq)]
pub struct AlsModel {
    learnt: FittedFactors,
    objectives: Vec<f64>,
}

by_fitted_factors!(AlsModel);

impl Als {
    /// With so many factors.
    pub fn new(factors: usize) -> Self {
        Self {
            factors,
            regularization: 0.1,
            iterations: 15,
            biases: true,
            compute_objective: false,
            seed: 0,
            memory: 4 << 30,
        }
    }

    /// The weight of the squares of what is learnt, for each rating.
    pub fn regularization(self, regularization: f32) -> Self {
        Self { regularization, ..self }
    }

    /// How often both sides are solved for.
    pub fn iterations(self, iterations: usize) -> Self {
        Self { iterations, ..self }
    }

    /// Whether users and items have biases beside their vectors.
    pub fn biases(self, biases: bool) -> Self {
        Self { biases, ..self }
    }

    /// Whether the objective is computed after each iteration; see [`AlsModel::objectives`].
    pub fn compute_objective(self, compute_objective: bool) -> Self {
        Self { compute_objective, ..self }
    }

    /// The most memory that the vectors may take, in bytes: 8 for a factor or bias of each user and item, whose number is
    /// rounded up to a multiple of 16. The equations that are solved may take as much again.
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// The seed of the initial vectors.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Fits the model.
    ///
    /// # Errors
    /// If a setting is out of its domain, the factors take more memory than is allowed, there is no rating, or the equations
    /// cannot be solved in 32 bits.
    pub fn fit(&self, ratings: &impl AsRef<UserItems>) -> Result<AlsModel> {
        self.check()?;
        let matrix = ratings.as_ref();
        let scale = Scale::of(matrix)?;
        let rows = (matrix.rows() + matrix.columns()) as u64;
        let most = (self.memory / 8 / rows / 16 * 16).min(most_of_equations(self.memory));
        check_most(self.factors, most.saturating_sub(1), self.memory)?;
        let transposed = matrix.transposed();
        let mut users = Side::new(matrix.rows(), self.factors);
        let mut items = Side::new(matrix.columns(), self.factors);
        let drawn = draw(matrix.columns(), self.factors, Philox::new(self.seed).named("als").stream(0));
        for (row, vector) in items.table.chunks_exact_mut(items.width).zip(drawn.chunks_exact(self.factors)) {
            row[..self.factors].copy_from_slice(vector);
            row[self.factors] = self.one();
        }
        let mut objectives = vec![];
        for _ in 0..self.iterations {
            self.half(matrix, scale.mean as f32, &items, &mut users)?;
            self.half(&transposed, scale.mean as f32, &users, &mut items)?;
            if self.compute_objective {
                objectives.push(self.objective(matrix, &transposed, scale.mean, &users, &items));
            }
        }
        let factors = BiasedFactors {
            scale,
            factors: self.factors,
            users: users.vectors(self.factors),
            user_biases: users.biases,
            items: items.vectors(self.factors),
            item_biases: items.biases,
        };
        Ok(AlsModel { learnt: factors.fitted(), objectives })
    }

    /// What a bias is multiplied with.
    fn one(&self) -> f32 {
        f32::from(u8::from(self.biases))
    }

    /// Solves for every row of `out` while `other` stands still.
    fn half<R: Index, C: Index>(
        &self,
        matrix: &SparseMatrix<R, C>,
        mean: f32,
        other: &Side,
        out: &mut Side,
    ) -> Result<()> {
        let width = out.width;
        let gram = vec![0.0; width * width];
        let rows = out.table.par_chunks_exact_mut(width).zip(&mut out.biases).enumerate();
        rows.try_for_each_init(
            || (NormalEquations::new(width), vec![], vec![]),
            |(equations, weights, right), (row, (vector, bias))| {
                let (columns, ratings) = matrix.row(R::new(row as u32));
                if columns.is_empty() {
                    vector.fill(0.0);
                    return Ok(());
                }
                weights.clear();
                weights.resize(columns.len(), 1.0);
                right.clear();
                let each = columns.iter().zip(ratings);
                right.extend(each.map(|(&column, rating)| rating - mean - other.biases[column as usize]));
                equations.reset(&gram, self.regularization * columns.len() as f32);
                equations.add(columns, weights, right, &other.table);
                let within = |error: Error| error.within(format!("{} {row}", R::NAME));
                let solution = equations.solve().map_err(within)?;
                if let Some(bad) = solution.iter().find(|x| !x.is_finite()) {
                    return Err(within(Error::training("vector", bad, "finite numbers: smaller ratings")));
                }
                vector[..self.factors].copy_from_slice(&solution[..self.factors]);
                vector[self.factors] = self.one();
                *bias = solution[self.factors];
                Ok(())
            },
        )
    }

    fn objective(
        &self,
        matrix: &UserItems,
        transposed: &SparseMatrix<ItemIndex, UserIndex>,
        mean: f64,
        users: &Side,
        items: &Side,
    ) -> f64 {
        let errors = matrix.entries().map(|(user, item, rating)| {
            let product = product(users.vector(user, self.factors), items.vector(item, self.factors));
            let biases = f64::from(users.biases[user.get()]) + f64::from(items.biases[item.get()]);
            (f64::from(rating) - mean - biases - f64::from(product)).powi(2)
        });
        let squares = users.squares(matrix, self.factors) + items.squares(transposed, self.factors);
        errors.sum::<f64>() + f64::from(self.regularization) * squares
    }

    fn check(&self) -> Result<()> {
        for (name, value) in [("factors", self.factors), ("iterations", self.iterations)] {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least 1"));
            }
        }
        match self.regularization > 0.0 && self.regularization.is_finite() {
            true => Ok(()),
            false => Err(Error::argument("regularization", self.regularization, "a finite number above 0")),
        }
    }
}

/// What one side has learnt.
struct Side {
    /// Vectors, each with what the other side's bias is multiplied with behind it, in whole multiples of 16.
    table: Vec<f32>,
    width: usize,
    biases: Vec<f32>,
}

impl Side {
    fn new(rows: usize, factors: usize) -> Self {
        let width = (factors + 1).next_multiple_of(16);
        Self { table: vec![0.0; rows * width], width, biases: vec![0.0; rows] }
    }

    fn vector(&self, row: impl Index, factors: usize) -> &[f32] {
        &self.table[row.get() * self.width..][..factors]
    }

    fn vectors(&self, factors: usize) -> Vec<f32> {
        self.table.chunks_exact(self.width).flat_map(|row| &row[..factors]).copied().collect()
    }

    /// The squares of what each row has learnt, for each of its ratings.
    fn squares<R: Index, C: Index>(&self, matrix: &SparseMatrix<R, C>, factors: usize) -> f64 {
        let rows = (0..matrix.rows() as u32).map(R::new);
        let each = rows.map(|row| {
            let learnt = self.vector(row, factors).iter().chain([&self.biases[row.get()]]);
            matrix.row(row).0.len() as f64 * learnt.map(|&x| f64::from(x).powi(2)).sum::<f64>()
        });
        each.sum()
    }
}

impl AlsModel {
    /// The objective after each iteration, where it was computed.
    pub fn objectives(&self) -> &[f64] {
        &self.objectives
    }
}

impl StoredModel for AlsModel {
    const KIND: &'static str = "als";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        (json(&self.objectives), self.learnt.arrays())
    }

    fn from_parts(header: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        Ok(Self { objectives: settings(header)?, learnt: FittedFactors::from_arrays(arrays, seen)? })
    }

    fn check_fitted_on(&self, seen: &UserItems) -> Result<()> {
        self.learnt.scale.check(seen)
    }
}
