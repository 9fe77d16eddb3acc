//! Between a plain backend and its autodiff twin: weights are lifted for a step and lowered after it.

use burn::tensor::backend::AutodiffBackend;

use crate::{Autodiff, Backend, DynTensor, Indices, Mask, Value};

/// The gradients of one backward pass.
pub struct Gradients<B: Backend>(<Autodiff<B> as AutodiffBackend>::Gradients);

impl<B: Backend> Gradients<B> {
    /// Takes the gradient of a lifted tensor out.
    pub fn remove(&mut self, tensor: &DynTensor<Autodiff<B>>) -> Option<DynTensor<B>> {
        Autodiff::<B>::grad_remove(&tensor.0, &mut self.0).map(DynTensor)
    }
}

impl<B: Backend> DynTensor<B> {
    /// The tensor on the autodiff backend, as a leaf that wants a gradient or as a constant.
    pub fn lift(self, requires_grad: bool) -> DynTensor<Autodiff<B>> {
        let lifted = Autodiff::<B>::from_inner(self.0);
        DynTensor(if requires_grad { lifted.require_grad() } else { lifted })
    }
}

impl<B: Backend> DynTensor<Autodiff<B>> {
    /// The plain tensor.
    pub fn lower(self) -> DynTensor<B> {
        DynTensor(Autodiff::<B>::inner(self.0))
    }

    /// The gradients of a scalar by every leaf that wants one.
    pub fn backward(self) -> Gradients<B> {
        Gradients(Autodiff::<B>::backward(self.0))
    }
}

impl<B: Backend> Indices<B> {
    /// The indices on the autodiff backend.
    pub fn lift(self) -> Indices<Autodiff<B>> {
        Indices(self.0)
    }
}

impl<B: Backend> Indices<Autodiff<B>> {
    /// The indices on the plain backend.
    pub fn lower(self) -> Indices<B> {
        Indices(self.0)
    }
}

impl<B: Backend> Mask<B> {
    /// The mask on the autodiff backend.
    pub fn lift(self) -> Mask<Autodiff<B>> {
        Mask(self.0)
    }
}

impl<B: Backend> Mask<Autodiff<B>> {
    /// The mask on the plain backend.
    pub fn lower(self) -> Mask<B> {
        Mask(self.0)
    }
}

impl<B: Backend> Value<B> {
    /// The value on the autodiff backend, a constant.
    pub fn lift(self) -> Value<Autodiff<B>> {
        self.convert(|tensor| tensor.lift(false), Indices::lift, Mask::lift)
    }
}

impl<B: Backend> Value<Autodiff<B>> {
    /// The plain value.
    pub fn lower(self) -> Value<B> {
        self.convert(DynTensor::lower, Indices::lower, Mask::lower)
    }
}
