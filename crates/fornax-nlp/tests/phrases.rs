//! Phrases as gensim finds them; goldens/make_phrases.py made the file.

use std::collections::BTreeMap;

use fornax_core::Result;
use fornax_nlp::{Corpus, PhraseScore, Phrases, PhrasesBuilder};
use serde::Deserialize;

#[derive(Deserialize)]
struct Goldens {
    texts: Vec<Vec<String>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    settings: Settings,
    phrases: BTreeMap<String, f64>,
    texts: Vec<Vec<String>>,
}

#[derive(Deserialize)]
struct Settings {
    min_count: u64,
    threshold: f64,
    scoring: Option<String>,
    delimiter: Option<String>,
    connector_words: Vec<String>,
}

fn visited(corpus: &impl Corpus) -> Vec<Vec<String>> {
    let mut texts = vec![];
    let visited: Result<()> = corpus.visit(&mut |tokens| {
        texts.push(tokens.map(str::to_owned).collect());
        Ok(())
    });
    visited.unwrap();
    texts
}

#[test]
fn phrases_are_those_of_gensim() {
    let path = format!("{}/tests/goldens/phrases.json", env!("CARGO_MANIFEST_DIR"));
    let goldens: Goldens = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for Case { settings, phrases: wanted, texts } in goldens.cases {
        let mut builder = PhrasesBuilder::new().min_count(settings.min_count).threshold(settings.threshold);
        builder = builder.delimiter(settings.delimiter.unwrap_or("_".into()));
        if settings.scoring.is_some() {
            builder = builder.score(PhraseScore::Npmi);
        }
        let phrases = builder.connector_words(settings.connector_words).fit(&goldens.texts).unwrap();
        let found: BTreeMap<String, f64> =
            phrases.phrases().map(|(phrase, score)| (phrase.to_owned(), score)).collect();
        assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
        for (phrase, score) in &found {
            assert!((score - wanted[phrase]).abs() < 1e-9 * score.abs().max(1.0), "{phrase}: {score}");
        }
        assert!(phrases.phrases().is_sorted_by(|a, b| a.1 >= b.1));
        assert_eq!(visited(&phrases.corpus(&goldens.texts)), texts);
        let saved = serde_json::to_string(&phrases).unwrap();
        assert_eq!(serde_json::from_str::<Phrases>(&saved).unwrap(), phrases);
    }
}

#[test]
fn a_threshold_is_a_number() {
    let error = PhrasesBuilder::new().threshold(f64::NAN).fit(&Vec::<Vec<String>>::new()).unwrap_err();
    assert_eq!(error.to_string(), "threshold: found NaN, wanted a number");
    let none = PhrasesBuilder::new().fit(&Vec::<Vec<String>>::new()).unwrap();
    assert_eq!(none.tokens(["a", "b"]), ["a", "b"]);
}
