//! Features of users and items in files.

use std::path::{Path, PathBuf};

use clap::Args;
use fornax::recommend::{Features, ItemIndex, UserIndex, features};
use fornax::{Error, Result};

use super::Log;
use super::models::Kind;
use super::settings::Settings;

/// Where features are.
#[derive(Args)]
pub(super) struct FeatureFiles {
    /// Features of users, for warp and two-tower: a file with a line `user,feature` or `user,feature,weight` for each.
    /// The weights of a user, and 1 for being that user, are divided by their sum. The regularization of warp is then
    /// 0.01 where it is not given.
    #[arg(long, value_name = "FILE")]
    user_features: Option<PathBuf>,
    /// Features of items, likewise.
    #[arg(long, value_name = "FILE")]
    item_features: Option<PathBuf>,
}

/// A user or item, a feature and its weight, for each.
type Weights = Vec<(String, String, f32)>;

/// What the files hold.
#[derive(Default)]
pub(super) struct NamedFeatures {
    users: Option<Weights>,
    items: Option<Weights>,
}

impl FeatureFiles {
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.user_features, &self.item_features].into_iter().flatten().map(PathBuf::as_path)
    }

    /// Reads them, if one of the models has features.
    pub(super) fn read(&self, models: &[Kind]) -> Result<NamedFeatures> {
        let given = [("--user-features", &self.user_features), ("--item-features", &self.item_features)];
        if let Some((option, file)) =
            given.into_iter().find_map(|(option, file)| Some((option, file.as_ref()?)))
            && !models.iter().any(|model| model.has_features())
        {
            return Err(Error::argument(
                option,
                file.display(),
                "none: features count for warp and two-tower",
            ));
        }
        let read = |file: &Option<PathBuf>| file.as_ref().map(features).transpose();
        Ok(NamedFeatures { users: read(&self.user_features)?, items: read(&self.item_features)? })
    }
}

impl NamedFeatures {
    /// The settings of a model whose defaults are others with features: vectors that many share are in many steps.
    pub(super) fn defaults(&self, kind: Kind) -> Settings {
        let given = self.users.is_some() || self.items.is_some();
        let regularization = (given && kind == Kind::Warp).then_some(0.01);
        Settings { regularization, ..Settings::default() }
    }

    /// Those of the users and items of a log.
    pub(super) fn of(&self, log: &Log) -> Result<(Option<Features<UserIndex>>, Option<Features<ItemIndex>>)> {
        let users = self.users.clone().map(|weights| Features::of_known(log.users(), weights)).transpose();
        let items = self.items.clone().map(|weights| Features::of_known(log.items(), weights)).transpose();
        let users = users.map_err(|error| error.within("--user-features"))?;
        let items = items.map_err(|error| error.within("--item-features"))?;
        Ok((users.map(|known| known.0.normalized()), items.map(|known| known.0.normalized())))
    }

    /// That they are features of the users and items of a log; prints how many are of others.
    pub(super) fn check(&self, log: &Log) -> Result<()> {
        self.of(log)?;
        let users = self.users.iter().flatten().filter(|(id, ..)| log.users().get(id).is_none()).count();
        let items = self.items.iter().flatten().filter(|(id, ..)| log.items().get(id).is_none()).count();
        for (side, unknown) in [("users", users), ("items", items)] {
            if unknown > 0 {
                println!("{unknown} features of {side} that the log does not know, left out");
            }
        }
        Ok(())
    }
}
