//! [`LogisticMf`]: logistic matrix factorization (Johnson 2014).

use fornax_core::{Array, Error, Philox, Result};
use fornax_data::archive::MappedArrays;
use rayon::prelude::*;
use serde_json::Value as Json;

use super::Negatives;
use super::factors::{Factors, by_factors, check_most};
use super::products::product;
use super::stored::StoredModel;
use crate::ids::Index;
use crate::sparse::{SparseMatrix, UserItems};

/// Vectors `x_u` of users and `y_v` of items, and biases of both, that maximize
///
/// `sum over known (u, v) of alpha w_uv ln p_uv + sum over all (u, v) of ln (1 - p_uv) - regularization / 2 (|x|² + |y|² + |b|²)`,
/// `p_uv = sigmoid(s_uv)`, `s_uv = x_u · y_v + b_u + b_v`,
///
/// the probability that `u` takes `v`, where a known pair has the weight `w`. The paper has no weight on the biases; the
/// library `implicit` has it, and so it is here.
///
/// An iteration moves all users while items stand still, then all items: each row goes one step along its whole gradient `g`,
/// each element by `learning_rate g / sqrt(1e-6 + sum of its squares so far)` (AdaGrad). Of all pairs of a row only
/// [`negative_samples`](Self::negative_samples) for each known one are drawn, known ones among them. Where that is as many as
/// there are others, and they are drawn alike, each is taken once and the gradient is that of the whole sum; with fewer, the
/// sum counts less in rows with few interactions. Each row has a stream of random numbers of its own: the result does not
/// depend on the number of threads.
///
/// Defaults are those of `implicit`, but for the draw: learning rate 1, regularization 0.6, alpha 1, 30 iterations, 30 negative
/// samples, [`Negatives::Uniform`], seed 0, at most 4 GiB. Initial elements are normal. A larger alpha and regularization rank
/// far better on MovieLens 100K (5 and 30, with 40 iterations and all pairs). `implicit` 0.7 takes no more samples a row than
/// a vector has elements; here no more than there are items, or users.
///
/// ```
/// use fornax_recommend::{Duplicates, Filter, Interactions, LogisticMf, Recommend};
///
/// let log = [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("d", 3), ("d", 4), ("e", 3), ("e", 4), ("f", 4)];
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let model = LogisticMf::new(4).regularization(0.1).iterations(100).fit(&log)?;
/// let list = model.recommend(log.users().expect("c")?, 1, &Filter::unseen(&log))?;
/// assert_eq!(*log.items().id(list[0].index), 2);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogisticMf {
    factors: usize,
    alpha: f32,
    learning_rate: f32,
    regularization: f32,
    iterations: usize,
    negative_samples: usize,
    negatives: Negatives,
    seed: u64,
    memory: u64,
}

/// A fitted [`LogisticMf`]. A score is `s_uv`, the logit of the probability.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticMfModel {
    factors: Factors,
}

impl LogisticMf {
    /// With so many factors, beside the biases.
    pub fn new(factors: usize) -> Self {
        Self {
            factors,
            alpha: 1.0,
            learning_rate: 1.0,
            regularization: 0.6,
            iterations: 30,
            negative_samples: 30,
            negatives: Negatives::default(),
            seed: 0,
            memory: 4 << 30,
        }
    }

    /// How much an interaction of weight 1 counts beside a pair that is drawn.
    pub fn alpha(self, alpha: f32) -> Self {
        Self { alpha, ..self }
    }

    /// The length of the first step of each element.
    pub fn learning_rate(self, learning_rate: f32) -> Self {
        Self { learning_rate, ..self }
    }

    /// The weight of squares.
    pub fn regularization(self, regularization: f32) -> Self {
        Self { regularization, ..self }
    }

    /// How often both sides are moved.
    pub fn iterations(self, iterations: usize) -> Self {
        Self { iterations, ..self }
    }

    /// How many items are drawn for each of a user's interactions, and users for each of an item's; a row without any has as
    /// many as one with a single one. At most as many as there are items, or users.
    pub fn negative_samples(self, negative_samples: usize) -> Self {
        Self { negative_samples, ..self }
    }

    /// How they are drawn; `implicit` does it by popularity.
    pub fn negatives(self, negatives: Negatives) -> Self {
        Self { negatives, ..self }
    }

