//! [`Interactions`]: who did what with which item, how much and when; each pair of user and item once.

use fornax_core::{Error, Result};

use crate::ids::{Id, Ids, Index, ItemIndex, UserIndex};
use crate::sparse::{SparseMatrix, UserItems};

/// A line of a log: a user did something with an item.
///
/// A pair stands for the value 1, `(user, item, value)` and `(user, item, value, time)` for what they say.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<U, I> {
    /// Who.
    pub user: U,
    /// With what.
    pub item: I,
    /// A rating, a count or a weight.
    pub value: f32,
    /// When, in any unit that ascends.
    pub time: Option<i64>,
}

impl<U, I> From<(U, I)> for Event<U, I> {
    fn from((user, item): (U, I)) -> Self {
        Self { user, item, value: 1.0, time: None }
    }
}

impl<U, I> From<(U, I, f32)> for Event<U, I> {
    fn from((user, item, value): (U, I, f32)) -> Self {
        Self { user, item, value, time: None }
    }
}

impl<U, I> From<(U, I, f32, i64)> for Event<U, I> {
    fn from((user, item, value, time): (U, I, f32, i64)) -> Self {
        Self { user, item, value, time: Some(time) }
    }
}

/// What becomes of several events of one user with one item. The order is that of time, else that of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// The last one stays: a rating that was changed.
    Last,
    /// The first one stays.
    First,
    /// Their values are added up, the last time stays: counts.
    Sum,
    /// The largest value stays, with the last time.
    Max,
    /// They are an error.
    Error,
}

/// Interactions of users with items, each pair once: the numbers of ids, a sparse matrix of values, and times.
///
/// Users and items are numbered as they first come. Interactions are ordered by user, then by item.
///
/// ```
/// use fornax_recommend::{Duplicates, Interactions};
///
/// let log = Interactions::from_events([("ann", 7, 4.0), ("bob", 9, 2.0), ("ann", 7, 5.0)], Duplicates::Last)?;
/// assert_eq!((log.users().len(), log.items().len(), log.len()), (2, 2, 2));
/// let (ann, seven) = (log.users().expect("ann")?, log.items().expect(&7)?);
/// assert_eq!(log.matrix().value(ann, seven), Some(5.0));
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Interactions<U = String, I = String> {
    users: Ids<U, UserIndex>,
    items: Ids<I, ItemIndex>,
    matrix: UserItems,
    /// As the entries of the matrix.
    times: Option<Vec<i64>>,
}

impl<U, I> AsRef<UserItems> for Interactions<U, I> {
    fn as_ref(&self) -> &UserItems {
        &self.matrix
    }
}

impl<U: Id, I: Id> Interactions<U, I> {
    /// The interactions of events in memory.
    ///
    /// # Errors
    /// If there is none, a value is not finite (also as a sum), only some have a time, a pair comes twice under
    /// [`Duplicates::Error`], or there are 2^32 users or items.
    pub fn from_events<E: Into<Event<U, I>>>(
        events: impl IntoIterator<Item = E>,
        duplicates: Duplicates,
    ) -> Result<Self> {
        let mut log = Log::default();
        for (number, event) in events.into_iter().enumerate() {
            log.push(event.into()).map_err(|error| error.within(format!("event {number}")))?;
        }
        log.finish(duplicates)
    }

    /// The users.
    pub fn users(&self) -> &Ids<U, UserIndex> {
        &self.users
    }

    /// The items.
    pub fn items(&self) -> &Ids<I, ItemIndex> {
        &self.items
    }

    /// The values, `[users, items]`.
    pub fn matrix(&self) -> &UserItems {
        &self.matrix
    }

    /// The time of each entry of the matrix, row by row; none where the log has no times.
    pub fn times(&self) -> Option<&[i64]> {
        self.times.as_deref()
    }

    /// The number of interactions.
    pub fn len(&self) -> usize {
        self.matrix.len()
    }

    /// Whether there is none; never.
    pub fn is_empty(&self) -> bool {
        self.matrix.is_empty()
    }

    /// Each user's items from the oldest to the newest. Of interactions of one time, those of items that first came later are the
    /// later ones.
    ///
    /// # Errors
    /// If there are no times.
    pub fn sequences(&self) -> Result<Vec<Vec<ItemIndex>>> {
        let Some(times) = &self.times else {
            return Err(Error::data("interactions", "no times", "times that say the order"));
        };
        let sequence = |user: usize| {
            let mut entries: Vec<usize> = self.matrix.range(user).collect();
            entries.sort_by_key(|&at| times[at]);
            entries.into_iter().map(|at| ItemIndex::new(self.matrix.indices()[at])).collect()
        };
        Ok((0..self.users.len()).map(sequence).collect())
    }

    /// All interactions as events, by user, then by item.
    pub fn events(&self) -> impl Iterator<Item = Event<U, I>> {
        self.matrix.entries().enumerate().map(|(at, (user, item, value))| Event {
            user: self.users.id(user).clone(),
            item: self.items.id(item).clone(),
            value,
            time: self.times.as_ref().map(|times| times[at]),
        })
    }

