//! Laws of the models that are trained by gradient descent: they rank, threads, backends, features, files, errors.
#![cfg(all(feature = "flex", feature = "ndarray"))]

mod common;

use common::{Log, by_threads, random_log};
use fornax_core::{Backend, Flex, NdArray, Result};
use fornax_recommend::{
    ColdStart, Duplicates, Evaluation, Features, FoldIn, Index, Interactions, ItemIndex, MarkovChain, NeuMf,
    Popularity, RankingMetric, Recommender, SasRec, Score, StoredModel, TwoTower, UserIndex, synthetic,
};

fn neu_mf() -> NeuMf {
    NeuMf::new(8).hidden([16, 8]).epochs(8).learning_rate(0.01).verbose(false)
}

fn two_tower() -> TwoTower {
    TwoTower::new(16).epochs(10).batch_size(256).learning_rate(0.01).verbose(false)
}

fn sas_rec() -> SasRec {
    SasRec::new(8).max_length(6).epochs(3).batch_size(8).learning_rate(0.01).verbose(false)
}

/// A log whose interactions come one after the other.
fn timed(users: usize, items: usize, count: usize) -> Log {
    let log = random_log(users, items, count, 5, |_, _| 1.0);
    let events =
        log.events().enumerate().map(|(at, event)| (event.user, event.item, 1.0, (at * 7919 % 1000) as i64));
    Interactions::from_events(events, Duplicates::Error).unwrap()
}

fn scores(model: &impl Score) -> Vec<f32> {
    let users: Vec<UserIndex> = (0..model.user_count() as u32).map(UserIndex::new).collect();
    let mut scores = vec![0.0; users.len() * model.item_count()];
    model.score_block(&users, 0..model.item_count(), &mut scores);
    scores
}

#[test]
fn they_rank_better_than_popularity() {
    let log = synthetic::tastes(400, 200, 30, 2).unwrap();
    let split = log.split_by_item(0.25, 0).unwrap();
    let auc = |model: &dyn Score| Evaluation::at(10).run(model, &split).unwrap().mean(RankingMetric::Auc);
    let popularity = auc(&Popularity::new().fit(&split.train).unwrap());
    let neu_mf = auc(&neu_mf().fit(&split.train).unwrap());
    let dot = two_tower().normalize(false).temperature(1.0).negatives(1).hidden([16]);
    let towers = [two_tower(), dot].map(|towers| auc(&towers.fit(&split.train).unwrap()));
    let found = [neu_mf, towers[0], towers[1]];
    assert!(found.into_iter().all(|found| found > popularity + 0.02), "{found:?}, popularity {popularity}");
}

/// Who has had an item next takes the one behind it: the last item says all, popularity nothing.
#[test]
fn sequence_models_learn_what_comes_next() {
    let step = |user: u32, at: u32| (user * 7 + at * 3) % 40;
    let events =
        (0..200u32).flat_map(|user| (0..8u32).map(move |at| (user, step(user, at), 1.0, i64::from(at))));
    let log: Log = Interactions::from_events(events, Duplicates::Error).unwrap();
    let split = log.split_last(1).unwrap();
    let hits = |model: &dyn Score| Evaluation::at(1).run(model, &split).unwrap().mean(RankingMetric::HitRate);
    let trained = SasRec::new(16).dropout(0.0).epochs(30).batch_size(32).learning_rate(0.01).verbose(false);
    let model = trained.fit(&split.train).unwrap();
    assert!(hits(&model) > 0.95, "{}", hits(&model));
    assert!(model.history().last("loss") < model.history().values("loss").first().copied());
    assert_eq!(hits(&MarkovChain::new().fit(&split.train).unwrap()), 1.0);
    assert!(hits(&Popularity::new().fit(&split.train).unwrap()) < 0.2);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let log = timed(60, 40, 700);
    let fits: [(&str, &(dyn Fn(u64) -> Vec<f32> + Sync)); 3] = [
        ("NeuMF", &|seed| scores(&neu_mf().epochs(2).seed(seed).fit(&log).unwrap())),
        ("two towers", &|seed| scores(&two_tower().epochs(2).negatives(2).seed(seed).fit(&log).unwrap())),
        ("SASRec", &|seed| scores(&sas_rec().seed(seed).fit(&log).unwrap())),
    ];
    for (name, fit) in fits {
        let [one, two, four] = by_threads(|| fit(0));
        assert!(one == two && one == four, "{name}");
        assert_ne!(fit(1), one, "{name}");
    }
}

