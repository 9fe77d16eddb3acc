//! Text classifiers: they learn, are saved and loaded whole, and refuse what makes no sense.

use std::sync::OnceLock;

use fornax_core::{Backend, ErrorKind, Flex, NdArray, Philox};
use fornax_data::text::LabelledTexts;
use fornax_nlp::{
    BagOfEmbeddings, Determinism, FastTextClassifier, FitReport, KeyedVectors, TextCNN, TextClassifier,
    TextClassifierBuilder, TextLSTM, TextModel, TextTransformer, TfidfRegression,
};
use fornax_testkit::{assert_close, config};
use proptest::prelude::*;

/// Texts of 1 to 12 words; one word tells the class, wherever it stands.
fn texts(count: usize, seed: u64) -> LabelledTexts {
    let mut random = Philox::new(seed);
    let marks = [["awful", "dull"], ["fine", "great"], ["okay", "fair"]];
    let pairs = (0..count).map(|at| {
        let class = at % 3;
        let length = 1 + random.below(12);
        let place = random.below(length);
        let mark = marks[class][random.below(2)];
        let word = |at| if at == place { mark.into() } else { format!("w{}", random.below(9)) };
        ((0..length).map(word).collect::<Vec<String>>().join(" "), ["bad", "good", "so-so"][class])
    });
    LabelledTexts::from_pairs(pairs.collect::<Vec<_>>()).unwrap()
}

fn builder(model: impl Into<TextModel>) -> TextClassifierBuilder {
    TextClassifierBuilder::new(model).verbose(false).seed(1)
}

