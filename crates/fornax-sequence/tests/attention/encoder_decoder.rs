//! The recurrent encoder-decoder: the battery, what it rejects, that padding changes nothing, and that steps give the logits
//! of the whole model.

use fornax_core::{Array, Backend, Flex, NdArray};
use fornax_layers::{Apply, input};
use fornax_sequence::decoding::{EncoderDecoderStep, StepDecoder};
use fornax_sequence::layers::DecoderAttention::{self, Bahdanau, Luong};
use fornax_sequence::layers::RNNEncoderDecoder;
use fornax_testkit::battery::Battery;

use crate::steps::{TARGETS, check_logits, check_padding, check_searches, network, sources};

fn small(attention: DecoderAttention) -> RNNEncoderDecoder {
    RNNEncoderDecoder::new(TARGETS + 1, TARGETS, 3, 4).attention(attention)
}

#[test]
fn whole_model() {
    for attention in [Luong, Bahdanau] {
        Battery::new(small(attention), [&[4], &[3]]).integers(6).run();
        Battery::new(small(attention).dropout(0.3).seed(2), [&[2], &[4]]).integers(6).run();
    }
}

#[test]
fn stepped_logits_are_those_of_the_whole_model() {
    fn check<B: Backend>(attention: DecoderAttention) {
        let network = network::<B>(small(attention));
        let steps = EncoderDecoderStep::new(&network, "rnn_encoder_decoder").unwrap();
        check_logits(&network, &steps, steps.start(&sources()).unwrap());
    }
    for attention in [Luong, Bahdanau] {
        check::<Flex>(attention);
        check::<NdArray>(attention);
    }
}

#[test]
fn searches_by_steps_and_by_the_whole_model_find_the_same() {
    for attention in [Luong, Bahdanau] {
        let network = network(small(attention));
        let steps = EncoderDecoderStep::new(&network, "rnn_encoder_decoder").unwrap();
        check_searches(&network, &steps, |sources| steps.start(sources));
    }
}

#[test]
fn padding_changes_nothing() {
    check_padding(&network(small(Luong)));
    check_padding(&network(small(Bahdanau)));
}

#[test]
fn rejections_name_the_value() {
    let rejects = |layer: RNNEncoderDecoder, part: &str| {
        let (source, target) = (input::<Flex>([4]), input([3]));
        let error = layer.apply([&source, &target]).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    rejects(RNNEncoderDecoder::new(7, 6, 0, 4), "width: found 0, wanted at least 1");
    rejects(RNNEncoderDecoder::new(7, 6, 3, 0), "units: found 0, wanted at least 1");
    rejects(RNNEncoderDecoder::new(0, 6, 3, 4), "source_vocabulary: found 0");
    rejects(small(Luong).dropout(1.0), "dropout: found 1");
    let network = network::<Flex>(small(Luong));
    let ids = |ids: Vec<i32>| Array::from_i32([1, ids.len()], ids).unwrap();
    let error = network.predict_all(&[ids(vec![7]), ids(vec![1])], 1).unwrap_err().to_string();
    assert!(error.contains("source id: found 7, wanted 0 to 6"), "{error}");
    let steps = EncoderDecoderStep::new(&network, "rnn_encoder_decoder").unwrap();
    assert!(steps.start(&Array::from_i32([2], vec![1, 2]).unwrap()).is_err());
    let mut state = steps.start(&sources()).unwrap();
    let error = steps.step(&[1], &mut state).unwrap_err().to_string();
    assert!(error.contains("tokens: found 1, wanted 3"), "{error}");
    let error = steps.step(&[1, 2, 9], &mut state).unwrap_err().to_string();
    assert!(error.contains("target id: found 9, wanted 0 to 5"), "{error}");
    let error = steps.reorder(&mut state, &[3]).unwrap_err().to_string();
    assert!(error.contains("row: found 3, wanted 0 to 2"), "{error}");
}
