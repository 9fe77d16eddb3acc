//! Weightings: implicit's weights (goldens/make_weights.py), plain formulas, what is fitted on what, faults.

mod common;

use common::{Log, random_log};
use fornax_recommend::{Duplicates, Interactions, Weighting};
use proptest::prelude::*;

type Entries = Vec<(u32, u32, f32)>;

#[derive(serde::Deserialize)]
struct Goldens {
    counts: Entries,
    weights: Vec<(String, f32, f32, Entries)>,
}

fn log(entries: Entries) -> Log {
    Interactions::from_events(entries, Duplicates::Error).unwrap()
}

#[test]
fn weights_are_those_of_implicit() {
    let goldens: Goldens = serde_json::from_str(include_str!("goldens/weights.json")).unwrap();
    let log = log(goldens.counts);
    for (name, k1, b, wanted) in goldens.weights {
        let weighting = if name == "bm25" { Weighting::Bm25 { k1, b } } else { Weighting::TfIdf };
        let weights = log.weighted(&weighting).unwrap();
        assert_eq!(weights.len(), wanted.len());
        for (user, item, wanted) in wanted {
            let place = (log.users().expect(&user).unwrap(), log.items().expect(&item).unwrap());
            let found = weights.matrix().value(place.0, place.1).unwrap();
            assert!(
                (found - wanted).abs() < 1e-6 * wanted.abs().max(1.0),
                "{weighting:?}: {found}, {wanted}"
            );
        }
    }
}

proptest! {
    #[test]
    fn formulas_of_single_values(count in 1usize..60, alpha in 0.0f32..50.0, epsilon in 1e-3f32..10.0, half in 0.5f64..40.0) {
        let values = random_log(12, 9, count, count as u64, |user, item| ((7 * user + item) % 5) as f32);
        let weighted = values.weighted(&Weighting::Log { alpha, epsilon }).unwrap();
        for (value, weight) in values.matrix().values().iter().zip(weighted.matrix().values()) {
            let wanted = 1.0 + alpha * (1.0 + value / epsilon).ln();
            prop_assert!((weight - wanted).abs() < 1e-4 * wanted);
        }
        let timed = values.events().map(|event| (event.user, event.item, event.value, -i64::from(event.item)));
        let timed = Interactions::from_events(timed, Duplicates::Error).unwrap();
        let latest = *timed.times().unwrap().iter().max().unwrap();
        let decayed = timed.weighted(&Weighting::TimeDecay { half_life: half }).unwrap();
        prop_assert_eq!(decayed.times(), timed.times());
        for (event, now) in timed.events().zip(decayed.events()) {
            let wanted = f64::from(event.value) * 0.5f64.powf((latest - event.time.unwrap()) as f64 / half);
            prop_assert!((f64::from(now.value) - wanted).abs() < 1e-5);
        }
    }

    /// The order of events, and so the numbers of users and items, does not count.
    #[test]
    fn order_changes_nothing(seed: u64) {
        let one = random_log(10, 14, 60, seed, |user, item| ((user + 3 * item) % 4) as f32);
        let mut events: Vec<_> = one.events().collect();
        events.reverse();
        let two = Interactions::from_events(events, Duplicates::Error).unwrap();
        for weighting in [Weighting::TfIdf, Weighting::Bm25 { k1: 1.2, b: 0.75 }] {
            let [one, two] = [&one, &two].map(|log| log.weighted(&weighting).unwrap());
            for event in one.events() {
                let place = (two.users().expect(&event.user).unwrap(), two.items().expect(&event.item).unwrap());
                let other = two.matrix().value(place.0, place.1).unwrap();
                prop_assert!((event.value - other).abs() <= 1e-6 * other.abs());
            }
        }
    }
}

