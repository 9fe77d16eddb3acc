//! Tokenizers that the tokenizers library wrote, and its tokens (goldens/make_tokenizers.py made both), in text classifiers.
#![cfg(feature = "tokenizers")]

use std::collections::BTreeMap;

use fornax_core::Flex;
use fornax_data::text::LabelledTexts;
use fornax_nlp::{
    BagOfEmbeddings, Determinism, FastTextClassifier, TextClassifier, TextClassifierBuilder, TextModel,
    TextTokenizer,
};
use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Deserialize)]
struct Goldens {
    texts: Vec<String>,
    tokenizers: BTreeMap<String, Golden>,
}

#[derive(Deserialize)]
struct Golden {
    tokenizer: Json,
    tokens: Vec<Vec<String>>,
}

fn goldens() -> Goldens {
    let path = format!("{}/tests/goldens/tokenizers.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn tokens_are_those_of_the_library() {
    let Goldens { texts, tokenizers } = goldens();
    assert_eq!(tokenizers.len(), 3);
    for (name, Golden { tokenizer, tokens }) in tokenizers {
        let tokenizer = TextTokenizer::from_json(&tokenizer.to_string()).unwrap();
        for (text, tokens) in texts.iter().zip(tokens) {
            assert_eq!(tokenizer.tokens(text).unwrap(), tokens, "{name}: {text}");
        }
    }
}

#[test]
fn a_classifier_keeps_its_tokenizer() {
    let rows = [("the cat walks", "cat"), ("dogs sleep", "dog"), ("a walking cat!", "cat"), ("dog", "dog")];
    let texts = LabelledTexts::from_pairs((0..120).map(|at| rows[at % 4])).unwrap();
    let linear = FastTextClassifier::new(8).learning_rate(0.5).epochs(10).determinism(Determinism::Exact);
    let models: [TextModel; 2] = [BagOfEmbeddings::new().dimension(8).into(), linear.into()];
    let folder = tempfile::tempdir().unwrap();
    let (json, model_file) = (folder.path().join("tokenizer.json"), folder.path().join("model.fornax"));
    for (name, Golden { tokenizer, .. }) in goldens().tokenizers {
        std::fs::write(&json, tokenizer.to_string()).unwrap();
        let tokenizer = TextTokenizer::from_json_file(&json).unwrap();
        for model in &models {
            let builder = TextClassifierBuilder::new(model.clone())
                .tokenizer(tokenizer.clone())
                .validation_split(None)
                .epochs(30)
                .verbose(false);
            let (classifier, _) = builder.fit_on::<Flex>(&texts, Default::default()).unwrap();
            // No text has `cats`, but its pieces are known.
            assert_eq!(classifier.predict("the cats").unwrap().label, "cat", "{name}");
            classifier.save(&model_file).unwrap();
            let loaded = TextClassifier::<Flex>::load(&model_file).unwrap();
            let some = ["the dogs walked", "übung", ""];
            assert_eq!(
                loaded.probabilities(&some).unwrap(),
                classifier.probabilities(&some).unwrap(),
                "{name}"
            );
        }
    }
}

#[test]
fn what_is_no_tokenizer_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    assert!(TextTokenizer::from_json_file(&path).unwrap_err().to_string().contains("tokenizer.json"));
    let text = goldens().tokenizers["byte_pairs"].tokenizer.to_string();
    for broken in ["", "{}", "[1]", "{\"model\": 3}", &text[..40], &text.replace("\"BPE\"", "\"X\"")] {
        std::fs::write(&path, broken).unwrap();
        let error = TextTokenizer::from_json_file(&path).unwrap_err().to_string();
        assert!(error.contains("tokenizer.json: tokenizer: found"), "{error}");
    }
}
