//! Data sets that are computed, not collected: always at hand, for examples and tests.
//!
//! They are **synthetic**. They show that a program runs and that a model learns; a figure of quality measured
//! on them says nothing about real data and must never be quoted as such.

mod digits;
mod topics;
mod waves;

pub use digits::{digit_lines, digits};
pub use topics::{topic_texts, topics};
pub use waves::waves;
