//! Logs that are made, for demos and benchmarks: no figure on them says anything about quality.

use fornax_core::{Error, Philox, Result};

use crate::interactions::{Duplicates, Interactions};

/// Tastes have so many dimensions.
const TASTES: usize = 8;

/// A log of users with `each` items, whom 8 latent tastes make choose: an item's chance is the exponential of the product of its
/// vector with the user's, and of a popularity of its own; the rating, 1 to 5, rises with the product. Times are the order of
/// the choices.
///
/// ```
/// use fornax_recommend::synthetic;
///
/// let log = synthetic::tastes(100, 50, 10, 7)?;
/// assert_eq!((log.users().len(), log.len()), (100, 1000));
/// # Ok::<(), fornax_core::Error>(())
/// ```
///
/// # Errors
/// If there is no user, or `each` is 0 or above the number of items.
pub fn tastes(users: usize, items: usize, each: usize, seed: u64) -> Result<Interactions<u32, u32>> {
    if each == 0 || each > items {
        return Err(Error::argument("each", each, format!("1 to the {items} items")));
    }
    let random = Philox::new(seed).named("tastes");
    let vector = |mut random: Philox| -> [f32; TASTES] { std::array::from_fn(|_| random.normal()) };
    let shelf: Vec<([f32; TASTES], f32)> = (0..items as u64)
        .map(|item| (vector(random.stream(0).stream(item)), random.stream(1).stream(item).normal()))
        .collect();
    let events = (0..users as u64).flat_map(|user| {
        let taste = vector(random.stream(2).stream(user));
        let mut noise = random.stream(3).stream(user);
        // The largest sums of a logarithm of a chance and Gumbel noise are a draw without replacement.
        let mut drawn: Vec<(f32, u32, f32)> = (0..)
            .zip(&shelf)
            .map(|(item, (vector, popularity))| {
                let liking: f32 = taste.iter().zip(vector).map(|(a, b)| a * b).sum();
                let gumbel = -(-(1.0 - noise.uniform()).ln()).max(f32::MIN_POSITIVE).ln();
                (liking + popularity + gumbel, item, liking)
            })
            .collect();
        drawn.sort_by(|a, b| b.0.total_cmp(&a.0));
        drawn.truncate(each);
        let rating = |liking: f32| (2.5 + 0.5 * liking).round().clamp(1.0, 5.0);
        let numbered = drawn.into_iter().enumerate();
        numbered.map(move |(time, (_, item, liking))| (user as u32, item, rating(liking), time as i64))
    });
    Interactions::from_events(events, Duplicates::Error)
}
