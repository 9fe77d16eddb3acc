//! The functional interface: layers applied to symbolic tensors make a graph with several inputs and outputs,
//! branches and shared layers.

use std::collections::HashMap;
use std::sync::Arc;

use fornax_core::{Backend, Error, Result};

use crate::graph::{Graph, Slot};
use crate::node::{Entry, IntoEntry};
use crate::{IntoNetwork, Network, Shape, WeightSpecs};

/// A tensor of a model that is being described: a shape and where it comes from.
#[derive(Clone, Debug)]
pub struct Symbolic<B: Backend> {
    source: Arc<Source<B>>,
    output: usize,
    shape: Shape,
}

#[derive(Debug)]
enum Source<B: Backend> {
    Input,
    Call { layer: Arc<Entry<B>>, inputs: Vec<Symbolic<B>> },
}

impl<B: Backend> Symbolic<B> {
    /// The shape of a sample.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    fn key(&self) -> (*const Source<B>, usize) {
        (Arc::as_ptr(&self.source), self.output)
    }
}

/// An input of samples of `shape`, the batch axis left out.
pub fn input<B: Backend>(shape: impl Into<Shape>) -> Symbolic<B> {
    Symbolic { source: Arc::new(Source::Input), output: 0, shape: shape.into() }
}

/// A layer that is applied several times with the same weights.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::Flex;
/// use fornax_layers::{Functional, Shared, input, layers::Dense};
///
/// let (left, right) = (input::<Flex>([4]), input([4]));
/// let tower = Shared::new(Dense::new(3));
/// let (a, b) = (tower.apply(&left)?, tower.apply(&right)?);
/// let network = Functional::new([&left, &right], [&a, &b]).build()?;
/// assert_eq!(network.parameter_count(), 4 * 3 + 3);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Shared<B: Backend>(Arc<Entry<B>>);

impl<B: Backend> Shared<B> {
    /// The layer, to be applied any number of times.
    pub fn new(layer: impl IntoEntry<B>) -> Self {
        Self(Arc::new(layer.into_entry()))
    }

    /// The layer's output for one input or a list of inputs.
    ///
    /// # Errors
    /// If the layer cannot take such inputs.
    pub fn apply<'a>(&self, inputs: impl Inputs<'a, B>) -> Result<Symbolic<B>>
    where
        B: 'a,
    {
        Ok(self.apply_all(inputs)?.swap_remove(0))
    }

    /// All outputs of the layer.
    ///
    /// # Errors
    /// If the layer cannot take such inputs.
    pub fn apply_all<'a>(&self, inputs: impl Inputs<'a, B>) -> Result<Vec<Symbolic<B>>>
    where
        B: 'a,
    {
        let inputs = inputs.to_vec();
        let shapes: Vec<Shape> = inputs.iter().map(|input| input.shape.clone()).collect();
        let place = || {
            let name =
                self.0.name.clone().unwrap_or_else(|| crate::node::snake_case(self.0.node.class_name()));
            format!("layer {name} ({})", self.0.node.class_name())
        };
        let built = self.0.node.build(&shapes, &mut WeightSpecs::default());
        let shapes = built.map_err(|error| error.within(place()))?;
        let source = Arc::new(Source::Call { layer: self.0.clone(), inputs });
        let symbolic = |(output, shape)| Symbolic { source: source.clone(), output, shape };
        Ok(shapes.into_iter().enumerate().map(symbolic).collect())
    }
}

/// Applies a layer to symbolic tensors.
pub trait Apply<B: Backend>: IntoEntry<B> + Sized {
    /// The layer's output for one input or a list of inputs.
    ///
    /// # Errors
    /// If the layer cannot take such inputs; the message names the layer, what came and what was wanted.
    fn apply<'a>(self, inputs: impl Inputs<'a, B>) -> Result<Symbolic<B>>
    where
        B: 'a,
    {
        Shared::new(self).apply(inputs)
    }
}

impl<B: Backend, T: IntoEntry<B>> Apply<B> for T {}

/// One symbolic tensor or several.
pub trait Inputs<'a, B: Backend + 'a> {
    /// The tensors in order.
    fn to_vec(self) -> Vec<Symbolic<B>>;
}

impl<'a, B: Backend> Inputs<'a, B> for &'a Symbolic<B> {
    fn to_vec(self) -> Vec<Symbolic<B>> {
        vec![self.clone()]
    }
}

impl<'a, B: Backend, const N: usize> Inputs<'a, B> for [&'a Symbolic<B>; N] {
    fn to_vec(self) -> Vec<Symbolic<B>> {
        self.map(Clone::clone).to_vec()
    }
}

