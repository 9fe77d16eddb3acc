//! Text as arrays: readers of labelled, annotated and parallel text, tokenizers, vocabularies, padding.
//!
//! What is fitted (a [`Vocabulary`]) is fitted on the training part and saved with the model. Batches of sequences of
//! near-equal length are made by [`LengthBuckets`](crate::LengthBuckets).

mod bytes;
mod columns;
mod conllu;
mod encoding;
mod labelled;
mod lines;
mod padding;
mod tokenizer;
mod vectorization;
mod vocabulary;
mod word_index;

pub use bytes::{text_bytes, texts_of_bytes};
pub use columns::{Sentence, parse_columns, read_columns};
pub use conllu::{ConlluSentence, ConlluToken, parse_conllu, read_conllu};
pub use encoding::Encoding;
pub(crate) use labelled::texts_in;
pub use labelled::{LabelledTexts, SeveralLabels, TrecLabels};
pub use lines::{for_each_line, read_lines, read_parallel};
pub use padding::{Padded, Padding, Side};
pub use tokenizer::{Division, Pattern, Punctuation, Tokenizer};
pub use vectorization::{TextVectorization, VectorizationMode};
pub use vocabulary::{OutOfVocabulary, Vocabulary, VocabularyBuilder};
pub use word_index::WordIndex;
