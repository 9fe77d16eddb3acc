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

/// Users who go round a circle of six items, each from another place on.
fn circle() -> String {
    let steps = (0..24).flat_map(|user| (0..5).map(move |step| (user, (user + step) % 6, step)));
    steps.map(|(user, item, step)| format!("{user},i{item},{step}\n")).collect()
}

#[test]
fn deep_models_and_sequences_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("circle.csv"), circle()).unwrap();
    let deep = "--factors 8 --iterations 40 --learning-rate 0.02 --batch-size 16";
    for (model, similar, history) in [
        (format!("neu-mf {deep} --negatives 2"), false, false),
        (format!("two-tower {deep} --temperature 0.2"), true, false),
        (format!("sas-rec {deep} --dropout 0 --max-length 4 --blocks 1"), true, true),
        ("markov-chain".into(), false, true),
    ] {
        let train = format!("recommend train circle.csv --time 2 --output m --model {model}");
        fornax(folder, &train).unwrap();
        assert_eq!(fornax(folder, "recommend list m 0 7 -k 1").unwrap().lines().count(), 2, "{model}");
        // The order is that of time: behind i4 comes i5, behind i3 comes i4.
        let list = |items: &str| fornax(folder, &format!("recommend list m --history {items} -k 1"));
        match history {
            true => {
                assert!(list("i3,i4").unwrap().starts_with("i5\t"), "{model}");
                assert!(list("i2,i3").unwrap().starts_with("i4\t"), "{model}");
            }
            false => {
                assert!(list("i3,i4").unwrap_err().contains("wanted one that takes a history"), "{model}")
            }
        }
        let alike = fornax(folder, "recommend similar m i0 -k 2");
        assert_eq!(alike.is_ok_and(|list| list.lines().count() == 2), similar, "{model}");
        std::fs::write(folder.join("later.csv"), "0,i5\n3,i2\n").unwrap();
        let report = fornax(folder, "recommend evaluate m later.csv -k 1").unwrap();
        assert!(report.contains("2 users with something relevant"), "{model}: {report}");
    }
    for model in ["sas-rec", "markov-chain"] {
        let error = fornax(folder, &format!("recommend train circle.csv --output m --model {model}"));
        assert!(
            error
                .unwrap_err()
                .contains(&format!("--time: found none, wanted the field of the time, as {model}"))
        );
    }
}

#[test]
fn models_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("circle.csv"), circle()).unwrap();
    let compare = "recommend compare circle.csv --time 2 --seeds 2 -k 2 --set pure-svd.factors=2";
    let models = "popularity,pure-svd,bpr,warp,logistic-mf,ials,ease,neu-mf,two-tower,sas-rec,markov-chain";
    let quick = "neu-mf.iterations=1,two-tower.iterations=1,sas-rec.iterations=1,sas-rec.max-length=4";
    let table = fornax(folder, &format!("{compare} --set {quick} --models {models}")).unwrap();
    assert!(
        table.starts_with("24 users, 6 items, 120 interactions; 0.25 of each item's held out"),
        "{table}"
    );
    for model in models.split(',') {
        assert!(table.lines().any(|line| line.starts_with(&format!("{model} "))), "{model}: {table}");
    }
    let default = fornax(folder, compare).unwrap();
    let row = |table: &str, model: &str| {
        let row = table.lines().find(|line| line.starts_with(model)).unwrap();
        row[..row.rfind(' ').unwrap()].to_owned()
    };
    for model in ["popularity", "pure-svd", "bpr", "warp", "ials", "ease"] {
        assert_eq!(row(&table, model), row(&default, model), "a model has the same defaults beside others");
    }
    assert_eq!(default.lines().count(), 2 + 6 + 1, "{default}");
    let set =
        fornax(folder, &format!("{compare} --models pure-svd,ials,ease --set ials.factors=1,ials.alpha=50"))
            .unwrap();
    assert_ne!(row(&set, "ials"), row(&default, "ials"));
    assert_eq!(row(&set, "ease"), row(&default, "ease"));
    // Behind each user's last but one item stands the last.
    let last =
        fornax(folder, &format!("{compare} --last --models popularity,pure-svd,markov-chain")).unwrap();
    assert!(last.contains("each user's last one held out"), "{last}");
    let ndcg = |model: &str| row(&last, model).split_whitespace().nth(1).unwrap().to_owned();
    assert_eq!(ndcg("markov-chain"), "1.0000", "{last}");
    assert_ne!(ndcg("popularity"), "1.0000", "{last}");
}

