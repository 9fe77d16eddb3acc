//! [`UpdateUsers`] and [`PartialUpdate`]: what came after a model was fitted, without fitting it anew.

use std::fmt::Display;

use fornax_core::{Error, Result};

use crate::ids::{Id, Ids, Index, ItemIndex, UserIndex};
use crate::interactions::{Duplicates, Event, Interactions};
use crate::recommend::{Score, check};
use crate::recommender::Recommender;
use crate::sparse::{SparseMatrix, UserItems};

/// A model whose users can be brought up to date, new ones too, while items stay as they are.
///
/// A user is then as one of the same history whom [`FoldIn`](crate::FoldIn) serves.
pub trait UpdateUsers: Score {
    /// Takes the rows of some users, and of all users that are new, from `interactions`: those of all users as they are now.
    ///
    /// # Errors
    /// If `interactions` has fewer users or another number of items than the model, a user is not known, or a value cannot be
    /// one of the model. The model is then as it was.
    fn update_users(&mut self, interactions: &UserItems, users: &[UserIndex]) -> Result<()>;
}

/// A model that takes new interactions, new users and new items without being fitted anew.
///
/// What has no new interaction stays as it is, so that the model drifts from a fitted one: it is fitted anew now and then.
pub trait PartialUpdate: Score {
    /// Brings users and items with new interactions up to date, and what is new. `interactions` are all of them as they are now,
    /// with the numbers of the model's users and items, new ones behind them.
    ///
    /// # Errors
    /// If `interactions` has fewer users or items than the model, a user or item is not known, or a value cannot be one of the
    /// model. The model is then as it was.
    fn update(&mut self, interactions: &UserItems, users: &[UserIndex], items: &[ItemIndex]) -> Result<()>;
}

impl<M: UpdateUsers, U: Id, I: Id> Recommender<M, U, I> {
    /// Brings users up to date with events that are later than all that is known; users may be new, items not.
    ///
    /// A pair that is known already becomes what `duplicates` says, as in [`Interactions::from_events`].
    ///
    /// ```
    /// use fornax_recommend::{Duplicates, Interactions, PureSvd, Recommender};
    ///
    /// let log = [("ann", "tea"), ("ann", "milk"), ("bob", "tea"), ("bob", "milk"), ("dan", "rum")];
    /// let log = Interactions::from_events(log, Duplicates::Error)?;
    /// let mut recommender = Recommender::new(PureSvd::new(2).fit(&log)?, &log)?;
    /// recommender.update_users([("eve", "tea")], Duplicates::Error)?;
    /// assert_eq!(*recommender.recommend(&"eve", 1)?[0].0, "milk");
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no event, an event cannot be one (see [`Interactions::from_events`]), an item is not known, a pair is known
    /// already under [`Duplicates::Error`], or the model refuses a value. Nothing is changed then.
    pub fn update_users<E: Into<Event<U, I>>>(
        &mut self,
        events: impl IntoIterator<Item = E>,
        duplicates: Duplicates,
    ) -> Result<()> {
        let new = Interactions::from_events(events, duplicates)?;
        let users = self.users.numbers(new.users())?;
        let items = new.items().as_slice().iter().map(|id| self.items.expect(id));
        let items = items.collect::<Result<Vec<ItemIndex>>>()?;
        let seen = merged(&self.seen, &new, &users, &items, duplicates)?;
        self.model.update_users(&seen, &users)?;
        self.users.extend(new.users())?;
        self.seen = seen;
        Ok(())
    }
}

impl<M: PartialUpdate, U: Id, I: Id> Recommender<M, U, I> {
    /// Takes events that are later than all that is known; users and items may be new.
    ///
    /// A pair that is known already becomes what `duplicates` says, as in [`Interactions::from_events`].
    ///
    /// ```
    /// use fornax_recommend::{Duplicates, Ials, Interactions, Recommender};
    ///
    /// let log = [("ann", "tea"), ("ann", "milk"), ("bob", "tea"), ("bob", "milk"), ("dan", "rum")];
    /// let log = Interactions::from_events(log, Duplicates::Error)?;
    /// let model = Ials::new(4).alpha(5.0).regularization(0.1).fit(&log)?;
    /// let mut recommender = Recommender::new(model, &log)?;
    /// recommender.update([("ann", "cake"), ("bob", "cake"), ("eve", "tea")], Duplicates::Error)?;
    /// let list = recommender.recommend(&"eve", 2)?;
    /// assert!(list.iter().all(|(item, _)| ["milk", "cake"].contains(item)));
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no event, an event cannot be one (see [`Interactions::from_events`]), a pair is known already under
    /// [`Duplicates::Error`], or the model refuses a value. Nothing is changed then.
    pub fn update<E: Into<Event<U, I>>>(
        &mut self,
        events: impl IntoIterator<Item = E>,
        duplicates: Duplicates,
    ) -> Result<()> {
        let new = Interactions::from_events(events, duplicates)?;
        let (users, items) = (self.users.numbers(new.users())?, self.items.numbers(new.items())?);
        let seen = merged(&self.seen, &new, &users, &items, duplicates)?;
        self.model.update(&seen, &users, &items)?;
        self.users.extend(new.users())?;
        self.items.extend(new.items())?;
        self.seen = seen;
        Ok(())
    }
}

