//! [`Evaluation`]: how well a model ranks what was held out. All items are ranked unless a sample of them is asked for by name.

mod lists;
mod metric;
mod ratings;
mod report;

pub use metric::RankingMetric;
pub use ratings::{RatingErrors, RatingReport};
pub use report::{Interval, RankingReport};

use fornax_core::{Error, Philox, Result};
use rayon::prelude::*;

use crate::ids::{Index, UserIndex};
use crate::recommend::Score;
use crate::sparse::UserItems;
use crate::splits::Split;
use lists::Candidates;

/// Ranks, for every user with something held out, the items that the user has no interaction with in the training part.
///
/// Users and items that the training part does not know are no fault of the model: they are counted apart
/// ([`RankingReport::cold_users`], [`RankingReport::cold_items`]). Equal scores are put in an order drawn from the seed, so
/// that a model that scores all alike is as good as chance.
///
/// Defaults: every held-out interaction is relevant, all items are candidates, seed 0.
///
/// ```
/// use fornax_recommend::{Duplicates, Evaluation, Interactions, Popularity, RankingMetric};
///
/// let events = (0..20u32).flat_map(|user| (0..5u32).map(move |item| (user, item * (user % 3))));
/// let log = Interactions::from_events(events, Duplicates::Last)?;
/// let split = log.split_by_item(0.25, 1)?;
/// let report = Evaluation::at(3).run(&Popularity::new().fit(&split.train)?, &split)?;
/// let recall = report.mean(RankingMetric::Recall);
/// assert!(recall > 0.0 && recall <= 1.0);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Evaluation {
    k: usize,
    seed: u64,
    relevant_from: f32,
    candidates: Among,
}

/// What relevant items are ranked among; never what the user has in the training part.
#[derive(Clone, Debug)]
pub(crate) enum Among {
    /// All items without an interaction in the training part.
    All,
    /// So many drawn ones, from those without any interaction.
    Sampled(usize),
    /// Those of given lists.
    Given(UserItems),
}

/// The ranks of one user's relevant items.
#[derive(Clone, Debug)]
pub(crate) struct Ranks {
    pub(crate) user: UserIndex,
    /// From 1, ascending.
    pub(crate) ranks: Vec<u32>,
    /// How many items were ranked.
    pub(crate) candidates: usize,
}

impl Evaluation {
    /// Of the first `k` items of each list.
    pub fn at(k: usize) -> Self {
        Self { k, seed: 0, relevant_from: f32::NEG_INFINITY, candidates: Among::All }
    }

    /// The seed of the order of equal scores and of samples.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Only held-out interactions of at least this value are relevant. The others are ranked as any other item.
    pub fn relevant_from(self, value: f32) -> Self {
        Self { relevant_from: value, ..self }
    }

    /// Ranks the relevant items among `count` others, drawn for each user from those without any interaction.
    ///
    /// Such figures are much higher than those over all items, do not compare with them, and can order models otherwise
    /// (Krichene and Rendle 2020); the report says `sampled(count)`.
    pub fn sampled(self, count: usize) -> Self {
        Self { candidates: Among::Sampled(count), ..self }
    }

    /// Ranks the relevant items among given others: for each user those that have an entry, by the numbers of the training
    /// part, as some data sets are published with. What is said of [`sampled`](Self::sampled) holds of such figures too.
    pub fn among(self, lists: UserItems) -> Self {
        Self { candidates: Among::Given(lists), ..self }
    }

