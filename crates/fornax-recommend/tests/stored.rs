//! Files of recommenders that are broken or lie: a typed error, or a model that answers; never a panic.

use std::path::Path;

use fornax_core::{Array, ErrorKind, Result};
use fornax_data::archive;
use fornax_recommend::{
    Als, AlsModel, Baseline, Bpr, Centering, CoClustering, Duplicates, Ease, FoldIn, FunkSvd, Ials,
    IalsModel, Interactions, LightFm, LightFmModel, LogisticMf, MarkovChain, Neighbours, NeuMf, Nmf,
    Popularity, PopularityModel, Predict, PureSvd, PureSvdModel, Recommender, SasRec, Similar, SimilarUsers,
    SlopeOne, StoredModel, SvdPlusPlus, TwoTower, stored_kind,
};
use serde_json::{Value as Json, json};

type Log = Interactions<u32, String>;
type Stored<M> = Recommender<M, u32, String>;
type Ask<M> = fn(&Stored<M>) -> Result<()>;

fn log(users: u32, items: u32) -> Log {
    let each = (0..users).flat_map(|user| (0..3).map(move |step| (user, (user + step * step) % items, step)));
    let events = each.map(|(user, item, step)| (user, format!("item {item}"), 1.0, i64::from(step)));
    Interactions::from_events(events.collect::<Vec<_>>(), Duplicates::Last).unwrap()
}

/// The lists of a few users, and all lists at once.
fn lists<M: StoredModel>(stored: &Stored<M>) -> Result<()> {
    use fornax_recommend::{Filter, Index, Recommend, UserIndex};
    for user in stored.users().as_slice().iter().take(3) {
        stored.recommend(user, 3)?.iter().for_each(|(_, score)| assert!(!score.is_nan()));
    }
    let users: Vec<UserIndex> = (0..stored.users().len() as u32).map(UserIndex::new).collect();
    stored.model().recommend_all(&users, 3, &Filter::unseen(stored.seen())).map(drop)
}

fn history<M: StoredModel + FoldIn>(stored: &Stored<M>) -> Result<()> {
    let item = &stored.items().as_slice()[0][..];
    stored.recommend_from(&[(item, 1.0)], 3).map(drop)
}

fn alike<M: StoredModel + Similar>(stored: &Stored<M>) -> Result<()> {
    stored.similar_items(&stored.items().as_slice()[0][..], 3).map(drop)
}

fn alike_users<M: StoredModel + SimilarUsers>(stored: &Stored<M>) -> Result<()> {
    stored.similar_users(&stored.users().as_slice()[0], 3).map(drop)
}

/// Loads a file and asks what there is.
fn asked<M: StoredModel>(path: &Path, questions: &[Ask<M>]) -> Result<()> {
    let stored = Stored::<M>::load(path)?;
    questions.iter().try_for_each(|ask| ask(&stored))
}

/// A file that ends early is an error that names it, wherever it ends; one with a bit that is wrong is an error or a model.
fn broken<M: StoredModel>(model: M, log: &Log, [cut, flip]: [usize; 2], questions: &[Ask<M>]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fornax");
    Recommender::new(model, log).unwrap().save(&path).unwrap();
    asked(&path, questions).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for cut in (0..bytes.len()).step_by(cut).chain([bytes.len() - 1]) {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let error = Stored::<M>::load(&path).map(drop).unwrap_err();
        assert!(error.to_string().contains("model.fornax"), "{} cut at {cut}: {error}", M::KIND);
        let kind = error.kind();
        assert!(matches!(kind, ErrorKind::Format | ErrorKind::Data | ErrorKind::Io), "{kind:?}");
    }
    for at in (0..bytes.len()).step_by(flip) {
        let mut broken = bytes.clone();
        broken[at] ^= 1 << (at % 8);
        // A new file: a model that is still there has the old one mapped.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, broken).unwrap();
        drop(asked(&path, questions));
    }
}

