//! `fornax recommend train|list|similar`: a model in a file, and what it says.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use fornax::prelude::*;
use fornax::recommend::{
    Bpr, BprModel, EaseModel, IalsModel, LightFmModel, LogisticMf, LogisticMfModel, PopularityModel,
    PureSvdModel, Recommender, StoredModel, stored_kind,
};
use fornax::{Error, Result};

use super::{Input, Log};

#[derive(Args)]
pub(super) struct Train {
    #[command(flatten)]
    input: Input,
    /// The file to write.
    #[arg(long)]
    output: PathBuf,
    /// What is fitted.
    #[arg(long, value_enum, default_value = "ials")]
    model: Kind,
    /// Use the values of the log as weights; without it, every interaction counts as 1.
    #[arg(long)]
    weighted: bool,
    /// The factors of PureSVD and iALS (default 32), of BPR (default 100), of WARP (default 64) or of logistic MF (default 30).
    #[arg(long)]
    factors: Option<usize>,
    /// How much more an interaction of value 1 counts than an unknown pair in iALS and logistic MF.
    #[arg(long, default_value_t = 4.0)]
    alpha: f32,
    /// The regularization of iALS and logistic MF (default 30), of EASE (default 500), of BPR (default 0.02) or of WARP (default 0.6).
    #[arg(long)]
    regularization: Option<f64>,
    /// The learning rate of BPR (default 0.02) or of WARP (default 0.05).
    #[arg(long)]
    learning_rate: Option<f32>,
    /// The iterations of BPR (default 300) or of WARP (default 50).
    #[arg(long)]
    iterations: Option<usize>,
    /// The seed of what the model draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Popularity,
    PureSvd,
    Bpr,
    /// LightFM under WARP.
    Warp,
    LogisticMf,
    Ials,
    Ease,
}

#[derive(Args)]
pub(super) struct List {
    /// The file of the model.
    file: PathBuf,
    /// Users, each of whom gets a list of what they do not have.
    #[arg(required_unless_present = "history")]
    users: Vec<String>,
    /// In place of users: the items, with commas between, of someone whom the model does not know.
    #[arg(long, value_delimiter = ',', conflicts_with = "users")]
    history: Vec<String>,
    /// Items of a list.
    #[arg(short, default_value_t = 10)]
    k: usize,
    /// Say with each item which of the user's items added most to its score.
    #[arg(long, conflicts_with = "history")]
    explain: bool,
}

#[derive(Args)]
pub(super) struct Alike {
    /// The file of the model.
    file: PathBuf,
    /// The item, or the user.
    id: String,
    /// Users in place of items, of a model with vectors: pure-svd, bpr, ials.
    #[arg(long)]
    users: bool,
    /// Items, or users, of the list.
    #[arg(short, default_value_t = 10)]
    k: usize,
}

impl Train {
    pub(super) fn run(&self) -> Result<()> {
        let mut log = self.input.read()?;
        if !self.weighted {
            log = log.map_values(|_| 1.0)?;
        }
        let clock = std::time::Instant::now();
        match self.model {
            Kind::Popularity => self.save(Popularity::new().by_value(self.weighted).fit(&log)?, &log)?,
            Kind::PureSvd => {
                self.save(PureSvd::new(self.factors.unwrap_or(32)).seed(self.seed).fit(&log)?, &log)?
            }
            Kind::Bpr => {
                let settings = Bpr::new(self.factors.unwrap_or(100));
                let settings = settings.learning_rate(self.learning_rate.unwrap_or(0.02));
                let settings = settings.regularization(self.regularization.unwrap_or(0.02) as f32);
                let settings = settings.iterations(self.iterations.unwrap_or(300)).seed(self.seed);
                self.save(settings.fit(&log)?, &log)?;
            }
            Kind::Warp => {
                let regularization = self.regularization.unwrap_or(0.6) as f32;
                let settings = LightFm::new(self.factors.unwrap_or(64));
                let settings = settings.learning_rate(self.learning_rate.unwrap_or(0.05));
                let settings = settings.user_regularization(regularization);
                let settings = settings.item_regularization(regularization);
                let settings = settings.iterations(self.iterations.unwrap_or(50)).seed(self.seed);
                self.save(settings.max_sampled(50).fit(&log)?, &log)?;
            }
            Kind::LogisticMf => {
                let settings = LogisticMf::new(self.factors.unwrap_or(30)).alpha(self.alpha).seed(self.seed);
                let settings = settings.iterations(40).negative_samples(100);
                let settings = settings.regularization(self.regularization.unwrap_or(30.0) as f32);
                self.save(settings.fit(&log)?, &log)?;
            }
            Kind::Ials => {
                let settings = Ials::new(self.factors.unwrap_or(32)).alpha(self.alpha).seed(self.seed);
                let regularization = self.regularization.unwrap_or(30.0) as f32;
                self.save(settings.regularization(regularization).fit(&log)?, &log)?;
            }
            Kind::Ease => {
                let settings = Ease::new().binary(!self.weighted);
                let regularization = self.regularization.unwrap_or(500.0);
                self.save(settings.regularization(regularization).fit(&log)?, &log)?;
            }
        }
        let [users, items] = [log.users().len(), log.items().len()];
        let seconds = clock.elapsed().as_secs_f64();
        println!("{users} users, {items} items, {} interactions, {seconds:.1} s", log.len());
        Ok(())
    }

