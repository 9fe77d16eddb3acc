//! [`Recommender`]: a model with the ids of its users and items and what users have, in one file: what a service needs.

use std::borrow::Borrow;
use std::fmt::Display;
use std::hash::Hash;
use std::path::Path;

use fornax_core::{Error, Result};
use fornax_data::archive::{self, MappedArrays};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::Interactions;
use crate::ids::{Id, Ids, Index, ItemIndex, UserIndex};
use crate::models::stored::{id_arrays, ids_of, matrix_arrays, matrix_of};
use crate::models::{Predict, StoredModel};
use crate::recommend::{Explain, Filter, FoldIn, Recommend, Scored, Similar, SimilarUsers};
use crate::sparse::UserItems;
use crate::splits::Split;

/// A model that is asked by ids, and does not recommend what a user has.
///
/// The numbers of a loaded model are mapped, not read: it answers at once, whatever its size, and processes share it.
///
/// ```
/// use fornax_recommend::{Duplicates, Interactions, PureSvd, PureSvdModel, Recommender};
///
/// let log = [("ann", "tea"), ("ann", "milk"), ("bob", "tea"), ("bob", "milk"), ("cid", "tea"), ("dan", "rum")];
/// let log = log.map(|(user, item)| (user.to_owned(), item.to_owned()));
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let path = std::env::temp_dir().join(format!("fornax-recommender-{}.fornax", std::process::id()));
/// Recommender::new(PureSvd::new(2).fit(&log)?, &log)?.save(&path)?;
///
/// let loaded = Recommender::<PureSvdModel>::load(&path)?;
/// assert_eq!(loaded.recommend("cid", 1)?[0].0, "milk");
/// assert_eq!(loaded.recommend_from(&[("milk", 1.0)], 1)?[0].0, "tea");
/// assert_eq!(loaded.recommend("eve", 1).unwrap_err().to_string(), "user: found eve, wanted one of the 4 that are known");
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recommender<M, U = String, I = String> {
    pub(crate) model: M,
    pub(crate) users: Ids<U, UserIndex>,
    pub(crate) items: Ids<I, ItemIndex>,
    pub(crate) seen: UserItems,
}

/// The names of arrays.
const USER_IDS: &str = "user ids";
const ITEM_IDS: &str = "item ids";

/// The version of the file: 2 since ids are in arrays.
const VERSION: u64 = 2;

#[derive(Serialize, Deserialize)]
struct Header {
    recommender: String,
    settings: Json,
    version: u64,
}

/// The header and the arrays of a file of this very version.
fn open(path: &Path) -> Result<(Header, MappedArrays)> {
    let (header, arrays) = archive::map::<Header>(path, VERSION)?;
    match header.version == VERSION {
        true => Ok((header, arrays)),
        false => {
            let found = format!("version {}", header.version);
            Err(Error::format(path, "recommender", found, format!("version {VERSION}: save it anew")))
        }
    }
}

/// The name of the model in a recommender's file, [`StoredModel::KIND`].
///
/// # Errors
/// If the file cannot be read, is no recommender, or is one of another version.
pub fn stored_kind(path: impl AsRef<Path>) -> Result<String> {
    Ok(open(path.as_ref())?.0.recommender)
}