#[test]
fn backends_agree() {
    let log = timed(30, 20, 250);
    fn all<B: Backend>(log: &Log) -> [Vec<f32>; 3] {
        let device = B::Device::default;
        [
            scores(&neu_mf().epochs(2).fit_on::<B>(log, device()).unwrap()),
            scores(&two_tower().epochs(2).fit_with::<B>(log, None, None, device()).unwrap()),
            scores(&sas_rec().fit_on::<B>(log, device()).unwrap()),
        ]
    }
    for (a, b) in all::<Flex>(&log).iter().zip(&all::<NdArray>(&log)) {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3), "{a:?}\n{b:?}");
    }
}

#[test]
fn values_do_not_count() {
    let log = timed(20, 15, 150);
    let other = log.map_values(|value| value + 2.0).unwrap();
    let fit = |log: &Log| scores(&two_tower().epochs(1).fit(log).unwrap());
    assert_eq!(fit(&log), fit(&other));
    let fit = |log: &Log| scores(&neu_mf().epochs(1).fit(log).unwrap());
    assert_eq!(fit(&log), fit(&other));
    let fit = |log: &Log| scores(&sas_rec().epochs(1).fit(log).unwrap());
    assert_eq!(fit(&log), fit(&other));
    let fit = |log: &Log| scores(&MarkovChain::new().fit(log).unwrap());
    assert_eq!(fit(&log), fit(&other));
}

/// The identity alone is what there is without features; a shared feature brings items together.
#[test]
fn features_stand_in_the_towers() {
    let log = timed(40, 30, 400);
    let none: [(u32, &str, f32); 0] = [];
    let (users, items) =
        (Features::new(log.users(), none).unwrap(), Features::new(log.items(), none).unwrap());
    let fit = |users: Option<&Features<UserIndex>>, items: Option<&Features<ItemIndex>>| {
        two_tower().epochs(2).fit_with::<Flex>(&log, users, items, Default::default())
    };
    assert_eq!(scores(&fit(None, None).unwrap()), scores(&fit(Some(&users), Some(&items)).unwrap()));

    let kinds = log.items().as_slice().iter().map(|&item| (item, ["even", "odd"][item as usize % 2], 1.0));
    let kinds = Features::new(log.items(), kinds.collect::<Vec<_>>()).unwrap().without_identity();
    let model = fit(None, Some(&kinds)).unwrap();
    let scores = model.scores(UserIndex::new(0)).unwrap();
    for (item, score) in log.items().as_slice().iter().zip(&scores) {
        let same = log.items().as_slice().iter().position(|other| other % 2 == item % 2).unwrap();
        assert!((score - scores[same]).abs() < 1e-6);
    }
    // Who is known by features alone has the vector that the same features make of a known one.
    for towers in [two_tower(), two_tower().hidden([6, 5]), two_tower().normalize(false).temperature(1.0)] {
        let model = towers.epochs(1).fit_with::<Flex>(&log, None, Some(&kinds), Default::default()).unwrap();
        for (place, item) in log.items().as_slice().iter().enumerate() {
            let vector = model.item_from_features(&[(["even", "odd"][*item as usize % 2], 1.0)]).unwrap();
            let known = model.factors().item(ItemIndex::new(place as u32)).unwrap();
            assert!(vector.iter().zip(known).all(|(a, b)| (a - b).abs() < 1e-5), "{vector:?} {known:?}");
        }
        let new = model.clone().with_new_items(&[vec![("odd", 1.0)], vec![]]).unwrap();
        assert_eq!(new.item_count(), model.item_count() + 2);
        assert!(model.with_new_items(&[vec![("red", 1.0)]]).is_err());
    }
    let smaller = timed(40, 10, 200);
    let error = two_tower().fit_with::<Flex>(&smaller, None, Some(&kinds), Default::default()).unwrap_err();
    assert_eq!(error.to_string(), "features of items: found 30 items, wanted 10, as in the interactions");
}