    /// The interactions that `keep` says, of what users, items, values and times; ids without one are forgotten.
    ///
    /// # Errors
    /// If none is left.
    pub fn filter(&self, mut keep: impl FnMut(&U, &I, f32, Option<i64>) -> bool) -> Result<Self> {
        let entries = self.matrix.entries().enumerate();
        let kept: Vec<bool> = entries
            .map(|(at, (user, item, value))| {
                let time = self.times.as_ref().map(|times| times[at]);
                keep(self.users.id(user), self.items.id(item), value, time)
            })
            .collect();
        self.select(&kept)
    }

    /// The same interactions with other values, for example a logarithm of counts.
    ///
    /// # Errors
    /// If a new value is not finite.
    pub fn map_values(&self, map: impl Fn(f32) -> f32) -> Result<Self> {
        Ok(Self { matrix: self.matrix.map_values(map)?, ..self.clone() })
    }

    /// The same interactions with other values, in the order of the entries.
    pub(crate) fn with_values(&self, values: Vec<f32>) -> Result<Self> {
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let (user, item, _) = self.matrix.entries().nth(at).expect("a value for each entry");
            let place = format!("user {}, item {}", self.users.id(user), self.items.id(item));
            return Err(Error::data(place, values[at], "a finite value"));
        }
        Ok(Self { matrix: self.matrix.with_values(values), ..self.clone() })
    }

    /// The largest part in which every user has `per_user` interactions and every item `per_item`: those with fewer are taken
    /// away until there is none (the k-core of the graph of users and items).
    ///
    /// # Errors
    /// If nothing is left.
    pub fn k_core(&self, per_user: usize, per_item: usize) -> Result<Self> {
        let columns = self.matrix.transposed();
        let mut counts = [self.matrix.offsets(), columns.offsets()]
            .map(|offsets| offsets.windows(2).map(|range| range[1] - range[0]).collect::<Vec<usize>>());
        let least = [per_user, per_item];
        // What falls below the least number takes one away from each of its neighbours, at most once each.
        let mut falling: Vec<(usize, usize)> = (0..2)
            .flat_map(|side| (0..counts[side].len()).map(move |at| (side, at)))
            .filter(|&(side, at)| counts[side][at] < least[side])
            .collect();
        let mut gone = counts.each_ref().map(|counts| vec![false; counts.len()]);
        falling.iter().for_each(|&(side, at)| gone[side][at] = true);
        while let Some((side, at)) = falling.pop() {
            let neighbours = match side {
                0 => self.matrix.row(UserIndex::new(at as u32)).0,
                _ => columns.row(ItemIndex::new(at as u32)).0,
            };
            let other = 1 - side;
            for &neighbour in neighbours {
                let neighbour = neighbour as usize;
                counts[other][neighbour] -= 1;
                if counts[other][neighbour] < least[other] && !gone[other][neighbour] {
                    gone[other][neighbour] = true;
                    falling.push((other, neighbour));
                }
            }
        }
        let kept = self.matrix.entries().map(|(user, item, _)| !gone[0][user.get()] && !gone[1][item.get()]);
        self.select(&kept.collect::<Vec<bool>>()).map_err(|error| {
            error.within(format!("k-core of {per_user} interactions a user and {per_item} an item"))
        })
    }

    /// Users and items of a matrix that is known to be theirs.
    pub(crate) fn from_parts(users: Ids<U, UserIndex>, items: Ids<I, ItemIndex>, matrix: UserItems) -> Self {
        Self { users, items, matrix, times: None }
    }

    /// The entries that `keep` says, with the ids that occur in them.
    pub(crate) fn select(&self, keep: &[bool]) -> Result<Self> {
        let mut seen = (vec![false; self.users.len()], vec![false; self.items.len()]);
        for ((user, item, _), _) in self.matrix.entries().zip(keep).filter(|(_, keep)| **keep) {
            (seen.0[user.get()], seen.1[item.get()]) = (true, true);
        }
        let (users, new_users) = self.users.select(&seen.0);
        let (items, new_items) = self.items.select(&seen.1);
        let (mut offsets, mut indices, mut values) = (vec![0; users.len() + 1], vec![], vec![]);
        let mut times = self.times.as_ref().map(|_| vec![]);
        for (at, (user, item, value)) in self.matrix.entries().enumerate().filter(|(at, _)| keep[*at]) {
            let (Some(user), Some(item)) = (new_users[user.get()], new_items[item.get()]) else { continue };
            offsets[user as usize + 1] += 1;
            indices.push(item);
            values.push(value);
            if let (Some(times), Some(all)) = (&mut times, &self.times) {
                times.push(all[at]);
            }
        }
        if indices.is_empty() {
            return Err(Error::data("interactions", "none left", "at least one"));
        }
        (0..users.len()).for_each(|user| offsets[user + 1] += offsets[user]);
        let matrix = SparseMatrix::from_parts(items.len(), offsets, indices, values);
        Ok(Self { users, items, matrix, times })
    }
}

