//! Laws of splits: each interaction on one side, ids of the training part alone, cold ones apart.

use std::collections::BTreeSet;

use fornax_core::{Philox, Result};
use fornax_recommend::{Duplicates, Event, Index, Interactions, ItemIndex, Split, UserIndex};
use proptest::prelude::*;

type Log = Interactions<u32, u32>;

fn log(users: usize, items: usize, count: usize, seed: u64) -> Log {
    let mut random = Philox::new(seed);
    let events = (0..count).map(|_| {
        let (user, item) = (random.below(users) as u32, random.below(items) as u32);
        (user, item + 100, 1.0 + random.below(5) as f32, random.below(20) as i64)
    });
    Interactions::from_events(events, Duplicates::Last).unwrap()
}

/// The held-out pairs by their ids.
fn held_out(split: &Split<u32, u32>) -> Vec<(u32, u32)> {
    let known = split.test.known().entries();
    let known = known.map(|(user, item, _)| (*split.train.users().id(user), *split.train.items().id(item)));
    let cold = split.test.cold_users().iter().chain(split.test.cold_items());
    known.chain(cold.map(|event| (event.user, event.item))).collect()
}

fn pairs(log: &Log) -> BTreeSet<(u32, u32)> {
    log.events().map(|event| (event.user, event.item)).collect()
}

/// What holds for every split: no interaction is lost, none is on both sides, and the training part's ids are those that
/// occur in it, so that a model fitted on it cannot even name what is held out.
fn check(all: &Log, split: &Split<u32, u32>) {
    let (train, test) = (pairs(&split.train), held_out(split));
    assert_eq!((split.train.len() + test.len(), split.test.len()), (all.len(), test.len()));
    assert!(test.iter().all(|pair| !train.contains(pair)));
    assert_eq!(train.iter().chain(&test).copied().collect::<BTreeSet<_>>(), pairs(all));
    let users: BTreeSet<u32> = train.iter().map(|pair| pair.0).collect();
    let items: BTreeSet<u32> = train.iter().map(|pair| pair.1).collect();
    assert_eq!(split.train.users().as_slice().iter().copied().collect::<BTreeSet<_>>(), users);
    assert_eq!(split.train.items().as_slice().iter().copied().collect::<BTreeSet<_>>(), items);
    assert_eq!(split.train.matrix().columns(), items.len());
    assert!(split.test.cold_users().iter().all(|event| !users.contains(&event.user)));
    let cold = |event: &Event<u32, u32>| users.contains(&event.user) && !items.contains(&event.item);
    assert!(split.test.cold_items().iter().all(cold));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_split_is_whole_and_fitted_on_train(
        users in 2usize..15, items in 2usize..15, count in 30usize..150, fraction in 0.05f64..0.9, seed: u64,
    ) {
        let log = log(users, items, count, seed);
        let splits: [Result<Split<u32, u32>>; 6] = [
            log.split_random(fraction, seed), log.split_by_item(fraction, seed), log.split_by_user(fraction, seed),
            log.split_last(1), log.split_latest(fraction), log.split_at_time(10),
        ];
        splits.iter().flatten().for_each(|split| check(&log, split));
        for split in log.folds(3, seed).unwrap() {
            check(&log, &split.unwrap());
        }
        prop_assert_eq!(
            held_out(&log.split_random(0.5, seed).unwrap()),
            held_out(&log.split_random(0.5, seed).unwrap())
        );
    }
}

#[test]
fn strata_keep_their_share() {
    let log = log(40, 25, 900, 3);
    let split = log.split_by_item(0.25, 1).unwrap();
    let count = |log: &Log, item: u32| log.events().filter(|event| event.item == item).count();
    for &item in log.items().as_slice() {
        let all = count(&log, item);
        let train = (all as f64 * 0.75).round_ties_even() as usize;
        assert_eq!(count(&split.train, item), train.max(1), "of {all}");
    }
    assert_eq!(split.train.items().len(), 25, "an item never loses all of its interactions");
    let by_user = log.split_by_user(0.5, 1).unwrap();
    assert!(by_user.test.cold_users().is_empty());
    assert_ne!(held_out(&log.split_by_item(0.25, 2).unwrap()), held_out(&split));
    assert_eq!(
        log.split_random(0.25, 1).unwrap().test.len(),
        log.len() - (log.len() as f64 * 0.75).round_ties_even() as usize
    );
}