#[test]
fn a_log_is_lines_of_json_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let lines = circle();
    let lines = lines.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let json = lines
        .map(|line| format!("{{\"who\": {}, \"what\": \"{}\", \"when\": {}}}\n", line[0], line[1], line[2]));
    let json: String = json.collect();
    let fields = "--user who --item what --time when";
    for name in ["log.jsonl", "log.NDJSON"] {
        std::fs::write(folder.join(name), &json).unwrap();
        let train = format!("recommend train {name} --output m --model markov-chain");
        let trained = fornax(folder, &format!("{train} {fields}")).unwrap();
        assert!(trained.starts_with("24 users, 6 items, 120 interactions"), "{trained}");
        let list = fornax(folder, "recommend list m --history i0 -k 1").unwrap();
        assert!(list.starts_with("i1\t"), "{list}");
        for (options, wanted) in [
            ("", "--user: found none, wanted the name of a field: a line is a JSON object"),
            ("--user who", "--item: found none, wanted the name of a field"),
            ("--user 0 --item what", "--user: found 0, wanted the name of a field"),
            ("--user who --item what --time 2", "--time: found 2, wanted the name of a field"),
            ("--user who --item what --header", "--header: found given, wanted none"),
            ("--user who --item wat --time when", "line 1: found no field \"wat\""),
        ] {
            let said = fornax(folder, format!("{train} {options}").trim()).unwrap_err();
            assert!(said.contains(wanted), "{options}: {said}");
        }
    }
}

/// Users of even numbers like even items, the others odd ones; each has rated half of all.
fn ratings() -> String {
    let pairs = (0..12).flat_map(|user| (0..10).map(move |item| (user, item)));
    let rated = pairs.filter(|(user, item)| (7 * user + 13 * item) % 5 < 3);
    rated
        .map(|(user, item)| format!("u{user},i{item},{}\n", if (user + item) % 2 == 0 { 5 } else { 1 }))
        .collect()
}

#[test]
fn models_of_ratings_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("ratings.csv"), ratings()).unwrap();
    let train = |model: &str| {
        fornax(folder, &format!("recommend train ratings.csv --value 2 --output m --model {model}"))
    };
    let rating = |line: &str| line.trim_end().rsplit('\t').next().unwrap().parse::<f32>().unwrap();
    for model in [
        "funk-svd --factors 4 --iterations 400 --learning-rate 0.02",
        "svd++ --factors 4 --iterations 400 --learning-rate 0.02",
        "als --factors 4",
        "nmf --factors 4",
        "slope-one",
        "knn --similarity pearson",
        "knn-means --by-items true --similarity pearson",
        "knn-baseline --similarity pearson-baseline",
        "co-clustering --groups 2",
        "baseline",
    ] {
        train(model).unwrap();
        let both = fornax(folder, "recommend predict m u1 i7 i4").unwrap();
        let (odd, even) = both.split_once('\n').unwrap();
        assert!(odd.starts_with("u1\ti7\t") && even.starts_with("u1\ti4\t"), "{both}");
        if !["slope-one", "co-clustering --groups 2", "baseline"].contains(&model) {
            assert!(rating(odd) > rating(even) + 1.0, "{model}: {both}");
        }
        let list = fornax(folder, "recommend list m u1 -k 2").unwrap();
        assert_eq!(list.lines().count(), 2, "{model}: {list}");
        std::fs::write(folder.join("later.csv"), "u1,i7,5\nu1,i99,1\n").unwrap();
        let report = fornax(folder, "recommend evaluate m later.csv --value 2").unwrap();
        assert!(report.contains("RMSE ") && report.contains(" of all 2 ratings"), "{model}: {report}");
    }
    train("als --factors 4").unwrap();
    let alike = fornax(folder, "recommend similar m i2 -k 1").unwrap();
    assert!(["i0", "i4", "i6", "i8"].contains(&alike.split('\t').next().unwrap()), "{alike}");
    let fault = |arguments: &str| fornax(folder, &format!("recommend {arguments}")).unwrap_err();
    assert!(fault("predict m u99 i1").contains("user: found u99, wanted one of the 12 that are known"));
    assert!(fault("train ratings.csv --output m --model als").contains("values of the log: found 1 alone"));
    let wanted = "ratings, as als needs them: --value names their field";
    for command in ["compare ratings.csv --models als", "ratings ratings.csv --models als"] {
        assert!(fault(command).contains(wanted), "{command}");
    }
    let row = |models: &str| {
        let compare = format!("recommend compare ratings.csv --value 2 --models {models} --seeds 1");
        let table = fornax(folder, &compare).unwrap();
        let row = table.lines().find(|line| line.starts_with("ials ")).unwrap().to_owned();
        row[..row.rfind(' ').unwrap()].to_owned()
    };
    assert_eq!(row("als,ials"), row("ials"), "ratings are no weights beside a model of ratings");
    std::fs::write(folder.join("later.csv"), "u1,i7\n").unwrap();
    let report = fornax(folder, "recommend evaluate m later.csv").unwrap();
    assert!(report.ends_with("no RMSE: --value does not name the ratings\n"), "{report}");
    fornax(folder, "recommend train ratings.csv --output m --model ease").unwrap();
    assert!(fault("predict m u1 i1").contains("found ease, wanted one of ratings, as funk-svd or knn"));
}

