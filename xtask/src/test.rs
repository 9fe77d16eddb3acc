//! `test`: all crates on all CPU backends, with what features add, and the documentation's examples.

use crate::Outcome;
use crate::process::cargo;

pub(crate) fn run() -> Outcome {
    // The examples, which a plain `cargo test` would build too, hold no tests; clippy checks them.
    cargo("test --workspace --features fornax-nlp/tokenizers,fornax/hnsw --lib --bins --tests")?;
    cargo("test --workspace --features fornax-nlp/tokenizers,fornax/hnsw --doc")
}
