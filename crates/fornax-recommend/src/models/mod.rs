//! Models, one a file.

mod bpr;
pub(crate) mod by_length;
mod deep;
mod ease;
pub(crate) mod factors;
mod feature_vectors;
mod ials;
mod light_fm;
mod logistic_mf;
mod markov_chain;
mod popularity;
pub(crate) mod products;
mod pure_svd;
mod ratings;
pub(crate) mod stored;

pub use bpr::{Bpr, BprModel, Negatives};
pub use deep::{NeuMf, NeuMfModel, SasRec, SasRecModel, TwoTower, TwoTowerModel};
pub use ease::{Ease, EaseModel};
pub use factors::Factors;
pub use feature_vectors::FeatureVectors;
pub use ials::{Ials, IalsModel, Solver};
pub use light_fm::{LightFm, LightFmLoss, LightFmModel};
pub use logistic_mf::{LogisticMf, LogisticMfModel};
pub use markov_chain::{MarkovChain, MarkovChainModel};
pub use popularity::{Popularity, PopularityModel};
pub use pure_svd::{PureSvd, PureSvdModel};
pub use ratings::{
    Als, AlsModel, Baseline, BaselineModel, Centering, CoClustering, CoClusteringModel, FunkSvd,
    FunkSvdModel, Neighbours, NeighboursModel, Nmf, NmfModel, Predict, Similarity, SlopeOne, SlopeOneModel,
    SvdPlusPlus, SvdPlusPlusModel,
};
pub use stored::StoredModel;
