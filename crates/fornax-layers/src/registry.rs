//! [`Registry`]: from a class name to the layer, to rebuild a model from its saved structure.

use std::collections::BTreeMap;

use fornax_core::{Backend, Error, Result};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::graph::Graph;
use crate::nested::Nested;
use crate::node::{Entry, IntoEntry, Node};
use crate::{MultiLayer, Network, Shape};

type Constructor<B> = fn(&Registry<B>, &Json) -> Result<Box<dyn Node<B>>>;

/// The layer classes that a saved model may name. It starts with all of this crate; add your own.
pub struct Registry<B: Backend> {
    classes: BTreeMap<&'static str, Constructor<B>>,
}

impl<B: Backend> Default for Registry<B> {
    fn default() -> Self {
        let mut registry = Self { classes: BTreeMap::new() };
        crate::layers::register(&mut registry);
        registry
    }
}

#[derive(Deserialize)]
struct SavedNetwork {
    name: String,
    seed: u64,
    inputs: Vec<Shape>,
    layers: Vec<SavedLayer>,
    calls: Vec<SavedCall>,
    outputs: Vec<usize>,
}

#[derive(Deserialize)]
struct SavedLayer {
    class_name: String,
    name: String,
    trainable: bool,
    config: Json,
}

#[derive(Deserialize)]
struct SavedCall {
    layer: usize,
    inputs: Vec<usize>,
}

impl<B: Backend> Registry<B> {
    /// Adds a layer class under its name.
    pub fn register<L: MultiLayer>(&mut self) -> &mut Self {
        self.classes.insert(L::NAME, |_, config| {
            let config = if config.is_null() { &Json::Object(Default::default()) } else { config };
            let layer = L::deserialize(config)
                .or_else(|error| match config.as_object() {
                    // A layer without hyper-parameters is `null` to serde and `{}` in Keras's files.
                    Some(object) if object.is_empty() => L::deserialize(&Json::Null).map_err(|_| error),
                    _ => Err(error),
                })
                .map_err(|error| {
                    Error::mismatch(format!("configuration of {}", L::NAME), error, "its arguments")
                })?;
            Ok(layer.into_entry().node)
        });
        self
    }

    /// Adds a class of layers around other layers, which its constructor takes from the registry.
    pub fn register_wrapper(&mut self, class_name: &'static str, constructor: Constructor<B>) -> &mut Self {
        self.classes.insert(class_name, constructor);
        self
    }

    /// The names of the classes.
    pub fn class_names(&self) -> impl Iterator<Item = &'static str> {
        self.classes.keys().copied()
    }

    /// The layer `class_name` with hyper-parameters `config`.
    ///
    /// # Errors
    /// If the class is not registered or the hyper-parameters are not its own.
    pub fn layer(&self, class_name: &str, config: &Json) -> Result<Entry<B>> {
        if class_name == "Network" {
            return Ok(Entry::new(Box::new(Nested(self.network(config, B::Device::default())?))));
        }
        let Some(constructor) = self.classes.get(class_name) else {
            let known: Vec<&str> = self.class_names().collect();
            return Err(Error::mismatch(
                "layer class",
                class_name,
                format!("a registered class ({})", known.join(", ")),
            ));
        };
        Ok(Entry::new(constructor(self, config)?))
    }

    /// The network of a structure that [`Network::config`] gave, with freshly drawn weights.
    ///
    /// # Errors
    /// If the structure is not one, or names a class that is not registered.
    pub fn network(&self, config: &Json, device: B::Device) -> Result<Network<B>> {
        let saved = SavedNetwork::deserialize(config)
            .map_err(|error| Error::mismatch("model structure", error, "a saved Fornax network"))?;
        check_calls(&saved)?;
        let mut entries = vec![];
        for layer in saved.layers {
            let entry = self.layer(&layer.class_name, &layer.config)?;
            entries.push(Entry { name: Some(layer.name), trainable: layer.trainable, ..entry });
        }
        let calls: Vec<_> = saved.calls.into_iter().map(|call| (call.layer, call.inputs)).collect();
        let graph = Graph::build(saved.inputs, entries, &calls, saved.outputs)?;
        Network::new(saved.name, graph, saved.seed, device)
    }
}

/// Calls name layers that exist, every layer is called, nothing is empty; the graph checks the tensors.
fn check_calls(saved: &SavedNetwork) -> Result<()> {
    let bad = |found: String| Err(Error::mismatch("model structure", found, "calls in order"));
    if let Some(call) = saved.calls.iter().find(|call| call.layer >= saved.layers.len()) {
        return bad(format!("a call of layer {} of {}", call.layer, saved.layers.len()));
    }
    if let Some(unused) =
        (0..saved.layers.len()).find(|&layer| saved.calls.iter().all(|call| call.layer != layer))
    {
        return bad(format!("no call of layer {}", saved.layers[unused].name));
    }
    if saved.calls.iter().any(|call| call.inputs.is_empty())
        || saved.inputs.is_empty()
        || saved.outputs.is_empty()
    {
        return bad("a call, model or output without a tensor".into());
    }
    Ok(())
}
