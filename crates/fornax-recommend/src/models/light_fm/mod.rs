//! [`LightFm`]: factors of users and items that are sums of those of their features (Kula 2015).

mod loss;
mod model;
mod side;
mod training;

use fornax_core::{Error, Philox, Result};

use super::factors::{Factors, check_most};
use crate::features::Features;
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::feature_vectors::FeatureVectors;
use crate::sparse::UserItems;
use side::Side;
use training::Training;

pub use loss::LightFmLoss;
pub use model::LightFmModel;

/// Embeddings `e_f` and biases `b_f` of features. A user or item is the weighted sum of its features,
///
/// `x_u = sum of a_uf e_f`, `b_u = sum of a_uf b_f` over the features of `u`, so `y_v` and `b_v` over those of `v`, and
/// `s_uv = x_u · y_v + b_u + b_v`,
///
/// so that a user or item without a history is known by its [`Features`]. Without any, each user and item is a feature of its own,
/// and the model a factorization. Of M. Kula, *Metadata Embeddings for User and Item Cold-start Recommendations*, 2015, and
/// the library LightFM.
///
/// An iteration takes each interaction once, in an order drawn anew, for a step of AdaGrad on the [`LightFmLoss`] and on
/// `regularization / 2 (|e_f|² + b_f²)` of the features met in it. The sign of an interaction's value is its label and its
/// size its weight; the losses that rank take only values above 0. It is fitted on one thread.
///
/// Defaults are those of LightFM, but for the loss and the number of iterations, of which LightFM makes 1: [`LightFmLoss::Warp`],
/// learning rate 0.05, no regularization, at most 10 draws, 30 iterations, seed 0, at most 4 GiB. Initial elements are uniform, at
/// most `0.5 / factors`; biases begin at 0. What differs from LightFM: BPR draws all items alike, as its paper does; items are drawn from those that a user does
/// not have instead of from all, those that they have left out, and a rank is estimated among all items alike; a user who has
/// every item takes no step where LightFM waits; the bias of a user stays where it is under a loss of which it is no part; the
/// penalty is that of squared lengths, as above. Without one, vectors fit a small log too well within some 20 iterations: on
/// MovieLens 100K 0.6 for both sides is best.
///
/// ```
/// use fornax_recommend::{Duplicates, Filter, Interactions, LightFm, Recommend};
///
/// let log = [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("d", 3), ("d", 4), ("e", 3), ("e", 4), ("f", 4)];
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let model = LightFm::new(4).iterations(100).fit(&log)?;
/// let list = model.recommend(log.users().expect("c")?, 1, &Filter::unseen(&log))?;
/// assert_eq!(*log.items().id(list[0].index), 2);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LightFm {
    factors: usize,
    loss: LightFmLoss,
    learning_rate: f32,
    user_regularization: f32,
    item_regularization: f32,
    max_sampled: usize,
    iterations: usize,
    seed: u64,
    memory: u64,
}

impl LightFm {
    /// With embeddings of so many elements, beside the biases.
    pub fn new(factors: usize) -> Self {
        Self {
            factors,
            loss: LightFmLoss::default(),
            learning_rate: 0.05,
            user_regularization: 0.0,
            item_regularization: 0.0,
            max_sampled: 10,
            iterations: 30,
            seed: 0,
            memory: 4 << 30,
        }
    }

    /// What steps make smaller.
    pub fn loss(self, loss: LightFmLoss) -> Self {
        Self { loss, ..self }
    }

    /// The length of a first step; AdaGrad divides it, for each element, by the root of 1 and the sum of the squared gradients
    /// so far.
    pub fn learning_rate(self, learning_rate: f32) -> Self {
        Self { learning_rate, ..self }
    }

    /// The weight of squared lengths of users' features, LightFM's `user_alpha`.
    pub fn user_regularization(self, user_regularization: f32) -> Self {
        Self { user_regularization, ..self }
    }

    /// The weight of squared lengths of items' features, LightFM's `item_alpha`.
    pub fn item_regularization(self, item_regularization: f32) -> Self {
        Self { item_regularization, ..self }
    }

    /// How many items are drawn at most for an interaction, under [`LightFmLoss::Warp`].
    pub fn max_sampled(self, max_sampled: usize) -> Self {
        Self { max_sampled, ..self }
    }

    /// How often each interaction is taken, LightFM's `epochs`.
    pub fn iterations(self, iterations: usize) -> Self {
        Self { iterations, ..self }
    }

    /// The seed of initial embeddings, of the order of interactions and of all draws.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The most memory that the vectors may take, in bytes: 8 for an element of each feature and 4 for one of each user, item
    /// and named feature; there are 2 more elements than factors, rounded up to a multiple of 8.
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// Fits the model without features.
    ///
    /// # Errors
    /// As [`fit_with`](Self::fit_with).
    pub fn fit(&self, interactions: &impl AsRef<UserItems>) -> Result<LightFmModel> {
        self.fit_with(interactions, None, None)
    }

