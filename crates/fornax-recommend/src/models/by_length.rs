//! Lists by products of vectors: items from the longest vector to the shortest, so that most are never multiplied.

use fornax_core::linalg::{Matrix, TopK, multiply};

use super::factors::Factors;
use crate::ids::UserIndex;
use crate::sparse::UserItems;

/// Users that are served at a time, and items that their vectors are multiplied with at a time.
pub(crate) const USERS: usize = 64;
const ITEMS: usize = 256;

/// The vectors of items from the longest to the shortest.
///
/// A product is at most that of the lengths: a user whose `count`-th best score so far is above that with the longest vector that is
/// left has the list (Teflioudi, Gemulla and Mykytiuk 2015). What is popular or well known has long vectors.
pub(crate) struct ByLength<'a> {
    factors: &'a Factors,
    /// The items, their vectors and their lengths.
    items: Vec<u32>,
    vectors: Vec<f32>,
    lengths: Vec<f32>,
    /// Where each item is; beyond all of those that are left out.
    places: Vec<u32>,
    /// By how much a product in 32 bits can be above that of the lengths.
    slack: f32,
}

impl<'a> ByLength<'a> {
    /// Of all items, or of those that are kept.
    pub(crate) fn new(factors: &'a Factors, kept: Option<&[bool]>) -> Self {
        let width = factors.width();
        let all = factors.items();
        let length_of =
            |vector: &[f32]| vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt() as f32;
        let mut sorted: Vec<(f32, u32)> = all.chunks_exact(width).map(length_of).zip(0..).collect();
        sorted.retain(|&(_, item)| kept.is_none_or(|kept| kept[item as usize]));
        sorted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let (lengths, items): (Vec<f32>, Vec<u32>) = sorted.into_iter().unzip();
        let vectors =
            items.iter().flat_map(|&item| &all[item as usize * width..][..width]).copied().collect();
        let mut places = vec![u32::MAX; all.len() / width];
        items.iter().zip(0..).for_each(|(&item, place)| places[item as usize] = place);
        let slack = 1.0 + (width + 8) as f32 * f32::EPSILON;
        Self { factors, items, vectors, lengths, places, slack }
    }

    /// The best items of some users, at most [`USERS`] of them, without those that they have seen.
    pub(crate) fn lists(&self, users: &[UserIndex], count: usize, seen: Option<&UserItems>) -> Vec<TopK> {
        let width = self.factors.width();
        let mut best = vec![TopK::new(count); users.len()];
        let mut active: Vec<Active> =
            users.iter().enumerate().map(|(at, &user)| self.active(at, user, seen)).collect();
        let mut gathered: Vec<f32> = vec![];
        let mut scores = vec![0.0; users.len() * ITEMS.min(self.items.len())];
        for start in (0..self.items.len()).step_by(ITEMS) {
            let before = active.len();
            let longest = self.lengths[start] * self.slack;
            active.retain(|user| best[user.at].least().is_none_or(|least| user.length * longest >= least));
            if active.is_empty() {
                break;
            }
            if active.len() < before || start == 0 {
                gathered.clear();
                active.iter().for_each(|user| gathered.extend_from_slice(user.vector));
            }
            let range = start..(start + ITEMS).min(self.items.len());
            let scores = &mut scores[..active.len() * range.len()];
            let left = Matrix::new(&gathered, active.len(), width);
            let right = Matrix::new(&self.vectors[start * width..range.end * width], range.len(), width);
            multiply(1.0, left, right.t(), 0.0, scores, range.len());
            for (user, scores) in active.iter_mut().zip(scores.chunks_exact_mut(range.len())) {
                while let Some(&place) = user.hidden.last().filter(|&&place| (place as usize) < range.end) {
                    scores[place as usize - start] = f32::NEG_INFINITY;
                    user.hidden.pop();
                }
                best[user.at].offer_numbered(scores, &self.items[range.clone()]);
            }
        }
        best
    }

    fn active(&self, at: usize, user: UserIndex, seen: Option<&UserItems>) -> Active<'_> {
        let vector = self.factors.user_vector(user);
        let seen = seen.map_or(&[][..], |seen| seen.row(user).0);
        let mut hidden: Vec<u32> = seen.iter().map(|&item| self.places[item as usize]).collect();
        hidden.sort_unstable_by(|a, b| b.cmp(a));
        let length = vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt() as f32;
        Active { at, vector, length, hidden }
    }
}

/// A user whose list is not known yet.
struct Active<'a> {
    at: usize,
    vector: &'a [f32],
    length: f32,
    /// Where the items are that the user must not get, the last one first.
    hidden: Vec<u32>,
}
