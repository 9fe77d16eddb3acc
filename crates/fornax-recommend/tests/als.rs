//! Laws of ALS: plain code in 64 bits, an objective that never rises, threads, unknown users and items, errors.

mod common;

use common::{Log, by_threads, random_log};
use fornax_core::Philox;
use fornax_recommend::{
    Als, AlsModel, Baseline, Duplicates, Index, Interactions, ItemIndex, Predict, RatingReport, SparseMatrix,
    UserIndex, UserItems,
};
use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;

/// Users like the items of their own parity, give or take one; user and item 0 have ratings beyond all predictions, so that
/// none is cut off.
fn log(users: usize, items: usize, count: usize, seed: u64) -> Log {
    let wide = random_log(users, items, count, seed, |user, item| {
        let noise = Philox::new(seed).named("noise").stream(user.into()).at(item.into()).next_u32() % 3;
        (if user % 2 == item % 2 { 4 } else { 2 } + noise as i32 - 1) as f32
    });
    let more = [(1000, 1000, 200.0), (1001, 1001, -194.0)].map(Into::into);
    Interactions::from_events(wide.events().chain(more), Duplicates::Error).unwrap()
}

/// Vectors with their bias behind them, in 64 bits, and the objective after each iteration.
struct Plain {
    mean: f64,
    sides: [Vec<DVector<f64>>; 2],
    objectives: Vec<f64>,
}

fn plain(log: &Log, factors: usize, biases: bool, regularization: f64, iterations: usize) -> Plain {
    let matrix = log.matrix();
    let values = matrix.values();
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64;
    let entries: Vec<([usize; 2], f64)> = matrix
        .entries()
        .map(|(user, item, value)| ([user.get(), item.get()], f64::from(value) - mean))
        .collect();
    let mut random = Philox::new(7).named("als").stream(0);
    let mut items = vec![DVector::zeros(factors + 1); matrix.columns()];
    for item in &mut items {
        (0..factors).for_each(|at| item[at] = f64::from(0.1 * random.normal()));
    }
    let mut sides = [vec![DVector::zeros(factors + 1); matrix.rows()], items];
    let mut objectives = vec![];
    for _ in 0..iterations {
        for side in [0, 1] {
            for row in 0..sides[side].len() {
                let mut left = DMatrix::zeros(factors + 1, factors + 1);
                let mut right = DVector::zeros(factors + 1);
                for (pair, rating) in entries.iter().filter(|(pair, _)| pair[side] == row) {
                    let mut other = sides[1 - side][pair[1 - side]].clone();
                    let bias = std::mem::replace(&mut other[factors], if biases { 1.0 } else { 0.0 });
                    left += &other * other.transpose()
                        + DMatrix::identity(factors + 1, factors + 1) * regularization;
                    right += other * (rating - bias);
                }
                sides[side][row] = left.cholesky().unwrap().solve(&right);
            }
        }
        let objective = entries.iter().map(|&([user, item], rating)| {
            let (x, y) = (&sides[0][user], &sides[1][item]);
            (rating - score(x, y)).powi(2) + regularization * (x.norm_squared() + y.norm_squared())
        });
        objectives.push(objective.sum());
    }
    Plain { mean, sides, objectives }
}

fn score(x: &DVector<f64>, y: &DVector<f64>) -> f64 {
    let factors = x.len() - 1;
    x.rows(0, factors).dot(&y.rows(0, factors)) + x[factors] + y[factors]
}

