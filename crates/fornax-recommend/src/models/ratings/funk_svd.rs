//! [`FunkSvd`]: a factorization of the known ratings alone, by stochastic gradient descent (Funk 2006; Koren, Bell and Volinsky
//! 2009). It is no singular value decomposition, whatever its name says.

use fornax_core::{Philox, Result};

use super::biased_factors::{BiasedFactors, FittedFactors, by_fitted_factors};
use super::{check_factors, check_step};
use crate::ids::{Index, UserIndex};
use crate::models::products::product;
use crate::sparse::UserItems;

/// `r_uv = mean + b_u + b_v + p_u · q_v`, by steps against the gradient of `(r - r_uv)² + regularization (b_u² + b_v² + |p_u|² + |q_v|²)` of
/// one known rating after the other: users in an order drawn anew for each epoch, and so the ratings of each.
///
/// Defaults, as Surprise has them: 20 epochs, learning rate 0.005, regularization 0.02, normal initial vectors of standard
/// deviation 0.1; seed 0, at most 4 GiB.
///
/// ```
/// use fornax_recommend::{Duplicates, FunkSvd, Interactions, Predict};
///
/// let log = Interactions::from_events([("a", 1, 5.0), ("a", 2, 3.0), ("b", 1, 4.0)], Duplicates::Error)?;
/// let model = FunkSvd::new(10).epochs(500).fit(&log)?;
/// assert!((model.predict(log.users().get("a"), log.items().get(&1)) - 5.0).abs() < 0.3);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FunkSvd {
    factors: usize,
    epochs: usize,
    learning_rate: f32,
    regularization: f32,
    seed: u64,
    memory: u64,
}

/// A fitted [`FunkSvd`].
#[derive(Clone, Debug, PartialEq)]
pub struct FunkSvdModel {
    learnt: FittedFactors,
}

by_fitted_factors!(FunkSvdModel, "funk-svd");

impl FunkSvd {
    /// With so many factors; Surprise's default is 100.
    pub fn new(factors: usize) -> Self {
        Self { factors, epochs: 20, learning_rate: 0.005, regularization: 0.02, seed: 0, memory: 4 << 30 }
    }

    /// How often every rating is met.
    pub fn epochs(self, epochs: usize) -> Self {
        Self { epochs, ..self }
    }

    /// The length of a step.
    pub fn learning_rate(self, learning_rate: f32) -> Self {
        Self { learning_rate, ..self }
    }

    /// The weight of the squares of what is learnt.
    pub fn regularization(self, regularization: f32) -> Self {
        Self { regularization, ..self }
    }

    /// The seed of the initial vectors.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The most memory that the vectors may take, in bytes: 4 for a factor of each user and item.
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// Fits the model.
    ///
    /// # Errors
    /// If a setting is out of its domain, the factors take more memory than is allowed, there is no rating, or what is learnt is
    /// no finite number any more.
    pub fn fit(&self, ratings: &impl AsRef<UserItems>) -> Result<FunkSvdModel> {
        check_step(self.factors, self.learning_rate, self.regularization)?;
        let matrix = ratings.as_ref();
        check_factors(self.factors, 4 * (matrix.rows() + matrix.columns()) as u64, self.memory)?;
        let random = Philox::new(self.seed).named("funk_svd");
        let mut model = BiasedFactors::new(matrix, self.factors, &random)?;
        for epoch in 0..self.epochs {
            let mut order = random.stream(2).stream(epoch as u64);
            for user in order.permutation(matrix.rows()) {
                self.user(matrix, UserIndex::new(user as u32), &mut model, &mut order);
            }
            model.check_finite("FunkSVD", epoch, &[])?;
        }
        Ok(FunkSvdModel { learnt: model.fitted() })
    }

    fn user(&self, matrix: &UserItems, user: UserIndex, model: &mut BiasedFactors, order: &mut Philox) {
        let (rate, decay, width) = (self.learning_rate, self.regularization, self.factors);
        let (mean, (items, ratings)) = (model.scale.mean as f32, matrix.row(user));
        for at in order.permutation(items.len()) {
            let (user, item, rating) = (user.get(), items[at] as usize, ratings[at]);
            let p = &mut model.users[user * width..][..width];
            let q = &mut model.items[item * width..][..width];
            let (user_bias, item_bias) = (&mut model.user_biases[user], &mut model.item_biases[item]);
            let error = rating - (mean + *user_bias + *item_bias + product(p, q));
            *user_bias += rate * (error - decay * *user_bias);
            *item_bias += rate * (error - decay * *item_bias);
            for (p, q) in p.iter_mut().zip(q) {
                let before = *p;
                *p += rate * (error * *q - decay * before);
                *q += rate * (error * before - decay * *q);
            }
        }
    }
}
