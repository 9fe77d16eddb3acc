//! [`BeamSearch`]: the best sequences of several hypotheses that are kept at a time.

use fornax_core::{Error, Result, largest, log_sum_exp};

use super::{Hypothesis, Limits, StepDecoder, logits};

/// Keeps the `beams` most probable hypotheses of each sample from step to step.
///
/// Hypotheses are ordered by `log P / lp` with the length penalty `lp(n) = ((5 + n) / 6)^length_penalty` of the number
/// of tokens, the end included. A search ends with `early_stop` when `beams` hypotheses of the sample have ended, else
/// when none that goes on can become better than the `n_best` best that have.
///
/// Defaults: no length penalty (exponent 0), the best hypothesis only, early stop. One beam is [`greedy`](super::greedy).
/// Source: Wu et al. 2016, section 7 (length penalty); early stop as in fairseq.
///
/// ```
/// use fornax_core::Result;
/// use fornax_sequence::decoding::{BeamSearch, Limits, StepDecoder};
///
/// /// Token 1 is likely at first, but token 2 leads to a sure end.
/// struct Trap;
///
/// impl StepDecoder for Trap {
///     type State = ();
///
///     fn vocabulary(&self) -> usize {
///         3
///     }
///
///     fn step(&self, tokens: &[i32], _: &mut ()) -> Result<Vec<f32>> {
///         let next = |token: &i32| match token {
///             0 => [-9.0, 0.1, 0.0],
///             1 => [0.0, 0.0, 0.0],
///             _ => [9.0, 0.0, 0.0],
///         };
///         Ok(tokens.iter().flat_map(next).collect())
///     }
///
///     fn reorder(&self, _: &mut (), _: &[usize]) -> Result<()> {
///         Ok(())
///     }
/// }
///
/// // Here 0 is both the start and the end.
/// let limits = Limits { start: 0, end: 0, max_steps: 2 };
/// let best = |beams: usize| BeamSearch::new(beams).search(&Trap, (), 1, limits).map(|found| found[0][0].tokens.clone());
/// assert_eq!(best(1)?, [1]);
/// assert_eq!(best(2)?, [2]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BeamSearch {
    beams: usize,
    length_penalty: f64,
    n_best: usize,
    early_stop: bool,
}

/// A hypothesis that goes on, or one that may.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// The row it continues.
    row: usize,
    token: usize,
    log_probability: f64,
}

/// The hypotheses of one sample.
#[derive(Clone, Debug, Default)]
struct Sample {
    ended: Vec<Hypothesis>,
    live: Vec<(Vec<i32>, f64)>,
}

impl BeamSearch {
    /// A search of so many hypotheses a sample.
    pub fn new(beams: usize) -> Self {
        Self { beams, length_penalty: 0.0, n_best: 1, early_stop: true }
    }

    /// The exponent of the length penalty: 0 for none; 0.6 to 1 favours longer sequences.
    pub fn length_penalty(mut self, exponent: f64) -> Self {
        self.length_penalty = exponent;
        self
    }

    /// How many hypotheses of each sample are returned.
    pub fn n_best(mut self, count: usize) -> Self {
        self.n_best = count;
        self
    }

    /// Whether a sample's search ends as soon as `beams` hypotheses have ended.
    pub fn early_stop(mut self, stop: bool) -> Self {
        self.early_stop = stop;
        self
    }

    fn check(&self) -> Result<()> {
        for (name, value) in [("beams", self.beams), ("n_best", self.n_best)] {
            if value == 0 {
                return Err(Error::argument(name, 0, "at least 1"));
            }
        }
        if self.n_best > self.beams {
            return Err(Error::argument("n_best", self.n_best, format!("at most {}, the beams", self.beams)));
        }
        match self.length_penalty.is_finite() && self.length_penalty >= 0.0 {
            true => Ok(()),
            false => Err(Error::argument("length_penalty", self.length_penalty, "a finite number from 0")),
        }
    }

    fn score(&self, log_probability: f64, tokens: usize) -> f64 {
        log_probability / ((5.0 + tokens as f64) / 6.0).powf(self.length_penalty)
    }

    /// The `n_best` best sequences of each of `samples` samples, best first; the state has a row a sample. There are
    /// fewer where the model gives no more of a probability above 0.
    ///
    /// # Errors
    /// If `beams` or `n_best` is 0, `n_best` above `beams`, the length penalty negative, the limits not of the
    /// vocabulary, or the model fails or gives a logit that is NaN.
    pub fn search<D: StepDecoder>(
        &self,
        decoder: &D,
        mut state: D::State,
        samples: usize,
        limits: Limits,
    ) -> Result<Vec<Vec<Hypothesis>>> {
        self.check()?;
        let vocabulary = decoder.vocabulary();
        limits.check(vocabulary, samples)?;
        let mut found = vec![Sample { ended: vec![], live: vec![(vec![], 0.0)] }; samples];
        let mut active: Vec<usize> = (0..samples).collect();
        for step in 1..=limits.max_steps {
            let rows: Vec<&(Vec<i32>, f64)> = active.iter().flat_map(|&sample| &found[sample].live).collect();
            let tokens: Vec<i32> =
                rows.iter().map(|(tokens, _)| tokens.last().copied().unwrap_or(limits.start)).collect();
            let logits = logits(decoder, &tokens, &mut state)?;
            let (mut first, mut parents, mut going) = (0, vec![], vec![]);
            for &sample in &active {
                let live = std::mem::take(&mut found[sample].live);
                let rows = first..first + live.len();
                let candidates =
                    self.candidates(&live, &logits[rows.start * vocabulary..rows.end * vocabulary]);
                let kept = self.advance(&mut found[sample], &live, candidates, (step, limits));
                if self.is_done(&found[sample], (step, limits)) {
                    found[sample].live.clear();
                } else {
                    parents.extend(kept.into_iter().map(|row| first + row));
                    going.push(sample);
                }
                first = rows.end;
            }
            active = going;
            if active.is_empty() {
                break;
            }
            if step < limits.max_steps {
                decoder.reorder(&mut state, &parents)?;
            }
        }
        Ok(found.into_iter().map(|sample| self.best_of(sample.ended)).collect())
    }

