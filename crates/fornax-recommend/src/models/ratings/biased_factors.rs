//! [`BiasedFactors`]: what the factorizations with biases learn, and how it predicts.

use fornax_core::{Error, Philox, Result};

use super::Scale;
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::products::product;
use crate::sparse::UserItems;

/// Biases and vectors of users and items around the mean of all ratings.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BiasedFactors {
    pub(super) scale: Scale,
    pub(super) factors: usize,
    pub(super) user_biases: Vec<f32>,
    pub(super) item_biases: Vec<f32>,
    pub(super) users: Vec<f32>,
    pub(super) items: Vec<f32>,
}

impl BiasedFactors {
    /// Biases 0, and normal vectors of standard deviation 0.1.
    pub(super) fn new(matrix: &UserItems, factors: usize, random: &Philox) -> Result<Self> {
        Ok(Self {
            scale: Scale::of(matrix)?,
            factors,
            user_biases: vec![0.0; matrix.rows()],
            item_biases: vec![0.0; matrix.columns()],
            users: draw(matrix.rows(), factors, random.stream(0)),
            items: draw(matrix.columns(), factors, random.stream(1)),
        })
    }

    /// An error if something that was learnt, `others` included, is no finite number.
    pub(super) fn check_finite(&self, model: &str, epoch: usize, others: &[f32]) -> Result<()> {
        let all = [&self.user_biases, &self.item_biases, &self.users, &self.items].map(Vec::as_slice);
        if all.into_iter().chain([others]).flatten().all(|x| x.is_finite()) {
            return Ok(());
        }
        let found = format!("a number that is not finite after epoch {epoch}");
        Err(Error::training(model, found, "finite ones: lower the learning rate"))
    }

    pub(super) fn predict(&self, user: Option<UserIndex>, item: Option<ItemIndex>) -> f32 {
        let (biases, vectors) = ([&self.user_biases[..], &self.item_biases], [&self.users[..], &self.items]);
        let product = biased_product(user, item, biases, vectors, self.factors);
        self.scale.clip(self.scale.mean + f64::from(product))
    }
}

/// Normal vectors of standard deviation 0.1.
pub(super) fn draw(rows: usize, factors: usize, mut random: Philox) -> Vec<f32> {
    (0..rows * factors).map(|_| 0.1 * random.normal()).collect()
}

/// `b_u + b_v + p_u · q_v`, of what is known.
fn biased_product(
    user: Option<UserIndex>,
    item: Option<ItemIndex>,
    biases: [&[f32]; 2],
    vectors: [&[f32]; 2],
    width: usize,
) -> f32 {
    let user = user.map(Index::get).filter(|&user| user < biases[0].len());
    let item = item.map(Index::get).filter(|&item| item < biases[1].len());
    let product = user.zip(item).map_or(0.0, |(user, item)| {
        product(&vectors[0][user * width..][..width], &vectors[1][item * width..][..width])
    });
    user.map_or(0.0, |user| biases[0][user]) + item.map_or(0.0, |item| biases[1][item]) + product
}
