//! Recommenders: from a log of who did what with which item to a model of each user's interest and a ranked list.
//!
//! [`Interactions`] come from events in memory or from files ([`Delimited`], [`JsonLines`], [`movielens`], [`lightgcn`],
//! [`sequences`]); a [`Split`] holds some of them out, a [`Weighting`] makes weights of their values, [`Features`] say more of
//! users and items, which have numbers of types of their own ([`UserIndex`], [`ItemIndex`]). Models are fitted on
//! interactions; what they can be asked is in the traits [`Score`], [`Recommend`], [`FoldIn`], [`Explain`], [`Similar`],
//! [`SimilarUsers`], [`ColdStart`], [`UpdateUsers`], [`PartialUpdate`] and [`Predict`]; an [`Evaluation`] judges ranked lists, a
//! [`RatingReport`] ratings.
//!
//! ```
//! use fornax_recommend::{Duplicates, Filter, Interactions, PureSvd, Recommend};
//!
//! let log = [("ann", "tea"), ("ann", "milk"), ("bob", "tea"), ("bob", "milk"), ("cid", "tea"), ("dan", "rum")];
//! let log = Interactions::from_events(log, Duplicates::Error)?;
//! let model = PureSvd::new(2).fit(&log)?;
//! let best = model.recommend(log.users().expect("cid")?, 1, &Filter::unseen(&log))?;
//! assert_eq!(*log.items().id(best[0].index), "milk");
//! # Ok::<(), fornax_core::Error>(())
//! ```
#![forbid(unsafe_code)]

mod cold_start;
mod evaluation;
mod features;
#[cfg(feature = "hnsw")]
mod hnsw;
mod ids;
mod interactions;
mod models;
mod readers;
mod recommend;
mod recommender;
pub mod search;
mod sparse;
mod splits;
mod svd;
pub mod synthetic;
mod update;
mod weights;

pub use cold_start::ColdStart;
pub use evaluation::{Evaluation, Interval, RankingMetric, RankingReport, RatingErrors, RatingReport};
pub use features::Features;
#[cfg(feature = "hnsw")]
pub use hnsw::{Hnsw, HnswIndex, HnswReport};
pub use ids::{FeatureIndex, Id, Ids, Index, ItemIndex, UserIndex};
pub use interactions::{Duplicates, Event, Interactions};
pub use models::{
    Als, AlsModel, Baseline, BaselineModel, Bpr, BprModel, Centering, CoClustering, CoClusteringModel, Ease,
    EaseModel, Factors, FeatureVectors, FunkSvd, FunkSvdModel, Ials, IalsModel, LightFm, LightFmLoss,
    LightFmModel, LogisticMf, LogisticMfModel, MarkovChain, MarkovChainModel, Negatives, Neighbours,
    NeighboursModel, NeuMf, NeuMfModel, Nmf, NmfModel, Popularity, PopularityModel, Predict, PureSvd,
    PureSvdModel, SasRec, SasRecModel, Similarity, SlopeOne, SlopeOneModel, Solver, StoredModel, SvdPlusPlus,
    SvdPlusPlusModel, TwoTower, TwoTowerModel,
};
pub use readers::{Delimited, Field, JsonLines, MovieLens, features, lightgcn, movielens, sequences};
pub use recommend::{Explain, Filter, FoldIn, Recommend, Score, Scored, Similar, SimilarUsers};
pub use recommender::{Recommender, stored_kind};
pub use sparse::{SparseMatrix, UserItems};
pub use splits::{HeldOut, Split};
pub use svd::{Svd, SvdInput, TruncatedSvd};
pub use update::{PartialUpdate, UpdateUsers};
pub use weights::Weighting;