#[test]
fn broken_files_of_factors_are_errors_or_models() {
    for (log, factors, steps) in [(&log(3, 4), 2, [1, 1]), (&log(60, 50), 40, [1024, 101])] {
        let svd = PureSvd::new(factors.min(8)).fit(log).unwrap();
        broken(svd, log, steps, &[lists, history, alike, alike_users]);
        let ials = Ials::new(factors).iterations(1).fit(log).unwrap();
        broken(ials, log, steps, &[lists, history, alike, alike_users]);
        broken(Ease::new().fit(log).unwrap(), log, steps, &[lists, history, alike]);
        let bpr = Bpr::new(factors).iterations(1).fit(log).unwrap();
        broken(bpr, log, steps, &[lists, alike, alike_users]);
        broken(Popularity::new().fit(log).unwrap(), log, steps, &[lists]);
        let logistic = LogisticMf::new(factors).iterations(1).fit(log).unwrap();
        broken(logistic, log, steps, &[lists, alike, alike_users]);
        broken(MarkovChain::new().fit(log).unwrap(), log, steps, &[lists, history]);
        let fm = LightFm::new(factors).iterations(1).fit(log).unwrap();
        broken(fm, log, steps, &[lists, alike, alike_users]);
    }
}

fn rating<M: StoredModel + Predict>(stored: &Stored<M>) -> Result<()> {
    let (users, items) = (stored.users().as_slice(), &stored.items().as_slice()[..3]);
    let mut each =
        users.iter().flat_map(|user| items.iter().map(move |item| stored.predict(user, &item[..])));
    each.try_for_each(|rating| rating.map(drop))
}

#[test]
fn broken_files_of_ratings_are_errors_or_models() {
    for (log, steps) in [(&log(3, 4), [1, 1]), (&log(60, 50), [1024, 101])] {
        broken(Baseline::new().fit(log).unwrap(), log, steps, &[lists, rating]);
        let funk = FunkSvd::new(3).epochs(2).fit(log).unwrap();
        broken(funk, log, steps, &[lists, rating, alike, alike_users]);
        let plus = SvdPlusPlus::new(3).epochs(2).fit(log).unwrap();
        broken(plus, log, steps, &[lists, rating, alike, alike_users]);
        let als = Als::new(3).iterations(2).compute_objective(true).fit(log).unwrap();
        broken(als, log, steps, &[lists, rating, alike, alike_users]);
        broken(Nmf::new(3).fit(log).unwrap(), log, steps, &[lists, rating, alike, alike_users]);
        broken(SlopeOne::new().fit(log).unwrap(), log, steps, &[lists, rating]);
        broken(CoClustering::new().fit(log).unwrap(), log, steps, &[lists, rating]);
        let near = Neighbours::new(2).by_items(true).centering(Centering::Baseline);
        broken(near.fit(log).unwrap(), log, steps, &[lists, rating]);
    }
}

#[test]
fn ratings_that_are_not_finite_are_errors() {
    let (folder, log) = (tempfile::tempdir().unwrap(), log(3, 4));
    let als = Als::new(2).fit(&log).unwrap();
    for name in ["users", "items", "user biases", "item biases"] {
        let path = folder.path().join(name);
        Recommender::new(als.clone(), &log).unwrap().save(&path).unwrap();
        let (header, arrays) = archive::read::<Json>(&path, 2).unwrap();
        let mut arrays: Vec<_> = arrays.into_iter().collect();
        let shape = arrays.iter().find(|(other, _)| other == name).unwrap().1.shape().to_vec();
        put(
            &mut arrays,
            name,
            Array::from_vec(shape.clone(), vec![f32::NAN; shape.iter().product()]).unwrap(),
        );
        std::fs::remove_file(&path).unwrap();
        archive::write(&path, header["version"].as_u64().unwrap(), &header, &arrays).unwrap();
        let error = Stored::<AlsModel>::load(&path).and_then(|stored| rating(&stored)).unwrap_err();
        assert!(error.to_string().contains("finite"), "{name}: {error}");
    }
}

#[test]
fn broken_files_of_networks_are_errors_or_models() {
    for (log, steps) in [(&log(3, 4), [1, 3]), (&log(60, 50), [1024, 211])] {
        let neural = NeuMf::new(2).hidden([4, 3, 2]).epochs(1).verbose(false).fit(log).unwrap();
        broken(neural, log, steps, &[lists]);
        let towers = TwoTower::new(2).epochs(1).verbose(false).fit(log).unwrap();
        broken(towers, log, steps, &[lists, alike, alike_users]);
        let settings = SasRec::new(2).blocks(1).max_length(4).epochs(1).verbose(false);
        broken(settings.fit(log).unwrap(), log, steps, &[lists, history, alike, alike_users]);
    }
}

