//! [`LSTM`]: long short-term memory.

use fornax_core::ops::Activation;
use fornax_core::{Backend, Result, Value};
use fornax_layers::{Constraint, Context, Initializer, Regularizer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::{LSTMCell, Parts, SequenceArguments, cell_setters, recurrent_layer, sequence_setters};

/// `z = x_t W + h_{t-1} U + b` in four blocks, `i, f, o = s(z)` and `g = f(z)` in the order i, f, g, o;
/// `c_t = f * c_{t-1} + i * g`, `h_t = o * f(c_t)`.
///
/// A time step that the mask leaves out holds the states and repeats the output before it. Padding behind a sequence
/// costs no time.
///
/// # Shapes
/// - inputs: `[batch, time, features]`; the initial `h` and `c`, `[batch, units]` each, where they are given
/// - outputs: `[batch, units]`, with `return_sequences` `[batch, time, units]`; with `return_state` the last `h` and `c`,
///   `[batch, units]` each
/// - weights: `kernel [features, 4 units]`, `recurrent_kernel [units, 4 units]`, `bias [4 units]`
///
/// Defaults: tanh and sigmoid, `GlorotUniform` kernel, orthogonal recurrent kernel, zero bias but 1 at the forget gate, the
/// output of the last step. Source: Hochreiter and Schmidhuber 1997; `keras.layers.LSTM`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::Sequential;
/// use fornax_sequence::layers::LSTM;
///
/// let mut network = Sequential::<Flex>::new([2, 1]).add(LSTM::new(1).return_sequences(true)).build()?;
/// network.set_weight("lstm/kernel", &Array::from_vec([1, 4], vec![0.0, 0.0, 1.0, 0.0])?)?;
/// network.set_weight("lstm/recurrent_kernel", &Array::from_vec([1, 4], vec![0.0; 4])?)?;
/// network.set_weight("lstm/bias", &vec![0.0; 4].into())?;
/// let h = network.predict(&Array::from_vec([1, 2, 1], vec![1.0, 0.0])?)?.to_f32();
/// let c = [0.5 * 1.0f32.tanh(), 0.25 * 1.0f32.tanh()];
/// assert!((h[0] - 0.5 * c[0].tanh()).abs() < 1e-6 && (h[1] - 0.5 * c[1].tanh()).abs() < 1e-6);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LSTM {
    #[serde(flatten)]
    cell: LSTMCell,
    #[serde(flatten)]
    sequence: SequenceArguments,
}

impl LSTM {
    /// A layer of `units` outputs.
    pub fn new(units: usize) -> Self {
        Self { cell: LSTMCell::new(units), sequence: SequenceArguments::default() }
    }

    setters! {
        in cell:
        /// `s`.
        recurrent_activation: Activation,
        /// Whether the bias of the forget gate starts at 1.
        unit_forget_bias: bool,
    }
    cell_setters!(cell.arguments);
    sequence_setters!();

    pub(super) fn parts(&self) -> Parts<'_> {
        self.cell.parts(&self.sequence)
    }
}

recurrent_layer!(LSTM, "LSTM");
