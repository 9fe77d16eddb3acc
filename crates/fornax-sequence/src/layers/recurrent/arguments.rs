//! The arguments of recurrent layers and cells, under Keras's names, and their setters.

use fornax_core::ops::Activation;
use fornax_layers::{Constraint, Initializer, Regularizer};
use serde::{Deserialize, Serialize};

/// The arguments of a cell, whichever it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct CellArguments {
    pub(super) units: usize,
    pub(super) activation: Activation,
    pub(super) use_bias: bool,
    pub(super) kernel_initializer: Initializer,
    pub(super) recurrent_initializer: Initializer,
    pub(super) bias_initializer: Initializer,
    pub(super) kernel_regularizer: Option<Regularizer>,
    pub(super) recurrent_regularizer: Option<Regularizer>,
    pub(super) bias_regularizer: Option<Regularizer>,
    pub(super) kernel_constraint: Option<Constraint>,
    pub(super) recurrent_constraint: Option<Constraint>,
    pub(super) bias_constraint: Option<Constraint>,
    pub(super) dropout: f64,
    pub(super) recurrent_dropout: f64,
    pub(super) seed: Option<u64>,
}

impl Default for CellArguments {
    fn default() -> Self {
        Self::new(1)
    }
}

impl CellArguments {
    pub(super) fn new(units: usize) -> Self {
        Self {
            units,
            activation: Activation::Tanh,
            use_bias: true,
            kernel_initializer: Initializer::GlorotUniform,
            recurrent_initializer: Initializer::Orthogonal { gain: 1.0 },
            bias_initializer: Initializer::Zeros,
            kernel_regularizer: None,
            recurrent_regularizer: None,
            bias_regularizer: None,
            kernel_constraint: None,
            recurrent_constraint: None,
            bias_constraint: None,
            dropout: 0.0,
            recurrent_dropout: 0.0,
            seed: None,
        }
    }
}

/// The methods of a cell or layer whose [`CellArguments`] are at this path.
macro_rules! cell_setters {
    ($($path:ident).+) => {
        setters! {
            @each [$(.$path)+]
            /// `f`.
            activation: Activation,
            /// Whether there is a `b`.
            use_bias: bool,
            /// Where `W` starts.
            kernel_initializer: Initializer,
            /// Where `U` starts.
            recurrent_initializer: Initializer,
            /// Where `b` starts.
            bias_initializer: Initializer,
            /// A penalty on `W`.
            kernel_regularizer: Some(Regularizer),
            /// A penalty on `U`.
            recurrent_regularizer: Some(Regularizer),
            /// A penalty on `b`.
            bias_regularizer: Some(Regularizer),
            /// A projection of `W` after each step.
            kernel_constraint: Some(Constraint),
            /// A projection of `U` after each step.
            recurrent_constraint: Some(Constraint),
            /// A projection of `b` after each step.
            bias_constraint: Some(Constraint),
            /// The fraction of the inputs that training drops, the same ones at each time step.
            dropout: f64,
            /// The fraction of the state that training drops in the products with `U`, the same at each time step.
            recurrent_dropout: f64,
            /// A seed of the layer's own.
            seed: Some(u64),
        }
    };
}
pub(super) use cell_setters;

/// How a layer goes through a sequence, whichever its cell is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SequenceArguments {
    pub(super) activity_regularizer: Option<Regularizer>,
    pub(super) return_sequences: bool,
    pub(super) return_state: bool,
    pub(super) go_backwards: bool,
    pub(super) stateful: bool,
    /// The batch size of a stateful layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) batch_size: Option<usize>,
    pub(super) zero_output_for_mask: bool,
}

/// The methods of a layer whose [`SequenceArguments`] are in `sequence`.
macro_rules! sequence_setters {
    () => {
        setters! {
            @each [.sequence]
            /// A penalty on the output.
            activity_regularizer: Some(Regularizer),
            /// Whether the output is that of each time step instead of the last.
            return_sequences: bool,
            /// Whether the last states are outputs too.
            return_state: bool,
            /// Whether time runs backwards; the outputs come in the order in which they are made.
            go_backwards: bool,
            /// Whether the output of a time step that the mask leaves out is 0 instead of the one before it.
            zero_output_for_mask: bool,
        }

        /// Begins each batch, of `batch_size` sequences, with the states that the one before it left.
        ///
        /// Training carries them; outside of training [`advance`](fornax_layers::Network::advance) does, and
        /// [`reset_states`](fornax_layers::Network::reset_states) puts them back to 0.
        pub fn stateful(mut self, batch_size: usize) -> Self {
            self.sequence.stateful = true;
            self.sequence.batch_size = Some(batch_size);
            self
        }
    };
}
pub(super) use sequence_setters;