impl<M: StoredModel, U: Id, I: Id> Recommender<M, U, I> {
    /// A model and the interactions that it was fitted on.
    ///
    /// # Errors
    /// If the model was fitted on another number of users or items, or on other values where it needs those again.
    pub fn new(model: M, interactions: &Interactions<U, I>) -> Result<Self> {
        let [users, items] = [interactions.users().len(), interactions.items().len()];
        if (model.user_count(), model.item_count()) != (users, items) {
            let found = format!("{} users and {} items", model.user_count(), model.item_count());
            return Err(Error::mismatch(
                "model",
                found,
                format!("{users} and {items}, as in the interactions"),
            ));
        }
        model.check_fitted_on(interactions.matrix())?;
        Ok(Self {
            model,
            users: interactions.users().clone(),
            items: interactions.items().clone(),
            seen: interactions.matrix().clone(),
        })
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The users.
    pub fn users(&self) -> &Ids<U, UserIndex> {
        &self.users
    }

    /// The items.
    pub fn items(&self) -> &Ids<I, ItemIndex> {
        &self.items
    }

    /// What users have.
    pub fn seen(&self) -> &UserItems {
        &self.seen
    }

    /// The `count` items of highest score that a user does not have, with their scores.
    ///
    /// # Errors
    /// If the user is not known.
    pub fn recommend<Q>(&self, user: &Q, count: usize) -> Result<Vec<(&I, f32)>>
    where
        U: Borrow<Q>,
        Q: Display + Eq + Hash + ?Sized,
    {
        let user = self.users.expect(user)?;
        Ok(self.named(self.model.recommend(user, count, &Filter::unseen(&self.seen))?))
    }

    /// A split of what users have, to train, and of other interactions, held out, for an
    /// [`Evaluation`](crate::Evaluation) of the model.
    ///
    /// ```
    /// use fornax_recommend::{Duplicates, Evaluation, Interactions, Popularity, RankingMetric, Recommender};
    ///
    /// let log = Interactions::from_events([("a", 1), ("b", 1), ("b", 2), ("c", 3)], Duplicates::Error)?;
    /// let recommender = Recommender::new(Popularity::new().fit(&log)?, &log)?;
    /// let later = Interactions::from_events([("c", 1), ("d", 1), ("a", 9)], Duplicates::Error)?;
    /// let report = Evaluation::at(1).run(recommender.model(), &recommender.split(&later)?)?;
    /// assert_eq!(report.mean(RankingMetric::HitRate), 1.0);
    /// assert_eq!((report.cold_users(), report.cold_items()), (1, 1));
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a user has a held-out item already: the model has seen it.
    pub fn split(&self, held_out: &Interactions<U, I>) -> Result<Split<U, I>> {
        let train = Interactions::from_parts(self.users.clone(), self.items.clone(), self.seen.clone());
        Split::new(train, held_out)
    }

    /// Whether a user has an item; not one who is not known.
    pub fn has<Q, R>(&self, user: &Q, item: &R) -> bool
    where
        U: Borrow<Q>,
        I: Borrow<R>,
        Q: Eq + Hash + ?Sized,
        R: Eq + Hash + ?Sized,
    {
        let pair = self.users.get(user).zip(self.items.get(item));
        pair.is_some_and(|(user, item)| self.seen.value(user, item).is_some())
    }

    pub(crate) fn named(&self, list: Vec<Scored>) -> Vec<(&I, f32)> {
        list.into_iter().map(|best| (self.items.id(best.index), best.score)).collect()
    }

    fn history<Q>(&self, history: &[(&Q, f32)]) -> Result<Vec<(ItemIndex, f32)>>
    where
        I: Borrow<Q>,
        Q: Display + Eq + Hash + ?Sized,
    {
        history.iter().map(|&(item, value)| Ok((self.items.expect(item)?, value))).collect()
    }
}

impl<M: StoredModel + Predict, U: Id, I: Id> Recommender<M, U, I> {
    /// The rating of a user for an item.
    ///
    /// Of a user or item that is not known, [`Predict::predict`] of the [`model`](Self::model) says what it falls back on.
    ///
    /// ```
    /// use fornax_recommend::{Duplicates, FunkSvd, Interactions, Predict, Recommender};
    ///
    /// let ratings = Interactions::from_events([("ann", "Alien", 5.0), ("ann", "Heat", 3.0)], Duplicates::Error)?;
    /// let recommender = Recommender::new(FunkSvd::new(10).epochs(500).fit(&ratings)?, &ratings)?;
    /// assert!((recommender.predict(&"ann", &"Alien")? - 5.0).abs() < 0.3);
    /// assert!(recommender.predict(&"bob", &"Alien").is_err());
    /// let fallback = recommender.model().predict(None, recommender.items().get(&"Alien"));
    /// assert!(fallback > 4.0);
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the user or the item is not known, or the rating is not finite, because the file of the model is damaged.
    pub fn predict<Q, R>(&self, user: &Q, item: &R) -> Result<f32>
    where
        U: Borrow<Q>,
        I: Borrow<R>,
        Q: Display + Eq + Hash + ?Sized,
        R: Display + Eq + Hash + ?Sized,
    {
        let rating = self.model.predict(Some(self.users.expect(user)?), Some(self.items.expect(item)?));
        match rating.is_finite() {
            true => Ok(rating),
            false => Err(Error::data(
                format!("rating of {item} by {user}"),
                rating,
                "a model whose numbers are finite",
            )),
        }
    }
}

impl<M: StoredModel + FoldIn, U: Id, I: Id> Recommender<M, U, I> {
    /// The `count` items of highest score for someone with this history of items and values, without those.
    ///
    /// # Errors
    /// If an item is not known or comes twice, or a value cannot be one of the model.
    pub fn recommend_from<Q>(&self, history: &[(&Q, f32)], count: usize) -> Result<Vec<(&I, f32)>>
    where
        I: Borrow<Q>,
        Q: Display + Eq + Hash + ?Sized,
    {
        Ok(self.named(self.model.recommend_from(&self.history(history)?, count)?))
    }
}

impl<M: StoredModel + Similar, U: Id, I: Id> Recommender<M, U, I> {
    /// The `count` items most similar to one, without itself.
    ///
    /// # Errors
    /// If the item is not known.
    pub fn similar_items<Q>(&self, item: &Q, count: usize) -> Result<Vec<(&I, f32)>>
    where
        I: Borrow<Q>,
        Q: Display + Eq + Hash + ?Sized,
    {
        Ok(self.named(self.model.similar_items(self.items.expect(item)?, count)?))
    }
}

impl<M: StoredModel + SimilarUsers, U: Id, I: Id> Recommender<M, U, I> {
    /// The `count` users most similar to one, without the user.
    ///
    /// # Errors
    /// If the user is not known.
    pub fn similar_users<Q>(&self, user: &Q, count: usize) -> Result<Vec<(&U, f32)>>
    where
        U: Borrow<Q>,
        Q: Display + Eq + Hash + ?Sized,
    {
        let list = self.model.similar_users(self.users.expect(user)?, count)?;
        Ok(list.into_iter().map(|user| (self.users.id(user.index), user.score)).collect())
    }
}

impl<M: StoredModel + Explain, U: Id, I: Id> Recommender<M, U, I> {
    /// What each of a user's items adds to the score of `item`, the most first.
    ///
    /// # Errors
    /// If the user or the item is not known.
    pub fn explain<Q, R>(&self, user: &Q, item: &R) -> Result<Vec<(&I, f32)>>
    where
        U: Borrow<Q>,
        I: Borrow<R>,
        Q: Display + Eq + Hash + ?Sized,
        R: Display + Eq + Hash + ?Sized,
    {
        let (items, values) = self.seen.row(self.users.expect(user)?);
        let history = items.iter().map(|&item| ItemIndex::new(item)).zip(values.iter().copied());
        Ok(self.named(self.model.explain(&history.collect::<Vec<_>>(), self.items.expect(item)?)?))
    }
}

impl<M, U, I> Recommender<M, U, I>
where
    M: StoredModel,
    U: Id + Serialize + DeserializeOwned,
    I: Id + Serialize + DeserializeOwned,
{
    /// Writes all of it to one file, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written, an id has no JSON form or one of 2^31 bytes, or a user has 2^31 items; an older file is
    /// then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let (settings, mut arrays) = self.model.parts();
        let header = Header { recommender: M::KIND.into(), settings, version: VERSION };
        arrays.extend(id_arrays(USER_IDS, &self.users)?);
        arrays.extend(id_arrays(ITEM_IDS, &self.items)?);
        arrays.extend(matrix_arrays("seen", &self.seen)?);
        archive::write(path.as_ref(), VERSION, &header, &arrays)
    }

