//! Metrics of sequences: how far labels, spans and translations are from what they should be.

mod bleu;
mod chrf;
mod edit;
mod ngrams;
mod spans;

pub use bleu::{Bleu, BleuScore};
pub use chrf::{Chrf, ChrfScore};
pub use edit::{edit_distance, label_error_rate, token_accuracy};
pub use spans::{Span, SpanCounts, SpanReport, span_f1, spans};

use fornax_core::{Error, Result};

/// The release of sacreBLEU whose numbers [`Bleu`] and [`Chrf`] give.
const SACREBLEU: &str = "2.6.0";

/// An error unless there are as many predictions as references.
fn expect_equal(name: &str, found: usize, wanted: usize) -> Result<()> {
    if found == wanted {
        return Ok(());
    }
    Err(Error::shape(name, found, format!("{wanted}, as there are references")))
}

/// An error unless there is a set of references, and every set has one for each hypothesis.
fn check_sets<R>(hypotheses: usize, sets: &[impl AsRef<[R]>]) -> Result<()> {
    if sets.is_empty() {
        return Err(Error::argument("references", "no set", "at least one"));
    }
    sets.iter().try_for_each(|set| expect_equal("hypotheses", hypotheses, set.as_ref().len()))
}
