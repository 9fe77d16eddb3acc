//! [`Network`]: a graph with its weights, ready to predict; training puts a loss and an optimizer around it.

mod run;
mod variable;

use fornax_core::{Array, Backend, DynTensor, Error, Philox, Result};
use serde_json::{Value as Json, json};

use crate::graph::{Graph, Member, root_context};
use crate::layer::{Effects, Initial, WeightSpec};
use crate::{Context, MultiLayer, Shape, WeightSpecs};

pub use run::Lifted;
pub use variable::Variable;

/// A model without an optimizer: structure and weights.
#[derive(Debug)]
pub struct Network<B: Backend> {
    pub(crate) name: String,
    pub(crate) graph: Graph<B>,
    pub(crate) variables: Vec<Variable<B>>,
    pub(crate) weights: Vec<DynTensor<B>>,
    pub(crate) seed: u64,
    pub(crate) device: B::Device,
}

/// An error where a weight of `shape` does not fit in memory, which a file can ask for.
fn check_memory(shape: &[usize]) -> Result<()> {
    let elements = shape.iter().try_fold(1usize, |product, &len| product.checked_mul(len));
    match elements.is_some_and(|elements| Vec::<f32>::new().try_reserve_exact(elements).is_ok()) {
        true => Ok(()),
        false => Err(Error::shape("shape", format!("{shape:?}"), "as many elements as memory holds")),
    }
}

impl<B: Backend> Network<B> {
    pub(crate) fn new(
        name: String,
        (graph, specs): (Graph<B>, Vec<(String, WeightSpec)>),
        seed: u64,
        device: B::Device,
    ) -> Result<Self> {
        let mut variables = vec![];
        let mut weights = vec![];
        for (name, spec) in specs {
            if let Some(constraint) = spec.constraint {
                constraint.check(spec.shape.len()).map_err(|error| error.within(format!("weight {name}")))?;
            }
            check_memory(&spec.shape).map_err(|error| error.within(format!("weight {name}")))?;
            let mut values = match spec.initial {
                Initial::Values(values) => values,
                Initial::Drawn(initializer) => initializer
                    .values(&spec.shape, Philox::new(seed).named(&name))
                    .map_err(|error| error.within(format!("weight {name}")))?,
            };
            values[spec.ones].fill(1.0);
            weights.push(DynTensor::from_vec(values, &spec.shape, &device));
            variables.push(Variable {
                name,
                shape: spec.shape,
                trainable: spec.trainable,
                state: spec.state,
                regularizer: spec.regularizer,
                constraint: spec.constraint,
                backend: std::marker::PhantomData,
            });
        }
        Ok(Self { name, graph, variables, weights, seed, device })
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The seed of the initial weights and of random layers.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Where the weights live.
    pub fn device(&self) -> &B::Device {
        &self.device
    }

    /// The shape of each input.
    pub fn input_shapes(&self) -> &[Shape] {
        &self.graph.inputs
    }

    /// The shape of each output.
    pub fn output_shapes(&self) -> Vec<Shape> {
        self.graph.output_shapes()
    }

    /// The names of the layers that the outputs come from.
    pub fn output_names(&self) -> Vec<String> {
        let producer = |slot| self.graph.calls.iter().find(|call| call.outputs.contains(&slot));
        let name =
            |slot| producer(slot).map_or("input".into(), |call| self.graph.layers[call.layer].name.clone());
        self.graph.outputs.iter().map(|&slot| name(slot)).collect()
    }

    /// The layers' names and classes, in the order in which they were added.
    pub fn layers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.graph.layers.iter().map(|member| (member.name.as_str(), member.node.class_name()))
    }

    /// The layer `name` with its hyper-parameters.
    ///
    /// # Errors
    /// If there is none, or it is of another class.
    pub fn layer<L: MultiLayer>(&self, name: &str) -> Result<L> {
        let member = self.member(name)?;
        if member.node.class_name() != L::NAME {
            return Err(Error::argument(format!("layer {name}"), member.node.class_name(), L::NAME));
        }
        L::deserialize(member.node.config())
            .map_err(|error| Error::mismatch(format!("configuration of {}", L::NAME), error, "its arguments"))
    }

    /// Runs `work` with what the layer `name` computes with outside of training: its weights. It is how a layer is
    /// run otherwise than by the graph, for example a step at a time.
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use fornax_core::Flex;
    /// use fornax_layers::{Sequential, layers::Dense};
    ///
    /// let network = Sequential::<Flex>::new([2]).add(Dense::new(3)).build()?;
    /// let shape = network.with_layer("dense", |context| Ok(context.weight("kernel").shape()))?;
    /// assert_eq!(shape, [2, 3]);
    /// # }
    /// # Ok::<(), fornax_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such layer, or `work` fails.
    pub fn with_layer<T>(
        &self,
        name: &str,
        work: impl FnOnce(&mut Context<'_, B>) -> Result<T>,
    ) -> Result<T> {
        let member = self.member(name)?;
        let mut effects = Effects::default();
        let mut context = Context {
            names: &member.weight_names,
            base: member.weights.start,
            ..root_context(&self.weights[member.weights.clone()], false, Philox::new(self.seed), &mut effects)
        };
        work(&mut context).map_err(|error| error.within(member.place()))
    }

    fn member(&self, name: &str) -> Result<&Member<B>> {
        Ok(&self.graph.layers[self.layer_position(name)?])
    }

    fn layer_position(&self, name: &str) -> Result<usize> {
        self.graph.layers.iter().position(|member| member.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.graph.layers.iter().map(|member| member.name.as_str()).collect();
            Error::argument("layer", name, format!("one of {}", names.join(", ")))
        })
    }

