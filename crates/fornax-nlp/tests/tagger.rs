//! Taggers: they learn, are saved and loaded whole, and refuse what makes no sense.

use std::sync::OnceLock;

use fornax_core::{ErrorKind, Flex, NdArray, Philox};
use fornax_nlp::{KeyedVectors, TaggedSentence, Tagger, TaggerBuilder};

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Sentences in which the tag of a word depends on the word, its end or the word before it.
fn sentences(count: usize, seed: u64) -> Vec<TaggedSentence> {
    let mut random = Philox::new(seed);
    let sentence = |random: &mut Philox| {
        let (mut words, mut tags) = (vec![], vec![]);
        for _ in 0..1 + random.below(4) {
            let noun = ["cat", "dog", "bird"][random.below(3)];
            let (article, noun_tag) = if random.below(2) == 0 { ("the", "B-NP") } else { ("some", "B-NP") };
            words.extend([article.to_owned(), noun.to_owned()]);
            tags.extend([noun_tag.to_owned(), "I-NP".into()]);
            let stem = ["walk", "jump", "sing", "call"][random.below(4)];
            words.push(format!("{stem}{}", ["ed", "s"][random.below(2)]));
            tags.push("O".into());
        }
        TaggedSentence::new(words, tags).unwrap()
    };
    (0..count).map(|_| sentence(&mut random)).collect()
}

fn builder() -> TaggerBuilder {
    TaggerBuilder::new()
        .dimension(12)
        .units(12)
        .dropout(0.1)
        .learning_rate(0.01)
        .epochs(8)
        .verbose(false)
        .seed(1)
}

fn fitted() -> &'static Tagger<Flex> {
    static FITTED: OnceLock<Tagger<Flex>> = OnceLock::new();
    FITTED.get_or_init(|| builder().fit_on(&sentences(150, 1), Default::default()).unwrap().0)
}

#[test]
fn tags_of_new_sentences_are_found() {
    let (tagger, test) = (fitted(), sentences(40, 2));
    assert_eq!(tagger.tags(), ["B-NP", "I-NP", "O"]);
    assert_eq!(tagger.accuracy(&test).unwrap(), 1.0);
    assert_eq!(tagger.span_f1(&test).unwrap().f1(), 1.0);
    // `talked` was never seen; its letters are.
    assert_eq!(tagger.tag(&["The", "dog", "talked"]).unwrap(), ["B-NP", "I-NP", "O"]);
    let tagged = tagger.tag_text("some bird sings.").unwrap();
    assert_eq!(tagged.iter().map(|(word, _)| &**word).collect::<Vec<_>>(), ["some", "bird", "sings", "."]);
}

#[test]
fn tags_do_not_depend_on_the_other_sentences() {
    let sentences = sentences(30, 3);
    let words: Vec<&[String]> = sentences.iter().map(TaggedSentence::words).collect();
    let together = fitted().tag_batch(&words).unwrap();
    for (words, tags) in words.iter().zip(&together) {
        assert_eq!(fitted().tag(words).unwrap(), *tags);
        assert_eq!(tags.len(), words.len());
    }
    assert!(fitted().tag::<&str>(&[]).unwrap().is_empty());
    assert_eq!(fitted().tag(&["the", "<pad>", "<unk>", ""]).unwrap().len(), 4);
    let long = vec!["dog"; 500];
    assert_eq!(fitted().tag(&long).unwrap().len(), 500);
}

#[test]
fn a_saved_tagger_is_the_same_on_every_backend() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tagger.fornax");
    fitted().save(&path).unwrap();
    let test = sentences(20, 4);
    assert_eq!(
        Tagger::<Flex>::load(&path).unwrap().tags_of(&test).unwrap(),
        fitted().tags_of(&test).unwrap()
    );
    assert_eq!(
        Tagger::<NdArray>::load(&path).unwrap().tags_of(&test).unwrap(),
        fitted().tags_of(&test).unwrap()
    );
    let bytes = std::fs::read(&path).unwrap();
    for cut in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let error = Tagger::<Flex>::load(&path).unwrap_err();
        assert!(error.to_string().contains("tagger.fornax"), "{error}");
    }
}