    /// The most memory that the vectors may take, in bytes: 8 for a factor or bias of each user and item, of which each has 2
    /// more than there are factors.
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// The seed of initial vectors and of all draws.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Fits the model to weights.
    ///
    /// # Errors
    /// If a setting is out of its domain, the factors take more memory than is allowed, a weight is negative, there is no
    /// interaction, or vectors grow beyond 32 bits.
    pub fn fit(&self, interactions: &impl AsRef<UserItems>) -> Result<LogisticMfModel> {
        let matrix = interactions.as_ref();
        self.check()?;
        matrix.check_weights()?;
        if matrix.is_empty() {
            return Err(Error::data("interactions", "none", "at least one"));
        }
        let rows = (matrix.rows() + matrix.columns()) as u64;
        check_most(self.factors, (self.memory / 8 / rows).saturating_sub(2), self.memory)?;
        let transposed = matrix.transposed();
        let random = Philox::new(self.seed).named("logistic_mf");
        // Users have their bias and then 1, items 1 and then theirs.
        let [bias, one] = [self.factors, self.factors + 1];
        let mut users = Side::new(matrix.rows(), self.factors + 2, one, random.stream(0));
        let mut items = Side::new(matrix.columns(), self.factors + 2, bias, random.stream(1));
        for iteration in 0..self.iterations as u64 {
            let random = random.stream(2).stream(iteration);
            self.ascend(matrix, &items.vectors, &mut users, random.stream(0));
            self.ascend(&transposed, &users.vectors, &mut items, random.stream(1));
        }
        let (users, items) = (users.vectors, items.vectors);
        let factors = Factors::from_parts(self.factors + 2, users, items);
        match factors.is_finite() {
            true => Ok(LogisticMfModel { factors }),
            false => {
                Err(Error::training("vectors", "numbers that are not finite", "a smaller learning rate"))
            }
        }
    }

    /// A step of every row of one side, against the `table` of the other.
    fn ascend<R: Index, C: Index>(
        &self,
        matrix: &SparseMatrix<R, C>,
        table: &[f32],
        side: &mut Side,
        random: Philox,
    ) {
        let (width, fixed) = (self.factors + 2, side.fixed);
        let rows = side.vectors.par_chunks_exact_mut(width).zip(side.squares.par_chunks_exact_mut(width));
        rows.enumerate().for_each_init(
            || vec![0.0; width],
            |gradient, (row, (vector, squares))| {
                self.gradient(matrix, R::new(row as u32), table, vector, random, gradient);
                gradient[fixed] = 0.0;
                for ((x, square), slope) in vector.iter_mut().zip(squares).zip(&*gradient) {
                    *square += slope * slope;
                    *x += self.learning_rate * slope / (1e-6 + *square).sqrt();
                }
            },
        );
    }

    /// The gradient of a row's part of the objective, with those pairs of it that are drawn.
    fn gradient<R: Index, C: Index>(
        &self,
        matrix: &SparseMatrix<R, C>,
        row: R,
        table: &[f32],
        vector: &[f32],
        random: Philox,
        gradient: &mut [f32],
    ) {
        for (slope, x) in gradient.iter_mut().zip(vector) {
            *slope = -self.regularization * x;
        }
        let mut add = |column: usize, taken: f32, all: f32| {
            let other = &table[column * vector.len()..][..vector.len()];
            let by = taken - all * sigmoid(product(vector, other));
            gradient.iter_mut().zip(other).for_each(|(slope, y)| *slope += by * y);
        };
        let (columns, weights) = matrix.row(row);
        for (&column, weight) in columns.iter().zip(weights) {
            add(column as usize, self.alpha * weight, self.alpha * weight);
        }
        let others = matrix.columns();
        let count = columns.len().max(1).saturating_mul(self.negative_samples).min(others);
        if count == others && self.negatives == Negatives::Uniform {
            return (0..others).for_each(|column| add(column, 0.0, 1.0));
        }
        let mut noise = vec![0; count];
        random.stream(row.get() as u64).fill_u32(&mut noise);
        for noise in noise {
            let below = |bound: usize| ((u128::from(noise) * bound as u128) >> 32) as usize;
            let column = match self.negatives {
                Negatives::Uniform => below(others),
                Negatives::ByPopularity => matrix.indices()[below(matrix.len())] as usize,
            };
            add(column, 0.0, 1.0);
        }
    }

    fn check(&self) -> Result<()> {
        let numbers = [
            ("factors", self.factors),
            ("iterations", self.iterations),
            ("negative_samples", self.negative_samples),
        ];
        for (name, value) in numbers {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least 1"));
            }
        }
        for (name, value) in [("learning_rate", self.learning_rate), ("alpha", self.alpha)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::argument(name, value, "a finite number above 0"));
            }
        }
        match self.regularization >= 0.0 && self.regularization.is_finite() {
            true => Ok(()),
            false => {
                Err(Error::argument("regularization", self.regularization, "a finite number of 0 or more"))
            }
        }
    }
}

/// The vectors of one side, with an element that stays 1, and the sums of squares of AdaGrad.
struct Side {
    vectors: Vec<f32>,
    squares: Vec<f32>,
    fixed: usize,
}

impl Side {
    fn new(rows: usize, width: usize, fixed: usize, mut random: Philox) -> Self {
        let mut vectors: Vec<f32> = (0..rows * width).map(|_| random.normal()).collect();
        vectors.iter_mut().skip(fixed).step_by(width).for_each(|one| *one = 1.0);
        Self { squares: vec![0.0; vectors.len()], vectors, fixed }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl LogisticMfModel {
    /// The vectors of users, with their bias and 1 at the end, and of items, with 1 and their bias.
    pub fn factors(&self) -> &Factors {
        &self.factors
    }
}

by_factors!(LogisticMfModel);

impl StoredModel for LogisticMfModel {
    const KIND: &'static str = "logistic-mf";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        (Json::Null, self.factors.arrays())
    }

    fn from_parts(_: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        Ok(Self { factors: Factors::from_arrays(arrays, seen)? })
    }
}
