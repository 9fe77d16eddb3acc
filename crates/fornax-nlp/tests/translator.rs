//! Translators: they learn, are saved and loaded whole, and refuse what makes no sense.

use std::sync::OnceLock;

use fornax_core::{ErrorKind, Flex, NdArray, Philox};
use fornax_data::text::Tokenizer;
use fornax_nlp::{
    BagOfEmbeddings, TextClassifierBuilder, TranslationGRU, TranslationModel, TranslationTransformer,
    Translator, TranslatorBuilder,
};
use fornax_sequence::decoding::BeamSearch;

/// Numbers by name, and the same in another language with the last two in the other order.
fn pairs(count: usize, seed: u64) -> Vec<(String, String)> {
    let words = [("eins", "one"), ("zwei", "two"), ("drei", "three"), ("vier", "four")];
    let mut random = Philox::new(seed);
    let pair = |random: &mut Philox| {
        let text: Vec<_> = (0..2 + random.below(3)).map(|_| words[random.below(4)]).collect();
        let source: Vec<&str> = text.iter().map(|word| word.0).collect();
        let mut target: Vec<&str> = text.iter().map(|word| word.1).collect();
        let last = target.len() - 1;
        target.swap(last - 1, last);
        (source.join(" ") + "!", target.join(" ") + ".")
    };
    (0..count).map(|_| pair(&mut random)).collect()
}

fn builder(model: impl Into<TranslationModel>) -> TranslatorBuilder {
    TranslatorBuilder::new(model).batch_size(32).warmup(30).learning_rate(0.01).verbose(false).seed(1)
}

fn transformer() -> TranslationTransformer {
    TranslationTransformer::new().dimension(32).blocks(1).heads(4).hidden(64).dropout(0.0)
}

fn gru() -> TranslationGRU {
    TranslationGRU::new().dimension(16).units(32).dropout(0.0)
}

/// Both models, fitted once for all tests.
fn fitted() -> &'static [(&'static str, Translator<Flex>)] {
    static FITTED: OnceLock<Vec<(&'static str, Translator<Flex>)>> = OnceLock::new();
    FITTED.get_or_init(|| {
        let models: [(_, TranslationModel, _, _); 2] =
            [("transformer", transformer().into(), 0.003, 40), ("gru", gru().into(), 0.01, 12)];
        let fit = |(name, model, rate, epochs)| {
            let builder = builder(model).learning_rate(rate).epochs(epochs);
            (name, builder.fit_on(&pairs(800, 1), Default::default()).unwrap().0)
        };
        models.into_iter().map(fit).collect()
    })
}

fn sources(pairs: &[(String, String)]) -> Vec<&str> {
    pairs.iter().map(|(source, _)| &**source).collect()
}

#[test]
fn new_texts_are_translated() {
    let test = pairs(60, 2);
    for (name, translator) in fitted() {
        let found = translator.translate_batch(&sources(&test)).unwrap();
        let right = found.iter().zip(&test).filter(|(found, (_, wanted))| *found == wanted).count();
        assert!(right >= 57, "{name}: {right} of 60, {:?} for {:?}", found[0], test[0]);
        assert_eq!(translator.vocabulary_lens(), [9, 9]);
    }
}

#[test]
fn a_text_alone_has_the_translation_that_it_has_among_others() {
    let test = pairs(25, 3);
    let mut texts = sources(&test);
    texts.extend(["", " \t", "eins nie"]);
    for (name, translator) in fitted() {
        let together = translator.translate_batch(&texts).unwrap();
        assert_eq!(together[25..27], ["", ""], "{name}");
        for (text, wanted) in texts.iter().zip(&together) {
            assert_eq!(translator.translate(text).unwrap(), *wanted, "{name}: {text}");
        }
        assert!(translator.translate_batch::<&str>(&[]).unwrap().is_empty());
        let long = translator.translate(&"eins zwei ".repeat(60)).unwrap();
        assert!(long.split(' ').count() <= 180, "{name}");
    }
}

#[test]
fn one_beam_is_the_best_word_at_each_step_and_more_are_ordered() {
    let test = pairs(20, 4);
    let mut texts = sources(&test);
    texts.push("");
    for (name, translator) in fitted() {
        let one = translator.search(&texts, &BeamSearch::new(1)).unwrap();
        let greedy = translator.translate_batch(&texts).unwrap();
        assert!(one.iter().zip(&greedy).all(|(one, greedy)| one[0].text == *greedy), "{name}");
        let three = translator.search(&texts, &BeamSearch::new(4).n_best(3)).unwrap();
        for found in &three[..20] {
            assert_eq!(found.len(), 3, "{name}");
            assert!(
                found.is_sorted_by(|a, b| a.score >= b.score) && found[0].text != found[1].text,
                "{name}"
            );
        }
        assert_eq!((three[20].len(), &*three[20][0].text), (1, ""));
        assert!(translator.search(&texts, &BeamSearch::new(0)).is_err());
    }
}

#[test]
fn a_saved_translator_is_the_same_on_every_backend() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("translator.fornax");
    let test = pairs(20, 5);
    for (name, translator) in fitted() {
        translator.save(&path).unwrap();
        let wanted = translator.translate_batch(&sources(&test)).unwrap();
        let flex = Translator::<Flex>::load(&path).unwrap();
        assert_eq!(flex.translate_batch(&sources(&test)).unwrap(), wanted, "{name}");
        let ndarray = Translator::<NdArray>::load(&path).unwrap();
        assert_eq!(ndarray.translate_batch(&sources(&test)).unwrap(), wanted, "{name}");
    }
}

