//! BLEU with sacreBLEU's tokenization, smoothing and signature.
//!
//! `BLEU = BP exp(1/4 sum_n log p_n)` with `p_n` the share of the hypotheses' n-grams that occur in a reference (each
//! as often as there) and `BP = e^(1 - r/h)` where the hypotheses have fewer tokens than the references, else 1. A
//! count of 0 is smoothed as in NIST's scripts: the k-th such order counts `2^-k` n-grams.
//!
//! Sources: K. Papineni et al., *BLEU*, ACL 2002; M. Post, *A Call for Clarity in Reporting BLEU Scores*, WMT 2018,
//! whose program's numbers these are; the tokenization is that of NIST's `mteval-v13a`.

use std::collections::HashMap;
use std::fmt;

use fornax_core::Result;

use super::ngrams::{cased, counts, is_space, words};
use super::{SACREBLEU, check_sets};

const ORDERS: usize = 4;

/// The metric with its options.
///
/// Defaults: case counts, every order counts ([`sentence`](Self::sentence) leaves out those that the sentence is too
/// short for).
///
/// ```
/// use fornax_sequence::metrics::Bleu;
///
/// let score = Bleu::new().corpus(&["A cat sat on a mat."], &[["The cat sat on the mat."]])?;
/// assert_eq!(
///     score.to_string(),
///     "BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0 = 30.74 71.4/50.0/20.0/12.5 (BP = 1.000 \
///      ratio = 1.000 hyp_len = 7 ref_len = 7)"
/// );
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bleu {
    lowercase: bool,
    effective_order: bool,
}

/// A BLEU score from 0 to 100 and what it is made of; `Display` prints it with its signature.
#[derive(Clone, Debug, PartialEq)]
pub struct BleuScore {
    /// The score.
    pub score: f64,
    /// The precision of each order, in percent, smoothed.
    pub precisions: [f64; ORDERS],
    /// The factor for hypotheses that are too short.
    pub brevity_penalty: f64,
    /// The number of tokens of the hypotheses.
    pub hypothesis_length: usize,
    /// The number of tokens of the references that are nearest in length.
    pub reference_length: usize,
    signature: String,
}

impl BleuScore {
    /// What has to be said for others to get the same number, in sacreBLEU's form.
    pub fn signature(&self) -> &str {
        &self.signature
    }
}

impl fmt::Display for BleuScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p1, p2, p3, p4] = self.precisions;
        let (hypotheses, references) = (self.hypothesis_length, self.reference_length);
        let ratio = if references == 0 { 0.0 } else { hypotheses as f64 / references as f64 };
        write!(f, "BLEU|{} = {:.2} {p1:.1}/{p2:.1}/{p3:.1}/{p4:.1} ", self.signature, self.score)?;
        write!(f, "(BP = {:.3} ratio = {ratio:.3} ", self.brevity_penalty)?;
        write!(f, "hyp_len = {hypotheses} ref_len = {references})")
    }
}

/// The sums over sentences that the score is computed from.
#[derive(Default)]
struct Statistics {
    hypothesis_length: usize,
    reference_length: usize,
    correct: [usize; ORDERS],
    total: [usize; ORDERS],
}

impl Bleu {
    /// The metric with its defaults.
    pub const fn new() -> Self {
        Self { lowercase: false, effective_order: false }
    }

    /// Whether both sides are put in lower case.
    pub const fn lowercase(mut self, lowercase: bool) -> Self {
        self.lowercase = lowercase;
        self
    }

    /// Whether orders without an n-gram in the hypothesis are left out instead of making the score 0.
    pub const fn effective_order(mut self, effective_order: bool) -> Self {
        self.effective_order = effective_order;
        self
    }

    /// The score of detokenized hypotheses, each against the sentence at its place in every set of references.
    ///
    /// # Errors
    /// If there is no set of references, or one of another length than the hypotheses.
    pub fn corpus<H: AsRef<str>, R: AsRef<str>>(
        &self,
        hypotheses: &[H],
        references: &[impl AsRef<[R]>],
    ) -> Result<BleuScore> {
        check_sets(hypotheses.len(), references)?;
        let mut statistics = Statistics::default();
        for (at, hypothesis) in hypotheses.iter().enumerate() {
            let references: Vec<&str> = references.iter().map(|set| set.as_ref()[at].as_ref()).collect();
            self.add(&mut statistics, hypothesis.as_ref(), &references);
        }
        Ok(self.score(&statistics, references.len()))
    }

