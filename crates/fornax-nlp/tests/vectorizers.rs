//! Sparse vectors of texts and logistic regression against scikit-learn 1.9.1 (`goldens/make_sklearn.py`), and their laws.

use fornax_data::CsrMatrix;
use fornax_data::text::Tokenizer;
use fornax_nlp::{
    Analyzer, CountVectorizer, DocumentFrequency, FittedLogisticRegression, LogisticRegression, Norm,
    TfidfVectorizer,
};
use fornax_testkit::assert_close;
use proptest::prelude::*;
use serde_json::Value as Json;

fn golden() -> Json {
    serde_json::from_str(include_str!("goldens/sklearn.json")).unwrap()
}

fn strings(json: &Json) -> Vec<String> {
    serde_json::from_value(json.clone()).unwrap()
}

fn numbers(json: &Json) -> Vec<f32> {
    match json {
        Json::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

fn settings(name: &str) -> CountVectorizer {
    let counts = CountVectorizer::new().tokenizer(Tokenizer::new());
    match name {
        "plain" => counts,
        "bigrams" => counts.ngram_range(1..=2).min_df(2usize),
        "frequent" => counts.ngram_range(1..=3).min_df(0.1).max_df(0.5),
        "char" => counts.analyzer(Analyzer::Char).ngram_range(2..=3),
        "char_wb" => counts.analyzer(Analyzer::CharWb).ngram_range(3..=5),
        "binary" => counts.binary(true),
        other => panic!("no settings {other}"),
    }
}

fn check_rows(found: &CsrMatrix, golden: &Json, what: &str) {
    let offsets: Vec<usize> = serde_json::from_value(golden["offsets"].clone()).unwrap();
    let indices: Vec<u32> = serde_json::from_value(golden["indices"].clone()).unwrap();
    assert_eq!(found.row_count() + 1, offsets.len(), "{what}");
    let values = numbers(&golden["values"]);
    for row in 0..found.row_count() {
        let range = offsets[row]..offsets[row + 1];
        assert_eq!(found.row(row).0, &indices[range.clone()], "{what}, row {row}");
        assert_close(found.row(row).1, &values[range], 1e-6, what);
    }
}

#[test]
fn counts_are_those_of_scikit_learn() {
    let golden = golden();
    let (train, test) = (strings(&golden["train"]), strings(&golden["test"]));
    let cases = golden["counts"].as_object().unwrap();
    assert_eq!(cases.len(), 6);
    for (name, case) in cases {
        let (counts, rows) = settings(name).fit_transform(&train).unwrap();
        assert_eq!(counts.terms(), strings(&case["terms"]), "{name}");
        check_rows(&counts.transform(&test).unwrap(), &case["test"], name);
        assert_eq!(counts.transform(&train).unwrap(), rows, "{name}: fitting gives the rows too");
    }
}

#[test]
fn weights_are_those_of_scikit_learn() {
    let golden = golden();
    let (train, test) = (strings(&golden["train"]), strings(&golden["test"]));
    for (name, case) in golden["tfidf"].as_object().unwrap() {
        let tfidf = TfidfVectorizer::of(settings("bigrams"));
        let tfidf = match name.as_str() {
            "default" => tfidf,
            "sublinear" => tfidf.sublinear_tf(true),
            "raw idf" => tfidf.smooth_idf(false).norm(Some(Norm::L1)),
            "no idf" => tfidf.use_idf(false).norm(None),
            other => panic!("no weighting {other}"),
        };
        let fitted = tfidf.fit(&train).unwrap();
        check_rows(&fitted.transform(&test).unwrap(), case, name);
        let json = serde_json::to_string(&fitted).unwrap();
        assert_eq!(serde_json::from_str::<TfidfVectorizer>(&json).unwrap(), fitted, "saved, {name}");
    }
}

#[test]
fn coefficients_are_those_of_scikit_learn() {
    let golden = golden();
    let (train, test) = (strings(&golden["train"]), strings(&golden["test"]));
    let (tfidf, rows) = TfidfVectorizer::of(settings("bigrams")).fit_transform(&train).unwrap();
    let all: Vec<usize> = serde_json::from_value(golden["labels"].clone()).unwrap();
    for case in golden["regressions"].as_array().unwrap() {
        let classes = case["classes"].as_u64().unwrap() as usize;
        let labels: Vec<usize> = all.iter().map(|label| label % classes).collect();
        let regression = LogisticRegression::new()
            .c(case["c"].as_f64().unwrap())
            .fit_intercept(case["fit_intercept"].as_bool().unwrap())
            .tolerance(1e-9);
        let fitted = regression.fit(&rows, &labels, classes).unwrap();
        assert!(fitted.converged(), "{} steps", fitted.iterations());
        let what = format!("{classes} classes, c {}", case["c"]);
        let found = fitted.coefficients().to_f32();
        let outputs = fitted.intercept().len();
        // scikit-learn has a row an output.
        let by_output: Vec<f32> =
            (0..outputs).flat_map(|k| found.iter().skip(k).step_by(outputs).copied()).collect();
        assert_close(&by_output, &numbers(&case["coefficients"]), 1e-4, &what);
        if case["fit_intercept"] == true {
            assert_close(fitted.intercept(), &numbers(&case["intercept"]), 1e-4, &what);
        }
        let predicted = fitted.predict(&tfidf.transform(&test).unwrap()).unwrap().to_f32();
        assert_close(&predicted, &numbers(&case["test"]), 1e-5, &what);
        let same =
            FittedLogisticRegression::from_parts(fitted.coefficients().clone(), fitted.intercept().to_vec());
        assert_eq!(same.unwrap().predict(&rows).unwrap(), fitted.predict(&rows).unwrap());
    }
}

#[test]
fn the_looser_tolerance_ends_sooner_and_near() {
    let golden = golden();
    let (_, rows) =
        TfidfVectorizer::of(settings("bigrams")).fit_transform(&strings(&golden["train"])).unwrap();
    let labels: Vec<usize> = serde_json::from_value(golden["labels"].clone()).unwrap();
    let fit = |tolerance| LogisticRegression::new().tolerance(tolerance).fit(&rows, &labels, 3).unwrap();
    let (loose, tight) = (fit(1e-2), fit(1e-10));
    assert!(loose.iterations() < tight.iterations());
    assert_close(&loose.coefficients().to_f32(), &tight.coefficients().to_f32(), 0.1, "loose");
    let cut = LogisticRegression::new().max_iterations(1).tolerance(1e-12).fit(&rows, &labels, 3).unwrap();
    assert!(!cut.converged() && cut.iterations() == 1);
}

#[test]
fn what_makes_no_sense_is_an_error() {
    let fault = |counts: CountVectorizer, texts: &[&str]| counts.fit(texts).unwrap_err().to_string();
    let new = CountVectorizer::new;
    assert_eq!(fault(new(), &[]), "texts: found none, wanted at least one");
    assert_eq!(fault(new(), &["", " . "]), "texts: found no n-gram, wanted at least one");
    assert_eq!(
        fault(new().min_df(3usize), &["a b", "a"]),
        "texts: found 2 n-grams, none within min_df, max_df and max_features, wanted at least one"
    );
    assert!(fault(new().ngram_range(0..=2), &["a"]).contains("wanted a range from 1 or more"));
    assert!(fault(new().max_df(1.5), &["a"]).starts_with("max_df: found 1.5"));
    assert!(fault(new().min_df(DocumentFrequency::Share(f64::NAN)), &["a"]).starts_with("min_df"));
    assert!(new().transform(&["a"]).unwrap_err().to_string().contains("not fitted"));

    let mut rows = CsrMatrix::empty(2).unwrap();
    rows.push_row([(0, 1.0)]).unwrap();
    rows.push_row([(1, f32::NAN)]).unwrap();
    let fit = |regression: LogisticRegression, labels: &[usize]| {
        regression.fit(&rows, labels, 2).unwrap_err().to_string()
    };
    let regression = LogisticRegression::new;
    assert_eq!(fit(regression(), &[1, 1]), "labels: found class 1 alone, wanted rows of two classes or more");
    assert_eq!(fit(regression(), &[0, 2]), "labels, row 1: found 2, wanted a class below 2");
    assert_eq!(fit(regression(), &[0]), "labels: found 1, wanted 2, one a row");
    assert_eq!(fit(regression(), &[0, 1]), "row 1: found a value that is not finite, wanted finite numbers");
    assert!(fit(regression().c(0.0), &[0, 1]).starts_with("c: found 0"));
    let damaged = serde_json::to_string(&new().fit(&["a b", "a"]).unwrap()).unwrap();
    for (from, to) in [("[2,1]", "[2]"), ("[2,1]", "[2,9]"), (r#"["a","b"]"#, r#"["a","a"]"#)] {
        assert!(damaged.contains(from), "{damaged}");
        assert!(serde_json::from_str::<CountVectorizer>(&damaged.replace(from, to)).is_err());
    }
}

#[test]
fn threads_change_no_bit() {
    let texts: Vec<String> =
        (0..300).map(|at| format!("w{} w{} w{} end", at % 7, at % 11, (at * at) % 13)).collect();
    let labels: Vec<usize> = (0..300).map(|at| (at * at / 5) % 3).collect();
    let all = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (tfidf, rows) =
                TfidfVectorizer::of(CountVectorizer::new().ngram_range(1..=2)).fit_transform(&texts).unwrap();
            (tfidf, LogisticRegression::new().fit(&rows, &labels, 3).unwrap())
        })
    };
    assert_eq!(all(1), all(3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_texts_does_not_matter(texts in proptest::collection::vec("[a-d]( [a-d]){0,5}", 1..12), at in 0usize..12) {
        let counts = CountVectorizer::new().ngram_range(1..=2);
        let mut other = texts.clone();
        other.rotate_left(at % texts.len());
        let (one, rows) = counts.clone().fit_transform(&texts).unwrap();
        prop_assert_eq!(&one, &counts.fit(&other).unwrap());
        for (row, text) in texts.iter().enumerate() {
            let words = text.split(' ').count() as f32;
            prop_assert_eq!(rows.row(row).1.iter().sum::<f32>(), 2.0 * words - 1.0);
        }
        let most = one.clone().max_features(2).fit(&texts).unwrap();
        prop_assert!(most.terms().len() <= 2);
    }

    #[test]
    fn rows_have_length_one(texts in proptest::collection::vec("[a-d]( [a-d]){0,5}", 1..12)) {
        let (_, rows) = TfidfVectorizer::new().sublinear_tf(true).fit_transform(&texts).unwrap();
        for row in 0..rows.row_count() {
            let square: f32 = rows.row(row).1.iter().map(|x| x * x).sum();
            prop_assert!((square - 1.0).abs() < 1e-5);
        }
    }
}
