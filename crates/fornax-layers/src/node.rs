//! [`Node`]: a layer behind a box, on one backend and its autodiff twin.
//!
//! A boxed layer cannot have a generic method, and a trait over all backends would never end
//! (`Autodiff<Autodiff<..>>`). A node names the two that a model needs.

use std::fmt::Debug;

use fornax_core::{Autodiff, Backend, Result, Value};
use serde_json::Value as Json;

use crate::layer::Fusion;
use crate::{Context, MultiLayer, Network, Shape, WeightSpecs};

/// A layer on backend `B` and on `Autodiff<B>`.
pub trait Node<B: Backend>: Debug + Send + Sync {
    /// The name of the class.
    fn class_name(&self) -> &str;

    /// The hyper-parameters, from which a registry rebuilds the layer.
    fn config(&self) -> Json;

    /// See [`MultiLayer::build_all`].
    ///
    /// # Errors
    /// If the layer cannot take such inputs.
    fn build(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>>;

    /// The outputs without a graph.
    ///
    /// # Errors
    /// See [`MultiLayer::call_all`].
    fn infer(&self, inputs: Vec<Value<B>>, context: &mut Context<'_, B>) -> Result<Vec<Value<B>>>;

    /// The outputs with the graph that gradients need.
    ///
    /// # Errors
    /// See [`MultiLayer::call_all`].
    fn train(
        &self,
        inputs: Vec<Value<Autodiff<B>>>,
        context: &mut Context<'_, Autodiff<B>>,
    ) -> Result<Vec<Value<Autodiff<B>>>>;

    /// A copy of the layer.
    fn boxed(&self) -> Box<dyn Node<B>>;

    /// How the layer may be computed together with a neighbour.
    #[doc(hidden)]
    fn fusion(&self) -> Fusion {
        Fusion::None
    }
}

#[derive(Clone, Debug)]
struct Adapter<L>(L);

impl<B: Backend, L: MultiLayer> Node<B> for Adapter<L> {
    fn class_name(&self) -> &str {
        L::NAME
    }

    fn config(&self) -> Json {
        serde_json::to_value(&self.0).expect("a layer's hyper-parameters have a JSON form")
    }

    fn build(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        self.0.build_all(inputs, weights)
    }

    fn infer(&self, inputs: Vec<Value<B>>, context: &mut Context<'_, B>) -> Result<Vec<Value<B>>> {
        self.0.call_all(inputs, context)
    }

    fn train(
        &self,
        inputs: Vec<Value<Autodiff<B>>>,
        context: &mut Context<'_, Autodiff<B>>,
    ) -> Result<Vec<Value<Autodiff<B>>>> {
        self.0.call_all(inputs, context)
    }

    fn boxed(&self) -> Box<dyn Node<B>> {
        Box::new(self.clone())
    }

    fn fusion(&self) -> Fusion {
        self.0.fusion()
    }
}

/// A node with a name of its own and whether its weights are trained.
#[derive(Debug)]
pub struct Entry<B: Backend> {
    pub(crate) node: Box<dyn Node<B>>,
    pub(crate) name: Option<String>,
    pub(crate) trainable: bool,
}

impl<B: Backend> Entry<B> {
    /// A trainable layer without a name of its own.
    pub fn new(node: Box<dyn Node<B>>) -> Self {
        Self { node, name: None, trainable: true }
    }

    /// The layer alone.
    pub fn into_node(self) -> Box<dyn Node<B>> {
        self.node
    }
}

/// What a model takes as a layer: a layer, a named or frozen one, a whole network, a Burn module.
pub trait IntoEntry<B: Backend> {
    /// The node with its name.
    fn into_entry(self) -> Entry<B>;
}

impl<B: Backend, L: MultiLayer> IntoEntry<B> for L {
    fn into_entry(self) -> Entry<B> {
        Entry::new(Box::new(Adapter(self)))
    }
}

/// A layer with a name of its own, or whose weights stay as they are. Made by [`LayerExt`].
#[derive(Clone, Debug)]
pub struct Configured<T> {
    layer: T,
    name: Option<String>,
    trainable: bool,
}

impl<T> Configured<T> {
    /// Names the layer.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Keeps the layer's weights as they are in training.
    pub fn frozen(mut self) -> Self {
        self.trainable = false;
        self
    }
}

impl<B: Backend, T: IntoEntry<B>> IntoEntry<B> for Configured<T> {
    fn into_entry(self) -> Entry<B> {
        let entry = self.layer.into_entry();
        Entry { name: self.name.or(entry.name), trainable: self.trainable && entry.trainable, ..entry }
    }
}

impl<B: Backend> IntoEntry<B> for Entry<B> {
    fn into_entry(self) -> Entry<B> {
        self
    }
}

impl<B: Backend> IntoEntry<B> for Network<B> {
    fn into_entry(self) -> Entry<B> {
        Entry {
            name: Some(self.name().to_owned()),
            node: Box::new(crate::nested::Nested(self)),
            trainable: true,
        }
    }
}

/// Names and freezes layers.
pub trait LayerExt: Sized {
    /// The layer under a name of its own; names are unique in a model.
    fn named(self, name: impl Into<String>) -> Configured<Self> {
        Configured { layer: self, name: Some(name.into()), trainable: true }
    }

    /// The layer with weights that training leaves as they are.
    fn frozen(self) -> Configured<Self> {
        Configured { layer: self, name: None, trainable: false }
    }
}

impl<L: MultiLayer> LayerExt for L {}
impl<B: Backend> LayerExt for Network<B> {}

/// The snake-case form of a class name by Keras's two rules: `Conv2D` is `conv2d`, `PReLU` is `p_re_lu`.
pub fn snake_case(class_name: &str) -> String {
    let chars: Vec<char> = class_name.chars().filter(|c| c.is_alphanumeric()).collect();
    // (.)([A-Z][a-z]+) -> \1_\2, left to right without overlap.
    let mut split = String::new();
    let mut at = 0;
    while at < chars.len() {
        let word_follows =
            at + 2 < chars.len() && chars[at + 1].is_uppercase() && chars[at + 2].is_lowercase();
        split.push(chars[at]);
        at += 1;
        if word_follows {
            split.push('_');
            split.push(chars[at]);
            at += 1;
            while at < chars.len() && chars[at].is_lowercase() {
                split.push(chars[at]);
                at += 1;
            }
        }
    }
    // ([a-z])([A-Z]) -> \1_\2.
    let mut name = String::new();
    let mut previous = None;
    for c in split.chars() {
        if c.is_uppercase() && previous.is_some_and(char::is_lowercase) {
            name.push('_');
        }
        name.extend(c.to_lowercase());
        previous = Some(c);
    }
    name
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_follow_keras() {
        for (class, name) in [
            ("Dense", "dense"),
            ("Conv2D", "conv2d"),
            ("MaxPooling2D", "max_pooling2d"),
            ("PReLU", "p_re_lu"),
            ("ConvLSTM2D", "conv_lstm2d"),
            ("ReLU", "re_lu"),
            ("ELU", "elu"),
            ("BatchNormalization", "batch_normalization"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("DepthwiseConv2D", "depthwise_conv2d"),
            ("GlobalAveragePooling1D", "global_average_pooling1d"),
            ("UpSampling2D", "up_sampling2d"),
        ] {
            assert_eq!(super::snake_case(class), name);
        }
    }
}
