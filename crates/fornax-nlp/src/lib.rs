//! Natural language: word vectors (training, questions, files).
#![forbid(unsafe_code)]

mod corpus;
mod keyed_vectors;
mod word_counts;
mod word_vectors;

pub use corpus::{Corpus, LineCorpus, Tokens};
pub use keyed_vectors::{
    Analogy, AnalogyReport, AnalogySection, KeyedVectors, Query, VectorFile, WordPairsReport,
};
pub use word_counts::WordCounts;
pub use word_vectors::{Architecture, Determinism, Word2Vec, WordVectors};
