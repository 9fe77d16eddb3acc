//! Recommenders in files: they answer as before, whatever the model, and broken files are errors.

use fornax_core::Philox;
use fornax_recommend::{
    Bpr, Duplicates, Ease, EaseModel, Evaluation, Explain, FoldIn, Ials, IalsModel, Interactions, Popularity,
    PopularityModel, PureSvd, PureSvdModel, RankingMetric, Recommend, Recommender, Similar, StoredModel,
    stored_kind, synthetic,
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