/// What a file becomes when its header and arrays are changed.
fn changed<M: StoredModel>(
    model: M,
    log: &Log,
    change: impl Fn(&mut Json, &mut Vec<(String, Array)>),
) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fornax");
    Recommender::new(model, log).unwrap().save(&path).unwrap();
    let (mut header, arrays) = archive::read::<Json>(&path, 2).unwrap();
    let mut arrays = arrays.into_iter().collect();
    change(&mut header, &mut arrays);
    archive::write(&path, header["version"].as_u64().unwrap(), &header, &arrays).unwrap();
    let error = Stored::<M>::load(&path).map(drop).unwrap_err();
    assert!(error.to_string().contains("model.fornax"), "{error}");
    error.to_string()
}

fn put(arrays: &mut [(String, Array)], name: &str, array: Array) {
    arrays.iter_mut().find(|(other, _)| other == name).unwrap().1 = array;
}

#[test]
fn widths_of_vectors_that_are_not_there_are_errors() {
    let log = log(3, 4);
    let none = |width: usize| Array::from_vec([0, width], vec![]).unwrap();
    let ials = || Ials::new(2).iterations(1).fit(&log).unwrap();
    let fault = |error: String| assert!(error.contains("wanted [3, width] and [4, width]"), "{error}");
    for width in [0, 1, 1_000_000, 1 << 31, 1 << 60] {
        let without = |arrays: &mut Vec<(String, Array)>| {
            ["users", "items"].into_iter().for_each(|name| put(arrays, name, none(width)));
        };
        fault(changed(ials(), &log, |_, arrays| without(arrays)));
        fault(changed(ials(), &log, |_, arrays| put(arrays, "items", none(2))));
        let fm = LightFm::new(2).iterations(1).fit(&log).unwrap();
        fault(changed::<LightFmModel>(fm, &log, |_, arrays| without(arrays)));
    }
    // The squares of 100 000 factors would take 40 GB.
    let wide = |rows: usize| Array::from_vec([rows, 100_000], vec![0.5; rows * 100_000]).unwrap();
    let error = changed::<IalsModel>(ials(), &log, |_, arrays| {
        put(arrays, "users", wide(3));
        put(arrays, "items", wide(4));
    });
    assert!(error.contains("factors: found 100000, wanted at most 8192"), "{error}");
}

#[test]
fn settings_of_files_are_checked_as_those_of_models() {
    let log = log(3, 4);
    let ials = |name: &str, value: f64| {
        let model = Ials::new(2).iterations(1).fit(&log).unwrap();
        changed(model, &log, |header, _| header["settings"]["settings"][name] = json!(value))
    };
    assert!(ials("alpha", 0.0).contains("alpha: found 0, wanted a finite number above 0"));
    assert!(ials("regularization", -1.0).contains("regularization: found -1"));
    assert!(ials("frequency", 1e39).contains("frequency: found inf"));
    let scores = |value: f32| {
        let model = Popularity::new().fit(&log).unwrap();
        let put = |arrays: &mut Vec<_>| put(arrays, "scores", Array::from(vec![1.0, value, 1.0, 1.0]));
        changed::<PopularityModel>(model, &log, |_, arrays| put(arrays))
    };
    assert!(scores(f32::NAN).contains("score of item 1: found NaN, wanted a finite number"));
    let svd = changed::<PureSvdModel>(PureSvd::new(2).fit(&log).unwrap(), &log, |header, _| {
        header["settings"]["singular_values"] = json!([1.0]);
    });
    assert!(svd.contains("singular values: found [1.0], wanted 2 finite ones"), "{svd}");
}

