//! The sum over all alignments of labels with time steps, forward and backward, in log space.
//!
//! The labels `l` become `l'` with a blank before, between and behind. With `y_t(k)` the log probability of class `k`
//! at step `t`, the paths that are at position `s` of `l'` at step `t` sum to `alpha_t(s)` so far and to `beta_t(s)`
//! from there on (Graves 2006, equations 6, 7 and 9 to 11; here `beta` leaves step `t` out, so that their product is
//! not divided by `y`). The gradient by the logits is that of equation 16: `softmax(z)_k - p(class k at step t | l)`.

use crate::rows::{log_softmax, log_sum_exp};

const NOTHING: f64 = f64::NEG_INFINITY;

/// How many time steps the labels take at least: one each, and a blank between equal neighbours.
pub(super) fn shortest_path(labels: &[usize]) -> usize {
    labels.len() + labels.windows(2).filter(|pair| pair[0] == pair[1]).count()
}

/// The paths of one sequence.
pub(super) struct Alignments<'a> {
    classes: usize,
    steps: &'a [usize],
    labels: &'a [usize],
    blank: usize,
    /// `[steps, classes]`.
    log_probabilities: Vec<f64>,
}

/// `alpha [steps, positions]`.
pub(super) struct Forward {
    alpha: Vec<f64>,
    positions: usize,
}

impl Forward {
    /// `log p(labels)`: the paths that end at the last label or the blank behind it.
    pub(super) fn log_probability(&self) -> f64 {
        match self.alpha.len().checked_sub(self.positions) {
            Some(last) => log_sum_exp(self.alpha[last..].iter().rev().take(2).copied()),
            // Without a time step there is the empty path, of the empty labelling.
            None if self.positions == 1 => 0.0,
            None => NOTHING,
        }
    }
}

impl<'a> Alignments<'a> {
    /// Of `labels` with the steps of `logits [time, classes]` that count.
    pub(super) fn new(
        logits: &[f64],
        classes: usize,
        steps: &'a [usize],
        labels: &'a [usize],
        blank: usize,
    ) -> Self {
        let rows = steps.iter().flat_map(|step| &logits[step * classes..(step + 1) * classes]);
        let mut log_probabilities: Vec<f64> = rows.copied().collect();
        log_probabilities.chunks_mut(classes).for_each(log_softmax);
        Self { classes, steps, labels, blank, log_probabilities }
    }

    /// The length of `l'`.
    fn positions(&self) -> usize {
        2 * self.labels.len() + 1
    }

    /// The class at position `s` of `l'`.
    fn class(&self, s: usize) -> usize {
        if s.is_multiple_of(2) { self.blank } else { self.labels[s / 2] }
    }

    /// Whether a path may go from `s - 2` to `s`, over a blank that nothing needs.
    fn skips(&self, s: usize) -> bool {
        s % 2 == 1 && s > 1 && self.labels[s / 2] != self.labels[s / 2 - 1]
    }

    /// `y_t(l'_s)`.
    fn log_probability(&self, t: usize, s: usize) -> f64 {
        self.log_probabilities[t * self.classes + self.class(s)]
    }

    pub(super) fn forward(&self) -> Forward {
        let positions = self.positions();
        let mut alpha = vec![NOTHING; self.steps.len() * positions];
        for t in 0..self.steps.len() {
            let (before, now) = alpha.split_at_mut(t * positions);
            for (s, now) in now[..positions].iter_mut().enumerate() {
                let arriving = match before.len().checked_sub(positions) {
                    None => {
                        if s < 2 {
                            0.0
                        } else {
                            NOTHING
                        }
                    }
                    Some(start) => {
                        let at = |back: usize| s.checked_sub(back).map_or(NOTHING, |s| before[start + s]);
                        let skipped = if self.skips(s) { at(2) } else { NOTHING };
                        log_sum_exp([at(0), at(1), skipped].into_iter())
                    }
                };
                *now = arriving + self.log_probability(t, s);
            }
        }
        Forward { alpha, positions }
    }

    /// Adds `factor` times the gradient of `-log p(labels)` by the logits to `gradient [time, classes]`.
    pub(super) fn gradient(&self, forward: &Forward, factor: f64, gradient: &mut [f64]) {
        let (positions, total) = (forward.positions, forward.log_probability());
        // What follows the last step: nothing, for paths that have come to the end.
        let mut beta = vec![NOTHING; positions];
        beta[positions.saturating_sub(2)..].fill(0.0);
        let mut behind = vec![NOTHING; positions];
        for t in (0..self.steps.len()).rev() {
            let start = self.steps[t] * self.classes;
            let gradient = &mut gradient[start..start + self.classes];
            let probabilities = &self.log_probabilities[t * self.classes..(t + 1) * self.classes];
            gradient.iter_mut().zip(probabilities).for_each(|(g, y)| *g += factor * y.exp());
            let alpha = &forward.alpha[t * positions..(t + 1) * positions];
            for (s, (alpha, beta)) in alpha.iter().zip(&beta).enumerate() {
                gradient[self.class(s)] -= factor * (alpha + beta - total).exp();
            }
            for (s, (behind, beta)) in behind.iter_mut().zip(&beta).enumerate() {
                *behind = beta + self.log_probability(t, s);
            }
            for (s, beta) in beta.iter_mut().enumerate() {
                let at = |ahead: usize| behind.get(s + ahead).copied().unwrap_or(NOTHING);
                let skipped = if s + 2 < positions && self.skips(s + 2) { at(2) } else { NOTHING };
                *beta = log_sum_exp([at(0), at(1), skipped].into_iter());
            }
        }
    }
}
