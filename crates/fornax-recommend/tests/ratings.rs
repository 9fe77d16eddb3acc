//! Laws of the models of ratings: what they minimize or average, Surprise's predictions, unknown users and items, threads.

mod common;

use common::{Log, by_threads, random_log};
use fornax_core::Philox;
use fornax_recommend::{
    Baseline, Centering, CoClustering, Duplicates, FunkSvd, Index, Interactions, ItemIndex, Neighbours, Nmf,
    Predict, RatingReport, Similarity, SlopeOne, SvdPlusPlus, UserIndex,
};
use proptest::prelude::*;

/// Users like the items of their own parity, give or take one.
fn log(users: usize, items: usize, count: usize, seed: u64) -> Log {
    random_log(users, items, count, seed, |user, item| {
        let noise = Philox::new(seed).named("noise").stream(user.into()).at(item.into()).next_u32() % 3;
        (if user % 2 == item % 2 { 4 } else { 2 } + noise as i32 - 1) as f32
    })
}

fn pairs(log: &Log) -> impl Iterator<Item = (UserIndex, ItemIndex)> {
    let (users, items) = (log.users().len() as u32, log.items().len() as u32);
    (0..users).flat_map(move |user| (0..items).map(move |item| (UserIndex::new(user), ItemIndex::new(item))))
}

