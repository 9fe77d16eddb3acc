//! The cells: one time step, to be called in a loop of one's own.

use fornax_core::ops::{Activation, RecurrentCell};
use fornax_core::{Backend, Error, Result, Value};
use fornax_layers::{Constraint, Context, Initializer, MultiLayer, Regularizer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::{CellArguments, Parts, SequenceArguments, cell_setters};

/// Arguments that a single step does not have.
static NO_SEQUENCE: SequenceArguments = SequenceArguments {
    activity_regularizer: None,
    return_sequences: false,
    return_state: true,
    go_backwards: false,
    stateful: false,
    batch_size: None,
    zero_output_for_mask: false,
};

/// Implements [`MultiLayer`] for a cell that has [`Parts`].
macro_rules! cell {
    ($cell:ident, $name:literal) => {
        impl $cell {
            cell_setters!(arguments);
        }

        impl Default for $cell {
            fn default() -> Self {
                Self::new(1)
            }
        }

        impl MultiLayer for $cell {
            const NAME: &'static str = $name;

            fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
                self.parts(&NO_SEQUENCE).build_step(inputs, weights)
            }

            fn call_all<B: Backend>(
                &self,
                inputs: Vec<Value<B>>,
                context: &mut Context<'_, B>,
            ) -> Result<Vec<Value<B>>> {
                self.parts(&NO_SEQUENCE).step(inputs, context)
            }
        }
    };
}

impl Parts<'_> {
    fn build_step(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let [x, states @ ..] = inputs else {
            return Err(Error::shape("inputs", "0 tensors", "an input and the states"));
        };
        x.expect_rank(1, "[features]")?;
        if states.len() != self.equations.states() {
            let wanted = format!("{}, one a state", self.equations.states());
            return Err(Error::shape("states", format!("{} tensors", states.len()), wanted));
        }
        self.check_states(states)?;
        self.build_cell("", x.last()?, weights)?;
        Ok(states.to_vec())
    }

    fn step<B: Backend>(&self, inputs: Vec<Value<B>>, context: &mut Context<'_, B>) -> Result<Vec<Value<B>>> {
        let mut inputs = inputs.into_iter().map(Value::float);
        let x = inputs.next().expect("the graph has checked the inputs");
        let (batch, features) = (x.shape()[0], x.shape()[1]);
        let how = self.recurrence("", false, context);
        let inputs = self.inputs("", x.reshape(&[batch, 1, features]), batch, inputs.collect(), context)?;
        let run = B::recurrent(inputs, &how);
        Ok(self.split_states(run.states).into_iter().map(Value::from).collect())
    }
}

/// One step of a [`SimpleRNN`](super::SimpleRNN): from `x` and `h` to the next `h`, which is also the output.
///
/// # Shapes
/// - inputs: `[batch, features]`, `[batch, units]`
/// - output: `[batch, units]`
/// - weights: as those of the layer
///
/// Defaults: those of the layer. Source: `keras.layers.SimpleRNNCell`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Flex, Array};
/// use fornax_layers::{Apply, Functional, input};
/// use fornax_sequence::layers::SimpleRNNCell;
///
/// let (x, h) = (input::<Flex>([1]), input([1]));
/// let mut network = Functional::new([&x, &h], &SimpleRNNCell::new(1).apply([&x, &h])?).build()?;
/// network.set_weight("simple_rnn_cell/kernel", &Array::from_vec([1, 1], vec![2.0])?)?;
/// network.set_weight("simple_rnn_cell/recurrent_kernel", &Array::from_vec([1, 1], vec![-1.0])?)?;
/// let [x, h] = [0.5, 0.25].map(|value| Array::from_vec([1, 1], vec![value]).unwrap());
/// let y = network.predict_all(&[x, h], 1)?[0].to_f32();
/// assert!((y[0] - 0.75f32.tanh()).abs() < 1e-6);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SimpleRNNCell {
    #[serde(flatten)]
    pub(super) arguments: CellArguments,
}

impl SimpleRNNCell {
    /// A cell of `units` numbers.
    pub fn new(units: usize) -> Self {
        Self { arguments: CellArguments::new(units) }
    }

    pub(super) fn parts<'a>(&'a self, sequence: &'a SequenceArguments) -> Parts<'a> {
        Parts {
            equations: RecurrentCell::Simple,
            recurrent_activation: Activation::Sigmoid,
            unit_forget_bias: false,
            cell: &self.arguments,
            sequence,
        }
    }
}

