//! Laws of LightFM: a plain implementation agrees, features and identities, gradients, planted tastes, cold starts, errors.

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod plain;
mod planted;

use common::{Log, by_threads, random_log};
use fornax_core::Array;
use fornax_recommend::{
    ColdStart, Duplicates, Factors, FeatureVectors, Features, Filter, Index, ItemIndex, LightFm, LightFmLoss,
    LightFmModel, Recommend, Recommender, Score, Similar, SimilarUsers, UserIndex,
};

const LOSSES: [LightFmLoss; 3] = [LightFmLoss::Warp, LightFmLoss::Bpr, LightFmLoss::Logistic];

fn log(users: usize, items: usize, count: usize, seed: u64) -> Log {
    random_log(users, items, count, seed, |user, item| 0.5 + ((user + item) % 3) as f32)
}

/// For each id some of `count` features.
fn triples(ids: &[u32], count: u32) -> Vec<(u32, String, f32)> {
    let of_id = |&id: &u32| {
        let features = (0..count).filter(move |feature| (id + feature) % 3 != 1);
        features.map(move |feature| (id, format!("feature {feature}"), 0.5 + (id % 2) as f32))
    };
    ids.iter().flat_map(of_id).collect()
}

fn features_of_both(log: &Log) -> (Features<UserIndex>, Features<ItemIndex>) {
    let users = Features::new(log.users(), triples(log.users().as_slice(), 4)).unwrap();
    let items = Features::new(log.items(), triples(log.items().as_slice(), 5)).unwrap();
    (users, items)
}

fn vectors(features: &FeatureVectors) -> Vec<Vec<f32>> {
    let names = features.names().as_slice().iter();
    names.map(|name| features.vector(name).unwrap().to_vec()).collect()
}

#[test]
fn runs_and_threads_give_the_same_bits() {
    let log = log(60, 50, 900, 8);
    let (users, items) = features_of_both(&log);
    for loss in LOSSES {
        let fit = |seed| {
            let settings = LightFm::new(7).loss(loss).iterations(3).seed(seed);
            settings.fit_with(&log, Some(&users), Some(&items)).unwrap()
        };
        let [one, two, three] = by_threads(|| fit(0));
        assert!(one.factors() == two.factors() && one.factors() == three.factors());
        assert_eq!(vectors(one.item_features()), vectors(two.item_features()));
        assert_ne!(fit(1).factors(), one.factors());
    }
}

#[test]
fn identities_are_no_features() {
    let log = log(40, 30, 400, 2);
    let plain = LightFm::new(5).iterations(4).fit(&log).unwrap();
    let users = Features::new(log.users(), [] as [(u32, &str, f32); 0]).unwrap().normalized();
    let named = log.items().as_slice().iter().map(|&id| (id, format!("item {id}"), 1.0));
    let items = Features::new(log.items(), named).unwrap().without_identity();
    let model = LightFm::new(5).iterations(4).fit_with(&log, Some(&users), Some(&items)).unwrap();
    assert_eq!((model.factors(), model.losses()), (plain.factors(), plain.losses()));
    assert!(model.user_features().names().is_empty());
    let third = &log.items().as_slice()[2];
    let vector = model.item_features().vector(&format!("item {third}")).unwrap();
    assert_eq!(vector, plain.factors().item(ItemIndex::new(2)).unwrap());
}

/// The first step of AdaGrad is the gradient times the learning rate.
#[test]
fn a_step_is_the_gradient_of_the_logistic_loss() {
    for value in [2.0, -0.5] {
        let log = Log::from_events([(1, 1, value)], Duplicates::Error).unwrap();
        let users = [(1, "a", 0.5), (1, "b", -2.0)];
        let users = Features::new(log.users(), users).unwrap().without_identity();
        let items = Features::new(log.items(), [(1, "c", 1.5)]).unwrap().without_identity();
        let fit = |rate| {
            let settings =
                LightFm::new(3).loss(LightFmLoss::Logistic).iterations(1).learning_rate(rate).seed(3);
            settings.fit_with(&log, Some(&users), Some(&items)).unwrap()
        };
        let parameters = |model: &LightFmModel| -> Vec<f64> {
            let both = [vectors(model.user_features()), vectors(model.item_features())].concat();
            both.concat().into_iter().map(f64::from).collect()
        };
        let before = parameters(&fit(f32::MIN_POSITIVE));
        let after = parameters(&fit(0.25));
        // Rows [e, b, 1] of "a" and "b", [e, 1, b] of "c".
        let loss = |p: &[f64]| {
            let user: Vec<f64> = (0..5).map(|at| 0.5 * p[at] - 2.0 * p[5 + at]).collect();
            let item: Vec<f64> = (0..5).map(|at| 1.5 * p[10 + at]).collect();
            let score = (0..3).map(|at| user[at] * item[at]).sum::<f64>() + user[3] + item[4];
            f64::from(value.abs()) * (1.0 + (-f64::from(value.signum()) * score).exp()).ln()
        };
        for at in 0..15 {
            let moved = (before[at] - after[at]) / 0.25;
            let mut shifted = before.clone();
            let by = 1e-5;
            shifted[at] += by;
            let above = loss(&shifted);
            shifted[at] -= 2.0 * by;
            let slope = (above - loss(&shifted)) / (2.0 * by);
            // The ones are no parameters.
            let wanted = if [4, 9, 13].contains(&at) { 0.0 } else { slope };
            assert!((moved - wanted).abs() < 1e-5, "{at}: {moved}, wanted {wanted}");
        }
        let found = fit(0.25).losses()[0];
        assert!((found - loss(&before)).abs() < 1e-6, "{found}, wanted {}", loss(&before));
    }
}

