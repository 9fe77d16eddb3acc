//! The settings of models: as options of `train`, as `--set` of `compare`, and their defaults.

use std::fmt::{self, Display};

use clap::{Args, ValueEnum};
use fornax::recommend::Similarity;
use fornax::{Error, Result};

use super::models::Kind;

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $name:literal,)+) => {
        /// Settings that are given, or those that a model has.
        #[derive(Args, Clone, Debug, Default, PartialEq)]
        #[command(next_help_heading = "Settings of the model")]
        pub(super) struct Settings {
            $($(#[doc = $doc])+ #[arg(long = $name, value_name = "VALUE")] pub(super) $field: Option<$type>,)+
        }

        impl Settings {
            /// Those that are there, as options are written.
            fn named(&self) -> Vec<(&'static str, String)> {
                let all = [$(($name, self.$field.map(|value| value.to_string())),)+];
                all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
            }

            /// These, and others where these are not there.
            pub(super) fn or(self, others: Self) -> Self {
                Self { $($field: self.$field.or(others.$field),)+ }
            }

            /// The setting of this name; none where the text is no value of it.
            fn parse(name: &str, text: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self { $field: Some(text.parse().ok()?), ..Self::default() }),)+
                    _ => None,
                }
            }
        }
    };
}

settings! {
    /// Elements of vectors.
    factors: usize = "factors",
    /// The weight of squares (of bpr and warp: of those of the vectors in a step).
    regularization: f64 = "regularization",
    /// How much a step changes.
    learning_rate: f64 = "learning-rate",
    /// How often the interactions are gone over; epochs of neu-mf, two-tower and sas-rec.
    iterations: usize = "iterations",
    /// How much more an interaction of value 1 counts than an unknown pair.
    alpha: f64 = "alpha",
    /// The power of how frequent a user or item is, by which the regularization grows.
    frequency: f64 = "frequency",
    /// Items that are drawn at most for an interaction.
    max_sampled: usize = "max-sampled",
    /// Items that are drawn for each interaction: of what the user does not have; of logistic-mf of all; of two-tower
    /// of all, beside those of the batch.
    negatives: usize = "negatives",
    /// Interactions (of sas-rec: users) a step.
    batch_size: usize = "batch-size",
    /// What scores are divided by in the softmax.
    temperature: f64 = "temperature",
    /// The share of features that training leaves out.
    dropout: f64 = "dropout",
    /// How many of a user's last items count.
    max_length: usize = "max-length",
    /// Blocks of attention.
    blocks: usize = "blocks",
    /// Heads of attention, a divisor of the factors.
    heads: usize = "heads",
    /// How many similar users or items count.
    neighbours: usize = "neighbours",
    /// Whether similar items are looked at, in place of similar users: true or false.
    by_items: bool = "by-items",
    /// What is similar: msd, cosine, pearson or pearson-baseline.
    similarity: Measure = "similarity",
    /// Groups of users, and as many of items.
    groups: usize = "groups",
}

/// The names of [`Similarity`].
#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
pub(super) enum Measure {
    #[default]
    Msd,
    Cosine,
    Pearson,
    PearsonBaseline,
}

impl Measure {
    pub(super) fn of(self) -> Similarity {
        match self {
            Self::Msd => Similarity::MeanSquaredDifference,
            Self::Cosine => Similarity::Cosine,
            Self::Pearson => Similarity::Pearson,
            Self::PearsonBaseline => Similarity::PearsonBaseline { shrinkage: 100.0 },
        }
    }
}

impl Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_possible_value().expect("no measure is hidden").get_name())
    }
}

impl std::str::FromStr for Measure {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        <Self as ValueEnum>::from_str(name, false)
    }
}

/// As the options of `train` are written.
impl Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = self.named().into_iter().map(|(name, value)| format!("--{name} {value}"));
        f.write_str(&options.collect::<Vec<_>>().join(" "))
    }
}

