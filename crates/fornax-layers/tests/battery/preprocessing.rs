//! Preprocessing as layers.

use fornax_core::{Array, Flex};
use fornax_data::preprocessing::{self, OutputMode};
use fornax_data::text::{self, Division, Tokenizer, VectorizationMode, text_bytes};
use fornax_layers::{Sequential, layers::*};
use fornax_testkit::{assert_close, battery::Battery};

use crate::activations::{of, outputs, rejects};

#[test]
fn rescaling() {
    Battery::new(Rescaling::new(0.5).offset(2.0), [&[3, 2]]).run();
    Battery::new(Rescaling::new(vec![0.5, 2.0]).offset(vec![1.0, -1.0]), [&[3, 2]]).run();
    assert_eq!(outputs(Rescaling::from(preprocessing::Rescaling::new(2.0, 1.0)), &[3.0]), [7.0]);
    rejects(
        Rescaling::new(vec![1.0; 3]),
        "scale: found numbers of shape [3], wanted one number, or lengths that",
    );
}

#[test]
fn normalization() {
    Battery::new(Normalization::new(), [&[3, 2]]).run();
    Battery::new(Normalization::new().axis([1, 2]), [&[3, 2]]).run();
    Battery::new(Normalization::new().axis([]), [&[3, 2]]).run();
    Battery::new(Normalization::new().statistics(vec![1.0, 2.0], vec![4.0, 9.0]), [&[3, 2]]).run();
    let inverted = Normalization::new().statistics(3.0, 2.0).invert(true);
    assert_close(&outputs(inverted, &[-1.0]), &[3.0 - 2f32.sqrt()], 1e-6, "inverted");
    let network = of(Normalization::new(), [2]);
    let trainable: Vec<bool> = network.variables().iter().map(|variable| variable.trainable()).collect();
    assert_eq!(trainable, [false, false]);
    rejects(Normalization::new().statistics(vec![1.0; 3], vec![1.0; 3]), "mean: found numbers of shape [3]");
    rejects(Normalization::new().axis([0, 1]), "axes behind the batch");
    let half: Normalization = serde_json::from_str(r#"{"mean": 1}"#).unwrap();
    rejects(half, "mean and variance: found one of them, wanted both or none");
}

#[test]
fn a_fitted_normalization_is_the_layer() {
    let train = Array::from_vec([4, 2], vec![1.0, -3.0, 2.5, 7.0, 0.0, 1.0, 9.0, 4.0]).unwrap();
    for fitted in [
        preprocessing::Normalization::fit(&train).unwrap(),
        preprocessing::Normalization::fit_all(&train).unwrap(),
    ] {
        let network = of(Normalization::from(&fitted), [2]);
        let (found, wanted) = (network.predict(&train).unwrap(), fitted.apply(&train).unwrap());
        assert_close(&found.to_f32(), &wanted.to_f32(), 1e-6, "fitted");
    }
}

#[test]
fn category_encoding() {
    for mode in [OutputMode::OneHot, OutputMode::MultiHot, OutputMode::Count] {
        Battery::new(CategoryEncoding::new(5).output_mode(mode), [&[3]]).integers(5).run();
        Battery::new(CategoryEncoding::new(5).output_mode(mode), [&[2, 1]]).integers(5).run();
    }
    rejects(CategoryEncoding::new(0), "num_tokens: found 0");
    let network = Sequential::<Flex>::new([1]).add(CategoryEncoding::new(2)).build().unwrap();
    let error = network.predict(&Array::from_i32([1, 1], vec![2]).unwrap()).unwrap_err().to_string();
    assert!(error.contains("found 2, wanted an integer of 0..2"), "{error}");
}

#[test]
fn discretization() {
    for mode in [BinMode::Int, BinMode::OneHot, BinMode::MultiHot, BinMode::Count] {
        Battery::new(Discretization::new(vec![-0.02, 0.03]).output_mode(mode), [&[4]]).run();
    }
    assert_eq!(
        outputs(Discretization::new(vec![0.5, 1.5, 2.5]), &[0.5, 1.5, -3.0, 7.0, 2.4999]),
        [1.0, 2.0, 0.0, 3.0, 2.0]
    );
    rejects(Discretization::new(vec![1.0, 0.0]), "boundary 1: found 0, wanted at least 1");
    rejects(Discretization::default(), "bin_boundaries: found none");
}

#[test]
fn keras_configurations_are_read() {
    let rescaling: Rescaling = serde_json::from_str(
        r#"{"scale": {"class_name": "__numpy__", "config": {"value": [1, 2], "dtype": "float32"}}, "offset": 0.0}"#,
    )
    .unwrap();
    assert_eq!(outputs(rescaling, &[3.0, 3.0]), [3.0, 6.0]);
    let normalization: Normalization = serde_json::from_str(
        r#"{"name": "normalization", "axis": [-1], "invert": false, "mean": [1.0, 2.0], "variance": [4.0, 9.0]}"#,
    )
    .unwrap();
    assert_eq!(outputs(normalization, &[3.0, 5.0]), [1.0, 1.0]);
    let whole: Normalization = serde_json::from_str(r#"{"axis": null, "mean": 1, "variance": 4}"#).unwrap();
    assert_eq!(outputs(whole, &[3.0, 5.0]), [1.0, 2.0]);
    let encoding: CategoryEncoding =
        serde_json::from_str(r#"{"num_tokens": 3, "output_mode": "one_hot"}"#).unwrap();
    assert_eq!(outputs(encoding, &[1.0]), [0.0, 1.0, 0.0]);
    let bins: Discretization = serde_json::from_str(
        r#"{"bin_boundaries": [1.0], "num_bins": null, "epsilon": 0.01, "output_mode": "count", "sparse": false}"#,
    )
    .unwrap();
    assert_eq!(outputs(bins, &[0.0, 2.0, 3.0]), [1.0, 2.0]);
}

#[test]
fn text_vectorization() {
    let fit = |mode, length: Option<usize>| {
        let characters = Tokenizer::new().lowercase(true).divide(Division::Characters);
        let vectorization = text::TextVectorization::new().tokenizer(characters).output_mode(mode);
        let vectorization = match length {
            Some(length) => vectorization.output_sequence_length(length),
            None => vectorization,
        };
        TextVectorization::from(&vectorization.fit(&["a quick brown fox", "jumps over 13 dogs"]).unwrap())
    };
    Battery::new(fit(VectorizationMode::Int, Some(9)), [&[12]]).integers(127).run();
    for mode in [VectorizationMode::MultiHot, VectorizationMode::Count, VectorizationMode::TfIdf] {
        Battery::new(fit(mode, None), [&[12]]).integers(127).run();
    }
    rejects(TextVectorization::default(), "vocabulary: found none, wanted one that is fitted or given");
    let layer = || fit(VectorizationMode::Int, None);
    let error = Sequential::<Flex>::new([2, 3]).add(layer()).build().unwrap_err().to_string();
    assert!(error.contains("wanted [batch, bytes]"), "{error}");
    let network = Sequential::<Flex>::new([None]).add(layer()).build().unwrap();
    assert_eq!(network.predict(&text_bytes(&["", "ox", "é"]).unwrap()).unwrap().shape(), [3, 2]);
    let error = network.predict(&Array::from_i32([1, 2], vec![97, 200]).unwrap()).unwrap_err().to_string();
    assert!(error.contains("text 0, byte 1: found what is not UTF-8"), "{error}");
}