/// A known user's vector is that of their sequence, whatever stands in the batch with it; only the last items count.
#[test]
fn a_sequence_makes_the_vector_of_its_user() {
    let log = timed(50, 30, 500);
    let model = sas_rec().fit(&log).unwrap();
    let sequences = log.sequences().unwrap();
    assert!(sequences.iter().any(|sequence| sequence.len() > 7));
    for (user, sequence) in (0..).map(UserIndex::new).zip(&sequences) {
        let vector = model.vector_from(sequence).unwrap();
        let known = model.factors().user(user).unwrap();
        assert!(vector.iter().zip(known).all(|(a, b)| (a - b).abs() < 1e-4));
        let last = &sequence[sequence.len().saturating_sub(6)..];
        assert_eq!(model.vector_from(last).unwrap(), vector);
        let turned: Vec<ItemIndex> = last.iter().rev().copied().collect();
        assert_eq!(model.vector_from(&turned).unwrap() == vector, turned == last);
    }
}

#[test]
fn files_give_the_model_back() {
    let log = timed(40, 30, 400);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.fornax");
    fn check<M: StoredModel>(model: M, log: &Log, path: &std::path::Path) -> Recommender<M, u32, u32> {
        let wanted = scores(&model);
        Recommender::new(model, log).unwrap().save(path).unwrap();
        let loaded = Recommender::<M, u32, u32>::load(path).unwrap();
        assert_eq!(scores(loaded.model()), wanted);
        loaded
    }
    check(neu_mf().hidden([8, 6, 4]).epochs(1).fit(&log).unwrap(), &log, &path);
    check(two_tower().epochs(1).fit(&log).unwrap(), &log, &path);
    let kinds = log.items().as_slice().iter().map(|&item| (item, ["even", "odd"][item as usize % 2], 1.0));
    let kinds = Features::new(log.items(), kinds.collect::<Vec<_>>()).unwrap();
    let model =
        two_tower().hidden([6]).epochs(1).fit_with::<Flex>(&log, None, Some(&kinds), Default::default());
    let model = model.unwrap();
    let wanted = model.item_from_features(&[("odd", 2.0)]).unwrap();
    assert_eq!(check(model, &log, &path).model().item_from_features(&[("odd", 2.0)]).unwrap(), wanted);
    check(MarkovChain::new().fit(&log).unwrap(), &log, &path);
    let model = sas_rec().fit(&log).unwrap();
    let wanted = model.vector_from(&[ItemIndex::new(3), ItemIndex::new(5)]).unwrap();
    let loaded = check(model, &log, &path);
    assert_eq!(loaded.model().vector_from(&[ItemIndex::new(3), ItemIndex::new(5)]).unwrap(), wanted);
}

