//! The models that commands fit: their names, and one way to fit each.

use std::fmt::{self, Display};
use std::path::Path;

use clap::ValueEnum;
use fornax::prelude::*;
use fornax::recommend::{LogisticMf, MarkovChain, NeuMf, Recommender, SasRec, StoredModel, TwoTower};
use fornax::{Error, Result};

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

impl Kind {
    /// Whether values of interactions count.
    pub(super) fn has_weights(self) -> bool {
        !matches!(self, Self::Bpr | Self::NeuMf | Self::TwoTower | Self::SasRec | Self::MarkovChain)
    }

    /// That the model has these settings, and the log what the model needs.
    pub(super) fn check(self, given: &Settings, log: &Log) -> Result<()> {
        self.settings(given)?;
        if let Self::SasRec | Self::MarkovChain = self {
            check_times(log, &format!("{self} goes by the order of interactions"))?;
        }
        if let (Self::Warp, Some(event)) = (self, log.events().find(|event| event.value <= 0.0)) {
            let place = format!("user {}, item {}", event.user, event.item);
            return Err(Error::data(place, event.value, "a value above 0 with warp and --weighted"));
        }
        Ok(())
    }

    /// The model of a log, with its defaults for what is not given. `weighted`: values of the log are weights, else
    /// all are 1.
    pub(super) fn fit(
        self,
        given: &Settings,
        log: &Log,
        weighted: bool,
        seed: u64,
    ) -> Result<Box<dyn Fitted>> {
        self.check(given, log)?;
        let settings = self.settings(given)?;
        self.fit_with(&settings, log, weighted, seed).map_err(|error| error.within(self))
    }

    fn fit_with(self, settings: &Settings, log: &Log, weighted: bool, seed: u64) -> Result<Box<dyn Fitted>> {
        // What a model does not have it does not use.
        let [factors, iterations, max_sampled, negatives, batch_size, max_length, blocks, heads] = [
            settings.factors,
            settings.iterations,
            settings.max_sampled,
            settings.negatives,
            settings.batch_size,
            settings.max_length,
            settings.blocks,
            settings.heads,
        ]
        .map(Option::unwrap_or_default);
        let [regularization, rate, alpha, frequency, temperature, dropout] = [
            settings.regularization,
            settings.learning_rate,
            settings.alpha,
            settings.frequency,
            settings.temperature,
            settings.dropout,
        ]
        .map(Option::unwrap_or_default);
        let squares = regularization as f32;
        Ok(match self {
            Self::Popularity => Box::new(Popularity::new().by_value(weighted).fit(log)?),
            Self::PureSvd => Box::new(PureSvd::new(factors).seed(seed).fit(log)?),
            Self::Bpr => {
                let model = Bpr::new(factors).learning_rate(rate as f32).regularization(squares);
                Box::new(model.iterations(iterations).seed(seed).fit(log)?)
            }
            Self::Warp => {
                let model = LightFm::new(factors).learning_rate(rate as f32).user_regularization(squares);
                let model = model.item_regularization(squares).max_sampled(max_sampled);
                Box::new(model.iterations(iterations).seed(seed).fit(log)?)
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
            Self::Ease => Box::new(Ease::new().binary(!weighted).regularization(regularization).fit(log)?),
            Self::NeuMf => {
                let model = NeuMf::new(factors).learning_rate(rate).epochs(iterations);
                Box::new(model.negatives(negatives).batch_size(batch_size).seed(seed).fit(log)?)
            }
            Self::TwoTower => {
                let model = TwoTower::new(factors).learning_rate(rate).epochs(iterations);
                let model = model.negatives(negatives).batch_size(batch_size).temperature(temperature);
                Box::new(model.seed(seed).fit(log)?)
            }
            Self::SasRec => {
                let model = SasRec::new(factors).learning_rate(rate).epochs(iterations);
                let model = model.batch_size(batch_size).dropout(dropout).max_length(max_length);
                Box::new(model.blocks(blocks).heads(heads).seed(seed).fit(log)?)
            }
            Self::MarkovChain => Box::new(MarkovChain::new().fit(log)?),
        })
    }
}