impl Kind {
    /// The settings that a model has, with their defaults.
    fn defaults(self) -> Settings {
        let none = Settings::default();
        match self {
            Self::Popularity | Self::MarkovChain | Self::SlopeOne => none,
            Self::PureSvd => Settings { factors: Some(20), ..none },
            Self::Bpr => Settings {
                factors: Some(100),
                regularization: Some(0.02),
                learning_rate: Some(0.02),
                iterations: Some(300),
                ..none
            },
            Self::Warp => Settings {
                factors: Some(64),
                regularization: Some(0.6),
                learning_rate: Some(0.05),
                iterations: Some(50),
                max_sampled: Some(50),
                ..none
            },
            Self::LogisticMf => Settings {
                factors: Some(30),
                regularization: Some(30.0),
                learning_rate: Some(1.0),
                iterations: Some(40),
                alpha: Some(5.0),
                negatives: Some(100),
                ..none
            },
            Self::Ials => Settings {
                factors: Some(32),
                regularization: Some(30.0),
                iterations: Some(15),
                alpha: Some(4.0),
                frequency: Some(0.0),
                ..none
            },
            Self::Ease => Settings { regularization: Some(500.0), ..none },
            Self::NeuMf => Settings {
                factors: Some(32),
                learning_rate: Some(0.001),
                iterations: Some(12),
                negatives: Some(4),
                batch_size: Some(1024),
                ..none
            },
            Self::TwoTower => Settings {
                factors: Some(64),
                learning_rate: Some(0.001),
                iterations: Some(20),
                negatives: Some(0),
                batch_size: Some(1024),
                temperature: Some(0.1),
                ..none
            },
            Self::SasRec => Settings {
                factors: Some(64),
                learning_rate: Some(0.004),
                iterations: Some(20),
                batch_size: Some(128),
                dropout: Some(0.5),
                max_length: Some(50),
                blocks: Some(1),
                heads: Some(1),
                ..none
            },
            Self::Baseline => Settings { iterations: Some(10), ..none },
            Self::FunkSvd => Settings {
                factors: Some(100),
                regularization: Some(0.02),
                learning_rate: Some(0.005),
                iterations: Some(20),
                ..none
            },
            Self::SvdPlusPlus => Settings {
                factors: Some(20),
                regularization: Some(0.02),
                learning_rate: Some(0.007),
                iterations: Some(20),
                ..none
            },
            Self::Als => {
                Settings { factors: Some(50), regularization: Some(0.1), iterations: Some(15), ..none }
            }
            Self::Nmf => {
                Settings { factors: Some(15), regularization: Some(0.06), iterations: Some(50), ..none }
            }
            Self::Knn | Self::KnnMeans | Self::KnnBaseline => Settings {
                neighbours: Some(40),
                by_items: Some(false),
                similarity: Some(Measure::Msd),
                ..none
            },
            Self::CoClustering => Settings { groups: Some(3), iterations: Some(20), ..none },
        }
    }

    /// What is given, and for the rest the defaults.
    ///
    /// # Errors
    /// If something is given that the model does not have.
    pub(super) fn settings(self, given: &Settings) -> Result<Settings> {
        for (name, value) in given.named() {
            self.expect(&format!("--{name}"), name, &value)?;
        }
        Ok(given.clone().or(self.defaults()))
    }

    fn expect(self, place: &str, name: &str, found: &str) -> Result<()> {
        let names: Vec<_> = self.defaults().named().into_iter().map(|(name, _)| name).collect();
        if names.contains(&name) {
            return Ok(());
        }
        let wanted = match names.as_slice() {
            [] => format!("none: {self} has no settings"),
            _ => format!("a setting of {self}: {}", names.join(", ")),
        };
        Err(Error::argument(place, found, wanted))
    }
}

/// What each model has, for `--help`.
pub(super) fn table() -> String {
    let mut table = "Models, with the settings that they have and their defaults:\n".to_owned();
    for kind in Kind::value_variants() {
        table += format!("  {kind:<14}{}", kind.defaults()).trim_end();
        table += "\n";
    }
    table
}

/// What assignments say of a model.
pub(super) fn assigned(set: &[Assignment], kind: Kind) -> Settings {
    let given = set.iter().filter(|given| given.kind == kind);
    given.fold(Settings::default(), |all, given| given.settings.clone().or(all))
}

/// That assignments are of these models.
pub(super) fn check_assigned(set: &[Assignment], models: &[Kind]) -> Result<()> {
    match set.iter().find(|given| !models.contains(&given.kind)) {
        None => Ok(()),
        Some(Assignment { kind, settings }) => {
            let wanted = "settings of one of --models";
            Err(Error::argument("--set", format!("{kind} {settings}"), wanted))
        }
    }
}

/// `MODEL.SETTING=VALUE`.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub(super) kind: Kind,
    pub(super) settings: Settings,
}

impl std::str::FromStr for Assignment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('=').and_then(|(left, value)| Some((left.split_once('.')?, value)));
        let Some(((model, name), value)) = parts else {
            return Err(Error::argument("setting", text, "MODEL.SETTING=VALUE, as ials.factors=64"));
        };
        let kind = Kind::from_str(model, false).map_err(|_| {
            let kinds: Vec<_> = Kind::value_variants().iter().map(Kind::to_string).collect();
            Error::argument("model", model, kinds.join(", "))
        })?;
        kind.expect("setting", name, text)?;
        match Settings::parse(name, value) {
            Some(settings) => Ok(Self { kind, settings }),
            None => {
                let defaults = kind.defaults().named();
                let default = defaults.iter().find(|(of, _)| *of == name).map_or("", |(_, value)| value);
                Err(Error::argument("setting", text, format!("a value as the default {default}")))
            }
        }
    }
}
