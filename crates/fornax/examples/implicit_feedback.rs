//! Recommends places to visit from who has been where: `cargo run --release --example implicit_feedback -- data/gowalla`.
//!
//! The check-ins of Gowalla in the split of LightGCN (X. He et al., SIGIR 2020): `train.txt.gz`, `valid.txt` and
//! `test.txt.gz`, a line for each user with the places. Settings were chosen by `valid.txt` (`--validate` shows its
//! figures); what is shown is of `test.txt`, by models of both other files, over all places.
use std::path::Path;
use std::time::Instant;

use fornax::prelude::*;
use fornax::recommend::{Split, TwoTower, lightgcn};

fn main() -> fornax::Result<()> {
    let validate = std::env::args().any(|argument| argument == "--validate");
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder = folder.unwrap_or_else(|| "data/gowalla".into());
    let read = |name: &str| lightgcn::<u32, u32>(Path::new(&folder).join(name), Duplicates::First);
    let (train, valid) = (read("train.txt.gz")?, read("valid.txt")?);
    let split = match validate {
        true => Split::new(train, &valid)?,
        false => {
            let events = train.events().chain(valid.events());
            Split::new(Interactions::from_events(events, Duplicates::Error)?, &read("test.txt.gz")?)?
        }
    };
    let log = &split.train;
    println!("{} users, {} places, {} visits", log.users().len(), log.items().len(), log.len());

    let show = |name: &str, started: Instant, model: &dyn Score| -> fornax::Result<()> {
        let seconds = started.elapsed().as_secs_f64();
        let report = Evaluation::at(20).run(model, &split)?;
        let [recall, ndcg] = [RankingMetric::Recall, RankingMetric::Ndcg].map(|metric| report.mean(metric));
        println!("{name:<12} recall@20 {recall:.4} nDCG@20 {ndcg:.4}, fitted in {seconds:.1} s");
        Ok(())
    };
    let clock = Instant::now();
    show("popularity", clock, &Popularity::new().fit(log)?)?;
    let clock = Instant::now();
    show(
        "iALS",
        clock,
        &Ials::new(64).alpha(10.0).regularization(0.03).frequency(1.0).iterations(10).fit(log)?,
    )?;
    let clock = Instant::now();
    show("BPR", clock, &Bpr::new(64).learning_rate(0.05).regularization(0.005).iterations(100).fit(log)?)?;
    let clock = Instant::now();
    show("two towers", clock, &TwoTower::new(64).epochs(20).batch_size(2048).fit(log)?)
}
