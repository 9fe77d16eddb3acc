//! [`LightFmLoss`]: what a step of LightFM makes smaller.

/// What [`LightFm`](super::LightFm) makes smaller with each interaction of a user `u` and an item `i`, of value `r`, where `j` is
/// drawn from the items that `u` has no interaction with, all alike.
///
/// ```
/// use fornax_recommend::{Duplicates, Interactions, LightFm, LightFmLoss, Score};
///
/// let log = [("a", 1, 1.0), ("a", 2, -1.0), ("b", 1, 1.0), ("b", 2, -1.0), ("c", 2, 1.0), ("c", 1, -1.0)];
/// let log = Interactions::from_events(log, Duplicates::Error)?;
/// let model = LightFm::new(2).loss(LightFmLoss::Logistic).iterations(200).fit(&log)?;
/// let scores = model.scores(log.users().expect("c")?)?;
/// assert!(scores[0] < 0.0 && scores[1] > 0.0);
/// assert!(LightFm::new(2).loss(LightFmLoss::Bpr).fit(&log).is_err(), "values below 0 are no weights");
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LightFmLoss {
    /// Weighted approximate-rank pairwise loss (Weston, Bengio and Usunier 2011): draws `j` until `s_uj > s_ui - 1`, at most
    /// [`max_sampled`](super::LightFm::max_sampled) times, and if the `n`-th one is such takes
    /// `w max(0, 1 - s_ui + s_uj)` with `w = min(10, r ln max(1, floor((items - 1) / n)))`: the sooner one is found, the lower `i`
    /// ranks. For the first places of lists.
    #[default]
    Warp,
    /// Bayesian personalized ranking: one `j`, and `-r ln sigmoid(s_ui - s_uj)`. For the order of all items.
    Bpr,
    /// `-|r| ln sigmoid(s_ui)` if `r` is above 0, `-|r| ln sigmoid(-s_ui)` if it is below: for logs that say what users do not like
    /// too. Nothing is drawn.
    Logistic,
}

/// `ln(1 + e^x)`.
pub(super) fn softplus(x: f32) -> f64 {
    let x = f64::from(x);
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The weight of WARP's step where the `drawn`-th other item was the first to come too close.
pub(super) fn rank_weight(value: f32, items: usize, drawn: usize) -> f32 {
    let rank = ((items - 1) / drawn).max(1);
    (value * (rank as f32).ln()).min(10.0)
}
