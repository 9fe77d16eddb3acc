//! Layers of sequence models, one file each, under Keras's names; hyper-parameters serialize under Keras's argument
//! names.

mod ids;
mod projections;
mod roles;
mod single_head;
mod transformer_block;

mod additive_attention;
mod attention;
mod grouped_query_attention;
mod multi_head_attention;
mod position_embedding;
mod recurrent;
mod reversible_embedding;
mod rotary_embedding;
mod sine_position_encoding;
mod time_distributed;
mod transformer;
mod transformer_decoder;
mod transformer_encoder;

pub use additive_attention::AdditiveAttention;
pub use attention::{Attention, ScoreMode};
pub use grouped_query_attention::GroupedQueryAttention;
pub use multi_head_attention::MultiHeadAttention;
pub use position_embedding::PositionEmbedding;
pub use recurrent::{
    Bidirectional, DecoderAttention, GRU, GRUCell, LSTM, LSTMCell, MergeMode, RNNEncoderDecoder,
    RecurrentLayer, SimpleRNN, SimpleRNNCell,
};
pub use reversible_embedding::ReversibleEmbedding;
pub use rotary_embedding::RotaryEmbedding;
pub use sine_position_encoding::SinePositionEncoding;
pub use time_distributed::TimeDistributed;
pub use transformer::Transformer;
pub use transformer_decoder::TransformerDecoder;
pub use transformer_encoder::TransformerEncoder;

use fornax_core::Backend;
use fornax_layers::Registry;

use crate::crf::CRF;

/// Adds every layer of this crate.
pub fn register<B: Backend>(registry: &mut Registry<B>) {
    registry.register::<MultiHeadAttention>().register::<GroupedQueryAttention>();
    registry.register::<Attention>().register::<AdditiveAttention>();
    registry.register::<SinePositionEncoding>().register::<PositionEmbedding>().register::<RotaryEmbedding>();
    registry.register::<ReversibleEmbedding>();
    registry.register::<TransformerEncoder>().register::<TransformerDecoder>().register::<Transformer>();
    registry.register::<SimpleRNN>().register::<LSTM>().register::<GRU>();
    registry.register::<SimpleRNNCell>().register::<LSTMCell>().register::<GRUCell>();
    registry.register::<Bidirectional>().register::<RNNEncoderDecoder>();
    TimeDistributed::register(registry);
    registry.register::<CRF>();
}
