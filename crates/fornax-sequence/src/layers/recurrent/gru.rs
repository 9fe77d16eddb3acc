//! [`GRU`]: the gated recurrent unit.

use fornax_core::ops::Activation;
use fornax_core::{Backend, Result, Value};
use fornax_layers::{Constraint, Context, Initializer, Regularizer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::{GRUCell, Parts, SequenceArguments, cell_setters, recurrent_layer, sequence_setters};

/// `z, r = s(x_t W + h_{t-1} U + b)`, `n = f(x_t W_n + b_n + r * (h_{t-1} U_n + b'_n))`,
/// `h_t = z * h_{t-1} + (1 - z) * n`, with the blocks in the order z, r, n.
///
/// Without `reset_after` (Cho et al. 2014) `n = f(x_t W_n + b_n + (r * h_{t-1}) U_n)`; that form has no kernel of its own
/// and is slower. A time step that the mask leaves out holds the state and repeats the output before it. Padding behind a
/// sequence costs no time.
///
/// # Shapes
/// - inputs: `[batch, time, features]`; the initial `h [batch, units]` where it is given
/// - outputs: `[batch, units]`, with `return_sequences` `[batch, time, units]`; with `return_state` the last `h`,
///   `[batch, units]`
/// - weights: `kernel [features, 3 units]`, `recurrent_kernel [units, 3 units]`, `bias [2, 3 units]`, of the products with
///   the kernel and with the recurrent kernel; without `reset_after` `bias [3 units]`
///
/// Defaults: tanh and sigmoid, `reset_after`, `GlorotUniform` kernel, orthogonal recurrent kernel, zero bias, the output of
/// the last step. Source: Cho et al. 2014; `keras.layers.GRU`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex};
/// use fornax_layers::Sequential;
/// use fornax_sequence::layers::GRU;
///
/// let mut network = Sequential::<Flex>::new([2, 1]).add(GRU::new(1).return_sequences(true)).build()?;
/// network.set_weight("gru/kernel", &Array::from_vec([1, 3], vec![0.0, 0.0, 1.0])?)?;
/// network.set_weight("gru/recurrent_kernel", &Array::from_vec([1, 3], vec![0.0; 3])?)?;
/// let h = network.predict(&Array::from_vec([1, 2, 1], vec![1.0, 0.0])?)?.to_f32();
/// let first = 0.5 * 1.0f32.tanh();
/// assert!((h[0] - first).abs() < 1e-6 && (h[1] - 0.5 * first).abs() < 1e-6);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct GRU {
    #[serde(flatten)]
    cell: GRUCell,
    #[serde(flatten)]
    sequence: SequenceArguments,
}

impl GRU {
    /// A layer of `units` outputs.
    pub fn new(units: usize) -> Self {
        Self { cell: GRUCell::new(units), sequence: SequenceArguments::default() }
    }

    setters! {
        in cell:
        /// `s`.
        recurrent_activation: Activation,
        /// Whether the reset gate acts behind the product with `U`, which then has a bias of its own.
        reset_after: bool,
    }
    cell_setters!(cell.arguments);
    sequence_setters!();

    pub(super) fn parts(&self) -> Parts<'_> {
        self.cell.parts(&self.sequence)
    }
}

recurrent_layer!(GRU, "GRU");
