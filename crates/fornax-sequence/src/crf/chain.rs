//! The dynamic programs over one sequence, in log space: sums (forward and backward) and maxima (Viterbi).
//!
//! A step of the recursions is a product of a vector with the matrix of `e^transitions`, the vector scaled by its
//! largest element: one exponential a tag instead of one a transition. Where that would lose digits (a sum that
//! underflows, because a transition is all but forbidden) the sum is taken term by term in log space.

use fornax_core::{Array, Error, Result};

use crate::rows::log_sum_exp;

/// Up to here `e^transition` may be a factor: what a product then loses by underflow is below `e^-90` of the whole.
const LARGEST_TRANSITION: f64 = 50.0;
const LARGEST_EXPONENT: f64 = 600.0;
/// A scaled sum below this may have lost terms.
const SMALLEST_SUM: f64 = 1e-200;

/// The scores that do not depend on the sequence: of tags at the start, at the end, and following each other.
///
/// ```
/// use fornax_core::Array;
/// use fornax_sequence::crf::LinearChain;
///
/// // Staying costs nothing, changing costs 3.
/// let transitions = Array::from_vec([2, 2], vec![0.0, -3.0, -3.0, 0.0])?;
/// let chain = LinearChain::new(&vec![0.0; 2].into(), &vec![0.0; 2].into(), &transitions)?;
/// let emissions = Array::from_vec([3, 2], vec![2.0, 0.0, 0.0, 1.0, 2.0, 0.0])?;
/// let (best, score) = chain.viterbi(&emissions)?;
/// assert_eq!((best.as_slice(), score), (&[0, 0, 0][..], 4.0));
/// let p = chain.score(&emissions, &best)? - chain.log_partition(&emissions)?;
/// assert!(p.exp() > 0.75);
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LinearChain {
    tags: usize,
    start: Vec<f64>,
    end: Vec<f64>,
    /// `[from, to]`.
    transitions: Vec<f64>,
    /// `e^transitions`, unless one is too large.
    factors: Option<Vec<f64>>,
}

/// The gradient of the negative log-likelihood by every score.
pub(super) struct Gradient<'a> {
    /// `[steps, tags]`.
    pub(super) emissions: Vec<f64>,
    pub(super) start: &'a mut [f64],
    pub(super) end: &'a mut [f64],
    pub(super) transitions: &'a mut [f64],
}

impl LinearChain {
    /// Of scores `start [tags]`, `end [tags]` and `transitions [tags, tags]` (from, to).
    ///
    /// # Errors
    /// If the shapes do not fit each other, there is no tag, or a score is NaN or infinite.
    pub fn new(start: &Array, end: &Array, transitions: &Array) -> Result<Self> {
        let tags = start.row_count();
        let parts = [
            ("start", start, vec![tags]),
            ("end", end, vec![tags]),
            ("transitions", transitions, vec![tags; 2]),
        ];
        for (name, array, wanted) in parts {
            if tags == 0 || array.shape() != wanted {
                let wanted = format!("{wanted:?}, at least one tag");
                return Err(Error::shape(name, format!("{:?}", array.shape()), wanted));
            }
            check_finite(name, array)?;
        }
        Ok(Self::from_parts(wide(start), wide(end), wide(transitions)))
    }

    pub(super) fn from_parts(start: Vec<f64>, end: Vec<f64>, transitions: Vec<f64>) -> Self {
        let bounded = transitions.iter().all(|&x| x <= LARGEST_TRANSITION);
        let factors = bounded.then(|| transitions.iter().map(|x| x.exp()).collect());
        Self { tags: start.len(), start, end, transitions, factors }
    }

    /// The score of `tags` for `emissions [steps, tags]`.
    ///
    /// # Errors
    /// If the emissions do not fit, or there is not one known tag a step.
    pub fn score(&self, emissions: &Array, tags: &[usize]) -> Result<f64> {
        let emissions = self.emissions(emissions)?;
        let steps = emissions.len() / self.tags;
        if tags.len() != steps {
            return Err(Error::shape("tags", format!("{} tags", tags.len()), format!("{steps}, one a step")));
        }
        if let Some(at) = tags.iter().position(|&tag| tag >= self.tags) {
            return Err(Error::data(format!("tags, step {at}"), tags[at], format!("0 to {}", self.tags - 1)));
        }
        Ok(self.score_of(&emissions, tags))
    }

    /// `log sum_y e^score(y)` over all tag sequences.
    ///
    /// # Errors
    /// If the emissions do not fit.
    pub fn log_partition(&self, emissions: &Array) -> Result<f64> {
        let emissions = self.emissions(emissions)?;
        Ok(self.log_partition_of(&self.forward(&emissions)))
    }

    /// The tags of the highest score (of equal ones those of the smallest last tag, then the one before), and the score.
    ///
    /// # Errors
    /// If the emissions do not fit.
    pub fn viterbi(&self, emissions: &Array) -> Result<(Vec<usize>, f64)> {
        Ok(self.best_of(&self.emissions(emissions)?))
    }

