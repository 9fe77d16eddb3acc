//! The file of what takes raw text: that of its network, with tokenizers and words beside it.

use std::path::Path;

use fornax_core::{Backend, Error, Result};
use fornax_layers::{Network, Registry};
use fornax_train::{load_network_with_extra, save_network_with_extra};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Saves a network and what stands beside it, whole or not at all.
pub(crate) fn save<B: Backend>(
    network: &Network<B>,
    beside: &impl Serialize,
    path: impl AsRef<Path>,
) -> Result<()> {
    let beside = serde_json::to_value(beside).expect("tokenizers and words have a JSON form");
    save_network_with_extra(network, beside, path)
}

/// What [`save`] wrote; `wanted` says what stands beside the network.
pub(crate) fn load<B: Backend, T: DeserializeOwned>(
    path: &Path,
    wanted: &str,
    device: B::Device,
) -> Result<(Network<B>, T)> {
    let mut registry = Registry::default();
    fornax_sequence::register(&mut registry);
    crate::register(&mut registry);
    let (network, beside) = load_network_with_extra(path, &registry, device)?;
    let beside = serde_json::from_value(beside)
        .map_err(|error| Error::format(path, "metadata fornax", error, wanted))?;
    Ok((network, beside))
}
