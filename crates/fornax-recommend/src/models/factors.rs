//! [`Factors`]: a vector for each user and each item, whose product is the score.

use std::ops::Range;

use fornax_core::linalg::{Matrix, TopK, multiply};
use fornax_core::{Array, Error, Floats, Result};
use fornax_data::archive::MappedArrays;

pub(crate) use super::products::product;
use super::products::wide_product;
use crate::ids::{Index, ItemIndex, UserIndex};
use crate::recommend::{Score, Scored, Similar, SimilarUsers, check, ranked};
use crate::sparse::UserItems;

/// Vectors `m_u` of users and `q_v` of items, of `width` elements; the score of `v` for `u` is `m_u · q_v`.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    width: usize,
    /// `[users, width]`.
    users: Floats,
    /// `[items, width]`.
    items: Floats,
}

impl Factors {
    /// Vectors of users `[users, width]` and of items `[items, width]`.
    ///
    /// # Errors
    /// If these are no matrices of one width above 0, or a number is not finite.
    pub fn new(users: &Array, items: &Array) -> Result<Self> {
        for (name, array) in [("users", users), ("items", items)] {
            if array.shape().len() != 2 || array.row_len() == 0 {
                return Err(Error::shape(name, format!("{:?}", array.shape()), format!("[{name}, width]")));
            }
            if let Some(at) = array.first_non_finite() {
                let place = format!("{name}, row {}", at / array.row_len());
                return Err(Error::data(place, "a number that is not finite", "finite ones"));
            }
        }
        let width = users.row_len();
        if items.row_len() != width {
            return Err(Error::shape(
                "items",
                format!("vectors of {}", items.row_len()),
                format!("of {width}, as users"),
            ));
        }
        Ok(Self::from_parts(width, users.to_f32(), items.to_f32()))
    }

    pub(crate) fn from_parts(width: usize, users: Vec<f32>, items: Vec<f32>) -> Self {
        Self { width, users: users.into(), items: items.into() }
    }

    /// The vectors of all items, `[items, width]`.
    pub(super) fn items(&self) -> &[f32] {
        &self.items
    }

    /// The vectors of all users, `[users, width]`.
    pub(super) fn users(&self) -> &[f32] {
        &self.users
    }

    /// The vector of a user who is known.
    pub(crate) fn user_vector(&self, user: UserIndex) -> &[f32] {
        &self.users[user.get() * self.width..][..self.width]
    }

    /// The same with more rows of users and of items at the ends.
    pub(super) fn extended(&self, users: &[f32], items: &[f32]) -> Self {
        let joined = |old: &[f32], new: &[f32]| Floats::from([old, new].concat());
        Self { width: self.width, users: joined(&self.users, users), items: joined(&self.items, items) }
    }

    /// The arrays of a file.
    pub(super) fn arrays(&self) -> Vec<(String, Array)> {
        let array =
            |values: &Floats| Array::from_vec([values.len() / self.width, self.width], values.to_vec());
        [("users", &self.users), ("items", &self.items)]
            .map(|(name, values)| (name.to_owned(), array(values).expect("rows of one width")))
            .into()
    }

    /// What [`arrays`](Self::arrays) gave, of a model that was fitted on such interactions.
    pub(super) fn from_arrays(arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        let ((users_shape, users), (items_shape, items)) = (arrays.floats("users")?, arrays.floats("items")?);
        let width = users_shape.last().copied().unwrap_or_default();
        let fits = users_shape == [seen.rows(), width] && items_shape == [seen.columns(), width];
        // A width of vectors that are not there is no number to rely on.
        match fits && !users.is_empty() && !items.is_empty() {
            true => Ok(Self { width, users, items }),
            false => {
                let found = format!("users {users_shape:?}, items {items_shape:?}");
                let wanted = format!("[{}, width] and [{}, width]", seen.rows(), seen.columns());
                Err(Error::mismatch("vectors", found, wanted))
            }
        }
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.users.iter().chain(self.items.iter()).all(|x| x.is_finite())
    }

    /// The elements of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The vector of a user.
    ///
    /// # Errors
    /// If the user is not known.
    pub fn user(&self, user: UserIndex) -> Result<&[f32]> {
        check("user", user, self.user_count())?;
        Ok(self.user_vector(user))
    }

    /// The vector of an item.
    ///
    /// # Errors
    /// If the item is not known.
    pub fn item(&self, item: ItemIndex) -> Result<&[f32]> {
        check("item", item, self.item_count())?;
        Ok(&self.items[item.get() * self.width..][..self.width])
    }

    /// The scores of every item for a user's vector.
    pub(crate) fn scores_of(&self, vector: &[f32]) -> Vec<f32> {
        products(vector, &self.items)
    }

    /// Gives some users other vectors, one after the other; there are `count` users then.
    pub(super) fn set_users(&mut self, count: usize, users: &[UserIndex], vectors: &[f32]) {
        let mut table = self.users.to_vec();
        table.resize(count * self.width, 0.0);
        set_rows(&mut table, self.width, users, vectors);
        self.users = table.into();
    }
}

impl Score for Factors {
    fn as_factors(&self) -> Option<&Factors> {
        Some(self)
    }

    fn user_count(&self) -> usize {
        self.users.len() / self.width
    }

    fn item_count(&self) -> usize {
        self.items.len() / self.width
    }

