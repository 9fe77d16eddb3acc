//! Layers behind an embedding: words that come again are computed with once, and nothing is different.

use fornax_core::{Array, Backend, Flex, NdArray, Philox};
use fornax_data::Dataset;
use fornax_layers::layers::{Dense, Embedding};
use fornax_layers::{MultiLayer, Network, Sequential};
use fornax_optim::Adam;
use fornax_sequence::layers::*;
use fornax_testkit::{Oracle, assert_close};
use fornax_train::Compile;
use fornax_train::losses::MeanSquaredError;

/// Texts of 17 words out of so many, word 0 as padding.
fn texts(words: usize, count: usize) -> Array {
    let mut random = Philox::new(3);
    let drawn = (0..count * 17).map(|at| if at % 17 < at / 17 % 5 { 0 } else { random.below(words) as i32 });
    Array::from_i32([count, 17], drawn.collect()).unwrap()
}

/// The losses of some steps, then the weights.
fn trained<B: Backend>(words: usize, mask: bool, layer: impl MultiLayer) -> Vec<Vec<f32>> {
    let network: Network<B> = Sequential::new([17])
        .seed(1)
        .add(Embedding::new(words, 6).mask_zero(mask))
        .add(layer)
        .add(Dense::new(1))
        .build()
        .unwrap();
    let mut model = network.compile(Adam::new(0.01), MeanSquaredError, ()).unwrap();
    let targets = (0..12).map(|at| (at % 3) as f32).collect::<Vec<_>>();
    let set = Dataset::new(texts(words, 12), targets).unwrap();
    let mut found = vec![];
    for _ in 0..5 {
        found.push(vec![model.train_on_batch(&set).unwrap().get("loss").unwrap() as f32]);
    }
    found.push(model.predict(&texts(words, 5)).unwrap().to_f32());
    found.extend(model.network().weights().iter().map(|weight| weight.to_vec()));
    found
}

fn check(layer: impl MultiLayer) {
    // Most words more than once, and hardly any.
    for words in [20, 5000] {
        for mask in [false, true] {
            let wanted = trained::<Oracle>(words, mask, layer.clone());
            for found in
                [trained::<Flex>(words, mask, layer.clone()), trained::<NdArray>(words, mask, layer.clone())]
            {
                for (found, wanted) in found.iter().zip(&wanted) {
                    assert_close(found, wanted, 1e-4, &format!("{layer:?}, {words} words, mask {mask}"));
                }
            }
        }
    }
}

#[test]
fn training_is_that_of_every_word_alone() {
    check(SimpleRNN::new(5));
    check(LSTM::new(5));
    check(LSTM::new(16).go_backwards(true));
    check(GRU::new(5));
    check(GRU::new(5).reset_after(false));
    check(Bidirectional::new(GRU::new(5)));
    check(LSTM::new(5).dropout(0.3).seed(4));
    check(LSTM::new(5).recurrent_dropout(0.3).seed(4));
}

/// A text of one word, one of a word that there is not, and no text at all.
#[test]
fn one_text_and_none() {
    let network: Network<Flex> =
        Sequential::new([4]).add(Embedding::new(9, 3)).add(LSTM::new(2)).build().unwrap();
    let y = network.predict(&Array::from_i32([1, 4], vec![7; 4]).unwrap()).unwrap();
    assert!(y.shape() == [1, 2] && y.to_f32().iter().all(|y| y.is_finite()));
    let error = network.predict(&Array::from_i32([1, 4], vec![9; 4]).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "layer embedding (Embedding): index: found 9, wanted 0 to 8 (input_dim 9)");
    let error = network.predict(&Array::from_i32([0, 4], vec![]).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "inputs: found no sample, wanted at least one");
}
