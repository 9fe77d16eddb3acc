//! [`DynTensor`]: a float tensor whose rank is known at run time, as layers need it.
//!
//! Burn's [`Tensor`] carries its rank in the type, which is right for a network written by hand and in the way
//! of a layer that takes any rank. A [`DynTensor`] wraps the same primitive and turns into a `Tensor` and back at
//! no cost. Binary operations broadcast axes of length 1 between equal ranks.
//!
//! Methods panic where shapes do not fit: shapes are checked once, when a model is built or first called.

use burn::tensor::ops::FloatTensor;
use burn::tensor::{
    DType, Element, Slice, Tensor, TensorData, TensorMetadata, TensorPrimitive, backend::Backend as Burn,
    get_device_settings,
};

use crate::{Array, Error, Indices, Mask, Result};

/// A float tensor of any rank on backend `B`.
#[derive(Clone, Debug)]
pub struct DynTensor<B: Burn>(pub(crate) FloatTensor<B>);

/// The element type of `B`'s float tensors.
pub(crate) fn float_dtype<B: Burn>() -> DType {
    B::FloatElem::dtype()
}

impl<B: Burn> DynTensor<B> {
    /// The tensor of `shape` over `values` in row-major order.
    ///
    /// # Panics
    /// If the shape holds another number of values.
    pub fn from_vec(values: Vec<f32>, shape: &[usize], device: &B::Device) -> Self {
        let data = TensorData::new(values, shape).convert_dtype(float_dtype::<B>());
        Self(B::float_from_data(data, device))
    }

    /// The tensor of `shape` over `values` in row-major order, rounded to the backend's element type.
    ///
    /// # Panics
    /// If the shape holds another number of values.
    pub fn from_f64(values: Vec<f64>, shape: &[usize], device: &B::Device) -> Self {
        let data = TensorData::new(values, shape).convert_dtype(float_dtype::<B>());
        Self(B::float_from_data(data, device))
    }

    /// A host array on the device.
    pub fn from_array(array: &Array, device: &B::Device) -> Self {
        Self::from_owned_array(array.clone(), device)
    }

    /// [`Self::from_array`], without a copy if nobody else holds the array and the device is the host.
    pub fn from_owned_array(array: Array, device: &B::Device) -> Self {
        let shape = array.shape().to_vec();
        Self::from_vec(array.into_f32(), &shape, device)
    }

    /// Every element `value`.
    pub fn full(shape: &[usize], value: f64, device: &B::Device) -> Self {
        Self(B::float_full(shape.into(), value.into(), device, float_dtype::<B>().into()))
    }

    /// Zeros.
    pub fn zeros(shape: &[usize], device: &B::Device) -> Self {
        Self(B::float_zeros(shape.into(), device, float_dtype::<B>().into()))
    }