    /// What is known of the weights.
    pub fn variables(&self) -> &[Variable<B>] {
        &self.variables
    }

    /// The weights, in the order of [`Self::variables`].
    pub fn weights(&self) -> &[DynTensor<B>] {
        &self.weights
    }

    /// The number of weight elements.
    pub fn parameter_count(&self) -> usize {
        self.variables.iter().map(|variable| variable.shape.iter().product::<usize>()).sum()
    }

    /// The weight `name` (`layer/weight`).
    ///
    /// # Errors
    /// If there is none.
    pub fn weight(&self, name: &str) -> Result<Array> {
        Ok(self.weights[self.position(name)?].to_array())
    }

    /// Gives the weight `name` (`layer/weight`) other values.
    ///
    /// # Errors
    /// If there is none or the shapes differ.
    pub fn set_weight(&mut self, name: &str, values: &Array) -> Result<()> {
        let at = self.position(name)?;
        if values.shape() != self.variables[at].shape {
            return Err(Error::mismatch(
                format!("weight {name}"),
                format!("shape {:?}", values.shape()),
                format!("{:?}", self.variables[at].shape),
            ));
        }
        self.weights[at] = DynTensor::from_array(values, &self.device);
        Ok(())
    }

    fn position(&self, name: &str) -> Result<usize> {
        self.variables.iter().position(|variable| variable.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.variables.iter().map(Variable::name).collect();
            Error::argument("weight", name, format!("one of {}", names.join(", ")))
        })
    }

    /// Freezes or thaws a layer: whether training moves its weights. Moving statistics never become trainable.
    ///
    /// # Errors
    /// If there is no layer of that name.
    pub fn set_trainable(&mut self, layer: &str, trainable: bool) -> Result<()> {
        let at = self.layer_position(layer)?;
        let mut specs = WeightSpecs::default();
        let call = self.graph.calls.iter().find(|call| call.layer == at).expect("every layer is called");
        let inputs: Vec<Shape> = call.inputs.iter().map(|&slot| self.slot_shape(slot)).collect();
        self.graph.layers[at].node.build(&inputs, &mut specs)?;
        self.graph.layers[at].trainable = trainable;
        for (position, spec) in self.graph.layers[at].weights.clone().zip(specs.0) {
            self.variables[position].trainable = trainable && spec.trainable;
        }
        Ok(())
    }

    fn slot_shape(&self, slot: usize) -> Shape {
        match self.graph.inputs.get(slot) {
            Some(shape) => shape.clone(),
            None => {
                let call = self.graph.calls.iter().find(|call| call.outputs.contains(&slot));
                let call = call.expect("every slot behind the inputs is some call's output");
                call.shapes[slot - call.outputs.start].clone()
            }
        }
    }

    /// Copies the weights that another network has under the same name and shape; returns how many.
    pub fn copy_matching(&mut self, other: &Self) -> usize {
        let mut copied = 0;
        for (variable, weight) in self.variables.iter().zip(&mut self.weights) {
            let same = |from: &&Variable<B>| from.name == variable.name && from.shape == variable.shape;
            if let Some(from) = other.variables.iter().find(same) {
                *weight = other.weights[other.position(&from.name).expect("it was found")].clone();
                copied += 1;
            }
        }
        copied
    }

    /// The structure as JSON: classes, hyper-parameters and calls, without the weights.
    pub fn config(&self) -> Json {
        let layers: Vec<Json> = self
            .graph
            .layers
            .iter()
            .map(|member| {
                json!({
                    "class_name": member.node.class_name(),
                    "name": member.name,
                    "trainable": member.trainable,
                    "config": member.node.config(),
                })
            })
            .collect();
        let calls: Vec<Json> = self
            .graph
            .calls
            .iter()
            .map(|call| json!({ "layer": call.layer, "inputs": call.inputs }))
            .collect();
        json!({
            "name": self.name,
            "seed": self.seed,
            "inputs": self.graph.inputs,
            "layers": layers,
            "calls": calls,
            "outputs": self.graph.outputs,
        })
    }
}

impl<B: Backend> Clone for Network<B> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            graph: self.graph.clone(),
            variables: self.variables.clone(),
            weights: self.weights.clone(),
            seed: self.seed,
            device: self.device.clone(),
        }
    }
}

/// What becomes a network: a builder, or a network itself.
pub trait IntoNetwork<B: Backend> {
    /// Builds the layers and draws the weights.
    ///
    /// # Errors
    /// If a layer cannot take its input.
    fn into_network(self) -> Result<Network<B>>;
}

impl<B: Backend> IntoNetwork<B> for Network<B> {
    fn into_network(self) -> Result<Network<B>> {
        Ok(self)
    }
}
