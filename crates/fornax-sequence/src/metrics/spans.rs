//! Spans in sequences of tags, and the F-score of CoNLL-2000's evaluation.
//!
//! A tag is `O` or a prefix and a type, `B-NP`. Tags are read as `conlleval` reads them, so that IOB1, IOB2, IOE and
//! IOBES need not be told apart and tags that are no valid sequence (of a tagger without constraints) still stand for
//! spans: a span begins at `B` and `S`, at any tag behind `O`, `E` or `S`, and where the type changes; it ends before
//! such a tag and behind `E` and `S`.
//!
//! Source: E. Tjong Kim Sang, S. Buchholz, *Introduction to the CoNLL-2000 Shared Task: Chunking*, 2000.

use std::collections::BTreeMap;
use std::fmt;

use fornax_core::{Error, Result};

use super::expect_equal;

/// A run of tokens of one type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first token.
    pub start: usize,
    /// Behind the last token.
    pub end: usize,
    /// What the tags say behind their prefix.
    pub kind: String,
}

/// The spans of a sequence of tags.
///
/// # Errors
/// If a tag is not `O` or one of the prefixes B, I, E, S (or L, U of BILOU) alone or with `-` and a type.
///
/// ```
/// use fornax_sequence::metrics::{Span, spans};
///
/// let found = spans(&["B-NP", "I-NP", "O", "I-VP", "B-VP"])?;
/// let found: Vec<_> = found.iter().map(|span| (span.start, span.end, span.kind.as_str())).collect();
/// assert_eq!(found, [(0, 2, "NP"), (3, 4, "VP"), (4, 5, "VP")]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
pub fn spans<S: AsRef<str>>(tags: &[S]) -> Result<Vec<Span>> {
    let mut all = vec![];
    let mut open: Option<(usize, &str)> = None;
    for (at, tag) in tags.iter().enumerate() {
        let (prefix, kind) = parse(tag.as_ref(), at)?;
        let goes_on =
            prefix != 'B' && prefix != 'S' && prefix != 'O' && open.is_some_and(|(_, of)| of == kind);
        if !goes_on && let Some((start, kind)) = open.take() {
            all.push(Span { start, end: at, kind: kind.into() });
        }
        if prefix != 'O' && !goes_on {
            open = Some((at, kind));
        }
        if (prefix == 'E' || prefix == 'S')
            && let Some((start, kind)) = open.take()
        {
            all.push(Span { start, end: at + 1, kind: kind.into() });
        }
    }
    all.extend(open.map(|(start, kind)| Span { start, end: tags.len(), kind: kind.into() }));
    Ok(all)
}

/// The prefix, BILOU's as IOBES's, and the type.
fn parse(tag: &str, at: usize) -> Result<(char, &str)> {
    let (prefix, kind) = tag.split_once('-').unwrap_or((tag, ""));
    match prefix {
        "O" if kind.is_empty() => Ok(('O', "")),
        "B" | "I" | "E" | "S" => Ok((prefix.as_bytes()[0].into(), kind)),
        "L" => Ok(('E', kind)),
        "U" => Ok(('S', kind)),
        _ => Err(Error::data(format!("tag {at}"), tag, "O, or B-, I-, E-, S- (L-, U-) and a type")),
    }
}

/// How many spans there are, and how many of the predicted ones are right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// Spans of the references.
    pub references: usize,
    /// Spans of the predictions.
    pub predictions: usize,
    /// Spans of both, with the same tokens and type.
    pub correct: usize,
}

impl SpanCounts {
    /// The share of predicted spans that are right; 0 without any.
    pub fn precision(&self) -> f64 {
        share(self.correct, self.predictions)
    }

    /// The share of the references' spans that are predicted; 0 without any.
    pub fn recall(&self) -> f64 {
        share(self.correct, self.references)
    }

    /// `2 P R / (P + R)`.
    pub fn f1(&self) -> f64 {
        share(2 * self.correct, self.predictions + self.references)
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// What [`span_f1`] counts; `Display` prints it as `conlleval` does, in percent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanReport {
    /// All types together (micro average).
    pub overall: SpanCounts,
    /// Each type.
    pub by_type: BTreeMap<String, SpanCounts>,
    /// The number of tokens.
    pub tokens: usize,
    /// Of these, those whose tag is right.
    pub correct_tokens: usize,
}

impl SpanReport {
    /// The F-score over all types.
    pub fn f1(&self) -> f64 {
        self.overall.f1()
    }

    /// The share of tokens whose tag is right.
    pub fn accuracy(&self) -> f64 {
        share(self.correct_tokens, self.tokens)
    }
}

impl fmt::Display for SpanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SpanCounts { references, predictions, correct } = self.overall;
        write!(f, "processed {} tokens with {references} phrases; ", self.tokens)?;
        writeln!(f, "found: {predictions} phrases; correct: {correct}.")?;
        write!(f, "accuracy: {:6.2}%; {}", 100.0 * self.accuracy(), Percent(self.overall))?;
        for (kind, counts) in &self.by_type {
            write!(f, "\n{kind:>17}: {}  {}", Percent(*counts), counts.predictions)?;
        }
        Ok(())
    }
}

struct Percent(SpanCounts);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [precision, recall, f1] = [self.0.precision(), self.0.recall(), self.0.f1()].map(|x| 100.0 * x);
        write!(f, "precision: {precision:6.2}%; recall: {recall:6.2}%; FB1: {f1:6.2}")
    }
}

/// Counts the spans of references and predictions, sequence by sequence.
///
/// # Errors
/// If the numbers of sequences or of tags in a sequence differ, or a tag is not one.
///
/// ```
/// use fornax_sequence::metrics::span_f1;
///
/// let report = span_f1(&[["B-NP", "I-NP", "O", "B-VP"]], &[["B-NP", "O", "O", "B-VP"]])?;
/// assert_eq!(report.f1(), 0.5);
/// assert_eq!(report.by_type["VP"].f1(), 1.0);
/// assert_eq!(report.accuracy(), 0.75);
/// # Ok::<(), fornax_core::Error>(())
/// ```
pub fn span_f1<S: AsRef<str>>(
    references: &[impl AsRef<[S]>],
    predictions: &[impl AsRef<[S]>],
) -> Result<SpanReport> {
    expect_equal("predictions", predictions.len(), references.len())?;
    let mut report = SpanReport::default();
    for (row, (reference, prediction)) in references.iter().zip(predictions).enumerate() {
        let (reference, prediction) = (reference.as_ref(), prediction.as_ref());
        let place = || format!("sequence {row}");
        expect_equal("predicted tags", prediction.len(), reference.len())
            .map_err(|error| error.within(place()))?;
        report.tokens += reference.len();
        let equal = reference.iter().zip(prediction).filter(|(a, b)| a.as_ref() == b.as_ref());
        report.correct_tokens += equal.count();
        let reference = spans(reference).map_err(|error| error.within(place()))?;
        let prediction = spans(prediction).map_err(|error| error.within(place()))?;
        for span in &reference {
            report.by_type.entry(span.kind.clone()).or_default().references += 1;
        }
        for span in prediction {
            let counts = report.by_type.entry(span.kind.clone()).or_default();
            counts.predictions += 1;
            // Spans of a sequence do not overlap: both lists are in order.
            counts.correct += usize::from(reference.binary_search(&span).is_ok());
        }
    }
    for counts in report.by_type.values() {
        report.overall.references += counts.references;
        report.overall.predictions += counts.predictions;
        report.overall.correct += counts.correct;
    }
    Ok(report)
}
