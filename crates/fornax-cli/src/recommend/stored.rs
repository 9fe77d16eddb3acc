//! Models in files, of any kind, and what each can be asked.

use std::collections::HashSet;
use std::path::Path;

use fornax::core::Cpu;
use fornax::prelude::*;
use fornax::recommend::{
    AlsModel, BaselineModel, BprModel, CoClusteringModel, ColdStart, EaseModel, FunkSvdModel, IalsModel,
    LightFmModel, LogisticMfModel, MarkovChainModel, NeighboursModel, NeuMfModel, NmfModel, PopularityModel,
    Predict, PureSvdModel, Recommender, SasRecModel, SlopeOneModel, Split, StoredModel, SvdPlusPlusModel,
    TwoTowerModel, stored_kind,
};
use fornax::{Error, Result};

use super::Log;

/// Ids, the best first, with their scores.
type List<'a> = Vec<(&'a String, f32)>;

/// A model in a file.
pub(super) trait Stored {
    fn kind(&self) -> &'static str;

    /// The model by the numbers of users and items.
    fn scores(&self) -> &dyn Score;

    fn has(&self, user: &str, item: &str) -> bool;

    /// What the model was fitted on, and what was held out.
    fn split(&self, held_out: &Log) -> Result<Split>;

    /// Items for a user.
    fn recommend(&self, user: &str, count: usize) -> Result<List<'_>>;

    /// Items for someone who has these.
    fn recommend_from(&self, history: &[String], count: usize) -> Result<List<'_>>;

    /// Items for someone who has these features.
    fn recommend_by_features(&self, features: &[String], count: usize) -> Result<List<'_>>;

    /// The model as one of ratings, if it is.
    fn ratings(&self) -> Option<&dyn Predict>;

    /// The rating of a user for an item.
    fn predict(&self, user: &str, item: &str) -> Result<f32>;

    fn similar_items(&self, item: &str, count: usize) -> Result<List<'_>>;

    fn similar_users(&self, user: &str, count: usize) -> Result<List<'_>>;

    /// What each of a user's items adds to the score of one.
    fn explain(&self, user: &str, item: &str) -> Result<List<'_>>;
}

/// The model of a file.
pub(super) fn open(file: &Path) -> Result<Box<dyn Stored>> {
    let kind = stored_kind(file)?;
    Ok(match kind.as_str() {
        PopularityModel::KIND => Box::new(Asked::<PopularityModel>::open(file)?),
        NeuMfModel::KIND => Box::new(Asked::<NeuMfModel>::open(file)?),
        MarkovChainModel::KIND => Box::new(Asked::<MarkovChainModel>::open(file)?.follows()),
        LightFmModel::KIND => {
            Box::new(Asked::<LightFmModel>::open(file)?.knows_items().knows_users().knows_features())
        }
        BprModel::KIND => Box::new(Asked::<BprModel>::open(file)?.knows_items().knows_users()),
        LogisticMfModel::KIND => Box::new(Asked::<LogisticMfModel>::open(file)?.knows_items().knows_users()),
        TwoTowerModel::KIND => {
            Box::new(Asked::<TwoTowerModel>::open(file)?.knows_items().knows_users().knows_features())
        }
        SasRecModel::<Cpu>::KIND => {
            Box::new(Asked::<SasRecModel<Cpu>>::open(file)?.knows_items().knows_users().follows())
        }
        EaseModel::KIND => Box::new(Asked::<EaseModel>::open(file)?.knows_items().folds_in().explains()),
        PureSvdModel::KIND => {
            Box::new(Asked::<PureSvdModel>::open(file)?.knows_items().knows_users().folds_in().explains())
        }
        IalsModel::KIND => {
            Box::new(Asked::<IalsModel>::open(file)?.knows_items().knows_users().folds_in().explains())
        }
        BaselineModel::KIND => Box::new(Asked::<BaselineModel>::open(file)?.rates()),
        SlopeOneModel::KIND => Box::new(Asked::<SlopeOneModel>::open(file)?.rates()),
        NeighboursModel::KIND => Box::new(Asked::<NeighboursModel>::open(file)?.rates()),
        CoClusteringModel::KIND => Box::new(Asked::<CoClusteringModel>::open(file)?.rates()),
        NmfModel::KIND => Box::new(Asked::<NmfModel>::open(file)?.knows_items().knows_users().rates()),
        AlsModel::KIND => Box::new(Asked::<AlsModel>::open(file)?.knows_items().knows_users().rates()),
        FunkSvdModel::KIND => {
            Box::new(Asked::<FunkSvdModel>::open(file)?.knows_items().knows_users().rates())
        }
        SvdPlusPlusModel::KIND => {
            Box::new(Asked::<SvdPlusPlusModel>::open(file)?.knows_items().knows_users().rates())
        }
        _ => return Err(Error::format(file, "model", &kind, "a model that this command can ask")),
    })
}

/// The name of a feature, or a name and behind `=` its weight, where the whole is not known as a name.
fn weighted(text: &str, known: impl Fn(&str) -> bool) -> (&str, f32) {
    let apart = text.rsplit_once('=').and_then(|(name, weight)| Some((name, weight.parse().ok()?)));
    match apart {
        Some(apart) if !known(text) => apart,
        _ => (text, 1.0),
    }
}

