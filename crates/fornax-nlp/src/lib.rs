//! Natural language: word vectors (training, questions, files), texts as sparse vectors, and text classifiers.
#![forbid(unsafe_code)]

mod corpus;
mod keyed_vectors;
mod logistic_regression;
mod text_classifier;
mod vectorizers;
mod word_counts;
mod word_vectors;

pub use corpus::{Corpus, LineCorpus, Tokens};
pub use keyed_vectors::{
    Analogy, AnalogyReport, AnalogySection, KeyedVectors, Query, VectorFile, WordPairsReport,
};
pub use logistic_regression::{FittedLogisticRegression, LogisticRegression};
pub use text_classifier::{
    BagOfEmbeddings, FitReport, Prediction, TextCNN, TextClassifier, TextClassifierBuilder, TextLSTM,
    TextModel, TextTransformer, TfidfRegression,
};
pub use vectorizers::{Analyzer, CountVectorizer, DocumentFrequency, Norm, TfidfVectorizer};
pub use word_counts::WordCounts;
pub use word_vectors::{Architecture, Determinism, Word2Vec, WordVectors};
