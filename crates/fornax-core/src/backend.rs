//! The [`Backend`] trait and the backends that implement it.
//!
//! Generic code says `B: Backend` and never more. A backend joins by one (possibly empty) implementation a
//! family: what it does not override runs by Burn's operations.

use burn::tensor::backend::Backend as Burn;

use crate::ops::{
    ActivationOps, AttentionOps, BagClassifierOps, ConvOps, DenseOps, DropoutOps, EmbeddingOps, LossOps,
    NormalizationOps, OptimizerOps, PoolOps, RecurrentOps, WordVectorOps,
};

/// Every operation family that Fornax adds, on top of Burn's backend.
pub trait Backend:
    Burn
    + ActivationOps
    + AttentionOps
    + BagClassifierOps
    + ConvOps
    + DenseOps
    + DropoutOps
    + EmbeddingOps
    + LossOps
    + NormalizationOps
    + OptimizerOps
    + PoolOps
    + RecurrentOps
    + WordVectorOps
{
}

impl<B> Backend for B where
    B: Burn
        + ActivationOps
        + AttentionOps
        + BagClassifierOps
        + ConvOps
        + DenseOps
        + DropoutOps
        + EmbeddingOps
        + LossOps
        + NormalizationOps
        + OptimizerOps
        + PoolOps
        + RecurrentOps
        + WordVectorOps
{
}

/// The backend that records what gradients need, around a plain one.
pub type Autodiff<B> = burn::backend::Autodiff<B>;

/// Burn's backend on the `ndarray` crate.
#[cfg(feature = "ndarray")]
pub type NdArray<E = f32> = burn::backend::NdArray<E>;

/// Burn's pure-Rust CPU backend.
#[cfg(feature = "flex")]
pub type Flex = burn::backend::Flex;

/// Burn's CUDA backend.
#[cfg(feature = "cuda")]
pub type Cuda = burn::backend::Cuda;

/// The faster CPU backend that is compiled in.
#[cfg(feature = "flex")]
pub type Cpu = Flex;

/// The faster CPU backend that is compiled in.
#[cfg(all(feature = "ndarray", not(feature = "flex")))]
pub type Cpu = NdArray;

/// Implements the families that a backend does not override.
#[allow(unused_macros)]
macro_rules! by_burn {
    ($backend:ty: $($family:ident),* $(,)?) => { $(impl $family for $backend {})* };
}

#[cfg(feature = "cuda")]
by_burn!(Cuda: ActivationOps, AttentionOps, BagClassifierOps, ConvOps, DenseOps, DropoutOps, EmbeddingOps, LossOps, NormalizationOps, OptimizerOps, PoolOps, RecurrentOps, WordVectorOps);

// The oracle of the tests: every family by Burn's operations in f64.
#[cfg(feature = "ndarray")]
by_burn!(NdArray<f64>: ActivationOps, AttentionOps, BagClassifierOps, ConvOps, DenseOps, DropoutOps, EmbeddingOps, LossOps, NormalizationOps, OptimizerOps, PoolOps, RecurrentOps, WordVectorOps);

/// What is done once for each plain backend that is compiled in, by [`visit_backends`].
pub trait BackendVisitor {
    /// Does it for `B`.
    fn visit<B: Backend>(&mut self);
}

/// Visits every plain backend that is compiled in: so code with a generic method can be kept behind a box.
#[allow(unused_variables)]
pub fn visit_backends(visitor: &mut impl BackendVisitor) {
    #[cfg(feature = "flex")]
    visitor.visit::<Flex>();
    #[cfg(feature = "ndarray")]
    visitor.visit::<NdArray<f32>>();
    #[cfg(feature = "ndarray")]
    visitor.visit::<NdArray<f64>>();
    #[cfg(feature = "cuda")]
    visitor.visit::<Cuda>();
}