    /// Zeros of this tensor's shape on its device.
    pub fn zeros_like(&self) -> Self {
        Self::zeros(&self.shape(), &self.device())
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> Vec<usize> {
        self.0.shape().to_vec()
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.0.rank()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.0.shape().num_elements()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the elements live.
    pub fn device(&self) -> B::Device {
        B::float_device(&self.0)
    }

    /// The elements in row-major order, copied to the host.
    pub fn to_vec(&self) -> Vec<f32> {
        // burn-ndarray collects element by element, at thirty times the cost of a copy.
        #[cfg(any(feature = "flex", feature = "ndarray"))]
        if let Some(values) = crate::cpu::host::standard_floats(&self.0) {
            return values.to_vec();
        }
        let data = self.clone().tensor_unchecked::<1>().into_data().convert::<f32>();
        data.to_vec().expect("the data was converted to f32")
    }

    /// The elements in row-major order in double precision, copied to the host.
    pub fn to_f64(&self) -> Vec<f64> {
        let data = self.clone().tensor_unchecked::<1>().into_data().convert::<f64>();
        data.to_vec().expect("the data was converted to f64")
    }

    /// The tensor as a host array (rank 0 becomes `[1]`).
    pub fn to_array(&self) -> Array {
        let shape = if self.rank() == 0 { vec![1] } else { self.shape() };
        Array::from_vec(shape, self.to_vec()).expect("a tensor holds as many values as its shape")
    }

    /// The single element of a tensor of one element.
    pub fn to_scalar(&self) -> f64 {
        debug_assert_eq!(self.len(), 1);
        self.to_f64()[0]
    }

    /// Burn's tensor of rank `D`.
    ///
    /// # Errors
    /// If the rank is another.
    pub fn tensor<const D: usize>(self) -> Result<Tensor<B, D>> {
        match self.rank() {
            rank if rank == D => Ok(self.tensor_unchecked()),
            rank => {
                Err(Error::shape("tensor", format!("{:?} (rank {rank})", self.shape()), format!("rank {D}")))
            }
        }
    }

    fn tensor_unchecked<const D: usize>(self) -> Tensor<B, D> {
        Tensor::from_primitive(TensorPrimitive::Float(self.0))
    }

    /// The same elements in another shape.
    pub fn reshape(self, shape: &[usize]) -> Self {
        if self.0.shape().as_slice() == shape {
            return self;
        }
        Self(B::float_reshape(self.0, shape.into()))
    }

    /// The elements as rows of the last axis: `[rows, last]`.
    pub fn rows(self) -> Self {
        let last = *self.shape().last().expect("at least one axis");
        let rows = self.len() / last.max(1);
        self.reshape(&[rows, last])
    }

    /// The axes in another order: axis `i` of the result is axis `axes[i]` of this tensor.
    pub fn permute(self, axes: &[usize]) -> Self {
        Self(B::float_permute(self.0, axes))
    }

    /// The transpose of a matrix.
    pub fn t(self) -> Self {
        self.permute(&[1, 0])
    }

    /// The matrix product over the last two axes; leading axes broadcast.
    pub fn matmul(self, other: Self) -> Self {
        Self(B::float_matmul(self.0, other.0))
    }

    /// The elements `start`, `start + step`, ... below `end` of `axis`.
    pub fn slice(self, axis: usize, start: usize, end: usize, step: usize) -> Self {
        if start == 0 && step == 1 && end == self.shape()[axis] {
            return self;
        }
        let mut slices = vec![Slice::full(); self.rank()];
        slices[axis] = Slice::new(start as isize, Some(end as isize), step as isize);
        Self(B::float_slice(self.0, &slices))
    }

    /// This tensor with `values` in the place of the elements from `start` on along `axis`; without a copy where
    /// nothing else holds the tensor.
    pub fn assign(self, axis: usize, start: usize, values: Self) -> Self {
        let mut slices = vec![Slice::full(); self.rank()];
        slices[axis] = Slice::new(start as isize, Some((start + values.shape()[axis]) as isize), 1);
        Self(B::float_slice_assign(self.0, &slices, values.0))
    }

    /// Tensors joined along `axis`.
    pub fn concatenate(parts: Vec<Self>, axis: usize) -> Self {
        Self(B::float_cat(parts.into_iter().map(|part| part.0).collect(), axis))
    }

    /// `axis` with `before` and `after` more elements of `value`.
    pub fn pad(self, axis: usize, before: usize, after: usize, value: f64) -> Self {
        if before == 0 && after == 0 {
            return self;
        }
        let (mut shape, device) = (self.shape(), self.device());
        let mut fill = |len: usize| {
            shape[axis] = len;
            Self::full(&shape, value, &device)
        };
        let mut parts = vec![];
        if before > 0 {
            parts.push(fill(before));
        }
        let end = (after > 0).then(|| fill(after));
        parts.push(self);
        parts.extend(end);
        Self::concatenate(parts, axis)
    }

    /// `step - 1` zeros between neighbours along `axis`: length `n` becomes `(n - 1) * step + 1`.
    pub fn spread(self, axis: usize, step: usize) -> Self {
        let shape = self.shape();
        if step == 1 || shape[axis] == 0 {
            return self;
        }
        let mut split = shape.clone();
        split.insert(axis + 1, 1);
        let mut joined = shape.clone();
        joined[axis] *= step;
        let spread = self.reshape(&split).pad(axis + 1, 0, step - 1, 0.0).reshape(&joined);
        spread.slice(axis, 0, (shape[axis] - 1) * step + 1, 1)
    }

    /// The elements along `axis` in the opposite order.
    pub fn flip(self, axis: usize) -> Self {
        Self(B::float_flip(self.0, &[axis]))
    }

    /// The axes of length 1 stretched to `shape`.
    pub fn expand(self, shape: &[usize]) -> Self {
        Self(B::float_expand(self.0, shape.into()))
    }

    /// The sum of all elements, `[1]`.
    pub fn sum(self) -> Self {
        Self(B::float_sum(self.0))
    }

    /// The mean of all elements, `[1]`.
    pub fn mean(self) -> Self {
        let count = self.len();
        self.sum().mul_scalar(1.0 / count as f64)
    }

    /// The sum over `axis`, which stays with length 1.
    pub fn sum_axis(self, axis: usize) -> Self {
        if self.shape()[axis] == 1 {
            return self;
        }
        Self(B::float_sum_dim(self.0, axis))
    }

    /// The mean over `axis`, which stays with length 1.
    pub fn mean_axis(self, axis: usize) -> Self {
        let count = self.shape()[axis];
        self.sum_axis(axis).mul_scalar(1.0 / count as f64)
    }

    /// The largest element along `axis`, which stays with length 1.
    pub fn max_axis(self, axis: usize) -> Self {
        Self(B::float_max_dim(self.0, axis))
    }

    /// The position of the first largest element along `axis`, which stays with length 1.
    pub fn argmax(self, axis: usize) -> Indices<B> {
        Indices(B::float_argmax(self.0, axis, B::IntElem::dtype().into()))
    }

    /// The rows of axis 0 at `indices`.
    pub fn select(self, axis: usize, indices: Indices<B>) -> Self {
        Self(B::float_select(self.0, axis, indices.0))
    }

    /// `self` without its graph: no gradient flows back through the result.
    pub fn detach(self) -> Self {
        Self(B::float_detach(self.0))
    }

    /// The elements as indices, truncated.
    pub fn to_indices(self) -> Indices<B> {
        Indices(B::float_into_int(self.0, B::IntElem::dtype().into()))
    }

    /// The truth of `x < value`, elementwise.
    pub fn less_scalar(&self, value: f64) -> Mask<B> {
        Mask(B::float_lower_elem(self.0.clone(), value.into(), self.bool_dtype()))
    }

    /// The truth of `x <= value`, elementwise.
    pub fn less_equal_scalar(&self, value: f64) -> Mask<B> {
        Mask(B::float_lower_equal_elem(self.0.clone(), value.into(), self.bool_dtype()))
    }

    /// The truth of `x == value`, elementwise.
    pub fn equal_scalar(&self, value: f64) -> Mask<B> {
        Mask(B::float_equal_elem(self.0.clone(), value.into(), self.bool_dtype()))
    }

    /// The truth of `x < y`, elementwise.
    pub fn less(&self, other: &Self) -> Mask<B> {
        Mask(B::float_lower(self.0.clone(), other.0.clone(), self.bool_dtype()))
    }

    /// The truth of `x == y`, elementwise.
    pub fn equal(&self, other: &Self) -> Mask<B> {
        Mask(B::float_equal(self.0.clone(), other.0.clone(), self.bool_dtype()))
    }

    fn bool_dtype(&self) -> burn::tensor::BoolDType {
        get_device_settings::<B>(&self.device()).bool_dtype
    }

    /// `value` where the mask holds, else this tensor.
    pub fn fill_where(self, mask: Mask<B>, value: f64) -> Self {
        Self(B::float_mask_fill(self.0, mask.0, value.into()))
    }

    /// `other` where the mask holds, else this tensor.
    pub fn replace_where(self, mask: Mask<B>, other: Self) -> Self {
        Self(B::float_mask_where(self.0, mask.0, other.0))
    }
}

macro_rules! elementwise {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $kind:ty),*) => $op:ident($($use:expr),*);)*) => {
        // Methods, not operators: Burn's tensors read the same way, and a chain of them reads in order.
        #[allow(clippy::should_implement_trait)]
        impl<B: Burn> DynTensor<B> {
            $($(#[$doc])* pub fn $name(self, $($arg: $kind),*) -> Self { Self(B::$op(self.0, $($use),*)) })*
        }
    };
}

elementwise! {
    /// `x + y`.
    add(other: Self) => float_add(other.0);
    /// `x - y`.
    sub(other: Self) => float_sub(other.0);
    /// `x * y`, elementwise.
    mul(other: Self) => float_mul(other.0);
    /// `x / y`, elementwise.
    div(other: Self) => float_div(other.0);
    /// `x + c`.
    add_scalar(value: f64) => float_add_scalar(value.into());
    /// `x * c`.
    mul_scalar(value: f64) => float_mul_scalar(value.into());
    /// `max(x, c)`.
    clamp_min(value: f64) => float_clamp_min(value.into());
    /// `min(x, c)`.
    clamp_max(value: f64) => float_clamp_max(value.into());
    /// `-x`.
    neg() => float_neg();
    /// `1 / x`.
    recip() => float_recip();
    /// `e^x`.
    exp() => float_exp();
    /// The natural logarithm.
    log() => float_log();
    /// `log(1 + x)`.
    log1p() => float_log1p();
    /// The square root.
    sqrt() => float_sqrt();
    /// `|x|`.
    abs() => float_abs();
    /// The hyperbolic tangent.
    tanh() => float_tanh();
    /// The error function.
    erf() => float_erf();
    /// The sign: -1, 0 or 1.
    sign() => float_sign();
    /// The largest integer not above `x`.
    floor() => float_floor();
}

impl<B: Burn> DynTensor<B> {
    /// `x * x`.
    pub fn square(self) -> Self {
        self.clone().mul(self)
    }

    /// `1 / (1 + e^-x)`, in the precision of the tensor.
    pub fn sigmoid(self) -> Self {
        self.mul_scalar(0.5).tanh().mul_scalar(0.5).add_scalar(0.5)
    }

    /// `log(1 + e^x)`, without overflow.
    pub fn softplus(self) -> Self {
        let tail = self.clone().abs().neg().exp().log1p();
        self.clamp_min(0.0).add(tail)
    }

    /// The elementwise maximum; where equal, of this tensor.
    pub fn maximum(self, other: Self) -> Self {
        let mask = self.less(&other);
        self.replace_where(mask, other)
    }

    /// The elementwise minimum; where equal, of this tensor.
    pub fn minimum(self, other: Self) -> Self {
        let mask = other.less(&self);
        self.replace_where(mask, other)
    }

    /// `softmax` over the last axis.
    pub fn softmax(self) -> Self {
        let last = self.rank() - 1;
        let shifted = self.clone().sub(self.detach().max_axis(last)).exp();
        let total = shifted.clone().sum_axis(last);
        shifted.div(total)
    }

    /// `log softmax` over the last axis.
    pub fn log_softmax(self) -> Self {
        let last = self.rank() - 1;
        let shifted = self.clone().sub(self.detach().max_axis(last));
        let total = shifted.clone().exp().sum_axis(last).log();
        shifted.sub(total)
    }
}

/// A tensor of another element type, as `Tensor::cast` makes, is converted to the backend's own.
impl<B: Burn, const D: usize> From<Tensor<B, D>> for DynTensor<B> {
    fn from(tensor: Tensor<B, D>) -> Self {
        let primitive = tensor.into_primitive().tensor();
        match primitive.dtype() == float_dtype::<B>() {
            true => Self(primitive),
            false => Self(B::float_cast(primitive, float_dtype::<B>().into())),
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::{
        Flex,
        ops::{Activation, DenseOps},
    };

    #[test]
    fn another_element_type_is_converted() {
        let x = Tensor::<Flex, 2>::from_data([[0.5, -2.0]], &Default::default());
        let x: DynTensor<Flex> = x.cast(DType::F64).into();
        let identity = DynTensor::from_vec(vec![1.0, 0.0, 0.0, 1.0], &[2, 2], &x.device());
        assert_eq!(Flex::dense(x, identity, None, Activation::Linear).to_vec(), [0.5, -2.0]);
    }
}
