//! [`Nmf`]: a factorization of the known ratings into factors that are not negative (Lee and Seung 2001, over known entries as Luo
//! et al. 2014).

use fornax_core::{Array, Error, Philox, Result};
use fornax_data::archive::MappedArrays;
use serde_json::Value as Json;

use super::{Predict, Scale, check_factors, check_step};
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::factors::{Factors, by_factors};
use crate::models::products::product;
use crate::models::stored::{StoredModel, settings};
use crate::sparse::UserItems;

/// `r_uv = p_u · q_v` with `p_uf` and `q_vf` of 0 or more, both multiplied in each epoch by
///
/// `(sum of q_vf r_uv over the user's items) / (sum of q_vf p_u · q_v + n_u regularization p_uf)`
///
/// and the same with both sides changed. Where the user or the item is not known it is the mean of all ratings.
///
/// Defaults, as Surprise has them: 50 epochs, regularization 0.06, initial factors uniform from 0 to 1; seed 0, at most 4
/// GiB.
///
/// ```
/// use fornax_recommend::{Duplicates, Interactions, Nmf, Predict};
///
/// let log = Interactions::from_events([("a", 1, 5.0), ("a", 2, 2.0), ("b", 1, 4.0)], Duplicates::Error)?;
/// let model = Nmf::new(3).regularization(0.0).fit(&log)?;
/// assert!((model.predict(log.users().get("a"), log.items().get(&2)) - 2.0).abs() < 0.1);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Nmf {
    factors: usize,
    epochs: usize,
    regularization: f32,
    seed: u64,
    memory: u64,
}

/// A fitted [`Nmf`].
#[derive(Clone, Debug, PartialEq)]
pub struct NmfModel {
    scale: Scale,
    factors: Factors,
}

by_factors!(NmfModel);

impl Nmf {
    /// With so many factors; Surprise's default is 15.
    pub fn new(factors: usize) -> Self {
        Self { factors, epochs: 50, regularization: 0.06, seed: 0, memory: 4 << 30 }
    }

    /// How often both sides are multiplied.
    pub fn epochs(self, epochs: usize) -> Self {
        Self { epochs, ..self }
    }

    /// The weight of the squares of factors.
    pub fn regularization(self, regularization: f32) -> Self {
        Self { regularization, ..self }
    }

    /// The seed of the initial factors.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The most memory that the vectors may take, in bytes: 12 for a factor of each user and item, with
    /// the sums of an epoch.
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// Fits the model.
    ///
    /// # Errors
    /// If a setting is out of its domain, the factors take more memory than is allowed, there is no rating, or one is
    /// negative.
    pub fn fit(&self, ratings: &impl AsRef<UserItems>) -> Result<NmfModel> {
        check_step(self.factors, 0.0, self.regularization)?;
        let matrix = ratings.as_ref();
        check_factors(self.factors, 12 * (matrix.rows() + matrix.columns()) as u64, self.memory)?;
        matrix.check_weights()?;
        let (scale, width) = (Scale::of(matrix)?, self.factors);
        let random = Philox::new(self.seed).named("nmf");
        let draw = |rows: usize, stream: u64| -> Vec<f32> {
            let mut values = vec![0.0; rows * width];
            random.stream(stream).fill_uniform(&mut values);
            values
        };
        let (mut users, mut items) = (draw(matrix.rows(), 0), draw(matrix.columns(), 1));
        let mut counts = vec![0.0f32; matrix.columns()];
        matrix.indices().iter().for_each(|&item| counts[item as usize] += 1.0);
        let mut sums = [users.len(), items.len()].map(|len| [vec![0.0f32; len], vec![0.0f32; len]]);
        for _ in 0..self.epochs {
            sums.iter_mut().flatten().for_each(|sums| sums.fill(0.0));
            let [[user_above, user_below], [item_above, item_below]] = &mut sums;
            for (user, item, rating) in matrix.entries() {
                let [user, item] = [user.get(), item.get()].map(|at| at * width..(at + 1) * width);
                let (p, q) = (&users[user.clone()], &items[item.clone()]);
                let found = product(p, q);
                add(&mut user_above[user.clone()], rating, q);
                add(&mut user_below[user], found, q);
                add(&mut item_above[item.clone()], rating, p);
                add(&mut item_below[item], found, p);
            }
            for (user, p) in (0..).zip(users.chunks_exact_mut(width)) {
                let count = matrix.row(UserIndex::new(user)).0.len() as f32;
                let at = user as usize * width;
                scale_by(p, &user_above[at..], &user_below[at..], count * self.regularization);
            }
            for ((item, q), count) in items.chunks_exact_mut(width).enumerate().zip(&counts) {
                let at = item * width;
                scale_by(q, &item_above[at..], &item_below[at..], count * self.regularization);
            }
        }
        match users.iter().chain(&items).all(|x| x.is_finite()) {
            true => Ok(NmfModel { scale, factors: Factors::from_parts(width, users, items) }),
            false => Err(Error::training("NMF", "a number that is not finite", "smaller ratings")),
        }
    }
}

fn add(to: &mut [f32], by: f32, vector: &[f32]) {
    to.iter_mut().zip(vector).for_each(|(to, x)| *to += by * x);
}

fn scale_by(vector: &mut [f32], above: &[f32], below: &[f32], ridge: f32) {
    for ((x, above), below) in vector.iter_mut().zip(above).zip(below) {
        let below = below + ridge * *x;
        // A factor of 0 stays 0.
        if below > 0.0 {
            *x *= above / below;
        }
    }
}

impl NmfModel {
    /// The factors of users and items.
    pub fn factors(&self) -> &Factors {
        &self.factors
    }
}

impl Predict for NmfModel {
    fn predict(&self, user: Option<UserIndex>, item: Option<ItemIndex>) -> f32 {
        let user = user.and_then(|user| self.factors.user(user).ok());
        let vectors = user.zip(item.and_then(|item| self.factors.item(item).ok()));
        let rating = vectors.map_or(self.scale.mean, |(p, q)| f64::from(product(p, q)));
        self.scale.clip(rating)
    }
}

impl StoredModel for NmfModel {
    const KIND: &'static str = "nmf";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        (Json::Null, self.factors.arrays())
    }

    fn from_parts(header: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        settings::<()>(header)?;
        Ok(Self { scale: Scale::of(seen)?, factors: Factors::from_arrays(arrays, seen)? })
    }

    fn check_fitted_on(&self, seen: &UserItems) -> Result<()> {
        self.scale.check(seen)
    }
}
