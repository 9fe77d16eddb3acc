//! Splits into what a model is fitted on and what it is judged by. The numbers of users and items are those of the training
//! part alone: nothing of what is held out reaches a model.

use fornax_core::{Error, Philox, Result};

use crate::ids::{Id, Index, ItemIndex, UserIndex};
use crate::interactions::{Event, Interactions};
use crate::sparse::{SparseMatrix, UserItems};

/// A training part and what is held out.
#[derive(Clone, Debug)]
pub struct Split<U = String, I = String> {
    /// What models are fitted on, with ids of its own.
    pub train: Interactions<U, I>,
    /// What they are judged by.
    pub test: HeldOut<U, I>,
}

/// Held-out interactions, by what the training part knows of them.
#[derive(Clone, Debug)]
pub struct HeldOut<U = String, I = String> {
    known: UserItems,
    cold_users: Vec<Event<U, I>>,
    cold_items: Vec<Event<U, I>>,
}

impl<U: Id, I: Id> Split<U, I> {
    /// A training part and what is held out, where they come apart, as some data sets do.
    ///
    /// # Errors
    /// If a pair is in both.
    pub fn new(train: Interactions<U, I>, test: &Interactions<U, I>) -> Result<Self> {
        let test = HeldOut::of(test, |_| true, &train)?;
        let twice = test.known.entries().find(|&(user, item, _)| train.matrix().value(user, item).is_some());
        match twice {
            Some((user, item, _)) => {
                let place = format!("user {}, item {}", train.users().id(user), train.items().id(item));
                Err(Error::data(place, "an interaction in both parts", "one that trains or is held out"))
            }
            None => Ok(Self { train, test }),
        }
    }
}

impl<U: Id, I: Id> HeldOut<U, I> {
    /// The entries of `all` that `is_held_out` says.
    pub(crate) fn of(
        all: &Interactions<U, I>,
        is_held_out: impl Fn(usize) -> bool,
        train: &Interactions<U, I>,
    ) -> Result<Self> {
        let users: Vec<_> = all.users().as_slice().iter().map(|id| train.users().get(id)).collect();
        let items: Vec<_> = all.items().as_slice().iter().map(|id| train.items().get(id)).collect();
        let (mut known, mut cold_users, mut cold_items) = (vec![], vec![], vec![]);
        for (at, (user, item, value)) in all.matrix().entries().enumerate().filter(|(at, _)| is_held_out(*at))
        {
            let event = || Event {
                user: all.users().id(user).clone(),
                item: all.items().id(item).clone(),
                value,
                time: all.times().map(|times| times[at]),
            };
            match (users[user.get()], items[item.get()]) {
                (Some(user), Some(item)) => known.push((user.get() as u32, item.get() as u32, value)),
                (None, _) => cold_users.push(event()),
                (Some(_), None) => cold_items.push(event()),
            }
        }
        let known = SparseMatrix::from_entries(train.users().len(), train.items().len(), known)?;
        Ok(Self { known, cold_users, cold_items })
    }
}

impl<U, I> HeldOut<U, I> {
    /// Those of users and items that the training part knows, by its numbers.
    pub fn known(&self) -> &UserItems {
        &self.known
    }

    /// Those of users that the training part does not know.
    pub fn cold_users(&self) -> &[Event<U, I>] {
        &self.cold_users
    }

    /// Those of known users with items that the training part does not know.
    pub fn cold_items(&self) -> &[Event<U, I>] {
        &self.cold_items
    }

    /// The number of held-out interactions.
    pub fn len(&self) -> usize {
        self.known.len() + self.cold_users.len() + self.cold_items.len()
    }

    /// Whether there is none; never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<U: Id, I: Id> Interactions<U, I> {
    /// Holds out this fraction of the interactions, at random: `n - round(n (1 - fraction))` of `n`.
    ///
    /// # Errors
    /// If the fraction is not between 0 and 1, or a side would be empty.
    pub fn split_random(&self, fraction: f64, seed: u64) -> Result<Split<U, I>> {
        self.split_groups(fraction, seed, |_, _| 0)
    }

    /// Holds out this fraction of each item's interactions, at random: of `n`, `n - round(n (1 - fraction))` (halves to the even
    /// number, as Python rounds), never all of them.
    ///
    /// # Errors
    /// As [`split_random`](Self::split_random).
    pub fn split_by_item(&self, fraction: f64, seed: u64) -> Result<Split<U, I>> {
        self.split_groups(fraction, seed, |_, item| item.get())
    }

    /// Holds out this fraction of each user's interactions, as [`split_by_item`](Self::split_by_item).
    ///
    /// # Errors
    /// As [`split_random`](Self::split_random).
    pub fn split_by_user(&self, fraction: f64, seed: u64) -> Result<Split<U, I>> {
        self.split_groups(fraction, seed, |user, _| user.get())
    }

