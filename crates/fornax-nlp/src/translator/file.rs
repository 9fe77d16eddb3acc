//! A translator's file: that of its network, with tokenizers and vocabularies of both languages beside it.

use std::path::Path;

use fornax_core::{Backend, Error, Result};
use fornax_layers::Network;

use super::languages::Languages;
use super::{Architecture, Translator};
use crate::file;

impl<B: Backend> Translator<B> {
    /// Saves all of it in one file, whole or not at all. `fornax::load_network` reads its network alone.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        file::save(&self.network, &self.languages, path)
    }

    /// What [`save`](Self::save) wrote, on the default device.
    ///
    /// # Errors
    /// If the file cannot be read, is no translator or names a layer that Fornax does not have.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_on(path, B::Device::default())
    }

    /// [`load`](Self::load) on a device.
    ///
    /// # Errors
    /// As for `load`.
    pub fn load_on(path: impl AsRef<Path>, device: B::Device) -> Result<Self> {
        let path = path.as_ref();
        let (network, languages) = file::load(path, "the words of a translator", device)?;
        Self::of_parts(languages, network).map_err(|error| error.within(path.display()))
    }

    fn of_parts(languages: Languages, network: Network<B>) -> Result<Self> {
        languages.check()?;
        let architecture = Architecture::of(&network)?;
        let embeddings = |side| network.weight(&format!("{}/{side}_embedding", architecture.layer()));
        let found = [embeddings("source")?.shape()[0], embeddings("target")?.shape()[0]];
        if found != languages.sizes() {
            let [found, wanted] =
                [found, languages.sizes()].map(|[from, to]| format!("{from} and {to} words"));
            return Err(Error::mismatch("network of a translator", found, wanted));
        }
        Ok(Self { languages, network, architecture })
    }
}