fn models() -> [(&'static str, TextClassifierBuilder); 6] {
    let cnn = TextCNN::new().dimension(16).filters(16).windows([2, 3]);
    [
        ("tfidf", builder(TfidfRegression::new())),
        ("cnn", builder(cnn).epochs(12).optimizer(adam())),
        ("lstm", builder(TextLSTM::new().dimension(16).units(16)).epochs(15).optimizer(adam())),
        ("bag", builder(BagOfEmbeddings::new().dimension(16)).epochs(15).optimizer(adam())),
        (
            "transformer",
            builder(TextTransformer::new().dimension(16).hidden(16)).epochs(15).optimizer(adam()),
        ),
        ("fasttext", builder(fasttext()).epochs(20)),
    ]
}

fn fasttext() -> FastTextClassifier {
    FastTextClassifier::new(10).word_ngrams(2).buckets(500).learning_rate(0.5).determinism(Determinism::Exact)
}

fn adam() -> fornax_optim::Adam {
    fornax_optim::Adam::new(0.01).lazy(true)
}

type Fitted = (&'static str, TextClassifier<Flex>, FitReport);

/// Every model, fitted once for all tests.
fn fitted() -> &'static [Fitted] {
    static FITTED: OnceLock<Vec<Fitted>> = OnceLock::new();
    FITTED.get_or_init(|| {
        let train = texts(390, 1);
        let fit = |(name, builder): (&'static str, TextClassifierBuilder)| {
            let (classifier, report) = builder.fit_on::<Flex>(&train, Default::default()).unwrap();
            (name, classifier, report)
        };
        models().into_iter().map(fit).collect()
    })
}

#[test]
fn every_model_learns_what_a_word_means() {
    let test = texts(150, 2);
    for (name, classifier, report) in fitted() {
        let accuracy = classifier.evaluate(&test).unwrap().accuracy();
        assert!(accuracy > 0.9, "{name}: {accuracy}");
        let held_out = report.validation.as_ref().unwrap();
        assert_eq!((report.texts, held_out.macro_average().support), (351, 39), "{name}");
        assert!(held_out.to_string().contains("so-so"), "{name}");
        assert!(classifier.class_names() == ["bad", "good", "so-so"] && report.vocabulary > 10, "{name}");
    }
}

#[test]
fn a_text_alone_is_a_row_of_a_batch_and_probabilities_add_up() {
    let mut some = texts(70, 3).texts().to_vec();
    some.extend(["", "never seen words", "  ", "w1", "fine"].map(str::to_owned));
    some.push("w1 great w2 ".repeat(300));
    for (name, classifier, _) in fitted() {
        let all = classifier.probabilities(&some).unwrap();
        assert_eq!(all.shape(), [76, 3]);
        for (row, text) in some.iter().enumerate() {
            let together = all.rows(row..row + 1).to_f32();
            assert!((together.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert_close(&classifier.probabilities(&[text]).unwrap().to_f32(), &together, 1e-5, name);
            let best = together.iter().copied().fold(0.0, f32::max);
            assert!((classifier.predict(text).unwrap().probability - best).abs() < 1e-5);
        }
        assert_eq!(classifier.probabilities::<String>(&[]).unwrap().shape(), [0, 3]);
    }
}

#[test]
fn a_line_of_ten_megabytes_is_a_text() {
    let long = "w1 great ".repeat(10 << 20 >> 3);
    for (name, classifier, _) in fitted() {
        assert_eq!(classifier.predict(&long).unwrap().label, "good", "{name}");
    }
}

#[test]
fn what_is_saved_predicts_the_same() {
    let test = texts(60, 4);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.fornax");
    for (name, classifier, _) in fitted() {
        classifier.save(&path).unwrap();
        let loaded = TextClassifier::<Flex>::load(&path).unwrap();
        let probabilities = classifier.probabilities(test.texts()).unwrap();
        assert_eq!(loaded.probabilities(test.texts()).unwrap(), probabilities, "{name}");
        assert_eq!(loaded.class_names(), classifier.class_names());
        let elsewhere = TextClassifier::<NdArray>::load(&path).unwrap().probabilities(test.texts()).unwrap();
        assert_close(&elsewhere.to_f32(), &probabilities.to_f32(), 1e-5, name);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

fn two_epochs<B: Backend>(threads: usize) -> Vec<f32> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let model = TextCNN::new().dimension(8).filters(4).windows([2]);
        let (classifier, _) =
            builder(model).epochs(2).fit_on::<B>(&texts(120, 1), Default::default()).unwrap();
        classifier.probabilities(texts(30, 5).texts()).unwrap().to_f32()
    })
}

#[test]
fn backends_agree_and_threads_change_no_bit() {
    let flex = two_epochs::<Flex>(1);
    assert_eq!(flex, two_epochs::<Flex>(3));
    assert_close(&flex, &two_epochs::<NdArray>(2), 1e-4, "NdArray");
}

#[test]
fn vectors_from_elsewhere_are_kept_where_frozen() {
    let words = ["fine", "dull", "elsewhere"].map(str::to_owned).to_vec();
    let vectors = KeyedVectors::new(words, 4, (0..12).map(|at| at as f32 / 12.0).collect()).unwrap();
    let row = |trainable: bool| {
        let builder =
            builder(BagOfEmbeddings::new().dimension(4)).epochs(1).vectors(vectors.clone(), trainable);
        let (classifier, _) = builder.fit_on::<Flex>(&texts(90, 1), Default::default()).unwrap();
        let table = classifier.network().unwrap().weight("embedding/embeddings").unwrap().to_f32();
        table.chunks_exact(4).any(|row| row == vectors.vector("fine").unwrap())
    };
    assert!(row(false), "frozen vectors stay");
    assert!(!row(true), "others are trained");
    let other = builder(BagOfEmbeddings::new().dimension(5)).vectors(vectors, true);
    let error = other.fit_on::<Flex>(&texts(90, 1), Default::default()).unwrap_err().to_string();
    assert_eq!(error, "dimension of the vectors: found 4, wanted 5, the dimension of the model");
}

#[test]
fn what_cannot_be_learned_is_an_error() {
    let fit = |builder: TextClassifierBuilder, texts: &LabelledTexts| {
        builder.fit_on::<Flex>(texts, Default::default()).unwrap_err().to_string()
    };
    let pairs = |pairs: &[(&str, &str)]| LabelledTexts::from_pairs(pairs.iter().copied()).unwrap();
    for (name, builder) in models() {
        let none = fit(builder.clone(), &pairs(&[]));
        assert_eq!(none, "texts: found 0 texts, of one class or none, wanted texts of two classes or more");
        assert!(fit(builder.clone(), &pairs(&[("x", "a"), ("y", "a")])).contains("one class"), "{name}");
        let few = fit(builder.clone(), &pairs(&[("x", "a"), ("y", "b")]));
        assert!(few.starts_with("validation_split: split: found 2 and 0 samples"), "{few}");
        let strange = builder.validation_data(pairs(&[("x", "never seen")]));
        let error = fit(strange, &pairs(&[("x", "a"), ("y", "b")]));
        let wanted = "validation data: label of text 0: found \"never seen\", wanted one of a, b";
        assert_eq!(error, wanted, "{name}");
    }
    let two = pairs(&[("x", "a"), ("y", "b")]);
    let cnn = |windows: &[usize]| builder(TextCNN::new().windows(windows)).validation_split(None);
    assert!(fit(cnn(&[]), &two).starts_with("windows: found []"));
    assert!(fit(cnn(&[3, 0]), &two).starts_with("windows: found [3, 0]"));
    assert!(fit(cnn(&[usize::MAX]), &two).starts_with("windows"));
    let bag = || builder(BagOfEmbeddings::new()).validation_split(None);
    assert!(fit(bag().max_length(0), &two).starts_with("max_length: found 0"));
    assert!(fit(bag().max_vocabulary(2), &two).starts_with("max_size"));
    assert!(fit(bag().batch_size(0), &two).contains("batch_size"));

    let (_, classifier, _) = &fitted()[0];
    let error = classifier.evaluate(&pairs(&[("x", "bad"), ("y", "worse")])).unwrap_err();
    assert_eq!(error.to_string(), "label of text 1: found \"worse\", wanted one of bad, good, so-so");
    assert_eq!(classifier.evaluate(&pairs(&[])).unwrap_err().kind(), ErrorKind::Data);
    // A part of the classes, in another order, is no error.
    assert_eq!(classifier.evaluate(&pairs(&[("great", "good")])).unwrap().accuracy(), 1.0);
}

/// Files of the three kinds.
fn saved() -> &'static [Vec<u8>; 3] {
    static SAVED: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    SAVED.get_or_init(|| {
        [0, 3, 5].map(|at| {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("a");
            fitted()[at].1.save(&path).unwrap();
            std::fs::read(path).unwrap()
        })
    })
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn a_damaged_file_is_read_or_refused(kind in 0usize..3, cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte: u8, truncate: bool) {
        let mut bytes = saved()[kind].clone();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        if let Ok(classifier) = TextClassifier::<Flex>::load(file.path()) {
            let _ = classifier.probabilities(&["w1 fine", ""]);
        }
    }
}