    /// Ranks.
    ///
    /// # Errors
    /// If `k` is 0, the model has other users or items than the training part, scores something NaN, or nothing that is held
    /// out is relevant.
    pub fn run<U, I>(&self, model: &(impl Score + ?Sized), split: &Split<U, I>) -> Result<RankingReport> {
        let (train, test) = (split.train.as_ref(), split.test.known());
        if self.k == 0 {
            return Err(Error::argument("k", 0, "at least 1"));
        }
        if (model.user_count(), model.item_count()) != (train.rows(), train.columns()) {
            let found = format!("{} users and {} items", model.user_count(), model.item_count());
            let wanted = format!("{} and {}, as it was fitted on", train.rows(), train.columns());
            return Err(Error::mismatch("model", found, wanted));
        }
        if let Among::Given(lists) = &self.candidates
            && (lists.rows(), lists.columns()) != (train.rows(), train.columns())
        {
            let found = format!("{} users and {} items", lists.rows(), lists.columns());
            let wanted = format!("{} and {}, as the training part has", train.rows(), train.columns());
            return Err(Error::mismatch("lists of candidates", found, wanted));
        }
        let relevant = relevant(test, self.relevant_from);
        if relevant.is_empty() {
            return Err(Error::data(
                "held-out interactions",
                "none that is relevant and known",
                "at least one",
            ));
        }
        let items = train.columns();
        // Some 16 MiB of scores at a time.
        let block = ((4 << 20) / items).clamp(1, 64);
        let evaluated = relevant.par_chunks(block).map(|users| {
            let indices: Vec<UserIndex> = users.iter().map(|(user, _)| *user).collect();
            let mut scores = vec![0.0; users.len() * items];
            model.score_block(&indices, 0..items, &mut scores);
            let each = users.iter().zip(scores.chunks_exact_mut(items));
            each.map(|((user, relevant), scores)| self.rank(*user, relevant, train, test, scores)).collect()
        });
        let evaluated: Result<Vec<Vec<(Ranks, Vec<u32>)>>> = evaluated.collect();
        let (ranks, lists): (Vec<Ranks>, Vec<Vec<u32>>) = evaluated?.into_iter().flatten().unzip();
        let lists = matches!(self.candidates, Among::All).then_some(lists);
        let cold = [split.test.cold_users().len(), split.test.cold_items().len()];
        Ok(RankingReport::new(self.k, self.protocol(), ranks, lists, train, cold))
    }

    fn rank(
        &self,
        user: UserIndex,
        relevant: &[u32],
        train: &UserItems,
        test: &UserItems,
        scores: &mut [f32],
    ) -> Result<(Ranks, Vec<u32>)> {
        if let Some(item) = scores.iter().position(|score| score.is_nan()) {
            let place = format!("score of user {}, item {item}", user.get());
            return Err(Error::data(place, "NaN", "a number"));
        }
        let known = [train.row(user).0, test.row(user).0];
        match &self.candidates {
            Among::All => known[0].iter().for_each(|&item| scores[item as usize] = f32::NAN),
            Among::Sampled(count) => lists::sample(*count, known, relevant, self.random(user), scores),
            Among::Given(others) => {
                lists::keep(&[relevant, others.row(user).0], scores);
                known[0].iter().for_each(|&item| scores[item as usize] = f32::NAN);
            }
        }
        let candidates =
            Candidates { scores, order: Philox::new(self.seed).named("ties").stream(user.get() as u64) };
        let ranks = candidates.ranks(relevant);
        let list = if matches!(self.candidates, Among::All) { candidates.first(self.k) } else { vec![] };
        Ok((Ranks { user, ranks, candidates: candidates.count() }, list))
    }

    fn protocol(&self) -> String {
        match &self.candidates {
            Among::All => "all items".into(),
            Among::Sampled(count) => format!("sampled({count})"),
            Among::Given(_) => "given lists".into(),
        }
    }

    fn random(&self, user: UserIndex) -> Philox {
        Philox::new(self.seed).named("sample").stream(user.get() as u64)
    }
}

/// The relevant items of each user who has one.
fn relevant(test: &UserItems, from: f32) -> Vec<(UserIndex, Vec<u32>)> {
    let users = (0..test.rows() as u32).map(UserIndex::new);
    let each = users.map(|user| {
        let (items, values) = test.row(user);
        let relevant = items.iter().zip(values).filter(|(_, value)| **value >= from).map(|(&item, _)| item);
        (user, relevant.collect::<Vec<u32>>())
    });
    each.filter(|(_, relevant)| !relevant.is_empty()).collect()
}
