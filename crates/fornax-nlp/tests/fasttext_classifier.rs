//! Laws of the linear classifier of hashed n-grams: it learns, the same bits for any number of threads, files, errors.

use fornax_core::{NdArray, Philox};
use fornax_nlp::{Determinism, FastTextClassifier, FastTextModel, Subwords};

/// Texts whose class is whether `x` stands before `y`: no word alone says it.
fn orders(texts: usize) -> (Vec<Vec<String>>, Vec<u32>) {
    let mut random = Philox::new(2);
    let text = |at: usize| {
        let mut words: Vec<String> = (0..6).map(|_| format!("w{}", random.below(20))).collect();
        let pair = if at.is_multiple_of(2) { ["x", "y"] } else { ["y", "x"] };
        let place = random.below(7);
        words.splice(place..place, pair.map(str::to_owned));
        words
    };
    ((0..texts).map(text).collect(), (0..texts as u32).map(|at| at % 2).collect())
}

fn settings() -> FastTextClassifier {
    FastTextClassifier::new(10).buckets(2000).learning_rate(0.3).epochs(10).determinism(Determinism::Exact)
}

fn accuracy(model: &FastTextModel, texts: &[Vec<String>], labels: &[u32]) -> f64 {
    let right = texts.iter().zip(labels).filter(|(text, label)| {
        let p = model.probabilities(text);
        p[**label as usize] > p[1 - **label as usize]
    });
    right.count() as f64 / texts.len() as f64
}

#[test]
fn bigrams_learn_what_words_cannot() {
    let (texts, labels) = orders(1200);
    let (train, test) = texts.split_at(1000);
    let fit = |form: FastTextClassifier| {
        accuracy(&form.fit(train, &labels[..1000], 2).unwrap(), test, &labels[1000..])
    };
    assert!(fit(settings()) < 0.65);
    assert!(fit(settings().word_ngrams(2)) > 0.95);
    assert!(fit(settings().word_ngrams(2).determinism(Determinism::Hogwild)) > 0.95);
    let elsewhere = settings().word_ngrams(2).learning_rate(1.0);
    let elsewhere =
        elsewhere.fit_on::<NdArray<f64>, _>(train, &labels[..1000], 2, &Default::default()).unwrap();
    assert!(accuracy(&elsewhere, test, &labels[1000..]) > 0.95);
}

#[test]
fn subwords_speak_for_words_that_were_never_seen() {
    let texts: Vec<Vec<String>> =
        (0..200).map(|at| vec![format!("{}{}", ["good", "evil"][at % 2], at / 2), "is".into()]).collect();
    let labels: Vec<u32> = (0..200).map(|at| at % 2).collect();
    let form = settings().subwords(Subwords::default().min_n(3).max_n(4));
    let model = form.fit(&texts, &labels, 2).unwrap();
    assert!(model.probabilities(&["goodness"])[0] > 0.8);
    assert!(model.probabilities(&["evildoer"])[1] > 0.8);
    assert_eq!(model.probabilities::<&str>(&[]), [0.5, 0.5]);
}

#[test]
fn exact_has_the_same_bits_for_any_number_of_threads_and_files_keep_them() {
    let (texts, labels) = orders(600);
    let form = settings().word_ngrams(3).epochs(2);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| form.fit(&texts, &labels, 2).unwrap())
    };
    let one = run(1);
    assert!(one.losses()[1] < one.losses()[0]);
    for threads in [2, 4] {
        assert!(one == run(threads), "{threads} threads");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    one.save(&path).unwrap();
    assert!(one == FastTextModel::load(&path).unwrap());
    let bytes = std::fs::read(&path).unwrap();
    for len in (0..bytes.len()).step_by(4096) {
        std::fs::write(&path, &bytes[..len]).unwrap();
        assert!(FastTextModel::load(&path).is_err(), "{len} bytes");
    }
}

#[test]
fn what_cannot_be_trained_is_an_error() {
    let texts = vec![vec!["a"], vec!["b"]];
    let fault =
        |form: FastTextClassifier, labels: &[u32]| form.fit(&texts, labels, 2).unwrap_err().to_string();
    assert_eq!(fault(settings(), &[0]), "labels: found 1, wanted 2, one for each text");
    assert_eq!(fault(settings(), &[0, 2]), "label 1: found 2, wanted below 2");
    assert!(fault(settings().min_count(9), &[0, 1]).contains("wanted a word that occurs 9 times"));
    assert!(fault(settings().word_ngrams(0), &[0, 1]).starts_with("word_ngrams: found 0"));
    assert!(fault(settings().buckets(0), &[0, 1]).starts_with("buckets: found 0"));
    assert!(fault(settings().learning_rate(-1.0), &[0, 1]).starts_with("learning_rate: found -1"));
    assert!(fault(FastTextClassifier::new(0), &[0, 1]).starts_with("dimension: found 0"));
    assert!(fault(settings().learning_rate(1e30), &[0, 1]).contains("lower the learning rate"));
}
