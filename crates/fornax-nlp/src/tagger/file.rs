//! A tagger's file: that of its network, with tokenizer and vocabularies beside it.

use std::path::Path;

use fornax_core::{Backend, Error, Result};

use super::Tagger;
use super::encoder::{LETTERS, SentenceEncoder};
use crate::file;

impl<B: Backend> Tagger<B> {
    /// Saves all of it in one file, whole or not at all. `fornax::load_network` reads its network alone.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        file::save(&self.network, &self.encoder, path)
    }

    /// What [`save`](Self::save) wrote, on the default device.
    ///
    /// # Errors
    /// If the file cannot be read, is no tagger or names a layer that Fornax does not have.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_on(path, B::Device::default())
    }

    /// [`load`](Self::load) on a device.
    ///
    /// # Errors
    /// As for `load`.
    pub fn load_on(path: impl AsRef<Path>, device: B::Device) -> Result<Self> {
        let path = path.as_ref();
        let (network, encoder) = file::load::<B, SentenceEncoder>(path, "the words of a tagger", device)?;
        let inputs: Vec<_> = network.input_shapes().iter().map(|shape| shape.axes().to_vec()).collect();
        let wanted = [vec![None], vec![None, Some(LETTERS)], vec![None]];
        let outputs = network.output_shapes();
        let fits = matches!(&outputs[..], [output] if output.axes() == [None, Some(encoder.tags.len())]);
        if inputs != wanted || !fits {
            let found = format!("inputs {inputs:?} and outputs {outputs:?}");
            let wanted = format!("inputs {wanted:?}, and one output of {} tags", encoder.tags.len());
            return Err(Error::format(path, "network of a tagger", found, wanted));
        }
        Ok(Self { encoder, network })
    }
}
