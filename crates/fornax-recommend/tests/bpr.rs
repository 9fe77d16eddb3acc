//! Laws of BPR: it ranks, blocks change nothing, threads, permutations of values, errors.

mod common;

use common::{Log, by_threads, random_log};
use fornax_recommend::{
    Bpr, BprModel, Duplicates, Evaluation, Filter, Index, ItemIndex, Negatives, Popularity, RankingMetric,
    Recommend, Score, Similar, UserIndex, synthetic,
};

fn log(users: usize, items: usize, count: usize, seed: u64) -> Log {
    random_log(users, items, count, seed, |user, item| 1.0 + ((user + item) % 3) as f32)
}

#[test]
fn it_ranks_better_than_popularity_and_learns_its_pairs() {
    let log = synthetic::tastes(400, 600, 40, 2).unwrap();
    let split = log.split_by_item(0.25, 0).unwrap();
    let evaluation = Evaluation::at(10);
    let popularity = evaluation.run(&Popularity::new().fit(&split.train).unwrap(), &split).unwrap();
    for negatives in [Negatives::Uniform, Negatives::ByPopularity] {
        let model =
            Bpr::new(8).learning_rate(0.05).iterations(40).negatives(negatives).fit(&split.train).unwrap();
        let accuracies = model.pair_accuracies();
        assert!(*accuracies.last().unwrap() > accuracies[0] + 0.1, "{accuracies:?}");
        let report = evaluation.run(&model, &split).unwrap();
        let [found, least] = [&report, &popularity].map(|report| report.mean(RankingMetric::Auc));
        if negatives == Negatives::Uniform {
            assert!(found > least + 0.02, "{negatives:?}: {found}, popularity {least}");
        }
        // What is popular is drawn as often as it is liked: that it is says nothing.
        let correlation = bias_correlation(&split.train, &model);
        assert_eq!(correlation > 0.5, negatives == Negatives::Uniform, "{negatives:?}: {correlation}");
    }
}

/// How the bias of an item goes with the logarithm of its number of users.
fn bias_correlation(train: &Log, model: &BprModel) -> f64 {
    let counts = train.matrix().transposed();
    let items = (0..train.items().len() as u32).map(ItemIndex::new);
    let points: Vec<(f64, f64)> = items
        .map(|item| {
            let bias = *model.factors().item(item).unwrap().last().unwrap();
            ((counts.row(item).0.len() as f64).ln(), f64::from(bias))
        })
        .collect();
    let mean = |side: fn(&(f64, f64)) -> f64| points.iter().map(side).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let sum = |each: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(each).sum::<f64>();
    let joint = sum(&|point| (point.0 - x) * (point.1 - y));
    joint / (sum(&|point| (point.0 - x).powi(2)) * sum(&|point| (point.1 - y).powi(2))).sqrt()
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let log = log(300, 900, 9000, 8);
    for negatives in [Negatives::Uniform, Negatives::ByPopularity] {
        let fit = |seed| Bpr::new(20).negatives(negatives).iterations(3).seed(seed).fit(&log).unwrap();
        let [one, two, four] = by_threads(|| fit(0));
        assert!(one == two && one == four);
        assert_ne!(fit(1), one);
    }
}

#[test]
fn values_do_not_count() {
    let log = log(30, 20, 200, 3);
    let model = Bpr::new(5).iterations(4).fit(&log).unwrap();
    assert_eq!(Bpr::new(5).iterations(4).fit(&log.map_values(|value| -value).unwrap()).unwrap(), model);
}

/// Scores are products and biases; the padding of vectors to whole multiples of 16 adds nothing.
#[test]
fn scores_are_products_with_biases() {
    let log = log(50, 40, 500, 4);
    let model = Bpr::new(17).learning_rate(0.1).iterations(5).fit(&log).unwrap();
    assert_eq!(model.factors().width(), 18);
    for user in (0..50).map(UserIndex::new) {
        let vector = model.factors().user(user).unwrap();
        assert_eq!(vector[17], 1.0);
        let scores = model.scores(user).unwrap();
        for (item, score) in (0..40).map(ItemIndex::new).zip(scores) {
            let of_item = model.factors().item(item).unwrap();
            let wanted: f32 = vector[..17].iter().zip(of_item).map(|(a, b)| a * b).sum::<f32>() + of_item[17];
            assert!((score - wanted).abs() < 1e-5, "{score}, wanted {wanted}");
        }
    }
    let list = model.recommend(UserIndex::new(3), 40, &Filter::unseen(&log)).unwrap();
    assert_eq!(list.len(), 40 - log.matrix().row(UserIndex::new(3)).0.len());
    assert_eq!(model.similar_items(ItemIndex::new(1), 5).unwrap().len(), 5);
    assert!(model.similar_items(ItemIndex::new(40), 5).is_err());
}

#[test]
fn who_has_everything_teaches_nothing() {
    let log = Log::from_events([(1, 1), (1, 2), (1, 3)], Duplicates::Error).unwrap();
    let model = Bpr::new(2).iterations(3).fit(&log).unwrap();
    assert_eq!(model.pair_accuracies(), [0.0; 3]);
}

#[test]
fn what_cannot_be_fitted_is_an_error() {
    let log = log(10, 8, 40, 1);
    let fault = |model: Bpr| model.fit(&log).map(|_| ()).unwrap_err().to_string();
    assert_eq!(fault(Bpr::new(0)), "factors: found 0, wanted at least 1");
    assert_eq!(fault(Bpr::new(2).iterations(0)), "iterations: found 0, wanted at least 1");
    let large = fault(Bpr::new(usize::MAX));
    assert!(large.ends_with("wanted at most 29826160, for 4294967296 bytes, or more memory"), "{large}");
    assert_eq!(
        fault(Bpr::new(17).memory(2304)),
        "factors: found 17, wanted at most 16, for 2304 bytes, or more memory"
    );
    assert!(fault(Bpr::new(2).learning_rate(0.0)).starts_with("learning_rate: found 0"));
    assert!(fault(Bpr::new(2).regularization(f32::NAN)).starts_with("regularization: found NaN"));
    let wild = fault(Bpr::new(2).learning_rate(1e20).regularization(1.0));
    assert!(wild.contains("a smaller learning rate"), "{wild}");
}
