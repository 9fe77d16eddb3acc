//! Sequence models: recurrent layers, attention and Transformers, CTC, conditional random fields, decoding and the
//! metrics of sequences.
#![forbid(unsafe_code)]

pub mod layers;
mod lengths;
pub mod pytorch;

pub use layers::register;
pub use lengths::lengths_mask;
