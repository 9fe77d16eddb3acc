//! The foundation of Fornax: backends and their operation families, devices, seeds, arrays and errors.

mod array;
mod autodiff;
mod backend;
pub mod device;
mod error;
pub mod ops;
mod random;
mod tensor;
mod value;

pub use array::Array;
pub use autodiff::Gradients;
pub use backend::{Autodiff, Backend};
#[cfg(any(feature = "flex", feature = "ndarray"))]
pub use backend::Cpu;
#[cfg(feature = "cuda")]
pub use backend::Cuda;
#[cfg(feature = "flex")]
pub use backend::Flex;
#[cfg(feature = "ndarray")]
pub use backend::NdArray;
pub use burn;
pub use error::{Error, ErrorKind, Result};
pub use random::Philox;
pub use tensor::{DynTensor, Indices, Mask};
pub use value::Value;
