//! Attention, Transformers and decoding: the battery of every layer, goldens of the peers, and laws.

mod decoding;
mod encoder_decoder;
mod layers;
mod learning;
mod parity;
mod steps;
mod transformer;
