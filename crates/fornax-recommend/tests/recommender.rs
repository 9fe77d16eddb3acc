//! Recommenders in files: they answer as before, whatever the model, and broken files are errors.

use fornax_core::Philox;
use fornax_recommend::{
    Als, Baseline, Bpr, Centering, CoClustering, Duplicates, Ease, EaseModel, Evaluation, Explain, Features,
    FoldIn, FunkSvd, Ials, IalsModel, Interactions, LightFm, LightFmModel, Neighbours, Nmf, Popularity,
    PopularityModel, Predict, PureSvd, PureSvdModel, RankingMetric, Recommend, Recommender, Similar,
    Similarity, SlopeOne, StoredModel, SvdPlusPlus, stored_kind, synthetic,
};
use proptest::prelude::*;

type Log = Interactions<u32, String>;

fn log() -> Log {
    let mut random = Philox::new(3);
    let events = (0..300).map(|_| {
        let user = random.below(40) as u32;
        let item = random.below(12) + 8 * (user % 2) as usize;
        (1000 + user, format!("item {item}"), 1.0 + random.below(4) as f32)
    });
    Interactions::from_events(events.collect::<Vec<_>>(), Duplicates::Last).unwrap()
}

fn comes_back<M: StoredModel>(
    model: M,
    log: &Log,
    ask: impl Fn(&Recommender<M, u32, String>) -> Vec<(String, f32)>,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fornax");
    let saved = Recommender::new(model, log).unwrap();
    saved.save(&path).unwrap();
    assert_eq!(stored_kind(&path).unwrap(), M::KIND);
    let loaded = Recommender::<M, u32, String>::load(&path).unwrap();
    assert_eq!(loaded.seen(), log.matrix());
    for user in log.users().as_slice() {
        let (list, wanted) = (loaded.recommend(user, 5).unwrap(), saved.recommend(user, 5).unwrap());
        assert_eq!(list, wanted);
        let has = |item: &String| {
            log.matrix().value(log.users().expect(user).unwrap(), log.items().expect(item).unwrap())
        };
        assert!(list.iter().all(|(item, _)| has(item).is_none()));
    }
    assert_eq!(ask(&loaded), ask(&saved));
}

fn all<M>(recommender: &Recommender<M, u32, String>) -> Vec<(String, f32)>
where
    M: StoredModel + Recommend + FoldIn + Similar + Explain,
{
    let item = recommender.items().as_slice()[0].clone();
    let mut answers = recommender.recommend_from(&[(&item[..], 2.0)], 7).unwrap();
    answers.extend(recommender.similar_items(&item[..], 4).unwrap());
    answers.extend(recommender.explain(&recommender.users().as_slice()[1], &item[..]).unwrap());
    answers.into_iter().map(|(item, score)| (item.clone(), score)).collect()
}

#[test]
fn every_model_comes_back() {
    let log = log();
    comes_back(PureSvd::new(5).fit(&log).unwrap(), &log, all::<PureSvdModel>);
    comes_back(Ials::new(5).iterations(3).fit(&log).unwrap(), &log, all::<IalsModel>);
    comes_back(Ease::new().binary(false).regularization(5.0).fit(&log).unwrap(), &log, all::<EaseModel>);
    comes_back(Ease::new().regularization(5.0).fit(&log).unwrap(), &log, all::<EaseModel>);
    comes_back(Bpr::new(5).iterations(3).fit(&log).unwrap(), &log, |recommender| {
        let similar = recommender.similar_items("item 3", 4).unwrap();
        similar.into_iter().map(|(item, score)| (item.clone(), score)).collect()
    });
    comes_back(Popularity::new().fit(&log).unwrap(), &log, |_| vec![]);
}

/// Of all users for all items, those that are not known too.
fn ratings<M: StoredModel + Predict>(recommender: &Recommender<M, u32, String>) -> Vec<(String, f32)> {
    let model = recommender.model();
    let users: Vec<_> = recommender.users().as_slice().iter().map(Some).chain([None]).collect();
    let items: Vec<_> = recommender.items().as_slice().iter().map(Some).chain([None]).collect();
    let pairs = users.iter().flat_map(|user| items.iter().map(move |item| (*user, *item)));
    let each = pairs.map(|(user, item)| {
        let rating = match user.zip(item) {
            Some((user, item)) => recommender.predict(user, item).unwrap(),
            None => model.predict(
                user.and_then(|user| recommender.users().get(user)),
                item.and_then(|item| recommender.items().get(item)),
            ),
        };
        (format!("{user:?}, {item:?}"), rating)
    });
    each.collect()
}