    /// The probability of each tag at each step, `[steps, tags]`.
    ///
    /// # Errors
    /// If the emissions do not fit.
    pub fn marginals(&self, emissions: &Array) -> Result<Array> {
        let marginals = self.marginals_of(&self.emissions(emissions)?);
        Array::from_vec(emissions.shape(), marginals.into_iter().map(|p| p as f32).collect())
    }

    fn emissions(&self, emissions: &Array) -> Result<Vec<f64>> {
        match *emissions.shape() {
            [steps, tags] if steps > 0 && tags == self.tags => {
                check_finite("emissions", emissions)?;
                Ok(wide(emissions))
            }
            _ => {
                let wanted = format!("[steps, {}], at least one step", self.tags);
                Err(Error::shape("emissions", format!("{:?}", emissions.shape()), wanted))
            }
        }
    }

    fn score_of(&self, emissions: &[f64], tags: &[usize]) -> f64 {
        let (Some(&first), Some(&last)) = (tags.first(), tags.last()) else { return 0.0 };
        let emitted: f64 = emissions.chunks(self.tags).zip(tags).map(|(e, &tag)| e[tag]).sum();
        let moved: f64 = tags.windows(2).map(|pair| self.transitions[pair[0] * self.tags + pair[1]]).sum();
        self.start[first] + emitted + moved + self.end[last]
    }

    /// `alpha [steps, tags]`: the log sum over the paths to a tag, its emission included.
    fn forward(&self, emissions: &[f64]) -> Vec<f64> {
        let tags = self.tags;
        let mut alpha = vec![0.0; emissions.len()];
        for (t, e) in emissions.chunks(tags).enumerate() {
            let (before, now) = alpha.split_at_mut(t * tags);
            let now = &mut now[..tags];
            match t {
                0 => now.copy_from_slice(&self.start),
                _ => self.arrivals(&before[(t - 1) * tags..], now),
            }
            now.iter_mut().zip(e).for_each(|(alpha, e)| *alpha += e);
        }
        alpha
    }

    fn log_partition_of(&self, alpha: &[f64]) -> f64 {
        match alpha.len().checked_sub(self.tags) {
            Some(last) => log_sum_exp(alpha[last..].iter().zip(&self.end).map(|(a, e)| a + e)),
            None => 0.0,
        }
    }

    /// `out_j = log sum_i e^(a_i + transitions_ij)`.
    fn arrivals(&self, a: &[f64], out: &mut [f64]) {
        let largest = a.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if let Some(factors) = &self.factors {
            out.fill(0.0);
            for (a, factors) in a.iter().zip(factors.chunks(self.tags)) {
                let weight = (a - largest).exp();
                out.iter_mut().zip(factors).for_each(|(out, factor)| *out += weight * factor);
            }
        } else {
            out.fill(f64::NAN);
        }
        for (j, out) in out.iter_mut().enumerate() {
            *out = match *out > SMALLEST_SUM {
                true => largest + out.ln(),
                false => {
                    let into = self.transitions[j..].iter().step_by(self.tags);
                    log_sum_exp(a.iter().zip(into).map(|(a, transition)| a + transition))
                }
            };
        }
    }

    /// `out_i = log sum_j e^(transitions_ij + b_j)`.
    fn departures(&self, b: &[f64], out: &mut [f64]) {
        let largest = b.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = b.iter().map(|b| (b - largest).exp()).collect();
        for (i, out) in out.iter_mut().enumerate() {
            let row = i * self.tags..(i + 1) * self.tags;
            let sum = self.factors.as_ref().map_or(f64::NAN, |factors| {
                factors[row.clone()].iter().zip(&weights).map(|(factor, weight)| factor * weight).sum()
            });
            *out = match sum > SMALLEST_SUM {
                true => largest + sum.ln(),
                false => log_sum_exp(self.transitions[row].iter().zip(b).map(|(t, b)| t + b)),
            };
        }
    }

    /// Calls `visit` from the last step to the first with the step, the marginals `[tags]` at it and, but for the
    /// last, the log sums `[tags]` over the paths that follow, from the emission of the next step on.
    fn backward(
        &self,
        emissions: &[f64],
        alpha: &[f64],
        total: f64,
        mut visit: impl FnMut(usize, &[f64], Option<&[f64]>),
    ) {
        let tags = self.tags;
        let (mut beta, mut behind, mut marginals) = (self.end.clone(), vec![0.0; tags], vec![0.0; tags]);
        let steps = emissions.len() / tags;
        for t in (0..steps).rev() {
            if t + 1 < steps {
                self.departures(&behind, &mut beta);
            }
            let at = t * tags..(t + 1) * tags;
            for ((p, a), b) in marginals.iter_mut().zip(&alpha[at.clone()]).zip(&beta) {
                *p = (a + b - total).exp();
            }
            visit(t, &marginals, (t + 1 < steps).then_some(&behind));
            behind.iter_mut().zip(&beta).zip(&emissions[at]).for_each(|((x, b), e)| *x = b + e);
        }
    }

