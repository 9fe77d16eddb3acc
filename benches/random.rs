//! Models whose shapes are drawn by a seed: they show whether a kernel is fast for the shapes of a bench alone.

use fornax::prelude::*;

/// A model by its kind and the lengths that were drawn.
pub(crate) enum RandomModel {
    /// Inputs and the units of two hidden layers.
    Mlp { batch: usize, inputs: usize, units: [usize; 2] },
    /// An image and the filters and kernel sizes of three convolutions; the first two are followed by pooling.
    Cnn { batch: usize, side: usize, channels: usize, convolutions: [[usize; 2]; 3] },
}

impl RandomModel {
    /// The model called `random-mlp-SEED` or `random-cnn-SEED`.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        let (kind, seed) = name.strip_prefix("random-")?.split_once('-')?;
        let mut random = Philox::new(seed.parse().ok()?);
        let mut between = |least: usize, most: usize| least + random.below(most - least + 1);
        match kind {
            "mlp" => Some(Self::Mlp {
                batch: between(16, 320),
                inputs: between(64, 1600),
                units: [between(32, 1200), between(32, 1200)],
            }),
            "cnn" => Some(Self::Cnn {
                batch: between(16, 128),
                side: between(22, 44),
                channels: between(1, 8),
                convolutions: [between(8, 80), between(8, 100), between(8, 100)]
                    .map(|filters| [filters, between(2, 4)]),
            }),
            _ => None,
        }
    }

    pub(crate) fn batch_size(&self) -> usize {
        let (Self::Mlp { batch, .. } | Self::Cnn { batch, .. }) = self;
        *batch
    }

    pub(crate) fn input(&self) -> Vec<usize> {
        match *self {
            Self::Mlp { inputs, .. } => vec![inputs],
            Self::Cnn { side, channels, .. } => vec![side, side, channels],
        }
    }

    /// All but the last layer.
    pub(crate) fn network<B: Backend>(&self) -> Sequential<B> {
        match *self {
            Self::Mlp { inputs, units, .. } => {
                units.into_iter().fold(Sequential::new([inputs]), |network, units| {
                    network.add(Dense::new(units).activation(Relu))
                })
            }
            Self::Cnn { side, channels, convolutions: [first, second, third], .. } => {
                let conv = |[filters, size]: [usize; 2]| Conv2D::new(filters, size).activation(Relu);
                Sequential::new([side, side, channels])
                    .add(conv(first))
                    .add(MaxPooling2D::new(2))
                    .add(conv(second))
                    .add(MaxPooling2D::new(2))
                    .add(conv(third))
                    .add(Flatten::new())
            }
        }
    }

    /// The multiply-adds of each layer's product for a sample.
    pub(crate) fn products(&self) -> Vec<usize> {
        match *self {
            Self::Mlp { inputs, units: [first, second], .. } => {
                vec![inputs * first, first * second, second * 10]
            }
            Self::Cnn { mut side, mut channels, convolutions, .. } => {
                let mut products = vec![];
                for (at, [filters, size]) in convolutions.into_iter().enumerate() {
                    side = side - size + 1;
                    products.push(side * side * size * size * channels * filters);
                    channels = filters;
                    if at < 2 {
                        side /= 2;
                    }
                }
                products.push(side * side * channels * 10);
                products
            }
        }
    }
}