#[test]
fn the_same_seed_has_the_same_tagger_for_any_number_of_threads() {
    let fit = |seed, threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let builder = builder().epochs(1).seed(seed);
        let (tagger, _) =
            pool.install(|| builder.fit_on::<Flex>(&sentences(40, 1), Default::default())).unwrap();
        tagger.network().weights().iter().flat_map(|weight| weight.to_vec()).collect::<Vec<f32>>()
    };
    let wanted = fit(5, 1);
    assert!(fit(5, 2) == wanted && fit(5, 4) == wanted && fit(6, 1) != wanted);
}

#[test]
fn words_have_given_vectors_and_features() {
    let words = owned(&["cat", "wombat"]);
    let vectors = KeyedVectors::new(words, 12, vec![0.25; 24]).unwrap();
    let frozen = builder().epochs(1).vectors(vectors.clone(), false);
    let (tagger, _) = frozen.fit_on::<Flex>(&sentences(40, 1), Default::default()).unwrap();
    let table = tagger.network().weight("embedding/embeddings").unwrap().to_f32();
    assert_eq!(table.chunks(12).filter(|row| row.iter().all(|&x| x == 0.25)).count(), 2);
    let error = builder().dimension(5).vectors(vectors, true).fit(&sentences(9, 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "dimension of the vectors: found 12, wanted 5, the dimension of the tagger"
    );

    let featured = |sentence: TaggedSentence| {
        let features = sentence.tags().iter().map(|tag| format!("is {tag}")).collect();
        sentence.features(features).unwrap()
    };
    let train: Vec<_> = sentences(60, 1).into_iter().map(featured).collect();
    let (tagger, _) = builder().fit_on::<Flex>(&train, Default::default()).unwrap();
    assert_eq!(tagger.accuracy(&train).unwrap(), 1.0);
    let error = tagger.tag(&["cat"]).unwrap_err().to_string();
    assert_eq!(error, "features: found none, wanted one a word, as in training");
    let error = fitted().accuracy(&train).unwrap_err().to_string();
    assert_eq!(error, "features: found some, wanted none, as in training");
    let mixed = [train[0].clone(), sentences(1, 1).remove(0)];
    assert!(builder().fit(&mixed).is_err());
}

#[test]
fn validation_is_told() {
    let of = |validation: Vec<TaggedSentence>| {
        builder().epochs(2).validation_data(validation).fit(&sentences(60, 1))
    };
    let history = of(sentences(20, 2)).unwrap().1;
    assert_eq!(history.values("val_accuracy").len(), 2);
    let unknown = TaggedSentence::new(owned(&["a"]), owned(&["X"])).unwrap();
    let error = of(vec![unknown]).unwrap_err().to_string();
    assert!(error.contains("validation data") && error.contains("\"X\""), "{error}");
}

#[test]
fn what_makes_no_sense_is_an_error() {
    assert_eq!(builder().fit(&[]).unwrap_err().to_string(), "sentences: found none, wanted at least one");
    let error = TaggedSentence::new(vec![], vec![]).unwrap_err().to_string();
    assert_eq!(error, "sentence: found no word, wanted at least one");
    let error = TaggedSentence::new(owned(&["a", "b"]), owned(&["X"])).unwrap_err().to_string();
    assert_eq!(error, "tags: found 1 of 2 words, wanted one a word");
    let one = TaggedSentence::new(owned(&["a"]), owned(&["X"])).unwrap();
    assert!(one.clone().features(vec![]).is_err());
    assert!(builder().batch_size(0).fit(std::slice::from_ref(&one)).is_err());
    assert!(builder().max_length(0).fit(std::slice::from_ref(&one)).is_err());
    assert!(builder().min_count(1).epochs(1).fit(std::slice::from_ref(&one)).is_ok());
    assert_eq!(
        fitted().accuracy(&[]).unwrap_err().to_string(),
        "sentences: found no word, wanted at least one"
    );
    // A tag that training never saw is wrong, not a fault; as a span it is none.
    assert_eq!(fitted().accuracy(std::slice::from_ref(&one)).unwrap(), 0.0);
    assert_eq!(fitted().span_f1(&[one]).unwrap_err().kind(), ErrorKind::Data);
}
