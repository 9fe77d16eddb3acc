//! The models and data that benches and races share.
#![forbid(unsafe_code)]

use fornax::prelude::*;
use fornax::{Result, train::Model};

/// The models that are raced against the Python peers, by the names in docs/benchmarks.md.
pub const MODELS: [&str; 2] = ["dense", "cnn"];

/// A listing by name, seed 0.
///
/// # Panics
/// If there is no such listing.
pub fn model<B: Backend>(name: &str, device: B::Device) -> Result<Model<B>> {
    let network = match name {
        "dense" => Sequential::<B>::new([784])
            .add(Dense::new(64).activation(Relu))
            .add(Dense::new(64).activation(Relu)),
        "cnn" => Sequential::new([28, 28, 1])
            .add(Conv2D::new(32, 3).activation(Relu))
            .add(MaxPooling2D::new(2))
            .add(Conv2D::new(64, 3).activation(Relu))
            .add(MaxPooling2D::new(2))
            .add(Conv2D::new(64, 3).activation(Relu))
            .add(Flatten::new()),
        _ => panic!("no model {name}"),
    };
    network.device(device).add(Dense::new(10).activation(Softmax)).compile(
        Adam::default(),
        SparseCategoricalCrossentropy,
        [Accuracy],
    )
}

/// Noise of the listing's input shape with labels: times do not depend on what the pixels show.
pub fn samples(name: &str, count: usize) -> Result<Dataset> {
    let mut random = Philox::new(1);
    let mut pixels = vec![0.0; count * 784];
    random.fill_uniform(&mut pixels);
    let labels = (0..count).map(|_| random.below(10) as i32).collect::<Vec<_>>();
    let set = Dataset::new(Array::from_vec([count, 28, 28, 1], pixels)?, labels)?;
    Ok(if name == "dense" { set.flatten() } else { set })
}
