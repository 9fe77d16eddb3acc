//! New movies and new viewers, known by their features: `cargo run --release --example cold_start` with MovieLens 100K in
//! `data/ml-100k`. One movie and one viewer in ten are held out with all their ratings.
use fornax::prelude::*;
use fornax::recommend::{Features, Index};
use fornax::{Error, Result};

fn main() -> Result<()> {
    let movies = movielens("data/ml-100k")?;
    let all = movies.ratings.map_values(|_| 1.0)?;
    let deal = |name, count| Philox::new(1).named(name).permutation(count);
    let deals = [deal("users", all.users().len()), deal("movies", all.items().len())];
    let is_new_user = |id: &u32| all.users().get(id).is_some_and(|user| deals[0][user.get()] % 10 == 0);
    let is_new_movie = |id: &u32| all.items().get(id).is_some_and(|movie| deals[1][movie.get()] % 10 == 0);
    let log = all.filter(|user, movie, _, _| !is_new_user(user) && !is_new_movie(movie))?;

    let people = people("data/ml-100k/u.user")?;
    let traits = people.iter().flat_map(|(id, traits)| traits.iter().map(move |name| (*id, name, 1.0)));
    let (traits, _) = Features::of_known(log.users(), traits)?;
    let genres = log.items().as_slice().iter();
    let genres = genres.flat_map(|movie| movies.genres(*movie).iter().map(move |genre| (*movie, genre, 1.0)));
    let genres = Features::new(log.items(), genres)?;
    let model = LightFm::new(32).fit_with(&log, Some(&traits), Some(&genres))?;

    let weighted = |names: &[String]| names.iter().map(|name| (name.clone(), 1.0)).collect::<Vec<_>>();
    let saw = |user: &u32, among: &[u32]| -> Result<Vec<bool>> {
        let row = all.matrix().row(all.users().expect(user)?).0;
        let seen = |movie| Ok(row.contains(&(all.items().expect(movie)?.get() as u32)));
        among.iter().map(seen).collect()
    };

    let new: Vec<u32> = all.items().as_slice().iter().copied().filter(is_new_movie).collect();
    let rows: Vec<_> = new.iter().map(|movie| weighted(movies.genres(*movie))).collect();
    let hybrid = model.clone().with_new_items(&rows)?;
    let by_genre = hybrid.scores_of_new_user::<&str>(&[])?.split_off(log.items().len());
    let mut aucs = [vec![], vec![]];
    for user in log.users().as_slice() {
        let (seen, scores) = (saw(user, &new)?, hybrid.scores(log.users().expect(user)?)?);
        aucs[0].extend(auc(&scores[log.items().len()..], &seen));
        aucs[1].extend(auc(&by_genre, &seen));
    }
    println!("{} new movies, ranked for {} users whom the log knows; mean AUC:", new.len(), aucs[0].len());
    println!("    hybrid {:.3}, the same for all {:.3}, popularity 0.500", mean(&aucs[0]), mean(&aucs[1]));

    let popularity = Popularity::new().fit(&log)?.scores(log.users().expect(&log.users().as_slice()[0])?)?;
    let mut aucs = [vec![], vec![]];
    for (user, traits) in people.iter().filter(|(user, _)| is_new_user(user)) {
        let seen = saw(user, log.items().as_slice())?;
        aucs[0].extend(auc(&model.scores_of_new_user(&weighted(traits))?, &seen));
        aucs[1].extend(auc(&popularity, &seen));
    }
    println!("{} known movies, ranked for {} new users; mean AUC:", log.items().len(), aucs[0].len());
    println!("    hybrid {:.3}, popularity {:.3}, chance 0.500", mean(&aucs[0]), mean(&aucs[1]));

    println!("For a new viewer, a programmer of 20 to 29:");
    for best in model.recommend_to_new_user(&[("programmer", 1.0), ("age 20", 1.0)], 5)? {
        println!("    {:.3} {}", best.score, movies.title(*log.items().id(best.index)).unwrap_or_default());
    }
    Ok(())
}

/// The age by tens and the occupation of each user.
fn people(path: &str) -> Result<Vec<(u32, Vec<String>)>> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, "read", error))?;
    let person = |line: &str| {
        let fields: Vec<&str> = line.split('|').collect();
        let age = fields.get(1)?.parse::<u32>().ok()? / 10 * 10;
        Some((fields[0].parse().ok()?, vec![format!("age {age}"), fields.get(3)?.to_string()]))
    };
    text.lines()
        .map(|line| person(line).ok_or_else(|| Error::format(path, "line", line, "id|age|gender|occupation")))
        .collect()
}

/// How often what was seen scores above what was not, ties half; none if there is only one of both.
fn auc(scores: &[f32], seen: &[bool]) -> Option<f64> {
    let split =
        |wanted| scores.iter().zip(seen).filter(move |(_, seen)| **seen == wanted).map(|(score, _)| *score);
    let pairs =
        split(true).flat_map(|a| split(false).map(move |b| f64::from(a > b) + 0.5 * f64::from(a == b)));
    let (sum, count) = pairs.fold((0.0, 0.0), |(sum, count), pair| (sum + pair, count + 1.0));
    (count > 0.0).then_some(sum / count)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
