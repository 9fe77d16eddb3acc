//! [`FeatureVectors`]: what a model has learned of named features, and who has them.

use std::collections::HashSet;

use fornax_core::{Array, Error, Floats, Result};
use fornax_data::archive::MappedArrays;
use serde::{Deserialize, Serialize};

use super::stored::floats_of;
use crate::features::{Features, normalize};
use crate::ids::{FeatureIndex, Ids, Index};

/// The vectors of the named features of users or items. Those of [`LightFm`](crate::LightFm) are as wide as those of
/// [`Factors`](crate::Factors): the embedding, then of users' features the bias and a 1, of items' a 1 and the bias.
///
/// ```
/// use fornax_recommend::{Duplicates, Features, Interactions, LightFm};
///
/// let log = Interactions::from_events([("ann", "Alien"), ("bob", "Heat")], Duplicates::Error)?;
/// let genres = Features::new(log.items(), [("Alien", "space", 1.0), ("Heat", "crime", 1.0)])?;
/// let model = LightFm::new(4).fit_with(&log, None, Some(&genres))?;
/// let space = model.item_features().vector("space")?;
/// assert_eq!((space.len(), space[4]), (6, 1.0));
/// assert!(model.item_features().vector("war").is_err());
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FeatureVectors {
    names: Ids<String, FeatureIndex>,
    normalized: bool,
    width: usize,
    /// Which element is 1 whatever the features are.
    one: Option<usize>,
    /// `[names, width]`.
    vectors: Floats,
}

/// What a file says of them, beside the vectors.
#[derive(Serialize, Deserialize)]
pub(in crate::models) struct StoredNames {
    names: Vec<String>,
    normalized: bool,
}

impl FeatureVectors {
    /// Of the names of some features, with their vectors in turn.
    pub(in crate::models) fn new<'a, X: Index>(
        features: &Features<X>,
        width: usize,
        one: Option<usize>,
        vector: impl Fn(usize) -> &'a [f32],
    ) -> Self {
        let names = features.names().clone();
        let vectors: Vec<f32> = (0..names.len()).flat_map(|at| &vector(at)[..width]).copied().collect();
        Self { names, normalized: features.is_normalized(), width, one, vectors: vectors.into() }
    }

    /// Of no feature.
    pub(in crate::models) fn none(width: usize) -> Self {
        Self { names: Ids::default(), normalized: false, width, one: None, vectors: vec![].into() }
    }

    /// The names of features.
    pub fn names(&self) -> &Ids<String, FeatureIndex> {
        &self.names
    }

    /// The vector of a feature.
    ///
    /// # Errors
    /// If the feature is not known.
    pub fn vector(&self, name: &str) -> Result<&[f32]> {
        Ok(self.at(self.names.expect(name)?))
    }

    fn at(&self, feature: FeatureIndex) -> &[f32] {
        &self.vectors[feature.get() * self.width..][..self.width]
    }

    pub(in crate::models) fn is_finite(&self) -> bool {
        self.vectors.iter().all(|x| x.is_finite())
    }

    /// The vector of someone or something with these features.
    pub(in crate::models) fn represent(&self, given: &[(impl AsRef<str>, f32)]) -> Result<Vec<f32>> {
        let (mut features, mut met) = (Vec::with_capacity(given.len()), HashSet::new());
        for (name, weight) in given {
            let (name, weight) = (name.as_ref(), *weight);
            let feature = self.names.expect(name)?;
            if !met.insert(feature) {
                return Err(Error::data("features", format!("{name} twice"), "each once"));
            }
            if !weight.is_finite() {
                return Err(Error::data(format!("feature {name}"), weight, "a finite weight"));
            }
            features.push(feature);
        }
        let mut weights: Vec<f32> = given.iter().map(|(_, weight)| *weight).collect();
        if self.normalized && !weights.is_empty() {
            normalize(&mut weights)?;
        }
        let mut out = vec![0.0; self.width];
        for (&feature, &weight) in features.iter().zip(&weights) {
            out.iter_mut().zip(self.at(feature)).for_each(|(out, x)| *out += weight * x);
        }
        if let Some(one) = self.one {
            out[one] = 1.0;
        }
        match out.iter().all(|x| x.is_finite()) {
            true => Ok(out),
            false => Err(Error::data("features", "weights whose sum is not finite", "smaller ones")),
        }
    }

    /// What goes to a file.
    pub(in crate::models) fn parts(&self) -> (StoredNames, Array) {
        let names = self.names.as_slice().to_vec();
        let array = Array::from_vec([self.names.len(), self.width], self.vectors.to_vec());
        (StoredNames { names, normalized: self.normalized }, array.expect("a vector for each name"))
    }

    /// What [`parts`](Self::parts) gave, under a name.
    pub(in crate::models) fn from_parts(
        stored: StoredNames,
        arrays: &MappedArrays,
        name: &str,
        width: usize,
        one: Option<usize>,
    ) -> Result<Self> {
        let mut names = Ids::default();
        for name in stored.names {
            let known = names.len();
            names.insert(name)?;
            if names.len() == known {
                return Err(Error::data("names of features", "one twice", "every name once"));
            }
        }
        let vectors = floats_of(name, &[names.len(), width], arrays)?;
        Ok(Self { names, normalized: stored.normalized, width, one, vectors })
    }
}