    /// The `2 beams` best continuations of a sample's hypotheses, best first: `beams` of them at most have ended, so
    /// that enough go on.
    fn candidates(&self, live: &[(Vec<i32>, f64)], logits: &[f32]) -> Vec<Candidate> {
        let vocabulary = logits.len() / live.len();
        let count = 2 * self.beams;
        let mut best: Vec<Candidate> = vec![];
        for (row, ((_, so_far), logits)) in live.iter().zip(logits.chunks_exact(vocabulary)).enumerate() {
            let base = so_far - log_sum_exp(logits);
            // No continuation of a row beyond its `count` best can be among the best of all.
            let mut bar =
                if best.len() < count { f64::NEG_INFINITY } else { best[count - 1].log_probability };
            let mut own: Vec<Candidate> = vec![];
            for (run, logits) in logits.chunks(RUN).enumerate() {
                if base + f64::from(largest(logits)) < bar {
                    continue;
                }
                for (token, &logit) in (run * RUN..).zip(logits) {
                    let log_probability = base + f64::from(logit);
                    if log_probability >= bar && log_probability > f64::NEG_INFINITY {
                        own.push(Candidate { row, token, log_probability });
                    }
                }
                if own.len() >= 4 * count {
                    keep_best(&mut own, count);
                    bar = own[count - 1].log_probability;
                }
            }
            best.append(&mut own);
            keep_best(&mut best, count);
        }
        best
    }

    /// Ends and continues hypotheses; returns the rows that go on, for each the row it continues.
    fn advance(
        &self,
        sample: &mut Sample,
        live: &[(Vec<i32>, f64)],
        candidates: Vec<Candidate>,
        (step, limits): (usize, Limits),
    ) -> Vec<usize> {
        let mut rows = vec![];
        let end = |tokens: Vec<i32>, log_probability: f64, ended: bool| Hypothesis {
            tokens,
            log_probability,
            score: self.score(log_probability, step),
            ended,
        };
        for (rank, candidate) in candidates.into_iter().enumerate() {
            let Candidate { row, token, log_probability } = candidate;
            let mut tokens = live[row].0.clone();
            if token as i32 == limits.end {
                if rank < self.beams {
                    sample.ended.push(end(tokens, log_probability, true));
                }
                continue;
            }
            if rows.len() < self.beams {
                tokens.push(token as i32);
                rows.push(row);
                sample.live.push((tokens, log_probability));
            }
        }
        if step == limits.max_steps {
            let cut = std::mem::take(&mut sample.live);
            // With early stop, hypotheses that were cut off only fill up the places that are left.
            let places = match self.early_stop {
                true => self.beams.saturating_sub(sample.ended.len()),
                false => cut.len(),
            };
            sample.ended.extend(cut.into_iter().take(places).map(|(tokens, p)| end(tokens, p, false)));
        }
        rows
    }

    fn is_done(&self, sample: &Sample, (step, limits): (usize, Limits)) -> bool {
        let Some((_, best)) = sample.live.first() else { return true };
        if self.early_stop {
            return sample.ended.len() >= self.beams;
        }
        let mut scores: Vec<f64> = sample.ended.iter().map(|hypothesis| hypothesis.score).collect();
        if step == limits.max_steps || scores.len() < self.n_best {
            return step == limits.max_steps;
        }
        scores.sort_by(|a, b| b.total_cmp(a));
        // A logarithm only falls, and the longest sequence has the largest penalty to divide it by.
        self.score(*best, limits.max_steps) <= scores[self.n_best - 1]
    }

    fn best_of(&self, mut ended: Vec<Hypothesis>) -> Vec<Hypothesis> {
        ended.sort_by(|a, b| b.score.total_cmp(&a.score));
        ended.truncate(self.n_best);
        ended
    }
}

/// Logits that are looked at together.
const RUN: usize = 64;

/// The `count` best, best first; of equals the earlier row and token.
fn keep_best(candidates: &mut Vec<Candidate>, count: usize) {
    let order = |a: &Candidate, b: &Candidate| {
        b.log_probability.total_cmp(&a.log_probability).then((a.row, a.token).cmp(&(b.row, b.token)))
    };
    if candidates.len() > count {
        candidates.select_nth_unstable_by(count - 1, order);
        candidates.truncate(count);
    }
    candidates.sort_by(order);
}
