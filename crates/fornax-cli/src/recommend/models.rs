//! The models that commands fit: their names, and one way to fit each.

use std::fmt::{self, Display};
use std::path::Path;

use clap::ValueEnum;
use fornax::device::DeviceName;
use fornax::prelude::*;
use fornax::recommend::{
    Als, Baseline, Centering, CoClustering, FunkSvd, LogisticMf, MarkovChain, Neighbours, Nmf, Predict,
    Recommender, SlopeOne, StoredModel, SvdPlusPlus,
};
use fornax::{Error, Result};

use super::deep::Deep;
use super::features::NamedFeatures;
use super::settings::Settings;
use super::{Log, check_times};

/// What can be fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// How many users have an item.
    Popularity,
    /// Truncated SVD.
    PureSvd,
    /// Factors that rank what a user has above what they do not have.
    Bpr,
    /// LightFM under WARP.
    Warp,
    /// Logistic matrix factorization.
    LogisticMf,
    /// Implicit alternating least squares.
    Ials,
    /// Weights between items in closed form.
    Ease,
    /// Neural matrix factorization; slow.
    NeuMf,
    /// A vector of each user and of each item under a sampled softmax; slow.
    TwoTower,
    /// A Transformer over each user's last items; slow, and needs times.
    SasRec,
    /// What most often comes behind a user's last item; needs times.
    MarkovChain,
    /// Of ratings, as all below: their mean, and what each user and item departs from it.
    Baseline,
    /// Biases and vectors by gradient descent, which Surprise calls SVD.
    FunkSvd,
    /// The same with what someone rated at all.
    #[value(name = "svd++")]
    SvdPlusPlus,
    /// Biases and vectors by alternating least squares.
    Als,
    /// Vectors that are not negative.
    Nmf,
    /// How much better one item is rated than another, on average.
    SlopeOne,
    /// The ratings of similar users or items.
    Knn,
    /// The same, counted from their means.
    KnnMeans,
    /// The same, counted from the baseline.
    KnnBaseline,
    /// Groups of users and of items.
    CoClustering,
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_possible_value().expect("no model is hidden").get_name())
    }
}

/// A fitted model of any kind.
pub(super) trait Fitted: Score {
    /// Writes it to a file, with the ids of the log that it was fitted on.
    fn save(self: Box<Self>, log: &Log, path: &Path) -> Result<()>;
}

impl<M: StoredModel> Fitted for M {
    fn save(self: Box<Self>, log: &Log, path: &Path) -> Result<()> {
        Recommender::new(*self, log)?.save(path)
    }
}

/// A fitted model of ratings.
pub(super) trait FittedRatings: Fitted + Predict {}

impl<M: StoredModel + Predict> FittedRatings for M {}

/// How models are fitted, whichever they are.
pub(super) struct Fitting<'a> {
    /// Whether values of the log are weights; else all are 1.
    pub(super) weighted: bool,
    pub(super) seed: u64,
    /// What deep models are trained on.
    pub(super) device: DeviceName,
    /// Of the models that have such.
    pub(super) features: &'a NamedFeatures,
}

/// What models have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Ranking,
    /// Trained on a device.
    Deep,
    Ratings,
}

impl Kind {
    fn family(self) -> Family {
        match self {
            Self::Popularity
            | Self::PureSvd
            | Self::Bpr
            | Self::Warp
            | Self::LogisticMf
            | Self::Ials
            | Self::Ease
            | Self::MarkovChain => Family::Ranking,
            Self::NeuMf | Self::TwoTower | Self::SasRec => Family::Deep,
            Self::Baseline
            | Self::FunkSvd
            | Self::SvdPlusPlus
            | Self::Als
            | Self::Nmf
            | Self::SlopeOne
            | Self::Knn
            | Self::KnnMeans
            | Self::KnnBaseline
            | Self::CoClustering => Family::Ratings,
        }
    }

    /// Whether values of the log are ratings to it.
    pub(super) fn rates(self) -> bool {
        self.family() == Family::Ratings
    }

    /// The models of ratings.
    pub(super) fn of_ratings() -> Vec<Self> {
        Self::value_variants().iter().copied().filter(|kind| kind.rates()).collect()
    }

    /// Whether it is trained on a device.
    pub(super) fn is_deep(self) -> bool {
        self.family() == Family::Deep
    }

    /// Whether values of interactions count.
    pub(super) fn has_weights(self) -> bool {
        !matches!(self, Self::Bpr | Self::NeuMf | Self::TwoTower | Self::SasRec | Self::MarkovChain)
    }

    /// Whether features of users and items count.
    pub(super) fn has_features(self) -> bool {
        matches!(self, Self::Warp | Self::TwoTower)
    }

    /// That the model has these settings, and the whole log what the model needs.
    pub(super) fn check(self, given: &Settings, log: &Log) -> Result<()> {
        self.settings(given)?;
        if let Self::SasRec | Self::MarkovChain = self {
            check_times(log, &format!("{self} goes by the order of interactions"))?;
        }
        if let (Self::Warp, Some(event)) = (self, log.events().find(|event| event.value <= 0.0)) {
            let place = format!("user {}, item {}", event.user, event.item);
            return Err(Error::data(place, event.value, "a value above 0 with warp and --weighted"));
        }
        let values = log.matrix().values();
        if self.rates() && values.len() > 1 && values.iter().all(|value| *value == values[0]) {
            let wanted = format!("ratings, as {self} needs them: --value names their field");
            return Err(Error::data("values of the log", format!("{} alone", values[0]), wanted));
        }
        Ok(())
    }