    pub(super) fn marginals_of(&self, emissions: &[f64]) -> Vec<f64> {
        let alpha = self.forward(emissions);
        let mut all = vec![0.0; emissions.len()];
        self.backward(emissions, &alpha, self.log_partition_of(&alpha), |t, marginals, _| {
            all[t * self.tags..(t + 1) * self.tags].copy_from_slice(marginals);
        });
        all
    }

    /// `-log p(tags | emissions)`, and its gradient where one is wanted: expected counts less those of `tags`.
    pub(super) fn loss(&self, emissions: &[f64], tags: &[usize], gradient: Option<&mut Gradient>) -> f64 {
        let alpha = self.forward(emissions);
        let total = self.log_partition_of(&alpha);
        if let (Some(gradient), Some(&first), Some(&last)) = (gradient, tags.first(), tags.last()) {
            self.backward(emissions, &alpha, total, |t, marginals, behind| {
                let at = t * self.tags..(t + 1) * self.tags;
                gradient.emissions[at.clone()].copy_from_slice(marginals);
                gradient.emissions[t * self.tags + tags[t]] -= 1.0;
                if t == 0 {
                    gradient.start.copy_from_slice(marginals);
                }
                match behind {
                    Some(behind) => {
                        self.add_pairs(&alpha[at], behind, total, gradient.transitions);
                        gradient.transitions[tags[t] * self.tags + tags[t + 1]] -= 1.0;
                    }
                    None => gradient.end.copy_from_slice(marginals),
                }
            });
            gradient.start[first] -= 1.0;
            gradient.end[last] -= 1.0;
        }
        total - self.score_of(emissions, tags)
    }

    /// Adds the probability of each pair of tags at two steps: `e^(alpha_i + transitions_ij + behind_j - total)`.
    fn add_pairs(&self, alpha: &[f64], behind: &[f64], total: f64, pairs: &mut [f64]) {
        let largest = alpha.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let rest: Vec<f64> = behind.iter().map(|b| b - total + largest).collect();
        match &self.factors {
            Some(factors) if rest.iter().all(|&x| x <= LARGEST_EXPONENT) => {
                let rest: Vec<f64> = rest.into_iter().map(f64::exp).collect();
                let rows = pairs.chunks_mut(self.tags).zip(factors.chunks(self.tags));
                for ((pairs, factors), a) in rows.zip(alpha) {
                    let weight = (a - largest).exp();
                    let row = pairs.iter_mut().zip(factors).zip(&rest);
                    row.for_each(|((pair, factor), rest)| *pair += weight * factor * rest);
                }
            }
            _ => {
                let rows = pairs.chunks_mut(self.tags).zip(self.transitions.chunks(self.tags));
                for ((pairs, transitions), a) in rows.zip(alpha) {
                    let row = pairs.iter_mut().zip(transitions).zip(behind);
                    row.for_each(|((pair, t), b)| *pair += (a + t + b - total).exp());
                }
            }
        }
    }

    pub(super) fn best_of(&self, emissions: &[f64]) -> (Vec<usize>, f64) {
        let tags = self.tags;
        let steps = emissions.len() / tags;
        if steps == 0 {
            return (vec![], 0.0);
        }
        let mut best: Vec<f64> = self.start.iter().zip(emissions).map(|(s, e)| s + e).collect();
        // The best tag before each tag of each step but the first.
        let mut before = vec![0; (steps - 1) * tags];
        for (e, before) in emissions.chunks(tags).skip(1).zip(before.chunks_mut(tags)) {
            let mut next = vec![f64::NEG_INFINITY; tags];
            for (i, (score, transitions)) in best.iter().zip(self.transitions.chunks(tags)).enumerate() {
                for ((next, before), transition) in next.iter_mut().zip(before.iter_mut()).zip(transitions) {
                    if score + transition > *next {
                        (*next, *before) = (score + transition, i);
                    }
                }
            }
            best = next.iter().zip(e).map(|(score, e)| score + e).collect();
        }
        let total: Vec<f64> = best.iter().zip(&self.end).map(|(score, end)| score + end).collect();
        let last = (1..tags).fold(0, |last, tag| if total[tag] > total[last] { tag } else { last });
        let mut path = vec![last];
        for before in before.chunks(tags).rev() {
            path.push(before[path[path.len() - 1]]);
        }
        path.reverse();
        (path, total[last])
    }
}

/// The rows of `emissions [time, tags]` at `steps`.
pub(super) fn gather(emissions: &[f64], steps: &[usize], tags: usize) -> Vec<f64> {
    steps.iter().flat_map(|step| &emissions[step * tags..(step + 1) * tags]).copied().collect()
}

fn wide(array: &Array) -> Vec<f64> {
    array.to_f32().into_iter().map(f64::from).collect()
}

fn check_finite(name: &str, array: &Array) -> Result<()> {
    match array.first_non_finite() {
        None => Ok(()),
        Some(at) => Err(Error::data(format!("{name}, position {at}"), array.to_f32()[at], "a finite number")),
    }
}
