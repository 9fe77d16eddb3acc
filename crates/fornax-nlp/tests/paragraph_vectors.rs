//! Vectors of texts: they tell topics, are saved whole, and are the same for any number of threads.

mod common;

use common::corpus;
use fornax_core::{Flex, Philox};
use fornax_nlp::{
    Architecture, Determinism, DocumentVectors, KeyedVectors, ParagraphVectors, Subwords, Word2Vec,
    WordVectors,
};

fn settings(architecture: Architecture) -> Word2Vec {
    let words = Word2Vec::new(12).architecture(architecture).sample(0.0).learning_rate(0.08).epochs(8);
    words.determinism(Determinism::Exact).verbose(false)
}

fn fit(architecture: Architecture) -> DocumentVectors<Flex> {
    ParagraphVectors::new(settings(architecture)).fit_on(&corpus(200), Default::default()).unwrap()
}

/// How much nearer texts of one topic are than those of two.
fn contrast(documents: &KeyedVectors) -> f32 {
    let pairs = (0..60).flat_map(|a| (a + 1..60).map(move |b| (a, b)));
    let (mut sums, mut counts) = ([0.0; 2], [0.0; 2]);
    for (a, b) in pairs {
        let same = usize::from((a + b) % 2 == 0);
        sums[same] += documents.similarity(&a.to_string(), &b.to_string()).unwrap();
        counts[same] += 1.0;
    }
    sums[1] / counts[1] - sums[0] / counts[0]
}

#[test]
fn texts_of_a_topic_are_near_and_new_ones_find_theirs() {
    for architecture in [Architecture::SkipGram, Architecture::Cbow] {
        let trained = fit(architecture);
        let documents = trained.documents().unwrap();
        assert!(contrast(&documents) > 0.25, "{architecture:?}: {}", contrast(&documents));
        assert!(trained.losses().last() < trained.losses().first());
        let new = corpus(40);
        let inferred = trained.infer_batch(&new).unwrap();
        let right = inferred.iter().enumerate().filter(|(at, vector)| {
            let nearest = documents.similar_by_vector(vector, 1).unwrap()[0].0.parse::<usize>().unwrap();
            nearest % 2 == at % 2
        });
        assert!(right.count() >= 38, "{architecture:?}");
        assert_eq!(trained.infer(&new[3]).unwrap(), inferred[3]);
    }
}

/// A text of the corpus is near to the vector that is inferred for it.
#[test]
fn texts_of_the_corpus_find_themselves() {
    let mut random = Philox::new(1);
    let texts: Vec<Vec<String>> =
        (0..50).map(|_| (0..60).map(|_| format!("w{}", random.below(400))).collect()).collect();
    let words = settings(Architecture::SkipGram).min_count(1).epochs(30);
    let trained: DocumentVectors<Flex> =
        ParagraphVectors::new(words).fit_on(&texts, Default::default()).unwrap();
    let documents = trained.documents().unwrap();
    let found = trained
        .infer_batch(&texts)
        .unwrap()
        .into_iter()
        .enumerate()
        .filter(|(at, vector)| documents.similar_by_vector(vector, 1).unwrap()[0].0 == at.to_string());
    assert!(found.count() >= 48);
}

#[test]
fn bits_do_not_depend_on_threads_and_files_keep_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("documents");
    for architecture in [Architecture::SkipGram, Architecture::Cbow] {
        let in_pool = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(architecture))
        };
        let (one, three) = (in_pool(1), in_pool(3));
        assert_eq!(one.documents().unwrap(), three.documents().unwrap());
        one.save(&path).unwrap();
        let loaded = DocumentVectors::<Flex>::load(&path, Default::default()).unwrap();
        assert_eq!(loaded.documents().unwrap(), one.documents().unwrap());
        assert_eq!(loaded.infer(&["a1", "a2"]).unwrap(), one.infer(&["a1", "a2"]).unwrap());
        let words = WordVectors::<Flex>::load(&path, Default::default()).err().unwrap().to_string();
        assert!(words.contains("wanted those of words"), "{words}");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
        assert!(DocumentVectors::<Flex>::load(&path, Default::default()).is_err());
    }
}

#[test]
fn words_are_there_where_they_were_trained() {
    assert!(fit(Architecture::Cbow).words().unwrap().index("a1").is_some());
    let error = fit(Architecture::SkipGram).words().unwrap_err().to_string();
    assert_eq!(error, "train_words: found false, wanted true, for vectors of words");
    let both = ParagraphVectors::new(settings(Architecture::SkipGram)).train_words(true);
    let trained: DocumentVectors<Flex> = both.fit_on(&corpus(200), Default::default()).unwrap();
    let words = trained.words().unwrap();
    assert!(words.similarity("a1", "a2").unwrap() > words.similarity("a1", "b2").unwrap() + 0.3);
    assert!(contrast(&trained.documents().unwrap()) > 0.5);
}

#[test]
fn what_makes_no_sense_is_an_error() {
    let fault = |vectors: &ParagraphVectors, corpus: &[Vec<String>]| {
        vectors.fit_on::<Flex, _>(corpus, Default::default()).err().unwrap().to_string()
    };
    let plain = ParagraphVectors::new(settings(Architecture::Cbow));
    assert_eq!(fault(&plain, &[]), "corpus: found no word, wanted at least one");
    let subwords = ParagraphVectors::new(settings(Architecture::Cbow).subwords(Subwords::default()));
    assert_eq!(fault(&subwords, &corpus(20)), "subwords: found some, wanted none where texts have vectors");
    let trained = fit(Architecture::Cbow);
    assert_eq!(
        trained.infer(&["unheard"]).unwrap_err().to_string(),
        "text 0: found no word that is known, wanted at least one"
    );
    assert_eq!(trained.tagged(["one"]).unwrap_err().to_string(), "tags: found 1, wanted 200, one a text");
    assert!(trained.tagged(vec!["same"; 200]).is_err());
    assert_eq!(trained.tagged((0..200).map(|at| format!("text {at}"))).unwrap().len(), 200);
    // Texts without a known word keep their first vector.
    let mut texts = corpus(60);
    texts[7] = vec!["once".into()];
    texts[8].clear();
    let trained: DocumentVectors<Flex> = plain.fit_on(&texts, Default::default()).unwrap();
    assert_eq!(trained.documents().unwrap().len(), 60);
}
