//! fastText's files: what fastText and gensim wrote and answer (goldens/make_fasttext.py made both), round trips, faults.

use std::collections::BTreeMap;

use fornax_core::Flex;
use fornax_nlp::{Architecture, SubwordVectors, Subwords, Word2Vec, WordVectors};
use fornax_testkit::{assert_close, config};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Answers {
    words: Vec<String>,
    vectors: BTreeMap<String, Vec<f32>>,
    nearest: Vec<(String, Vec<(String, f32)>)>,
}

fn golden(name: &str) -> String {
    format!("{}/tests/goldens/fasttext_{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn files_of_fasttext_and_gensim_are_read() {
    let text = std::fs::read_to_string(format!("{}/tests/goldens/fasttext.json", env!("CARGO_MANIFEST_DIR")))
        .unwrap();
    let answers: BTreeMap<String, Answers> = serde_json::from_str(&text).unwrap();
    for name in ["skipgram.bin", "gensim.bin", "words.bin", "classifier.bin"] {
        let vectors = SubwordVectors::load(golden(name)).unwrap();
        let model = if name == "gensim.bin" { "skipgram" } else { name.trim_end_matches(".bin") };
        let Answers { words, vectors: wanted, nearest } = &answers[model];
        assert_eq!(vectors.keyed_vectors().words(), words);
        for (word, wanted) in wanted {
            assert_close(&vectors.vector(word).unwrap(), wanted, 1e-6, &format!("{name}: {word}"));
        }
        for (word, wanted) in nearest {
            for ((found, score), (word, wanted)) in vectors.most_similar(word, 3).unwrap().iter().zip(wanted)
            {
                assert_eq!(found, word, "{name}");
                assert!((score - wanted).abs() < 1e-5, "{name}: {word} {score}, wanted {wanted}");
            }
        }
    }
}

#[test]
fn models_are_trained_on() {
    let mut vectors = WordVectors::<Flex>::load_fasttext(golden("skipgram.bin"), Default::default()).unwrap();
    let corpus = vec![vec!["singing", "singer"]; 500];
    vectors.train(&corpus, 2).unwrap();
    let before = SubwordVectors::load(golden("skipgram.bin")).unwrap();
    let after = vectors.subword_vectors().unwrap();
    assert_eq!(before.keyed_vectors().words(), after.keyed_vectors().words());
    assert_ne!(before.vector("singer").unwrap(), after.vector("singer").unwrap());
    let error =
        WordVectors::<Flex>::load_fasttext(golden("classifier.bin"), Default::default()).err().unwrap();
    let wanted = "found loss 3 of model 3, wanted negative sampling (2)";
    assert!(error.to_string().contains(wanted), "{error}");
}

#[test]
fn quantised_files_are_refused() {
    let error = SubwordVectors::load(golden("quantised.ftz")).unwrap_err().to_string();
    assert!(error.contains("found quantised vectors, wanted vectors that are not quantised"), "{error}");
}

fn trained(form: Word2Vec) -> WordVectors<Flex> {
    let corpus = [["der", "blaue", "reiter"], ["die", "brücke", "reitet"]];
    form.min_count(1).epochs(2).fit(&corpus[..]).unwrap()
}

#[test]
fn models_are_saved_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    let subwords = Subwords::default().min_n(2).max_n(3).buckets(40);
    let forms = [
        Word2Vec::new(3).subwords(subwords),
        Word2Vec::new(17).architecture(Architecture::Cbow).subwords(subwords),
    ];
    for form in forms {
        let vectors = trained(form);
        vectors.save_fasttext(&path).unwrap();
        assert_eq!(SubwordVectors::load(&path).unwrap(), vectors.subword_vectors().unwrap());
        let again = WordVectors::<Flex>::load_fasttext(&path, Default::default()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        again.save_fasttext(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
    let words = trained(Word2Vec::new(4));
    words.save_fasttext(&path).unwrap();
    let read = SubwordVectors::load(&path).unwrap();
    assert_eq!(*read.keyed_vectors(), words.keyed_vectors().unwrap());
    let unknown = read.vector("grün").unwrap_err().to_string();
    assert!(unknown.starts_with("word: found \"grün\", wanted a known word"), "{unknown}");
    assert!(words.subword_vectors().unwrap_err().to_string().starts_with("subwords: found none"));
    let tree = trained(Word2Vec::new(4).hierarchical_softmax(true)).save_fasttext(&path);
    assert!(tree.unwrap_err().to_string().starts_with("hierarchical_softmax: found true"));
}

proptest! {
    #![proptest_config(config(1000))]

    /// Bytes that are changed, cut or made up are an error or vectors, never a panic.
    #[test]
    fn any_bytes_are_read_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        head in any::<bool>(),
        cut in any::<prop::sample::Index>(),
        noise in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200)),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bin");
        let mut bytes = std::fs::read(golden("skipgram.bin")).unwrap();
        for (at, byte) in changes {
            let at = at.index(if head { 100 } else { bytes.len() });
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(2 * bytes.len()).min(bytes.len()));
        std::fs::write(&path, noise.unwrap_or(bytes)).unwrap();
        let _ = SubwordVectors::load(&path);
        let _ = WordVectors::<Flex>::load_fasttext(&path, Default::default());
    }
}
