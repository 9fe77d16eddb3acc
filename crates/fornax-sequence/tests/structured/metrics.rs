//! Edit distance, spans and translations: hand-made cases, and the numbers of conlleval and sacreBLEU.

use std::path::Path;

use fornax_core::Philox;
use fornax_sequence::metrics::{
    Bleu, Chrf, Span, edit_distance, label_error_rate, span_f1, spans, token_accuracy,
};
use fornax_testkit::config;
use proptest::prelude::*;
use serde_json::Value as Json;

/// The least number of edits by trying them all.
fn edits(a: &[u8], b: &[u8]) -> usize {
    match (a, b) {
        ([], rest) | (rest, []) => rest.len(),
        ([x, a @ ..], [y, b @ ..]) if x == y => edits(a, b),
        ([_, shorter @ ..], [_, rest @ ..]) => {
            1 + edits(shorter, rest).min(edits(shorter, b)).min(edits(a, rest))
        }
    }
}

proptest! {
    #![proptest_config(config(100))]
    #[test]
    fn edit_distance_is_the_fewest_edits(
        a in proptest::collection::vec(0u8..3, 0..6), b in proptest::collection::vec(0u8..3, 0..6),
    ) {
        prop_assert_eq!(edit_distance(&a, &b), edits(&a, &b));
        prop_assert_eq!(edit_distance(&b, &a), edit_distance(&a, &b));
        prop_assert_eq!(edit_distance(&a, &a), 0);
    }
}

#[test]
fn rates_need_something_to_divide_by() {
    assert_eq!(label_error_rate(&[vec!['a'], vec![]], &[vec![], vec!['b', 'c']]).unwrap(), 3.0);
    assert!(label_error_rate::<char>(&[vec![]], &[vec!['a']]).is_err());
    let error = label_error_rate(&[vec![1]], &[]).unwrap_err();
    assert_eq!(error.to_string(), "predictions: found 0, wanted 1, as there are references");
    assert!(token_accuracy(&[0, 0], &[0, 1], 0).is_err());
    assert!(token_accuracy(&[1], &[1, 1], 0).is_err());
}

/// Random spans of a sequence, in order, some touching.
fn random_spans(random: &mut Philox, length: usize) -> Vec<Span> {
    let (mut found, mut at) = (vec![], 0);
    while at < length {
        let end = (at + 1 + random.below(3)).min(length);
        if random.below(3) > 0 {
            found.push(Span { start: at, end, kind: ["NP", "VP"][random.below(2)].into() });
        }
        at = end;
    }
    found
}

/// The tags of spans by the prefix that `prefix(first, last, touches one of its type before it)` gives.
fn tags(spans: &[Span], length: usize, prefix: fn(bool, bool, bool) -> &'static str) -> Vec<String> {
    let mut tags = vec!["O".to_owned(); length];
    for (index, span) in spans.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| &spans[before]);
        let touches = before.is_some_and(|before| before.end == span.start && before.kind == span.kind);
        for (at, tag) in tags.iter_mut().enumerate().take(span.end).skip(span.start) {
            let (first, last) = (at == span.start, at + 1 == span.end);
            *tag = format!("{}-{}", prefix(first, last, touches), span.kind);
        }
    }
    tags
}

#[test]
fn every_scheme_stands_for_the_same_spans() {
    let iob1 = |first, _, touches| if first && touches { "B" } else { "I" };
    let iob2 = |first, _, _| if first { "B" } else { "I" };
    let iobes = |first, last, _| match (first, last) {
        (true, true) => "S",
        (true, false) => "B",
        (false, true) => "E",
        (false, false) => "I",
    };
    let bilou = |first, last, _| match (first, last) {
        (true, true) => "U",
        (true, false) => "B",
        (false, true) => "L",
        (false, false) => "I",
    };
    let mut random = Philox::new(1);
    for length in (1..9).cycle().take(80) {
        let wanted = random_spans(&mut random, length);
        for scheme in [iob1, iob2, iobes, bilou] {
            let tags = tags(&wanted, length, scheme);
            assert_eq!(spans(&tags).unwrap(), wanted, "{tags:?}");
        }
    }
}

