//! `fornax recommend` from a log to a file to lists, and what it says of wrong ones.

mod common;

use common::fornax;

/// Users of tea and milk, and of rum and lime; one has tea alone.
const LOG: &str = "ann,tea\nann,milk\nbob,tea\nbob,milk\ncid,tea\ndan,rum\ndan,lime\neve,rum\neve,lime\n";

#[test]
fn a_log_becomes_a_file_that_answers() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("log.csv"), LOG).unwrap();
    for (model, options) in
        [("pure-svd", " --factors 2"), ("ials", " --factors 2 --regularization 0.1"), ("ease", "")]
    {
        let train = format!("recommend train log.csv --output m.fornax --model {model}{options}");
        let trained = fornax(folder, &train).unwrap();
        assert!(trained.starts_with("5 users, 4 items, 9 interactions"), "{trained}");
        let list = fornax(folder, "recommend list m.fornax cid eve -k 1").unwrap();
        assert!(list.starts_with("cid\tmilk\t") && list.contains("\neve\t"), "{model}: {list}");
        let list = fornax(folder, "recommend list m.fornax --history lime -k 1").unwrap();
        assert!(list.starts_with("rum\t"), "{model}: {list}");
        let similar = fornax(folder, "recommend similar m.fornax lime -k 1").unwrap();
        assert!(similar.starts_with("rum\t"), "{model}: {similar}");
        let users = fornax(folder, "recommend similar m.fornax dan --users -k 1");
        match model {
            "ease" => {
                assert!(users.unwrap_err().contains("found ease, wanted one that has vectors of users"))
            }
            _ => assert!(users.unwrap().starts_with("eve\t"), "{model}"),
        }
        let reasons = fornax(folder, "recommend list m.fornax cid -k 1 --explain").unwrap();
        assert!(reasons.contains("because of tea "), "{model}: {reasons}");
    }
    for options in [
        "bpr --factors 4 --learning-rate 0.1",
        "warp --factors 4 --regularization 0",
        "logistic-mf --regularization 0.1",
    ] {
        fornax(folder, &format!("recommend train log.csv --output m.fornax --model {options}")).unwrap();
        let list = fornax(folder, "recommend list m.fornax cid -k 1").unwrap();
        assert!(list.starts_with("cid\tmilk\t"), "{options}: {list}");
        let similar = fornax(folder, "recommend similar m.fornax lime -k 1").unwrap();
        assert!(similar.starts_with("rum\t"), "{options}: {similar}");
    }
    fornax(folder, "recommend train log.csv --output m.fornax --model popularity").unwrap();
    assert_eq!(fornax(folder, "recommend list m.fornax dan -k 1").unwrap(), "dan\ttea\t3.0000\n");
}

#[test]
fn a_file_is_judged_by_what_it_has_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("log.csv"), LOG).unwrap();
    std::fs::write(folder.join("later.csv"), "cid,milk\ndan,gin\nfay,tea\n").unwrap();
    for model in ["popularity", "pure-svd --factors 2", "ials --factors 2", "ease", "bpr --factors 2"] {
        fornax(folder, &format!("recommend train log.csv --output m --model {model}")).unwrap();
        let report = fornax(folder, "recommend evaluate m later.csv -k 3").unwrap();
        assert!(report.contains("1 users with something relevant held out, all items ranked"), "{report}");
        assert!(report.contains("nDCG@3 ") && report.contains("coverage "), "{report}");
        assert!(
            report.ends_with("cold, in no figure: 1 held-out interactions of users, 1 of items\n"),
            "{report}"
        );
    }
    std::fs::write(folder.join("leak.csv"), "cid,milk\nann,tea\n").unwrap();
    let error = fornax(folder, "recommend evaluate m leak.csv").unwrap_err();
    assert!(
        error.contains("held out, user ann, item tea: found an interaction that the model was fitted on"),
        "{error}"
    );
    let report = fornax(folder, "recommend evaluate m leak.csv --leave-out-seen").unwrap();
    assert!(report.ends_with("seen by the model, left out: 1\n"), "{report}");
}

#[test]
fn settings_are_searched() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pairs = (0..60).flat_map(|user| (0..8).map(move |at| (user, 20 * (user % 2) + (user * at) % 17)));
    let log: String = pairs.map(|(user, item)| format!("{user},{item}\n")).collect();
    std::fs::write(folder.join("log.csv"), log).unwrap();
    let search = "recommend search log.csv --models pure-svd,ials,ease,bpr --most-factors 8";
    let table = fornax(folder, &format!("{search} --candidates 2 --splits 2")).unwrap();
    assert!(table.starts_with("8 candidates by nDCG@10 on 2 validation split(s)"), "{table}");
    for model in ["pure-svd, factors", "ials, factors", "ease, regularization", "bpr, factors"] {
        assert_eq!(table.matches(model).count(), 2, "{table}");
    }
    assert!(table.contains("on what was held out: nDCG@10 0."), "{table}");
    let error = fornax(folder, &format!("{search} --candidates 0")).unwrap_err();
    assert!(error.contains("--candidates") || error.contains("candidates: found none"), "{error}");
}

#[test]
fn faults_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let fault = |arguments: &str| fornax(folder, arguments).unwrap_err();
    std::fs::write(folder.join("log.csv"), LOG).unwrap();
    assert!(fault("recommend train missing.csv --output m").contains("missing.csv"));
    assert!(fault("recommend train log.csv --output m --factors 0").contains("factors: found 0"));
    assert!(!folder.join("m").exists());
    for (model, kind) in [("bpr", "bpr"), ("warp", "light-fm")] {
        fornax(folder, &format!("recommend train log.csv --output m --model {model} --iterations 1"))
            .unwrap();
        let wanted = format!("found {kind}, wanted one that takes a history");
        assert!(fault("recommend list m --history tea").contains(&wanted));
    }
    fornax(folder, "recommend train log.csv --output m --model popularity").unwrap();
    assert!(fault("recommend list m zoe").contains("user: found zoe, wanted one of the 5 that are known"));
    assert!(fault("recommend similar m tea").contains("found popularity, wanted one that knows which items"));
    assert!(fault("recommend list log.csv ann").contains("log.csv"));
    std::fs::write(folder.join("empty.csv"), "").unwrap();
    assert!(fault("recommend train empty.csv --output m").contains("empty.csv"));
}
