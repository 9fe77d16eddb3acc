//! Preprocessing: transforms that are fitted on the training data and then applied to all data, and random
//! transforms of images.
//!
//! Every transform is a value that serde saves and loads, so that a model carries what its data went through.
//! Fitting takes the training part only: a fitted transform never changes again.

pub mod images;

mod category;
mod discretization;
mod lookup;
mod normalization;
mod table_encoder;

pub use category::{CategoryEncoding, OutputMode};
pub use discretization::Discretization;
pub use lookup::{IntegerLookup, Lookup, StringLookup, Token};
pub use normalization::{Normalization, Rescaling};
pub use table_encoder::TableEncoder;
