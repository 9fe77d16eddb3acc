//! What a layer is: a value without a backend that says which weights it wants and computes with them.
//!
//! [`Layer`] is one tensor in, one out, and all that a layer of one's own implements. [`MultiLayer`] is the
//! general form, several in and several out; every `Layer` is one. Weights are not in the layer: the model keeps
//! them, on its backend, and hands them in by a [`Context`].

use std::fmt::Debug;
use std::ops::Range;

use fornax_core::ops::distinct;
use fornax_core::{Backend, DynTensor, Error, Indices, Philox, Result, Value};
use serde::{Serialize, de::DeserializeOwned};

use crate::layers::Windows;
use crate::{Constraint, Initializer, Regularizer, Shape};

/// A layer of one input and one output.
///
/// ```
/// use fornax_core::{Backend, Result, Value};
/// use fornax_layers::{Context, Initializer, Layer, Shape, WeightSpecs};
/// use serde::{Deserialize, Serialize};
///
/// /// `y = a x`, with one factor `a` a feature.
/// #[derive(Clone, Debug, Serialize, Deserialize)]
/// struct Scale;
///
/// impl Layer for Scale {
///     const CLASS_NAME: &'static str = "Scale";
///
///     fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape> {
///         weights.add("factor", &[input.last()?], Initializer::Ones);
///         Ok(input.clone())
///     }
///
///     fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>> {
///         Ok(x.float().mul(context.row("factor")).into())
///     }
/// }
///
/// # #[cfg(feature = "flex")] {
/// use fornax_layers::Sequential;
/// let network = Sequential::<fornax_core::Flex>::new([3]).add(Scale).build()?;
/// assert_eq!(network.parameter_count(), 3);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
pub trait Layer: Clone + Debug + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// The name by which summaries and saved models know the class, Keras's where Keras has the layer.
    const CLASS_NAME: &'static str;

    /// States the weights for an input and returns the shape of the output.
    ///
    /// # Errors
    /// If the layer cannot take such an input.
    fn build(&self, input: &Shape, weights: &mut WeightSpecs) -> Result<Shape>;

    /// The output for `x [batch, ..]`.
    ///
    /// # Errors
    /// If the values of `x` are out of the layer's domain; its shape has been checked.
    fn call<B: Backend>(&self, x: Value<B>, context: &mut Context<'_, B>) -> Result<Value<B>>;

    /// Whether the output has the time steps of the input, so that its mask holds for it too.
    fn keeps_mask(&self) -> bool {
        true
    }

    /// How the layer may be computed together with a neighbour.
    #[doc(hidden)]
    fn fusion(&self) -> Fusion {
        Fusion::None
    }
}

/// How a layer may be computed together with the one before or behind it.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub enum Fusion {
    /// Not at all.
    #[default]
    None,
    /// It takes the maxima of its own output where [`Context`] has windows for them.
    BeforePooling,
    /// It takes the maxima of windows, and does nothing else.
    MaxPooling(Windows),
}

/// A layer of any number of inputs and outputs.
pub trait MultiLayer: Clone + Debug + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// The name by which summaries and saved models know the class.
    const NAME: &'static str;

    /// States the weights for the inputs and returns the shapes of the outputs.
    ///
    /// # Errors
    /// If the layer cannot take such inputs.
    fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>>;

    /// The outputs for the inputs.
    ///
    /// # Errors
    /// If the values of the inputs are out of the layer's domain.
    fn call_all<B: Backend>(
        &self,
        inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>>;

    /// As [`Layer::fusion`].
    #[doc(hidden)]
    fn fusion(&self) -> Fusion {
        Fusion::None
    }
}

impl<L: Layer> MultiLayer for L {
    const NAME: &'static str = L::CLASS_NAME;

    fn fusion(&self) -> Fusion {
        Layer::fusion(self)
    }

    fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        match inputs {
            [input] => Ok(vec![self.build(input, weights)?]),
            _ => Err(Error::shape("inputs", format!("{} tensors", inputs.len()), "one tensor")),
        }
    }

    fn call_all<B: Backend>(
        &self,
        mut inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let x = inputs.swap_remove(0);
        let mask = if self.keeps_mask() { x.mask().cloned() } else { None };
        let y = self.call(x, context)?;
        Ok(vec![match mask {
            Some(mask) if y.mask().is_none() => y.with_mask(Some(mask)),
            _ => y,
        }])
    }
}