#[test]
fn the_past_trains_and_the_future_is_held_out() {
    let log = log(20, 30, 300, 5);
    for split in [log.split_latest(0.3).unwrap(), log.split_at_time(14).unwrap()] {
        let last = *split.train.times().unwrap().iter().max().unwrap();
        let pairs: BTreeSet<_> = held_out(&split).into_iter().collect();
        let test = log.events().filter(|event| pairs.contains(&(event.user, event.item)));
        assert!(test.map(|event| event.time.unwrap()).min().unwrap() > last);
        assert!(split.test.len() as f64 <= 0.35 * log.len() as f64);
    }
    let split = log.split_last(2).unwrap();
    for &user in log.users().as_slice() {
        let time =
            |pair: &(u32, u32)| log.events().find(|event| (event.user, event.item) == *pair).unwrap().time;
        let test: Vec<_> = held_out(&split).into_iter().filter(|pair| pair.0 == user).collect();
        let train = pairs(&split.train).into_iter().filter(|pair| pair.0 == user);
        assert_eq!(test.len(), 2);
        assert!(train.map(|pair| time(&pair)).max() <= test.iter().map(time).min());
    }
}

/// A new user and a new item of the future are reported apart, and never get a number.
#[test]
fn cold_ones_are_apart() {
    let events = [
        (1u32, 7u32, 1.0, 0),
        (2, 8, 1.0, 1),
        (1, 8, 1.0, 5),
        (1, 9, 1.0, 6),
        (3, 7, 1.0, 7),
        (3, 9, 1.0, 8),
    ];
    let split = Interactions::from_events(events, Duplicates::Error).unwrap().split_at_time(5).unwrap();
    assert_eq!((split.test.known().len(), split.test.len()), (1, 4));
    assert_eq!(split.test.cold_users(), [events[4].into(), events[5].into()]);
    assert_eq!(split.test.cold_items(), [events[3].into()]);
    assert!(split.train.users().expect(&3).is_err() && split.train.items().expect(&9).is_err());
}

#[test]
fn folds_hold_out_everything_once() {
    let log = log(10, 10, 70, 1);
    let folds: Vec<_> = log.folds(5, 0).unwrap().map(|fold| fold.unwrap()).collect();
    let mut all: Vec<_> = folds.iter().flat_map(held_out).collect();
    all.sort_unstable();
    assert_eq!(all, pairs(&log).into_iter().collect::<Vec<_>>());
    let sizes: Vec<usize> = folds.iter().map(|fold| fold.test.len()).collect();
    assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
}

#[test]
fn splits_that_cannot_be_are_errors() {
    let fault = |split: Result<Split<u32, u32>>| split.map(|_| ()).unwrap_err().to_string();
    let one = Interactions::from_events([(1, 2, 1.0, 3)], Duplicates::Error).unwrap();
    let log = log(5, 5, 20, 2);
    for fraction in [0.0, 1.0, -0.5, f64::NAN] {
        assert!(fault(log.split_random(fraction, 0)).starts_with("fraction: found"));
        assert!(fault(log.split_latest(fraction)).starts_with("fraction: found"));
    }
    assert_eq!(
        fault(one.split_random(0.5, 0)),
        "split: found 1 and 0 interactions, wanted at least one on each side"
    );
    assert!(fault(one.split_last(1)).contains("at least one on each side"));
    assert!(fault(one.split_latest(0.5)).starts_with("split"));
    assert!(fault(log.split_at_time(99)).contains("at least one on each side"));
    assert!(log.folds(1, 0).is_err() && log.folds(log.len() + 1, 0).is_err());
    let untimed = Interactions::from_events([(1, 2), (1, 3)], Duplicates::Error).unwrap();
    assert_eq!(fault(untimed.split_last(1)), "interactions: found no times, wanted times to split by");
}

/// What comes apart is as what is split: cold parts by what the training part knows, and no pair in both.
#[test]
fn two_logs_make_a_split() {
    let train = Interactions::from_events([("a", 1), ("a", 2), ("b", 2)], Duplicates::Error).unwrap();
    let test = Interactions::from_events([("b", 1), ("c", 1), ("a", 3)], Duplicates::Error).unwrap();
    let split = Split::new(train.clone(), &test).unwrap();
    let known: Vec<_> = split.test.known().entries().collect();
    assert_eq!(known, [(UserIndex::new(1), ItemIndex::new(0), 1.0)]);
    assert_eq!(split.test.cold_users()[0].user, "c");
    assert_eq!(split.test.cold_items()[0].item, 3);
    let both = Interactions::from_events([("b", 1), ("a", 2)], Duplicates::Error).unwrap();
    assert_eq!(
        Split::new(train, &both).unwrap_err().to_string(),
        "user a, item 2: found an interaction in both parts, wanted one that trains or is held out"
    );
}
