//! [`ColdStart`]: users and items that a model was not fitted on, by their features.

use fornax_core::linalg::TopK;
use fornax_core::{Error, Result};

use crate::ids::{Id, Ids, Index};
use crate::models::StoredModel;
use crate::recommend::{Score, Scored, ranked};
use crate::recommender::Recommender;

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

    /// Adds vectors of users and of items behind those that there are.
    #[doc(hidden)]
    fn extend(&mut self, users: &[f32], items: &[f32]);

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
    fn with_new_users<N: AsRef<str>>(mut self, users: &[Vec<(N, f32)>]) -> Result<Self> {
        let vectors = all_new(users, |features| self.user_from_features(features))?;
        self.extend(&vectors, &[]);
        Ok(self)
    }

    /// The model with items that are known by features alone, numbered on from those it has.
    ///
    /// # Errors
    /// As [`user_from_features`](Self::user_from_features).
    fn with_new_items<N: AsRef<str>>(mut self, items: &[Vec<(N, f32)>]) -> Result<Self> {
        let vectors = all_new(items, |features| self.item_from_features(features))?;
        self.extend(&[], &vectors);
        Ok(self)
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

    /// Adds users who are known by their features alone, and have nothing.
    ///
    /// # Errors
    /// If a user is known already or comes twice, a feature is not known or comes twice, or a weight is not finite. Nothing is
    /// changed then.
    pub fn add_users<N: AsRef<str>>(&mut self, users: &[(U, Vec<(N, f32)>)]) -> Result<()> {
        let mut ids = self.users.clone();
        let vectors = add_new(&mut ids, users, |features| self.model.user_from_features(features))?;
        self.model.extend(&vectors, &[]);
        self.seen.grow(ids.len(), self.items.len());
        self.users = ids;
        Ok(())
    }

    /// Adds items that are known by their features alone, and that nobody has.
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
    /// let mut recommender = Recommender::new(model, &log)?;
    /// recommender.add_items(&[("Gravity", vec![("space", 1.0)])])?;
    /// assert!(recommender.recommend(&"ann", 3)?.iter().any(|(item, _)| **item == "Gravity"));
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`add_users`](Self::add_users), of items.
    pub fn add_items<N: AsRef<str>>(&mut self, items: &[(I, Vec<(N, f32)>)]) -> Result<()> {
        let mut ids = self.items.clone();
        let vectors = add_new(&mut ids, items, |features| self.model.item_from_features(features))?;
        self.model.extend(&[], &vectors);
        self.seen.grow(self.users.len(), ids.len());
        self.items = ids;
        Ok(())
    }
}

/// Adds ids that are not there yet, and gives the vectors of what came with them, one after the other.
fn add_new<T: Id, X: Index, F>(
    ids: &mut Ids<T, X>,
    new: &[(T, F)],
    vector: impl Fn(&F) -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    let mut vectors = vec![];
    for (id, features) in new {
        if ids.get(id).is_some() {
            return Err(Error::argument(X::NAME, format!("{id}, which is known"), "one that is new"));
        }
        vectors.extend(vector(features).map_err(|error| error.within(format!("{} {id}", X::NAME)))?);
        ids.insert(id.clone())?;
    }
    Ok(vectors)
}
