//! Operation families: what [`Backend`](crate::Backend) adds to Burn's backends.
//!
//! A family is one file: the equation, a trait whose methods have default bodies composed of Burn's operations
//! (the reference in tests, and what runs on a backend that overrides nothing), the vector-Jacobian product, and
//! the implementation for `Autodiff`, which records one node. The CPU kernels that NdArray and Flex share are in
//! `cpu/`, under the family's name.

pub(crate) mod activation;
mod attention;
mod bag_classifier;
pub(crate) mod conv;
pub(crate) mod dense;
pub(crate) mod dropout;
pub(crate) mod embedding;
pub(crate) mod loss;
mod normalization;
pub(crate) mod optimizer;
mod pool;
pub(crate) mod recurrent;
mod word_vectors;

pub use activation::{Activation, ActivationOps};
pub use attention::{AttentionOps, AttentionOptions};
pub use bag_classifier::BagClassifierOps;
pub use conv::{BeforePool, ConvGeometry, ConvOps, ConvPool};
pub use dense::DenseOps;
pub use dropout::DropoutOps;
pub use embedding::{EmbeddingOps, distinct};
pub use loss::LossOps;
pub use normalization::NormalizationOps;
pub use optimizer::{OptimizerOps, Slots, UpdateRule};
pub use pool::{PoolKind, PoolOps, Window};
pub use recurrent::{Places, Recurrence, RecurrentCell, RecurrentInputs, RecurrentOps, Steps, Unrolled};
#[cfg(any(feature = "flex", feature = "ndarray"))]
pub(crate) use word_vectors::Example;
pub use word_vectors::{Examples, Hidden, WordVectorOps};

use std::sync::{Arc, Mutex};

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::backend::{AutodiffBackend, Backend as Burn};

use crate::DynTensor;

/// The cotangents of `N` parents from the state that the forward pass kept, the cotangent of the output, and
/// which parents want one.
type Vjp<B, S, const N: usize> = fn(S, DynTensor<B>, [bool; N]) -> [Option<DynTensor<B>>; N];

/// Runs `forward` on the plain tensors of `parents` and records one node with the vector-Jacobian product `vjp`.
fn record<B: Burn, C: CheckpointStrategy, S, const N: usize>(
    parents: [DynTensor<Autodiff<B, C>>; N],
    forward: impl FnOnce([DynTensor<B>; N]) -> (DynTensor<B>, S),
    vjp: Vjp<B, S, N>,
) -> DynTensor<Autodiff<B, C>>
where
    S: Clone + Send + std::fmt::Debug + 'static,
{
    let nodes = parents.each_ref().map(|parent| parent.0.node.clone());
    // While the output is not recorded, these keep another thread's backward pass from clearing the parents away.
    let _kept = parents.each_ref().map(|parent| parent.0.rc.clone());
    let (output, state) = forward(parents.map(|parent| DynTensor(parent.0.primitive)));
    DynTensor(match (Node { vjp }).prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(state, output.0),
        OpsKind::UnTracked(prepared) => prepared.finish(output.0),
    })
}

/// The cotangents of `N` parents as in [`Vjp`], from those of an output and, where the loss depends on it, of a state.
type VjpWithState<B, S, const N: usize> =
    fn(S, DynTensor<B>, Option<DynTensor<B>>, [bool; N]) -> [Option<DynTensor<B>>; N];

/// The cotangent of the second output, left by its node for the node of the first.
type Left<B> = Arc<Mutex<Option<DynTensor<B>>>>;

/// [`record`] of an operation with two outputs. The node of the first has the vector-Jacobian product; that of the second
/// is its child, which therefore runs before it, and leaves the cotangent of the second output.
fn record_with_state<B: Burn, C: CheckpointStrategy, S, const N: usize>(
    parents: [DynTensor<Autodiff<B, C>>; N],
    forward: impl FnOnce([DynTensor<B>; N]) -> ([DynTensor<B>; 2], S),
    vjp: VjpWithState<B, S, N>,
) -> [DynTensor<Autodiff<B, C>>; 2]
where
    S: Clone + Send + std::fmt::Debug + 'static,
{
    let left = Left::<B>::default();
    let mut second = None;
    let first = record(
        parents,
        |parents| {
            let ([first, state], kept) = forward(parents);
            second = Some((state, first.shape()));
            (first, (kept, left.clone(), vjp))
        },
        |(kept, left, vjp), dfirst, wanted| {
            let dsecond = left.lock().expect("taking a tensor does not panic").take();
            vjp(kept, dfirst, dsecond, wanted)
        },
    );
    let (second, shape) = second.expect("the forward pass has run");
    let second = record(
        [first.clone()],
        |_| (second, (left, shape)),
        |(left, shape), dsecond, _| {
            let zeros = DynTensor::zeros(&shape, &dsecond.device());
            *left.lock().expect("leaving a tensor does not panic") = Some(dsecond);
            // The parent takes a cotangent of its own output, whether or not the loss depends on that.
            [Some(zeros)]
        },
    );
    [first, second]
}

struct Node<B: Burn, S, const N: usize> {
    vjp: Vjp<B, S, N>,
}

impl<B: Burn, S, const N: usize> std::fmt::Debug for Node<B, S, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}

impl<B: Burn, S, const N: usize> Backward<B, N> for Node<B, S, N>
where
    S: Clone + Send + std::fmt::Debug + 'static,
{
    type State = S;

    fn backward(self, ops: Ops<S, N>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let cotangent = DynTensor(grads.consume::<B>(&ops.node));
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let cotangents = (self.vjp)(ops.state, cotangent, wanted);
        for (parent, cotangent) in ops.parents.into_iter().zip(cotangents) {
            if let (Some(parent), Some(cotangent)) = (parent, cotangent) {
                grads.register::<B>(parent.id, cotangent.0);
            }
        }
    }
}

/// The plain tensor under a tensor on an autodiff backend.
fn inner<B: Burn, C: CheckpointStrategy>(tensor: DynTensor<Autodiff<B, C>>) -> DynTensor<B> {
    DynTensor(tensor.0.primitive)
}

/// A plain tensor as a constant on an autodiff backend.
fn constant<B: Burn, C: CheckpointStrategy>(tensor: DynTensor<B>) -> DynTensor<Autodiff<B, C>> {
    DynTensor(<Autodiff<B, C> as AutodiffBackend>::from_inner(tensor.0))
}
