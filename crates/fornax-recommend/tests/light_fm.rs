//! Laws of LightFM: a plain implementation agrees, features and identities, gradients, planted tastes, cold starts, errors.

mod common;

use common::{Log, by_threads, random_log};
use fornax_core::Philox;
use fornax_recommend::{
    Duplicates, FeatureVectors, Features, Filter, Index, ItemIndex, LightFm, LightFmModel, Loss, Recommend,
    Recommender, Score, Similar, UserIndex,
};

const LOSSES: [Loss; 3] = [Loss::Warp, Loss::Bpr, Loss::Logistic];

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

/// LightFM as its equations say, in 64 bits and without any care for time.
struct Slow {
    factors: usize,
    rate: f64,
    regularization: [f64; 2],
    /// For users and items: the weights of features, the vectors `[e, b]` of features, and AdaGrad's sums.
    weights: [Vec<Vec<(usize, f64)>>; 2],
    vectors: [Vec<Vec<f64>>; 2],
    squares: [Vec<Vec<f64>>; 2],
}

impl Slow {
    fn new(
        factors: usize,
        rate: f64,
        regularization: [f64; 2],
        weights: [Vec<Vec<(usize, f64)>>; 2],
        random: Philox,
    ) -> Self {
        let drawn = [0, 1].map(|side: usize| {
            let mut random = random.stream(side as u64);
            let features = 1 + weights[side].iter().flatten().map(|(feature, _)| *feature).max().unwrap();
            let vector = |_| {
                let bound = 0.5 / factors as f32;
                let embedding = (0..factors).map(|_| f64::from(random.uniform_in(-bound, bound)));
                embedding.chain([0.0]).collect::<Vec<f64>>()
            };
            (0..features).map(vector).collect::<Vec<_>>()
        });
        let squares = drawn.clone().map(|side| side.iter().map(|vector| vec![1.0; vector.len()]).collect());
        Self { factors, rate, regularization, weights, vectors: drawn, squares }
    }

    fn vector(&self, side: usize, of: usize) -> Vec<f64> {
        let mut sum = vec![0.0; self.factors + 1];
        for (feature, weight) in &self.weights[side][of] {
            sum.iter_mut().zip(&self.vectors[side][*feature]).for_each(|(sum, x)| *sum += weight * x);
        }
        sum
    }

    fn score(&self, user: usize, item: usize) -> f64 {
        let (x, y) = (self.vector(0, user), self.vector(1, item));
        (0..self.factors).map(|at| x[at] * y[at]).sum::<f64>() + x[self.factors] + y[self.factors]
    }

    fn descend(&mut self, side: usize, of: usize, gradient: &[f64]) {
        for (feature, weight) in self.weights[side][of].clone() {
            for (at, gradient) in gradient.iter().enumerate() {
                let x = &mut self.vectors[side][feature][at];
                let slope = weight * gradient + self.regularization[side] * *x;
                let square = &mut self.squares[side][feature][at];
                *x -= self.rate * slope / square.sqrt();
                *square += slope * slope;
            }
        }
    }

    /// A step on `weight (s_uj - s_ui)`.
    fn apart(&mut self, [user, item, other]: [usize; 3], weight: f64) {
        let [x, y, z] = [self.vector(0, user), self.vector(1, item), self.vector(1, other)];
        let towards = |sign: f64| x[..x.len() - 1].iter().map(|x| sign * x).chain([sign]).collect::<Vec<_>>();
        self.descend(1, item, &towards(-weight));
        self.descend(1, other, &towards(weight));
        let away: Vec<f64> = y.iter().zip(&z).map(|(y, z)| weight * (z - y)).collect();
        self.descend(0, user, &[&away[..self.factors], &[0.0]].concat());
    }