    fn score_block(&self, users: &[UserIndex], items: Range<usize>, out: &mut [f32]) {
        let width = self.width;
        if let &[user] = users {
            let (vector, table) =
                (self.user_vector(user), &self.items[items.start * width..items.end * width]);
            assert_eq!(out.len(), items.len());
            let each = out.iter_mut().zip(table.chunks_exact(width));
            each.for_each(|(out, row)| *out = product(vector, row));
            return;
        }
        let gathered: Vec<f32> =
            users.iter().flat_map(|&user| self.user_vector(user).iter().copied()).collect();
        let vectors = &self.items[items.start * width..items.end * width];
        let vectors = Matrix::new(vectors, items.len(), width);
        multiply(1.0, Matrix::new(&gathered, users.len(), width), vectors.t(), 0.0, out, items.len());
    }
}

/// By the cosine of the angle between the vectors of items.
impl Similar for Factors {
    fn similar_items(&self, item: ItemIndex, count: usize) -> Result<Vec<Scored>> {
        check("item", item, self.item_count())?;
        Ok(most_similar(&self.items, self.width, self.width, item, count))
    }
}

/// By the cosine of the angle between the vectors of users.
impl SimilarUsers for Factors {
    fn similar_users(&self, user: UserIndex, count: usize) -> Result<Vec<Scored<UserIndex>>> {
        check("user", user, self.user_count())?;
        Ok(most_similar(&self.users, self.width, self.width, user, count))
    }
}

/// By the cosines between the first `width` elements of rows of `stride` elements.
pub(super) fn most_similar<X: Index>(
    table: &[f32],
    stride: usize,
    width: usize,
    index: X,
    count: usize,
) -> Vec<Scored<X>> {
    // In 64 bits, where neither a square overflows nor that of the least number is 0.
    let norm = |vector: &[f32]| wide_product(vector, vector).sqrt().max(1e-100);
    let vector = &table[index.get() * stride..][..width];
    let length = norm(vector);
    let cosine = |row: &[f32]| (wide_product(vector, &row[..width]) / (length * norm(&row[..width]))) as f32;
    let mut cosines: Vec<f32> = table.chunks_exact(stride).map(cosine).collect();
    cosines[index.get()] = f32::NEG_INFINITY;
    let mut best = TopK::new(count);
    best.offer(&cosines, 0);
    ranked(best)
}

/// The product of a vector with each of a table.
fn products(vector: &[f32], table: &[f32]) -> Vec<f32> {
    table.chunks_exact(vector.len()).map(|row| product(vector, row)).collect()
}

/// Writes vectors, one after the other, to rows of a table.
pub(super) fn set_rows<X: Index>(table: &mut [f32], width: usize, rows: &[X], vectors: &[f32]) {
    for (row, vector) in rows.iter().zip(vectors.chunks_exact(width)) {
        table[row.get() * width..][..width].copy_from_slice(vector);
    }
}

/// An error if the vectors of users and items, while they are fitted and as the model has them, take more than `memory` bytes;
/// while they are fitted they come in whole multiples of 16.
pub(super) fn check_memory(factors: usize, rows: [usize; 2], memory: u64) -> Result<()> {
    let bytes = 8 * (rows[0] as u64 + rows[1] as u64).max(1);
    check_most(factors, memory / bytes / 16 * 16, memory)
}

/// The most factors, in a whole multiple of 16, whose normal equations take at most `memory` bytes in 64 threads, however many
/// there are, so that the same settings do on any machine.
pub(super) fn most_of_equations(memory: u64) -> u64 {
    (memory / 4 / 65).isqrt() / 16 * 16
}

/// An error if there are more factors than fit into `memory` bytes.
pub(super) fn check_most(factors: usize, most: u64, memory: u64) -> Result<()> {
    match factors as u64 <= most {
        true => Ok(()),
        false => {
            let wanted = format!("at most {most}, for {memory} bytes, or more memory");
            Err(Error::argument("factors", factors, wanted))
        }
    }
}

/// Gives a model that has factors the traits of [`Factors`].
macro_rules! by_factors {
    ($model:ident $(<$backend:ident: $bound:path>)?) => {
        impl$(<$backend: $bound>)? crate::recommend::Score for $model$(<$backend>)? {
            fn as_factors(&self) -> Option<&crate::Factors> {
                Some(&self.factors)
            }

            fn user_count(&self) -> usize {
                self.factors.user_count()
            }

            fn item_count(&self) -> usize {
                self.factors.item_count()
            }

            fn score_block(
                &self,
                users: &[crate::UserIndex],
                items: std::ops::Range<usize>,
                out: &mut [f32],
            ) {
                self.factors.score_block(users, items, out);
            }
        }

        impl$(<$backend: $bound>)? crate::recommend::Similar for $model$(<$backend>)? {
            fn similar_items(
                &self,
                item: crate::ItemIndex,
                count: usize,
            ) -> fornax_core::Result<Vec<crate::Scored>> {
                self.factors.similar_items(item, count)
            }
        }

        impl$(<$backend: $bound>)? crate::recommend::SimilarUsers for $model$(<$backend>)? {
            fn similar_users(
                &self,
                user: crate::UserIndex,
                count: usize,
            ) -> fornax_core::Result<Vec<crate::Scored<crate::UserIndex>>> {
                self.factors.similar_users(user, count)
            }
        }
    };
}
pub(super) use by_factors;
