//! Layers of sequence models, one file each, under Keras's names; hyper-parameters serialize under Keras's argument
//! names.

mod recurrent;
mod time_distributed;

pub use recurrent::{
    Bidirectional, GRU, GRUCell, LSTM, LSTMCell, MergeMode, RecurrentLayer, SimpleRNN, SimpleRNNCell,
};
pub use time_distributed::TimeDistributed;

use fornax_core::Backend;
use fornax_layers::Registry;

/// Adds every layer of this crate.
pub fn register<B: Backend>(registry: &mut Registry<B>) {
    registry.register::<SimpleRNN>().register::<LSTM>().register::<GRU>();
    registry.register::<SimpleRNNCell>().register::<LSTMCell>().register::<GRUCell>();
    registry.register::<Bidirectional>();
    TimeDistributed::register(registry);
}
