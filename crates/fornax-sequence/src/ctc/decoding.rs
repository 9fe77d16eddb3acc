//! From outputs to labels: the best path, and the search over prefixes that sums the paths of each.
//!
//! The search keeps the `beam_width` best label prefixes and, for each, the probabilities of the paths that end with
//! a blank and of those that do not; a repeated label extends a prefix only behind a blank. Paths of one prefix are
//! summed, so that with a beam that holds all prefixes the scores are exact.
//!
//! Sources: A. Graves, *Supervised Sequence Labelling with Recurrent Neural Networks*, 2012, section 7.5; A. Hannun
//! et al., *First-Pass Large Vocabulary Continuous Speech Recognition*, 2014, for the scorer.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use fornax_core::{Array, Error, Result};

use crate::rows::{Steps, expect_sequences, log_softmax, log_sum_exp};

const NOTHING: f64 = f64::NEG_INFINITY;

/// Labels with their log probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The classes, without blanks.
    pub labels: Vec<usize>,
    /// The log probability: of the best path (greedy), of the paths that the search summed with what the scorer gave
    /// (beam).
    pub score: f64,
}

type Scorer = dyn Fn(&[usize], usize) -> f64 + Send + Sync;

/// Decodes outputs `[batch, time, classes]`.
///
/// Defaults: blank 0, logits, a beam of 100 prefixes, the one best labelling, no scorer.
///
/// ```
/// use fornax_core::Array;
/// use fornax_sequence::ctc::CtcDecoder;
///
/// // Two steps: blank 0.6 and label 0.4 each. The best path is blank-blank, yet three paths give the label.
/// let p = Array::from_vec([1, 2, 2], vec![0.6, 0.4, 0.6, 0.4])?;
/// let decoder = CtcDecoder::new().from_logits(false);
/// assert!(decoder.greedy(&p, None)?[0].labels.is_empty());
/// let best = &decoder.beam(&p, None)?[0][0];
/// assert_eq!(best.labels, [1]);
/// assert!((best.score.exp() - (0.4 * 0.4 + 2.0 * 0.4 * 0.6)).abs() < 1e-6);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone)]
pub struct CtcDecoder {
    blank: usize,
    from_logits: bool,
    beam_width: usize,
    paths: usize,
    scorer: Option<Arc<Scorer>>,
}

impl Default for CtcDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CtcDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CtcDecoder")
            .field("blank", &self.blank)
            .field("from_logits", &self.from_logits)
            .field("beam_width", &self.beam_width)
            .field("paths", &self.paths)
            .field("scorer", &self.scorer.is_some())
            .finish()
    }
}

impl CtcDecoder {
    /// The decoder with its defaults.
    pub fn new() -> Self {
        Self { blank: 0, from_logits: true, beam_width: 100, paths: 1, scorer: None }
    }

    /// The class that stands for no label.
    pub fn blank(self, blank: usize) -> Self {
        Self { blank, ..self }
    }

    /// Whether the outputs are logits, else probabilities (of a model that ends with a softmax).
    pub fn from_logits(self, from_logits: bool) -> Self {
        Self { from_logits, ..self }
    }

    /// How many prefixes the search keeps.
    pub fn beam_width(self, beam_width: usize) -> Self {
        Self { beam_width, ..self }
    }

    /// How many labellings the search returns, best first; fewer where there are not as many.
    pub fn paths(self, paths: usize) -> Self {
        Self { paths, ..self }
    }

    /// What is added to the score when a prefix is extended by a label: a language model's log probability, weighted
    /// as wanted.
    pub fn scorer(self, scorer: impl Fn(&[usize], usize) -> f64 + Send + Sync + 'static) -> Self {
        Self { scorer: Some(Arc::new(scorer)), ..self }
    }

    /// The labels of the most probable path of each sequence, of which the first `lengths` steps count.
    ///
    /// # Errors
    /// If shapes or lengths do not fit, or an output is not a probability or a finite number.
    pub fn greedy(&self, outputs: &Array, lengths: Option<&[usize]>) -> Result<Vec<Decoded>> {
        self.each(outputs, lengths, |steps, classes| {
            let (mut labels, mut score, mut last) = (vec![], 0.0, self.blank);
            for y in steps.chunks(classes) {
                let best = (1..classes).fold(0, |best, class| if y[class] > y[best] { class } else { best });
                score += y[best];
                if best != last && best != self.blank {
                    labels.push(best);
                }
                last = best;
            }
            Decoded { labels, score }
        })
    }

