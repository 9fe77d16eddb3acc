//! Laws of interactions: what duplicates become, the k-core against a slow one, errors that name place and value.

use fornax_core::Philox;
use fornax_recommend::{
    Duplicates, Event, Index, Interactions, ItemIndex, SparseMatrix, UserIndex, UserItems,
};
use proptest::prelude::*;

fn log(events: &[(&'static str, u32, f32, i64)], rule: Duplicates) -> Interactions<&'static str, u32> {
    Interactions::from_events(events.iter().copied(), rule).unwrap()
}

#[test]
fn duplicates_become_what_the_caller_says() {
    let events =
        [("a", 1, 2.0, 30), ("b", 1, 1.0, 5), ("a", 1, 7.0, 10), ("a", 1, 4.0, 30), ("a", 2, 3.0, 1)];
    let value = |rule| {
        let log = log(&events, rule);
        assert_eq!(
            (log.len(), log.users().as_slice(), log.items().as_slice()),
            (3, &["a", "b"][..], &[1, 2][..])
        );
        (log.matrix().values()[0], log.times().unwrap()[0])
    };
    assert_eq!(value(Duplicates::Last), (4.0, 30), "the last in time, of equal times the last in the log");
    assert_eq!(value(Duplicates::First), (7.0, 10));
    assert_eq!(value(Duplicates::Sum), (13.0, 30));
    assert_eq!(value(Duplicates::Max), (7.0, 30));
    let error = Interactions::from_events(events, Duplicates::Error).unwrap_err().to_string();
    assert_eq!(error, "user a, item 1: found 3 events, wanted one");
}

#[test]
fn what_is_no_log_is_an_error() {
    let fault = |events: Vec<Event<u8, u8>>, rule| {
        Interactions::from_events(events, rule).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(fault(vec![], Duplicates::Last), "log: found no interaction, wanted at least one");
    let nan = vec![(1, 1, 1.0).into(), (1, 2, f32::NAN).into()];
    assert_eq!(fault(nan, Duplicates::Last), "event 1: value: found NaN, wanted a finite number");
    let mixed = vec![(1, 1, 1.0, 5).into(), (1, 2, 1.0).into()];
    assert_eq!(
        fault(mixed, Duplicates::Last),
        "event 1: time: found no time, wanted a time, as the others have"
    );
    let large = vec![(1, 1, f32::MAX).into(), (1, 1, f32::MAX).into()];
    assert!(fault(large, Duplicates::Sum).starts_with("user 1, item 1: found a sum of inf"));
}

#[test]
fn filters_forget_ids_that_do_not_occur() {
    let all = log(&[("a", 1, 2.0, 0), ("b", 2, 5.0, 1), ("b", 1, 4.0, 2)], Duplicates::Error);
    let liked = all.filter(|_, _, value, _| value >= 4.0).unwrap();
    assert_eq!((liked.users().as_slice(), liked.items().as_slice()), (&["b"][..], &[1, 2][..]));
    assert_eq!(liked.times(), Some(&[2, 1][..]));
    assert!(all.filter(|_, _, value, _| value > 9.0).unwrap_err().to_string().contains("none left"));
    let events: Vec<_> = liked.events().collect();
    assert_eq!(events, [("b", 1, 4.0, 2).into(), ("b", 2, 5.0, 1).into()]);
    assert!(all.map_values(|value| 1.0 / (value - 2.0)).is_err());
}

#[test]
fn matrices_from_outside_are_checked() {
    let fault = |offsets: &[usize], indices: &[u32], values: &[f32]| {
        UserItems::new(3, offsets.into(), indices.into(), values.into()).map(|_| ()).unwrap_err().to_string()
    };
    assert!(fault(&[0, 1], &[0, 1], &[1.0, 1.0]).contains("offsets from 0"));
    assert!(fault(&[], &[], &[]).contains("offsets from 0"));
    assert!(fault(&[0, 2, 1, 2], &[0, 1], &[1.0, 1.0]).contains("user 1: found entries 2 to 1"));
    assert!(fault(&[0, 2], &[1, 1], &[1.0, 1.0]).contains("user 0: found columns out of order"));
    assert!(fault(&[0, 1], &[3], &[1.0]).contains("user 0"));
    assert!(fault(&[0, 1], &[0], &[f32::INFINITY]).contains("found inf"));
    let twice = SparseMatrix::<UserIndex, ItemIndex>::from_entries(2, 2, [(0, 1, 1.0), (0, 1, 2.0)]);
    assert!(twice.unwrap_err().to_string().contains("user 0"));
    assert!(UserItems::from_entries(2, 2, [(2, 0, 1.0)]).unwrap_err().to_string().contains("row 2"));
}

fn random_log(users: usize, items: usize, count: usize, seed: u64) -> Interactions<u32, u32> {
    let mut random = Philox::new(seed);
    let events = (0..count).map(|at| {
        let (user, item) = (random.below(users) as u32, random.below(items) as u32);
        (user, item, 1.0 + random.below(5) as f32, at as i64)
    });
    Interactions::from_events(events, Duplicates::Last).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_core_is_that_of_repeated_filters(
        users in 1usize..12, items in 1usize..12, count in 1usize..90, per in (0usize..5, 0usize..5), seed: u64,
    ) {
        let log = random_log(users, items, count, seed);
        let mut slow = Some(log.clone());
        while let Some(now) = &slow {
            let columns = now.matrix().transposed();
            let next = now.filter(|user, item, _, _| {
                let user = now.users().expect(user).unwrap();
                let item = now.items().expect(item).unwrap();
                now.matrix().row(user).0.len() >= per.0 && columns.row(item).0.len() >= per.1
            }).ok();
            let done = next.as_ref().is_some_and(|next| next.len() == now.len());
            slow = next;
            if done {
                break;
            }
        }
        let found = log.k_core(per.0, per.1).ok();
        prop_assert_eq!(
            found.map(|log| log.events().collect::<Vec<_>>()),
            slow.map(|log| log.events().collect::<Vec<_>>())
        );
    }

    #[test]
    fn transposes_hold_the_same(users in 1usize..9, items in 1usize..9, count in 1usize..40, seed: u64) {
        let log = random_log(users, items, count, seed);
        let matrix = log.matrix();
        let transposed: SparseMatrix<ItemIndex, UserIndex> = matrix.transposed();
        prop_assert_eq!(transposed.len(), matrix.len());
        for (user, item, value) in matrix.entries() {
            prop_assert_eq!(transposed.value(item, user), Some(value));
        }
        let dense = matrix.to_dense().to_f32();
        for user in 0..matrix.rows() {
            for item in 0..matrix.columns() {
                let value = matrix.value(UserIndex::new(user as u32), ItemIndex::new(item as u32));
                prop_assert_eq!(dense[user * matrix.columns() + item], value.unwrap_or(0.0));
            }
        }
    }
}