    /// The score of one sentence, with orders left out that it is too short for.
    ///
    /// # Errors
    /// If there is no reference.
    pub fn sentence(&self, hypothesis: &str, references: &[&str]) -> Result<BleuScore> {
        let sets: Vec<[&str; 1]> = references.iter().map(|&reference| [reference]).collect();
        self.effective_order(true).corpus(&[hypothesis], &sets)
    }

    fn tokens(&self, text: &str) -> Vec<String> {
        tokenize_13a(&cased(text, self.lowercase))
    }

    fn add(&self, statistics: &mut Statistics, hypothesis: &str, references: &[&str]) {
        let hypothesis = self.tokens(hypothesis);
        let references: Vec<_> = references.iter().map(|reference| self.tokens(reference)).collect();
        let nearest =
            references.iter().map(Vec::len).min_by_key(|&len| (len.abs_diff(hypothesis.len()), len));
        statistics.hypothesis_length += hypothesis.len();
        statistics.reference_length += nearest.unwrap_or(0);
        for order in 0..ORDERS {
            let mut most: HashMap<&[String], usize> = HashMap::new();
            for (ngram, count) in references.iter().flat_map(|reference| counts(reference, order + 1)) {
                let most = most.entry(ngram).or_default();
                *most = count.max(*most);
            }
            for (ngram, count) in counts(&hypothesis, order + 1) {
                statistics.total[order] += count;
                statistics.correct[order] += most.get(ngram).map_or(0, |&most| most.min(count));
            }
        }
    }

    fn score(&self, statistics: &Statistics, sets: usize) -> BleuScore {
        let (h, r) = (statistics.hypothesis_length, statistics.reference_length);
        let brevity_penalty = match h {
            _ if h >= r => 1.0,
            0 => 0.0,
            _ => (1.0 - r as f64 / h as f64).exp(),
        };
        let (mut precisions, mut order, mut smoothing) = ([0.0; ORDERS], ORDERS, 1.0);
        let matches = statistics.correct.iter().any(|&correct| correct > 0);
        let each = precisions.iter_mut().zip(statistics.correct).zip(statistics.total).enumerate();
        for (at, ((precision, correct), total)) in each.take_while(|(_, (_, total))| matches && *total > 0) {
            if self.effective_order {
                order = at + 1;
            }
            if correct == 0 {
                smoothing *= 2.0;
            }
            let correct = if correct == 0 { 1.0 / smoothing } else { correct as f64 };
            *precision = 100.0 * correct / total as f64;
        }
        // An order without any n-gram has precision 0, and its logarithm makes the score 0.
        let logarithms: f64 = precisions[..order].iter().map(|p| p.ln()).sum();
        let score = if matches { brevity_penalty * (logarithms / order as f64).exp() } else { 0.0 };
        let case = if self.lowercase { "lc" } else { "mixed" };
        let eff = if self.effective_order { "yes" } else { "no" };
        let signature = format!("nrefs:{sets}|case:{case}|eff:{eff}|tok:13a|smooth:exp|version:{SACREBLEU}");
        BleuScore { score, precisions, brevity_penalty, hypothesis_length: h, reference_length: r, signature }
    }
}

/// The tokens of `mteval-v13a`: punctuation stands alone, but for periods and commas within numbers.
fn tokenize_13a(text: &str) -> Vec<String> {
    let text = text.trim_end_matches(is_space).replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    let text = text.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    let symbol = |c: char| matches!(c, '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/');
    let mut spaced = String::from(" ");
    for c in text.chars() {
        match symbol(c) {
            true => spaced.extend([' ', c, ' ']),
            false => spaced.push(c),
        }
    }
    spaced.push(' ');
    let point = |c: char| c == '.' || c == ',';
    let spaced = each_pair(&spaced, |a, b| !a.is_ascii_digit() && point(b), |a, b| [a, ' ', b, ' ']);
    let spaced = each_pair(&spaced, |a, b| point(a) && !b.is_ascii_digit(), |a, b| [' ', a, ' ', b]);
    let spaced = each_pair(&spaced, |a, b| a.is_ascii_digit() && b == '-', |a, b| [a, ' ', b, ' ']);
    words(&spaced).map(str::to_owned).collect()
}

/// `text` with every pair of neighbours for which `found` holds replaced, from left to right, without overlaps.
fn each_pair(
    text: &str,
    found: impl Fn(char, char) -> bool,
    replace: impl Fn(char, char) -> [char; 4],
) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(a) = chars.next() {
        match chars.next_if(|&b| found(a, b)) {
            Some(b) => out.extend(replace(a, b)),
            None => out.push(a),
        }
    }
    out
}
