//! `test`: all crates on all CPU backends, with what features add, and the documentation's examples.

use crate::Outcome;
use crate::process::cargo;

pub(crate) fn run() -> Outcome {
    cargo("test --workspace --features fornax-nlp/tokenizers,fornax/hnsw")
}
