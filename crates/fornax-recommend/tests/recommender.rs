//! Recommenders in files: they answer as before, whatever the model, and broken files are errors.

use fornax_core::{ErrorKind, Philox};
use fornax_recommend::{
    Bpr, Duplicates, Ease, EaseModel, Evaluation, Explain, FoldIn, Ials, IalsModel, Interactions, Popularity,
    PopularityModel, PureSvd, PureSvdModel, RankingMetric, Recommend, Recommender, Similar, StoredModel,
    stored_kind, synthetic,
};

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

/// A file that ends early is an error that names it, wherever it ends.
fn cut_anywhere<M: StoredModel>(model: M, log: &Log, step: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fornax");
    Recommender::new(model, log).unwrap().save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for cut in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let error = Recommender::<M, u32, String>::load(&path).map(drop).unwrap_err();
        assert!(error.to_string().contains("model.fornax"), "{} cut at {cut}: {error}", M::KIND);
        assert!(
            matches!(error.kind(), ErrorKind::Format | ErrorKind::Data | ErrorKind::Io),
            "{:?}",
            error.kind()
        );
    }
    std::fs::write(&path, bytes).unwrap();
    assert!(Recommender::<M, u32, String>::load(&path).is_ok());
}

#[test]
fn files_that_are_cut_anywhere_are_errors() {
    let small = Interactions::from_events(
        [(1, "a"), (1, "b"), (2, "b"), (2, "c"), (3, "a"), (3, "c")]
            .map(|(user, item)| (user, item.to_owned())),
        Duplicates::Error,
    )
    .unwrap();
    let mut random = Philox::new(1);
    let events = (0..600).map(|_| (random.below(60) as u32, format!("item {}", random.below(60))));
    let large = Interactions::from_events(events.collect::<Vec<_>>(), Duplicates::Last).unwrap();
    for (log, factors, step) in [(&small, 2, 1), (&large, 40, 1024)] {
        cut_anywhere(PureSvd::new(factors.min(8)).fit(log).unwrap(), log, step);
        cut_anywhere(Ials::new(factors).iterations(1).fit(log).unwrap(), log, step);
        cut_anywhere(Ease::new().fit(log).unwrap(), log, step);
        cut_anywhere(Bpr::new(factors).iterations(1).fit(log).unwrap(), log, step);
        cut_anywhere(Popularity::new().fit(log).unwrap(), log, step);
    }
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
