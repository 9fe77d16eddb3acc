//! Natural language: word vectors (training, questions, files).
#![forbid(unsafe_code)]

mod corpus;
mod fasttext_classifier;
mod keyed_vectors;
mod phrases;
mod subwords;
mod word_counts;
mod word_index;
mod word_vectors;

pub use corpus::{Corpus, LineCorpus, Tokens};
pub use fasttext_classifier::{FastTextClassifier, FastTextModel};
pub use keyed_vectors::{
    Analogy, AnalogyReport, AnalogySection, KeyedVectors, Query, SubwordVectors, VectorFile, WordPairsReport,
};
pub use phrases::{PhraseCorpus, PhraseScore, Phrases, PhrasesBuilder};
pub use subwords::Subwords;
pub use word_counts::WordCounts;
pub use word_vectors::{Architecture, Determinism, Word2Vec, WordVectors};