#[test]
fn parts_of_models_of_ratings_fit_the_ratings() {
    let log = log(3, 4);
    let ones = |shape: &[usize]| Array::from_vec(shape, vec![1.0; shape.iter().product()]).unwrap();
    let baseline = |name: &'static str, shape: &[usize]| {
        let model = Baseline::new().fit(&log).unwrap();
        changed(model, &log, |_, arrays| put(arrays, name, ones(shape)))
    };
    assert!(baseline("users", &[4]).contains("users: found [4], wanted [3]"));
    assert!(baseline("items", &[3]).contains("items: found [3], wanted [4]"));
    let funk = changed(FunkSvd::new(2).fit(&log).unwrap(), &log, |_, arrays| {
        put(arrays, "item biases", ones(&[2]));
    });
    assert!(funk.contains("item biases: found [2], wanted [4]"), "{funk}");
    let slope = changed(SlopeOne::new().fit(&log).unwrap(), &log, |_, arrays| {
        put(arrays, "deviations", ones(&[4, 3]));
    });
    assert!(slope.contains("deviations: found [4, 3], wanted [4, 4]"), "{slope}");
    let near = |change: &dyn Fn(&mut Json, &mut Vec<(String, Array)>)| {
        changed(Neighbours::new(2).by_items(true).fit(&log).unwrap(), &log, change)
    };
    assert!(near(&|header, _| header["settings"]["count"] = json!(0)).contains("neighbours: found 0"));
    let other = near(&|header, _| header["settings"]["by_items"] = json!(false));
    assert!(other.contains("similarities: found [4, 4], wanted [3, 3]"), "{other}");
    let groups = |name: &'static str, values: Vec<i32>| {
        let model = CoClustering::new().groups(2, 3).fit(&log).unwrap();
        changed(model, &log, |_, arrays| put(arrays, name, Array::from(values.clone())))
    };
    assert!(groups("user groups", vec![0, 2, 1]).contains("user groups: found 2, wanted numbers below 2"));
    assert!(groups("item groups", vec![0, -1, 1, 1]).contains("wanted numbers below 3"));
    assert!(groups("item groups", vec![0, 1, 1]).contains("item groups: found 3, wanted 4"));
    let many = changed(CoClustering::new().fit(&log).unwrap(), &log, |header, _| {
        header["settings"] = json!([1, 1u64 << 40]);
    });
    assert!(many.contains("groups: found 1 of users, 1099511627776 of items"), "{many}");
}

/// An encoder that keeps nothing of a sequence, and one whose output is of another form.
#[test]
fn encoders_of_another_form_are_errors() {
    let log = log(3, 4);
    let settings = SasRec::new(2).blocks(1).max_length(4).epochs(1).verbose(false);
    let fault = |change: &dyn Fn(&mut Json)| {
        changed(settings.fit(&log).unwrap(), &log, |header, _| change(&mut header["settings"]))
    };
    let empty = fault(&|settings| settings["max_length"] = json!(0));
    assert!(empty.contains("sequences: found one of no items"), "{empty}");
}

#[test]
fn files_of_another_version_and_wrong_ids_are_errors() {
    let log = log(3, 4);
    let fault = |change: &dyn Fn(&mut Json, &mut Vec<(String, Array)>)| {
        changed(Popularity::new().fit(&log).unwrap(), &log, change)
    };
    let version = fault(&|header, _| header["version"] = json!(1));
    assert!(version.contains("found version 1, wanted version 2"), "{version}");
    let ids = |name: &'static str, values: Vec<i32>| {
        fault(&move |_, arrays| put(arrays, name, Array::from(values.clone())))
    };
    // The users are 0, 1 and 2.
    let twice = ids("user ids/json", vec![i32::from_le_bytes(*b"010\0")]);
    assert!(twice.contains("user ids, number 2: found an id again, wanted every id once"), "{twice}");
    assert!(ids("user ids/json", vec![i32::from_le_bytes(*b"01x\0")]).contains("user ids, number 2"));
    for lengths in [vec![1, 1, -1], vec![1, 1, 3], vec![i32::MAX; 3]] {
        assert!(ids("user ids/lengths", lengths).contains("wanted a length of at most"));
    }
    assert!(ids("user ids/json", vec![i32::from_le_bytes(*b"012\0"); 2]).contains("5 bytes more"));
    assert!(stored_kind("/nowhere").is_err());
}