#[test]
fn models_of_ratings_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("ratings.csv"), ratings()).unwrap();
    let command = "recommend ratings ratings.csv --value 2 --folds 3";
    let table = fornax(folder, command).unwrap();
    assert_eq!(table.lines().count(), 2 + 10, "{table}");
    let set = fornax(folder, &format!("{command} --models knn,als --set knn.similarity=pearson")).unwrap();
    let row = |table: &str, model: &str| {
        let row = table.lines().find(|line| line.starts_with(&format!("{model} "))).unwrap();
        row[..row.rfind(' ').unwrap()].to_owned()
    };
    // RMSE with the lowest and the highest one, then MAE alike.
    let figures = |options: &str| -> Vec<f64> {
        let table = fornax(folder, &format!("{command} --models als {options}")).unwrap();
        let figures = row(&table, "als").replace(['[', ']'], " ");
        figures.split_whitespace().skip(1).map(|figure| figure.parse().unwrap()).collect()
    };
    let one = [3, 4].map(|seed| figures(&format!("--seed {seed} --seeds 1")));
    let both = figures("--seed 3 --seeds 2");
    for at in [0, 3] {
        let [a, b] = [one[0][at], one[1][at]];
        assert!(a != b && [one[0][at + 1], one[0][at + 2]] == [a, a], "{one:?}");
        assert!((both[at] - (a + b) / 2.0).abs() <= 1e-4, "{both:?} beside {one:?}");
        assert_eq!([both[at + 1], both[at + 2]], [a.min(b), a.max(b)]);
    }
    assert!(fornax(folder, &format!("{command} --seeds 0")).unwrap_err().contains("0 is not in 1..=1000"));
    assert_eq!(row(&set, "als"), row(&table, "als"));
    assert_ne!(row(&set, "knn"), row(&table, "knn"));
    let error = fornax(folder, &format!("{command} --models ials")).unwrap_err();
    assert!(error.contains("--models: found ials, wanted some of baseline, funk-svd"), "{error}");
    let error = fornax(folder, &format!("{command} --models als --set knn.neighbours=3")).unwrap_err();
    assert!(error.contains("--set: found knn --neighbours 3"), "{error}");
}