    /// Holds out each user's last `count` interactions; a user who has no more than that stays in the training part. Of
    /// interactions of one time, those of items that first came later are the later ones.
    ///
    /// # Errors
    /// If there are no times, or a side would be empty.
    pub fn split_last(&self, count: usize) -> Result<Split<U, I>> {
        let times = self.expect_times()?;
        let mut held_out = vec![false; self.len()];
        for user in 0..self.users().len() {
            let mut entries: Vec<usize> = self.matrix().range(user).collect();
            if entries.len() > count {
                entries.sort_by_key(|&at| times[at]);
                entries[entries.len() - count..].iter().for_each(|&at| held_out[at] = true);
            }
        }
        self.split_where(&held_out)
    }

    /// Holds out everything from `time` on.
    ///
    /// # Errors
    /// If there are no times, or a side would be empty.
    pub fn split_at_time(&self, time: i64) -> Result<Split<U, I>> {
        self.split_where(&self.expect_times()?.iter().map(|&at| at >= time).collect::<Vec<_>>())
    }

    /// Holds out the latest part, from the first time on at which no more than this fraction is left.
    ///
    /// # Errors
    /// If the fraction is not between 0 and 1, there are no times, or a side would be empty.
    pub fn split_latest(&self, fraction: f64) -> Result<Split<U, I>> {
        check(fraction)?;
        let mut times = self.expect_times()?.to_vec();
        times.sort_unstable();
        // Where the cut falls between equal times, all of them train.
        let at = ((times.len() as f64 * (1.0 - fraction)).ceil() as usize).max(1);
        match times[at..].iter().find(|&&time| time > times[at - 1]) {
            Some(&time) => self.split_at_time(time),
            None => Err(Error::data("split", "one time at the cut and no later one", "later interactions")),
        }
    }

    /// `count` splits of which each holds out another part, of equal size to one, for cross-validation.
    ///
    /// # Errors
    /// If `count` is below 2 or above the number of interactions; an element, if its training part is empty.
    pub fn folds(&self, count: usize, seed: u64) -> Result<impl Iterator<Item = Result<Split<U, I>>>> {
        if count < 2 || count > self.len() {
            return Err(Error::argument("folds", count, format!("2 to the {} interactions", self.len())));
        }
        let order = Philox::new(seed).named("folds").permutation(self.len());
        let (each, more) = (self.len() / count, self.len() % count);
        Ok((0..count).map(move |fold| {
            let start = fold * each + fold.min(more);
            let mut held_out = vec![false; self.len()];
            order[start..][..each + usize::from(fold < more)].iter().for_each(|&at| held_out[at] = true);
            self.split_where(&held_out)
        }))
    }

    /// Holds out the interactions that `is_test` says.
    ///
    /// # Errors
    /// If a side would be empty.
    pub fn split_by(&self, mut is_test: impl FnMut(&U, &I, f32, Option<i64>) -> bool) -> Result<Split<U, I>> {
        let entries = self.matrix().entries().enumerate();
        let held_out = entries.map(|(at, (user, item, value))| {
            let time = self.times().map(|times| times[at]);
            is_test(self.users().id(user), self.items().id(item), value, time)
        });
        self.split_where(&held_out.collect::<Vec<_>>())
    }

    fn expect_times(&self) -> Result<&[i64]> {
        self.times().ok_or_else(|| Error::data("interactions", "no times", "times to split by"))
    }

    fn split_groups(
        &self,
        fraction: f64,
        seed: u64,
        group: impl Fn(UserIndex, ItemIndex) -> usize,
    ) -> Result<Split<U, I>> {
        check(fraction)?;
        let groups: Vec<usize> = self.matrix().entries().map(|(user, item, _)| group(user, item)).collect();
        let mut quota = vec![0usize; groups.iter().max().map_or(0, |most| most + 1)];
        groups.iter().for_each(|&group| quota[group] += 1);
        for count in &mut quota {
            let train = (*count as f64 * (1.0 - fraction)).round_ties_even() as usize;
            *count -= train.max(1).min(*count);
        }
        let mut held_out = vec![false; groups.len()];
        for at in Philox::new(seed).named("split").permutation(groups.len()) {
            let left = &mut quota[groups[at]];
            if *left > 0 {
                *left -= 1;
                held_out[at] = true;
            }
        }
        self.split_where(&held_out)
    }

    fn split_where(&self, held_out: &[bool]) -> Result<Split<U, I>> {
        let count = held_out.iter().filter(|&&held_out| held_out).count();
        if count == 0 || count == self.len() {
            let found = format!("{} and {count} interactions", self.len() - count);
            return Err(Error::data("split", found, "at least one on each side"));
        }
        let train = self.select(&held_out.iter().map(|held_out| !held_out).collect::<Vec<_>>())?;
        let test = HeldOut::of(self, |at| held_out[at], &train)?;
        Ok(Split { train, test })
    }
}

fn check(fraction: f64) -> Result<()> {
    match fraction > 0.0 && fraction < 1.0 {
        true => Ok(()),
        false => Err(Error::argument("fraction", fraction, "between 0 and 1, both excluded")),
    }
}
