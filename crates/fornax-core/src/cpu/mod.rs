//! The CPU kernels, loops over slices that NdArray and Flex share, and what binds them to the two backends.

mod activation;
mod adam;
mod attention;
mod bag_classifier;
mod conv;
mod dense;
mod depthwise;
mod dropout;
mod embedding;
mod factor;
mod gemm;
pub(crate) mod host;
mod kept;
mod loss;
mod normalization;
mod optimizer;
mod panels;
mod pool;
mod product;
mod recurrent;
mod row;
mod rows;
mod tasks;
mod transpose;
mod word_vectors;

use crate::math;

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
