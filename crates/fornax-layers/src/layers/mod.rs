//! The layers, one file each, under Keras's names; hyper-parameters serialize under Keras's argument names.

use fornax_core::{Backend, DynTensor, Value, ops::Activation};

use crate::{Context, Registry};

/// Setters of a layer's hyper-parameters; `Some(T)` marks an optional one, `Into(T)` one that is converted.
#[doc(hidden)]
#[macro_export]
macro_rules! setters {
    (in $group:ident: $($(#[$doc:meta])* $name:ident: $kind:tt $(($inner:ty))?,)*) => {
        setters!(@each [.$group] $($(#[$doc])* $name: $kind $(($inner))?,)*);
    };
    ($($(#[$doc:meta])* $name:ident: $kind:tt $(($inner:ty))?,)*) => {
        setters!(@each [] $($(#[$doc])* $name: $kind $(($inner))?,)*);
    };
    (@each $path:tt $($(#[$doc:meta])* $name:ident: $kind:tt $(($inner:ty))?,)*) => {
        $(setters!(@one $path $(#[$doc])* $name: $kind $(($inner))?);)*
    };
    (@one [$($path:tt)*] $(#[$doc:meta])* $name:ident: Some($inner:ty)) => {
        $(#[$doc])*
        pub fn $name(mut self, $name: $inner) -> Self {
            self$($path)*.$name = Some($name);
            self
        }
    };
    (@one [$($path:tt)*] $(#[$doc:meta])* $name:ident: Into($inner:ty)) => {
        $(#[$doc])*
        pub fn $name(mut self, $name: impl Into<$inner>) -> Self {
            self$($path)*.$name = $name.into();
            self
        }
    };
    (@one [$($path:tt)*] $(#[$doc:meta])* $name:ident: $kind:tt) => {
        $(#[$doc])*
        pub fn $name(mut self, $name: $kind) -> Self {
            self$($path)*.$name = $name;
            self
        }
    };
}

mod arguments;

mod activation;
mod activity_regularization;
mod batch_normalization;
mod concatenate;
mod conv;
mod conv_transpose;
mod cropping;
mod dense;
mod depthwise_conv;
mod dot;
mod dropout;
mod embedding;
mod encoding;
mod flatten;
mod global_pooling;
mod group_normalization;
mod layer_normalization;
mod masking;
mod merging;
mod noise;
mod permute;
mod pooling;
mod prelu;
mod relu;
mod repeat_vector;
mod rescaling;
mod reshape;
mod separable_conv;
mod softmax;
mod spatial;
mod text_vectorization;
mod unit_normalization;
mod up_sampling;
mod zero_padding;

pub use activation::ActivationLayer;
pub use activity_regularization::ActivityRegularization;
pub use batch_normalization::BatchNormalization;
pub use concatenate::Concatenate;
pub use conv::{Conv, Conv1D, Conv2D, Conv3D};
pub use conv_transpose::{Conv1DTranspose, Conv2DTranspose, Conv3DTranspose, ConvTranspose};
pub use cropping::{Cropping, Cropping1D, Cropping2D, Cropping3D};
pub use dense::Dense;
pub use depthwise_conv::{DepthwiseConv, DepthwiseConv1D, DepthwiseConv2D};
pub use dot::Dot;
pub use dropout::{Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D};
pub use embedding::Embedding;
pub use encoding::{BinMode, CategoryEncoding, Discretization};
pub use flatten::Flatten;
pub use global_pooling::{
    GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D, GlobalMaxPooling1D,
    GlobalMaxPooling2D, GlobalMaxPooling3D, GlobalPooling,
};
pub use group_normalization::GroupNormalization;
pub use layer_normalization::LayerNormalization;
pub use masking::Masking;
pub use merging::{Add, Average, Maximum, Minimum, Multiply, Subtract};
pub use noise::{AlphaDropout, GaussianDropout, GaussianNoise};
pub use permute::Permute;
pub use pooling::{
    AverageKind, AveragePooling1D, AveragePooling2D, AveragePooling3D, MaxKind, MaxPooling1D, MaxPooling2D,
    MaxPooling3D, Pooling, Statistic,
};
pub use prelu::PReLU;
pub use relu::{ELU, LeakyReLU, ReLU};
pub use repeat_vector::RepeatVector;
pub use rescaling::{Normalization, Numbers, Rescaling};
pub use reshape::Reshape;
pub use separable_conv::{SeparableConv, SeparableConv1D, SeparableConv2D};
pub use softmax::Softmax;
pub(crate) use spatial::Windows;
pub use spatial::{ChannelsLast, Lengths, Margins, Padding};
pub use text_vectorization::TextVectorization;
pub use unit_normalization::{RMSNormalization, UnitNormalization};
pub use up_sampling::{Interpolation, UpSampling, UpSampling1D, UpSampling2D, UpSampling3D};
pub use zero_padding::{ZeroPadding, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D};

/// `f(z)`; behind a softmax or sigmoid the value remembers `z`, so that a cross entropy trains through it.
pub(crate) fn activate<B: Backend>(z: DynTensor<B>, activation: Activation) -> Value<B> {
    match activation {
        Activation::Linear => z.into(),
        Activation::Softmax | Activation::Sigmoid => Value::activated(z, activation),
        _ => B::activate(z, activation).into(),
    }
}

/// `x gamma + beta` over the last axis, for the weights of these names that the layer has.
pub(crate) fn scale_and_shift<B: Backend>(x: DynTensor<B>, context: &Context<'_, B>) -> DynTensor<B> {
    let columns = *x.shape().last().expect("at least one axis");
    match (context.optional("gamma").is_some(), context.optional("beta")) {
        (false, None) => x,
        (false, Some(beta)) => B::add_bias(x, beta.reshape(&[columns])),
        (true, _) => {
            let [gamma, beta] = gamma_and_beta(columns, &x.device(), context);
            B::scale_and_shift(x, gamma, beta)
        }
    }
}

/// The weights `gamma` and `beta` as vectors; ones and zeros where the layer has none.
pub(crate) fn gamma_and_beta<B: Backend>(
    columns: usize,
    device: &B::Device,
    context: &Context<'_, B>,
) -> [DynTensor<B>; 2] {
    [("gamma", 1.0), ("beta", 0.0)].map(|(name, value)| match context.optional(name) {
        Some(weight) => weight.reshape(&[columns]),
        None => DynTensor::full(&[columns], value, device),
    })
}

/// The order that puts `axes`, ascending, behind the others, and the order back.
pub(crate) fn last_axes(rank: usize, axes: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..rank).filter(|axis| !axes.contains(axis)).collect();
    order.extend(axes);
    let mut back = vec![0; rank];
    order.iter().enumerate().for_each(|(at, &axis)| back[axis] = at);
    (order, back)
}

/// Adds every layer of this crate.
pub(crate) fn register<B: Backend>(registry: &mut Registry<B>) {
    registry.register::<ActivationLayer>().register::<ReLU>().register::<LeakyReLU>().register::<ELU>();
    registry.register::<PReLU>().register::<Softmax>();
    registry.register::<Dropout>().register::<SpatialDropout1D>().register::<SpatialDropout2D>();
    registry.register::<SpatialDropout3D>().register::<GaussianNoise>().register::<GaussianDropout>();
    registry.register::<AlphaDropout>().register::<ActivityRegularization>();
    registry.register::<Add>().register::<Subtract>().register::<Multiply>().register::<Average>();
    registry.register::<Maximum>().register::<Minimum>().register::<Concatenate>().register::<Dot>();
    registry.register::<BatchNormalization>().register::<LayerNormalization>();
    registry.register::<GroupNormalization>().register::<RMSNormalization>().register::<UnitNormalization>();
    registry.register::<Embedding>().register::<Masking>();
    registry.register::<TextVectorization>();
    registry.register::<Rescaling>().register::<Normalization>().register::<CategoryEncoding>();
    registry.register::<Discretization>();
    registry.register::<Dense>();
    registry.register::<Conv1D>().register::<Conv2D>().register::<Conv3D>();
    registry.register::<Conv1DTranspose>().register::<Conv2DTranspose>().register::<Conv3DTranspose>();
    registry.register::<DepthwiseConv1D>().register::<DepthwiseConv2D>();
    registry.register::<SeparableConv1D>().register::<SeparableConv2D>();
    registry.register::<MaxPooling1D>().register::<MaxPooling2D>().register::<MaxPooling3D>();
    registry.register::<AveragePooling1D>().register::<AveragePooling2D>().register::<AveragePooling3D>();
    registry
        .register::<GlobalMaxPooling1D>()
        .register::<GlobalMaxPooling2D>()
        .register::<GlobalMaxPooling3D>();
    registry.register::<GlobalAveragePooling1D>();
    registry.register::<GlobalAveragePooling2D>().register::<GlobalAveragePooling3D>();
    registry.register::<Flatten>().register::<Reshape>().register::<Permute>().register::<RepeatVector>();
    registry.register::<ZeroPadding1D>().register::<ZeroPadding2D>().register::<ZeroPadding3D>();
    registry.register::<Cropping1D>().register::<Cropping2D>().register::<Cropping3D>();
    registry.register::<UpSampling1D>().register::<UpSampling2D>().register::<UpSampling3D>();
}
