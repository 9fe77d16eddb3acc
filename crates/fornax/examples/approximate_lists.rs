//! How near lists of an index come to exact ones, and how fast: `cargo run --release --features hnsw --example approximate_lists`.
//!
//! 2000 users, 20 000 items, normal factors of 64 elements, whose spectrum decays as that of a fitted model or is flat, the worst case.
use std::time::Instant;

use fornax::prelude::*;
use fornax::recommend::{Factors, Hnsw, Index, UserIndex};

fn factors(decay: f32) -> fornax::Result<Factors> {
    let mut random = Philox::new(0);
    let mut table = |rows: usize| {
        let scales = (0..rows).flat_map(|_| (1..=64).map(|at| (at as f32).powf(-decay)));
        Array::from_vec([rows, 64], scales.map(|scale| scale * random.normal()).collect())
    };
    Factors::new(&table(2000)?, &table(20_000)?)
}

fn main() -> fornax::Result<()> {
    let users: Vec<UserIndex> = (0..2000).map(UserIndex::new).collect();
    for (spectrum, decay) in [("decaying", 0.5), ("flat", 0.0)] {
        let factors = factors(decay)?;
        for candidates in [50, 200, 800] {
            let clock = Instant::now();
            let index = Hnsw::new().candidates(candidates).parallel(true).build(&factors)?;
            let seconds = clock.elapsed().as_secs_f64();
            let report = index.recall(&users, 10, &Filter::none())?;
            println!(
                "{spectrum}, {candidates} candidates, built in {seconds:.1} s: recall {:.3}, {:.0} lists a second, exact ones {:.0}",
                report.recall, report.per_second, report.exact_per_second
            );
        }
    }
    Ok(())
}
