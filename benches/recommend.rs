//! The recommender benches of the race: on the log that `FORNAX_INTERACTIONS` names, a line for each user, the user and then
//! items; those that start with `ml-1m-` on that of `FORNAX_RATINGS`.
//!
//! `ials-cholesky` (64 factors) and `ials-cg` (128 factors, 3 steps) are an iteration, `bpr` (64 factors) a pass over the log; `topk`
//! are lists of 10 for all users without what they have, by 64 factors; `svd-sparse` is the truncated SVD of rank 50, residual
//! 1e-4, `svd-listing` that of a dense matrix of 1000 x 1000, the second time.

use std::time::Instant;

use fornax::prelude::*;
use fornax::recommend::{Bpr, Index, Solver, TruncatedSvd, UserIndex, UserItems, lightgcn};
use fornax::{Error, Result};

/// The names of the benches.
pub const BENCHES: [&str; 11] = [
    "ials-cholesky",
    "ials-cg",
    "bpr",
    "topk",
    "svd-sparse",
    "svd-listing",
    "ml-1m-ials-cholesky",
    "ml-1m-ials-cg",
    "ml-1m-bpr",
    "ml-1m-topk",
    "ml-1m-svd-sparse",
];

/// Milliseconds of a bench.
///
/// # Errors
/// If there is no log, or a model cannot be fitted.
///
/// # Panics
/// If there is no such bench.
pub fn time(bench: &str) -> Result<f64> {
    if bench == "svd-listing" {
        let mut random = Philox::new(1);
        let values = (0..1_000_000).map(|_| random.normal()).collect();
        let matrix = Array::from_vec([1000, 1000], values)?;
        let decompose = || TruncatedSvd::new(50).decompose(&matrix);
        decompose()?;
        return milliseconds(decompose);
    }
    let (bench, variable) = match bench.strip_prefix("ml-1m-") {
        Some(bench) => (bench, "FORNAX_RATINGS"),
        None => (bench, "FORNAX_INTERACTIONS"),
    };
    let path = std::env::var(variable).map_err(|_| Error::argument(variable, "nothing", "a file"))?;
    let log: Interactions<u32, u32> = lightgcn(path, Duplicates::Error)?;
    let log: &UserItems = log.matrix();
    let iteration = |settings: Ials| {
        let [one, three] =
            [1, 3].map(|iterations| milliseconds(|| settings.clone().iterations(iterations).fit(log)));
        Ok((three? - one?) / 2.0)
    };
    match bench {
        "ials-cholesky" => iteration(Ials::new(64)),
        "ials-cg" => iteration(Ials::new(128).solver(Solver::ConjugateGradient { steps: 3 })),
        "bpr" => {
            let pass = |iterations| milliseconds(|| Bpr::new(64).iterations(iterations).fit(log));
            Ok((pass(3)? - pass(1)?) / 2.0)
        }
        "topk" => {
            let model = Ials::new(64).iterations(3).fit(log)?;
            let users: Vec<UserIndex> = (0..log.rows() as u32).map(UserIndex::new).collect();
            milliseconds(|| model.recommend_all(&users, 10, &Filter::unseen(log)))
        }
        "svd-sparse" => milliseconds(|| TruncatedSvd::new(50).decompose(log)),
        other => panic!("no bench {other}"),
    }
}

fn milliseconds<T>(run: impl FnOnce() -> Result<T>) -> Result<f64> {
    let clock = Instant::now();
    run()?;
    Ok(1e3 * clock.elapsed().as_secs_f64())
}