cell!(SimpleRNNCell, "SimpleRNNCell");

/// One step of an [`LSTM`](super::LSTM): from `x`, `h` and `c` to the next `h`, which is also the output, and `c`.
///
/// # Shapes
/// - inputs: `[batch, features]`, `[batch, units]`, `[batch, units]`
/// - outputs: `[batch, units]`, `[batch, units]`
/// - weights: as those of the layer
///
/// Defaults: those of the layer. Source: `keras.layers.LSTMCell`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Functional, Shared, input};
/// use fornax_sequence::layers::LSTMCell;
///
/// let inputs = [input::<Flex>([3]), input([2]), input([2])];
/// let outputs = Shared::new(LSTMCell::new(2)).apply_all(&inputs[..])?;
/// let network = Functional::new(&inputs[..], &outputs[..]).build()?;
/// let mut states = vec![Array::from_vec([1, 2], vec![0.0; 2])?; 2];
/// for x in [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]] {
///     let x = Array::from_vec([1, 3], x.to_vec())?;
///     states = network.predict_all(&[&[x], &states[..]].concat(), 1)?;
/// }
/// assert!(states[0].to_f32().iter().all(|h| h.abs() < 1.0));
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LSTMCell {
    #[serde(flatten)]
    pub(super) arguments: CellArguments,
    pub(super) recurrent_activation: Activation,
    pub(super) unit_forget_bias: bool,
}

impl LSTMCell {
    /// A cell of `units` numbers a state.
    pub fn new(units: usize) -> Self {
        Self {
            arguments: CellArguments::new(units),
            recurrent_activation: Activation::Sigmoid,
            unit_forget_bias: true,
        }
    }

    setters! {
        /// `s`.
        recurrent_activation: Activation,
        /// Whether the bias of the forget gate starts at 1.
        unit_forget_bias: bool,
    }

    pub(super) fn parts<'a>(&'a self, sequence: &'a SequenceArguments) -> Parts<'a> {
        Parts {
            equations: RecurrentCell::Lstm,
            recurrent_activation: self.recurrent_activation,
            unit_forget_bias: self.unit_forget_bias,
            cell: &self.arguments,
            sequence,
        }
    }
}

cell!(LSTMCell, "LSTMCell");

/// One step of a [`GRU`](super::GRU): from `x` and `h` to the next `h`, which is also the output.
///
/// # Shapes
/// - inputs: `[batch, features]`, `[batch, units]`
/// - output: `[batch, units]`
/// - weights: as those of the layer
///
/// Defaults: those of the layer. Source: `keras.layers.GRUCell`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::{Apply, Functional, input};
/// use fornax_sequence::layers::GRUCell;
///
/// let (x, h) = (input::<Flex>([3]), input([2]));
/// let network = Functional::new([&x, &h], &GRUCell::new(2).apply([&x, &h])?).build()?;
/// let zeros = Array::from_vec([1, 3], vec![0.0; 3])?;
/// let h = Array::from_vec([1, 2], vec![0.0; 2])?;
/// assert_eq!(network.predict_all(&[zeros, h], 1)?[0].to_f32(), [0.0, 0.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct GRUCell {
    #[serde(flatten)]
    pub(super) arguments: CellArguments,
    pub(super) recurrent_activation: Activation,
    pub(super) reset_after: bool,
}

impl GRUCell {
    /// A cell of `units` numbers.
    pub fn new(units: usize) -> Self {
        Self {
            arguments: CellArguments::new(units),
            recurrent_activation: Activation::Sigmoid,
            reset_after: true,
        }
    }

    setters! {
        /// `s`.
        recurrent_activation: Activation,
        /// Whether the reset gate acts behind the product with `U`, which then has a bias of its own.
        reset_after: bool,
    }

    pub(super) fn parts<'a>(&'a self, sequence: &'a SequenceArguments) -> Parts<'a> {
        Parts {
            equations: RecurrentCell::Gru { reset_after: self.reset_after },
            recurrent_activation: self.recurrent_activation,
            unit_forget_bias: false,
            cell: &self.arguments,
            sequence,
        }
    }
}

cell!(GRUCell, "GRUCell");