#[test]
fn tags_that_are_no_sequence_stand_for_spans_too() {
    // Each by hand, after the rules of conlleval.
    for (tags, wanted) in [
        (&["I-A", "I-A"][..], &[(0, 2, "A")][..]),
        (&["I-A", "I-B"], &[(0, 1, "A"), (1, 2, "B")]),
        (&["B-A", "I-B", "I-B"], &[(0, 1, "A"), (1, 3, "B")]),
        (&["O", "E-A"], &[(1, 2, "A")]),
        (&["E-A", "E-A"], &[(0, 1, "A"), (1, 2, "A")]),
        (&["B-A", "E-A", "I-A", "O"], &[(0, 2, "A"), (2, 3, "A")]),
        (&["S-A", "I-A"], &[(0, 1, "A"), (1, 2, "A")]),
        (&["I-A", "S-A"], &[(0, 1, "A"), (1, 2, "A")]),
        (&["B-A-x", "I-A-x"], &[(0, 2, "A-x")]),
        (&["B", "I", "O", "B"], &[(0, 2, ""), (3, 4, "")]),
        (&[], &[]),
    ] {
        let found = spans(tags).unwrap();
        let found: Vec<_> = found.iter().map(|span| (span.start, span.end, &*span.kind)).collect();
        assert_eq!(found, wanted, "{tags:?}");
    }
    for bad in ["", "X-A", "NP", "O-A", "b-A"] {
        let error = spans(&["O", bad]).unwrap_err();
        assert!(error.to_string().starts_with("tag 1: found"), "{error}");
    }
}

#[test]
fn counts_are_those_of_conlleval() {
    let goldens: Json = serde_json::from_str(include_str!("../goldens/conlleval.json")).unwrap();
    for golden in goldens.as_array().unwrap() {
        let sequences =
            |name: &str| -> Vec<Vec<String>> { serde_json::from_value(golden[name].clone()).unwrap() };
        let report = span_f1::<String>(&sequences("references"), &sequences("predictions")).unwrap();
        let count =
            |counts: &Json| ["gold", "pred", "correct"].map(|name| counts[name].as_u64().unwrap() as usize);
        let overall = report.overall;
        assert_eq!([overall.references, overall.predictions, overall.correct], count(&golden["overall"]));
        assert!((report.f1() - golden["f1"].as_f64().unwrap()).abs() < 1e-12);
        let types = golden["types"].as_object().unwrap();
        assert_eq!(report.by_type.len(), types.len());
        for (kind, counts) in types {
            let found = report.by_type[kind];
            assert_eq!([found.references, found.predictions, found.correct], count(counts), "{kind}");
        }
    }
}

#[test]
fn a_report_reads_as_conllevals() {
    let report = span_f1(
        &[vec!["B-NP", "I-NP", "B-VP", "O"], vec!["B-PP"]],
        &[vec!["B-NP", "I-NP", "I-NP", "O"], vec!["B-PP"]],
    )
    .unwrap();
    assert_eq!(
        report.to_string(),
        "processed 5 tokens with 3 phrases; found: 2 phrases; correct: 1.\n\
         accuracy:  80.00%; precision:  50.00%; recall:  33.33%; FB1:  40.00\n               \
         NP: precision:   0.00%; recall:   0.00%; FB1:   0.00  1\n               \
         PP: precision: 100.00%; recall: 100.00%; FB1: 100.00  1\n               \
         VP: precision:   0.00%; recall:   0.00%; FB1:   0.00  0"
    );
    let error = span_f1(&[vec!["O"], vec!["O"]], &[vec!["O"], vec!["O", "O"]]).unwrap_err();
    assert_eq!(error.to_string(), "sequence 1: predicted tags: found 2, wanted 1, as there are references");
    assert!(span_f1(&[vec!["O"]], &[vec!["Q"]]).is_err());
    assert_eq!(span_f1::<&str>(&[] as &[Vec<&str>], &[] as &[Vec<&str>]).unwrap().f1(), 0.0);
}

/// Score and text of every metric that the golden script measures.
fn scores<R: AsRef<str>>(hypotheses: &[impl AsRef<str>], references: &[Vec<R>]) -> Vec<(f64, String)> {
    let bleu = [Bleu::new(), Bleu::new().lowercase(true), Bleu::new().effective_order(true)];
    let chrf = [
        Chrf::new(),
        Chrf::new().lowercase(true),
        Chrf::new().word_order(2),
        Chrf::new().word_order(2).beta(3).lowercase(true),
    ];
    let bleu = bleu.map(|metric| metric.corpus(hypotheses, references).unwrap());
    let chrf = chrf.map(|metric| metric.corpus(hypotheses, references).unwrap());
    let bleu = bleu.iter().map(|score| (score.score, score.to_string()));
    bleu.chain(chrf.iter().map(|score| (score.score, score.to_string()))).collect()
}

