//! Two towers with what is known of products: `cargo run --release --example two_tower -- data/amazon-beauty`.
//!
//! The reviews of beauty products at Amazon, as S3-Rec has them (K. Zhou et al., CIKM 2020): each user's last product is
//! held out and ranked among all that the user does not have, by towers that know each product by itself, by its attributes
//! as well, and by its attributes alone. A tenth of the products is then taken out of the training, to be known by
//! attributes alone.
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Read;
use std::path::Path;

use fornax::data::files;
use fornax::prelude::*;
use fornax::recommend::{Features, Index, ItemIndex, TwoTower, UserIndex, sequences};

fn main() -> fornax::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "data/amazon-beauty".into());
    let log = sequences::<u32, u32>(Path::new(&folder).join("Beauty.txt.gz"), Duplicates::Last)?;
    let attributes = attributes(&Path::new(&folder).join("Beauty_item2attributes.json"))?;
    let named = |products: &[u32]| -> Vec<(u32, String, f32)> {
        let each = products.iter().filter_map(|id| attributes.get(id).map(|list| (*id, list)));
        each.flat_map(|(id, list)| list.iter().map(move |attribute| (id, attribute.to_string(), 1.0)))
            .collect()
    };

    let split = log.split_last(1)?;
    let known = Features::new(split.train.items(), named(split.train.items().as_slice()))?.normalized();
    let towers = TwoTower::new(64).epochs(20).batch_size(1024);
    let kinds =
        [("products", None), ("both", Some(known.clone())), ("attributes", Some(known.without_identity()))];
    for (name, features) in kinds {
        let model = towers.fit_with::<Cpu>(&split.train, None, features.as_ref(), Default::default())?;
        let report = Evaluation::at(10).run(&model, &split)?;
        let [hits, ndcg] = [RankingMetric::HitRate, RankingMetric::Ndcg].map(|metric| report.mean(metric));
        println!("{name:<12} HR@10 {hits:.4} nDCG@10 {ndcg:.4}");
    }

    // Every tenth product is new.
    let new: Vec<u32> = log.items().as_slice().iter().copied().filter(|id| id % 10 == 0).collect();
    let held_out: HashSet<u32> = new.iter().copied().collect();
    let split = log.split_by(|_, product, _, _| held_out.contains(product))?;
    let items = split.train.items();
    let known = Features::new(items, named(items.as_slice()))?.without_identity().normalized();
    let rows: Vec<Vec<(String, f32)>> = new
        .iter()
        .map(|id| {
            let names = attributes.get(id).into_iter().flatten().map(u32::to_string);
            names.filter(|name| known.names().get(name.as_str()).is_some()).map(|name| (name, 1.0)).collect()
        })
        .collect();
    // What has no known attribute cannot be told from anything.
    let (new, rows): (Vec<u32>, Vec<_>) =
        new.into_iter().zip(rows).filter(|(_, row)| !row.is_empty()).unzip();
    let model = towers.fit_with::<Cpu>(&split.train, None, Some(&known), Default::default())?;
    let model = model.with_new_items(&rows)?;
    let places: BTreeMap<u32, usize> =
        new.iter().zip(items.len()..).map(|(&id, place)| (id, place)).collect();
    let (mut hits, mut users, mut bought) = (0, 0, BTreeMap::<u32, Vec<usize>>::new());
    for event in split.test.cold_items() {
        if let (Some(user), Some(&place)) = (split.train.users().get(&event.user), places.get(&event.item)) {
            bought.entry(user.get() as u32).or_default().push(place);
        }
    }
    let only_new = Filter::none().allow(places.values().map(|&place| ItemIndex::new(place as u32)));
    for (&user, wanted) in &bought {
        let list = model.recommend(UserIndex::new(user), 10, &only_new)?;
        users += 1;
        hits += usize::from(list.iter().any(|best| wanted.contains(&best.index.get())));
    }
    let (found, chance) = (hits as f64 / users as f64, 10.0 / new.len() as f64);
    println!(
        "{} new products, {users} users: HR@10 {found:.4} among them, {chance:.4} by chance for one",
        new.len()
    );
    Ok(())
}

/// The attributes of each product, each once.
fn attributes(path: &Path) -> fornax::Result<BTreeMap<u32, Vec<u32>>> {
    let mut text = String::new();
    files::open(path)?.read_to_string(&mut text).map_err(|error| files::read_error(path, error))?;
    let lists: BTreeMap<u32, BTreeSet<u32>> = serde_json::from_str(&text)
        .map_err(|error| fornax::Error::format(path, "JSON", error, "lists by product"))?;
    Ok(lists.into_iter().map(|(product, list)| (product, list.into_iter().collect())).collect())
}
