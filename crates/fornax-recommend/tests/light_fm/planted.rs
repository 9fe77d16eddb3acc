//! Tastes that are planted are found, and new users and items with them.

use fornax_core::Philox;
use fornax_recommend::{
    ColdStart, Duplicates, Features, Filter, Index, ItemIndex, LightFm, LightFmLoss, Recommend, Score,
    Similar, UserIndex,
};

use crate::common::Log;

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
    for loss in [LightFmLoss::Warp, LightFmLoss::Bpr] {
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
    let model = LightFm::new(8).loss(LightFmLoss::Logistic).iterations(60).fit(&both).unwrap();
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
