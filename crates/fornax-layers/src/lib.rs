//! Layers, initializers, regularizers and constraints; models as a list of layers or as a graph.
#![forbid(unsafe_code)]

mod axis;
mod burn_module;
mod constraint;
mod functional;
mod graph;
mod initializer;
mod keras_object;
mod layer;
pub mod layers;
mod nested;
mod network;
mod node;
mod registry;
mod regularizer;
mod sequential;
mod shape;
mod summary;

pub use axis::Axis;
pub use burn_module::{BurnModule, Forward};
pub use constraint::Constraint;
pub use functional::{Apply, Functional, Inputs, Shared, Symbolic, input};
pub use graph::Graph;
pub use initializer::{Distribution, FanMode, Initializer};
pub use layer::{Context, Effects, Layer, Lookup, MultiLayer, WeightSpec, WeightSpecs};
pub use network::{IntoNetwork, Lifted, Network, Variable};
pub use node::{Configured, Entry, IntoEntry, LayerExt, Node, snake_case};
pub use registry::Registry;
pub use regularizer::{OrthogonalMode, Regularizer};
pub use sequential::Sequential;
pub use shape::Shape;