#[test]
fn features_make_lists_for_who_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("log.csv"), LOG).unwrap();
    std::fs::write(folder.join("users.csv"), "ann,hot\nbob,hot\ncid,hot\ndan,strong\neve,strong\nzoe,hot\n")
        .unwrap();
    std::fs::write(folder.join("items.csv"), "tea,cup\nmilk,cup,0.5\nrum,glass\nlime,\"glass\"\n").unwrap();
    let features = "--user-features users.csv --item-features items.csv";
    for model in [
        "warp --factors 4 --regularization 0",
        "two-tower --factors 4 --learning-rate 0.02 --iterations 100 --device cpu",
    ] {
        let train = format!("recommend train log.csv --output m --model {model} {features}");
        let said = fornax(folder, &train).unwrap();
        assert!(
            said.starts_with("1 features of users that the log does not know, left out\n5 users"),
            "{said}"
        );
        let list = |features: &str| fornax(folder, &format!("recommend list m --features {features} -k 2"));
        let strong = list("strong").unwrap();
        assert!(strong.contains("rum\t") && strong.contains("lime\t"), "{model}: {strong}");
        let hot = list("hot=2,strong=0.1").unwrap();
        assert!(hot.contains("tea\t") && hot.contains("milk\t"), "{model}: {hot}");
        assert!(list("cold").unwrap_err().contains("feature: found cold, wanted one of the 2"));
        assert!(list("hot=x").unwrap_err().contains("feature: found hot=x, wanted one of the 2"));
    }
    let compare =
        format!("recommend compare log.csv --seeds 1 --held-out 0.4 --models popularity,warp {features}");
    let warp = |options: &str| {
        let table = fornax(folder, &format!("{compare}{options}")).unwrap();
        let row = table.lines().find(|line| line.starts_with("warp ")).unwrap().to_owned();
        row[..row.rfind(' ').unwrap()].to_owned()
    };
    assert_eq!(warp(""), warp(" --set warp.regularization=0.01"));
    let fault = |arguments: &str| fornax(folder, &format!("recommend {arguments}")).unwrap_err();
    let none = fault("train log.csv --output m --item-features items.csv");
    assert!(
        none.contains("--item-features: found items.csv, wanted none: features count for warp"),
        "{none}"
    );
    std::fs::write(folder.join("bad.csv"), "tea,cup\nmilk,cup,much\n").unwrap();
    let bad = fault("train log.csv --output m --model warp --item-features bad.csv");
    assert!(bad.contains("line 2, weight: found \"much\", wanted a finite number"), "{bad}");
    std::fs::write(folder.join("bad.csv"), "tea\n").unwrap();
    let bad = fault("train log.csv --output m --model warp --item-features bad.csv");
    assert!(bad.contains("line 1: found 1 fields, wanted an id, a feature"), "{bad}");
    fornax(folder, "recommend train log.csv --output m --model ials --factors 2").unwrap();
    assert!(fault("list m --features hot").contains("found ials, wanted one that knows features"));
    assert!(fault("train log.csv --output m --model neu-mf --device tpu").contains("found no such backend"));
    let device = fault("train log.csv --output m --model ials --device cpu");
    assert!(device.contains("wanted none: neu-mf, two-tower and sas-rec alone"), "{device}");
    std::fs::write(folder.join("bad.csv"), "tea,cup\ntea,cup\n").unwrap();
    let bad = fault("compare log.csv --models bpr,warp --item-features bad.csv");
    assert!(bad.contains("--item-features: item tea: found feature cup twice"), "{bad}");
    std::fs::write(folder.join("bad.csv"), "tea,cup,1e39\n").unwrap();
    let bad = fault("train log.csv --output m --model warp --item-features bad.csv");
    assert!(bad.contains("line 1, weight") && bad.contains("wanted a number of 32 bits"), "{bad}");
    std::fs::write(folder.join("users.csv"), "ann,age=25\ndan,age=9\n").unwrap();
    fornax(folder, "recommend train log.csv --output m --model warp --factors 4 --user-features users.csv")
        .unwrap();
    assert!(fornax(folder, "recommend list m --features age=25,age=9=0.1 -k 1").is_ok());
    assert!(fault("list m --features age=26").contains("feature: found age, wanted one of the 2"));
}

#[test]
fn settings_are_those_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("log.csv"), LOG).unwrap();
    let fault = |arguments: &str| fornax(folder, &format!("recommend {arguments}")).unwrap_err();
    for (options, wanted) in [
        ("ease --factors 3", "--factors: found 3, wanted a setting of ease: regularization"),
        ("popularity --alpha 2", "--alpha: found 2, wanted none: popularity has no settings"),
        ("bpr --dropout 0.1", "a setting of bpr: factors, regularization, learning-rate, iterations"),
        ("bpr --weighted", "--weighted: found given, wanted none: values do not count for bpr"),
        ("ials --factors 0", "factors: found 0, wanted at least 1"),
        ("ials --regularization NaN", "regularization: found NaN"),
        ("sas", "possible values: popularity, pure-svd"),
    ] {
        let said = fault(&format!("train log.csv --output m --model {options}"));
        assert!(said.contains(wanted), "{options}: {said}");
    }
    assert!(!folder.join("m").exists());
    for (set, wanted) in [
        ("ials", "setting: found ials, wanted MODEL.SETTING=VALUE"),
        ("sls.factors=3", "model: found sls, wanted popularity, pure-svd"),
        ("ials.factor=3", "wanted a setting of ials: factors, regularization, iterations, alpha, frequency"),
        ("ials.factors=3.5", "setting: found ials.factors=3.5, wanted a value as the default 32"),
        ("sas-rec.factors=3", "--set: found sas-rec --factors 3, wanted settings of one of --models"),
    ] {
        let said = fault(&format!("compare log.csv --set {set}"));
        assert!(said.contains(wanted), "{set}: {said}");
    }
    let help = fornax(folder, "recommend compare --help").unwrap();
    assert!(help.contains("  ials          --factors 32 --regularization 30 --iterations 15"), "{help}");
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
    for model in ["pure-svd --factors", "ials --factors", "ease --regularization", "bpr --factors"] {
        assert_eq!(table.matches(&format!("--model {model} ")).count(), 2, "{table}");
    }
    assert!(table.contains("on what was held out: nDCG@10 0."), "{table}");
    let error = fornax(folder, &format!("{search} --candidates 0")).unwrap_err();
    assert!(error.contains("--candidates"), "{error}");
    let error = fornax(folder, "recommend search log.csv --models popularity").unwrap_err();
    assert!(error.contains("--models: found popularity, wanted some of pure-svd"), "{error}");
}

