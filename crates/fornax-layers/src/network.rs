//! [`Network`]: a graph with its weights, ready to predict; training puts a loss and an optimizer around it.

use fornax_core::{Array, Autodiff, Backend, DynTensor, Error, Philox, Result, Value};
use serde_json::{Value as Json, json};

use crate::graph::{Graph, Member, root_context};
use crate::layer::{Effects, Initial, WeightSpec};
use crate::{Constraint, Context, MultiLayer, Regularizer, Shape, WeightSpecs};

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

/// What is known of a weight besides its value.
#[derive(Debug)]
pub struct Variable<B: Backend> {
    name: String,
    shape: Vec<usize>,
    trainable: bool,
    state: bool,
    regularizer: Option<Regularizer>,
    constraint: Option<Constraint>,
    backend: std::marker::PhantomData<fn() -> B>,
}

impl<B: Backend> Clone for Variable<B> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            shape: self.shape.clone(),
            trainable: self.trainable,
            state: self.state,
            regularizer: self.regularizer,
            constraint: self.constraint,
            backend: self.backend,
        }
    }
}

impl<B: Backend> Variable<B> {
    /// The path `layer/weight`, unique in the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Whether training moves it.
    pub fn trainable(&self) -> bool {
        self.trainable
    }

    /// Whether it is a state that is carried from batch to batch.
    pub fn is_state(&self) -> bool {
        self.state
    }

    /// The penalty on it.
    pub fn regularizer(&self) -> Option<Regularizer> {
        self.regularizer
    }

    /// The projection after each step.
    pub fn constraint(&self) -> Option<Constraint> {
        self.constraint
    }
}