    /// Fits the model with features of users, of items, or of both; a side without has the identity.
    ///
    /// # Errors
    /// If a setting is out of its domain, features are of another number of users or items or have no
    /// [`matrix`](Features::matrix), the vectors take more memory than is allowed, there is no interaction, one has the value
    /// 0, or one below 0 under a loss that ranks, or vectors grow beyond 32 bits.
    pub fn fit_with(
        &self,
        interactions: &impl AsRef<UserItems>,
        user_features: Option<&Features<UserIndex>>,
        item_features: Option<&Features<ItemIndex>>,
    ) -> Result<LightFmModel> {
        let matrix = interactions.as_ref();
        self.check(matrix)?;
        let identities = (Features::identities(matrix.rows()), Features::identities(matrix.columns()));
        let user_features = user_features.unwrap_or(&identities.0);
        let item_features = item_features.unwrap_or(&identities.1);
        let of_users = user_features.matrix_of(matrix.rows())?;
        let of_items = item_features.matrix_of(matrix.columns())?;
        let rows =
            matrix.rows() + matrix.columns() + user_features.names().len() + item_features.names().len();
        let bytes = 8 * (of_users.columns() + of_items.columns()) as u64 + 4 * rows as u64;
        check_most(self.factors, (self.memory / bytes / 8 * 8).saturating_sub(2), self.memory)?;

        let random = Philox::new(self.seed).named("light-fm");
        let [user_ones, item_ones] = [self.factors + 1, self.factors];
        let users = Side::new(of_users, self.factors, user_ones, self.user_regularization, random.stream(0));
        let items = Side::new(of_items, self.factors, item_ones, self.item_regularization, random.stream(1));
        let owners = matrix.entries().map(|(user, ..)| user.get() as u32).collect();
        let mut training = Training {
            matrix,
            owners,
            users,
            items,
            loss: self.loss,
            learning_rate: self.learning_rate,
            max_sampled: self.max_sampled,
        };
        let mut losses = Vec::with_capacity(self.iterations.min(1 << 16));
        let padded = side::width(self.factors);
        for iteration in 0..self.iterations as u64 {
            let loss = training.pass(padded, random.stream(2).stream(iteration));
            if !loss.is_finite() {
                return Err(diverged());
            }
            losses.push(loss);
        }
        let width = self.factors + 2;
        let factors = Factors::from_parts(
            width,
            representations(&training.users, width, padded),
            representations(&training.items, width, padded),
        );
        let model = LightFmModel {
            factors,
            user_features: FeatureVectors::new(user_features, width, Some(user_ones), |at| {
                training.users.feature(at)
            }),
            item_features: FeatureVectors::new(item_features, width, Some(item_ones), |at| {
                training.items.feature(at)
            }),
            losses,
        };
        let finite =
            model.factors.is_finite() && model.user_features.is_finite() && model.item_features.is_finite();
        if finite { Ok(model) } else { Err(diverged()) }
    }

    fn check(&self, matrix: &UserItems) -> Result<()> {
        let counts =
            [("factors", self.factors), ("iterations", self.iterations), ("max_sampled", self.max_sampled)];
        if let Some((name, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(Error::argument(name, 0, "at least 1"));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return Err(Error::argument("learning_rate", self.learning_rate, "a finite number above 0"));
        }
        for (name, value) in [
            ("user_regularization", self.user_regularization),
            ("item_regularization", self.item_regularization),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::argument(name, value, "a finite number of 0 or more"));
            }
        }
        if matrix.is_empty() {
            return Err(Error::data("interactions", "none", "at least one"));
        }
        let wanted = match self.loss {
            LightFmLoss::Logistic => "a value other than 0",
            _ => "a value above 0; LightFmLoss::Logistic takes values below 0 too",
        };
        let fits = |value: f32| value > 0.0 || (value < 0.0 && self.loss == LightFmLoss::Logistic);
        match matrix.entries().find(|(.., value)| !fits(*value)) {
            Some((user, item, value)) => {
                Err(Error::data(format!("user {}, item {}", user.get(), item.get()), value, wanted))
            }
            None => Ok(()),
        }
    }
}

/// The vector of each user or item.
fn representations<X: Index>(side: &Side<X>, width: usize, padded: usize) -> Vec<f32> {
    let mut vector = vec![0.0; padded];
    let mut all = Vec::with_capacity(side.rows() * width);
    for row in 0..side.rows() {
        side.represent(X::new(row as u32), &mut vector);
        all.extend_from_slice(&vector[..width]);
    }
    all
}

fn diverged() -> Error {
    let wanted = "a smaller learning rate, or smaller values or weights of features";
    Error::training("vectors", "numbers that are not finite", wanted)
}
