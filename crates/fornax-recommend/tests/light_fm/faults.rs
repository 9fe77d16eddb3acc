//! What cannot be fitted, or is not known, is an error.

use fornax_recommend::{ColdStart, Duplicates, Features, ItemIndex, LightFm, LightFmLoss};

use crate::common::Log;
use crate::{LOSSES, log};

#[test]
fn settings_out_of_their_domain_are_errors() {
    let log = log(10, 8, 40, 1);
    let fault = |model: LightFm| model.fit(&log).map(|_| ()).unwrap_err().to_string();
    assert_eq!(fault(LightFm::new(0)), "factors: found 0, wanted at least 1");
    assert_eq!(fault(LightFm::new(2).iterations(0)), "iterations: found 0, wanted at least 1");
    assert_eq!(fault(LightFm::new(2).max_sampled(0)), "max_sampled: found 0, wanted at least 1");
    assert!(fault(LightFm::new(usize::MAX)).contains("for 4294967296 bytes, or more memory"));
    // 12 bytes for an element of each of 18 users and items.
    assert!(LightFm::new(14).memory(16 * 216).iterations(1).fit(&log).is_ok());
    assert_eq!(
        fault(LightFm::new(15).memory(16 * 216)),
        "factors: found 15, wanted at most 14, for 3456 bytes, or more memory"
    );
    for rate in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        assert!(fault(LightFm::new(2).learning_rate(rate)).starts_with("learning_rate: found"));
    }
    for weight in [-1.0, f32::NAN, f32::INFINITY] {
        let [users, items] = [
            fault(LightFm::new(2).user_regularization(weight)),
            fault(LightFm::new(2).item_regularization(weight)),
        ];
        assert!(users.starts_with("user_regularization: found"), "{users}");
        assert!(items.starts_with("item_regularization: found"), "{items}");
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
    for loss in [LightFmLoss::Warp, LightFmLoss::Bpr] {
        let error = fault(loss, -1.0).unwrap_err();
        assert!(
            error.starts_with("user 0, item 0: found -1, wanted a value above 0; LightFmLoss::Logistic"),
            "{error}"
        );
    }
    for loss in LOSSES {
        let error = fault(loss, 0.0).unwrap_err();
        assert!(error.starts_with("user 0, item 0: found 0"), "{error}");
        assert!(fault(loss, 1.0).is_ok());
    }
    assert!(fault(LightFmLoss::Logistic, -1.0).is_ok());
    // Who has everything teaches nothing about order.
    let all = Log::from_events([(1, 1), (1, 2)], Duplicates::Error).unwrap();
    for loss in [LightFmLoss::Warp, LightFmLoss::Bpr] {
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
