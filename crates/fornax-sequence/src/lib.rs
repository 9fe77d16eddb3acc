//! Sequence models: recurrent layers, attention and Transformers, CTC, conditional random fields, decoding and the
//! metrics of sequences.
#![forbid(unsafe_code)]

pub mod crf;
pub mod ctc;
pub mod decoding;
pub mod layers;
mod lengths;
pub mod metrics;
pub mod pytorch;

mod rows;

pub use layers::register;
pub use lengths::lengths_mask;