/// What a layer states of one weight.
#[derive(Clone, Debug)]
pub struct WeightSpec {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) initial: Initial,
    /// Elements that start at 1.
    pub(crate) ones: Range<usize>,
    pub(crate) trainable: bool,
    /// Whether it is carried from batch to batch.
    pub(crate) state: bool,
    pub(crate) regularizer: Option<Regularizer>,
    pub(crate) constraint: Option<Constraint>,
}

/// Where a weight starts: drawn, or values that are there already.
#[derive(Clone, Debug)]
pub(crate) enum Initial {
    Drawn(Initializer),
    Values(Vec<f32>),
}

impl WeightSpec {
    /// A penalty on the weight.
    pub fn regularizer(&mut self, regularizer: Option<Regularizer>) -> &mut Self {
        self.regularizer = regularizer;
        self
    }

    /// A projection of the weight after each step.
    pub fn constraint(&mut self, constraint: Option<Constraint>) -> &mut Self {
        self.constraint = constraint;
        self
    }

    /// A weight that no gradient moves (moving statistics).
    pub fn not_trainable(&mut self) -> &mut Self {
        self.trainable = false;
        self
    }

    /// A state that is carried from one batch to the next and that no gradient moves; [`Network::reset_states`] puts it
    /// back to 0.
    ///
    /// [`Network::reset_states`]: crate::Network::reset_states
    pub fn state(&mut self) -> &mut Self {
        self.state = true;
        self.not_trainable()
    }

    /// The elements, in row-major order, that start at 1 whatever the initializer draws.
    pub fn ones(&mut self, range: Range<usize>) -> &mut Self {
        self.ones = range;
        self
    }
}

/// The weights that a layer states, in Keras's order: trainable, then not trainable.
#[derive(Clone, Debug, Default)]
pub struct WeightSpecs(pub(crate) Vec<WeightSpec>);

impl WeightSpecs {
    /// A trainable weight.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
        initializer: Initializer,
    ) -> &mut WeightSpec {
        self.push(name, shape, Initial::Drawn(initializer))
    }

    /// A trainable weight that starts at given values.
    ///
    /// # Panics
    /// If the shape holds another number of values.
    pub fn add_values(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
        values: Vec<f32>,
    ) -> &mut WeightSpec {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "as many values as the shape holds");
        self.push(name, shape, Initial::Values(values))
    }

    fn push(&mut self, name: impl Into<String>, shape: &[usize], initial: Initial) -> &mut WeightSpec {
        self.0.push(WeightSpec {
            name: name.into(),
            shape: shape.to_vec(),
            initial,
            ones: 0..0,
            trainable: true,
            state: false,
            regularizer: None,
            constraint: None,
        });
        self.0.last_mut().expect("one was pushed")
    }
}

/// What a layer computes with: its weights, whether this is training, randomness, and where losses and moving
/// statistics go.
pub struct Context<'a, B: Backend> {
    pub(crate) names: &'a [String],
    pub(crate) weights: &'a [DynTensor<B>],
    /// The position of this layer's first weight in the model.
    pub(crate) base: usize,
    pub(crate) training: bool,
    /// Whether the layer, and every model that it is nested in, is to be trained.
    pub(crate) trainable: bool,
    pub(crate) random: Philox,
    pub(crate) effects: &'a mut Effects<B>,
    /// The pooling of the layer's output, of a layer that says it can.
    pub(crate) pooling: Option<&'a PoolingBehind>,
}

/// A max pooling that the layer before it computes.
#[derive(Clone, Debug)]
pub(crate) struct PoolingBehind {
    pub(crate) windows: Windows,
    /// What errors call the layer of the pooling.
    pub(crate) place: String,
}

/// What a forward pass leaves beside its outputs.
#[derive(Debug)]
pub struct Effects<B: Backend> {
    /// Penalties on outputs.
    pub losses: Vec<DynTensor<B>>,
    /// New values of weights that no gradient moves, by position in the model.
    pub updates: Vec<(usize, DynTensor<B>)>,
    /// Look-ups whose rows are leaves of the graph, where they are wanted: row-sparse gradients come from them.
    pub lookups: Option<Vec<Lookup<B>>>,
}

/// Rows of a table that a layer looked up in a training step.
#[derive(Clone, Debug)]
pub struct Lookup<B: Backend> {
    /// The position of the table in the model.
    pub table: usize,
    /// Which rows.
    pub indices: Indices<B>,
    /// The rows `[.., width]`, a leaf.
    pub rows: DynTensor<B>,
}

impl<B: Backend> Default for Effects<B> {
    fn default() -> Self {
        Self { losses: vec![], updates: vec![], lookups: None }
    }
}

