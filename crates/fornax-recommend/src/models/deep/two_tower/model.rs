//! [`TwoTowerModel`]: a fitted [`TwoTower`](super::TwoTower).

use fornax_core::{Array, Result};
use fornax_data::archive::MappedArrays;
use fornax_train::History;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::super::multilayer_perceptron::{Dense, MultilayerPerceptron};
use crate::cold_start::ColdStart;
use crate::models::factors::{Factors, by_factors};
use crate::models::feature_vectors::{FeatureVectors, StoredNames};
use crate::models::stored::{self, StoredModel, json};
use crate::sparse::UserItems;

/// A fitted [`TwoTower`](super::TwoTower). It scores on the CPU, whatever it was trained on; users and items that it was not fitted on are
/// known by their features ([`ColdStart`]).
#[derive(Clone, Debug)]
pub struct TwoTowerModel {
    pub(super) factors: Factors,
    /// Of users and of items.
    pub(super) towers: Box<[Tower; 2]>,
    pub(super) history: History,
}

/// From named features to a vector.
#[derive(Clone, Debug)]
pub(super) struct Tower {
    pub(super) features: FeatureVectors,
    pub(super) layers: MultilayerPerceptron,
    /// Behind hidden layers, where there are some.
    pub(super) output: Option<Dense>,
    pub(super) normalize: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredTower {
    features: StoredNames,
    hidden: usize,
    normalize: bool,
}

impl Tower {
    fn vector(&self, features: &[(impl AsRef<str>, f32)]) -> Result<Vec<f32>> {
        let mut x = self.layers.call(self.features.represent(features)?);
        if let Some(output) = &self.output {
            x = output.product(&x);
            x.iter_mut().zip(&output.bias).for_each(|(x, bias)| *x += bias);
        }
        if self.normalize {
            let length = x.iter().map(|x| x * x).sum::<f32>().max(1e-12).sqrt();
            x.iter_mut().for_each(|x| *x /= length);
        }
        Ok(x)
    }

    fn parts(&self, side: &str) -> (StoredTower, Vec<(String, Array)>) {
        let (names, vectors) = self.features.parts();
        let mut arrays = vec![(format!("{side}/features"), vectors)];
        arrays.extend(self.layers.arrays(side));
        arrays.extend(self.output.iter().flat_map(|output| output.arrays(&format!("{side}/output"))));
        let stored = StoredTower { features: names, hidden: self.layers.len(), normalize: self.normalize };
        (stored, arrays)
    }

    fn from_parts(stored: StoredTower, arrays: &MappedArrays, side: &str, width: usize) -> Result<Self> {
        let features =
            FeatureVectors::from_parts(stored.features, arrays, &format!("{side}/features"), width, None)?;
        let layers = MultilayerPerceptron::from_arrays(arrays, side, stored.hidden, width)?;
        let output = match layers.units() {
            None => None,
            Some(units) => {
                Some(Dense::from_arrays(arrays, &format!("{side}/output"), units)?.checked(width)?)
            }
        };
        Ok(Self { features, layers, output, normalize: stored.normalize })
    }
}

impl TwoTowerModel {
    /// The vectors of users and of items.
    pub fn factors(&self) -> &Factors {
        &self.factors
    }

    /// The named features of users; none if it was fitted without.
    pub fn user_features(&self) -> &FeatureVectors {
        &self.towers[0].features
    }

    /// The named features of items; none if it was fitted without.
    pub fn item_features(&self) -> &FeatureVectors {
        &self.towers[1].features
    }

    /// The loss of each epoch.
    pub fn history(&self) -> &History {
        &self.history
    }
}

by_factors!(TwoTowerModel);

impl ColdStart for TwoTowerModel {
    fn user_from_features<N: AsRef<str>>(&self, features: &[(N, f32)]) -> Result<Vec<f32>> {
        self.towers[0].vector(features)
    }

    fn item_from_features<N: AsRef<str>>(&self, features: &[(N, f32)]) -> Result<Vec<f32>> {
        self.towers[1].vector(features)
    }

    fn extend(&mut self, users: &[f32], items: &[f32]) {
        self.factors = self.factors.extended(users, items);
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    towers: [StoredTower; 2],
    history: History,
}

const SIDES: [&str; 2] = ["user tower", "item tower"];

impl StoredModel for TwoTowerModel {
    const KIND: &'static str = "two-tower";

    fn parts(&self) -> (Json, Vec<(String, Array)>) {
        let [(user, users), (item, items)] = [0, 1].map(|side: usize| self.towers[side].parts(SIDES[side]));
        let arrays = self.factors.arrays().into_iter().chain(users).chain(items);
        (json(&Header { towers: [user, item], history: self.history.clone() }), arrays.collect())
    }

    fn from_parts(header: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self> {
        let Header { towers: [user, item], history } = stored::settings(header)?;
        let factors = Factors::from_arrays(arrays, seen)?;
        let tower = |stored, side: usize| Tower::from_parts(stored, arrays, SIDES[side], factors.width());
        let towers = Box::new([tower(user, 0)?, tower(item, 1)?]);
        Ok(Self { factors, towers, history })
    }
}
