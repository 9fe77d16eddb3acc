//! A tagger's file: that of its network, with tokenizer and vocabularies beside it.

use std::path::Path;

use fornax_core::{Backend, Error, Result};
use fornax_layers::Registry;
use fornax_train::{load_network_with_extra, save_network_with_extra};

use super::Tagger;
use super::encoder::{LETTERS, SentenceEncoder};

impl<B: Backend> Tagger<B> {
    /// Saves all of it in one file, whole or not at all. `fornax::load_network` reads its network alone.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let beside = serde_json::to_value(&self.encoder).expect("tokenizers and words have a JSON form");
        save_network_with_extra(&self.network, beside, path)
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
        let mut registry = Registry::default();
        fornax_sequence::register(&mut registry);
        crate::register(&mut registry);
        let (network, beside) = load_network_with_extra(path, &registry, device)?;
        let encoder: SentenceEncoder = serde_json::from_value(beside)
            .map_err(|error| Error::format(path, "metadata fornax", error, "the words of a tagger"))?;
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