#[test]
fn every_model_of_ratings_comes_back() {
    let log = log();
    comes_back(Baseline::new().fit(&log).unwrap(), &log, ratings);
    comes_back(FunkSvd::new(5).fit(&log).unwrap(), &log, ratings);
    comes_back(SvdPlusPlus::new(5).fit(&log).unwrap(), &log, ratings);
    comes_back(Als::new(5).compute_objective(true).fit(&log).unwrap(), &log, |recommender| {
        let objectives = recommender.model().objectives().iter();
        let objectives = objectives.map(|&objective| ("objective".to_owned(), objective as f32));
        ratings(recommender).into_iter().chain(objectives).collect()
    });
    comes_back(Nmf::new(5).fit(&log).unwrap(), &log, ratings);
    comes_back(SlopeOne::new().fit(&log).unwrap(), &log, ratings);
    comes_back(CoClustering::new().groups(4, 2).fit(&log).unwrap(), &log, ratings);
    for centering in [Centering::None, Centering::Means, Centering::Baseline] {
        let near = Neighbours::new(4).centering(centering);
        comes_back(near.fit(&log).unwrap(), &log, ratings);
        let similarity = Similarity::PearsonBaseline { shrinkage: 3.0 };
        comes_back(near.by_items(true).similarity(similarity).fit(&log).unwrap(), &log, ratings);
    }
}

#[test]
fn a_model_of_other_ratings_is_refused() {
    let log = log();
    let half = log.map_values(|rating| rating / 2.0).unwrap();
    let fault = |error: fornax_core::Error| {
        assert!(error.to_string().contains("wanted 1 to 4, 2."), "{error}");
    };
    fault(Recommender::new(Baseline::new().fit(&half).unwrap(), &log).unwrap_err());
    fault(Recommender::new(FunkSvd::new(2).fit(&half).unwrap(), &log).unwrap_err());
    fault(Recommender::new(Neighbours::new(2).fit(&half).unwrap(), &log).unwrap_err());
    let ease = Ease::new().binary(false).fit(&half).unwrap();
    assert!(Recommender::new(ease, &log).unwrap_err().to_string().contains("fitted on other values"));
    assert!(Recommender::new(Ease::new().fit(&half).unwrap(), &log).is_ok(), "values do not count");
}

#[test]
fn a_model_of_ratings_lists_what_is_rated_best() {
    let log = log();
    let recommender = Recommender::new(Als::new(5).fit(&log).unwrap(), &log).unwrap();
    for user in log.users().as_slice() {
        let list = recommender.recommend(user, 6).unwrap();
        assert!(list.is_sorted_by(|a, b| a.1 >= b.1));
        for (item, score) in &list {
            let rating = recommender.predict(user, &item[..]).unwrap();
            assert_eq!(score.clamp(1.0, 4.0), rating);
        }
        for item in log.items().as_slice().iter().filter(|item| !recommender.has(user, &item[..])) {
            let listed = list.iter().any(|(other, _)| *other == item);
            assert!(listed || recommender.predict(user, item).unwrap() <= list[5].1.max(1.0));
        }
    }
    let error = recommender.predict(&1, "item 1").unwrap_err().to_string();
    assert!(error.starts_with("user: found 1"), "{error}");
}

#[test]
fn what_is_known_by_features_is_listed_and_comes_back() {
    let log = log();
    let kinds = log.items().as_slice().iter().map(|item| (item.clone(), format!("kind {}", item.len()), 1.0));
    let kinds = Features::new(log.items(), kinds.collect::<Vec<_>>()).unwrap();
    let parity = log.users().as_slice().iter().map(|user| (*user, format!("parity {}", user % 2), 1.0));
    let parity = Features::new(log.users(), parity.collect::<Vec<_>>()).unwrap();
    let model = LightFm::new(4).iterations(5).fit_with(&log, Some(&parity), Some(&kinds)).unwrap();
    let recommender = Recommender::new(model, &log).unwrap();
    let odd = [("parity 1", 1.0)];
    let wanted = recommender.recommend_to_new_user(&odd, 7).unwrap();
    let wanted: Vec<_> = wanted.into_iter().map(|(item, score)| (item.clone(), score)).collect();
    let mut grown = recommender.clone();
    grown.add_users(&[(5, odd.to_vec()), (6, vec![])]).unwrap();
    let found: Vec<_> = grown.recommend(&5, 7).unwrap();
    assert!(found.iter().map(|(item, score)| ((*item).clone(), *score)).eq(wanted));
    grown.add_items(&[("new".to_owned(), vec![("kind 6", 1.0)])]).unwrap();
    assert!(grown.recommend(&1000, 100).unwrap().iter().any(|(item, _)| *item == "new"));
    assert!(grown.similar_items("new", 3).unwrap().iter().all(|(item, _)| *item != "new"));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fornax");
    grown.save(&path).unwrap();
    let loaded = Recommender::<LightFmModel, u32, String>::load(&path).unwrap();
    for user in [5, 6, 1000] {
        assert_eq!(loaded.recommend(&user, 100).unwrap(), grown.recommend(&user, 100).unwrap());
    }

    let mut same = recommender.clone();
    let again = same.add_users(&[(7, odd.to_vec()), (1000, odd.to_vec())]).unwrap_err().to_string();
    assert_eq!(again, "user: found 1000, which is known, wanted one that is new");
    let twice = [("a".to_owned(), vec![("kind 6", 1.0)]), ("a".to_owned(), vec![])];
    assert!(same.add_items(&twice).is_err());
    let unknown = same.add_items(&[("b".to_owned(), vec![("kind 99", 1.0)])]).unwrap_err().to_string();
    assert!(unknown.starts_with("item b: feature: found kind 99"), "{unknown}");
    assert_eq!(same.users().as_slice(), log.users().as_slice());
    assert_eq!(same.items().as_slice(), log.items().as_slice());
    assert_eq!(same.seen(), log.matrix());
    assert_eq!(same.recommend(&1000, 9).unwrap(), recommender.recommend(&1000, 9).unwrap());
    assert!(recommender.recommend_to_new_user(&[("parity 2", 1.0)], 3).is_err());
}

