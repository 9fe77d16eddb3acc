//! scratch
use fornax::prelude::*;
use fornax::recommend::{SasRec, sequences};
fn main() -> fornax::Result<()> {
    let a: Vec<f64> = std::env::args().skip(2).map(|x| x.parse().unwrap()).collect();
    let log = sequences::<u32, u32>("/work/shared/data/amazon-beauty/Beauty.txt.gz", Duplicates::Last)?;
    let mut split = log.split_last(1)?;
    if std::env::args().nth(1).unwrap() == "valid" {
        split = split.train.split_last(1)?;
    }
    let m = SasRec::new(a[0] as usize)
        .epochs(a[1] as usize)
        .dropout(a[2])
        .learning_rate(a[3])
        .batch_size(a[4] as usize)
        .blocks(a[5] as usize)
        .verbose(false);
    let t = std::time::Instant::now();
    let m = m.fit(&split.train)?;
    println!("{a:?} losses {:?}", m.history().values("loss"));
    let report = Evaluation::at(10).run(&m, &split)?;
    println!(
        "HR {:.4} nDCG {:.4} {:.0}s",
        report.mean(RankingMetric::HitRate),
        report.mean(RankingMetric::Ndcg),
        t.elapsed().as_secs_f64()
    );
    Ok(())
}
