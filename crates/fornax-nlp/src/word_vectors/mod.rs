//! Training of word vectors.

mod noise;
mod vectors;
mod windows;
mod word2vec;

pub use vectors::WordVectors;
pub use word2vec::{Architecture, Determinism, Word2Vec};