/// Every user (or item) is rated as the definition says, sum by sum.
fn slow_neighbours(log: &Log, count: usize, similarity: Similarity, user: UserIndex, item: ItemIndex) -> f32 {
    let matrix = log.matrix();
    let alike = |a: UserIndex, b: UserIndex| {
        let common: Vec<(f64, f64)> = (0..log.items().len() as u32)
            .map(ItemIndex::new)
            .filter_map(|item| matrix.value(a, item).zip(matrix.value(b, item)))
            .map(|(x, y)| (f64::from(x), f64::from(y)))
            .collect();
        let n = common.len() as f64;
        if common.is_empty() {
            return 0.0;
        }
        let sum = |f: &dyn Fn(f64, f64) -> f64| common.iter().map(|&(x, y)| f(x, y)).sum::<f64>();
        let (mx, my) = (sum(&|x, _| x) / n, sum(&|_, y| y) / n);
        let correlation = |mx: f64, my: f64| {
            let below = sum(&|x, _| (x - mx).powi(2)) * sum(&|_, y| (y - my).powi(2));
            if below > 1e-9 { sum(&|x, y| (x - mx) * (y - my)) / below.sqrt() } else { 0.0 }
        };
        match similarity {
            Similarity::MeanSquaredDifference => 1.0 / (1.0 + sum(&|x, y| (x - y).powi(2)) / n),
            Similarity::Cosine => correlation(0.0, 0.0),
            _ => correlation(mx, my),
        }
    };
    let mut near: Vec<(f64, u32)> = (0..log.users().len() as u32)
        .filter(|&other| UserIndex::new(other) != user && matrix.value(UserIndex::new(other), item).is_some())
        .map(|other| (alike(user, UserIndex::new(other)), other))
        .collect();
    near.sort_by(|a, b| (b.0 as f32).total_cmp(&(a.0 as f32)).then(a.1.cmp(&b.1)));
    near.truncate(count);
    near.retain(|near| near.0 as f32 > 0.0);
    let values = matrix.values();
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let below: f64 = near.iter().map(|near| near.0).sum();
    let rating = |other: u32| f64::from(matrix.value(UserIndex::new(other), item).unwrap());
    let above: f64 = near.iter().map(|&(alike, other)| alike * rating(other)).sum();
    if near.is_empty() { mean } else { (above / below) as f32 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn neighbours_are_those_of_plain_code(
        users in 2usize..14, items in 2usize..10, count in 4usize..90, k in 1usize..8, seed: u64,
        similarity in prop::sample::select(vec![
            Similarity::MeanSquaredDifference, Similarity::Cosine, Similarity::Pearson,
        ]),
    ) {
        let log = log(users, items, count, seed);
        let model = Neighbours::new(k).similarity(similarity).fit(&log).unwrap();
        for (user, item) in pairs(&log) {
            let wanted = slow_neighbours(&log, k, similarity, user, item);
            let found = model.predict(Some(user), Some(item));
            prop_assert!((found - wanted).abs() < 1e-4, "{similarity:?}: {found}, wanted {wanted}");
        }
    }

    #[test]
    fn items_are_users_of_the_transpose(seed: u64) {
        let log = log(12, 9, 60, seed);
        let turned = log.events().map(|event| (event.item, event.user, event.value));
        let turned = Interactions::from_events(turned, Duplicates::Error).unwrap();
        for (similarity, centering) in [
            (Similarity::MeanSquaredDifference, Centering::None),
            (Similarity::Pearson, Centering::Means),
        ] {
            let settings = Neighbours::new(40).similarity(similarity).centering(centering);
            let (one, two) = (settings.clone().by_items(true).fit(&log).unwrap(), settings.fit(&turned).unwrap());
            for (user, item) in pairs(&log) {
                let other = turned.users().get(log.items().id(item)).zip(turned.items().get(log.users().id(user)));
                let (other_user, other_item) = other.unwrap();
                let (a, b) = (one.predict(Some(user), Some(item)), two.predict(Some(other_user), Some(other_item)));
                prop_assert!((a - b).abs() < 1e-4, "{a} and {b}");
            }
        }
    }
}

#[test]
fn learning_finds_the_tastes() {
    let split = log(80, 60, 2500, 1).split_random(0.2, 0).unwrap();
    let error = |model: &dyn Fn() -> RatingReport| model().all().rmse();
    let baseline = Baseline::new().fit(&split.train).unwrap();
    let baseline = error(&|| RatingReport::of(&baseline, &split).unwrap());
    assert!(baseline > 1.1, "nothing but tastes: {baseline}");
    let funk = FunkSvd::new(2).epochs(60).learning_rate(0.01).regularization(0.1).fit(&split.train).unwrap();
    let near = Neighbours::new(20).similarity(Similarity::Pearson).fit(&split.train).unwrap();
    let around = Similarity::PearsonBaseline { shrinkage: 10.0 };
    let items = Neighbours::new(20).by_items(true).similarity(around).centering(Centering::Baseline);
    let items = items.fit(&split.train).unwrap();
    for error in [
        error(&|| RatingReport::of(&funk, &split).unwrap()),
        error(&|| RatingReport::of(&near, &split).unwrap()),
        error(&|| RatingReport::of(&items, &split).unwrap()),
    ] {
        assert!(error < 0.95, "{error}, with noise of 0.82");
    }
}

/// `sum of (r - b)² + 15 sum of b_u² + 10 sum of b_v²` has no gradient where alternating has come to rest.
#[test]
fn the_baseline_is_a_minimum() {
    let log = log(30, 20, 250, 3);
    let model = Baseline::new().epochs(200).fit(&log).unwrap();
    let values = log.matrix().values();
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let departure = |user, item| model.predict(user, item) - mean;
    for user in (0..30).map(UserIndex::new) {
        let bias = departure(Some(user), None);
        let (items, ratings) = log.matrix().row(user);
        let each = items.iter().zip(ratings);
        let rest: f32 = each
            .map(|(&item, rating)| rating - mean - bias - departure(None, Some(ItemIndex::new(item))))
            .sum();
        assert!((rest - 15.0 * bias).abs() < 1e-3, "{rest} and {bias}");
    }
}

#[test]
fn slopes_by_hand() {
    // dev(3, 1) = ((5 - 2) + (4 - 4)) / 2, dev(3, 2) = 5 - 3.
    let events = [
        ("a", 1, 2.0),
        ("a", 2, 3.0),
        ("a", 3, 5.0),
        ("b", 1, 4.0),
        ("b", 3, 4.0),
        ("c", 1, 1.0),
        ("c", 2, 2.0),
    ];
    let log = Interactions::from_events(events, Duplicates::Error).unwrap();
    let model = SlopeOne::new().fit(&log).unwrap();
    let (c, three) = (log.users().get("c"), log.items().get(&3));
    assert!((model.predict(c, three) - (1.5 + (1.5 + 2.0) / 2.0)).abs() < 1e-6);
    assert_eq!(model.predict(None, three), 3.0);
}

/// What is not known is predicted from what is: no panic, no silent zero.
#[test]
fn unknown_users_and_items_have_fallbacks() {
    let log = log(20, 15, 120, 2);
    let mean = log.matrix().values().iter().sum::<f32>() / log.len() as f32;
    let (user, item) = (UserIndex::new(3), ItemIndex::new(4));
    let (far_user, far_item) = (UserIndex::new(99), ItemIndex::new(u32::MAX));
    let baseline = Baseline::new().fit(&log).unwrap();
    let near = Neighbours::new(5).centering(Centering::Baseline).fit(&log).unwrap();
    let funk = FunkSvd::new(4).fit(&log).unwrap();
    for (user, item) in [(None, Some(item)), (Some(user), None), (None, None), (Some(far_user), Some(item))] {
        assert_eq!(near.predict(user, item), baseline.predict(user, item));
        assert!((Neighbours::new(5).fit(&log).unwrap().predict(user, item) - mean).abs() < 1e-5);
        assert!((SlopeOne::new().fit(&log).unwrap().predict(user, item) - mean).abs() < 1e-5);
        assert!((1.0..=5.0).contains(&funk.predict(user, item)));
    }
    assert_ne!(baseline.predict(Some(user), None), baseline.predict(None, None));
    assert_eq!(funk.predict(Some(user), Some(far_item)), funk.predict(Some(user), None));
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let log = log(90, 70, 2000, 8);
    let [one, two, four] = by_threads(|| {
        let near = Neighbours::new(10).similarity(Similarity::Pearson).fit(&log).unwrap();
        (near, SlopeOne::new().fit(&log).unwrap().predict(Some(UserIndex::new(1)), Some(ItemIndex::new(2))))
    });
    assert!(one == two && one == four);
}

#[test]
fn what_cannot_be_fitted_is_an_error() {
    let log = log(10, 8, 40, 1);
    assert_eq!(FunkSvd::new(0).fit(&log).unwrap_err().to_string(), "factors: found 0, wanted at least 1");
    assert!(FunkSvd::new(2).learning_rate(f32::NAN).fit(&log).is_err());
    let wild = FunkSvd::new(2).learning_rate(50.0).fit(&log).unwrap_err().to_string();
    assert!(wild.starts_with("FunkSVD: found a number that is not finite after epoch"), "{wild}");
    assert!(Baseline::new().user_regularization(-1.0).fit(&log).is_err());
    assert!(Neighbours::new(0).fit(&log).is_err());
    assert!(
        Neighbours::new(3).similarity(Similarity::PearsonBaseline { shrinkage: -1.0 }).fit(&log).is_err()
    );
    let error = Neighbours::new(3).memory(100).fit(&log).unwrap_err().to_string();
    assert_eq!(error, "neighbours: found 10 users, 400 bytes, wanted at most 5 users, for 100 bytes");
    assert!(SlopeOne::new().memory(100).fit(&log).unwrap_err().to_string().contains("at most 5 items"));
}

/// goldens/make_surprise.py made the file.
#[test]
fn surprise_predicts_the_same() {
    let text =
        std::fs::read_to_string(format!("{}/goldens/surprise.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    let ratings: Vec<(u32, u32, f32)> = serde_json::from_value(golden["ratings"].clone()).unwrap();
    let log = Interactions::from_events(ratings, Duplicates::Error).unwrap();
    let (users, items) = (golden["users"].as_u64().unwrap() as u32, golden["items"].as_u64().unwrap() as u32);
    let check = |name: &str, model: &dyn Predict| {
        let wanted: Vec<f32> = serde_json::from_value(golden["predictions"][name].clone()).unwrap();
        let pairs = (0..=users).flat_map(|user| (0..=items).map(move |item| (user, item)));
        for ((user, item), wanted) in pairs.zip(wanted) {
            // Surprise takes a user's own rating for that of a neighbour.
            let known = log.users().get(&user).zip(log.items().get(&item));
            if known.is_some_and(|(user, item)| log.matrix().value(user, item).is_some()) {
                continue;
            }
            let found = model.predict(log.users().get(&user), log.items().get(&item));
            assert!(
                (found - wanted).abs() < 2e-4,
                "{name}, user {user}, item {item}: {found}, wanted {wanted}"
            );
        }
    };
    let near = |similarity, centering| Neighbours::new(40).similarity(similarity).centering(centering);
    let msd = Similarity::MeanSquaredDifference;
    let around = Similarity::PearsonBaseline { shrinkage: 100.0 };
    check("baseline", &Baseline::new().fit(&log).unwrap());
    check("slope_one", &SlopeOne::new().fit(&log).unwrap());
    check("knn_msd", &near(msd, Centering::None).fit(&log).unwrap());
    let cosine = near(Similarity::Cosine, Centering::Means).by_items(true);
    check("knn_means_cosine_items", &cosine.fit(&log).unwrap());
    check("knn_means_pearson", &near(Similarity::Pearson, Centering::Means).fit(&log).unwrap());
    check("knn_baseline_msd", &near(msd, Centering::Baseline).fit(&log).unwrap());
    check("knn_baseline_pearson_baseline", &near(around, Centering::Baseline).fit(&log).unwrap());
}

/// Every `y_w` is changed at each step, as the paper has it: the form that is kept a user gives the same.
#[test]
fn svd_plus_plus_is_that_of_single_steps() {
    let log = log(12, 9, 60, 4);
    let (matrix, width, rate, decay) = (log.matrix(), 5, 0.02, 0.05);
    let model =
        SvdPlusPlus::new(width).learning_rate(rate).regularization(decay).epochs(6).fit(&log).unwrap();
    let draw = |rows: usize, stream: u64| -> Vec<Vec<f32>> {
        let mut random = Philox::new(0).named("svd_plus_plus").stream(stream);
        (0..rows).map(|_| (0..width).map(|_| 0.1 * random.normal()).collect()).collect()
    };
    let (mut p, mut q, mut y) = (draw(12, 0), draw(9, 1), draw(9, 2));
    let (mut user_biases, mut item_biases) = ([0.0f32; 12], [0.0f32; 9]);
    let mean = matrix.values().iter().sum::<f32>() / matrix.len() as f32;
    let sum = |y: &[Vec<f32>], rated: &[u32]| -> Vec<f32> {
        let root = (rated.len() as f32).sqrt();
        (0..width).map(|f| rated.iter().map(|&item| y[item as usize][f]).sum::<f32>() / root).collect()
    };
    for epoch in 0..6 {
        let mut order = Philox::new(0).named("svd_plus_plus").stream(3).stream(epoch);
        let mut steps: Vec<(UserIndex, usize)> = vec![];
        for user in order.permutation(12).into_iter().map(|user| UserIndex::new(user as u32)) {
            steps.extend(order.permutation(matrix.row(user).0.len()).into_iter().map(|at| (user, at)));
        }
        for (user, at) in steps {
            let (rated, ratings) = matrix.row(user);
            let (user, item, rating, implicit) =
                (user.get(), rated[at] as usize, ratings[at], sum(&y, rated));
            let product: f32 = (0..width).map(|f| q[item][f] * (p[user][f] + implicit[f])).sum();
            let error = rating - mean - user_biases[user] - item_biases[item] - product;
            user_biases[user] += rate * (error - decay * user_biases[user]);
            item_biases[item] += rate * (error - decay * item_biases[item]);
            for f in 0..width {
                let (before, vector) = (p[user][f], q[item][f]);
                p[user][f] += rate * (error * vector - decay * before);
                q[item][f] += rate * (error * (before + implicit[f]) - decay * vector);
                for &other in rated {
                    let y = &mut y[other as usize][f];
                    *y += rate * (error * vector / (rated.len() as f32).sqrt() - decay * *y);
                }
            }
        }
    }
    for (user, item) in pairs(&log) {
        let implicit = sum(&y, matrix.row(user).0);
        let product: f32 = (0..width).map(|f| q[item.get()][f] * (p[user.get()][f] + implicit[f])).sum();
        let wanted = (mean + user_biases[user.get()] + item_biases[item.get()] + product).clamp(1.0, 5.0);
        let found = model.predict(Some(user), Some(item));
        assert!((found - wanted).abs() < 1e-4, "{found}, wanted {wanted}");
    }
}

#[test]
fn factors_and_groups_find_the_tastes() {
    let split = log(80, 60, 2500, 1).split_random(0.2, 0).unwrap();
    let nmf = RatingReport::of(&Nmf::new(5).epochs(150).fit(&split.train).unwrap(), &split).unwrap();
    assert!(nmf.all().rmse() < 1.0, "{}", nmf.all().rmse());
    let plus =
        SvdPlusPlus::new(2).epochs(60).learning_rate(0.01).regularization(0.1).fit(&split.train).unwrap();
    let plus = RatingReport::of(&plus, &split).unwrap();
    assert!(plus.all().rmse() < 0.95, "{}", plus.all().rmse());
    let groups = CoClustering::new().groups(2, 2).fit(&split.train).unwrap();
    let groups = RatingReport::of(&groups, &split).unwrap();
    assert!(groups.all().rmse() < 0.95, "{}", groups.all().rmse());
    // One group of each: the mean and what user and item depart from it.
    let one = CoClustering::new().groups(1, 1).fit(&split.train).unwrap();
    let mean = one.predict(None, None);
    let (user, item) = (UserIndex::new(3), ItemIndex::new(4));
    let wanted = one.predict(Some(user), None) + one.predict(None, Some(item)) - mean;
    assert!((one.predict(Some(user), Some(item)) - wanted.clamp(1.0, 5.0)).abs() < 1e-4);
    assert!(Nmf::new(2).fit(&split.train.map_values(|x| x - 3.0).unwrap()).is_err());
    assert!(CoClustering::new().groups(0, 3).fit(&split.train).is_err());
    assert!(
        SvdPlusPlus::new(2)
            .learning_rate(50.0)
            .fit(&split.train)
            .unwrap_err()
            .to_string()
            .starts_with("SVD++")
    );
}

#[test]
fn vectors_fit_into_the_memory_that_is_allowed() {
    let log = log(10, 8, 60, 1);
    let (users, items) = (log.users().len() as u64, log.items().len() as u64);
    let faults = |factors: usize, memory: [u64; 3]| {
        let errors = [
            FunkSvd::new(factors).memory(memory[0]).fit(&log).map(|_| ()),
            SvdPlusPlus::new(factors).memory(memory[1]).fit(&log).map(|_| ()),
            Nmf::new(factors).memory(memory[2]).fit(&log).map(|_| ()),
        ];
        errors.map(|error| error.unwrap_err().to_string())
    };
    let memory = [4 * (users + items), 4 * (users + 2 * items), 12 * (users + items)].map(|bytes| 3 * bytes);
    for (fault, bytes) in faults(4, memory).into_iter().zip(memory) {
        assert_eq!(fault, format!("factors: found 4, wanted at most 3, for {bytes} bytes, or more memory"));
    }
    for huge in [100_000_000_000, usize::MAX] {
        for fault in faults(huge, [4 << 30; 3]) {
            assert!(fault.starts_with(&format!("factors: found {huge}, wanted at most ")), "{fault}");
        }
    }
}
