//! The own file format: an archive whose header holds the structure.
//!
//! Weights are the arrays `weights/<path>`, the optimizer's state `optimizer/<name>`.

use std::collections::HashMap;
use std::path::Path;

use fornax_core::{Array, Backend, Error, Result};
use fornax_data::archive;
use fornax_layers::{Network, Registry};
use fornax_optim::{Optimizer, OptimizerState};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::Model;
use crate::model::Compiled;

/// The version that this crate writes, and the newest that it reads.
const VERSION: u64 = 1;

/// What a file says about itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) network: Json,
    #[serde(default)]
    pub(crate) compiled: Option<Compiled>,
    #[serde(default)]
    pub(crate) steps: u64,
    /// What a backup adds: position, running sums, callbacks.
    #[serde(default)]
    pub(crate) training: Json,
    /// What belongs to a network without being one, such as the vocabulary of its inputs.
    #[serde(default)]
    extra: Json,
}

/// A file that has been read and whose tensors have been checked.
pub(crate) struct Saved {
    pub(crate) header: Header,
    pub(crate) arrays: HashMap<String, Array>,
}

/// Writes a file.
pub(crate) fn write(path: &Path, header: &Header, arrays: &[(String, Array)]) -> Result<()> {
    archive::write(path, VERSION, header, arrays)
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Saved> {
    let (header, arrays) = archive::read(path, VERSION)?;
    Ok(Saved { header, arrays })
}

impl Saved {
    /// Gives a network all its weights; nothing is changed if one is missing or of another shape.
    pub(crate) fn load_weights<B: Backend>(&self, network: &mut Network<B>) -> Result<()> {
        let mut found = vec![];
        for variable in network.variables() {
            let name = format!("weights/{}", variable.name());
            let Some(array) = self.arrays.get(&name) else {
                return Err(Error::mismatch(
                    format!("weight {}", variable.name()),
                    "none in the file",
                    format!("shape {:?}", variable.shape()),
                ));
            };
            if array.shape() != variable.shape() {
                return Err(Error::mismatch(
                    format!("weight {}", variable.name()),
                    format!("shape {:?} in the file", array.shape()),
                    format!("{:?}", variable.shape()),
                ));
            }
            found.push((variable.name().to_owned(), array));
        }
        let known = self.arrays.keys().filter(|name| name.starts_with("weights/")).count();
        if known != found.len() {
            return Err(Error::mismatch(
                "weights",
                format!("{known} in the file"),
                format!("{}", found.len()),
            ));
        }
        found.into_iter().try_for_each(|(name, array)| network.set_weight(&name, array))
    }

    pub(crate) fn optimizer_state<B: Backend>(
        &self,
        optimizer: &Optimizer,
        network: &Network<B>,
    ) -> Result<OptimizerState<B>> {
        let mut arrays: Vec<(String, Array)> = self
            .arrays
            .iter()
            .filter_map(|(name, array)| Some((name.strip_prefix("optimizer/")?.to_owned(), array.clone())))
            .collect();
        arrays.sort_by(|a, b| a.0.cmp(&b.0));
        OptimizerState::from_arrays(optimizer, network.weights(), arrays)
    }
}

fn weights<B: Backend>(network: &Network<B>) -> Vec<(String, Array)> {
    let each = network.variables().iter().zip(network.weights());
    each.map(|(variable, weight)| (format!("weights/{}", variable.name()), weight.to_array())).collect()
}

impl<B: Backend> Model<B> {
    /// Saves structure, weights, optimizer state and what was compiled, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let (header, arrays) = self.parts(Json::Null);
        write(path.as_ref(), &header, &arrays)
    }

    pub(crate) fn parts(&self, training: Json) -> (Header, Vec<(String, Array)>) {
        let header = Header {
            network: self.network.config(),
            compiled: Some(self.compiled.clone()),
            steps: self.steps,
            training,
            extra: Json::Null,
        };
        let mut arrays = weights(&self.network);
        let state = self.state.to_arrays();
        arrays.extend(state.into_iter().map(|(name, array)| (format!("optimizer/{name}"), array)));
        (header, arrays)
    }

    /// A model that [`Self::save`] wrote, compiled as it was, with the layers that the registry has, on a device.
    ///
    /// `fornax::prelude` has the short form `Model::load(path)`, with the layers of all crates on the default device.
    ///
    /// # Errors
    /// If the file is not a saved model, or names a layer that is not registered.
    pub fn load_with(path: impl AsRef<Path>, registry: &Registry<B>, device: B::Device) -> Result<Self> {
        let path = path.as_ref();
        let mut saved = read(path)?;
        let network = rebuild(&saved, registry, device).map_err(|error| error.within(path.display()))?;
        let Some(compiled) = saved.header.compiled.take() else {
            return Err(Error::mismatch(
                path.display(),
                "a network that was not compiled",
                "a model; use load_network",
            ));
        };
        let state = saved.optimizer_state(&compiled.optimizer, &network)?;
        Ok(Self::restored(network, compiled, state, saved.header.steps))
    }

    /// Takes over the weights and the optimizer state that [`Self::save`] wrote for a model of the same structure.
    ///
    /// # Errors
    /// If the file is not a saved model or belongs to another; this model is then as it was.
    pub fn load_weights(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let saved = read(path)?;
        let state = saved.optimizer_state(&self.compiled.optimizer, &self.network)?;
        saved.load_weights(&mut self.network).map_err(|error| error.within(path.display()))?;
        self.state = state;
        self.steps = saved.header.steps;
        Ok(())
    }
}

fn rebuild<B: Backend>(saved: &Saved, registry: &Registry<B>, device: B::Device) -> Result<Network<B>> {
    let mut network = registry.network(&saved.header.network, device)?;
    saved.load_weights(&mut network)?;
    Ok(network)
}

/// Saves a network without an optimizer.
///
/// # Errors
/// If the file cannot be written; an older one is then as it was.
pub fn save_network<B: Backend>(network: &Network<B>, path: impl AsRef<Path>) -> Result<()> {
    save_network_with_extra(network, Json::Null, path)
}

/// [`save_network`] with what belongs to the network, such as the vocabulary of its inputs: what
/// [`load_network_with_extra`] gives back and other readers leave alone.
///
/// # Errors
/// If the file cannot be written; an older one is then as it was.
pub fn save_network_with_extra<B: Backend>(
    network: &Network<B>,
    extra: Json,
    path: impl AsRef<Path>,
) -> Result<()> {
    let header = Header { network: network.config(), compiled: None, steps: 0, training: Json::Null, extra };
    write(path.as_ref(), &header, &weights(network))
}

/// The network of a saved model, for prediction, with the layers that the registry has, on a device: no loss or optimizer
/// is needed.
///
/// # Errors
/// If the file is not a saved model, or names a layer that is not registered.
pub fn load_network_with<B: Backend>(
    path: impl AsRef<Path>,
    registry: &Registry<B>,
    device: B::Device,
) -> Result<Network<B>> {
    let path = path.as_ref();
    rebuild(&read(path)?, registry, device).map_err(|error| error.within(path.display()))
}

/// What [`save_network_with_extra`] wrote: the network and what belongs to it, null where that is nothing.
///
/// # Errors
/// As for [`load_network_with`].
pub fn load_network_with_extra<B: Backend>(
    path: impl AsRef<Path>,
    registry: &Registry<B>,
    device: B::Device,
) -> Result<(Network<B>, Json)> {
    let path = path.as_ref();
    let mut saved = read(path)?;
    let extra = saved.header.extra.take();
    let network = rebuild(&saved, registry, device).map_err(|error| error.within(path.display()))?;
    Ok((network, extra))
}