#[test]
fn weights_are_fitted_on_what_is_weighted() {
    let all = log(vec![(0, 0, 2.0), (0, 1, 2.0), (1, 0, 2.0), (1, 2, 2.0), (2, 3, 2.0)]);
    let part = all.filter(|&user, _, _, _| user < 2).unwrap();
    let weight = |log: &Log| {
        let weights = log.weighted(&Weighting::TfIdf).unwrap();
        weights.matrix().value(log.users().expect(&0).unwrap(), log.items().expect(&1).unwrap()).unwrap()
    };
    assert!((weight(&all) - 2f32.sqrt() * (4f32 / 3.0).ln()).abs() < 1e-6);
    assert_eq!(weight(&part), 0.0);
}

#[test]
fn extremes_have_weights() {
    let far = Interactions::from_events([(0, 0, 1.0, i64::MIN), (0, 1, 1.0, i64::MAX)], Duplicates::Error);
    let far: Log = far.unwrap();
    let decayed = far.weighted(&Weighting::TimeDecay { half_life: 2f64.powi(63) }).unwrap();
    assert_eq!(decayed.matrix().values(), [0.25, 1.0]);
    let decayed = far.weighted(&Weighting::TimeDecay { half_life: f64::MIN_POSITIVE }).unwrap();
    assert_eq!(decayed.matrix().values(), [0.0, 1.0]);
    let zeros = log(vec![(0, 0, 0.0), (0, 1, 0.0)]);
    for b in [0.0, 1.0] {
        assert_eq!(zeros.weighted(&Weighting::Bm25 { k1: 0.0, b }).unwrap().matrix().values(), [0.0, 0.0]);
    }
    let large = log(vec![(0, 0, f32::MAX)]).weighted(&Weighting::Log { alpha: 1.0, epsilon: 1e-30 }).unwrap();
    assert!((large.matrix().values()[0] - 158.8).abs() < 0.1, "{:?}", large.matrix().values());
}

#[test]
fn what_cannot_be_weighted_is_an_error() {
    let good = log(vec![(7, 8, 1.0), (7, 9, 2.0)]);
    let fault = |log: &Log, weighting| log.weighted(&weighting).map(|_| ()).unwrap_err().to_string();
    let wanted = [
        (
            Weighting::Log { alpha: f32::NAN, epsilon: 1.0 },
            "alpha: found NaN, wanted a finite number of 0 or more",
        ),
        (
            Weighting::Log { alpha: -1.0, epsilon: 1.0 },
            "alpha: found -1, wanted a finite number of 0 or more",
        ),
        (Weighting::Log { alpha: 1.0, epsilon: 0.0 }, "epsilon: found 0, wanted a finite number above 0"),
        (Weighting::Bm25 { k1: f32::INFINITY, b: 0.5 }, "k1: found inf, wanted a finite number of 0 or more"),
        (Weighting::Bm25 { k1: 1.0, b: 1.5 }, "b: found 1.5, wanted a number from 0 to 1"),
        (Weighting::Bm25 { k1: 1.0, b: f32::NAN }, "b: found NaN, wanted a number from 0 to 1"),
        (Weighting::TimeDecay { half_life: -1.0 }, "half_life: found -1, wanted a finite number above 0"),
        (
            Weighting::TimeDecay { half_life: 1.0 },
            "log: found no times, wanted a time of each interaction, for a decay by time",
        ),
    ];
    for (weighting, wanted) in wanted {
        assert_eq!(fault(&good, weighting), wanted);
    }
    let negative = log(vec![(7, 8, 1.0), (7, 9, -2.0)]);
    assert_eq!(fault(&negative, Weighting::TfIdf), "user 0, item 1: found -2, wanted a weight of 0 or more");
    let huge = log((0..9).map(|item| (u32::from(item > 0), item, f32::MAX)).collect());
    let huge = fault(&huge, Weighting::Log { alpha: f32::MAX, epsilon: 1.0 });
    assert_eq!(huge, "user 0, item 0: found inf, wanted a finite value");
}
