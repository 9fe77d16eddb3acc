//! The recommender listing: `cargo run --release --example recommender` with MovieLens 100K in `data/ml-100k`.
use fornax::prelude::*;

fn main() -> fornax::Result<()> {
    let movies = movielens("data/ml-100k")?;
    let log = &movies.ratings;
    let model = PureSvd::new(50).fit(log)?;
    let user = log.users().expect(&196)?;
    for best in model.recommend(user, 10, &Filter::unseen(log))? {
        println!("{:.3} {}", best.score, movies.title(*log.items().id(best.index)).unwrap_or_default());
    }
    Ok(())
}
