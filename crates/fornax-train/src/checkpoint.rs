//! The own file format: one safetensors file whose metadata holds the structure as JSON.
//!
//! Weights are the tensors `weights/<path>`, the optimizer's state `optimizer/<name>`; bytes that belong to a network are
//! the tensor `extra`. The metadata key `fornax` holds [`Header`]. A file is written beside its target and renamed over
//! it, so it is whole or not there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use fornax_core::{Array, Backend, Error, Result};
use fornax_data::files::write_whole;
use fornax_layers::{Network, Registry};
use fornax_optim::{Optimizer, OptimizerState};
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::Model;
use crate::model::Compiled;

/// The version that this crate writes, and the newest that it reads.
const VERSION: u32 = 1;

/// What a file says about itself.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    version: u32,
    pub(crate) network: Json,
    #[serde(default)]
    pub(crate) compiled: Option<Compiled>,
    #[serde(default)]
    pub(crate) steps: u64,
    /// What a backup adds: position, running sums, callbacks.
    #[serde(default)]
    pub(crate) training: Json,
}

/// A file that has been read and whose tensors have been checked.
pub(crate) struct Saved {
    pub(crate) header: Header,
    pub(crate) arrays: HashMap<String, Array>,
    extra: Option<Vec<u8>>,
}

/// The tensor of bytes that belong to a network.
const EXTRA: &str = "extra";

/// Writes a file.
pub(crate) fn write(path: &Path, header: &Header, arrays: Vec<(String, Array)>) -> Result<()> {
    write_with_extra(path, header, arrays, None)
}

fn write_with_extra(
    path: &Path,
    header: &Header,
    arrays: Vec<(String, Array)>,
    extra: Option<&[u8]>,
) -> Result<()> {
    let header = serde_json::to_string(header).expect("a header has a JSON form");
    let metadata = HashMap::from([("fornax".to_owned(), header)]);
    let extra = extra.map(|bytes| (EXTRA, Stored::bytes(bytes)));
    let tensors = arrays.iter().map(|(name, array)| (name.as_str(), Stored::new(array))).chain(extra);
    let bytes = safetensors::serialize(tensors, Some(metadata))
        .map_err(|error| Error::io(path, "serialize", std::io::Error::other(error)))?;
    write_whole(path, |writer| writer.write_all(&bytes))
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Saved> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, "read", error))?;
    let wrong = |at: &str, found: String| Error::format(path, at, found, "a model that Fornax saved");
    let (_, metadata) =
        SafeTensors::read_metadata(&bytes).map_err(|e| wrong("safetensors header", e.to_string()))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| wrong("tensors", error.to_string()))?;
    let header = metadata.metadata().as_ref().and_then(|metadata| metadata.get("fornax"));
    let header = header.ok_or_else(|| wrong("metadata", "no entry fornax".into()))?;
    let version: Json =
        serde_json::from_str(header).map_err(|error| wrong("metadata fornax", error.to_string()))?;
    match version["version"].as_u64() {
        Some(version) if version <= u64::from(VERSION) => {}
        found => {
            let found = found.map_or("no version".into(), |version| format!("version {version}"));
            return Err(Error::format(path, "metadata fornax", found, format!("version {VERSION} or older")));
        }
    }
    let header: Header =
        serde_json::from_str(header).map_err(|error| wrong("metadata fornax", error.to_string()))?;
    let (mut arrays, mut extra) = (HashMap::new(), None);
    for (name, view) in tensors.iter() {
        if name == EXTRA && view.dtype() == Dtype::U8 {
            extra = Some(view.data().to_vec());
            continue;
        }
        let words = view.data().chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
        let shape = if view.shape().is_empty() { vec![1] } else { view.shape().to_vec() };
        let array = match view.dtype() {
            Dtype::F32 => Array::from_vec(shape, words.map(f32::from_le_bytes).collect())?,
            Dtype::I32 => Array::from_i32(shape, words.map(i32::from_le_bytes).collect())?,
            other => {
                return Err(Error::format(
                    path,
                    format!("tensor {name}"),
                    format!("{other:?}"),
                    "F32 or I32",
                ));
            }
        };
        arrays.insert(name.to_owned(), array);
    }
    Ok(Saved { header, arrays, extra })
}

/// An array as safetensors wants it.
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Stored {
    fn new(array: &Array) -> Self {
        let (dtype, bytes) = match array.is_integer() {
            true => (Dtype::I32, array.to_i32().into_iter().flat_map(i32::to_le_bytes).collect()),
            false => (Dtype::F32, array.to_f32().into_iter().flat_map(f32::to_le_bytes).collect()),
        };
        Self { dtype, shape: array.shape().to_vec(), bytes }
    }

    fn bytes(bytes: &[u8]) -> Self {
        Self { dtype: Dtype::U8, shape: vec![bytes.len()], bytes: bytes.to_vec() }
    }
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
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
        write(path.as_ref(), &header, arrays)
    }

    pub(crate) fn parts(&self, training: Json) -> (Header, Vec<(String, Array)>) {
        let header = Header {
            version: VERSION,
            network: self.network.config(),
            compiled: Some(self.compiled.clone()),
            steps: self.steps,
            training,
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
    write(path.as_ref(), &network_header(network), weights(network))
}

/// [`save_network`] with bytes that belong to the network, such as the vocabulary of its inputs: what
/// [`load_network_with_extra`] gives back and other readers leave alone.
///
/// # Errors
/// If the file cannot be written; an older one is then as it was.
pub fn save_network_with_extra<B: Backend>(
    network: &Network<B>,
    extra: &[u8],
    path: impl AsRef<Path>,
) -> Result<()> {
    write_with_extra(path.as_ref(), &network_header(network), weights(network), Some(extra))
}

fn network_header<B: Backend>(network: &Network<B>) -> Header {
    Header { version: VERSION, network: network.config(), compiled: None, steps: 0, training: Json::Null }
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

/// What [`save_network_with_extra`] wrote: the network and the bytes.
///
/// # Errors
/// As for [`load_network_with`], and if the file has no bytes beside the network.
pub fn load_network_with_extra<B: Backend>(
    path: impl AsRef<Path>,
    registry: &Registry<B>,
    device: B::Device,
) -> Result<(Network<B>, Vec<u8>)> {
    let path = path.as_ref();
    let mut saved = read(path)?;
    let Some(extra) = saved.extra.take() else {
        let wanted = "bytes that belong to the network";
        return Err(Error::format(path, "tensors", format!("no {EXTRA:?} of bytes"), wanted));
    };
    let network = rebuild(&saved, registry, device).map_err(|error| error.within(path.display()))?;
    Ok((network, extra))
}
