//! Recurrent layers: the battery of every layer, parity with Keras and PyTorch, laws of padding, states that are carried, words,
//! and what cannot be built.

mod battery;
mod errors;
mod laws;
mod packed;
mod parity;
mod states;
mod words;
