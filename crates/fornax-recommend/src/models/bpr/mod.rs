//! [`Bpr`]: Bayesian personalized ranking (Rendle, Freudenthaler, Gantner and Schmidt-Thieme 2009).

mod blocks;

use fornax_core::{Array, Error, Philox, Result};
use fornax_data::archive::MappedArrays;
use serde_json::Value as Json;

use super::factors::{Factors, by_factors, check_memory};
use super::stored::{self, StoredModel, json};
use crate::sparse::UserItems;
use blocks::{Blocks, Rates};

/// Vectors `x_u` of users, `y_v` of items and biases `b_v` that maximize
///
/// `sum over (u, i, j) of ln sigmoid(s_ui - s_uj) - regularization / 2 (|x_u|² + |y_i|² + |y_j|² + b_i² + b_j²)`,
/// `s_uv = x_u · y_v + b_v`,
///
/// over items `i` that `u` has an interaction with and items `j` that `u` has none with, by stochastic gradient ascent: an
/// iteration takes each interaction once and draws a `j` for it; where the user has that item too, the interaction is left out,
/// as the library `implicit` does. Eight interactions, mostly of as many users, are taken together: `s_ui - s_uj` is that before their
/// steps, which then are made in turn. Values of interactions do not count.
///
/// Users are cut into at most 16 blocks and items into as many groups, dealt anew for each iteration; `j` comes from the group of
/// `i`. Blocks take turns with the groups, so that no two share a vector (Gemulla, Nijkamp, Haas and Sismanis 2011): the result does not
/// depend on the number of threads, of which at most 16 are used, one for each 256 items.
///
/// Defaults are those of `implicit`, but for the draw of `j`: learning rate 0.01, regularization 0.01, 100 iterations, seed 0,
/// at most 4 GiB, [`Negatives::Uniform`]. Initial elements are uniform, at most `0.5 / factors`; biases begin at 0.
///
/// ```
/// use fornax_recommend::{Bpr, Duplicates, Filter, Interactions, Recommend};
///
/// let log = [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("d", 3), ("d", 4), ("e", 3), ("e", 4), ("f", 4)];
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let model = Bpr::new(4).learning_rate(0.1).iterations(300).fit(&log)?;
/// let list = model.recommend(log.users().expect("c")?, 1, &Filter::unseen(&log))?;
/// assert_eq!(*log.items().id(list[0].index), 2);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Bpr {
    factors: usize,
    learning_rate: f32,
    regularization: f32,
    iterations: usize,
    negatives: Negatives,
    seed: u64,
    memory: u64,
}

/// How often an item is drawn as one that a user has no interaction with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Negatives {
    /// All items alike, as in the paper.
    #[default]
    Uniform,
    /// In proportion to an item's interactions, as in `implicit`: scores then say how much more than others a user likes an item,
    /// less how popular it is.
    ByPopularity,
}

/// A fitted [`Bpr`].
#[derive(Clone, Debug, PartialEq)]
pub struct BprModel {
    factors: Factors,
    pair_accuracies: Vec<f64>,
}

impl Bpr {
    /// With so many factors, beside the biases of items.
    pub fn new(factors: usize) -> Self {
        let (learning_rate, regularization) = (0.01, 0.01);
        let negatives = Negatives::default();
        Self { factors, learning_rate, regularization, iterations: 100, negatives, seed: 0, memory: 4 << 30 }
    }

    /// The length of a step.
    pub fn learning_rate(self, learning_rate: f32) -> Self {
        Self { learning_rate, ..self }
    }

    /// The weight of squared lengths, for each draw.
    pub fn regularization(self, regularization: f32) -> Self {
        Self { regularization, ..self }
    }

    /// How often each interaction is taken.
    pub fn iterations(self, iterations: usize) -> Self {
        Self { iterations, ..self }
    }

    /// How other items are drawn.
    pub fn negatives(self, negatives: Negatives) -> Self {
        Self { negatives, ..self }
    }

