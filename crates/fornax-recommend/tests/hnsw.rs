//! Laws of approximate lists: nearly exact, exact scores, filters, the same bits for any number of threads.
#![cfg(feature = "hnsw")]

mod common;

use common::by_threads;
use fornax_core::{Array, Philox};
use fornax_recommend::{
    Factors, Filter, Hnsw, Index, ItemIndex, Recommend, Score, Scored, SparseMatrix, UserIndex, UserItems,
};

/// Vectors of which some are much longer than others.
fn factors(users: usize, items: usize, width: usize, seed: u64) -> Factors {
    let mut random = Philox::new(seed);
    let mut table = |rows: usize, spread: f32| {
        let rows = (0..rows).flat_map(|_| {
            let length = (spread * random.normal()).exp();
            (0..width).map(|_| length * random.normal()).collect::<Vec<f32>>()
        });
        rows.collect::<Vec<f32>>()
    };
    let [users, items] = [(users, 0.0), (items, 0.5)]
        .map(|(rows, spread)| Array::from_vec([rows, width], table(rows, spread)).unwrap());
    Factors::new(&users, &items).unwrap()
}

fn users(count: u32) -> Vec<UserIndex> {
    (0..count).map(UserIndex::new).collect()
}

fn seen(users: usize, items: usize) -> UserItems {
    let entries =
        (0..users as u32).flat_map(|user| (0..items as u32).step_by(3).map(move |item| (user, item, 1.0)));
    SparseMatrix::from_entries(users, items, entries).unwrap()
}

#[test]
fn lists_are_nearly_exact() {
    let factors = factors(60, 1500, 12, 1);
    let index = Hnsw::new().candidates(100).construction(60).build(&factors).unwrap();
    let seen = seen(60, 1500);
    for filter in [Filter::none(), Filter::unseen(&seen)] {
        let found = index.recall(&users(60), 10, &filter).unwrap();
        assert!(found.recall > 0.97, "{found:?}");
        assert!(found.per_second > 0.0 && found.exact_per_second > 0.0);
    }
    // Scores are those of the model, in their order.
    let list = index.recommend(UserIndex::new(5), 20, &Filter::none()).unwrap();
    let scores = factors.scores(UserIndex::new(5)).unwrap();
    assert!(list.len() == 20 && list.is_sorted_by(|a, b| a.score >= b.score));
    assert!(list.iter().all(|one| (one.score - scores[one.index.get()]).abs() < 1e-3));
}

/// A search that keeps few candidates finds less.
#[test]
fn fewer_candidates_have_a_lower_recall() {
    let factors = factors(80, 2000, 24, 3);
    let recall = |candidates| {
        let index = Hnsw::new().candidates(candidates).construction(30).build(&factors).unwrap();
        index.recall(&users(80), 10, &Filter::none()).unwrap().recall
    };
    let (few, many) = (recall(10), recall(300));
    assert!(few < many && many > 0.98, "{few}, {many}");
}

#[test]
fn filters_hold() {
    let factors = factors(10, 400, 8, 2);
    let index = Hnsw::new().candidates(40).construction(40).build(&factors).unwrap();
    let seen = seen(10, 400);
    let filter = Filter::unseen(&seen).deny([ItemIndex::new(1), ItemIndex::new(7)]);
    let allowed = |list: &[Scored]| {
        list.iter().all(|one| one.index.get() % 3 != 0 && ![1, 7].contains(&one.index.get()))
    };
    for user in users(10) {
        let list = index.recommend(user, 10, &filter).unwrap();
        assert!(list.len() == 10 && allowed(&list), "{list:?}");
        // More than the candidates, and few that are allowed: exact lists.
        let all = index.recommend(user, 300, &filter).unwrap();
        assert_eq!(all, factors.recommend(user, 300, &filter).unwrap());
        let few = Filter::none().allow([ItemIndex::new(17), ItemIndex::new(170)]);
        assert_eq!(index.recommend(user, 10, &few).unwrap(), factors.recommend(user, 10, &few).unwrap());
    }
}

#[test]
fn any_number_of_threads_gives_the_same_lists() {
    let factors = factors(30, 600, 10, 4);
    let lists = |seed| {
        let index = Hnsw::new().candidates(12).construction(12).seed(seed).build(&factors).unwrap();
        index.recommend_all(&users(30), 10, &Filter::none()).unwrap()
    };
    let [one, two, four] = by_threads(|| lists(0));
    assert!(one == two && one == four);
    assert_ne!(lists(1), one);
    let index = Hnsw::new().parallel(true).build(&factors).unwrap();
    assert!(index.recall(&users(30), 10, &Filter::none()).unwrap().recall > 0.97);
}

#[test]
fn what_cannot_be_built_or_asked_is_an_error() {
    let few = factors(3, 5, 4, 0);
    let fault = |settings: Hnsw| settings.build(&few).map(drop).unwrap_err().to_string();
    assert_eq!(fault(Hnsw::new().candidates(0)), "candidates: found 0, wanted at least 1");
    assert_eq!(fault(Hnsw::new().construction(0)), "construction: found 0, wanted at least 1");
    let index = Hnsw::new().build(&few).unwrap();
    assert_eq!(index.recommend(UserIndex::new(1), 9, &Filter::none()).unwrap().len(), 5);
    assert!(index.recommend(UserIndex::new(3), 1, &Filter::none()).is_err());
    assert!(index.recommend(UserIndex::new(0), 1, &Filter::none().deny([ItemIndex::new(5)])).is_err());
    assert!(index.recommend(UserIndex::new(0), 1, &Filter::unseen(&seen(4, 5))).is_err());
    assert!(
        index.recall(&[], 1, &Filter::none()).is_err()
            && index.recall(&users(3), 0, &Filter::none()).is_err()
    );
    let long = Array::from_vec([1, 2], vec![3e38, 3e38]).unwrap();
    let long = Factors::new(&Array::from_vec([1, 2], vec![1.0, 1.0]).unwrap(), &long).unwrap();
    let error = Hnsw::new().build(&long).map(drop).unwrap_err().to_string();
    assert!(error.starts_with("factors: found 1 items, the longest"), "{error}");
}
