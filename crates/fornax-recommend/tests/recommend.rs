//! Laws of ranked lists: a full sort, filters, ties, permutations, histories, the same bits for any number of threads.

mod common;

use std::collections::HashSet;
use std::ops::Range;

use common::{Log, by_threads, random_log};
use fornax_core::{Array, Philox};
use fornax_recommend::{
    Duplicates, Factors, Filter, FoldIn, Index, Interactions, ItemIndex, Popularity, PureSvd, Recommend,
    Score, Scored, Similar, UserIndex,
};
use proptest::prelude::*;

fn log(users: usize, items: usize, count: usize, seed: u64) -> Log {
    random_log(users, items, count, seed, |user, item| 1.0 + ((user + item) % 3) as f32)
}

/// Scores of few levels, so that many are equal.
struct Levels {
    users: usize,
    items: usize,
    levels: u32,
}

impl Levels {
    fn of(&self, user: usize, item: usize) -> f32 {
        (Philox::new(user as u64).at(item as u64).next_u32() % self.levels) as f32
    }
}

impl Score for Levels {
    fn user_count(&self) -> usize {
        self.users
    }

    fn item_count(&self) -> usize {
        self.items
    }

    fn score_block(&self, users: &[UserIndex], items: Range<usize>, out: &mut [f32]) {
        for (user, out) in users.iter().zip(out.chunks_mut(items.len())) {
            out.iter_mut().zip(items.clone()).for_each(|(out, item)| *out = self.of(user.get(), item));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn lists_are_those_of_a_full_sort(
        users in 1usize..90, items in 1usize..2500, count in 0usize..30, levels in prop::sample::select(vec![3u32, 1 << 24]),
        filters: (bool, bool, bool), by_vectors: bool, seed: u64,
    ) {
        let mut random = Philox::new(seed);
        // Whole numbers, so that products are exact and often equal; some vectors are long, some are 0.
        let mut vectors = |rows: usize| {
            let each = (0..rows).flat_map(|_| {
                let length = [0.0, 1.0, 1.0, 8.0][random.below(4)];
                [(); 3].map(|()| length * (random.below(5) as f32 - 2.0))
            });
            Array::from_vec([rows, 3], each.collect()).unwrap()
        };
        let model: Box<dyn Score> = match by_vectors {
            true => Box::new(Factors::new(&vectors(users), &vectors(items)).unwrap()),
            false => Box::new(Levels { users, items, levels }),
        };
        let mut some = |share: usize| -> Vec<u32> {
            (0..items as u32).filter(|_| random.below(share) == 0).collect()
        };
        let (denied, allowed) = (some(5), some(2));
        let seen = fornax_recommend::UserItems::from_entries(
            users, items, (0..users as u32).flat_map(|user| some(20).into_iter().map(move |item| (user, item, 1.0))),
        ).unwrap();
        let index = |items: &[u32]| items.iter().map(|&item| ItemIndex::new(item)).collect::<Vec<_>>();
        let mut filter = if filters.0 { Filter::unseen(&seen) } else { Filter::none() };
        if filters.1 {
            filter = filter.deny(index(&denied));
        }
        if filters.2 {
            filter = filter.allow(index(&allowed));
        }
        let everyone: Vec<UserIndex> = (0..users as u32).map(UserIndex::new).collect();
        let lists = model.recommend_all(&everyone, count, &filter).unwrap();
        prop_assert_eq!(lists.len(), users);
        let (denied, allowed): (HashSet<u32>, HashSet<u32>) =
            (denied.into_iter().collect(), allowed.into_iter().collect());
        for (user, list) in everyone.into_iter().zip(lists) {
            let scores = model.scores(user).unwrap();
            let mut wanted: Vec<(u32, f32)> = (0..items as u32)
                .filter(|item| !(filters.0 && seen.row(user).0.contains(item)))
                .filter(|item| !(filters.1 && denied.contains(item)) && (!filters.2 || allowed.contains(item)))
                .map(|item| (item, scores[item as usize]))
                .collect();
            wanted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            wanted.truncate(count);
            let found: Vec<(u32, f32)> =
                list.into_iter().map(|Scored { index, score }| (index.get() as u32, score)).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}

/// Another order of the log numbers users and items otherwise and changes no score.
#[test]
fn permutations_of_users_and_items_permute_results() {
    let log = log(60, 40, 700, 4);
    let mut events: Vec<_> = log.events().collect();
    let order = Philox::new(9).permutation(events.len());
    events = order.into_iter().map(|at| events[at].clone()).collect();
    let other = Interactions::from_events(events, Duplicates::Error).unwrap();
    assert_ne!(log.items().as_slice(), other.items().as_slice());
    let [one, two] = [&log, &other].map(|log| PureSvd::new(8).tolerance(1e-6).fit(log).unwrap());
    let counts = [&log, &other].map(|log| Popularity::new().fit(log).unwrap());
    for user in log.users().as_slice() {
        let scores = |model: &dyn Score, log: &Log| model.scores(log.users().expect(user).unwrap()).unwrap();
        let [one, two] = [scores(&one, &log), scores(&two, &other)];
        let counts = [scores(&counts[0], &log), scores(&counts[1], &other)];
        for item in log.items().as_slice() {
            let (a, b) = (log.items().expect(item).unwrap().get(), other.items().expect(item).unwrap().get());
            assert!((one[a] - two[b]).abs() < 1e-3, "{} and {}", one[a], two[b]);
            assert_eq!(counts[0][a], counts[1][b]);
        }
    }
}

#[test]
fn scores_are_those_of_the_decomposition() {
    let log = log(50, 30, 500, 2);
    let model = PureSvd::new(30).fit(&log).unwrap();
    // Of full rank it is the matrix itself.
    let dense = log.matrix().to_dense().to_f32();
    for user in 0..50 {
        let scores = model.scores(UserIndex::new(user)).unwrap();
        for (score, value) in scores.iter().zip(&dense[user as usize * 30..]) {
            assert!((score - value).abs() < 1e-3, "{score}, wanted {value}");
        }
    }
    let interest = model.interest(UserIndex::new(3)).unwrap();
    let item = model.factors().item(ItemIndex::new(7)).unwrap();
    let product: f32 = interest.iter().zip(item).map(|(a, b)| a * b).sum();
    assert!((product - model.scores(UserIndex::new(3)).unwrap()[7]).abs() < 1e-5);
}

#[test]
fn a_known_history_has_the_known_interest() {
    let log = log(50, 30, 400, 6);
    for binary in [false, true] {
        let model = PureSvd::new(10).binary(binary).tolerance(1e-6).fit(&log).unwrap();
        let user = UserIndex::new(5);
        let (items, values) = log.matrix().row(user);
        let mut history: Vec<_> =
            items.iter().map(|&item| ItemIndex::new(item)).zip(values.iter().copied()).collect();
        history.reverse();
        let interest = model.interest_from(&history).unwrap();
        for (found, known) in interest.iter().zip(model.interest(user).unwrap()) {
            assert!((found - known).abs() < 1e-3, "{found}, known {known}");
        }
        let folded = model.recommend_from(&history, 5).unwrap();
        let known = model.recommend(user, 5, &Filter::unseen(&log)).unwrap();
        assert!(
            folded.iter().zip(&known).all(|(a, b)| a.index == b.index && (a.score - b.score).abs() < 1e-3)
        );
        history.push(history[0]);
        assert!(model.scores_from(&history).unwrap_err().to_string().contains("twice"));
        assert!(
            model.scores_from(&[(ItemIndex::new(99), 1.0)]).unwrap_err().to_string().contains("below 30")
        );
        assert!(model.scores_from(&[(ItemIndex::new(1), f32::NAN)]).is_err());
    }
}

#[test]
fn similar_items_are_by_cosine() {
    let users = Array::from_vec([1, 2], vec![1.0, 1.0]).unwrap();
    let items = Array::from_vec([4, 2], vec![1.0, 0.0, 3.0, 0.1, 0.0, 2.0, 0.0, 0.0]).unwrap();
    let factors = Factors::new(&users, &items).unwrap();
    let similar = factors.similar_items(ItemIndex::new(0), 2).unwrap();
    assert_eq!(similar.iter().map(|one| one.index.get()).collect::<Vec<_>>(), [1, 2]);
    assert!((similar[0].score - 3.0 / 9.01f32.sqrt()).abs() < 1e-6);
    assert!(factors.similar_items(ItemIndex::new(4), 2).is_err());
    assert!(Factors::new(&users, &Array::from_vec([1, 3], vec![1.0; 3]).unwrap()).is_err());
    assert!(Factors::new(&users, &Array::from_vec([1, 2], vec![1.0, f32::NAN]).unwrap()).is_err());
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let log = log(300, 1500, 9000, 8);
    let users: Vec<UserIndex> = (0..log.users().len() as u32).map(UserIndex::new).collect();
    let [one, two, four] = by_threads(|| {
        let model = PureSvd::new(16).fit(&log).unwrap();
        model.recommend_all(&users, 10, &Filter::unseen(&log)).unwrap()
    });
    assert!(one == two && one == four);
}

#[test]
fn what_is_not_known_is_an_error() {
    let log = log(20, 10, 90, 1);
    let model = Popularity::new().fit(&log).unwrap();
    let fault = |user: u32, filter: &Filter| {
        model.recommend(UserIndex::new(user), 3, filter).unwrap_err().to_string()
    };
    assert_eq!(fault(20, &Filter::none()), "user: found number 20, wanted below 20");
    let denied = Filter::none().deny([ItemIndex::new(10)]);
    assert_eq!(fault(0, &denied), "item of the filter: found number 10, wanted below 10");
    let other = Interactions::from_events([(1, 2)], Duplicates::Error).unwrap();
    assert!(fault(0, &Filter::unseen(&other)).starts_with("filter: found 1 users and 1 items"));
    assert!(model.scores(UserIndex::new(20)).is_err());
    assert!(PureSvd::new(11).fit(&log).unwrap_err().to_string().starts_with("rank: found 11"));
}
