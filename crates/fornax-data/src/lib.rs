//! Data sets, batches, readers of real files and fitted preprocessing for Fornax.
//!
//! A [`Dataset`] holds arrays of inputs and targets in memory; [`Batches`] turns it into shuffled, augmented,
//! prefetched batches that depend on nothing but a seed.

#![forbid(unsafe_code)]

pub mod datasets;
pub mod idx;
pub mod synthetic;

mod batches;
mod dataset;
mod files;

pub use batches::{Batch, Batches, Epoch};
pub use dataset::Dataset;
