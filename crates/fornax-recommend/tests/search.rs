//! Laws of the search for settings: it finds the best one, reports faults, draws what it says.

use std::cell::RefCell;

use fornax_core::{Error, Philox, Result};
use fornax_recommend::search::{Integers, LogUniform, OneOf, Sample, Search, Uniform, grid, random};
use fornax_recommend::{
    Baseline, Evaluation, Ials, Interactions, Popularity, PureSvd, RankingMetric, RatingReport, Score, Split,
    synthetic,
};
use proptest::prelude::*;

/// A search in which a setting is its own figure.
fn values<const N: usize>(search: Search, settings: [f64; N], splits: &[f64]) -> Vec<f64> {
    let found = search.run(settings, splits, |&x, add| Ok(x + add), |&y, _| Ok(vec![y])).unwrap();
    found.trials().iter().map(|trial| trial.setting).collect()
}

#[test]
fn the_best_comes_first() {
    assert_eq!(values(Search::highest(), [2.0, 9.0, -1.0], &[0.0]), [9.0, 2.0, -1.0]);
    assert_eq!(values(Search::lowest(), [2.0, 9.0, -1.0], &[0.0, 5.0]), [-1.0, 2.0, 9.0]);
    // Equal figures: the first candidate.
    let found = Search::lowest().run([3, 1, 2], &[()], |_, ()| Ok(()), |(), ()| Ok(vec![0.5])).unwrap();
    assert_eq!(found.trials().iter().map(|trial| trial.setting).collect::<Vec<_>>(), [3, 1, 2]);
}

#[test]
fn means_and_standard_errors_are_those_stated() {
    let close = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-12, "{found}, wanted {wanted}");
    // Values of users, 1, 2, 3 and 2, 6: variances 1 and 8.
    let per_user =
        |(): &(), split: &[f64; 2]| Ok(if split[0] == 0.0 { vec![1.0, 2.0, 3.0] } else { vec![2.0, 6.0] });
    let found = Search::highest().run([()], &[[0.0; 2], [1.0; 2]], |(), _| Ok(()), per_user).unwrap();
    close(found.best().mean(), 3.0);
    close(found.best().standard_error().unwrap(), ((1.0f64 / 3.0).sqrt() + 2.0) / 2.0);
    assert_eq!(found.best().splits().collect::<Vec<_>>(), [2.0, 4.0]);
    // One value a split: 1, 2, 6 of variance 7.
    let single = |(): &(), &value: &f64| Ok(vec![value]);
    let found = Search::highest().run([()], &[1.0, 2.0, 6.0], |(), _| Ok(()), single).unwrap();
    close(found.best().mean(), 3.0);
    close(found.best().standard_error().unwrap(), (7.0f64 / 3.0).sqrt());
    let found = Search::highest().run([()], &[1.0], |(), _| Ok(()), single).unwrap();
    assert_eq!(found.best().standard_error(), None);
    assert!(found.to_string().starts_with("1.0000  ()"), "{found}");
}

#[test]
fn a_candidate_that_fails_is_reported_with_its_setting() {
    let log = synthetic::tastes(60, 40, 10, 0).unwrap();
    let splits = [log.split_by_item(0.25, 0).unwrap()];
    let fit = |&factors: &usize, split: &Split<u32, u32>| PureSvd::new(factors).fit(&split.train);
    let judge = |model: &_, split: &_| Ok(Evaluation::at(5).run(model, split)?.values(RankingMetric::Ndcg));
    let done = RefCell::new(vec![]);
    let search = Search::highest().progress(|now, all| done.borrow_mut().push((now, all)));
    let found = search.run([0, 3], &splits, fit, judge).unwrap();
    assert_eq!((found.trials().len(), found.best().setting), (1, 3));
    let (setting, error) = &found.failures()[0];
    assert!(*setting == 0 && error.to_string().starts_with("setting 0: "), "{error}");
    assert!(found.to_string().contains("failed: setting 0"), "{found}");
    assert_eq!(done.take(), [(1, 2), (2, 2)]);
    let error = Search::highest().run([0], &splits, fit, judge).unwrap_err().to_string();
    assert!(error.starts_with("setting 0: "), "{error}");
    let error = Search::highest().run([], &splits, fit, judge).unwrap_err().to_string();
    assert_eq!(error, "candidates: found none, wanted at least one");
    assert!(Search::highest().run([3], &[], fit, judge).is_err());
    for values in [vec![], vec![1.0, f64::NAN], vec![f64::INFINITY]] {
        let search = Search::highest().run([()], &[()], |(), ()| Ok(()), |(), ()| Ok(values.clone()));
        assert!(search.unwrap_err().to_string().starts_with("setting (): value"));
    }
}

