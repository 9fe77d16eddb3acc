//! Ranks each user's last film of MovieLens 1M among 99 others, as the paper on neural collaborative filtering does:
//! `cargo run --release --example collaborative_filtering -- data`, with `ml-1m` and `ncf-ml-1m` in the folder `data`.
//!
//! Such figures are much higher than those over all films and do not compare with them. Lists and split: X. He et al.,
//! *Neural Collaborative Filtering*, WWW 2017.
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use fornax::data::files;
use fornax::prelude::*;
use fornax::recommend::{Delimited, Index, NeuMf, SparseMatrix, Split, TwoTower, UserItems};

fn text(path: &Path) -> fornax::Result<String> {
    let mut text = String::new();
    files::open(path)?.read_to_string(&mut text).map_err(|error| files::read_error(path, error))?;
    Ok(text)
}

/// Ids of the lists are those of films in the order in which they first come, in a file that lacks the last users: films
/// that it does not have come behind, in any order.
fn film_numbers(folder: &Path, all: &Interactions<u32, u32>) -> fornax::Result<HashMap<u32, u32>> {
    let mut numbers = HashMap::new();
    for line in text(&folder.join("ratings_users1-2999.dat.gz"))?.lines() {
        let film = line.split("::").nth(1).and_then(|film| film.parse().ok());
        if let Some(film) = film {
            let next = numbers.len() as u32;
            numbers.entry(film).or_insert(next);
        }
    }
    for &film in all.items().as_slice() {
        let next = numbers.len() as u32;
        numbers.entry(film).or_insert(next);
    }
    Ok(numbers)
}

fn main() -> fornax::Result<()> {
    let data = std::env::args().nth(1).unwrap_or_else(|| "data".into());
    let (ratings, lists) = (Path::new(&data).join("ml-1m"), Path::new(&data).join("ncf-ml-1m"));
    let schema = Delimited::separated_by(" ").user(0).item(1).value(2);
    let all = schema.read::<u32, u32>(ratings.join("ratings_all_no_timestamp.dat.gz"), Duplicates::Error)?;
    let numbers = film_numbers(&ratings, &all)?;
    let log = all.events().map(|event| (event.user, numbers[&event.item]));
    let log = Interactions::from_events(log, Duplicates::Error)?;

    // Users of the lists are numbered from 0, those of MovieLens from 1.
    let schema = Delimited::tsv().user(0).item(1);
    let test = schema.read::<u32, u32>(lists.join("ml-1m.test.rating"), Duplicates::Error)?;
    let test: HashSet<(u32, u32)> = test.events().map(|event| (event.user + 1, event.item)).collect();
    let split = log.split_by(|user, item, _, _| test.contains(&(*user, *item)))?;
    let candidates = candidates(&text(&lists.join("ml-1m.test.negative.gz"))?, &split)?;
    println!("{} interactions to learn from, {} held out", split.train.len(), split.test.len());

    let evaluation = Evaluation::at(10).among(candidates);
    let show = |name: &str, started: Instant, model: &dyn Score| -> fornax::Result<()> {
        let seconds = started.elapsed().as_secs_f64();
        let report = evaluation.run(model, &split)?;
        let [hits, ndcg] = [RankingMetric::HitRate, RankingMetric::Ndcg].map(|metric| report.mean(metric));
        println!("{name:<12} HR@10 {hits:.4} nDCG@10 {ndcg:.4}, fitted in {seconds:.1} s");
        Ok(())
    };
    let clock = Instant::now();
    show("popularity", clock, &Popularity::new().fit(&split.train)?)?;
    let clock = Instant::now();
    show("PureSVD", clock, &PureSvd::new(60).fit(&split.train)?)?;
    let clock = Instant::now();
    show("two towers", clock, &TwoTower::new(64).epochs(15).fit(&split.train)?)?;
    let clock = Instant::now();
    show("NeuMF", clock, &NeuMf::new(32).epochs(12).batch_size(1024).fit(&split.train)?)
}

/// Lines of a user, the film that is held out, and 99 others.
fn candidates(text: &str, split: &Split<u32, u32>) -> fornax::Result<UserItems> {
    let [users, items] = [split.train.users().len(), split.train.items().len()];
    let mut entries = vec![];
    for line in text.lines() {
        let mut fields = line.split('\t');
        let user = fields
            .next()
            .and_then(|pair| pair.trim_start_matches('(').split(',').next()?.parse::<u32>().ok());
        let Some(user) = user.and_then(|user| split.train.users().get(&(user + 1))) else { continue };
        for item in fields.filter_map(|item| split.train.items().get(&item.parse::<u32>().ok()?)) {
            entries.push((user.get() as u32, item.get() as u32, 1.0));
        }
    }
    SparseMatrix::from_entries(users, items, entries)
}
