//! Metrics: hand-made cases, a plain slow implementation as a law, ties, samples, cold ones, intervals.

use std::ops::Range;

use fornax_core::Philox;
use fornax_recommend::{
    Duplicates, Evaluation, Filter, Ials, Index, Interactions, ItemIndex, Popularity, RankingMetric,
    RankingReport, RatingErrors, Recommend, Score, SparseMatrix, Split, UserIndex,
};
use proptest::prelude::*;

/// Scores as they are given, `[users, items]`.
struct Given {
    items: usize,
    scores: Vec<f32>,
}

impl Score for Given {
    fn user_count(&self) -> usize {
        self.scores.len() / self.items
    }

    fn item_count(&self) -> usize {
        self.items
    }

    fn score_block(&self, users: &[UserIndex], items: Range<usize>, out: &mut [f32]) {
        for (user, out) in users.iter().zip(out.chunks_mut(items.len())) {
            out.copy_from_slice(&self.scores[user.get() * self.items..][..self.items][items.clone()]);
        }
    }
}

/// A split whose training part has the items 0, 1, ... of user 0 and one item of every other user, and that holds out what is
/// given.
fn split(items: u32, seen: &[(u32, u32)], held_out: &[(u32, u32, f32)]) -> Split<u32, u32> {
    let all = (0..items).map(|item| (1000, item, 1.0, 0));
    let seen = seen.iter().map(|&(user, item)| (user, item, 1.0, 0));
    let test = held_out.iter().map(|&(user, item, value)| (user, item, value, 9));
    let log = Interactions::from_events(all.chain(seen).chain(test), Duplicates::Error).unwrap();
    log.split_at_time(5).unwrap()
}

fn close(found: f64, wanted: f64, what: &str) {
    assert!((found - wanted).abs() < 1e-9, "{what}: {found}, wanted {wanted}");
}

/// Ten items; user 1 has seen item 0, likes 3, 5 and 9. By score: 5, 1, 9, 2, 4, 6, 3, 7, 8.
#[test]
fn a_list_made_by_hand() {
    let split = split(10, &[(1, 0)], &[(1, 3, 1.0), (1, 5, 1.0), (1, 9, 1.0)]);
    let mut scores = vec![0.0; 20];
    for (place, item) in [0, 5, 1, 9, 2, 4, 6, 3, 7, 8].into_iter().enumerate() {
        scores[10 + item] = -(place as f32);
    }
    let model = Given { items: 10, scores };
    let at = |k: usize| Evaluation::at(k).run(&model, &split).unwrap();
    // Ranks 1, 3 and 7 of 9 candidates.
    let log2 = f64::log2;
    let ideal = 1.0 + 1.0 / log2(3.0) + 1.0 / log2(4.0);
    let wanted = [
        (4, RankingMetric::Precision, 2.0 / 4.0),
        (4, RankingMetric::Recall, 2.0 / 3.0),
        (2, RankingMetric::Recall, 1.0 / 3.0),
        (2, RankingMetric::CappedRecall, 1.0 / 2.0),
        (4, RankingMetric::AveragePrecision, (1.0 + 2.0 / 3.0) / 3.0),
        (2, RankingMetric::AveragePrecision, 1.0 / 3.0),
        (2, RankingMetric::CappedAveragePrecision, 1.0 / 2.0),
        (4, RankingMetric::Ndcg, (1.0 + 1.0 / log2(4.0)) / ideal),
        (9, RankingMetric::Ndcg, (1.0 + 1.0 / log2(4.0) + 1.0 / log2(8.0)) / ideal),
        (2, RankingMetric::Ndcg, 1.0 / (1.0 + 1.0 / log2(3.0))),
        (2, RankingMetric::ReciprocalRank, 1.0),
        (2, RankingMetric::HitRate, 1.0),
        // Six others: 0, 1 and 4 of them are above.
        (1, RankingMetric::Auc, 1.0 - 5.0 / 18.0),
    ];
    for (k, metric, value) in wanted {
        close(at(k).mean(metric), value, &metric.name(k));
    }
    let report = at(4);
    assert_eq!(report.users().map(|user| *split.train.users().id(user)).collect::<Vec<_>>(), [1]);
    close(report.coverage().unwrap(), 0.4, "coverage");
    // 4 of 10 items once, the others never.
    close(report.gini().unwrap(), 0.6, "Gini");
    // Each listed item is known to one of two users.
    close(report.novelty().unwrap(), 1.0, "novelty");
    let text = report.to_string();
    assert!(
        text.starts_with("1 users, all items; cold: 0 of users, 0 of items\nprecision@4 0.5000,"),
        "{text}"
    );
}

