//! [`StoredModel`]: models that a [`Recommender`](crate::Recommender) writes to a file and reads.

use fornax_core::{Array, Error, Result};
use fornax_data::archive::MappedArrays;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::recommend::Score;
use crate::sparse::UserItems;

/// A model that can be written to a file, as settings and arrays, and read.
pub trait StoredModel: Score + Sized {
    /// The name of the model in files.
    const KIND: &'static str;

    /// The settings, and arrays by name.
    fn parts(&self) -> (Json, Vec<(String, Array)>);

    /// The model of such parts and of the interactions that it was fitted on.
    ///
    /// # Errors
    /// If the parts are not those of such a model.
    fn from_parts(settings: Json, arrays: &MappedArrays, seen: &UserItems) -> Result<Self>;
}

pub(super) fn json(settings: &impl Serialize) -> Json {
    serde_json::to_value(settings).expect("settings have a JSON form")
}

pub(super) fn settings<T: DeserializeOwned>(json: Json) -> Result<T> {
    serde_json::from_value(json)
        .map_err(|error| Error::data("settings of the model", error, "those of its kind"))
}
