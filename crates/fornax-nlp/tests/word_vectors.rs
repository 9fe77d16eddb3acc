//! Laws of the training of word vectors: what is used alike is near, the same bits for any number of threads, errors.

use fornax_core::{Backend, Error, ErrorKind, Flex, NdArray, Philox, Result};
use fornax_nlp::{
    Architecture, Corpus, Determinism, KeyedVectors, Subwords, Word2Vec, WordCounts, WordVectors,
};

/// Texts of two topics; words of the same number in `a` and `b` stand in the same places.
fn corpus(texts: usize) -> Vec<Vec<String>> {
    let mut random = Philox::new(4);
    let text = |topic: usize, random: &mut Philox| {
        (0..12).map(|_| format!("{}{}", ["a", "b"][topic], random.below(8))).collect()
    };
    (0..texts).map(|at| text(at % 2, &mut random)).collect()
}

fn settings() -> Word2Vec {
    Word2Vec::new(20).sample(0.0).learning_rate(0.05).epochs(4).determinism(Determinism::Exact)
}

fn subwords() -> Subwords {
    Subwords::default().min_n(2).max_n(3).buckets(500)
}

/// The mean similarity of words of one topic less that of words of two.
fn contrast(vectors: &KeyedVectors) -> f32 {
    let mean = |topics: [&str; 2]| {
        let pairs = (0..8).flat_map(|a| (0..8).map(move |b| (a, b))).filter(|(a, b)| a != b);
        let each = pairs.map(|(a, b)| {
            vectors.similarity(&format!("{}{a}", topics[0]), &format!("{}{b}", topics[1])).unwrap()
        });
        each.sum::<f32>() / 56.0
    };
    (mean(["a", "a"]) + mean(["b", "b"])) / 2.0 - mean(["a", "b"])
}

#[test]
fn words_of_a_topic_are_near() {
    let corpus = corpus(600);
    let forms = [
        settings(),
        settings().architecture(Architecture::Cbow),
        settings().hierarchical_softmax(true).negative(0),
        settings().architecture(Architecture::Cbow).hierarchical_softmax(true),
        settings().determinism(Determinism::Hogwild),
        settings().subwords(subwords()),
        settings().subwords(subwords()).architecture(Architecture::Cbow),
        settings().subwords(subwords()).hierarchical_softmax(true).negative(0),
    ];
    for form in forms {
        let vectors = form.fit(&corpus).unwrap();
        let losses = vectors.losses();
        assert!(losses.len() == 4 && losses[3] < losses[0], "{form:?}: losses {losses:?}");
        let contrast = contrast(&vectors.keyed_vectors().unwrap());
        assert!(contrast > 0.5, "{form:?}: contrast {contrast}");
    }
}

/// What is no CPU takes many examples at once and learns the same.
#[test]
fn the_default_body_learns_too() {
    let vectors = settings().epochs(2).fit_on::<NdArray<f64>, _>(&corpus(300), Default::default()).unwrap();
    let contrast = contrast(&vectors.keyed_vectors().unwrap());
    assert!(contrast > 0.3, "contrast {contrast}");
}

fn in_pool<R: Send>(threads: usize, run: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}

#[test]
fn exact_has_the_same_bits_for_any_number_of_threads() {
    let corpus = corpus(3000);
    let forms = [
        settings().sample(1e-2),
        settings().architecture(Architecture::Cbow),
        settings().subwords(subwords()),
    ];
    for form in forms.map(|form| form.epochs(1)) {
        let run = |threads| in_pool(threads, || form.fit(&corpus).unwrap());
        let one = run(1);
        for threads in [2, 4] {
            let other = run(threads);
            assert_eq!(one.keyed_vectors().unwrap(), other.keyed_vectors().unwrap());
            assert_eq!(one.losses(), other.losses());
        }
        let hogwild = form.clone().determinism(Determinism::Hogwild);
        let hogwild = in_pool(1, || hogwild.fit(&corpus).unwrap());
        assert_eq!(one.keyed_vectors().unwrap(), hogwild.keyed_vectors().unwrap());
        assert_ne!(one.keyed_vectors().unwrap(), form.seed(1).fit(&corpus).unwrap().keyed_vectors().unwrap());
    }
}

#[test]
fn backends_have_the_same_bits() {
    fn run<B: Backend>() -> KeyedVectors {
        settings().fit_on::<B, _>(&corpus(200), Default::default()).unwrap().keyed_vectors().unwrap()
    }
    assert_eq!(run::<Flex>(), run::<NdArray>());
}

#[test]
fn a_vocabulary_grows() {
    let mut vectors = settings().fit(&corpus(300)).unwrap();
    let before = vectors.keyed_vectors().unwrap();
    let more: Vec<Vec<String>> = corpus(400)
        .into_iter()
        .map(|text| text.into_iter().map(|word| word.replace("a7", "new").replace("b7", "rare")).collect())
        .collect();
    let mut few = more.clone();
    few.iter_mut().skip(4).flatten().filter(|word| *word == "rare").for_each(|word| *word = "b0".into());
    assert_eq!(vectors.extend_vocabulary(&few).unwrap(), 1);
    let grown = vectors.keyed_vectors().unwrap();
    assert_eq!(grown.words()[..16], before.words()[..]);
    assert_eq!(grown.vector("a3").unwrap(), before.vector("a3").unwrap());
    vectors.train(&few, 4).unwrap();
    let trained = vectors.keyed_vectors().unwrap();
    assert!(trained.similarity("new", "a3").unwrap() > trained.similarity("new", "b3").unwrap() + 0.3);
    let ngrams = settings().subwords(subwords());
    let mut with_ngrams = ngrams.fit(&corpus(300)).unwrap();
    let before = with_ngrams.subword_vectors().unwrap();
    with_ngrams.extend_vocabulary(&few).unwrap();
    let after = with_ngrams.subword_vectors().unwrap();
    for word in ["a3", "b7", "unknown"] {
        assert_eq!(before.vector(word).unwrap(), after.vector(word).unwrap());
    }
    let mut tree = settings().hierarchical_softmax(true).fit(&corpus(30)).unwrap();
    assert_eq!(tree.extend_vocabulary(&few).unwrap_err().kind(), ErrorKind::Argument);
}

