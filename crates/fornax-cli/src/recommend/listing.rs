//! The recommender listing of the demo.

use std::path::Path;
use std::time::Instant;

use fornax::Result;
use fornax::prelude::*;
use fornax::recommend::synthetic;

/// The name of the listing.
pub(crate) const LISTING: &str = "recommend";

/// The log of the listing: MovieLens 100K, or a synthetic one.
pub(crate) fn log(data: Option<&Path>, seed: u64) -> Result<Interactions<u32, u32>> {
    match data {
        Some(directory) => Ok(movielens(directory.join("ml-100k"))?.ratings),
        None => synthetic::tastes(1000, 500, 40, seed),
    }
}

/// The recommender listing: truncated SVD with 50 factors, each user's interest, a score for each item; judged by a quarter of each
/// item's interactions, beside popularity.
pub(crate) fn listing(log: &Interactions<u32, u32>, synthetic: bool, seed: u64, json: bool) -> Result<()> {
    let split = log.split_by_item(0.25, seed)?;
    let clock = Instant::now();
    let model = PureSvd::new(50).binary(true).seed(seed).fit(&split.train)?;
    let seconds = clock.elapsed().as_secs_f64();
    let evaluation = Evaluation::at(10).seed(seed);
    let ndcg = evaluation.run(&model, &split)?.mean(RankingMetric::Ndcg);
    let popularity = evaluation.run(&Popularity::new().fit(&split.train)?, &split)?.mean(RankingMetric::Ndcg);
    let data = if synthetic { "synthetic tastes" } else { "MovieLens 100K" };
    if json {
        let object = serde_json::json!({
            "listing": LISTING,
            "data": data,
            "synthetic": synthetic,
            "device": "cpu",
            "seed": seed,
            "fit_seconds": seconds,
            "metrics": { "ndcg@10": ndcg, "popularity_ndcg@10": popularity },
        });
        println!("{object}");
        return Ok(());
    }
    let kind = if synthetic { " (synthetic: no quality figure)" } else { "" };
    println!("{LISTING}: {data}{kind}; {} interactions; truncated SVD, 50 factors, on the CPU", log.len());
    println!("nDCG@10 {ndcg:.4}, popularity {popularity:.4}; fitted in {seconds:.3} s");
    Ok(())
}