#[test]
fn solutions_are_those_of_plain_code() {
    for (factors, biases) in [(2, true), (17, true), (3, false), (16, false)] {
        let log = log(14, 11, 90, factors as u64);
        let wanted = plain(&log, factors, biases, 0.2, 4);
        let settings = Als::new(factors).biases(biases).regularization(0.2).iterations(4).seed(7);
        let model = settings.compute_objective(true).fit(&log).unwrap();
        for (found, wanted) in model.objectives().iter().zip(&wanted.objectives) {
            assert!((found - wanted).abs() < 1e-3 * wanted, "{:?}, {wanted}", model.objectives());
        }
        for (user, x) in (0..14).zip(&wanted.sides[0]) {
            for (item, y) in (0..11).zip(&wanted.sides[1]) {
                let found = model.predict(Some(UserIndex::new(user)), Some(ItemIndex::new(item)));
                let wanted = wanted.mean + score(x, y);
                assert!((f64::from(found) - wanted).abs() < 2e-2, "{user}, {item}: {found}, wanted {wanted}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_objective_never_rises(
        users in 1usize..40, items in 1usize..30, count in 1usize..300, factors in 1usize..20,
        regularization in 0.01f32..2.0, biases: bool, seed: u64,
    ) {
        let log = random_log(users, items, count, seed, |user, item| ((3 * user + item) % 5) as f32);
        let settings = Als::new(factors).regularization(regularization).biases(biases).seed(seed);
        let model = settings.compute_objective(true).fit(&log).unwrap();
        prop_assert_eq!(model.objectives().len(), 15);
        for pair in model.objectives().windows(2) {
            prop_assert!(pair[1] <= pair[0] * (1.0 + 1e-5) + 1e-6, "{:?}", model.objectives());
        }
    }
}

#[test]
fn learning_finds_the_tastes() {
    let log = random_log(80, 60, 2500, 1, |user, item| {
        let noise = Philox::new(3).stream(user.into()).at(item.into()).next_u32() % 3;
        (if user % 2 == item % 2 { 4 } else { 2 } + noise as i32 - 1) as f32
    });
    let split = log.split_random(0.2, 0).unwrap();
    let error = |model: &AlsModel| RatingReport::of(model, &split).unwrap().all().rmse();
    let baseline =
        RatingReport::of(&Baseline::new().fit(&split.train).unwrap(), &split).unwrap().all().rmse();
    for biases in [true, false] {
        let found = error(&Als::new(2).biases(biases).fit(&split.train).unwrap());
        assert!(found < 0.95 && baseline > 1.1, "{found}, with noise of 0.82; baseline {baseline}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let log = log(200, 150, 4000, 5);
    let fit = |seed| Als::new(20).iterations(3).compute_objective(true).seed(seed).fit(&log).unwrap();
    let [one, two, four] = by_threads(|| fit(0));
    assert!(one == two && one == four);
    assert_ne!(fit(1), one);
}

#[test]
fn who_is_not_known_has_the_mean_and_the_other_bias() {
    let entries = [(0, 0, 5.0), (0, 1, 4.0), (2, 0, 2.0), (2, 1, 1.0)];
    let matrix: UserItems = SparseMatrix::from_entries(3, 3, entries).unwrap();
    let [zero, one, two] = [0, 1, 2].map(|at| (Some(UserIndex::new(at)), Some(ItemIndex::new(at))));
    let model = Als::new(3).fit(&matrix).unwrap();
    assert_eq!(model.predict(None, None), 3.0);
    assert!(model.predict(zero.0, None) > 4.0 && model.predict(two.0, None) < 2.0);
    assert_eq!(model.predict(zero.0, two.1), model.predict(zero.0, None), "an item without a rating");
    assert_eq!(model.predict(one.0, zero.1), model.predict(None, zero.1), "a user without a rating");
    assert_eq!(model.predict(Some(UserIndex::new(9)), zero.1), model.predict(None, zero.1));
    let model = Als::new(3).biases(false).fit(&matrix).unwrap();
    assert_eq!(model.predict(zero.0, None), 3.0);
}

#[test]
fn what_cannot_be_fitted_is_an_error() {
    let log = random_log(10, 8, 40, 1, |_, _| 1.0);
    let fault = |model: Als| model.fit(&log).map(|_| ()).unwrap_err().to_string();
    assert_eq!(fault(Als::new(0)), "factors: found 0, wanted at least 1");
    assert_eq!(fault(Als::new(1).iterations(0)), "iterations: found 0, wanted at least 1");
    for regularization in [0.0, f32::NAN] {
        assert!(fault(Als::new(1).regularization(regularization)).contains("a finite number above 0"));
    }
    for factors in [100_000, 100_000_000_000] {
        let large = fault(Als::new(factors));
        assert!(large.starts_with(&format!("factors: found {factors}, wanted at most")), "{large}");
        assert!(large.ends_with("for 4294967296 bytes, or more memory"), "{large}");
    }
    let log = random_log(400, 300, 2000, 1, |_, _| 1.0);
    let fault = |model: Als| model.fit(&log).map(|_| ()).unwrap_err().to_string();
    let bytes = 8 * 16 * (log.users().len() + log.items().len()) as u64;
    assert!(Als::new(15).memory(bytes).fit(&log).is_ok());
    assert_eq!(
        fault(Als::new(16).memory(bytes)),
        format!("factors: found 16, wanted at most 15, for {bytes} bytes, or more memory")
    );
    let wild = random_log(10, 8, 40, 1, |user, item| if user == item { 3e38 } else { -3e38 });
    let wild = Als::new(1).fit(&wild).unwrap_err().to_string();
    assert!(wild.contains("smaller ratings"), "{wild}");
    let none: UserItems = SparseMatrix::from_entries(2, 2, []).unwrap();
    assert_eq!(Als::new(1).fit(&none).unwrap_err().to_string(), "ratings: found none, wanted at least one");
}