    fn save<M: StoredModel>(&self, model: M, log: &Log) -> Result<()> {
        Recommender::new(model, log)?.save(&self.output)
    }
}

/// What a file is asked.
enum Question<'a> {
    List(&'a List),
    Alike(&'a Alike),
}

impl List {
    /// Lists of users who are known, without reasons.
    fn is_plain(&self) -> bool {
        self.history.is_empty() && !self.explain
    }

    pub(super) fn run(&self) -> Result<()> {
        ask(&self.file, Question::List(self))
    }
}

impl Alike {
    pub(super) fn run(&self) -> Result<()> {
        ask(&self.file, Question::Alike(self))
    }
}

fn ask(file: &Path, question: Question) -> Result<()> {
    let kind = stored_kind(file)?;
    let unfit = |wanted| Err(Error::argument("model", &kind, wanted));
    match (kind.as_str(), question) {
        (PureSvdModel::KIND, Question::Alike(alike)) if alike.users => {
            similar_users::<PureSvdModel>(file, alike)
        }
        (IalsModel::KIND, Question::Alike(alike)) if alike.users => similar_users::<IalsModel>(file, alike),
        (BprModel::KIND, Question::Alike(alike)) if alike.users => similar_users::<BprModel>(file, alike),
        (EaseModel::KIND | PopularityModel::KIND, Question::Alike(alike)) if alike.users => {
            unfit("one that has vectors of users: ials, bpr or pure-svd")
        }
        (PureSvdModel::KIND, question) => answer::<PureSvdModel>(file, question),
        (IalsModel::KIND, question) => answer::<IalsModel>(file, question),
        (EaseModel::KIND, question) => answer::<EaseModel>(file, question),
        (BprModel::KIND, Question::Alike(alike)) => similar::<BprModel>(file, alike),
        (BprModel::KIND, Question::List(list)) if list.is_plain() => plain_lists::<BprModel>(file, list),
        (LightFmModel::KIND, Question::Alike(alike)) => similar::<LightFmModel>(file, alike),
        (LightFmModel::KIND, Question::List(list)) if list.is_plain() => {
            plain_lists::<LightFmModel>(file, list)
        }
        (LogisticMfModel::KIND, Question::Alike(alike)) => similar::<LogisticMfModel>(file, alike),
        (LogisticMfModel::KIND, Question::List(list)) if list.is_plain() => {
            plain_lists::<LogisticMfModel>(file, list)
        }
        (PopularityModel::KIND, Question::List(list)) if list.is_plain() => {
            plain_lists::<PopularityModel>(file, list)
        }
        (BprModel::KIND | LightFmModel::KIND | LogisticMfModel::KIND, _) => {
            unfit("one that takes a history: ials, ease or pure-svd")
        }
        (PopularityModel::KIND, _) => unfit("one that knows which items go together"),
        _ => Err(Error::format(file, "model", &kind, "a model that this command can ask")),
    }
}

fn answer<M>(file: &Path, question: Question) -> Result<()>
where
    M: StoredModel + FoldIn + Similar + Explain,
{
    match question {
        Question::Alike(alike) => similar::<M>(file, alike),
        Question::List(list) if list.is_plain() => plain_lists::<M>(file, list),
        Question::List(list) if !list.history.is_empty() => {
            let history: Vec<(&str, f32)> = list.history.iter().map(|item| (item.as_str(), 1.0)).collect();
            let recommender = Recommender::<M>::load(file)?;
            print_items(recommender.recommend_from(&history, list.k)?);
            Ok(())
        }
        Question::List(list) => {
            let recommender = Recommender::<M>::load(file)?;
            lists(&recommender, list, |user, item| {
                let reasons = recommender.explain(user, item)?;
                let named = reasons.iter().take(3).map(|(item, share)| format!("{item} {share:+.4}"));
                Ok(format!("\tbecause of {}", named.collect::<Vec<_>>().join(", ")))
            })
        }
    }
}

fn similar<M: StoredModel + Similar>(file: &Path, alike: &Alike) -> Result<()> {
    print_items(Recommender::<M>::load(file)?.similar_items(alike.id.as_str(), alike.k)?);
    Ok(())
}

fn similar_users<M: StoredModel + SimilarUsers>(file: &Path, alike: &Alike) -> Result<()> {
    print_items(Recommender::<M>::load(file)?.similar_users(alike.id.as_str(), alike.k)?);
    Ok(())
}

fn print_items(items: Vec<(&String, f32)>) {
    items.into_iter().for_each(|(item, score)| println!("{item}\t{score:.4}"));
}

fn plain_lists<M: StoredModel>(file: &Path, list: &List) -> Result<()> {
    lists(&Recommender::<M>::load(file)?, list, |_, _| Ok(String::new()))
}

fn lists<M: StoredModel>(
    recommender: &Recommender<M>,
    list: &List,
    reasons: impl Fn(&str, &str) -> Result<String>,
) -> Result<()> {
    for user in &list.users {
        for (item, score) in recommender.recommend(user.as_str(), list.k)? {
            println!("{user}\t{item}\t{score:.4}{}", reasons(user, item)?);
        }
    }
    Ok(())
}
