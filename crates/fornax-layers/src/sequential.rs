//! [`Sequential`]: a model as a list of layers.

use fornax_core::{Backend, Result};

use crate::graph::Graph;
use crate::node::{Entry, IntoEntry};
use crate::{IntoNetwork, Network, Shape};

/// A model in which each layer takes what the one before it gives.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Flex, ops::Activation::Relu};
/// use fornax_layers::{Sequential, layers::Dense};
///
/// let network = Sequential::<Flex>::new([784])
///     .add(Dense::new(64).activation(Relu))
///     .add(Dense::new(10))
///     .build()?;
/// assert_eq!(network.parameter_count(), 784 * 64 + 64 + 64 * 10 + 10);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Sequential<B: Backend> {
    name: String,
    input: Shape,
    entries: Vec<Entry<B>>,
    seed: u64,
    device: B::Device,
}

impl<B: Backend> Sequential<B> {
    /// A model of samples of shape `input`, the batch axis left out. Seed 0, the default device.
    pub fn new(input: impl Into<Shape>) -> Self {
        Self {
            name: "sequential".into(),
            input: input.into(),
            entries: vec![],
            seed: 0,
            device: B::Device::default(),
        }
    }

    /// The model's name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The seed of the initial weights and of random layers.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Where the weights live.
    pub fn device(mut self, device: B::Device) -> Self {
        self.device = device;
        self
    }

    /// Appends a layer.
    #[allow(clippy::should_implement_trait)]
    pub fn add(mut self, layer: impl IntoEntry<B>) -> Self {
        self.entries.push(layer.into_entry());
        self
    }

    /// Builds the layers and draws the weights.
    ///
    /// # Errors
    /// If a layer cannot take its input; the message names the layer, the shape it got and the one it wanted.
    pub fn build(self) -> Result<Network<B>> {
        let calls: Vec<_> = (0..self.entries.len()).map(|layer| (layer, vec![layer])).collect();
        let output = self.entries.len();
        let graph = Graph::build(vec![self.input], self.entries, &calls, vec![output])?;
        Network::new(self.name, graph, self.seed, self.device)
    }
}

impl<B: Backend> IntoNetwork<B> for Sequential<B> {
    fn into_network(self) -> Result<Network<B>> {
        self.build()
    }
}
