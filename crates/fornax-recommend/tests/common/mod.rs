//! A log for tests, and one thread pool after the other.
#![allow(dead_code)]

use fornax_core::Philox;
use fornax_recommend::{Duplicates, Interactions};

pub(crate) type Log = Interactions<u32, u32>;

/// Random pairs of users and items, with a value that both decide.
pub(crate) fn random_log(
    users: usize,
    items: usize,
    count: usize,
    seed: u64,
    value: impl Fn(u32, u32) -> f32,
) -> Log {
    let mut random = Philox::new(seed);
    let events = (0..count).map(|_| {
        let (user, item) = (random.below(users) as u32, random.below(items) as u32);
        (user, item, value(user, item))
    });
    Interactions::from_events(events, Duplicates::Last).unwrap()
}

/// What `run` gives with 1, 2 and 4 threads.
pub(crate) fn by_threads<T: Send>(run: impl Fn() -> T + Sync) -> [T; 3] {
    [1, 2, 4].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(&run)
    })
}