/// What a training step runs with: the weights on the autodiff backend.
pub type Lifted<B> = Vec<DynTensor<Autodiff<B>>>;

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

    /// The outputs for a batch, without a graph.
    ///
    /// # Errors
    /// If the inputs are not of the model's shapes.
    pub fn infer(&self, inputs: Vec<Value<B>>) -> Result<Vec<Value<B>>> {
        let mut effects = Effects::default();
        let random = Philox::new(self.seed);
        self.graph.infer(inputs, &mut root_context(&self.weights, false, random, &mut effects))
    }

    /// [`Self::infer`], after which the states that stateful layers leave are those that the next batch begins with.
    ///
    /// # Errors
    /// If the inputs are not of the model's shapes.
    pub fn advance(&mut self, inputs: Vec<Value<B>>) -> Result<Vec<Value<B>>> {
        let mut effects = Effects::default();
        let random = Philox::new(self.seed);
        let outputs =
            self.graph.infer(inputs, &mut root_context(&self.weights, false, random, &mut effects))?;
        for (index, value) in effects.updates {
            self.replace(index, value);
        }
        Ok(outputs)
    }

    /// Puts the states of stateful layers back to 0.
    pub fn reset_states(&mut self) {
        for (variable, weight) in self.variables.iter().zip(&mut self.weights) {
            if variable.state {
                *weight = weight.zeros_like();
            }
        }
    }

    /// The output for each sample of `x`, in batches of 32.
    ///
    /// # Errors
    /// If `x` is not of the model's input shape, or the model has several inputs or outputs (see
    /// [`Self::predict_all`]).
    pub fn predict(&self, x: &Array) -> Result<Array> {
        if self.graph.outputs.len() != 1 {
            return Err(Error::argument(
                "predict",
                format!("a model of {} outputs", self.graph.outputs.len()),
                "predict_all",
            ));
        }
        Ok(self.predict_all(std::slice::from_ref(x), 32)?.swap_remove(0))
    }

    /// The outputs for the inputs, each with as many samples, in batches of `batch_size`.
    ///
    /// # Errors
    /// If the inputs are not of the model's shapes or have different numbers of samples, or `batch_size` is 0.
    pub fn predict_all(&self, inputs: &[Array], batch_size: usize) -> Result<Vec<Array>> {
        if batch_size == 0 {
            return Err(Error::argument("batch_size", 0, "at least 1"));
        }
        let samples = inputs.first().map_or(0, Array::row_count);
        if samples == 0 {
            return Err(Error::data("inputs", "no sample", "at least one"));
        }
        if let Some(other) = inputs.iter().find(|input| input.row_count() != samples) {
            return Err(Error::shape(
                "inputs",
                format!("{} samples", other.row_count()),
                format!("{samples}, as in the first input"),
            ));
        }
        let mut outputs: Vec<(Vec<usize>, Vec<f32>)> = vec![];
        for start in (0..samples).step_by(batch_size) {
            let rows = start..(start + batch_size).min(samples);
            let batch = inputs.iter().map(|input| match rows.len() == samples {
                true => Value::from_array(input, &self.device),
                false => Value::from_array(&input.rows(rows.clone()), &self.device),
            });
            let batch = self.infer(batch.collect())?;
            outputs.resize_with(batch.len(), Default::default);
            for ((shape, values), output) in outputs.iter_mut().zip(batch) {
                *shape = output.shape();
                match values.is_empty() {
                    true => *values = output.float().to_vec(),
                    false => values.extend(output.float().to_vec()),
                }
            }
        }
        outputs
            .into_iter()
            .map(|(mut shape, values)| {
                shape[0] = samples;
                Array::from_vec(shape, values)
            })
            .collect()
    }

    /// The outputs of a training step with the lifted weights; `random` is the step's own generator.
    ///
    /// # Errors
    /// If the inputs are not of the model's shapes.
    pub fn train(
        &self,
        lifted: &Lifted<B>,
        inputs: Vec<Value<B>>,
        random: Philox,
    ) -> Result<(Vec<Value<Autodiff<B>>>, Effects<Autodiff<B>>)> {
        self.train_lifted(lifted, inputs.into_iter().map(Value::lift).collect(), random)
    }

    /// [`Self::train`] with row-sparse gradients: look-ups are in [`Effects::lookups`], and a table's gradient is that of
    /// its other uses alone.
    ///
    /// # Errors
    /// If the inputs are not of the model's shapes.
    pub fn train_lazily(
        &self,
        lifted: &Lifted<B>,
        inputs: Vec<Value<B>>,
        random: Philox,
    ) -> Result<(Vec<Value<Autodiff<B>>>, Effects<Autodiff<B>>)> {
        let effects = Effects { lookups: Some(vec![]), ..Effects::default() };
        self.train_with(lifted, inputs.into_iter().map(Value::lift).collect(), random, effects)
    }

    /// [`Self::train`] for inputs that are on the autodiff backend already.
    ///
    /// # Errors
    /// If the inputs are not of the model's shapes.
    pub fn train_lifted(
        &self,
        lifted: &Lifted<B>,
        inputs: Vec<Value<Autodiff<B>>>,
        random: Philox,
    ) -> Result<(Vec<Value<Autodiff<B>>>, Effects<Autodiff<B>>)> {
        self.train_with(lifted, inputs, random, Effects::default())
    }

    fn train_with(
        &self,
        lifted: &Lifted<B>,
        inputs: Vec<Value<Autodiff<B>>>,
        random: Philox,
        mut effects: Effects<Autodiff<B>>,
    ) -> Result<(Vec<Value<Autodiff<B>>>, Effects<Autodiff<B>>)> {
        let outputs = self.graph.train(inputs, &mut root_context(lifted, true, random, &mut effects))?;
        Ok((outputs, effects))
    }

    /// Takes the weights out of the store and lifts them for a step; [`Self::lower`] puts them back.
    pub fn lift(&mut self) -> Lifted<B> {
        let weights = std::mem::take(&mut self.weights);
        weights
            .into_iter()
            .zip(&self.variables)
            .map(|(weight, variable)| weight.lift(variable.trainable))
            .collect()
    }

    /// Puts lifted weights back, each through `step`, which may move it.
    pub fn lower(&mut self, lifted: Lifted<B>, mut step: impl FnMut(usize, DynTensor<B>) -> DynTensor<B>) {
        self.weights =
            lifted.into_iter().enumerate().map(|(index, weight)| step(index, weight.lower())).collect();
    }

    /// Replaces the value of the weight at `index` (moving statistics).
    pub fn replace(&mut self, index: usize, value: DynTensor<B>) {
        self.weights[index] = value;
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