    /// What [`save`](Self::save) wrote. The file must not be changed as long as the recommender is there; replacing it by another
    /// one is safe.
    ///
    /// # Errors
    /// If the file cannot be read, is no recommender, is one of another version, has another model, or its parts do not fit each
    /// other.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (header, arrays) = open(path)?;
        if header.recommender != M::KIND {
            return Err(Error::format(path, "model", header.recommender, M::KIND));
        }
        Self::of_parts(header, &arrays).map_err(|error| error.within(path.display()))
    }

    fn of_parts(header: Header, arrays: &MappedArrays) -> Result<Self> {
        let users: Ids<U, UserIndex> = ids_of(USER_IDS, arrays)?;
        let items: Ids<I, ItemIndex> = ids_of(ITEM_IDS, arrays)?;
        let seen: UserItems = matrix_of("seen", items.len(), arrays)?;
        if seen.is_empty() {
            return Err(Error::data("interactions", "none", "at least one"));
        }
        let model = M::from_parts(header.settings, arrays, &seen)?;
        let found = [seen.rows(), model.user_count(), seen.columns(), model.item_count()];
        let wanted = [users.len(), users.len(), items.len(), items.len()];
        if found != wanted {
            let found = format!("{} and {} users, {} and {} items", found[0], found[1], found[2], found[3]);
            return Err(Error::mismatch(
                "parts of a recommender",
                found,
                format!("{} users, {} items", wanted[0], wanted[2]),
            ));
        }
        Ok(Self { model, users, items, seen })
    }
}