fn compare(found: Vec<(f64, String)>, golden: &Json) {
    let golden = golden.as_array().unwrap();
    assert_eq!(found.len(), golden.len());
    for ((score, text), golden) in found.into_iter().zip(golden) {
        assert_eq!(text, golden["text"].as_str().unwrap());
        assert!((score - golden["score"].as_f64().unwrap()).abs() < 1e-6, "{text}: {score}");
    }
}

fn translations() -> Json {
    serde_json::from_str(include_str!("../goldens/translation.json")).unwrap()
}

#[test]
fn scores_of_translations_are_those_of_sacrebleu() {
    let golden = translations();
    let hypotheses: Vec<String> = serde_json::from_value(golden["hypotheses"].clone()).unwrap();
    let references: Vec<Vec<String>> = serde_json::from_value(golden["references"].clone()).unwrap();
    compare(scores(&hypotheses, &references[..1]), &golden["one_reference"]);
    compare(scores(&hypotheses, &references), &golden["two_references"]);
    compare(scores(&["", ""], &[vec!["a", "b"]]), &golden["nothing"]);
    compare(scores(&["x y", "z"], &[vec!["a", "b c d"]]), &golden["no_match"]);
    compare(scores(&["the cat"], &[vec!["the cat sat"]]), &golden["short"]);
    for (at, wanted) in golden["sentences"].as_array().unwrap().iter().enumerate() {
        let sets: Vec<&str> = references.iter().map(|set| &*set[at]).collect();
        let found = [
            Bleu::new().sentence(&hypotheses[at], &sets).unwrap().score,
            Chrf::new().sentence(&hypotheses[at], &sets).unwrap().score,
            Chrf::new().word_order(2).sentence(&hypotheses[at], &sets).unwrap().score,
        ];
        for (found, wanted) in found.iter().zip(super::numbers(wanted)) {
            assert!((found - wanted).abs() < 1e-6, "{:?}: {found}, wanted {wanted}", hypotheses[at]);
        }
    }
}

#[test]
fn sets_of_references_have_to_fit() {
    let none: &[Vec<&str>] = &[];
    assert!(Bleu::new().corpus::<_, &str>(&["a"], none).is_err());
    assert!(Chrf::new().corpus::<_, &str>(&["a"], none).is_err());
    assert!(Bleu::new().sentence("a", &[]).is_err());
    let error = Bleu::new().corpus(&["a"], &[vec!["a", "b"]]).unwrap_err();
    assert_eq!(error.to_string(), "hypotheses: found 1, wanted 2, as there are references");
    assert!(Chrf::new().corpus(&["a"], &[vec!["a", "b"]]).is_err());
}

/// What `make_translation.py` makes of a line.
fn disturbed(number: usize, line: &str) -> String {
    let mut words = vec![];
    for (at, word) in line.split(' ').enumerate() {
        if (number + at) % 7 == 3 {
            continue;
        }
        words.push(if (number + at).is_multiple_of(5) { word.to_lowercase() } else { word.to_owned() });
        if (number + at) % 11 == 5 {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

/// 1000 lines of Multi30k, where `FORNAX_DATA` names the folder that holds it.
#[test]
fn scores_of_real_lines_are_those_of_sacrebleu() {
    let Some(data) = std::env::var_os("FORNAX_DATA") else {
        return eprintln!("skipped: FORNAX_DATA is not set");
    };
    let read = |language: &str| {
        let path = Path::new(&data).join(format!("multi30k/test_2016_flickr.{language}.gz"));
        fornax_data::text::read_lines(path).unwrap()
    };
    let (english, german) = (read("en"), read("de"));
    assert_eq!(english.len(), 1000);
    let system: Vec<String> = english.iter().enumerate().map(|(at, line)| disturbed(at, line)).collect();
    compare(scores(&system, std::slice::from_ref(&english)), &translations()["multi30k"]);
    compare(scores(&system, &[german, english]), &translations()["multi30k_two"]);
}
