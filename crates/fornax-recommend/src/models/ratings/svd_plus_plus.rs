//! [`SvdPlusPlus`]: a factorization of ratings in which it also counts what someone rated at all (Koren 2008).

use fornax_core::{Philox, Result};

use super::biased_factors::{BiasedFactors, FittedFactors, by_fitted_factors, draw};
use super::{check_factors, check_step};
use crate::ids::{Index, UserIndex};
use crate::models::products::product;
use crate::sparse::UserItems;

/// `r_uv = mean + b_u + b_v + q_v · (p_u + |N_u|^(-1/2) sum of y_w for w in N_u)` with the items `N_u` that the user rated, by stochastic
/// gradient descent, one rating after the other: users in an order drawn anew for each epoch, and so the ratings of each.
///
/// A step changes all `y_w` of a user alike: each becomes `a y_w + c` for a number `a` and a vector `c` that are kept for the
/// user's ratings, and so does the sum. The `y_w` themselves are written once a user, not once a rating: the same result at a
/// cost that does not grow with the square of the number of ratings.
///
/// Defaults, as Surprise has them: 20 epochs, learning rate 0.007, regularization 0.02, normal initial vectors of standard
/// deviation 0.1; seed 0, at most 4 GiB.
///
/// ```
/// use fornax_recommend::{Duplicates, Interactions, Predict, SvdPlusPlus};
///
/// let log = Interactions::from_events([("a", 1, 5.0), ("a", 2, 3.0), ("b", 1, 4.0)], Duplicates::Error)?;
/// let model = SvdPlusPlus::new(10).epochs(500).fit(&log)?;
/// assert!((model.predict(log.users().get("a"), log.items().get(&1)) - 5.0).abs() < 0.3);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SvdPlusPlus {
    factors: usize,
    epochs: usize,
    learning_rate: f32,
    regularization: f32,
    seed: u64,
    memory: u64,
}

/// A fitted [`SvdPlusPlus`].
///
/// Its vector of a user is `p_u + |N_u|^(-1/2) sum of y_w`.
#[derive(Clone, Debug, PartialEq)]
pub struct SvdPlusPlusModel {
    learnt: FittedFactors,
}

by_fitted_factors!(SvdPlusPlusModel, "svd++");

impl SvdPlusPlus {
    /// With so many factors; Surprise's default is 20.
    pub fn new(factors: usize) -> Self {
        Self { factors, epochs: 20, learning_rate: 0.007, regularization: 0.02, seed: 0, memory: 4 << 30 }
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

    /// The most memory that the vectors may take, in bytes: 4 for a factor of each user, and 8 of each
    /// item, which has two.
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// Fits the model.
    ///
    /// # Errors
    /// If a setting is out of its domain, the factors take more memory than is allowed, there is no rating, or what is learnt is
    /// no finite number any more.
    pub fn fit(&self, ratings: &impl AsRef<UserItems>) -> Result<SvdPlusPlusModel> {
        check_step(self.factors, self.learning_rate, self.regularization)?;
        let matrix = ratings.as_ref();
        check_factors(self.factors, 4 * (matrix.rows() + 2 * matrix.columns()) as u64, self.memory)?;
        let random = Philox::new(self.seed).named("svd_plus_plus");
        let mut model = BiasedFactors::new(matrix, self.factors, &random)?;
        let mut implicit = draw(matrix.columns(), self.factors, random.stream(2));
        for epoch in 0..self.epochs {
            let mut order = random.stream(3).stream(epoch as u64);
            for user in order.permutation(matrix.rows()) {
                self.user(matrix, UserIndex::new(user as u32), &mut model, &mut implicit, &mut order);
            }
            model.check_finite("SVD++", epoch, &implicit)?;
        }
        for (user, vector) in (0..).zip(model.users.chunks_exact_mut(self.factors)) {
            add_implicit(matrix.row(UserIndex::new(user)).0, &implicit, vector);
        }
        Ok(SvdPlusPlusModel { learnt: model.fitted() })
    }

    fn user(
        &self,
        matrix: &UserItems,
        user: UserIndex,
        model: &mut BiasedFactors,
        implicit: &mut [f32],
        order: &mut Philox,
    ) {
        let (rate, decay, width) = (self.learning_rate, self.regularization, self.factors);
        let (rated, ratings) = matrix.row(user);
        let root = (rated.len() as f32).sqrt();
        let mean = model.scale.mean as f32;
        let p = &mut model.users[user.get() * width..][..width];
        let bias = &mut model.user_biases[user.get()];
        // `y_w` has become `kept y_w + shared / root`, and their sum over the root `sum`.
        let (mut kept, mut sum, mut shared) = (1.0, vec![0.0; width], vec![0.0; width]);
        add_implicit(rated, implicit, &mut sum);
        for at in order.permutation(rated.len()) {
            let (item, rating) = (rated[at], ratings[at]);
            let q = &mut model.items[item as usize * width..][..width];
            let item_bias = &mut model.item_biases[item as usize];
            let error = rating - (mean + *bias + *item_bias + product(p, q) + product(&sum, q));
            *bias += rate * (error - decay * *bias);
            *item_bias += rate * (error - decay * *item_bias);
            kept *= 1.0 - rate * decay;
            for (((p, q), sum), shared) in p.iter_mut().zip(q).zip(&mut sum).zip(&mut shared) {
                let (before, vector) = (*p + *sum, *q);
                *p += rate * (error * vector - decay * *p);
                *q += rate * (error * before - decay * vector);
                *sum += rate * (error * vector - decay * *sum);
                *shared += rate * (error * vector - decay * *shared);
            }
        }
        for &item in rated {
            for (y, shared) in implicit[item as usize * width..][..width].iter_mut().zip(&shared) {
                *y = kept * *y + shared / root;
            }
        }
    }
}

/// Adds `|N|^(-1/2) sum of y_w`.
fn add_implicit(rated: &[u32], implicit: &[f32], to: &mut [f32]) {
    let inverse = 1.0 / (rated.len().max(1) as f32).sqrt();
    for &item in rated {
        let y = &implicit[item as usize * to.len()..][..to.len()];
        to.iter_mut().zip(y).for_each(|(to, y)| *to += inverse * y);
    }
}
