//! The Transformer's blocks and the whole model: the battery, what they reject, that padding changes nothing, and that
//! steps with a cache give the logits of the whole model.

use fornax_core::ops::Activation::{Gelu, Tanh};
use fornax_core::{Array, Backend, Flex, NdArray};
use fornax_layers::{Apply, Functional, input, layers::Dense};
use fornax_sequence::decoding::{StepDecoder, TransformerStep};
use fornax_sequence::layers::{Transformer, TransformerDecoder, TransformerEncoder};
use fornax_testkit::battery::Battery;

use crate::steps::{check_logits, check_padding, check_searches, network, sources};

fn small() -> Transformer {
    Transformer::new(7, 6, 4).num_layers(1).num_heads(2).intermediate_dim(3).activation(Tanh)
}

#[test]
fn blocks() {
    let encoder = TransformerEncoder::new(3, 2).activation(Tanh);
    Battery::new(encoder.clone(), [&[3, 4]]).run();
    Battery::new(encoder.normalize_first(true).dropout(0.3).use_causal_mask(true), [&[3, 4]]).run();
    let decoder = TransformerDecoder::new(3, 1).activation(Gelu);
    Battery::new(decoder.clone(), [&[3, 4], &[2, 3]]).run();
    Battery::new(decoder.normalize_first(true).dropout(0.2), [&[3, 4]]).run();
}

#[test]
fn whole_model() {
    Battery::new(small(), [&[4], &[3]]).integers(6).run();
    let shared = Transformer::new(5, 5, 4).num_layers(1).num_heads(1).intermediate_dim(3).activation(Tanh);
    let untied = shared.share_embeddings(true).tie_output(false).normalize_first(true);
    Battery::new(untied, [&[3], &[4]]).integers(5).run();
}

/// What a configuration leaves out is what [`Transformer::new`] takes.
#[test]
fn configurations() {
    let read =
        |config: &str| serde_json::to_value(serde_json::from_str::<Transformer>(config).unwrap()).unwrap();
    let written = |layer: Transformer| serde_json::to_value(layer).unwrap();
    assert_eq!(read("{}"), written(Transformer::new(2, 2, 512)));
    let given = r#"{"source_vocabulary": 7, "target_vocabulary": 6, "width": 4, "num_encoder_layers": 1,
        "num_decoder_layers": 1, "num_heads": 2, "intermediate_dim": 3, "activation": "tanh"}"#;
    assert_eq!(read(given), written(small()));
    assert!(serde_json::from_str::<Transformer>(r#"{"num_heads": "two"}"#).is_err());
}

#[test]
fn cached_logits_are_those_of_the_whole_model() {
    fn check<B: Backend>(layer: Transformer) {
        let network = network::<B>(layer);
        let steps = TransformerStep::new(&network, "transformer", 8).unwrap();
        check_logits(&network, &steps, steps.start(&sources()).unwrap());
    }
    let two = small().num_layers(2);
    check::<Flex>(two.clone());
    check::<NdArray>(two.normalize_first(true).tie_output(false));
}

#[test]
fn searches_with_and_without_cache_find_the_same() {
    let network = network(small());
    let steps = TransformerStep::new(&network, "transformer", 7).unwrap();
    check_searches(&network, &steps, |sources| steps.start(sources));
}

#[test]
fn padding_changes_nothing() {
    check_padding(&network(small()));
}

#[test]
fn rejections_name_the_value() {
    let rejects = |layer: Transformer, part: &str| {
        let (source, target) = (input::<Flex>([4]), input([3]));
        let error = layer.apply([&source, &target]).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    rejects(small().num_heads(3), "num_heads: found 3, wanted a divisor of the width 4");
    rejects(small().num_decoder_layers(0), "num_decoder_layers: found 0");
    rejects(small().dropout(-0.1), "dropout: found -0.1");
    rejects(small().layer_norm_epsilon(f64::NAN), "layer_norm_epsilon: found NaN");
    rejects(small().share_embeddings(true), "target_vocabulary: found 6, wanted 7");
    let network = network::<Flex>(small());
    let ids = |ids: Vec<i32>| Array::from_i32([1, ids.len()], ids).unwrap();
    let error = network.predict_all(&[ids(vec![7]), ids(vec![1])], 1).unwrap_err().to_string();
    assert!(error.contains("source id: found 7, wanted 0 to 6"), "{error}");
    let error = TransformerStep::new(&network, "encoder", 3).unwrap_err().to_string();
    assert!(error.contains("layer: found encoder, wanted one of transformer"), "{error}");
    let dense = input::<Flex>([4]);
    let dense = Functional::new(&dense, &Dense::new(1).apply(&dense).unwrap()).build().unwrap();
    let error = TransformerStep::new(&dense, "dense", 3).unwrap_err().to_string();
    assert!(error.contains("layer dense: found Dense, wanted Transformer"), "{error}");
    let steps = TransformerStep::new(&network, "transformer", 1).unwrap();
    assert!(steps.start(&Array::from_i32([2], vec![1, 2]).unwrap()).is_err());
    let mut state = steps.start(&sources()).unwrap();
    let error = steps.step(&[1], &mut state).unwrap_err().to_string();
    assert!(error.contains("tokens: found 1, wanted 3"), "{error}");
    let error = steps.step(&[1, 2, 9], &mut state).unwrap_err().to_string();
    assert!(error.contains("target id: found 9, wanted 0 to 5"), "{error}");
    let error = steps.reorder(&mut state, &[3]).unwrap_err().to_string();
    assert!(error.contains("row: found 3, wanted 0 to 2"), "{error}");
    steps.step(&[1, 2, 3], &mut state).unwrap();
    let error = steps.step(&[1, 2, 3], &mut state).unwrap_err().to_string();
    assert!(error.contains("steps: found 2, wanted at most 1"), "{error}");
}
