//! The foundation of Fornax: backends and their operation families, devices, seeds, arrays and errors.

#[macro_use]
mod simd;

mod array;
mod autodiff;
mod backend;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod cpu;
pub mod device;
mod error;
mod floats;
mod indices;
#[cfg_attr(
    not(any(feature = "flex", feature = "ndarray")),
    allow(dead_code, reason = "kernels of the CPU use all of it")
)]
mod lanes;
pub mod linalg;
#[cfg_attr(
    not(any(feature = "flex", feature = "ndarray")),
    allow(dead_code, reason = "kernels of the CPU use all of it")
)]
mod math;
mod memory;
pub mod ops;
mod prefetch;
mod random;
mod tensor;
mod value;

pub use array::Array;
pub use autodiff::Gradients;
#[cfg(any(feature = "flex", feature = "ndarray"))]
pub use backend::Cpu;
#[cfg(feature = "cuda")]
pub use backend::Cuda;
#[cfg(feature = "flex")]
pub use backend::Flex;
#[cfg(feature = "ndarray")]
pub use backend::NdArray;
pub use backend::{Autodiff, Backend, BackendVisitor, visit_backends};
pub use burn;
pub use error::{Error, ErrorKind, Result};
pub use floats::Floats;
pub use indices::{Indices, Mask};
pub use math::{largest, log_sum_exp};
pub use memory::keep_freed_memory;
pub use random::Philox;
pub use tensor::DynTensor;
pub use value::Value;