impl<T: Id, X: Index> Ids<T, X> {
    /// The number that each of other ids has here, or will have when they are added.
    fn numbers(&self, others: &Self) -> Result<Vec<X>> {
        let mut new = Self::default();
        let numbers = others.as_slice().iter().map(|id| match self.get(id) {
            Some(number) => Ok(number),
            None => {
                new.insert(id.clone())?;
                self.next(new.len() - 1, id)
            }
        });
        numbers.collect()
    }

    /// Adds other ids.
    fn extend(&mut self, others: &Self) -> Result<()> {
        others.as_slice().iter().try_for_each(|id| self.insert(id.clone()).map(drop))
    }
}

/// What is seen with new interactions, whose users and items have these numbers.
fn merged<U: Id, I: Id>(
    seen: &UserItems,
    new: &Interactions<U, I>,
    users: &[UserIndex],
    items: &[ItemIndex],
    duplicates: Duplicates,
) -> Result<UserItems> {
    let behind = |last: Option<usize>| last.map_or(0, |last| last + 1);
    let rows = seen.rows().max(behind(users.iter().map(|user| user.get()).max()));
    let columns = seen.columns().max(behind(items.iter().map(|item| item.get()).max()));
    let mut added = vec![vec![]; rows];
    for (user, item, value) in new.matrix().entries() {
        let (row, column) = (users[user.get()], items[item.get()].get() as u32);
        let old = if row.get() < seen.rows() { seen.value(row, items[item.get()]) } else { None };
        let value = match old {
            Some(old) => {
                let place = format!("user {}, item {}", new.users().id(user), new.items().id(item));
                together(old, value, duplicates, place)?
            }
            None => value,
        };
        added[row.get()].push((column, value));
    }
    let (mut offsets, mut indices, mut values) = (vec![0], vec![], vec![]);
    for (row, mut added) in added.into_iter().enumerate() {
        let range = if row < seen.rows() { seen.range(row) } else { 0..0 };
        let old = seen.indices()[range.clone()].iter().copied().zip(seen.values()[range].iter().copied());
        if added.is_empty() {
            old.for_each(|(column, value)| {
                indices.push(column);
                values.push(value);
            });
        } else {
            let is_added: std::collections::HashSet<u32> = added.iter().map(|(column, _)| *column).collect();
            added.extend(old.filter(|(column, _)| !is_added.contains(column)));
            added.sort_unstable_by_key(|&(column, _)| column);
            for (column, value) in added {
                indices.push(column);
                values.push(value);
            }
        }
        offsets.push(indices.len());
    }
    Ok(SparseMatrix::from_parts(columns, offsets, indices, values))
}

/// The value of a pair that has one and gets another.
fn together(old: f32, new: f32, duplicates: Duplicates, place: impl Display) -> Result<f32> {
    let value = match duplicates {
        Duplicates::Last => new,
        Duplicates::First => old,
        Duplicates::Sum => old + new,
        Duplicates::Max => old.max(new),
        Duplicates::Error => return Err(Error::data(place, "an event, and one that is known", "one")),
    };
    match value.is_finite() {
        true => Ok(value),
        false => Err(Error::data(place, format!("a sum of {value}"), "a finite number")),
    }
}

/// Rows that a model has to take: those named, and those behind the `known` ones, each once, by number.
pub(crate) fn rows_to_take<X: Index>(named: &[X], known: usize, now: usize) -> Result<Vec<X>> {
    if now < known {
        let wanted = format!("at least {known}, as the model has");
        return Err(Error::mismatch("interactions", format!("{now} {}s", X::NAME), wanted));
    }
    named.iter().try_for_each(|&row| check(X::NAME, row, now))?;
    let mut rows = named.to_vec();
    rows.extend((known..now).map(|row| X::new(row as u32)));
    rows.sort_unstable();
    rows.dedup();
    Ok(rows)
}

/// Checks that items are as many as they were.
pub(crate) fn check_items(interactions: &UserItems, items: usize) -> Result<()> {
    match interactions.columns() == items {
        true => Ok(()),
        false => {
            let found = format!("{} items", interactions.columns());
            Err(Error::mismatch("interactions", found, format!("{items}, as the model has")))
        }
    }
}