    /// The most probable labellings of each sequence, of which the first `lengths` steps count, best first.
    ///
    /// # Errors
    /// If shapes or lengths do not fit, an output is not a probability or a finite number, or the beam or the number
    /// of paths is 0.
    pub fn beam(&self, outputs: &Array, lengths: Option<&[usize]>) -> Result<Vec<Vec<Decoded>>> {
        for (name, value) in [("beam_width", self.beam_width), ("paths", self.paths)] {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least 1"));
            }
        }
        self.each(outputs, lengths, |steps, classes| self.search(steps, classes))
    }

    /// Decodes the log probabilities `[steps, classes]` of each sequence.
    fn each<T>(
        &self,
        outputs: &Array,
        lengths: Option<&[usize]>,
        decode: impl Fn(&[f64], usize) -> T,
    ) -> Result<Vec<T>> {
        let [batch, time, classes] = expect_sequences("outputs", outputs.shape())?;
        if self.blank >= classes {
            let wanted = format!("0 to {} ({classes} classes)", classes - 1);
            return Err(Error::argument("blank", self.blank, wanted));
        }
        let steps = Steps::first(lengths, batch, time)?;
        let values = outputs.to_f32();
        let sequences = values.chunks(time * classes).enumerate();
        sequences
            .map(|(row, values)| {
                let values = &values[..steps.of(row).len() * classes];
                Ok(decode(&self.log_probabilities(values, classes, row)?, classes))
            })
            .collect()
    }

    fn log_probabilities(&self, values: &[f32], classes: usize, row: usize) -> Result<Vec<f64>> {
        let (valid, wanted): (fn(f32) -> bool, _) = match self.from_logits {
            true => (f32::is_finite, "a finite number"),
            false => (|p| (0.0..=1.0).contains(&p), "a probability"),
        };
        if let Some(at) = values.iter().position(|&x| !valid(x)) {
            let place = format!("outputs, sequence {row}, step {}, class {}", at / classes, at % classes);
            return Err(Error::data(place, values[at], wanted));
        }
        let mut values: Vec<f64> = values.iter().map(|&x| f64::from(x)).collect();
        match self.from_logits {
            true => values.chunks_mut(classes).for_each(log_softmax),
            false => values.iter_mut().for_each(|p| *p = p.ln()),
        }
        Ok(values)
    }

    fn search(&self, steps: &[f64], classes: usize) -> Vec<Decoded> {
        let mut prefixes = Prefixes::new();
        let mut beam = vec![(Prefixes::EMPTY, Ending { blank: 0.0, label: NOTHING })];
        for y in steps.chunks(classes) {
            // Ordered by prefix, so that equal scores are always cut in the same way.
            let mut next: BTreeMap<usize, Ending> = BTreeMap::new();
            for &(prefix, ending) in &beam {
                let total = ending.total();
                let last = prefixes.last(prefix);
                let stays = next.entry(prefix).or_default();
                stays.blank = add(stays.blank, total + y[self.blank]);
                if let Some(last) = last {
                    stays.label = add(stays.label, ending.label + y[last]);
                }
                let labels = self.scorer.as_ref().map(|_| prefixes.labels(prefix));
                for (class, &y) in y.iter().enumerate().filter(|(class, _)| *class != self.blank) {
                    let before = if last == Some(class) { ending.blank } else { total };
                    if before + y == NOTHING {
                        continue;
                    }
                    let bonus = match (&self.scorer, &labels) {
                        (Some(scorer), Some(labels)) => scorer(labels, class),
                        _ => 0.0,
                    };
                    let longer = next.entry(prefixes.extend(prefix, class)).or_default();
                    longer.label = add(longer.label, before + y + bonus);
                }
            }
            beam = next.into_iter().collect();
            beam.sort_by(|(_, a), (_, b)| b.total().total_cmp(&a.total()));
            beam.truncate(self.beam_width);
        }
        let best = beam.into_iter().take(self.paths);
        best.map(|(prefix, ending)| Decoded { labels: prefixes.labels(prefix), score: ending.total() })
            .collect()
    }
}

fn add(a: f64, b: f64) -> f64 {
    log_sum_exp([a, b].into_iter())
}

/// The log probabilities of the paths of a prefix that end with a blank and with its last label.
#[derive(Clone, Copy, Debug)]
struct Ending {
    blank: f64,
    label: f64,
}

impl Default for Ending {
    fn default() -> Self {
        Self { blank: NOTHING, label: NOTHING }
    }
}

impl Ending {
    fn total(self) -> f64 {
        add(self.blank, self.label)
    }
}

/// Label prefixes as a tree: a prefix is the number of its node.
struct Prefixes {
    /// The prefix that a prefix extends, and by which label.
    nodes: Vec<Option<(usize, usize)>>,
    children: HashMap<(usize, usize), usize>,
}

impl Prefixes {
    const EMPTY: usize = 0;

    fn new() -> Self {
        Self { nodes: vec![None], children: HashMap::new() }
    }

    fn extend(&mut self, prefix: usize, label: usize) -> usize {
        let Self { nodes, children } = self;
        *children.entry((prefix, label)).or_insert_with(|| {
            nodes.push(Some((prefix, label)));
            nodes.len() - 1
        })
    }

    fn last(&self, prefix: usize) -> Option<usize> {
        self.nodes[prefix].map(|(_, label)| label)
    }

    fn labels(&self, mut prefix: usize) -> Vec<usize> {
        let mut labels = vec![];
        while let Some((shorter, label)) = self.nodes[prefix] {
            labels.push(label);
            prefix = shorter;
        }
        labels.reverse();
        labels
    }
}
