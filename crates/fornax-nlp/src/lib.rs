//! Natural language: word vectors (training, questions, files), texts as sparse vectors, text classifiers,
//! taggers and translators.
#![forbid(unsafe_code)]

mod corpus;
mod fasttext_classifier;
mod file;
mod glove;
mod keyed_vectors;
mod logistic_regression;
mod phrases;
mod subwords;
mod tagger;
mod text_classifier;
mod translator;
mod vectorizers;
mod word_counts;
mod word_vectors;

pub use corpus::{Corpus, LineCorpus, Tokens};
pub use fasttext_classifier::{FastTextClassifier, FastTextModel};
pub use glove::{Glove, GloveVectors};
pub use keyed_vectors::{
    Analogy, AnalogyReport, AnalogySection, KeyedVectors, Query, SubwordVectors, VectorFile, WordPairsReport,
};
pub use logistic_regression::{FittedLogisticRegression, LogisticRegression};
pub use phrases::{PhraseCorpus, PhraseScore, Phrases, PhrasesBuilder};
pub use subwords::Subwords;
pub use tagger::{TaggedSentence, Tagger, TaggerBuilder, register};
pub use text_classifier::{
    BagOfEmbeddings, FitReport, Prediction, TextCNN, TextClassifier, TextClassifierBuilder, TextLSTM,
    TextModel, TextTokenizer, TextTransformer, TfidfRegression,
};
pub use translator::{
    Translation, TranslationGRU, TranslationModel, TranslationTransformer, Translator, TranslatorBuilder,
};
pub use vectorizers::{Analyzer, CountVectorizer, DocumentFrequency, Norm, TfidfVectorizer};
pub use word_counts::WordCounts;
pub use word_vectors::{Architecture, Determinism, DocumentVectors, ParagraphVectors, Word2Vec, WordVectors};