#[test]
fn a_file_that_is_cut_or_of_another_model_is_an_error() {
    let (log, folder) = (log(), tempfile::tempdir().unwrap());
    let path = folder.path().join("model.fornax");
    Recommender::new(PureSvd::new(5).fit(&log).unwrap(), &log).unwrap().save(&path).unwrap();
    let other = Recommender::<IalsModel, u32, String>::load(&path).unwrap_err().to_string();
    assert!(other.contains("found pure-svd, wanted ials"), "{other}");
    assert!(Recommender::<PureSvdModel, String, String>::load(&path).is_err(), "ids of another type");
    let bytes = std::fs::read(&path).unwrap();
    for cut in (0..bytes.len()).step_by(256).chain([1, 7, 8, 9, bytes.len() - 1]) {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let error = Recommender::<PureSvdModel, u32, String>::load(&path).unwrap_err().to_string();
        assert!(error.contains("model.fornax"), "{cut}: {error}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    std::fs::write(&path, longer).unwrap();
    assert!(Recommender::<PureSvdModel, u32, String>::load(&path).is_err());
    // Whatever a byte of the header becomes, there is an answer or an error.
    for at in 0..bytes.len().min(2000) {
        let mut broken = bytes.clone();
        broken[at] ^= 1 << (at % 7);
        std::fs::write(&path, broken).unwrap();
        drop(Recommender::<PureSvdModel, u32, String>::load(&path));
    }
}

#[test]
fn a_model_of_other_interactions_is_refused() {
    let log = log();
    let fewer = log.filter(|user, _, _, _| *user < 1010).unwrap();
    let model = Popularity::new().fit(&fewer).unwrap();
    let error = Recommender::<PopularityModel, _, _>::new(model, &log).unwrap_err().to_string();
    assert!(error.starts_with("model: found 10 users"), "{error}");
}

#[test]
fn a_model_is_judged_by_what_it_has_not_seen() {
    let log = synthetic::tastes(100, 60, 15, 1).unwrap();
    let split = log.split_by_item(0.25, 0).unwrap();
    let wanted = Evaluation::at(5).run(&PureSvd::new(4).fit(&split.train).unwrap(), &split).unwrap();
    let recommender = Recommender::new(PureSvd::new(4).fit(&split.train).unwrap(), &split.train).unwrap();
    let held_out = log.filter(|user, item, _, _| !recommender.has(user, item)).unwrap();
    assert_eq!(held_out.len(), split.test.len());
    let again = recommender.split(&held_out).unwrap();
    let report = Evaluation::at(5).run(recommender.model(), &again).unwrap();
    assert_eq!(report.values(RankingMetric::Ndcg), wanted.values(RankingMetric::Ndcg));
    assert_eq!((report.cold_users(), report.cold_items()), (wanted.cold_users(), wanted.cold_items()));
    let error = recommender.split(&log).unwrap_err().to_string();
    assert!(error.contains("an interaction in both parts"), "{error}");
}

/// Ids were in the header, of at most 90 MB, once.
#[test]
fn long_ids_come_back() {
    let id = |number: u32| format!("{number:06}/{}", "\u{e9}\"\\\n".repeat(80));
    let log =
        Interactions::from_events((0..100_000).map(|user| (id(user), user % 3)), Duplicates::Error).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fornax");
    Recommender::new(Popularity::new().fit(&log).unwrap(), &log).unwrap().save(&path).unwrap();
    let loaded = Recommender::<PopularityModel, String, u32>::load(&path).unwrap();
    assert!(loaded.users().as_slice() == log.users().as_slice());
    assert_eq!(loaded.items().as_slice(), log.items().as_slice());
    assert_eq!(loaded.recommend(&id(99_999), 2).unwrap().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever users and items are called.
    #[test]
    fn ids_come_back(pairs in prop::collection::hash_set((".{0,9}", any::<i64>()), 1..40)) {
        let log = Interactions::from_events(pairs, Duplicates::Error).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.fornax");
        Recommender::new(Popularity::new().fit(&log).unwrap(), &log).unwrap().save(&path).unwrap();
        let loaded = Recommender::<PopularityModel, String, i64>::load(&path).unwrap();
        prop_assert_eq!(loaded.users().as_slice(), log.users().as_slice());
        prop_assert_eq!(loaded.items().as_slice(), log.items().as_slice());
        prop_assert_eq!(loaded.seen(), log.matrix());
    }
}
