//! Slices in and out of the CPU backends' tensors, without a copy where the layout allows it.

use std::any::Any;

#[cfg(feature = "ndarray")]
use burn::backend::ndarray::NdArrayTensor;
#[cfg(feature = "flex")]
use burn::tensor::DType;
use burn::tensor::TensorMetadata;

use crate::DynTensor;

/// A primitive whose elements lie in host memory.
pub(crate) trait HostPrimitive: TensorMetadata + Sized {
    /// Row-major and without gaps: the same storage where it is so already, else a copy.
    fn into_standard(self) -> Self;

    /// The elements of a standard `f32` primitive.
    fn floats(&self) -> &[f32];

    /// The elements of a standard `f32` primitive, copied first if the storage is shared.
    fn floats_mut(&mut self) -> &mut [f32];

    /// The vector as a standard primitive.
    fn from_floats(values: Vec<f32>, shape: &[usize]) -> Self;
}

/// A CPU backend.
pub(crate) trait Host: burn::tensor::backend::Backend<FloatTensorPrimitive: HostPrimitive> {}

#[cfg(feature = "ndarray")]
impl Host for crate::NdArray<f32> {}
#[cfg(feature = "flex")]
impl Host for crate::Flex {}

/// The elements of a primitive of any backend, where it is a standard `f32` primitive of a CPU backend.
pub(crate) fn standard_floats(primitive: &dyn Any) -> Option<&[f32]> {
    #[cfg(feature = "flex")]
    if let Some(tensor) = primitive.downcast_ref::<burn::backend::flex::FlexTensor>() {
        let standard = tensor.dtype() == DType::F32 && tensor.is_contiguous();
        return standard.then(|| tensor.floats());
    }
    #[cfg(feature = "ndarray")]
    if let Some(tensor @ NdArrayTensor::F32(storage)) = primitive.downcast_ref::<NdArrayTensor>() {
        return storage.view().is_standard_layout().then(|| tensor.floats());
    }
    None
}

/// A tensor on a CPU backend.
pub(super) trait HostTensor {
    /// Row-major and without gaps.
    fn standard(self) -> Self;

    /// The elements of a standard tensor.
    fn floats(&self) -> &[f32];

    /// The elements of a standard tensor, copied first if the storage is shared.
    fn floats_mut(&mut self) -> &mut [f32];

    /// The vector as a tensor.
    fn from_floats(values: Vec<f32>, shape: &[usize]) -> Self;
}

impl<B: Host> HostTensor for DynTensor<B> {
    fn standard(self) -> Self {
        Self(self.0.into_standard())
    }

    fn floats(&self) -> &[f32] {
        self.0.floats()
    }

    fn floats_mut(&mut self) -> &mut [f32] {
        self.0.floats_mut()
    }

    fn from_floats(values: Vec<f32>, shape: &[usize]) -> Self {
        Self(B::FloatTensorPrimitive::from_floats(values, shape))
    }
}

#[cfg(feature = "ndarray")]
mod ndarray {
    use burn::backend::ndarray::{NdArrayTensor, SharedArray};

    use super::HostPrimitive;

    impl HostPrimitive for NdArrayTensor {
        fn into_standard(self) -> Self {
            match self {
                Self::F32(storage) if !storage.view().is_standard_layout() => {
                    let view = storage.view();
                    Self::from_floats(view.iter().copied().collect(), view.shape())
                }
                standard => standard,
            }
        }

        fn floats(&self) -> &[f32] {
            let Self::F32(storage) = self else { panic!("an f32 tensor, found {:?}", self) };
            let view = storage.view();
            assert!(view.is_standard_layout());
            // SAFETY: a standard view covers `len` consecutive elements that `self` owns, and `self` stays
            // borrowed as long as the slice lives; only the view's own, shorter lifetime stands in the way.
            unsafe { std::slice::from_raw_parts(view.as_ptr(), view.len()) }
        }

        fn floats_mut(&mut self) -> &mut [f32] {
            let Self::F32(storage) = self else { panic!("an f32 tensor") };
            storage.ensure_owned().as_slice_mut().expect("a standard tensor")
        }

        fn from_floats(values: Vec<f32>, shape: &[usize]) -> Self {
            SharedArray::<f32>::from_shape_vec(shape, values)
                .expect("as many values as the shape holds")
                .into()
        }
    }
}

#[cfg(feature = "flex")]
mod flex {
    use burn::backend::flex::{FlexTensor, Layout};
    use burn::tensor::{Bytes, DType, Shape};

    use super::HostPrimitive;

    impl HostPrimitive for FlexTensor {
        fn into_standard(self) -> Self {
            if self.is_contiguous() { self } else { self.to_contiguous() }
        }

        fn floats(&self) -> &[f32] {
            self.as_slice::<f32>().expect("a standard f32 tensor")
        }

        fn floats_mut(&mut self) -> &mut [f32] {
            let (start, end) = self.layout().contiguous_offsets().expect("a standard tensor");
            &mut self.storage_mut::<f32>()[start..end]
        }

        fn from_floats(values: Vec<f32>, shape: &[usize]) -> Self {
            FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(Shape::from(shape)), DType::F32)
        }
    }
}