#[test]
fn models_of_several_kinds_can_be_candidates() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Setting {
        Popular,
        Svd(usize),
        Ials(usize, f32),
    }
    let log = synthetic::tastes(300, 200, 30, 1).unwrap();
    let split = log.split_by_item(0.25, 0).unwrap();
    let folds: Vec<Split<u32, u32>> = split.train.folds(3, 0).unwrap().collect::<Result<_>>().unwrap();
    let fit = |setting: &Setting, split: &Split<u32, u32>| -> Result<Box<dyn Score>> {
        Ok(match *setting {
            Setting::Popular => Box::new(Popularity::new().fit(&split.train)?),
            Setting::Svd(factors) => Box::new(PureSvd::new(factors).fit(&split.train)?),
            Setting::Ials(factors, alpha) => {
                Box::new(Ials::new(factors).alpha(alpha).iterations(5).fit(&split.train)?)
            }
        })
    };
    let settings = [Setting::Popular, Setting::Svd(8), Setting::Ials(8, 4.0), Setting::Ials(8, -1.0)];
    let found = Search::highest().run(settings, &folds, fit, |model, split| {
        Ok(Evaluation::at(10).run(&**model, split)?.values(RankingMetric::Ndcg))
    });
    let found = found.unwrap();
    assert_eq!(found.trials().len(), 3);
    assert_eq!(found.trials()[2].setting, Setting::Popular, "{found}");
    assert_eq!(found.failures()[0].0, Setting::Ials(8, -1.0));
    assert!(found.best().standard_error().unwrap() < 0.05, "{found}");
    assert!(fit(&found.best().setting, &split).is_ok());
}

#[test]
fn ratings_are_searched_by_rmse() {
    let events = (0..40u32)
        .flat_map(|user| (0..10u32).map(move |item| (user, item, 1.0 + ((user + item) % 5) as f32)));
    let log = Interactions::from_events(events, fornax_recommend::Duplicates::Error).unwrap();
    let folds: Vec<Split<u32, u32>> = log.folds(4, 0).unwrap().collect::<Result<_>>().unwrap();
    let found = Search::lowest()
        .run(
            [1000.0, 1.0, -5.0],
            &folds,
            |&regularization, split| match regularization > 0.0 {
                true => Baseline::new().fit(&split.train),
                false => Err(Error::argument("regularization", regularization, "above 0")),
            },
            |model, split| Ok(vec![RatingReport::of(model, split)?.all().rmse()]),
        )
        .unwrap();
    let trial = found.best();
    assert!(trial.standard_error().unwrap() > 0.0 && trial.mean() > 1.0, "{found}");
    assert_eq!((trial.splits().len(), found.failures().len()), (4, 1));
}

proptest! {
    #[test]
    fn draws_lie_within_bounds(a in -1e300f64..1e300, b in -1e300f64..1e300, low in 0usize..9, span in 0usize..9, seed: u64) {
        let (low_value, high_value) = (a.min(b), a.max(b));
        let space = (Uniform(low_value, high_value), Integers(low..=low + span), OneOf(vec!['x', 'y']));
        let drawn = random(&space, 30, seed).unwrap();
        for &(x, n, c) in &drawn {
            prop_assert!((low_value..=high_value).contains(&x) && (low..=low + span).contains(&n));
            prop_assert!(c == 'x' || c == 'y');
        }
        prop_assert_eq!(random(&space, 10, seed).unwrap(), drawn[..10].to_vec());
    }
}

#[test]
fn distributions_are_those_stated() {
    let count = 20_000;
    let share = |hits: usize| hits as f64 / count as f64;
    let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 0.015, "{found}, wanted {wanted}");
    let drawn = random(&LogUniform(1.0, 1000.0), count, 0).unwrap();
    near(share(drawn.iter().filter(|x| **x < 10.0).count()), 1.0 / 3.0);
    near(share(drawn.iter().filter(|x| **x > 100.0).count()), 1.0 / 3.0);
    let drawn = random(&Uniform(-1.0, 3.0), count, 0).unwrap();
    near(share(drawn.iter().filter(|x| **x < 0.0).count()), 0.25);
    let drawn = random(&Integers(3..=6), count, 0).unwrap();
    (3..=6).for_each(|n| near(share(drawn.iter().filter(|x| **x == n).count()), 0.25));
    let drawn = random(&OneOf(vec![1, 2, 2, 2]), count, 0).unwrap();
    near(share(drawn.iter().filter(|x| **x == 1).count()), 0.25);
    assert_ne!(random(&Uniform(0.0, 1.0), 3, 0).unwrap(), random(&Uniform(0.0, 1.0), 3, 1).unwrap());
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    let fault =
        |space: &dyn Fn(&mut Philox) -> Result<()>| space(&mut Philox::new(0)).unwrap_err().to_string();
    let of = |x: f64, y: f64| fault(&|random| Uniform(x, y).sample(random).map(drop));
    assert_eq!(of(2.0, 1.0), "bounds: found 2 and 1, wanted finite numbers, the lower one first");
    assert!(of(f64::NAN, 1.0).contains("NaN") && of(0.0, f64::INFINITY).contains("inf"));
    assert!(of(f64::NEG_INFINITY, 1.0).contains("-inf"));
    assert!(fault(&|random| LogUniform(0.0, 1.0).sample(random).map(drop)).contains("above 0"));
    #[allow(clippy::reversed_empty_ranges)]
    let reversed = Integers(5..=4);
    assert!(fault(&|random| reversed.sample(random).map(drop)).contains("5 to 4"));
    assert!(fault(&|random| OneOf::<u8>(vec![]).sample(random).map(drop)).contains("choices: found none"));
    assert_eq!(random(&Integers(4..=4), 2, 0).unwrap(), [4, 4]);
    assert!(grid((vec![1, 2], Vec::<u8>::new())).is_empty());
    assert_eq!(grid((vec![1], vec![2], vec![3, 4])), [(1, 2, 3), (1, 2, 4)]);
}
