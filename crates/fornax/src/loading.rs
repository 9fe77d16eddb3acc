//! Saved models with the layers of all crates: what a crate alone loads through its own registry.

use std::path::Path;

use fornax_core::{Backend, Result};
use fornax_layers::{Network, Registry};
use fornax_train::{Model, load_network_with};

/// A registry of every layer that Fornax has.
pub fn registry<B: Backend>() -> Registry<B> {
    let mut registry = Registry::default();
    fornax_sequence::register(&mut registry);
    fornax_nlp::register(&mut registry);
    registry
}

/// Loads what was saved, on the default device.
///
/// ```
/// # #[cfg(feature = "flex")]
/// # fn main() -> fornax::Result<()> {
/// use fornax::prelude::*;
///
/// let path = std::env::temp_dir().join(format!("fornax-load-{}.fornax", std::process::id()));
/// let model = Sequential::<Cpu>::new([10, 1])
///     .add(LSTM::new(4).return_sequences(true))
///     .add(Dense::new(3).activation(Softmax))
///     .compile(Adam::default(), SparseCategoricalCrossentropy, ())?;
/// model.save(&path)?;
/// let x = Array::from_vec([1, 10, 1], vec![0.5; 10])?;
/// assert_eq!(Model::<Cpu>::load(&path)?.predict(&x)?, model.predict(&x)?);
/// assert_eq!(load_network::<Cpu>(&path)?.predict(&x)?, model.predict(&x)?);
/// # std::fs::remove_file(path).unwrap();
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "flex"))]
/// # fn main() {}
/// ```
pub trait Load: Sized {
    /// What was saved at `path`.
    ///
    /// # Errors
    /// If the file is not a saved model, or names a layer that Fornax does not have
    /// ([`Model::load_with`] takes a registry with layers of one's own).
    fn load(path: impl AsRef<Path>) -> Result<Self>;
}

impl<B: Backend> Load for Model<B> {
    fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_with(path, &registry(), B::Device::default())
    }
}

/// The network of a saved model, for prediction: no loss or optimizer is needed.
///
/// # Errors
/// If the file is not a saved model, or names a layer that Fornax does not have.
pub fn load_network<B: Backend>(path: impl AsRef<Path>) -> Result<Network<B>> {
    load_network_with(path, &registry(), B::Device::default())
}
