//! [`SimpleRNN`]: the Elman network.

use fornax_core::ops::Activation;
use fornax_core::{Backend, Result, Value};
use fornax_layers::{Constraint, Context, Initializer, Regularizer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::{Parts, SequenceArguments, SimpleRNNCell, cell_setters, recurrent_layer, sequence_setters};

/// `h_t = f(x_t W + h_{t-1} U + b)`.
///
/// A time step that the mask leaves out holds the state and repeats the output before it. Padding behind a sequence
/// costs no time.
///
/// # Shapes
/// - inputs: `[batch, time, features]`; the initial `h [batch, units]` where it is given
/// - outputs: `[batch, units]`, with `return_sequences` `[batch, time, units]`; with `return_state` the last `h`,
///   `[batch, units]`
/// - weights: `kernel [features, units]`, `recurrent_kernel [units, units]`, `bias [units]`
///
/// Defaults: tanh, `GlorotUniform` kernel, orthogonal recurrent kernel, zero bias, the output of the last step. Source:
/// Elman, *Finding structure in time*, 1990; `keras.layers.SimpleRNN`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, ops::Activation::Relu};
/// use fornax_layers::Sequential;
/// use fornax_sequence::layers::SimpleRNN;
///
/// let mut network = Sequential::<Flex>::new([3, 1]).add(SimpleRNN::new(1).activation(Relu)).build()?;
/// network.set_weight("simple_rnn/kernel", &Array::from_vec([1, 1], vec![1.0])?)?;
/// network.set_weight("simple_rnn/recurrent_kernel", &Array::from_vec([1, 1], vec![0.5])?)?;
/// let sum = network.predict(&Array::from_vec([1, 3, 1], vec![4.0, 2.0, 1.0])?)?;
/// assert_eq!(sum.to_f32(), [1.0 + 0.5 * (2.0 + 0.5 * 4.0)]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SimpleRNN {
    #[serde(flatten)]
    cell: SimpleRNNCell,
    #[serde(flatten)]
    sequence: SequenceArguments,
}

impl SimpleRNN {
    /// A layer of `units` outputs.
    pub fn new(units: usize) -> Self {
        Self { cell: SimpleRNNCell::new(units), sequence: SequenceArguments::default() }
    }

    cell_setters!(cell.arguments);
    sequence_setters!();

    pub(super) fn parts(&self) -> Parts<'_> {
        self.cell.parts(&self.sequence)
    }
}

recurrent_layer!(SimpleRNN, "SimpleRNN");
