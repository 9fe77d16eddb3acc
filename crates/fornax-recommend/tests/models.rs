//! Laws of iALS and EASE: what they minimize, histories, permutations, threads, errors.

mod common;

use common::{Log, by_threads, random_log};
use fornax_core::{Array, Philox};
use fornax_recommend::{
    Duplicates, Ease, Explain, Factors, Filter, FoldIn, Ials, Index, Interactions, ItemIndex, PureSvd,
    Recommend, Score, Similar, SimilarUsers, Solver, UserIndex,
};
use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;

fn log(users: usize, items: usize, count: usize, seed: u64) -> Log {
    random_log(users, items, count, seed, |user, item| 1.0 + ((user + item) % 3) as f32)
}

fn history(log: &Log, user: UserIndex) -> Vec<(ItemIndex, f32)> {
    let (items, values) = log.matrix().row(user);
    items.iter().map(|&item| ItemIndex::new(item)).zip(values.iter().copied()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_objective_never_rises(
        users in 2usize..40, items in 2usize..40, count in 5usize..400, factors in 1usize..40,
        alpha in 0.1f32..40.0, regularization in 0.05f32..30.0, frequency in prop::sample::select(vec![0.0f32, 0.5, 1.0]),
        seed: u64,
    ) {
        let log = log(users, items, count, seed);
        let settings = Ials::new(factors).alpha(alpha).regularization(regularization).frequency(frequency);
        let model = settings.seed(seed).compute_objective(true).iterations(12).fit(&log).unwrap();
        let objectives = model.objectives();
        prop_assert_eq!(objectives.len(), 12);
        for two in objectives.windows(2) {
            prop_assert!(two[1] <= two[0] * (1.0 + 1e-5), "{objectives:?}");
        }
    }
}

/// The objective from its definition, pair by pair.
#[test]
fn the_objective_is_the_one_stated() {
    let log = log(20, 15, 120, 1);
    let (alpha, regularization, frequency) = (3.0, 0.7, 0.5);
    let model = Ials::new(5).alpha(alpha).regularization(regularization).frequency(frequency);
    let model = model.compute_objective(true).iterations(40).fit(&log).unwrap();
    let (matrix, columns) = (log.matrix(), log.matrix().transposed());
    let mut wanted = 0.0f64;
    let ridge = |count: usize, all: usize| {
        f64::from(regularization) * (count as f64 + all as f64 / f64::from(alpha)).powf(f64::from(frequency))
    };
    let square = |vector: &[f32]| vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    for user in (0..20).map(UserIndex::new) {
        for (item, score) in (0..15).map(ItemIndex::new).zip(model.scores(user).unwrap()) {
            let (confidence, preference) = match matrix.value(user, item) {
                Some(value) => (1.0 + f64::from(alpha * value), 1.0),
                None => (1.0, 0.0),
            };
            wanted += confidence * (preference - f64::from(score)).powi(2);
        }
        wanted += ridge(matrix.row(user).0.len(), 15) * square(model.factors().user(user).unwrap());
    }
    for item in (0..15).map(ItemIndex::new) {
        wanted += ridge(columns.row(item).0.len(), 20) * square(model.factors().item(item).unwrap());
    }
    // Users were solved for once more after the last value.
    let found = *model.objectives().last().unwrap();
    assert!((found - wanted).abs() < 1e-3 * wanted, "{found}, wanted {wanted}");
    assert!(wanted <= found * (1.0 + 1e-6));
}

/// Each user's vector solves the normal equations of the paper.
#[test]
fn vectors_are_those_of_dense_equations() {
    let log = log(25, 18, 150, 3);
    let (alpha, regularization, factors) = (4.0, 0.3, 6);
    let model =
        Ials::new(factors).alpha(alpha).regularization(regularization).iterations(3).fit(&log).unwrap();
    let vectors = (0..18).flat_map(|item| model.factors().item(ItemIndex::new(item)).unwrap().to_vec());
    let y = DMatrix::from_row_iterator(18, factors, vectors).cast::<f64>();
    for user in (0..25).map(UserIndex::new) {
        let mut left = y.transpose() * &y + DMatrix::identity(factors, factors) * f64::from(regularization);
        let mut right = DVector::zeros(factors);
        for (item, value) in history(&log, user) {
            let vector = y.row(item.get()).transpose();
            left += &vector * vector.transpose() * f64::from(alpha * value);
            right += vector * f64::from(1.0 + alpha * value);
        }
        let wanted = left.cholesky().unwrap().solve(&right);
        for (found, wanted) in model.factors().user(user).unwrap().iter().zip(&wanted) {
            assert!((f64::from(*found) - wanted).abs() < 1e-4, "{found}, wanted {wanted}");
        }
    }
}

#[test]
fn a_known_history_has_the_known_scores() {
    let log = log(40, 30, 400, 5);
    let ials = Ials::new(20).alpha(5.0).fit(&log).unwrap();
    let ease = Ease::new().regularization(3.0).binary(false).fit(&log).unwrap();
    for user in (0..40).map(UserIndex::new) {
        let mut history = history(&log, user);
        history.reverse();
        let vector = ials.vector_from(&history).unwrap();
        for (found, known) in vector.iter().zip(ials.factors().user(user).unwrap()) {
            assert!((found - known).abs() < 1e-4, "{found}, known {known}");
        }
        let worst = |model: &dyn Fn() -> (Vec<f32>, Vec<f32>)| {
            let (folded, known) = model();
            folded.iter().zip(known).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        assert!(worst(&|| (ials.scores_from(&history).unwrap(), ials.scores(user).unwrap())) < 1e-4);
        assert!(worst(&|| (ease.scores_from(&history).unwrap(), ease.scores(user).unwrap())) < 1e-5);
        let folded = ease.recommend_from(&history, 4).unwrap();
        assert_eq!(folded, ease.recommend(user, 4, &Filter::unseen(&log)).unwrap());
    }
    assert!(ials.scores_from(&[(ItemIndex::new(0), -1.0)]).unwrap_err().to_string().contains("found -1"));
    assert!(ials.scores_from(&[]).unwrap().iter().all(|&score| score == 0.0));
}

#[test]
fn explanations_add_up_to_the_score() {
    let log = log(40, 30, 400, 5);
    let history = history(&log, UserIndex::new(7));
    let check = |model: &dyn Explain| {
        let scores = model.scores_from(&history).unwrap();
        for (item, score) in (0..30).map(ItemIndex::new).zip(scores) {
            let each = model.explain(&history, item).unwrap();
            assert_eq!(each.len(), history.len());
            assert!(each.is_sorted_by(|a, b| a.score >= b.score));
            let sum: f32 = each.iter().map(|one| one.score).sum();
            assert!((sum - score).abs() < 1e-4 * (1.0 + score.abs()), "{sum}, wanted {score}");
        }
        assert!(model.explain(&history, ItemIndex::new(30)).is_err());
        assert!(model.explain(&[(ItemIndex::new(30), 1.0)], ItemIndex::new(0)).is_err());
    };
    check(&Ials::new(20).alpha(5.0).fit(&log).unwrap());
    check(&PureSvd::new(8).fit(&log).unwrap());
    check(&Ease::new().regularization(3.0).fit(&log).unwrap());
    check(&Ease::new().regularization(3.0).binary(false).fit(&log).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// `B` has zeros on its diagonal and no gradient off it: `Xᵀ(X B - X) + regularization B` is 0 there.
    #[test]
    fn ease_is_the_minimum(
        users in 1usize..30, items in 1usize..30, count in 1usize..300, regularization in 0.1f64..50.0, binary: bool, seed: u64,
    ) {
        let log = log(users, items, count, seed);
        let model = Ease::new().regularization(regularization).binary(binary).fit(&log).unwrap();
        let (users, items) = (log.users().len(), log.items().len());
        let value = |x: &f32| if binary && *x != 0.0 { 1.0 } else { f64::from(*x) };
        let x = DMatrix::from_row_iterator(users, items, log.matrix().to_dense().to_f32().iter().map(value));
        let weight = |i: usize, j: usize| {
            model.weight(ItemIndex::new(i as u32), ItemIndex::new(j as u32)).map(f64::from).unwrap()
        };
        let b = DMatrix::from_fn(items, items, weight);
        prop_assert!((0..items).all(|item| b[(item, item)] == 0.0));
        let gradient = x.transpose() * (&x * &b - &x) + &b * regularization;
        let scale = x.norm_squared().max(1.0);
        for (i, j) in (0..items).flat_map(|i| (0..items).map(move |j| (i, j))).filter(|(i, j)| i != j) {
            prop_assert!(gradient[(i, j)].abs() < 1e-6 * scale, "{} at {i}, {j}", gradient[(i, j)]);
        }
        let scores = &x * &b;
        for user in 0..users {
            let found = model.scores(UserIndex::new(user as u32)).unwrap();
            prop_assert!((0..items).all(|item| (f64::from(found[item]) - scores[(user, item)]).abs() < 1e-4 * scale));
        }
    }
}

#[test]
fn permutations_of_the_log_permute_results() {
    let log = log(50, 35, 500, 4);
    let mut events: Vec<_> = log.events().collect();
    let order = Philox::new(9).permutation(events.len());
    events = order.into_iter().map(|at| events[at].clone()).collect();
    let other = Interactions::from_events(events, Duplicates::Error).unwrap();
    assert_ne!(log.items().as_slice(), other.items().as_slice());
    let ease = [&log, &other].map(|log| Ease::new().regularization(5.0).fit(log).unwrap());
    // Enough iterations for other initial vectors not to count.
    let ials = [&log, &other].map(|log| Ials::new(40).regularization(2.0).iterations(200).fit(log).unwrap());
    for user in log.users().as_slice() {
        let scores = |model: &dyn Score, log: &Log| model.scores(log.users().expect(user).unwrap()).unwrap();
        for item in log.items().as_slice() {
            let at = |log: &Log| log.items().expect(item).unwrap().get();
            let close = |one: &dyn Score, two: &dyn Score, tolerance: f32| {
                let (one, two) = (scores(one, &log)[at(&log)], scores(two, &other)[at(&other)]);
                assert!((one - two).abs() < tolerance, "{one} and {two}");
            };
            close(&ease[0], &ease[1], 1e-5);
            close(&ials[0], &ials[1], 2e-2);
        }
    }
}

/// Conjugate gradients come to the objective of exact half steps; one step each comes nearer to it in more iterations.
#[test]
fn conjugate_gradients_come_near_to_exact_steps() {
    let log = log(200, 150, 4000, 5);
    let last = |settings: Ials| *settings.fit(&log).unwrap().objectives().last().unwrap();
    let settings = Ials::new(20).alpha(10.0).regularization(2.0).frequency(0.5).compute_objective(true);
    let exact = last(settings.clone().iterations(30));
    for (steps, tolerance) in [(1, 0.03), (3, 0.01), (20, 0.003)] {
        let near = settings.clone().solver(Solver::ConjugateGradient { steps });
        let [few, many] = [3, 30].map(|iterations| last(near.clone().iterations(iterations)));
        assert!(
            many < few && (many / exact - 1.0).abs() < tolerance,
            "{steps} steps: {few}, {many}, {exact}"
        );
    }
    // Enough steps are the solution.
    let settings = settings.iterations(2).compute_objective(false);
    let exact = settings.fit(&log).unwrap();
    let near = settings.solver(Solver::ConjugateGradient { steps: 60 }).fit(&log).unwrap();
    for user in (0..200).map(UserIndex::new) {
        let [near, exact] = [&near, &exact].map(|model| model.scores(user).unwrap());
        assert!(near.iter().zip(&exact).all(|(a, b)| (a - b).abs() < 1e-3), "{near:?}, {exact:?}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let log = log(300, 250, 9000, 8);
    let [one, two, four] = by_threads(|| {
        let settings = Ials::new(24).iterations(3).compute_objective(true);
        let ials = settings.fit(&log).unwrap();
        let near = settings.solver(Solver::ConjugateGradient { steps: 3 }).fit(&log).unwrap();
        (ials.objectives().to_vec(), ials, near, Ease::new().fit(&log).unwrap())
    });
    assert!(one == two && one == four);
    assert_ne!(Ials::new(24).iterations(3).seed(1).fit(&log).unwrap(), one.1);
}

#[test]
fn what_cannot_be_fitted_is_an_error() {
    let log = log(10, 8, 40, 1);
    let fault = |model: Ials| model.fit(&log).map(|_| ()).unwrap_err().to_string();
    assert_eq!(fault(Ials::new(0)), "factors: found 0, wanted at least 1");
    assert_eq!(fault(Ials::new(2).iterations(0)), "iterations: found 0, wanted at least 1");
    assert!(fault(Ials::new(usize::MAX)).contains("or more memory"));
    // Of the equations, not of the vectors: 65 squares of factors, whatever the threads.
    for equal in by_threads(|| fault(Ials::new(100_000))) {
        assert_eq!(equal, "factors: found 100000, wanted at most 4064, for 4294967296 bytes, or more memory");
    }
    assert_eq!(fault(Ials::new(10_000).memory(1 << 40)), "factors: found 10000, wanted at most 8192");
    let solver = Solver::ConjugateGradient { steps: 0 };
    assert_eq!(fault(Ials::new(2).solver(solver)), "steps: found 0, wanted at least 1");
    assert!(fault(Ials::new(2).alpha(0.0)).starts_with("alpha: found 0"));
    assert!(fault(Ials::new(2).regularization(f32::NAN)).starts_with("regularization: found NaN"));
    assert!(fault(Ials::new(2).frequency(-1.0)).starts_with("frequency: found -1"));
    let negative = log.map_values(|value| 1.5 - value).unwrap();
    let error = Ials::new(2).fit(&negative).unwrap_err().to_string();
    assert!(error.starts_with("user ") && error.ends_with("wanted a weight of 0 or more"), "{error}");
    let huge = log.map_values(|_| 3e38).unwrap();
    assert!(Ials::new(2).alpha(10.0).fit(&huge).is_err());
    let error = Ease::new().memory(1000).fit(&log).unwrap_err().to_string();
    assert!(error.starts_with("EASE: found 8 items, 1280 bytes, wanted at most 7 items"), "{error}");
    assert!(Ease::new().regularization(0.0).fit(&log).is_err());
    let ease = Ease::new().fit(&log).unwrap();
    assert!(
        ease.similar_items(ItemIndex::new(8), 3).is_err()
            && ease.weight(ItemIndex::new(0), ItemIndex::new(8)).is_err()
    );
}

/// Squares of such numbers are no numbers of 32 bits.
#[test]
fn cosines_are_those_of_vectors_of_any_length() {
    let of = |scale: f32| {
        let values = [1.0, 0.0, 1.0, 1.0, -1.0, 0.5, 0.0, 0.0].map(|x: f32| x * scale);
        let table = Array::from_vec([4, 2], values.to_vec()).unwrap();
        let factors = Factors::new(&table, &table).unwrap();
        let users = factors.similar_users(UserIndex::new(0), 3).unwrap();
        let users: Vec<(usize, f32)> = users.iter().map(|user| (user.index.get(), user.score)).collect();
        let items = factors.similar_items(ItemIndex::new(0), 3).unwrap();
        assert_eq!(users, items.iter().map(|item| (item.index.get(), item.score)).collect::<Vec<_>>());
        users
    };
    for scale in [1.0, 1e20, 1e-30, 1e38, 1e-44] {
        let found = of(scale);
        assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 3, 2], "{scale}");
        if scale > 1e-40 {
            let wanted = [0.5f32.sqrt(), 0.0, -1.0 / 1.25f32.sqrt()];
            found
                .iter()
                .zip(wanted)
                .for_each(|((_, cosine), wanted)| assert!((cosine - wanted).abs() < 1e-6));
        }
    }
}