/// Without identities, one is what its features are, whether the log knows it or not.
#[test]
fn the_same_features_are_the_same() {
    let log = log(30, 25, 300, 9);
    let users = features_of_both(&log).0.without_identity();
    for users in [users.clone(), users.normalized()] {
        let model = LightFm::new(4).iterations(3).fit_with(&log, Some(&users), None).unwrap();
        for (user, &id) in (0..).map(UserIndex::new).zip(log.users().as_slice()) {
            let row = triples(&[id], 4).into_iter().map(|(_, name, weight)| (name, weight));
            let new = model.scores_of_new_user(&row.collect::<Vec<_>>()).unwrap();
            let known = model.scores(user).unwrap();
            assert!(known.iter().zip(&new).all(|(a, b)| (a - b).abs() < 1e-5), "{known:?}, {new:?}");
        }
    }
}

#[test]
fn a_file_gives_the_same_lists() {
    let log = log(30, 25, 300, 9);
    let (users, items) = features_of_both(&log);
    let plain = LightFm::new(4).iterations(3).fit(&log).unwrap();
    let hybrid =
        LightFm::new(4).iterations(3).fit_with(&log, Some(&users.normalized()), Some(&items)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (at, model) in [plain, hybrid].into_iter().enumerate() {
        let path = folder.path().join(format!("{at}.fornax"));
        Recommender::new(model.clone(), &log).unwrap().save(&path).unwrap();
        let loaded = Recommender::<LightFmModel, u32, u32>::load(&path).unwrap();
        let other = loaded.model();
        assert_eq!((other.factors(), other.losses()), (model.factors(), model.losses()));
        let all: Vec<UserIndex> = (0..30).map(UserIndex::new).collect();
        let lists = |model: &LightFmModel| model.recommend_all(&all, 7, &Filter::unseen(&log)).unwrap();
        assert_eq!(lists(other), lists(&model));
        if at == 1 {
            let new = [("feature 1", 2.0), ("feature 3", 1.0)];
            assert_eq!(other.scores_of_new_user(&new).unwrap(), model.scores_of_new_user(&new).unwrap());
            let extended =
                [other, &model].map(|model| model.clone().with_new_items(&[new.to_vec()]).unwrap());
            assert_eq!(extended[0].factors(), extended[1].factors());
        }
    }
}

#[test]
fn weights_are_kept_and_normalized() {
    let log = Log::from_events([(1, 10), (1, 20)], Duplicates::Error).unwrap();
    let features = Features::new(log.items(), [(20, "b", -3.0), (10, "a", 1.0), (20, "a", 0.5)]).unwrap();
    let rows = |features: &Features<ItemIndex>| {
        let matrix = features.matrix().unwrap();
        [0, 1].map(|item| {
            let (columns, weights) = matrix.row(ItemIndex::new(item));
            (columns.to_vec(), weights.to_vec())
        })
    };
    assert_eq!(features.names().as_slice(), ["b", "a"]);
    assert_eq!(rows(&features), [(vec![1, 2], vec![1.0, 1.0]), (vec![0, 1, 3], vec![-3.0, 0.5, 1.0])]);
    let named = features.without_identity();
    assert_eq!(rows(&named), [(vec![1], vec![1.0]), (vec![0, 1], vec![-3.0, 0.5])]);
    assert_eq!(rows(&named.normalized()), [(vec![1], vec![1.0]), (vec![0, 1], vec![-3.0 / 3.5, 0.5 / 3.5])]);
}

/// Biases say who likes much and what is popular, not who and what are alike.
#[test]
fn likeness_is_that_of_embeddings() {
    let log = log(12, 9, 60, 2);
    let model = LightFm::new(3).iterations(5).fit(&log).unwrap();
    let table = |count: usize, vector: &dyn Fn(u32) -> Vec<f32>| {
        Array::from_vec([count, 3], (0..count as u32).flat_map(|at| vector(at)[..3].to_vec()).collect())
            .unwrap()
    };
    let users = table(model.user_count(), &|at| model.factors().user(UserIndex::new(at)).unwrap().to_vec());
    let items = table(model.item_count(), &|at| model.factors().item(ItemIndex::new(at)).unwrap().to_vec());
    let embeddings = Factors::new(&users, &items).unwrap();
    for at in 0..9 {
        let (user, item) = (UserIndex::new(at), ItemIndex::new(at));
        assert_eq!(model.similar_users(user, 20).unwrap(), embeddings.similar_users(user, 20).unwrap());
        assert_eq!(model.similar_items(item, 20).unwrap(), embeddings.similar_items(item, 20).unwrap());
    }
    assert!(model.similar_users(UserIndex::new(99), 1).is_err());
    assert!(model.similar_items(ItemIndex::new(99), 1).is_err());
}