#[test]
fn cold_ones_and_irrelevant_ones_do_not_count() {
    let held_out = [(1, 1, 5.0), (1, 2, 2.0), (7, 1, 5.0), (1, 77, 5.0)];
    let split = split(4, &[(1, 0)], &held_out);
    let scores = vec![0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 3.0, 2.0];
    let report = Evaluation::at(3).relevant_from(4.0).run(&Given { items: 4, scores }, &split).unwrap();
    assert_eq!((report.cold_users(), report.cold_items()), (1, 1));
    // The one that is not liked is ranked before as any other item.
    close(report.mean(RankingMetric::ReciprocalRank), 1.0 / 3.0, "MRR");
    let none =
        Evaluation::at(3).relevant_from(9.0).run(&Popularity::new().fit(&split.train).unwrap(), &split);
    assert!(none.unwrap_err().to_string().contains("none that is relevant"));
}

fn random_split(users: usize, items: usize, count: usize, seed: u64) -> Option<Split<u32, u32>> {
    let mut random = Philox::new(seed);
    let events = (0..count).map(|_| (random.below(users) as u32, random.below(items) as u32, 1.0));
    Interactions::from_events(events, Duplicates::Last).unwrap().split_random(0.4, seed).ok()
}

/// All metrics of one user from the definitions, on the list itself.
fn slow(list: &[u32], relevant: &[u32], k: usize, metric: RankingMetric) -> f64 {
    let hit = |place: usize| place < list.len() && relevant.contains(&list[place]);
    let hits = (0..k).filter(|&place| hit(place)).count() as f64;
    let (n, capped) = (relevant.len() as f64, relevant.len().min(k) as f64);
    let precisions: f64 = (0..k)
        .filter(|&place| hit(place))
        .map(|place| (0..=place).filter(|&before| hit(before)).count() as f64 / (place + 1) as f64)
        .sum();
    let gain = |place: usize| 1.0 / ((place + 2) as f64).log2();
    match metric {
        RankingMetric::Precision => hits / k as f64,
        RankingMetric::Recall => hits / n,
        RankingMetric::CappedRecall => hits / capped,
        RankingMetric::AveragePrecision => precisions / n,
        RankingMetric::CappedAveragePrecision => precisions / capped,
        RankingMetric::Ndcg => {
            let found: f64 = (0..k).filter(|&place| hit(place)).map(gain).sum();
            found / (0..relevant.len().min(k)).map(gain).sum::<f64>()
        }
        RankingMetric::ReciprocalRank => {
            (0..k).find(|&place| hit(place)).map_or(0.0, |place| 1.0 / (place + 1) as f64)
        }
        RankingMetric::HitRate => f64::from(u8::from(hits > 0.0)),
        RankingMetric::Auc => {
            let pairs = (0..list.len()).flat_map(|a| (0..list.len()).map(move |b| (a, b)));
            let pairs: Vec<bool> = pairs.filter(|&(a, b)| hit(a) && !hit(b)).map(|(a, b)| a < b).collect();
            if pairs.is_empty() {
                1.0
            } else {
                pairs.iter().filter(|right| **right).count() as f64 / pairs.len() as f64
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn metrics_are_those_of_plain_code(
        users in 2usize..8, items in 2usize..30, count in 8usize..120, k in 1usize..12, seed: u64,
    ) {
        let Some(split) = random_split(users, items, count, seed) else { return Ok(()) };
        let (users, items) = (split.train.users().len(), split.train.items().len());
        let mut random = Philox::new(seed).stream(1);
        // Scores that differ: the order of ties has a test of its own.
        let scores: Vec<f32> = random.permutation(users * items).into_iter().map(|x| x as f32).collect();
        let model = Given { items, scores };
        let Ok(report) = Evaluation::at(k).run(&model, &split) else {
            prop_assert!(split.test.known().is_empty());
            return Ok(());
        };
        for metric in RankingMetric::ALL {
            let values = report.values(metric);
            for (user, value) in report.users().zip(values) {
                let seen = split.train.matrix().row(user).0;
                let mut list: Vec<u32> = (0..items as u32).filter(|item| !seen.contains(item)).collect();
                let scores = model.scores(user).unwrap();
                list.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
                let wanted = slow(&list, split.test.known().row(user).0, k, metric);
                prop_assert!((value - wanted).abs() < 1e-9, "{metric:?}: {value}, wanted {wanted}");
            }
        }
    }
}

/// A model that scores all alike is as good as chance, and the order of ties is that of the seed.
#[test]
fn a_constant_model_does_not_win() {
    let split = random_split(300, 60, 5000, 3).unwrap();
    let model = Given { items: 60, scores: vec![0.5; split.train.users().len() * 60] };
    let run = |seed: u64| Evaluation::at(10).seed(seed).run(&model, &split).unwrap();
    let auc = run(0).mean(RankingMetric::Auc);
    assert!((auc - 0.5).abs() < 0.02, "AUC {auc}");
    // By chance a list has 10 of the candidates.
    let values = run(0).values(RankingMetric::Recall);
    let chance = |user: UserIndex| 10.0 / (60 - split.train.matrix().row(user).0.len()) as f64;
    let chance: f64 = run(0).users().map(chance).sum::<f64>() / values.len() as f64;
    let recall = run(0).mean(RankingMetric::Recall);
    assert!((recall - chance).abs() < 0.02, "recall {recall}, by chance {chance}");
    assert_eq!(run(0).values(RankingMetric::Ndcg), run(0).values(RankingMetric::Ndcg));
    assert_ne!(run(0).values(RankingMetric::Ndcg), run(1).values(RankingMetric::Ndcg));
    assert!(run(0).coverage().unwrap() > 0.9, "lists of ties differ between users");
    // Ranks and lists are of one order: coverage of the lists is that of ranks below k.
    let zeros = Given { items: 60, scores: (0..model.scores.len()).map(|at| [0.0, -0.0][at % 2]).collect() };
    let zeros = Evaluation::at(10).run(&zeros, &split).unwrap();
    assert_eq!(zeros.values(RankingMetric::Ndcg), run(0).values(RankingMetric::Ndcg));
    assert_eq!(zeros.gini(), run(0).gini());
}

#[test]
fn samples_are_drawn_from_what_is_unknown() {
    let split = random_split(50, 40, 900, 5).unwrap();
    let (users, items) = (split.train.users().len(), split.train.items().len());
    let mut random = Philox::new(2);
    let model = Given { items, scores: (0..users * items).map(|_| random.uniform()).collect() };
    let run = |count: usize| Evaluation::at(5).sampled(count).run(&model, &split).unwrap();
    let report = run(10);
    assert_eq!(report.protocol(), "sampled(10)");
    assert_eq!((report.coverage(), report.gini(), report.novelty()), (None, None, None));
    assert_eq!(report.diversity(&split.train).unwrap(), None);
    assert!(
        report.mean(RankingMetric::Ndcg)
            > Evaluation::at(5).run(&model, &split).unwrap().mean(RankingMetric::Ndcg)
    );
    assert_eq!(report.values(RankingMetric::Auc), run(10).values(RankingMetric::Auc));
    // All others: the list over all items.
    let all = Evaluation::at(5).run(&model, &split).unwrap();
    assert_eq!(run(1000).values(RankingMetric::Ndcg), all.values(RankingMetric::Ndcg));
}

/// Users 0 and 1 have both 0 and 1, whom only they know; item 2 shares one of its two users with each.
#[test]
fn diversity_is_that_of_who_has_the_items() {
    let events = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2), (3, 3), (3, 9), (4, 4), (4, 9)];
    let log = Interactions::from_events(events, Duplicates::Error).unwrap();
    let split = log.split_by(|user, item, _, _| (*user, *item) == (3, 9)).unwrap();
    // Of user 3, who has 3: the list is what scores highest.
    let list = |scores: [f32; 6]| {
        let scores = (0..5).flat_map(|_| scores).collect();
        let report = Evaluation::at(2).run(&Given { items: 6, scores }, &split).unwrap();
        report.diversity(&split.train).unwrap().unwrap()
    };
    assert_eq!(list([2.0, 1.0, 0.0, 0.0, 0.0, 0.0]), 0.0);
    assert!((list([2.0, 0.0, 1.0, 0.0, 0.0, 0.0]) - 0.5).abs() < 1e-12);
    assert_eq!(list([2.0, 0.0, 0.0, 0.0, 1.0, 0.0]), 1.0);
    let report = Evaluation::at(2).run(&Popularity::new().fit(&split.train).unwrap(), &split).unwrap();
    let error =
        report.diversity(&split.train.filter(|user, _, _, _| *user != 4).unwrap()).unwrap_err().to_string();
    assert_eq!(error, "interactions: found 4 users and 4 items, wanted 5 and 6, as the training part has");
}

/// Many lists that share pairs: the mean of what each list has alone.
#[test]
fn diversity_is_the_mean_over_lists() {
    let split = random_split(60, 30, 500, 8).unwrap();
    let model = Ials::new(3).iterations(2).fit(&split.train).unwrap();
    let report = Evaluation::at(6).run(&model, &split).unwrap();
    let train = split.train.matrix().to_dense().to_f32();
    let [users, items] = [split.train.users().len(), split.train.items().len()];
    let has = |user: usize, item: usize| train[user * items + item] != 0.0;
    let both = |a: usize, b: usize| (0..users).filter(|&user| has(user, a) && has(user, b)).count() as f64;
    let mut means = vec![];
    for user in report.users() {
        let list = model.recommend(user, 6, &Filter::unseen(&split.train)).unwrap();
        let list: Vec<usize> = list.into_iter().map(|item| item.index.get()).collect();
        let pairs = (0..list.len()).flat_map(|at| (0..at).map(move |other| (at, other)));
        let cosines = pairs
            .map(|(a, b)| (list[a], list[b]))
            .map(|(a, b)| both(a, b) / (both(a, a) * both(b, b)).sqrt().max(1.0));
        let cosines: Vec<f64> = cosines.collect();
        means.push(1.0 - cosines.iter().sum::<f64>() / cosines.len() as f64);
    }
    let wanted = means.iter().sum::<f64>() / means.len() as f64;
    assert!((report.diversity(&split.train).unwrap().unwrap() - wanted).abs() < 1e-12);
}

/// Lists of all other items give what all items give; a list of one other item says which of two comes first.
#[test]
fn given_lists_are_ranked_alone() {
    let split = random_split(40, 30, 400, 3).unwrap();
    let model = Popularity::new().fit(&split.train).unwrap();
    let [users, items] = [split.train.users().len() as u32, split.train.items().len() as u32];
    let lists = |kept: &dyn Fn(u32, u32) -> bool| {
        let pairs = (0..users).flat_map(|user| (0..items).map(move |item| (user, item, 1.0)));
        let pairs = pairs.filter(|&(user, item, _)| kept(user, item));
        SparseMatrix::from_entries(users as usize, items as usize, pairs).unwrap()
    };
    let unseen = |user: u32, item: u32| {
        split.train.matrix().value(UserIndex::new(user), ItemIndex::new(item)).is_none()
    };
    let run = |lists| Evaluation::at(5).among(lists).run(&model, &split).unwrap();
    let all = Evaluation::at(5).run(&model, &split).unwrap();
    let report = run(lists(&unseen));
    assert_eq!((report.protocol(), report.coverage()), ("given lists", None));
    assert_eq!(report.values(RankingMetric::Auc), all.values(RankingMetric::Auc));
    let none = run(lists(&|_, _| false));
    assert_eq!(none.mean(RankingMetric::Ndcg), 1.0);
    let other = SparseMatrix::from_entries(1, 1, []).unwrap();
    let error = Evaluation::at(5).among(other).run(&model, &split).unwrap_err().to_string();
    assert!(error.starts_with("lists of candidates: found 1 users and 1 items, wanted "), "{error}");
}

#[test]
fn intervals_hold_the_mean_and_shrink() {
    let width = |users: usize| {
        let split = random_split(users, 30, users * 12, 1).unwrap();
        let report = Evaluation::at(5).run(&Popularity::new().fit(&split.train).unwrap(), &split).unwrap();
        let interval = report.interval(RankingMetric::Ndcg, 0.95, 0).unwrap();
        let mean = report.mean(RankingMetric::Ndcg);
        assert!(interval.low < mean && mean < interval.high, "{interval:?} around {mean}");
        assert_eq!(interval, report.interval(RankingMetric::Ndcg, 0.95, 0).unwrap());
        // Twice 1.96 standard errors of the mean.
        let values = report.values(RankingMetric::Ndcg);
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64;
        let wanted = 2.0 * 1.96 * (variance / values.len() as f64).sqrt();
        assert!(((interval.high - interval.low) / wanted - 1.0).abs() < 0.15, "{interval:?}, {wanted} wide");
        interval.high - interval.low
    };
    assert!(width(800) < 0.7 * width(200));
}

#[test]
fn what_cannot_be_evaluated_is_an_error() {
    let split = random_split(10, 10, 60, 1).unwrap();
    let fault = |evaluation: Evaluation, model: &dyn Score| {
        evaluation.run(model, &split).map(|_: RankingReport| ()).unwrap_err().to_string()
    };
    let model = Popularity::new().fit(&split.train).unwrap();
    assert_eq!(fault(Evaluation::at(0), &model), "k: found 0, wanted at least 1");
    let other = Given { items: 3, scores: vec![0.0; 6] };
    assert!(fault(Evaluation::at(1), &other).starts_with("model: found 2 users and 3 items, wanted"));
    let (users, items) = (split.train.users().len(), split.train.items().len());
    let nan = Given { items, scores: vec![f32::NAN; users * items] };
    assert!(fault(Evaluation::at(1), &nan).contains("found NaN"));
    let report = Evaluation::at(1).run(&model, &split).unwrap();
    assert!(report.interval(RankingMetric::Auc, 1.0, 0).is_err());
    assert!(RatingErrors::of([]).is_err());
    assert_eq!(
        RatingErrors::of([(1.0, 1.0), (f32::NAN, 2.0)]).unwrap_err().to_string(),
        "rating 1: found NaN predicted of 2, wanted finite numbers"
    );
}
