//! Texts as indices and counts, against Keras.

use fornax_data::text::{
    Division, Punctuation, Side, TextVectorization, Tokenizer, VectorizationMode, text_bytes, texts_of_bytes,
};
use fornax_testkit::{assert_close, config};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Goldens {
    train: Vec<String>,
    test: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    settings: Settings,
    vocabulary: Vec<String>,
    shape: Vec<usize>,
    output: Vec<f32>,
}

/// Arguments of `keras.layers.TextVectorization`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    output_sequence_length: Option<usize>,
    max_tokens: Option<usize>,
    ngrams: Option<usize>,
    #[serde(default)]
    output_mode: VectorizationMode,
    #[serde(default)]
    pad_to_max_tokens: bool,
    #[serde(default = "standard")]
    standardize: Option<String>,
    split: Option<String>,
}

fn standard() -> Option<String> {
    Some("lower_and_strip_punctuation".into())
}

impl Settings {
    fn vectorization(&self) -> TextVectorization {
        let standardize = self.standardize.as_deref().unwrap_or_default();
        let tokenizer = Tokenizer::new().lowercase(standardize.contains("lower"));
        let tokenizer = if standardize.contains("strip_punctuation") {
            tokenizer.punctuation(Punctuation::Strip)
        } else {
            tokenizer
        };
        let tokenizer = match self.split.as_deref() {
            Some("character") => tokenizer.divide(Division::Characters),
            _ => tokenizer,
        };
        let mut vectorization = TextVectorization::new()
            .tokenizer(tokenizer)
            .ngrams(self.ngrams.unwrap_or(1))
            .output_mode(self.output_mode)
            .pad_to_max_tokens(self.pad_to_max_tokens);
        if let Some(length) = self.output_sequence_length {
            vectorization = vectorization.output_sequence_length(length);
        }
        if let Some(most) = self.max_tokens {
            vectorization = vectorization.max_tokens(most);
        }
        vectorization
    }
}

#[test]
fn vocabularies_and_rows_are_those_of_keras() {
    let goldens: Goldens = serde_json::from_str(include_str!("goldens/text_vectorization.json")).unwrap();
    for Case { settings, vocabulary, shape, output } in &goldens.cases {
        let fitted = settings.vectorization().fit(&goldens.train).unwrap();
        assert_eq!(fitted.vocabulary(), vocabulary, "{settings:?}");
        let rows = fitted.apply(&goldens.test).unwrap();
        assert_eq!(rows.shape(), shape, "{settings:?}");
        assert_close(&rows.to_f32(), output, 1e-6, &format!("{settings:?}"));
        let saved = serde_json::to_string(&fitted).unwrap();
        assert_eq!(serde_json::from_str::<TextVectorization>(&saved).unwrap(), fitted);
    }
}

#[test]
fn rows_are_padded_and_cut_on_either_side() {
    let apply = |vectorization: TextVectorization| {
        let fitted = vectorization.output_sequence_length(2).with_vocabulary(["a", "b", "c"]).unwrap();
        fitted.apply(&["a b c", "b"]).unwrap().to_i32()
    };
    assert_eq!(apply(TextVectorization::new()), [2, 3, 3, 0]);
    assert_eq!(apply(TextVectorization::new().truncate(Side::Pre).pad(Side::Pre)), [3, 4, 0, 3]);
}

#[test]
fn what_makes_no_sense_is_an_error() {
    let fault = |vectorization: TextVectorization| vectorization.fit(&["a b"]).unwrap_err().to_string();
    let new = TextVectorization::new;
    assert_eq!(fault(new().max_tokens(2)), "max_tokens: found 2, wanted at least 3");
    assert_eq!(fault(new().ngrams(0)), "ngrams: found 0, wanted at least 1");
    assert_eq!(fault(new().output_sequence_length(0)), "output_sequence_length: found 0, wanted at least 1");
    assert_eq!(
        fault(new().pad_to_max_tokens(true)),
        "pad_to_max_tokens: found true, wanted max_tokens with it"
    );
    let none = new().fit(&["", " ?! "]).unwrap_err().to_string();
    assert_eq!(none, "texts: found 2 without a token, wanted at least one token");
    assert_eq!(
        new().apply(&["a"]).unwrap_err().to_string(),
        "vocabulary: found none, wanted one that is fitted or given"
    );
    assert!(new().with_vocabulary(["a", "a"]).is_err());
    assert!(new().with_vocabulary([""; 0]).is_err());
    let weights = new().output_mode(VectorizationMode::TfIdf).with_vocabulary(["a"]).unwrap_err().to_string();
    assert_eq!(weights, "idf_weights: found 0 weights, wanted 1, as fitted");
    assert!(new().max_tokens(3).with_vocabulary(["a", "b"]).is_err());
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn rows_do_not_depend_on_the_other_texts(texts in proptest::collection::vec("[a-cA-C ,.é]{0,12}", 1..40)) {
        let Ok(fitted) = TextVectorization::new().ngrams(2).output_sequence_length(9).fit(&texts) else {
            return Ok(());
        };
        let all = fitted.apply(&texts).unwrap().to_i32();
        for (text, row) in texts.iter().zip(all.chunks(9)) {
            prop_assert_eq!(fitted.apply(&[text]).unwrap().to_i32(), row);
        }
        prop_assert!(all.iter().all(|&id| id != 1), "every token is known");
        prop_assert_eq!(texts_of_bytes(&text_bytes(&texts).unwrap()).unwrap(), texts);
    }

    /// A sum over tasks: the vocabulary of many texts is that of all of them one after the other.
    #[test]
    fn counts_do_not_depend_on_how_texts_are_shared_out(words in proptest::collection::vec("[a-f]{1,2}", 600..1500)) {
        let fit = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| TextVectorization::new().output_mode(VectorizationMode::TfIdf).fit(&words).unwrap())
        };
        let (one, two) = (fit(1), fit(2));
        prop_assert_eq!(&one, &two);
        let mut counts = std::collections::HashMap::new();
        words.iter().for_each(|word| *counts.entry(word).or_insert(0) += 1);
        let mut sorted: Vec<_> = counts.into_iter().collect();
        sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| b.0.cmp(a.0)));
        prop_assert!(one.vocabulary().iter().eq(sorted.into_iter().map(|(word, _)| word)));
    }
}
