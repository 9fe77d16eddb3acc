//! Files that gensim wrote, and its answers on them; goldens/make_vectors.py made both.

use fornax_nlp::{Analogy, KeyedVectors, VectorFile};
use serde::Deserialize;

#[derive(Deserialize)]
struct Answers {
    most_similar: Vec<(Vec<String>, Vec<(String, f32)>)>,
    most_similar_cosmul: Vec<(Vec<String>, Vec<(String, f32)>)>,
    doesnt_match: Vec<(Vec<String>, String)>,
    analogies: Vec<(String, usize, usize)>,
    pairs: (f64, f64, f64),
}

fn path(name: &str) -> String {
    format!("{}/tests/goldens/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn vectors() -> KeyedVectors {
    KeyedVectors::load(path("gensim.bin"), VectorFile::Word2VecBinary, None).unwrap()
}

fn answers() -> Answers {
    serde_json::from_str(&std::fs::read_to_string(path("answers.json")).unwrap()).unwrap()
}

#[test]
fn both_forms_hold_the_same() {
    let text = KeyedVectors::load(path("gensim.txt"), VectorFile::Word2VecText, None).unwrap();
    assert_eq!(text.words(), vectors().words());
    for (text, binary) in text.vectors().to_f32().iter().zip(vectors().vectors().to_f32()) {
        assert!((text - binary).abs() < 1e-6, "{text} and {binary}");
    }
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("vectors");
    vectors().save(&ours, VectorFile::Word2VecText).unwrap();
    assert_eq!(std::fs::read_to_string(&ours).unwrap().lines().next(), Some("40 6"));
}

#[test]
fn answers_are_those_of_gensim() {
    let (vectors, answers) = (vectors(), answers());
    let kinds = [(Analogy::CosAdd, answers.most_similar), (Analogy::CosMul, answers.most_similar_cosmul)];
    for (analogy, questions) in kinds {
        for (question, wanted) in questions {
            let query = vectors.query().positive(question[1..].to_vec()).negative(question[..1].to_vec());
            let found = query.analogy(analogy).count(5).answer().unwrap();
            for ((word, score), (wanted, wanted_score)) in found.into_iter().zip(wanted) {
                assert_eq!(word, wanted);
                assert!((score - wanted_score).abs() < 1e-5 * wanted_score.abs().max(1.0), "{word}: {score}");
            }
        }
    }
    for (words, wanted) in answers.doesnt_match {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(vectors.doesnt_match(&words).unwrap(), wanted);
    }
}

#[test]
fn evaluations_are_those_of_gensim() {
    let (vectors, answers) = (vectors(), answers());
    let report = vectors.evaluate_analogies(path("questions.txt"), 30).unwrap();
    let (total, sections) = answers.analogies.split_last().unwrap();
    let found: Vec<_> = report
        .sections
        .iter()
        .map(|section| (section.name.clone(), section.correct, section.total))
        .collect();
    assert_eq!(found, sections);
    assert_eq!(report.accuracy(|_| true), total.1 as f64 / total.2 as f64);
    let pairs = vectors.evaluate_word_pairs(path("pairs.tsv"), 30).unwrap();
    let (pearson, spearman, unknown) = answers.pairs;
    assert!((pairs.pearson - pearson).abs() < 1e-5 && (pairs.spearman - spearman).abs() < 1e-9, "{pairs}");
    assert!((100.0 * pairs.unknown as f64 / 31.0 - unknown).abs() < 1e-9, "{pairs}");
}