impl<'a, B: Backend> Inputs<'a, B> for &'a [Symbolic<B>] {
    fn to_vec(self) -> Vec<Symbolic<B>> {
        <[_]>::to_vec(self)
    }
}

/// A model from its inputs to its outputs.
#[derive(Debug)]
pub struct Functional<B: Backend> {
    name: String,
    inputs: Vec<Symbolic<B>>,
    outputs: Vec<Symbolic<B>>,
    seed: u64,
    device: B::Device,
}

impl<B: Backend> Functional<B> {
    /// The model that computes `outputs` from `inputs`. Seed 0, the default device.
    pub fn new<'a>(inputs: impl Inputs<'a, B>, outputs: impl Inputs<'a, B>) -> Self
    where
        B: 'a,
    {
        Self {
            name: "functional".into(),
            inputs: inputs.to_vec(),
            outputs: outputs.to_vec(),
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

    /// Builds the layers and draws the weights.
    ///
    /// # Errors
    /// If an output depends on an input that is not among the model's, or two layers have the same name.
    pub fn build(self) -> Result<Network<B>> {
        let mut order =
            Order { slots: HashMap::new(), layers: vec![], calls: vec![], next: self.inputs.len() };
        for (slot, input) in self.inputs.iter().enumerate() {
            if !matches!(*input.source, Source::Input) {
                return Err(Error::argument(
                    "model input",
                    "the output of a layer",
                    "a tensor made by input()",
                ));
            }
            if order.slots.insert(input.key(), slot).is_some() {
                return Err(Error::argument("model input", "the same tensor twice", "each tensor once"));
            }
        }
        let outputs: Vec<Slot> =
            self.outputs.iter().map(|output| order.visit(output)).collect::<Result<_>>()?;
        let shapes = self.inputs.iter().map(|input| input.shape.clone()).collect();
        let entries = order.layers.iter().map(|layer| Entry {
            node: layer.node.boxed(),
            name: layer.name.clone(),
            trainable: layer.trainable,
        });
        let graph = Graph::build(shapes, entries.collect(), &order.calls, outputs)?;
        Network::new(self.name, graph, self.seed, self.device)
    }
}

impl<B: Backend> IntoNetwork<B> for Functional<B> {
    fn into_network(self) -> Result<Network<B>> {
        self.build()
    }
}

/// A depth-first walk from the outputs to the inputs.
struct Order<B: Backend> {
    slots: HashMap<(*const Source<B>, usize), Slot>,
    layers: Vec<Arc<Entry<B>>>,
    calls: Vec<(usize, Vec<Slot>)>,
    next: Slot,
}

impl<B: Backend> Order<B> {
    /// The slot of `tensor`. The walk keeps its own stack, so that a deep model does not end the thread's.
    fn visit(&mut self, tensor: &Symbolic<B>) -> Result<Slot> {
        let mut stack = vec![tensor.clone()];
        while let Some(top) = stack.last().cloned() {
            if self.slots.contains_key(&top.key()) {
                stack.pop();
                continue;
            }
            let Source::Call { layer, inputs } = &*top.source else {
                return Err(Error::argument(
                    "model output",
                    format!("it depends on an input of shape {} that is not among the model's", top.shape),
                    "all inputs in the list of inputs",
                ));
            };
            let missing: Vec<Symbolic<B>> =
                inputs.iter().filter(|input| !self.slots.contains_key(&input.key())).cloned().collect();
            if missing.is_empty() {
                self.record(&top, layer, inputs)?;
                stack.pop();
            } else {
                stack.extend(missing.into_iter().rev());
            }
        }
        Ok(self.slots[&tensor.key()])
    }

    fn record(&mut self, top: &Symbolic<B>, layer: &Arc<Entry<B>>, inputs: &[Symbolic<B>]) -> Result<()> {
        let known = self.layers.iter().position(|other| Arc::ptr_eq(other, layer));
        let index = known.unwrap_or_else(|| {
            self.layers.push(layer.clone());
            self.layers.len() - 1
        });
        self.calls.push((index, inputs.iter().map(|input| self.slots[&input.key()]).collect()));
        let shapes: Vec<Shape> = inputs.iter().map(|input| input.shape.clone()).collect();
        let count = layer.node.build(&shapes, &mut WeightSpecs::default())?.len();
        for output in 0..count {
            self.slots.insert((Arc::as_ptr(&top.source), output), self.next + output);
        }
        self.next += count;
        Ok(())
    }
}