#[test]
fn what_cannot_be_fitted_is_an_error() {
    let log = timed(10, 8, 40);
    fn fault<T>(fitted: Result<T>) -> String {
        fitted.map(|_| ()).unwrap_err().to_string()
    }
    assert_eq!(fault(NeuMf::new(0).fit(&log)), "factors: found 0, wanted at least 1");
    assert_eq!(fault(neu_mf().negatives(0).fit(&log)), "negatives: found 0, wanted at least 1");
    assert_eq!(fault(neu_mf().epochs(0).fit(&log)), "epochs: found 0, wanted at least 1");
    for hidden in [vec![], vec![8], vec![7, 3], vec![8, 0]] {
        assert!(fault(neu_mf().hidden(hidden).fit(&log)).starts_with("hidden: found ["));
    }
    assert!(fault(neu_mf().learning_rate(f64::NAN).fit(&log)).contains("learning_rate"));
    assert!(fault(neu_mf().batch_size(0).fit(&log)).contains("batch_size"));
    assert_eq!(fault(TwoTower::new(0).fit(&log)), "dimension: found 0, wanted at least 1");
    assert!(fault(two_tower().hidden([0]).fit(&log)).starts_with("hidden: found [0]"));
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(fault(two_tower().temperature(temperature).fit(&log)).starts_with("temperature"));
    }
    let wild = two_tower().normalize(false).temperature(1e-30).learning_rate(1e20);
    assert!(fault(wild.fit(&log)).contains("a smaller learning rate"));
    let huge = [
        fault(NeuMf::new(1 << 40).fit(&log)),
        fault(TwoTower::new(1 << 40).fit(&log)),
        fault(two_tower().hidden([1 << 62, 1 << 62, 1 << 62, 1 << 62, 1 << 62]).fit(&log)),
        fault(SasRec::new(1 << 40).fit(&log)),
        fault(sas_rec().blocks(1 << 60).fit(&log)),
        fault(sas_rec().max_length(1 << 60).fit(&log)),
    ];
    for huge in huge {
        assert!(huge.starts_with("weights: found ") && huge.contains("for 4294967296 bytes"), "{huge}");
    }
    let crowded = fault(sas_rec().memory(15_000).fit(&log));
    assert!(crowded.starts_with("logits of a batch: found ") && crowded.contains("batch_size"), "{crowded}");
    let wild = neu_mf().epochs(1).batch_size(1000).learning_rate(1e30).fit(&log);
    assert!(fault(wild).contains("a smaller learning rate"));
    for huge in
        [fault(neu_mf().negatives(1 << 40).fit(&log)), fault(two_tower().negatives(1 << 40).fit(&log))]
    {
        assert!(huge.starts_with("negatives: found 1099511627776, wanted at most "), "{huge}");
    }
    assert_eq!(fault(SasRec::new(0).fit(&log)), "dimension: found 0, wanted at least 1");
    assert_eq!(fault(sas_rec().max_length(0).fit(&log)), "max_length: found 0, wanted at least 1");
    assert!(
        fault(sas_rec().heads(3).fit(&log)).contains("num_heads: found 3, wanted a divisor of the width 8")
    );
    assert!(fault(sas_rec().dropout(1.0).fit(&log)).contains("found 1"));
    let untimed = random_log(5, 5, 10, 1, |_, _| 1.0);
    let wanted = "interactions: found no times, wanted times that say the order";
    assert_eq!(fault(sas_rec().fit(&untimed)), wanted);
    assert_eq!(fault(MarkovChain::new().fit(&untimed)), wanted);
    let single = Log::from_events([(1, 1, 1.0, 1), (2, 2, 1.0, 1)], Duplicates::Error).unwrap();
    assert_eq!(
        fault(sas_rec().fit(&single)),
        "sequences: found one item a user, wanted a user with two at least"
    );
    let model = sas_rec().fit(&log).unwrap();
    assert_eq!(fault(model.scores_from(&[])), "history: found empty, wanted one item at least");
    assert_eq!(fault(model.vector_from(&[ItemIndex::new(8)])), "item: found number 8, wanted below 8");
    let chain = MarkovChain::new().fit(&log).unwrap();
    assert_eq!(fault(chain.scores_from(&[])), "history: found empty, wanted one item at least");
}

/// One user, and a user who has every item.
#[test]
fn small_logs_are_fitted() {
    let log = Log::from_events([(1, 1, 1.0, 1), (1, 2, 1.0, 2)], Duplicates::Error).unwrap();
    for model in [
        Box::new(neu_mf().epochs(1).fit(&log).unwrap()) as Box<dyn Score>,
        Box::new(two_tower().epochs(1).fit(&log).unwrap()),
        Box::new(sas_rec().epochs(1).fit(&log).unwrap()),
    ] {
        assert!(model.scores(UserIndex::new(0)).unwrap().iter().all(|score| score.is_finite()));
    }
}
