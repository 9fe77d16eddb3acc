//! Says what someone buys next, from what they bought before: `cargo run --release --example next_item -- data/amazon-beauty`.
//!
//! The reviews of beauty products at Amazon, as S3-Rec has them (K. Zhou et al., CIKM 2020): each user's last product is
//! held out, and ranked among all that the user does not have. Settings were chosen by the product before it (`--validate`
//! shows its figures).
use std::path::Path;
use std::time::Instant;

use fornax::prelude::*;
use fornax::recommend::{MarkovChain, SasRec, sequences};

fn main() -> fornax::Result<()> {
    let validate = std::env::args().any(|argument| argument == "--validate");
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder = folder.unwrap_or_else(|| "data/amazon-beauty".into());
    let log = sequences::<u32, u32>(Path::new(&folder).join("Beauty.txt.gz"), Duplicates::Last)?;
    let mut split = log.split_last(1)?;
    if validate {
        split = split.train.split_last(1)?;
    }
    let log = &split.train;
    println!("{} users, {} products, {} reviews", log.users().len(), log.items().len(), log.len());

    let show = |name: &str, started: Instant, model: &dyn Score| -> fornax::Result<()> {
        let seconds = started.elapsed().as_secs_f64();
        let report = Evaluation::at(10).run(model, &split)?;
        let [hits, ndcg] = [RankingMetric::HitRate, RankingMetric::Ndcg].map(|metric| report.mean(metric));
        println!("{name:<12} HR@10 {hits:.4} nDCG@10 {ndcg:.4}, fitted in {seconds:.1} s");
        Ok(())
    };
    let clock = Instant::now();
    show("popularity", clock, &Popularity::new().fit(log)?)?;
    let clock = Instant::now();
    show("BPR", clock, &Bpr::new(64).learning_rate(0.05).regularization(0.01).iterations(100).fit(log)?)?;
    let clock = Instant::now();
    show("Markov chain", clock, &MarkovChain::new().fit(log)?)?;
    let clock = Instant::now();
    let model = SasRec::new(64).blocks(1).dropout(0.5).learning_rate(0.004).epochs(20);
    show("SASRec", clock, &model.fit(log)?)
}