impl<B: Backend> Context<'_, B> {
    /// The weight `name`.
    ///
    /// # Panics
    /// If the layer stated no such weight.
    pub fn weight(&self, name: &str) -> DynTensor<B> {
        self.optional(name).unwrap_or_else(|| panic!("the layer stated no weight {name}"))
    }

    /// The weight `name`, if the layer stated it.
    pub fn optional(&self, name: &str) -> Option<DynTensor<B>> {
        let at = self.names.iter().position(|known| *known == name)?;
        Some(self.weights[at].clone())
    }

    /// The weight `name`, a vector, as `[1, len]`: it broadcasts over the rows of a matrix.
    ///
    /// # Panics
    /// If the layer stated no such weight.
    pub fn row(&self, name: &str) -> DynTensor<B> {
        let weight = self.weight(name);
        let len = weight.len();
        weight.reshape(&[1, len])
    }

    /// All weights of the layer, in the order it stated them.
    pub fn weights(&self) -> &[DynTensor<B>] {
        self.weights
    }

    /// Whether this is a training step (dropout drops, batch normalization uses the batch).
    pub fn training(&self) -> bool {
        self.training
    }

    /// Whether the layer is to be trained at all; a frozen layer is not.
    pub fn trainable(&self) -> bool {
        self.trainable
    }

    /// A generator of this layer's own for this step.
    pub fn random(&self) -> Philox {
        self.random
    }

    /// The weight `name`, with what an earlier call of the layer in this step made of it.
    ///
    /// # Panics
    /// If the layer stated no such weight.
    pub fn latest(&self, name: &str) -> DynTensor<B> {
        let position = self.names.iter().position(|known| *known == name).map(|at| self.base + at);
        let updates = self.effects.updates.iter().rev();
        match updates.into_iter().find(|(at, _)| Some(*at) == position) {
            Some((_, value)) => value.clone(),
            None => self.weight(name),
        }
    }

    /// Gives a weight that no gradient moves a new value.
    ///
    /// # Panics
    /// If the layer stated no such weight.
    pub fn update(&mut self, name: &str, value: DynTensor<B>) {
        let at = self.names.iter().position(|known| *known == name);
        let at = at.unwrap_or_else(|| panic!("the layer stated no weight {name}"));
        self.effects.updates.push((self.base + at, value));
    }

    /// The rows of the table `name` by index; where the training step keeps gradients as rows it takes that of these rows alone.
    ///
    /// # Panics
    /// If the layer stated no such weight.
    pub fn lookup(&mut self, name: &str, indices: Indices<B>) -> DynTensor<B> {
        let table = self.weight(name);
        let at = self.names.iter().position(|known| *known == name).expect("the weight is there");
        match &mut self.effects.lookups {
            Some(lookups) if self.training && self.trainable => {
                let rows = B::embedding_leaf(table, indices.clone());
                lookups.push(Lookup { table: self.base + at, indices, rows: rows.clone() });
                rows
            }
            _ => B::embedding_lookup(table, indices),
        }
    }

    /// The same rows. Where indices come again each is looked up once, on backends that gain by it, and the value tells which
    /// place takes which row: see [`Value::rows_by_place`].
    ///
    /// # Panics
    /// If the layer stated no such weight.
    pub fn lookup_by_place(&mut self, name: &str, indices: Indices<B>) -> Value<B> {
        if B::DISTINCT_ROWS {
            let values = indices.to_vec();
            let (rows, places) = distinct(&values);
            // Else copying costs what computing once saves.
            if 3 * rows.len() <= 2 * values.len() {
                let (device, count) = (indices.device(), rows.len());
                let rows = self.lookup(name, Indices::from_vec(rows, &[count], &device));
                return Value::looked_up(rows, Indices::from_vec(places, &indices.shape(), &device));
            }
        }
        self.lookup(name, indices).into()
    }

    /// Adds a penalty `[1]` to the loss of this step.
    pub fn add_loss(&mut self, penalty: DynTensor<B>) {
        self.effects.losses.push(penalty);
    }

    /// Adds the penalty of an activity regularizer on the output `y`, divided by the batch size.
    ///
    /// # Errors
    /// If the regularizer does not take such an output.
    pub fn regularize_activity(&mut self, regularizer: Option<Regularizer>, y: &DynTensor<B>) -> Result<()> {
        if let (Some(regularizer), true) = (regularizer, self.training) {
            let batch = y.shape()[0].max(1);
            let penalty = regularizer.penalty(y.clone())?.mul_scalar(1.0 / batch as f64);
            self.add_loss(penalty);
        }
        Ok(())
    }
}