    /// The model of a log, with its defaults for what is not given.
    pub(super) fn fit(self, given: &Settings, log: &Log, how: &Fitting<'_>) -> Result<Box<dyn Fitted>> {
        let settings = &self.settings(&given.clone().or(how.features.defaults(self)))?;
        let fitted = match self.family() {
            Family::Ratings => return Ok(self.fit_ratings(given, log, how.seed)?),
            Family::Deep => Deep { kind: self, settings, log, how }.fit(),
            Family::Ranking => self.fit_with(settings, log, how),
        };
        fitted.map_err(|error| error.within(self))
    }

    /// A model of ratings.
    ///
    /// # Panics
    /// If it is none.
    pub(super) fn fit_ratings(
        self,
        given: &Settings,
        log: &Log,
        seed: u64,
    ) -> Result<Box<dyn FittedRatings>> {
        let settings = self.settings(given)?;
        self.rate_with(&settings, log, seed).map_err(|error| error.within(self))
    }

    fn fit_with(self, settings: &Settings, log: &Log, how: &Fitting<'_>) -> Result<Box<dyn Fitted>> {
        let Settings { factors, iterations, max_sampled, negatives, .. } = *settings;
        let Settings { regularization, learning_rate, alpha, frequency, .. } = *settings;
        // What a model does not have it does not use.
        let [factors, iterations, max_sampled, negatives] =
            [factors, iterations, max_sampled, negatives].map(Option::unwrap_or_default);
        let [regularization, rate, alpha, frequency] =
            [regularization, learning_rate, alpha, frequency].map(Option::unwrap_or_default);
        let (squares, seed) = (regularization as f32, how.seed);
        Ok(match self {
            Self::Popularity => Box::new(Popularity::new().by_value(how.weighted).fit(log)?),
            Self::PureSvd => Box::new(PureSvd::new(factors).seed(seed).fit(log)?),
            Self::Bpr => {
                let model = Bpr::new(factors).learning_rate(rate as f32).regularization(squares);
                Box::new(model.iterations(iterations).seed(seed).fit(log)?)
            }
            Self::Warp => {
                let model = LightFm::new(factors).learning_rate(rate as f32).user_regularization(squares);
                let model = model.item_regularization(squares).max_sampled(max_sampled);
                let (users, items) = how.features.of(log)?;
                Box::new(model.iterations(iterations).seed(seed).fit_with(
                    log,
                    users.as_ref(),
                    items.as_ref(),
                )?)
            }
            Self::LogisticMf => {
                let model = LogisticMf::new(factors).alpha(alpha as f32).regularization(squares);
                let model = model.learning_rate(rate as f32).negative_samples(negatives);
                Box::new(model.iterations(iterations).seed(seed).fit(log)?)
            }
            Self::Ials => {
                let model = Ials::new(factors).alpha(alpha as f32).regularization(squares);
                let model = model.frequency(frequency as f32).iterations(iterations);
                Box::new(model.seed(seed).fit(log)?)
            }
            Self::Ease => {
                Box::new(Ease::new().binary(!how.weighted).regularization(regularization).fit(log)?)
            }
            Self::MarkovChain => Box::new(MarkovChain::new().fit(log)?),
            other => unreachable!("{other} is no model of this family"),
        })
    }

    fn rate_with(self, settings: &Settings, log: &Log, seed: u64) -> Result<Box<dyn FittedRatings>> {
        let Settings { factors, iterations, neighbours, groups, .. } = *settings;
        let [factors, iterations, neighbours, groups] =
            [factors, iterations, neighbours, groups].map(Option::unwrap_or_default);
        let [rate, squares] =
            [settings.learning_rate, settings.regularization].map(|x| x.unwrap_or_default() as f32);
        let near = |centering| {
            let similarity = settings.similarity.unwrap_or_default().of();
            let near = Neighbours::new(neighbours).by_items(settings.by_items.unwrap_or_default());
            near.similarity(similarity).centering(centering).fit(log)
        };
        Ok(match self {
            Self::Baseline => Box::new(Baseline::new().epochs(iterations).fit(log)?),
            Self::FunkSvd => {
                let model = FunkSvd::new(factors).epochs(iterations).learning_rate(rate);
                Box::new(model.regularization(squares).seed(seed).fit(log)?)
            }
            Self::SvdPlusPlus => {
                let model = SvdPlusPlus::new(factors).epochs(iterations).learning_rate(rate);
                Box::new(model.regularization(squares).seed(seed).fit(log)?)
            }
            Self::Als => {
                let model = Als::new(factors).iterations(iterations).regularization(squares);
                Box::new(model.seed(seed).fit(log)?)
            }
            Self::Nmf => {
                let model = Nmf::new(factors).epochs(iterations).regularization(squares);
                Box::new(model.seed(seed).fit(log)?)
            }
            Self::SlopeOne => Box::new(SlopeOne::new().fit(log)?),
            Self::Knn => Box::new(near(Centering::None)?),
            Self::KnnMeans => Box::new(near(Centering::Means)?),
            Self::KnnBaseline => Box::new(near(Centering::Baseline)?),
            Self::CoClustering => {
                let model = CoClustering::new().groups(groups, groups).epochs(iterations);
                Box::new(model.seed(seed).fit(log)?)
            }
            other => unreachable!("{other} is no model of ratings"),
        })
    }
}