#[test]
fn faults_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let fault = |arguments: &str| fornax(folder, arguments).unwrap_err();
    std::fs::write(folder.join("log.csv"), LOG).unwrap();
    assert!(fault("recommend train missing.csv --output m").contains("missing.csv"));
    fornax(folder, "recommend train log.csv --output i --factors 2").unwrap();
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
    assert!(fault("recommend similar m tea").contains("found popularity, wanted one with vectors of items"));
    assert!(fault("recommend list log.csv ann").contains("log.csv"));
    for command in ["list m ann", "similar m tea", "evaluate m log.csv", "compare log.csv"] {
        assert!(fault(&format!("recommend {command} -k 0")).contains("invalid value '0' for '-k <K>'"));
    }
    let twice = fault("recommend list i --history tea,tea");
    assert!(twice.contains("--history: found tea twice, wanted every item once"), "{twice}");
    let folder_of = fault("recommend train log.csv --output none/m");
    assert!(
        folder_of.contains("--output: found none/m, wanted a file in a folder that exists"),
        "{folder_of}"
    );
    for output in ["log.csv", "./log.csv"] {
        let own = fault(&format!("recommend train log.csv --output {output}"));
        assert!(own.contains(&format!("--output: found {output}, wanted another file")), "{own}");
    }
    assert_eq!(std::fs::read_to_string(folder.join("log.csv")).unwrap(), LOG);
    std::fs::create_dir(folder.join("taken")).unwrap();
    assert!(
        fault("recommend train log.csv --output taken")
            .contains("taken: write: there is something that is no file")
    );
    let one = fault("recommend train log.csv --user 1 --output m");
    assert!(one.contains("field of the item: found that of the user"), "{one}");
    assert!(fault("recommend ratings log.csv --folds 1").contains("1 is not in 2.."));
    let large = fault("recommend evaluate m log.csv --leave-out-seen");
    assert!(large.contains("--leave-out-seen: interactions: found none left"), "{large}");
    std::fs::write(folder.join("later.csv"), "cid,milk,2\n").unwrap();
    for value in ["NaN", "3"] {
        let said = fault(&format!("recommend evaluate m later.csv --value 2 --relevant-from {value}"));
        assert!(said.contains(&format!("--relevant-from: found {value}, wanted at most 2")), "{said}");
    }
    let untimed = fault("recommend compare log.csv --last");
    assert!(untimed.contains("--time: found none, wanted the field of the time, as --last"), "{untimed}");
    std::fs::write(folder.join("zero.csv"), "cid,milk,2\nann,tea,0\n").unwrap();
    let zero = fault("recommend train zero.csv --value 2 --weighted --output m --model warp");
    assert!(zero.contains("user ann, item tea: found 0, wanted a value above 0"), "{zero}");
    let comma = fault("recommend train log.csv --delimiter ; --output m");
    assert!(comma.contains("line 1: found 1 fields, wanted at least 2 with \";\" between"), "{comma}");
    let named = fault("recommend train log.csv --output m --user name");
    assert!(named.contains("--user: found name, wanted a position from 0, or --header"), "{named}");
    std::fs::write(folder.join("empty.csv"), "").unwrap();
    assert!(fault("recommend train empty.csv --output m").contains("empty.csv"));
}
