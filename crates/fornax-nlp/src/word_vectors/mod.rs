//! Training of word vectors.

mod checkpoint;
pub(crate) mod fasttext;
mod noise;
mod paragraphs;
mod progress;
mod vectors;
mod windows;
mod word2vec;

pub use paragraphs::{DocumentVectors, ParagraphVectors};
pub(crate) use progress::Progress;
pub use vectors::WordVectors;
pub(crate) use vectors::initial_rows;
pub use word2vec::{Architecture, Determinism, Word2Vec};
