//! Every layer through the battery of `fornax-testkit`: shapes, backends, batches, files and gradients.

mod activations;
mod conv;
mod dense;
mod embedding;
mod merging;
mod normalization;
mod pool;
mod preprocessing;
mod random;
mod shapes;
