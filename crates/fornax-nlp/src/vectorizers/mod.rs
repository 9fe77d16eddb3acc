//! Texts as sparse vectors: counts of n-grams, and their weights by how rare they are.

mod count;
mod ngrams;
mod tfidf;

pub use count::{CountVectorizer, DocumentFrequency};
pub use ngrams::Analyzer;
pub use tfidf::{Norm, TfidfVectorizer};