/// A recommender and those of its questions that not every model can be asked.
struct Asked<M> {
    recommender: Recommender<M>,
    /// Whether a history is a sequence, in which an item may come again.
    ordered: bool,
    history: Option<for<'a> fn(&'a Recommender<M>, &[(&str, f32)], usize) -> Result<List<'a>>>,
    items: Option<for<'a> fn(&'a Recommender<M>, &str, usize) -> Result<List<'a>>>,
    users: Option<for<'a> fn(&'a Recommender<M>, &str, usize) -> Result<List<'a>>>,
    reasons: Option<for<'a> fn(&'a Recommender<M>, &str, &str) -> Result<List<'a>>>,
    features: Option<for<'a> fn(&'a Recommender<M>, &[String], usize) -> Result<List<'a>>>,
    ratings: Option<fn(&M) -> &dyn Predict>,
    rating: Option<fn(&Recommender<M>, &str, &str) -> Result<f32>>,
}

impl<M: StoredModel> Asked<M> {
    fn open(file: &Path) -> Result<Self> {
        Ok(Self {
            recommender: Recommender::load(file)?,
            ordered: false,
            history: None,
            items: None,
            users: None,
            reasons: None,
            features: None,
            ratings: None,
            rating: None,
        })
    }

    fn rates(self) -> Self
    where
        M: Predict,
    {
        let rating = Some(Recommender::predict as fn(&Recommender<M>, &str, &str) -> _);
        Self { ratings: Some(|model| model), rating, ..self }
    }

    fn knows_features(self) -> Self
    where
        M: ColdStart,
    {
        Self {
            features: Some(|model, features, count| {
                let known = |name: &str| model.model().user_from_features(&[(name, 1.0)]).is_ok();
                let features: Vec<_> = features.iter().map(|text| weighted(text, known)).collect();
                model.recommend_to_new_user(&features, count)
            }),
            ..self
        }
    }

    fn folds_in(self) -> Self
    where
        M: FoldIn,
    {
        Self { history: Some(|model, history, count| model.recommend_from(history, count)), ..self }
    }

    fn follows(self) -> Self
    where
        M: FoldIn,
    {
        Self { ordered: true, ..self.folds_in() }
    }

    fn knows_items(self) -> Self
    where
        M: Similar,
    {
        Self { items: Some(|model, item, count| model.similar_items(item, count)), ..self }
    }

    fn knows_users(self) -> Self
    where
        M: SimilarUsers,
    {
        Self { users: Some(|model, user, count| model.similar_users(user, count)), ..self }
    }

    fn explains(self) -> Self
    where
        M: Explain,
    {
        Self { reasons: Some(|model, user, item| model.explain(user, item)), ..self }
    }

    fn unfit(wanted: &str) -> Error {
        Error::argument("model", M::KIND, wanted)
    }
}

impl<M: StoredModel> Stored for Asked<M> {
    fn kind(&self) -> &'static str {
        M::KIND
    }

    fn scores(&self) -> &dyn Score {
        self.recommender.model()
    }

    fn has(&self, user: &str, item: &str) -> bool {
        self.recommender.has(user, item)
    }

    fn split(&self, held_out: &Log) -> Result<Split> {
        self.recommender.split(held_out)
    }

    fn recommend(&self, user: &str, count: usize) -> Result<List<'_>> {
        self.recommender.recommend(user, count)
    }

    fn recommend_from(&self, history: &[String], count: usize) -> Result<List<'_>> {
        let wanted = "one that takes a history: pure-svd, ials, ease, sas-rec or markov-chain";
        let ask = self.history.ok_or_else(|| Self::unfit(wanted))?;
        let mut before = HashSet::new();
        if !self.ordered
            && let Some(item) = history.iter().find(|item| !before.insert(*item))
        {
            return Err(Error::argument("--history", format!("{item} twice"), "every item once"));
        }
        let history: Vec<_> = history.iter().map(|item| (item.as_str(), 1.0)).collect();
        ask(&self.recommender, &history, count)
    }

    fn recommend_by_features(&self, features: &[String], count: usize) -> Result<List<'_>> {
        let wanted = "one that knows features: warp (light-fm) or two-tower";
        self.features.ok_or_else(|| Self::unfit(wanted))?(&self.recommender, features, count)
    }

    fn ratings(&self) -> Option<&dyn Predict> {
        self.ratings.map(|of| of(self.recommender.model()))
    }

    fn predict(&self, user: &str, item: &str) -> Result<f32> {
        let wanted = "one of ratings, as funk-svd or knn";
        self.rating.ok_or_else(|| Self::unfit(wanted))?(&self.recommender, user, item)
    }

    fn similar_items(&self, item: &str, count: usize) -> Result<List<'_>> {
        let wanted = "one with vectors of items, or weights between them: pure-svd, bpr, warp, logistic-mf, ials, \
                      ease, two-tower, sas-rec, funk-svd, svd++, als or nmf";
        self.items.ok_or_else(|| Self::unfit(wanted))?(&self.recommender, item, count)
    }

    fn similar_users(&self, user: &str, count: usize) -> Result<List<'_>> {
        let wanted = "one that has vectors of users: pure-svd, bpr, warp, logistic-mf, ials, two-tower, sas-rec, \
                      funk-svd, svd++, als or nmf";
        self.users.ok_or_else(|| Self::unfit(wanted))?(&self.recommender, user, count)
    }

    fn explain(&self, user: &str, item: &str) -> Result<List<'_>> {
        let wanted = "one that says what made a score: pure-svd, ials or ease";
        self.reasons.ok_or_else(|| Self::unfit(wanted))?(&self.recommender, user, item)
    }
}