    fn pass(&mut self, log: &Log, loss: Loss, max_sampled: usize, mut random: Philox) {
        let entries: Vec<_> = log.matrix().entries().collect();
        let mut draws = random.stream(0);
        for at in random.permutation(entries.len()) {
            let (user, item, value) = entries[at];
            let (user, item, value) = (user.get(), item.get(), f64::from(value));
            let has = log.matrix().row(UserIndex::new(user as u32)).0;
            let free: Vec<usize> =
                (0..log.items().len()).filter(|item| !has.contains(&(*item as u32))).collect();
            let mut draw = || free[((u64::from(draws.next_u32()) * free.len() as u64) >> 32) as usize];
            let score = self.score(user, item);
            match loss {
                Loss::Logistic => {
                    let label = if value > 0.0 { 1.0 } else { 0.0 };
                    let slope = value.abs() * (1.0 / (1.0 + (-score).exp()) - label);
                    let [x, y] = [self.vector(0, user), self.vector(1, item)];
                    let towards = |vector: &[f64]| {
                        vector[..self.factors].iter().map(|x| slope * x).chain([slope]).collect::<Vec<_>>()
                    };
                    let (of_item, of_user) = (towards(&x), towards(&y));
                    self.descend(1, item, &of_item);
                    self.descend(0, user, &of_user);
                }
                Loss::Bpr => {
                    let other = draw();
                    let difference = score - self.score(user, other);
                    self.apart([user, item, other], value / (1.0 + difference.exp()));
                }
                Loss::Warp => {
                    for drawn in 1..=max_sampled {
                        let other = draw();
                        if self.score(user, other) > score - 1.0 {
                            let rank = ((log.items().len() - 1) / drawn).max(1) as f64;
                            self.apart([user, item, other], (value * rank.ln()).min(10.0));
                            break;
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_plain_implementation_agrees() {
    for loss in LOSSES {
        let mut log = log(25, 20, 150, 5);
        if loss == Loss::Logistic {
            log = log.map_values(|value| if value == 1.5 { -value } else { value }).unwrap();
        } else {
            log = log.map_values(|value| if value == 2.5 { 8.0 } else { value }).unwrap();
        }
        let (users, items) = features_of_both(&log);
        let items = items.normalized();
        let settings = LightFm::new(3).loss(loss).learning_rate(0.3).iterations(2).max_sampled(4).seed(6);
        let settings = settings.user_regularization(0.02).item_regularization(0.01);
        let model = settings.fit_with(&log, Some(&users), Some(&items)).unwrap();

        let rows = |columns: &[u32], weights: &[f32]| {
            let pairs = columns.iter().zip(weights);
            pairs.map(|(&column, &weight)| (column as usize, f64::from(weight))).collect::<Vec<_>>()
        };
        let (of_users, of_items) = (users.matrix().unwrap(), items.matrix().unwrap());
        let weights = [
            (0..25).map(|user| of_users.row(UserIndex::new(user))).map(|(f, w)| rows(f, w)).collect(),
            (0..20).map(|item| of_items.row(ItemIndex::new(item))).map(|(f, w)| rows(f, w)).collect(),
        ];
        let random = Philox::new(6).named("light-fm");
        let mut slow = Slow::new(3, f64::from(0.3f32), [0.02, 0.01], weights, random);
        (0..2).for_each(|pass| slow.pass(&log, loss, 4, random.stream(2).stream(pass)));
        for user in 0..25 {
            let scores = model.scores(UserIndex::new(user as u32)).unwrap();
            for (item, score) in scores.into_iter().enumerate() {
                let wanted = slow.score(user, item);
                assert!((f64::from(score) - wanted).abs() < 1e-3, "{loss:?}: {score}, wanted {wanted}");
            }
        }
        for (found, wanted) in vectors(model.item_features()).iter().zip(&slow.vectors[1]) {
            assert_eq!(found[3], 1.0);
            for (found, wanted) in found[..3].iter().chain(&found[4..]).zip(wanted) {
                assert!((f64::from(*found) - wanted).abs() < 1e-3, "{loss:?}: {found}, wanted {wanted}");
            }
        }
    }
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
            let settings = LightFm::new(3).loss(Loss::Logistic).iterations(1).learning_rate(rate).seed(3);
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

const GROUPS: u32 = 3;

/// Users and items in groups; each user has 10 of the 30 items of their own.
fn planted() -> Log {
    let mut random = Philox::new(4);
    let events = (0..90u32).flat_map(|user| {
        let own = random.permutation(30).into_iter().take(10);
        own.map(move |item| (user, GROUPS * item as u32 + user % GROUPS)).collect::<Vec<_>>()
    });
    Log::from_events(events, Duplicates::Error).unwrap()
}

/// The share of pairs of an unseen item of the user's group and one of another group that are in the right order.
fn order(log: &Log, model: &impl Score) -> f64 {
    let (mut right, mut all) = (0, 0);
    for (user, id) in (0..).map(UserIndex::new).zip(log.users().as_slice()) {
        let scores = model.scores(user).unwrap();
        let numbered = || log.items().as_slice().iter().zip(&scores).enumerate();
        let own = |item: u32| item % GROUPS == id % GROUPS;
        for (at, (_, mine)) in numbered().filter(|(_, (item, _))| own(**item)) {
            if log.matrix().value(user, ItemIndex::new(at as u32)).is_some() {
                continue;
            }
            for (_, (_, other)) in numbered().filter(|(_, (item, _))| !own(**item)) {
                right += usize::from(mine > other);
                all += 1;
            }
        }
    }
    right as f64 / all as f64
}

#[test]
fn planted_groups_are_found() {
    let log = planted();
    for loss in [Loss::Warp, Loss::Bpr] {
        let model = LightFm::new(4).loss(loss).iterations(20).fit(&log).unwrap();
        let found = order(&log, &model);
        assert!(found > 0.99, "{loss:?}: {found}");
        let losses = model.losses();
        assert!(losses[19] < 0.7 * losses[0], "{losses:?}");
        let alike = model.similar_items(ItemIndex::new(0), 20).unwrap();
        let group = |item| log.items().id(item) % GROUPS;
        let same = alike.iter().filter(|item| group(item.index) == group(ItemIndex::new(0))).count();
        assert!(same > 18, "{same} of 20");
    }
    // What users do not like, said with values below 0.
    let likes = log.events().map(|event| (event.user, event.item, 1.0));
    let dislikes = log
        .events()
        .map(|event| (event.user, GROUPS * (event.item / GROUPS) + (event.user + 1) % GROUPS, -1.0));
    let both = Log::from_events(likes.chain(dislikes), Duplicates::Error).unwrap();
    let model = LightFm::new(8).loss(Loss::Logistic).iterations(60).fit(&both).unwrap();
    for (user, item, value) in both.matrix().entries() {
        let score = model.scores(user).unwrap()[item.get()];
        assert!(score * value > 0.0, "{user:?}, {item:?}: {score}, wanted the sign of {value}");
    }
}

#[test]
fn new_items_and_users_are_known_by_their_features() {
    let log = planted();
    let name = |id: u32| format!("group {}", id % GROUPS);
    let noise = |id: u32| format!("noise {}", id % 7);
    let described = |ids: &[u32]| {
        let each = ids.iter().flat_map(|&id| [(id, name(id), 1.0), (id, noise(id), 0.5)]);
        each.collect::<Vec<_>>()
    };
    let users = Features::new(log.users(), described(log.users().as_slice())).unwrap();
    let items = Features::new(log.items(), described(log.items().as_slice())).unwrap();
    let model = LightFm::new(8).iterations(40).fit_with(&log, Some(&users), Some(&items)).unwrap();
    let new: Vec<Vec<(String, f32)>> = (0..21).map(|id| vec![(name(id), 1.0), (noise(id), 0.5)]).collect();
    let extended = model.clone().with_new_items(&new).unwrap();
    assert_eq!(extended.item_count(), log.items().len() + 21);
    let (mut right, mut all) = (0, 0);
    for (user, id) in (0..).map(UserIndex::new).zip(log.users().as_slice()) {
        let scores = extended.scores(user).unwrap();
        assert_eq!(scores[..log.items().len()], model.scores(user).unwrap());
        let new = &scores[log.items().len()..];
        for own in (0..21).filter(|item| item % GROUPS == id % GROUPS) {
            for other in (0..21).filter(|item| item % GROUPS != id % GROUPS) {
                right += usize::from(new[own as usize] > new[other as usize]);
                all += 1;
            }
        }
    }
    assert!(f64::from(right as u32) > 0.95 * f64::from(all as u32), "{right} of {all}");

    for group in 0..GROUPS {
        let known = [(name(group), 1.0)];
        let list = model.recommend_to_new_user(&known, 10).unwrap();
        assert!(list.iter().all(|best| log.items().id(best.index) % GROUPS == group), "{list:?}");
        let joined = model.clone().with_new_users(&[vec![], known.to_vec()]).unwrap();
        let user = UserIndex::new(log.users().len() as u32 + 1);
        assert_eq!(joined.recommend(user, 10, &Filter::none()).unwrap(), list);
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
fn settings_out_of_their_domain_are_errors() {
    let log = log(10, 8, 40, 1);
    let fault = |model: LightFm| model.fit(&log).map(|_| ()).unwrap_err().to_string();
    assert_eq!(fault(LightFm::new(0)), "factors: found 0, wanted at least 1");
    assert_eq!(fault(LightFm::new(2).iterations(0)), "iterations: found 0, wanted at least 1");
    assert_eq!(fault(LightFm::new(2).max_sampled(0)), "draws: found 0, wanted at least 1");
    assert!(fault(LightFm::new(usize::MAX)).contains("for 4294967296 bytes, or more memory"));
    // 12 bytes for an element of each of 18 users and items.
    assert!(LightFm::new(14).memory(16 * 216).iterations(1).fit(&log).is_ok());
    assert_eq!(
        fault(LightFm::new(15).memory(16 * 216)),
        "factors: found 15, wanted at most 14, for 3456 bytes, or more memory"
    );
    for rate in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(fault(LightFm::new(2).learning_rate(rate)).starts_with("learning rate: found"));
    }
    for weight in [-1.0, f32::NAN, f32::INFINITY] {
        let [users, items] = [
            fault(LightFm::new(2).user_regularization(weight)),
            fault(LightFm::new(2).item_regularization(weight)),
        ];
        assert!(users.starts_with("regularization of users: found"), "{users}");
        assert!(items.starts_with("regularization of items: found"), "{items}");
    }
    for loss in LOSSES {
        let wild = fault(LightFm::new(2).loss(loss).learning_rate(1e30).user_regularization(1e10));
        assert!(wild.contains("a smaller learning rate"), "{wild}");
    }
}

#[test]
fn values_that_are_no_labels_are_errors() {
    let log = log(10, 8, 40, 1);
    let fault = |loss, value: f32| {
        let log = log.map_values(|_| value).unwrap();
        LightFm::new(2).loss(loss).fit(&log).map(|_| ()).map_err(|error| error.to_string())
    };
    for loss in [Loss::Warp, Loss::Bpr] {
        let error = fault(loss, -1.0).unwrap_err();
        assert!(
            error.starts_with("user 0, item 0: found -1, wanted a value above 0; Loss::Logistic"),
            "{error}"
        );
    }
    for loss in LOSSES {
        let error = fault(loss, 0.0).unwrap_err();
        assert!(error.starts_with("user 0, item 0: found 0"), "{error}");
        assert!(fault(loss, 1.0).is_ok());
    }
    assert!(fault(Loss::Logistic, -1.0).is_ok());
    // Who has everything teaches nothing about order.
    let all = Log::from_events([(1, 1), (1, 2)], Duplicates::Error).unwrap();
    for loss in [Loss::Warp, Loss::Bpr] {
        assert_eq!(LightFm::new(2).loss(loss).iterations(2).fit(&all).unwrap().losses(), [0.0; 2]);
    }
}

#[test]
fn features_that_do_not_fit_are_errors() {
    let log = log(10, 8, 40, 1);
    let id = log.items().as_slice()[0];
    let fault = |triples: &[(u32, &str, f32)]| {
        Features::new(log.items(), triples.to_vec()).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(fault(&[(77, "a", 1.0)]), "item: found 77, wanted one of the 8 that are known");
    let place = format!("item {id}");
    assert_eq!(
        fault(&[(id, "a", f32::NAN)]),
        format!("{place}, feature a: found NaN, wanted a finite weight")
    );
    assert_eq!(
        fault(&[(id, "a", 1.0), (id, "a", 1.0)]),
        format!("{place}: found feature a twice, wanted each once")
    );
    let (some, unknown) =
        Features::of_known(log.items(), [(77, "a", 1.0), (id, "b", 1.0), (78, "b", 1.0)]).unwrap();
    assert_eq!((unknown, some.names().as_slice()), (2, &["b".to_owned()][..]));

    let fit = |items: &Features<ItemIndex>| {
        let fitted = LightFm::new(2).iterations(1).fit_with(&log, None, Some(items));
        fitted.map_err(|error| error.to_string())
    };
    assert!(fit(&some).is_ok() && fit(&some.clone().without_identity()).is_ok());
    let empty = fit(&some.clone().without_identity().normalized()).unwrap_err();
    assert!(empty.starts_with("features of item 1: sum of weights: found 0"), "{empty}");
    let none = Features::new(log.items(), [] as [(u32, &str, f32); 0]).unwrap().without_identity();
    assert_eq!(fit(&none).unwrap_err(), "features of items: found none, wanted at least one");
    let fewer = log.filter(|_, item, _, _| *item != id).unwrap();
    let fewer = Features::new(fewer.items(), [] as [(u32, &str, f32); 0]).unwrap();
    assert_eq!(
        fit(&fewer).unwrap_err(),
        "features of items: found 7 items, wanted 8, as in the interactions"
    );
    let huge = Features::new(log.items(), [(id, "a", f32::MAX)]).unwrap();
    assert!(fit(&huge).unwrap_err().contains("smaller values or weights of features"));

    let model = fit(&some).unwrap();
    assert!(model.item_features().vector("a").is_err());
    let new = |row: &[(&str, f32)]| {
        model.clone().with_new_items(&[row.to_vec()]).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(new(&[("a", 1.0)]), "new one 0: feature: found a, wanted one of the 1 that are known");
    assert_eq!(new(&[("b", 1.0), ("b", 1.0)]), "new one 0: features: found b twice, wanted each once");
    assert_eq!(new(&[("b", f32::INFINITY)]), "new one 0: feature b: found inf, wanted a finite weight");
    assert!(model.scores_of_new_user(&[("b", 1.0)]).is_err(), "that is a feature of items");
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
