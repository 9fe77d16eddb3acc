//! GloVe: vectors tell topics and are the same for any number of threads.

mod common;

use common::corpus;
use fornax_nlp::{Glove, GloveVectors, KeyedVectors, VectorFile};

fn fit(settings: Glove) -> GloveVectors {
    settings.verbose(false).fit(&corpus(300)).unwrap()
}

#[test]
fn words_of_a_topic_are_near() {
    for settings in [Glove::new(10), Glove::new(10).symmetric(false).window(6)] {
        let trained = fit(settings);
        let vectors = trained.keyed_vectors();
        let similarity = |a: &str, b: &str| vectors.similarity(a, b).unwrap();
        let near: f32 = (1..10).map(|at| similarity("a0", &format!("a{at}"))).sum::<f32>() / 9.0;
        let far: f32 = (1..10).map(|at| similarity("a0", &format!("b{at}"))).sum::<f32>() / 9.0;
        assert!(near > far + 0.5, "{near} {far}");
        assert!(trained.losses().is_sorted_by(|a, b| a > b), "{:?}", trained.losses());
        assert!(trained.pairs() > 400);
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let in_pool = |threads: usize, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(Glove::new(7).epochs(3).seed(seed)).into_keyed_vectors())
    };
    let one = in_pool(1, 1);
    assert_eq!(one, in_pool(2, 1));
    assert_eq!(one, in_pool(4, 1));
    assert_ne!(one, in_pool(4, 2));
}

#[test]
fn vectors_go_through_their_own_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("glove.txt");
    let trained = fit(Glove::new(3).epochs(1));
    trained.keyed_vectors().save(&path, VectorFile::Glove).unwrap();
    assert_eq!(&KeyedVectors::load(&path, VectorFile::Glove, None).unwrap(), trained.keyed_vectors());
}

/// A window that is longer than any text is one that holds all of it.
#[test]
fn a_window_may_be_longer_than_texts() {
    let vectors = |window| fit(Glove::new(3).epochs(2).window(window)).into_keyed_vectors();
    assert_eq!(vectors(usize::MAX), vectors(20));
}

#[test]
fn what_makes_no_sense_is_an_error() {
    let fault = |settings: Glove, corpus: &[Vec<String>]| {
        settings.verbose(false).fit(corpus).unwrap_err().to_string()
    };
    let texts = corpus(20);
    assert_eq!(fault(Glove::new(0), &texts), "dimension: found 0, wanted at least 1");
    assert_eq!(fault(Glove::new(5).window(0), &texts), "window: found 0, wanted at least 1");
    assert_eq!(fault(Glove::new(5).x_max(0.0), &texts), "x_max: found 0, wanted a finite number above 0");
    assert_eq!(
        fault(Glove::new(5).alpha(-1.0), &texts),
        "alpha: found -1, wanted a finite number of 0 or more"
    );
    assert_eq!(fault(Glove::new(5), &[]), "corpus: found no word, wanted at least one");
    let alone = vec![vec!["word".to_owned()]; 9];
    assert_eq!(
        fault(Glove::new(5), &alone),
        "corpus: found no two words near each other, wanted texts of two words or more"
    );
    assert!(
        fault(Glove::new(5).memory(2000), &texts)
            .contains("in 2000 bytes: a greater min_count or more memory")
    );
    let large = fault(Glove::new(usize::MAX / 2), &texts);
    assert!(large.contains("rows that memory holds"), "{large}");
    assert!(fault(Glove::new(5).learning_rate(1e30), &texts).contains("lower the learning rate"));
}