#[test]
fn what_cannot_be_trained_is_an_error() {
    let fault =
        |form: Word2Vec, corpus: &[Vec<String>]| form.fit(corpus).map(|_| ()).unwrap_err().to_string();
    let corpus = corpus(4);
    assert_eq!(fault(settings(), &[]), "corpus: found no word, wanted at least one");
    assert!(fault(settings().min_count(1000), &corpus).ends_with("wanted a word that occurs 1000 times"));
    assert_eq!(fault(Word2Vec::new(0), &corpus), "dimension: found 0, wanted at least 1");
    assert_eq!(fault(settings().window(0), &corpus), "window: found 0, wanted at least 1");
    assert!(fault(settings().negative(0), &corpus).starts_with("negative: found 0"));
    assert!(fault(settings().learning_rate(f64::NAN), &corpus).starts_with("learning_rate: found NaN"));
    assert!(fault(settings().sample(-1.0), &corpus).starts_with("sample: found -1"));
    assert!(fault(settings().subwords(subwords().min_n(0)), &corpus).starts_with("min_n: found 0"));
    assert!(fault(settings().subwords(subwords().max_n(1)), &corpus).starts_with("max_n: found 1"));
    assert!(fault(settings().subwords(subwords().buckets(0)), &corpus).starts_with("buckets: found 0"));
    let wild = settings().min_count(1).learning_rate(1e30);
    assert!(fault(wild, &corpus).contains("wanted a finite one: lower the learning rate"));
}

/// One word, and texts of one word, teach nothing and are no fault.
#[test]
fn texts_without_a_window() {
    let one = vec![vec!["a"]; 10];
    for form in [settings(), settings().hierarchical_softmax(true)] {
        let vectors = form.fit(&one).unwrap().keyed_vectors().unwrap();
        assert_eq!((vectors.words(), vectors.dimension()), (&["a".to_owned()][..], 20));
    }
    let counts = WordCounts::of(&one, 1, None).unwrap();
    let untrained = WordVectors::<Flex>::new(settings(), counts, Default::default()).unwrap();
    assert!(untrained.losses().is_empty());
}

/// A text that ends a training after so many visits of a corpus.
struct Interrupted<'a> {
    texts: &'a [Vec<String>],
    visits: std::sync::atomic::AtomicUsize,
}

impl Corpus for Interrupted<'_> {
    fn visit(&self, each: &mut dyn FnMut(&mut dyn Iterator<Item = &str>) -> Result<()>) -> Result<()> {
        let left = self.visits.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        self.texts.iter().enumerate().try_for_each(|(at, text)| {
            if left == 1 && at > self.texts.len() / 2 {
                return Err(Error::data("corpus", "an interruption", "none"));
            }
            each(&mut text.iter().map(String::as_str))
        })
    }
}

/// Training on a checkpoint gives the bits of the training that was not interrupted, and another training is refused.
#[test]
fn interrupted_and_resumed_is_uninterrupted() {
    let folder = tempfile::tempdir().unwrap();
    let (corpus, path) = (corpus(2000), folder.path().join("state"));
    for form in [settings(), settings().subwords(subwords())] {
        let whole = form.fit(&corpus).unwrap();
        let form = form.checkpoint(&path);
        // One visit counts the words, two are epochs, the fourth fails in its middle.
        let interrupted = Interrupted { texts: &corpus, visits: 4.into() };
        assert!(form.fit(&interrupted).err().unwrap().to_string().contains("an interruption"));
        let resumed = form.fit(&corpus).unwrap();
        assert_eq!(whole.losses(), resumed.losses());
        assert_eq!(whole.keyed_vectors().unwrap(), resumed.keyed_vectors().unwrap());
        let again = form.fit(&corpus).unwrap();
        assert_eq!(again.keyed_vectors().unwrap(), resumed.keyed_vectors().unwrap());
        let fault = form.clone().seed(5).fit(&corpus).err().unwrap().to_string();
        assert!(fault.contains("wanted the settings Word2Vec"), "{fault}");
        let fault = form.fit(&corpus[1..]).err().unwrap().to_string();
        assert!(fault.contains("as in the corpus"), "{fault}");
        std::fs::remove_file(&path).unwrap();
    }
}

/// A text that is longer than a batch can be.
#[test]
fn long_texts_are_trained_whole() {
    let text: Vec<String> = corpus(200_000).concat();
    assert!(text.len() > 2_000_000);
    let vectors = settings().epochs(1).window(1).negative(1).fit(&[text][..]).unwrap();
    assert!(vectors.losses()[0] > 0.0);
}
