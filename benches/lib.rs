//! The models and data that benches and races share.
#![forbid(unsafe_code)]

mod random;
pub mod recommend;
pub mod recurrent;
mod work;

use fornax::prelude::*;
use fornax::sequence::layers::{Transformer, TransformerEncoder};
use fornax::{Result, layers::Symbolic, train::Model};

use random::RandomModel;
pub use work::multiply_adds;

/// The listings, by the names in docs/benchmarks.md.
pub const LISTINGS: [&str; 4] = ["dense", "cnn", "rnn", "text"];

/// A listing, one of the larger models of the race (`mlp-large`, `cnn-large`, `resnet`, `transformer`), or one whose shapes
/// are drawn (`random-mlp-SEED`, `random-cnn-SEED`), seed 0.
///
/// # Panics
/// If there is no such model.
pub fn model<B: Backend>(name: &str, device: B::Device) -> Result<Model<B>> {
    model_with(name, Adam::default(), device)
}

/// [`model`] with an optimizer of its own.
///
/// # Panics
/// If there is no such model.
pub fn model_with<B: Backend>(name: &str, optimizer: Adam, device: B::Device) -> Result<Model<B>> {
    let network = match name {
        "dense" => mlp(64),
        "mlp-large" => mlp(1024),
        "cnn" | "cnn-large" => Sequential::<B>::new([28, 28, 1])
            .add(Conv2D::new(32, 3).activation(Relu))
            .add(MaxPooling2D::new(2))
            .add(Conv2D::new(64, 3).activation(Relu))
            .add(MaxPooling2D::new(2))
            .add(Conv2D::new(64, 3).activation(Relu))
            .add(Flatten::new()),
        "rnn" => Sequential::new([10, 1])
            .add(LSTM::new(64).return_sequences(true))
            .add(LSTM::new(64).return_sequences(true)),
        "text" | "text-uniform" => Sequential::new([100]).add(Embedding::new(10_000, 128)).add(LSTM::new(64)),
        "resnet" => Sequential::new([32, 32, 3]).add(resnet()?),
        "transformer" => (0..4)
            .fold(Sequential::new([64, 128]), |network, _| {
                network.add(TransformerEncoder::new(512, 8).dropout(0.1))
            })
            .add(GlobalAveragePooling1D::new()),
        _ => RandomModel::by_name(name).unwrap_or_else(|| panic!("no model {name}")).network(),
    };
    network.device(device).add(Dense::new(10).activation(Softmax)).compile(
        optimizer,
        SparseCategoricalCrossentropy,
        [Accuracy],
    )
}

fn mlp<B: Backend>(units: usize) -> Sequential<B> {
    Sequential::new([784]).add(Dense::new(units).activation(Relu)).add(Dense::new(units).activation(Relu))
}

/// Three stages of one residual block each, of 16, 32 and 64 channels.
fn resnet<B: Backend>() -> Result<Network<B>> {
    let x = input([32, 32, 3]);
    let mut y = normalized(&x, 16, 3, 1, true)?;
    for (channels, strides) in [(16, 1), (32, 2), (64, 2)] {
        let inside = normalized(&y, channels, 3, strides, true)?;
        let inside = normalized(&inside, channels, 3, 1, false)?;
        let shortcut = if strides == 1 { y } else { normalized(&y, channels, 1, strides, false)? };
        y = ReLU::new().apply(&Add.apply([&inside, &shortcut])?)?;
    }
    Functional::new(&x, &GlobalAveragePooling2D::new().apply(&y)?).build()
}

fn normalized<B: Backend>(
    x: &Symbolic<B>,
    channels: usize,
    kernel_size: usize,
    strides: usize,
    relu: bool,
) -> Result<Symbolic<B>> {
    let conv = Conv2D::new(channels, kernel_size).strides(strides).padding(Padding::Same).use_bias(false);
    let y = BatchNormalization::new().apply(&conv.apply(x)?)?;
    if relu { ReLU::new().apply(&y) } else { Ok(y) }
}

/// The translation model of the race: three blocks each of 256 features, 8 heads and 512 hidden units, between
/// vocabularies of 8000 ids.
pub fn translator<B: Backend>() -> Result<Network<B>> {
    let (source, target) = (input([None]), input([None]));
    let layer = Transformer::new(8000, 8000, 256).num_layers(3).intermediate_dim(512);
    Functional::new([&source, &target], &layer.apply([&source, &target])?).build()
}

/// A number below `bound`: `k` with a probability of about `1 / ((k + 1) ln(bound + 1))`.
fn zipf(bound: usize, random: &mut Philox) -> i32 {
    let rank = (bound as f32 + 1.0).powf(random.uniform_in(0.0, 1.0));
    (rank as usize).clamp(1, bound) as i32 - 1
}

/// Samples of a training step.
pub fn batch_size(name: &str) -> usize {
    match name {
        "mlp-large" | "cnn-large" => 256,
        "resnet" => 64,
        _ => RandomModel::by_name(name).map_or(32, |model| model.batch_size()),
    }
}

/// Noise of the model's input shape with labels: times do not depend on what the pixels show. They do depend on how often words
/// come again, so those of `text` are drawn as a language has them: by Zipf's law with exponent 1, of 3200 about 1320 different ones
/// (IMDB's first 100 words of 32 reviews: 1010). Those of `text-uniform` are all as frequent, 2730 different ones.
pub fn samples(name: &str, count: usize) -> Result<Dataset> {
    let mut random = Philox::new(2);
    let mut below =
        |bound: usize, len: usize| (0..len).map(|_| random.below(bound) as i32).collect::<Vec<_>>();
    match name {
        "rnn" => {
            let labels = Array::from_i32([count, 10], below(10, count * 10))?;
            let values = below(1000, count * 10).into_iter().map(|value| value as f32 / 1000.0).collect();
            return Dataset::new(Array::from_vec([count, 10, 1], values)?, labels);
        }
        "text" | "text-uniform" => {
            let labels = below(10, count);
            let words = match name {
                "text" => (0..count * 100).map(|_| zipf(10_000, &mut random)).collect(),
                _ => below(10_000, count * 100),
            };
            return Dataset::new(Array::from_i32([count, 100], words)?, labels);
        }
        _ => {}
    }
    let shape = match name {
        "dense" | "mlp-large" => vec![count, 784],
        "resnet" => vec![count, 32, 32, 3],
        "transformer" => vec![count, 64, 128],
        "cnn" | "cnn-large" => vec![count, 28, 28, 1],
        _ => {
            let model = RandomModel::by_name(name).unwrap_or_else(|| panic!("no model {name}"));
            [vec![count], model.input()].concat()
        }
    };
    let mut random = Philox::new(1);
    let mut pixels = vec![0.0; shape.iter().product()];
    random.fill_uniform(&mut pixels);
    let labels = (0..count).map(|_| random.below(10) as i32).collect::<Vec<_>>();
    Dataset::new(Array::from_vec(shape, pixels)?, labels)
}
