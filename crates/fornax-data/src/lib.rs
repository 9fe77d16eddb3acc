//! Data sets, batches, readers of real files and fitted preprocessing for Fornax.
//!
//! A [`Dataset`] holds arrays of inputs and targets in memory; [`Batches`] turns it into shuffled, augmented,
//! prefetched batches that depend on nothing but a seed. Files come in through [`idx`], [`csv`], [`npy`] and
//! [`images`], or as a named set of [`datasets`]; [`preprocessing`] is fitted on the training part and applied to
//! all. [`text`] and [`timeseries`] make arrays of what has a time axis.

#![forbid(unsafe_code)]

pub mod archive;
pub mod csv;
pub mod datasets;
pub mod download;
pub mod files;
pub mod idx;
pub mod images;
pub mod npy;
pub mod preprocessing;
pub mod synthetic;
pub mod text;
pub mod timeseries;

mod batches;
mod buckets;
mod dataset;
mod sparse;
mod table;

pub use batches::{Batch, Batches, Epoch};
pub use buckets::LengthBuckets;
pub use dataset::Dataset;
pub use sparse::CsrMatrix;
pub use table::{Categories, Column, Table, Values};
