//! [`Indices`] and [`Mask`]: tensors of integers and of truth values whose rank is known at run time.

use burn::tensor::ops::{BoolTensor, IntTensor};
use burn::tensor::{
    Bool, Element, Int, Tensor, TensorData, TensorMetadata, backend::Backend as Burn, get_device_settings,
};

use crate::tensor::float_dtype;
use crate::{DynTensor, Error, Result};

/// A tensor of indices or class labels of any rank on backend `B`.
#[derive(Clone, Debug)]
pub struct Indices<B: Burn>(pub(crate) IntTensor<B>);

/// A tensor of truth values of any rank on backend `B`.
#[derive(Clone, Debug)]
pub struct Mask<B: Burn>(pub(crate) BoolTensor<B>);

impl<B: Burn> Indices<B> {
    /// The tensor of `shape` over `values` in row-major order.
    pub fn from_vec(values: Vec<i32>, shape: &[usize], device: &B::Device) -> Self {
        let data = TensorData::new(values, shape).convert_dtype(B::IntElem::dtype());
        Self(B::int_from_data(data, device))
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> Vec<usize> {
        self.0.shape().to_vec()
    }

    /// The same elements in another shape.
    pub fn reshape(self, shape: &[usize]) -> Self {
        Self(B::int_reshape(self.0, shape.into()))
    }

    /// The elements as floats.
    pub fn to_float(self) -> DynTensor<B> {
        DynTensor(B::int_into_float(self.0, float_dtype::<B>().into()))
    }

    /// The elements in row-major order, copied to the host.
    pub fn to_vec(&self) -> Vec<i32> {
        let data = self.clone().tensor_unchecked::<1>().into_data().convert::<i32>();
        data.to_vec().expect("the data was converted to i32")
    }

    /// Where the elements live.
    pub fn device(&self) -> B::Device {
        B::int_device(&self.0)
    }

    /// The truth of `i == value`, elementwise.
    pub fn equal_scalar(&self, value: i64) -> Mask<B> {
        let dtype = get_device_settings::<B>(&self.device()).bool_dtype;
        Mask(B::int_equal_elem(self.0.clone(), value.into(), dtype))
    }

    /// Burn's tensor of rank `D`.
    ///
    /// # Errors
    /// If the rank is another.
    pub fn tensor<const D: usize>(self) -> Result<Tensor<B, D, Int>> {
        match self.0.rank() {
            rank if rank == D => Ok(self.tensor_unchecked()),
            rank => Err(Error::shape("indices", format!("rank {rank}"), format!("rank {D}"))),
        }
    }

    fn tensor_unchecked<const D: usize>(self) -> Tensor<B, D, Int> {
        Tensor::from_primitive(self.0)
    }
}

impl<B: Burn, const D: usize> From<Tensor<B, D, Int>> for Indices<B> {
    fn from(tensor: Tensor<B, D, Int>) -> Self {
        Self(tensor.into_primitive())
    }
}

impl<B: Burn> Mask<B> {
    /// The mask of `shape` over `values` in row-major order.
    pub fn from_vec(values: Vec<bool>, shape: &[usize], device: &B::Device) -> Self {
        let data = TensorData::new(values, [shape.iter().product::<usize>()]);
        Self::from(Tensor::<B, 1, Bool>::from_data(data, device)).reshape(shape)
    }

    /// The truth values in row-major order, copied to the host.
    pub fn to_vec(&self) -> Vec<bool> {
        let len = self.shape().iter().product();
        let flat = Tensor::<B, 1, Bool>::from_primitive(self.clone().reshape(&[len]).0);
        flat.into_data().iter::<bool>().collect()
    }

    /// Where the truth values live.
    pub fn device(&self) -> B::Device {
        B::bool_device(&self.0)
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> Vec<usize> {
        self.0.shape().to_vec()
    }

    /// True becomes false and false true.
    #[allow(clippy::should_implement_trait)]
    pub fn not(self) -> Self {
        Self(B::bool_not(self.0))
    }

    /// Both hold.
    pub fn and(self, other: Self) -> Self {
        Self(B::bool_and(self.0, other.0))
    }

    /// At least one holds.
    pub fn or(self, other: Self) -> Self {
        Self(B::bool_or(self.0, other.0))
    }

    /// The elements along `axis` in the opposite order.
    pub fn flip(self, axis: usize) -> Self {
        Self(B::bool_flip(self.0, &[axis]))
    }

    /// Masks joined along `axis`.
    pub fn concatenate(parts: Vec<Self>, axis: usize) -> Self {
        Self(B::bool_cat(parts.into_iter().map(|part| part.0).collect(), axis))
    }

    /// 1 where it holds, else 0.
    pub fn to_float(self) -> DynTensor<B> {
        DynTensor(B::bool_into_float(self.0, float_dtype::<B>().into()))
    }

    /// The same elements in another shape.
    pub fn reshape(self, shape: &[usize]) -> Self {
        Self(B::bool_reshape(self.0, shape.into()))
    }

    /// The axes of length 1 stretched to `shape`.
    pub fn expand(self, shape: &[usize]) -> Self {
        Self(B::bool_expand(self.0, shape.into()))
    }
}

impl<B: Burn, const D: usize> From<Tensor<B, D, Bool>> for Mask<B> {
    fn from(tensor: Tensor<B, D, Bool>) -> Self {
        Self(tensor.into_primitive())
    }
}
