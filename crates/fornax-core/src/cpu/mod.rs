//! The CPU kernels, loops over slices that NdArray and Flex share, and what binds them to the two backends.

#[macro_use]
mod simd;

mod activation;
mod conv;
mod dense;
mod depthwise;
mod dropout;
mod gemm;
mod host;
mod loss;
mod math;
mod normalization;
mod optimizer;
mod panels;
mod pool;
mod product;
mod recurrent;
mod tasks;

/// Implements an operation family for both CPU backends with the same body.
macro_rules! impl_for_cpu {
    ($family:ident { $($body:tt)* }) => {
        #[cfg(feature = "ndarray")]
        impl $family for crate::NdArray<f32> { $($body)* }

        #[cfg(feature = "flex")]
        impl $family for crate::Flex { $($body)* }
    };
}
use impl_for_cpu;