/// A log while it is read: a column for each field.
pub(crate) struct Log<U, I> {
    users: Ids<U, UserIndex>,
    items: Ids<I, ItemIndex>,
    rows: Vec<u32>,
    columns: Vec<u32>,
    values: Vec<f32>,
    /// Of all events or of none.
    times: Vec<i64>,
}

impl<U, I> Default for Log<U, I> {
    fn default() -> Self {
        let (rows, columns, values, times) = (vec![], vec![], vec![], vec![]);
        Self { users: Ids::default(), items: Ids::default(), rows, columns, values, times }
    }
}

impl<U: Id, I: Id> Log<U, I> {
    /// Adds an event.
    ///
    /// # Errors
    /// As [`Interactions::from_events`], without the place.
    pub(crate) fn push(&mut self, event: Event<U, I>) -> Result<()> {
        if !event.value.is_finite() {
            return Err(Error::data("value", event.value, "a finite number"));
        }
        let (timed, others) = (event.time.is_some(), !self.times.is_empty());
        if timed != others && !self.rows.is_empty() {
            let words = ["no time", "a time"];
            let wanted = format!("{}, as the others have", words[usize::from(others)]);
            return Err(Error::data("time", words[usize::from(timed)], wanted));
        }
        let (user, item) = (self.users.insert(event.user)?, self.items.insert(event.item)?);
        self.rows.push(user.get() as u32);
        self.columns.push(item.get() as u32);
        self.values.push(event.value);
        self.times.extend(event.time);
        Ok(())
    }

    pub(crate) fn finish(self, duplicates: Duplicates) -> Result<Interactions<U, I>> {
        let Self { users, items, rows, columns, values, times } = self;
        if rows.is_empty() {
            return Err(Error::data("log", "no interaction", "at least one"));
        }
        let mut offsets = vec![0; users.len() + 1];
        rows.iter().for_each(|&user| offsets[user as usize + 1] += 1);
        (0..users.len()).for_each(|user| offsets[user + 1] += offsets[user]);
        let mut indices = by_row(&rows, &offsets, columns);
        let mut values = by_row(&rows, &offsets, values);
        let mut times = by_row(&rows, &offsets, times);
        drop(rows);
        let mut len = 0;
        let mut events = vec![];
        for user in 0..users.len() {
            events.clear();
            events.extend((offsets[user]..offsets[user + 1]).map(|at| {
                let time = times.get(at).copied().unwrap_or(0);
                (indices[at], time, values[at])
            }));
            // Stable: events of the same time keep the order of the log.
            events.sort_by_key(|&(item, time, _)| (item, time));
            offsets[user] = len;
            for pair in events.chunk_by(|a, b| a.0 == b.0) {
                let place = || {
                    let (user, item) = (UserIndex::new(user as u32), ItemIndex::new(pair[0].0));
                    format!("user {}, item {}", users.id(user), items.id(item))
                };
                let (time, value) = one_of(pair, duplicates, place)?;
                (indices[len], values[len]) = (pair[0].0, value);
                if let Some(to) = times.get_mut(len) {
                    *to = time;
                }
                len += 1;
            }
        }
        offsets[users.len()] = len;
        shrink(&mut indices, len);
        shrink(&mut values, len);
        shrink(&mut times, len);
        let matrix = SparseMatrix::from_parts(items.len(), offsets, indices, values);
        let times = (!times.is_empty()).then_some(times);
        Ok(Interactions { users, items, matrix, times })
    }
}

/// Leaves the first numbers, and no room for others.
fn shrink<T>(column: &mut Vec<T>, len: usize) {
    column.truncate(len);
    column.shrink_to_fit();
}

/// A column in the order of rows, and within one as before.
fn by_row<T: Copy + Default>(rows: &[u32], offsets: &[usize], column: Vec<T>) -> Vec<T> {
    if column.is_empty() || rows.is_sorted() {
        return column;
    }
    let mut next = offsets.to_vec();
    let mut ordered = vec![T::default(); column.len()];
    for (&row, value) in rows.iter().zip(column) {
        let at = &mut next[row as usize];
        ordered[*at] = value;
        *at += 1;
    }
    ordered
}

/// Time and value of the one that several events (item, time, value) of a pair become.
fn one_of(
    events: &[(u32, i64, f32)],
    duplicates: Duplicates,
    place: impl Fn() -> String,
) -> Result<(i64, f32)> {
    let ((_, first_time, first), (_, last_time, last)) = (events[0], events[events.len() - 1]);
    let values = events.iter().map(|&(.., value)| value);
    let (time, value) = match duplicates {
        Duplicates::Last => (last_time, last),
        Duplicates::First => (first_time, first),
        Duplicates::Sum => (last_time, values.sum()),
        Duplicates::Max => (last_time, values.fold(first, f32::max)),
        Duplicates::Error if events.len() > 1 => {
            return Err(Error::data(place(), format!("{} events", events.len()), "one"));
        }
        Duplicates::Error => (first_time, first),
    };
    match value.is_finite() {
        true => Ok((time, value)),
        false => Err(Error::data(place(), format!("a sum of {value}"), "a finite number")),
    }
}
