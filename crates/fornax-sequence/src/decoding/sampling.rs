//! [`Sampling`]: sequences drawn from the model's distribution, or from the likely part of it.

use fornax_core::{Error, Philox, Result};

use super::{Hypothesis, Limits, StepDecoder, each_row};

/// Draws each token with probability `softmax(logits / temperature)`, cut to the `top_k` most probable tokens and then
/// to the smallest set of most probable tokens whose probability reaches `top_p`.
///
/// A row draws from a stream of its own, so that a sequence does not depend on the rows beside it.
///
/// Defaults: temperature 1, no cut, seed 0. Source: top-k: Fan et al. 2018; top-p (nucleus): Holtzman et al. 2020.
///
/// ```
/// # use fornax_core::Result;
/// # use fornax_sequence::decoding::{Limits, Sampling, StepDecoder};
/// # struct Fair;
/// # impl StepDecoder for Fair {
/// #     type State = ();
/// #     fn vocabulary(&self) -> usize { 3 }
/// #     fn step(&self, tokens: &[i32], _: &mut ()) -> Result<Vec<f32>> { Ok([-1e9, 1.0, 0.0].repeat(tokens.len())) }
/// #     fn reorder(&self, _: &mut (), _: &[usize]) -> Result<()> { Ok(()) }
/// # }
/// // A model in which token 1 is e times as likely as token 2, and the end 0 never comes.
/// let limits = Limits { start: 0, end: 0, max_steps: 100 };
/// let draw = |sampling: Sampling| sampling.sample(&Fair, (), 1, limits).map(|found| found[0].tokens.clone());
/// assert!(draw(Sampling::new().seed(1))?.contains(&2));
/// assert!(!draw(Sampling::new().top_k(1))?.contains(&2));
/// assert!(!draw(Sampling::new().top_p(0.7))?.contains(&2));
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sampling {
    temperature: f64,
    top_k: Option<usize>,
    top_p: f64,
    seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampling {
    /// The model's own distribution.
    pub fn new() -> Self {
        Self { temperature: 1.0, top_k: None, top_p: 1.0, seed: 0 }
    }

    /// What logits are divided by: below 1 likely tokens become likelier.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = temperature;
        self
    }

    /// Only the `count` most probable tokens are drawn.
    pub fn top_k(mut self, count: usize) -> Self {
        self.top_k = Some(count);
        self
    }

    /// Only the most probable tokens that together have this probability are drawn.
    pub fn top_p(mut self, probability: f64) -> Self {
        self.top_p = probability;
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    fn check(&self) -> Result<()> {
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return Err(Error::argument("temperature", self.temperature, "a finite number above 0"));
        }
        if self.top_k == Some(0) {
            return Err(Error::argument("top_k", 0, "at least 1"));
        }
        match self.top_p > 0.0 && self.top_p <= 1.0 {
            true => Ok(()),
            false => Err(Error::argument("top_p", self.top_p, "a number above 0, up to 1")),
        }
    }

    /// A sequence for each of `rows` rows of the state.
    ///
    /// # Errors
    /// If the temperature is not above 0, `top_k` is 0, `top_p` no probability above 0, the limits not of the
    /// vocabulary, or the model fails or gives a logit that is NaN.
    pub fn sample<D: StepDecoder>(
        &self,
        decoder: &D,
        state: D::State,
        rows: usize,
        limits: Limits,
    ) -> Result<Vec<Hypothesis>> {
        self.check()?;
        let random = Philox::new(self.seed).named("sampling");
        each_row(decoder, state, rows, limits, |row, step, logits| {
            let mut random = random.stream(row as u64).stream(step as u64);
            Ok(self.draw(logits, f64::from(random.next_u32()) / 2f64.powi(32)))
        })
    }

    /// The token at the point `u` of the cumulative distribution, tokens in falling order of probability.
    fn draw(&self, logits: &[f32], u: f64) -> usize {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
        order.truncate(self.top_k.unwrap_or(order.len()));
        let largest = f64::from(logits[order[0]]);
        let weight = |token: &usize| ((f64::from(logits[*token]) - largest) / self.temperature).exp();
        let weights: Vec<f64> = order.iter().map(weight).collect();
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let nucleus = weights.iter().position(|weight| {
            sum += weight;
            sum >= self.top_p * total
        });
        let weights = &weights[..nucleus.map_or(weights.len(), |last| last + 1)];
        let point = u * weights.iter().sum::<f64>();
        let mut sum = 0.0;
        let at = weights.iter().position(|weight| {
            sum += weight;
            point < sum
        });
        order[at.unwrap_or(weights.len() - 1)]
    }
}