    /// The most memory that the vectors may take, in bytes: 8 for a factor of each user and item, whose
    /// number is rounded up to a multiple of 16.
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// The seed of initial vectors and of all draws.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Fits the model.
    ///
    /// # Errors
    /// If a setting is out of its domain, the factors take more memory than is allowed, there is no interaction, or vectors grow
    /// beyond 32 bits.
    pub fn fit(&self, interactions: &impl AsRef<UserItems>) -> Result<BprModel> {
        let matrix = interactions.as_ref();
        self.check()?;
        if matrix.is_empty() {
            return Err(Error::data("interactions", "none", "at least one"));
        }
        check_memory(self.factors, [matrix.rows(), matrix.columns()], self.memory)?;
        let width = self.factors.next_multiple_of(16);
        let random = Philox::new(self.seed).named("bpr");
        let drawn = |rows: usize, mut random: Philox| {
            let mut table = vec![0.0; rows * width];
            for row in table.chunks_exact_mut(width) {
                let bound = 0.5 / self.factors as f32;
                row[..self.factors].iter_mut().for_each(|x| *x = random.uniform_in(-bound, bound));
            }
            table
        };
        let users = drawn(matrix.rows(), random.stream(0));
        let items = drawn(matrix.columns(), random.stream(1));
        let mut blocks = Blocks::new(matrix, width, users, items);
        let rates = Rates {
            learning_rate: self.learning_rate,
            regularization: self.regularization,
            negatives: self.negatives,
        };
        let passes = (0..self.iterations as u64).map(|iteration| {
            let [drawn, right] = blocks.pass(matrix, random.stream(2).stream(iteration), rates);
            right as f64 / drawn.max(1) as f64
        });
        let pair_accuracies = passes.collect();
        let factors = self.joined(&blocks);
        match factors.is_finite() {
            true => Ok(BprModel { factors, pair_accuracies }),
            false => {
                Err(Error::training("vectors", "numbers that are not finite", "a smaller learning rate"))
            }
        }
    }

    /// Vectors with a last element: 1 of users, the bias of items.
    fn joined(&self, blocks: &Blocks) -> Factors {
        let row = |table: &[f32], at: usize, last: f32| {
            let row = &table[at * blocks.width..][..self.factors];
            row.iter().copied().chain([last]).collect::<Vec<f32>>()
        };
        let users = (0..blocks.users.len() / blocks.width).flat_map(|user| row(&blocks.users, user, 1.0));
        let places = blocks.places.iter().map(|&place| place as usize);
        let items = places.flat_map(|place| row(&blocks.items, place, blocks.biases[place]));
        Factors::from_parts(self.factors + 1, users.collect(), items.collect())
    }

    fn check(&self) -> Result<()> {
        for (name, value) in [("factors", self.factors), ("iterations", self.iterations)] {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least 1"));
            }
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return Err(Error::argument("learning_rate", self.learning_rate, "a finite number above 0"));
        }
        match self.regularization >= 0.0 && self.regularization.is_finite() {
            true => Ok(()),
            false => {
                Err(Error::argument("regularization", self.regularization, "a finite number of 0 or more"))
            }
        }
    }
}

impl BprModel {
    /// The vectors of users, whose last element is 1, and of items, whose last element is the bias.
    pub fn factors(&self) -> &Factors {
        &self.factors
    }

    /// For each iteration the share of draws `(u, i, j)` with `s_ui > s_uj` before the steps of
    /// those that are taken together.
    pub fn pair_accuracies(&self) -> &[f64] {
        &self.pair_accuracies
    }
}

by_factors!(BprModel);

impl StoredModel for BprModel {
    const KIND: &'static str = "bpr";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        (json(&self.pair_accuracies), self.factors.arrays())
    }

    fn from_parts(pair_accuracies: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        let pair_accuracies = stored::settings(pair_accuracies)?;
        Ok(Self { factors: Factors::from_arrays(arrays, seen)?, pair_accuracies })
    }
}
