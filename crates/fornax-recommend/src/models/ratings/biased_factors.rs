//! [`BiasedFactors`]: what the factorizations with biases learn; [`FittedFactors`]: how it predicts.

use fornax_core::{Array, Error, Floats, Philox, Result};
use fornax_data::archive::MappedArrays;

use super::Scale;
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::models::factors::Factors;
use crate::models::products::product;
use crate::models::stored::floats_of;
use crate::recommend::Score;
use crate::sparse::UserItems;

/// Biases and vectors of users and items around the mean of all ratings, while they are learnt.
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

    pub(super) fn fitted(self) -> FittedFactors {
        FittedFactors {
            scale: self.scale,
            user_biases: self.user_biases.into(),
            item_biases: self.item_biases.into(),
            vectors: Factors::from_parts(self.factors, self.users, self.items),
        }
    }
}

/// What was learnt.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FittedFactors {
    pub(super) scale: Scale,
    user_biases: Floats,
    item_biases: Floats,
    pub(super) vectors: Factors,
}

/// The arrays of biases in a file.
const BIASES: [&str; 2] = ["user biases", "item biases"];

impl FittedFactors {
    /// `mean + b_u + b_v + p_u · q_v`, of what is known.
    pub(super) fn rating(&self, user: Option<UserIndex>, item: Option<ItemIndex>) -> f64 {
        let bias =
            |at: Option<usize>, biases: &[f32]| at.and_then(|at| biases.get(at)).copied().unwrap_or(0.0);
        let vectors = user.and_then(|user| self.vectors.user(user).ok());
        let vectors = vectors.zip(item.and_then(|item| self.vectors.item(item).ok()));
        let biases =
            bias(user.map(Index::get), &self.user_biases) + bias(item.map(Index::get), &self.item_biases);
        self.scale.mean + f64::from(biases + vectors.map_or(0.0, |(p, q)| product(p, q)))
    }

    pub(super) fn counts(&self) -> [usize; 2] {
        [self.vectors.user_count(), self.vectors.item_count()]
    }

    /// The arrays of a file.
    pub(super) fn arrays(&self) -> Vec<(String, Array)> {
        let biases = BIASES.into_iter().zip([&self.user_biases, &self.item_biases]);
        let biases = biases.map(|(name, values)| (name.to_owned(), Array::from(values.to_vec())));
        self.vectors.arrays().into_iter().chain(biases).collect()
    }

    /// What [`arrays`](Self::arrays) gave, of a model that was fitted on such ratings.
    pub(super) fn from_arrays(arrays: &MappedArrays, ratings: &UserItems) -> Result<Self> {
        Ok(Self {
            scale: Scale::of(ratings)?,
            vectors: Factors::from_arrays(arrays, ratings)?,
            user_biases: floats_of(BIASES[0], &[ratings.rows()], arrays)?,
            item_biases: floats_of(BIASES[1], &[ratings.columns()], arrays)?,
        })
    }
}

/// Gives a model that has [`FittedFactors`] in `learnt` what follows from them; one that has nothing else, its file too.
macro_rules! by_fitted_factors {
    ($model:ident, $kind:literal) => {
        crate::models::ratings::biased_factors::by_fitted_factors!($model);

        impl crate::models::StoredModel for $model {
            const KIND: &'static str = $kind;

            fn parts(&self) -> (serde_json::Value, Vec<(String, fornax_core::Array)>) {
                (serde_json::Value::Null, self.learnt.arrays())
            }

            fn from_parts(
                header: serde_json::Value,
                arrays: &fornax_data::archive::MappedArrays,
                seen: &crate::UserItems,
            ) -> fornax_core::Result<Self> {
                crate::models::stored::settings::<()>(header)?;
                Ok(Self { learnt: FittedFactors::from_arrays(arrays, seen)? })
            }

            fn check_fitted_on(&self, seen: &crate::UserItems) -> fornax_core::Result<()> {
                self.learnt.scale.check(seen)
            }
        }
    };
    ($model:ident) => {
        crate::models::ratings::by_ratings!($model);

        impl $model {
            fn rating(&self, user: Option<crate::UserIndex>, item: Option<crate::ItemIndex>) -> f64 {
                self.learnt.rating(user, item)
            }

            fn counts(&self) -> [usize; 2] {
                self.learnt.counts()
            }

            fn scale(&self) -> crate::models::ratings::Scale {
                self.learnt.scale
            }

            /// The vectors of users and items, without the biases.
            pub fn factors(&self) -> &crate::Factors {
                &self.learnt.vectors
            }
        }

        /// By the cosine of the angle between the vectors of items, without their biases.
        impl crate::recommend::Similar for $model {
            fn similar_items(
                &self,
                item: crate::ItemIndex,
                count: usize,
            ) -> fornax_core::Result<Vec<crate::Scored>> {
                self.learnt.vectors.similar_items(item, count)
            }
        }

        /// By the cosine of the angle between the vectors of users, without their biases.
        impl crate::recommend::SimilarUsers for $model {
            fn similar_users(
                &self,
                user: crate::UserIndex,
                count: usize,
            ) -> fornax_core::Result<Vec<crate::Scored<crate::UserIndex>>> {
                self.learnt.vectors.similar_users(user, count)
            }
        }
    };
}
pub(super) use by_fitted_factors;

/// Normal vectors of standard deviation 0.1.
pub(super) fn draw(rows: usize, factors: usize, mut random: Philox) -> Vec<f32> {
    (0..rows * factors).map(|_| 0.1 * random.normal()).collect()
}
