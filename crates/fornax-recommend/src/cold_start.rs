//! [`ColdStart`]: users and items that a model was not fitted on, by their features.

use fornax_core::linalg::TopK;
use fornax_core::{Error, Result};

use crate::ids::{Id, Ids, Index};
use crate::models::StoredModel;
use crate::recommend::{Score, Scored, ranked};
use crate::recommender::Recommender;
use crate::sparse::SparseMatrix;

/// A model that knows users and items that it was not fitted on by their features: names and weights, as in
/// [`Features`](crate::Features).
pub trait ColdStart: Score + Sized {
    /// The vector of a user with these features alone.
    ///
    /// # Errors
    /// If a feature is not known or comes twice, or a weight is not finite.
    fn user_from_features<N: AsRef<str>>(&self, features: &[(N, f32)]) -> Result<Vec<f32>>;

    /// The vector of an item with these features alone.
    ///
    /// # Errors
    /// As [`user_from_features`](Self::user_from_features).
    fn item_from_features<N: AsRef<str>>(&self, features: &[(N, f32)]) -> Result<Vec<f32>>;

    /// The model with more vectors of users and of items, behind those that it has.
    #[doc(hidden)]
    fn extended(self, users: &[f32], items: &[f32]) -> Self;

    /// The scores of every item for someone who is known by features alone.
    ///
    /// # Errors
    /// As [`user_from_features`](Self::user_from_features), and if the model has no [`as_factors`](Score::as_factors).
    fn scores_of_new_user<N: AsRef<str>>(&self, features: &[(N, f32)]) -> Result<Vec<f32>> {
        let vector = self.user_from_features(features)?;
        match self.as_factors() {
            Some(factors) => Ok(factors.scores_of(&vector)),
            None => Err(Error::argument("model", "no vectors", "one whose scores are products of vectors")),
        }
    }

    /// The `count` items of highest score for someone who is known by features alone.
    ///
    /// # Errors
    /// As [`user_from_features`](Self::user_from_features).
    fn recommend_to_new_user<N: AsRef<str>>(
        &self,
        features: &[(N, f32)],
        count: usize,
    ) -> Result<Vec<Scored>> {
        let mut best = TopK::new(count);
        best.offer(&self.scores_of_new_user(features)?, 0);
        Ok(ranked(best))
    }

    /// The model with users who are known by features alone, numbered on from those it has.
    ///
    /// # Errors
    /// As [`user_from_features`](Self::user_from_features).
    fn with_new_users<N: AsRef<str>>(self, users: &[Vec<(N, f32)>]) -> Result<Self> {
        let vectors = all_new(users, |features| self.user_from_features(features))?;
        Ok(self.extended(&vectors, &[]))
    }

    /// The model with items that are known by features alone, numbered on from those it has.
    ///
    /// # Errors
    /// As [`user_from_features`](Self::user_from_features).
    fn with_new_items<N: AsRef<str>>(self, items: &[Vec<(N, f32)>]) -> Result<Self> {
        let vectors = all_new(items, |features| self.item_from_features(features))?;
        Ok(self.extended(&[], &vectors))
    }
}

/// The vectors of several, one after the other.
fn all_new<R>(rows: &[R], vector: impl Fn(&R) -> Result<Vec<f32>>) -> Result<Vec<f32>> {
    let vectors = rows.iter().enumerate();
    let vectors = vectors.map(|(at, row)| vector(row).map_err(|error| error.within(format!("new one {at}"))));
    Ok(vectors.collect::<Result<Vec<_>>>()?.concat())
}

impl<M: StoredModel + ColdStart, U: Id, I: Id> Recommender<M, U, I> {
    /// The `count` items of highest score for someone who is known by features alone.
    ///
    /// # Errors
    /// If a feature is not known or comes twice, or a weight is not finite.
    pub fn recommend_to_new_user<N: AsRef<str>>(
        &self,
        features: &[(N, f32)],
        count: usize,
    ) -> Result<Vec<(&I, f32)>> {
        Ok(self.named(self.model.recommend_to_new_user(features, count)?))
    }

    /// The recommender with users who are known by their features alone, and have nothing.
    ///
    /// # Errors
    /// If a user is known already or comes twice, a feature is not known or comes twice, or a weight is not finite.
    pub fn with_new_users<N: AsRef<str>>(mut self, users: Vec<(U, Vec<(N, f32)>)>) -> Result<Self> {
        let features = add_new(&mut self.users, users)?;
        let mut offsets = self.seen.offsets().to_vec();
        offsets.resize(self.users.len() + 1, self.seen.len());
        let (indices, values) = (self.seen.indices().to_vec(), self.seen.values().to_vec());
        self.seen = SparseMatrix::from_parts(self.seen.columns(), offsets, indices, values);
        Ok(Self { model: self.model.with_new_users(&features)?, ..self })
    }

    /// The recommender with items that are known by their features alone, and that nobody has.
    ///
    /// ```
    /// use fornax_recommend::{Duplicates, Features, Interactions, LightFm, Recommender};
    ///
    /// let log = [("ann", "Alien"), ("ann", "Solaris"), ("bob", "Heat"), ("bob", "Ronin"), ("cid", "Alien"), ("dan", "Ronin")];
    /// let log = Interactions::from_events(log, Duplicates::Error)?;
    /// let genres = [("Alien", "space", 1.0), ("Solaris", "space", 1.0), ("Heat", "crime", 1.0), ("Ronin", "crime", 1.0)];
    /// let genres = Features::new(log.items(), genres)?;
    /// let model = LightFm::new(4).iterations(100).fit_with(&log, None, Some(&genres))?;
    ///
    /// let recommender = Recommender::new(model, &log)?;
    /// let recommender = recommender.with_new_items(vec![("Gravity", vec![("space", 1.0)])])?;
    /// assert!(recommender.recommend(&"ann", 3)?.iter().any(|(item, _)| **item == "Gravity"));
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`with_new_users`](Self::with_new_users), of items.
    pub fn with_new_items<N: AsRef<str>>(mut self, items: Vec<(I, Vec<(N, f32)>)>) -> Result<Self> {
        let features = add_new(&mut self.items, items)?;
        let (offsets, indices) = (self.seen.offsets().to_vec(), self.seen.indices().to_vec());
        let values = self.seen.values().to_vec();
        self.seen = SparseMatrix::from_parts(self.items.len(), offsets, indices, values);
        Ok(Self { model: self.model.with_new_items(&features)?, ..self })
    }
}

/// Adds ids, and gives what came with them.
fn add_new<T: Id, X: Index, F>(ids: &mut Ids<T, X>, new: Vec<(T, F)>) -> Result<Vec<F>> {
    let each = new.into_iter().map(|(id, features)| match ids.get(&id) {
        Some(_) => Err(Error::argument(X::NAME, format!("{id}, which is known"), "one that is new")),
        None => ids.insert(id).map(|_| features),
    });
    each.collect()
}