#[test]
fn files_that_hold_no_translator_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("translator.fornax");
    fitted()[0].1.save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let fault = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = Translator::<Flex>::load(&path).unwrap_err().to_string();
        assert!(error.contains("translator.fornax"), "{error}");
        error
    };
    for cut in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        fault(&bytes[..cut]);
    }
    let replaced = |from: &str, to: &str| {
        let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
    };
    // The header's strings have escaped quotes.
    let error = fault(&replaced("<start>", "<begin>"));
    assert!(error.contains("vocabulary of the source: found [\"<pad>\", \"<unk>\", \"<begin>\""), "{error}");
    let error = fault(&replaced("\\\"!\\\",", "      "));
    assert!(error.contains("found 9 and 9 words, wanted 8 and 9 words"), "{error}");

    let texts =
        fornax_data::text::LabelledTexts::from_pairs([("a b", "x"), ("c d", "y")].repeat(10)).unwrap();
    let other = TextClassifierBuilder::new(BagOfEmbeddings::new()).epochs(1).verbose(false);
    other.fit_on::<Flex>(&texts, Default::default()).unwrap().0.save(&path).unwrap();
    let error = Translator::<Flex>::load(&path).unwrap_err();
    assert!(error.to_string().contains("the words of a translator"), "{error}");
}

#[test]
fn the_same_seed_has_the_same_translator_for_any_number_of_threads() {
    let fit = |model: TranslationModel, seed, threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (translator, history) = pool
            .install(|| {
                builder(model).epochs(1).seed(seed).fit_on::<Flex, _>(&pairs(60, 1), Default::default())
            })
            .unwrap();
        let weights =
            translator.network().weights().iter().flat_map(|weight| weight.to_vec()).collect::<Vec<f32>>();
        (weights, history.epochs()[0].logs.get("loss"))
    };
    for model in [TranslationModel::from(gru().dropout(0.2)), transformer().dropout(0.2).into()] {
        let wanted = fit(model.clone(), 5, 1);
        assert!(fit(model.clone(), 5, 2) == wanted && fit(model.clone(), 5, 4) == wanted);
        assert!(fit(model, 6, 1) != wanted);
    }
}

#[test]
fn case_and_marks_are_those_of_the_tokenizers() {
    let pairs = [("Hallo Welt", "Hello, World"), ("gut", "OK")].repeat(30);
    let whole = Tokenizer::new();
    let builder = builder(gru()).epochs(40).source_tokenizer(whole.clone()).target_tokenizer(whole);
    let (translator, history) = builder.fit_on::<Flex, _>(&pairs, Default::default()).unwrap();
    assert_eq!(translator.translate("Hallo Welt").unwrap(), "Hello, World");
    assert_eq!(history.epochs().len(), 40);
}

#[test]
fn what_makes_no_sense_is_an_error() {
    let fault = |builder: TranslatorBuilder, pairs: &[(&str, &str)]| {
        builder.epochs(1).fit_on::<Flex, _>(pairs, Default::default()).unwrap_err().to_string()
    };
    let (one, two) = ([("a", "b")], [("a", "b"), ("c", " ")]);
    assert_eq!(fault(builder(gru()), &[]), "pairs: found none, wanted at least one");
    assert_eq!(fault(builder(gru()), &two), "target of pair 1: found no word, wanted at least one");
    let held_out = builder(gru()).validation_data([("", "b")]);
    assert_eq!(
        fault(held_out, &one),
        "validation data: source of pair 0: found no word, wanted at least one"
    );
    assert_eq!(fault(builder(gru()).max_length(1), &one), "max_length: found 1, wanted at least 2");
    assert!(fault(builder(gru()).batch_size(0), &one).contains("batch"));
    assert!(fault(builder(gru()).label_smoothing(2.0), &one).contains("label_smoothing"));
    assert!(fault(builder(gru()).max_vocabulary(3), &one).contains("max_size"));
    assert!(fault(builder(transformer().heads(5)), &one).contains("heads"));
    assert!(fault(builder(gru().units(0)), &one).contains("units"));
    // Every word is rare: they are all the unknown word.
    assert!(builder(gru()).epochs(1).fit_on::<Flex, _>(&one, Default::default()).is_ok());

    let error = fitted()[0].1.translate(&"eins ".repeat(1001)).unwrap_err();
    assert_eq!(error.to_string(), "words of text 0: found 1001, wanted at most 1000");
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(fitted().iter().all(|(_, translator)| translator.translate(&"eins ".repeat(1000)).is_ok()));
}
