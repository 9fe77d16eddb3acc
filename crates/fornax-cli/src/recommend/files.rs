//! `fornax recommend train|list|similar`: a model in a file, and what it says.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use fornax::data::files::write_target;
use fornax::{Error, Result};

use super::deep::DeviceOption;
use super::features::FeatureFiles;
use super::input::Input;
use super::models::{Fitting, Kind};
use super::settings::{Settings, table};
use super::stored::open;

#[derive(Args)]
#[command(after_help = table())]
pub(super) struct Train {
    #[command(flatten)]
    input: Input,
    /// The file to write.
    #[arg(long)]
    output: PathBuf,
    /// What is fitted.
    #[arg(long, value_enum, default_value = "ials")]
    model: Kind,
    /// Use the values of the log as weights; without it, every interaction counts as 1. To models of ratings they are
    /// ratings, with it or without.
    #[arg(long)]
    weighted: bool,
    #[command(flatten)]
    features: FeatureFiles,
    #[command(flatten)]
    device: DeviceOption,
    /// The seed of what the model draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
pub(super) struct List {
    /// The file of the model.
    file: PathBuf,
    /// Users, each of whom gets a list of what they do not have.
    #[arg(required_unless_present_any = ["history", "features"])]
    users: Vec<String>,
    /// In place of users: the items, with commas between, of someone whom the model does not know; from the oldest
    /// to the newest for sas-rec and markov-chain.
    #[arg(long, value_delimiter = ',', conflicts_with = "users")]
    history: Vec<String>,
    /// In place of users: the features, with commas between, of someone who is known by them alone, to a model with
    /// features of users; each a name, or a name, = and its weight beside the others.
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["users", "history"])]
    features: Vec<String>,
    /// Items of a list.
    #[arg(short, default_value = "10")]
    k: NonZeroUsize,
    /// Say with each item which of the user's items added most to its score.
    #[arg(long, conflicts_with_all = ["history", "features"])]
    explain: bool,
}

#[derive(Args)]
pub(super) struct Predict {
    /// The file of the model.
    file: PathBuf,
    /// The user.
    user: String,
    /// The items.
    #[arg(required = true)]
    items: Vec<String>,
}

#[derive(Args)]
pub(super) struct Alike {
    /// The file of the model.
    file: PathBuf,
    /// The item, or the user.
    id: String,
    /// Users in place of items, of a model with vectors of users.
    #[arg(long)]
    users: bool,
    /// Items, or users, of the list.
    #[arg(short, default_value = "10")]
    k: NonZeroUsize,
}

impl Train {
    pub(super) fn run(&self) -> Result<()> {
        self.model.settings(&self.settings)?;
        if self.weighted && !self.model.has_weights() {
            let wanted = format!("none: values do not count for {}", self.model);
            return Err(Error::argument("--weighted", "given", wanted));
        }
        if let Some(folder) =
            self.output.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())
        {
            return Err(Error::argument(
                "--output",
                self.output.display(),
                format!("a file in a folder that exists, not in {}", folder.display()),
            ));
        }
        let target = write_target(&self.output)?;
        let is_target = |source: &Path| match (source.canonicalize(), target.canonicalize()) {
            (Ok(source), Ok(target)) => source == target,
            _ => false,
        };
        if self.features.paths().chain([self.input.path()]).any(is_target) {
            let wanted = "another file than those that are read";
            return Err(Error::argument("--output", self.output.display(), wanted));
        }
        let device = self.device.of(&[self.model])?;
        let features = &self.features.read(&[self.model])?;
        let log = self.input.read_weights(self.weighted || self.model.rates())?;
        self.model.check(&self.settings, &log)?;
        features.check(&log)?;
        let clock = std::time::Instant::now();
        let how = Fitting { weighted: self.weighted, seed: self.seed, device, features };
        self.model.fit(&self.settings, &log, &how)?.save(&log, &self.output)?;
        let [users, items] = [log.users().len(), log.items().len()];
        let seconds = clock.elapsed().as_secs_f64();
        println!("{users} users, {items} items, {} interactions, {seconds:.1} s", log.len());
        Ok(())
    }
}

impl List {
    pub(super) fn run(&self) -> Result<()> {
        let model = open(&self.file)?;
        if !self.history.is_empty() {
            print(model.recommend_from(&self.history, self.k.get())?);
        }
        if !self.features.is_empty() {
            print(model.recommend_by_features(&self.features, self.k.get())?);
        }
        for user in &self.users {
            for (item, score) in model.recommend(user, self.k.get())? {
                let mut line = format!("{user}\t{item}\t{score:.4}");
                if self.explain {
                    let reasons = model.explain(user, item)?.into_iter().take(3);
                    let reasons = reasons.map(|(item, share)| format!("{item} {share:+.4}"));
                    line += &format!("\tbecause of {}", reasons.collect::<Vec<_>>().join(", "));
                }
                println!("{line}");
            }
        }
        Ok(())
    }
}

impl Predict {
    pub(super) fn run(&self) -> Result<()> {
        let model = open(&self.file)?;
        for item in &self.items {
            println!("{}\t{item}\t{:.4}", self.user, model.predict(&self.user, item)?);
        }
        Ok(())
    }
}

impl Alike {
    pub(super) fn run(&self) -> Result<()> {
        let model = open(&self.file)?;
        print(match self.users {
            true => model.similar_users(&self.id, self.k.get())?,
            false => model.similar_items(&self.id, self.k.get())?,
        });
        Ok(())
    }
}

fn print(list: Vec<(&String, f32)>) {
    list.into_iter().for_each(|(id, score)| println!("{id}\t{score:.4}"));
}
