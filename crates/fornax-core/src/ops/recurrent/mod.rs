//! Recurrent layers over whole sequences: the Elman network, LSTM and GRU.
//!
//! With `x_t [batch, features]`, `h [batch, units]`, kernel `W`, recurrent kernel `U` and bias `b`, `f` the activation, `s`
//! the recurrent activation and `*` elementwise:
//! - **simple** (Elman 1990): `h_t = f(x_t W + h_{t-1} U + b)`
//! - **LSTM** (Hochreiter and Schmidhuber 1997; gates in the order i, f, g, o): `z = x_t W + h_{t-1} U + b`,
//!   `i, f, o = s(z)`, `g = f(z)`, `c_t = f * c_{t-1} + i * g`, `h_t = o * f(c_t)`
//! - **GRU** (Cho et al. 2014; gates in the order z, r, n): `z, r = s(x_t W + h_{t-1} U + b)`,
//!   `h_t = z * h_{t-1} + (1 - z) * n` with `n = f(x_t W_n + b_n + r * (h_{t-1} U_n + b'_n))`, or, with the reset gate
//!   before the product, `n = f(x_t W_n + b_n + (r * h_{t-1}) U_n)`
//!
//! A time step that the mask leaves out holds the state and repeats the output before it, as in Keras.

mod reference;

use std::sync::Arc;

use burn::backend::{Autodiff, autodiff::checkpoint::strategy::CheckpointStrategy};
use burn::tensor::backend::Backend as Burn;

use super::{Activation, record_with_state};
use crate::{DynTensor, Error, Indices, Philox, Result};

/// The equations of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecurrentCell {
    /// The Elman network.
    Simple,
    /// Long short-term memory.
    Lstm,
    /// The gated recurrent unit.
    Gru {
        /// Whether the reset gate acts behind the product with the recurrent kernel, which then has a bias of its own.
        reset_after: bool,
    },
}

impl RecurrentCell {
    /// Blocks of `units` columns in the kernels.
    pub fn gates(self) -> usize {
        match self {
            Self::Simple => 1,
            Self::Lstm => 4,
            Self::Gru { .. } => 3,
        }
    }

    /// States of `units` numbers: 2 for LSTM, `h` and `c`, else 1.
    pub fn states(self) -> usize {
        if self == Self::Lstm { 2 } else { 1 }
    }

    /// The shape of the bias.
    pub fn bias_shape(self, units: usize) -> Vec<usize> {
        match self {
            Self::Gru { reset_after: true } => vec![2, 3 * units],
            _ => vec![self.gates() * units],
        }
    }
}

/// The time steps of a batch that count, known on the host.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    /// `[batch, time]`; none where all count.
    mask: Option<Arc<[bool]>>,
}

impl Steps {
    /// All.
    pub fn all() -> Self {
        Self::default()
    }

    /// The first `lengths[row]` of `time` steps.
    ///
    /// ```
    /// use fornax_core::ops::Steps;
    ///
    /// assert!(Steps::lengths(&[3, 1], 3).is_ok());
    /// let error = Steps::lengths(&[3, 0], 3).unwrap_err();
    /// assert_eq!(error.to_string(), "length of sequence 1: found 0, wanted 1 to 3");
    /// ```
    ///
    /// # Errors
    /// If a length is 0 or over `time`.
    pub fn lengths(lengths: &[usize], time: usize) -> Result<Self> {
        if let Some((row, &length)) = lengths.iter().enumerate().find(|(_, len)| **len == 0 || **len > time) {
            let wanted = format!("1 to {time}");
            return Err(Error::argument(format!("length of sequence {row}"), length, wanted));
        }
        let mask = lengths.iter().flat_map(|&length| (0..time).map(move |t| t < length)).collect();
        Self::mask(mask, lengths.len(), time)
    }

    /// Those where the mask `[batch, time]`, row by row, holds.
    ///
    /// # Errors
    /// If it has another number of elements.
    pub fn mask(mask: Vec<bool>, batch: usize, time: usize) -> Result<Self> {
        if mask.len() != batch * time {
            let wanted = format!("{batch} x {time}, one a sequence and time step");
            return Err(Error::shape("mask", format!("{} truth values", mask.len()), wanted));
        }
        let all = mask.iter().all(|&counts| counts);
        Ok(Self { mask: (!all).then(|| mask.into()) })
    }

    /// The truth values `[batch, time]`, none where all count.
    pub fn truth(&self) -> Option<&[bool]> {
        self.mask.as_deref()
    }
}

/// The row of a table that each time step of a batch takes, known on the host.
#[derive(Clone, Debug)]
pub struct Places {
    rows: Arc<[u32]>,
    shape: [usize; 2],
}

impl Places {
    /// Those of `rows [batch, time]`, a sequence behind the other.
    ///
    /// # Errors
    /// If it has another number of elements.
    pub fn new(rows: Vec<u32>, batch: usize, time: usize) -> Result<Self> {
        if rows.len() != batch * time {
            let wanted = format!("{batch} x {time}, one a sequence and time step");
            return Err(Error::shape("places", format!("{} rows", rows.len()), wanted));
        }
        Ok(Self { rows: rows.into(), shape: [batch, time] })
    }

    /// The rows, `[batch, time]`.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// `[batch, time]`.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    fn indices<B: Burn>(&self, device: &B::Device) -> Indices<B> {
        Indices::from_vec(self.rows.iter().map(|&row| row as i32).collect(), &self.shape, device)
    }
}

/// How a recurrent layer runs.
#[derive(Clone, Debug)]
pub struct Recurrence {
    /// The equations.
    pub cell: RecurrentCell,
    /// `f`.
    pub activation: Activation,
    /// `s`.
    pub recurrent_activation: Activation,
    /// The time steps that count.
    pub steps: Steps,
    /// The row of `x [rows, features]` that each time step takes; none where `x` is `[batch, time, features]`. What is computed
    /// from a row is then computed once for all steps that take it.
    pub places: Option<Places>,
    /// Whether time runs from the last step to the first; outputs stay at the time of their input.
    pub reverse: bool,
    /// Whether the output is that of each time step, or the last one alone.
    pub return_sequences: bool,
    /// Whether the output of a step that does not count is 0 instead of the one before it.
    pub zero_output_for_mask: bool,
    /// In the products with `U`, the state is dropped by one mask `[batch, units]` for the sequence, at this rate.
    pub recurrent_dropout: Option<(f64, Philox)>,
}

impl Recurrence {
    /// Forward in time over all steps, with the activations tanh and sigmoid.
    pub fn new(cell: RecurrentCell, return_sequences: bool) -> Self {
        Self {
            cell,
            activation: Activation::Tanh,
            recurrent_activation: Activation::Sigmoid,
            steps: Steps::all(),
            places: None,
            reverse: false,
            return_sequences,
            zero_output_for_mask: false,
            recurrent_dropout: None,
        }
    }

    /// Whether the hand-written vector-Jacobian product holds: slopes are functions of the outputs.
    fn has_vjp(&self) -> bool {
        self.activation.slope_from_output() && self.recurrent_activation.slope_from_output()
    }
}

/// What a recurrent layer computes from.
#[derive(Clone, Debug)]
pub struct RecurrentInputs<B: Burn> {
    /// `[batch, time, features]`, or `[rows, features]` where each time step has its place among them.
    pub x: DynTensor<B>,
    /// `W [features, gates * units]`.
    pub kernel: DynTensor<B>,
    /// `U [units, gates * units]`.
    pub recurrent_kernel: DynTensor<B>,
    /// `b [gates * units]`; for a GRU with the reset gate behind the product `[2, gates * units]`.
    pub bias: DynTensor<B>,
    /// The states before the first step, `[states, batch, units]`.
    pub states: DynTensor<B>,
}

impl<B: Burn> RecurrentInputs<B> {
    pub(crate) fn from_array([x, kernel, recurrent_kernel, bias, states]: [DynTensor<B>; 5]) -> Self {
        Self { x, kernel, recurrent_kernel, bias, states }
    }

    pub(crate) fn into_array(self) -> [DynTensor<B>; 5] {
        [self.x, self.kernel, self.recurrent_kernel, self.bias, self.states]
    }
}

/// The results of a run.
#[derive(Clone, Debug)]
pub struct Unrolled<B: Burn> {
    /// `[batch, time, units]`, or `[batch, units]` of the last step.
    pub output: DynTensor<B>,
    /// The states behind the last step, `[states, batch, units]`.
    pub states: DynTensor<B>,
}

/// Recurrent layers on a backend.
pub trait RecurrentOps: Burn {
    /// The outputs and the last states.
    fn recurrent(inputs: RecurrentInputs<Self>, how: &Recurrence) -> Unrolled<Self> {
        reference::forward(inputs, how).0
    }

    /// The same, and what [`Self::recurrent_backward`] of this backend reads.
    fn recurrent_saving(
        inputs: RecurrentInputs<Self>,
        how: &Recurrence,
    ) -> (Unrolled<Self>, Vec<DynTensor<Self>>) {
        reference::forward(inputs, how)
    }

    /// The cotangents of the inputs that are wanted, in the order of [`RecurrentInputs`], from those of the output and
    /// of the last states.
    fn recurrent_backward(
        inputs: RecurrentInputs<Self>,
        saved: Vec<DynTensor<Self>>,
        doutput: DynTensor<Self>,
        dstates: Option<DynTensor<Self>>,
        how: &Recurrence,
        want: [bool; 5],
    ) -> [Option<DynTensor<Self>>; 5] {
        reference::backward(inputs, saved, doutput, dstates, how, want)
    }
}

#[cfg(any(feature = "flex", feature = "ndarray"))]
pub(crate) use reference::{backward as reference_backward, forward as reference_forward};

impl<B: RecurrentOps, C: CheckpointStrategy> RecurrentOps for Autodiff<B, C> {
    fn recurrent(inputs: RecurrentInputs<Self>, how: &Recurrence) -> Unrolled<Self> {
        if !how.has_vjp() {
            return reference::forward(inputs, how).0;
        }
        let [output, states] = record_with_state(
            inputs.into_array(),
            |inputs| {
                let inputs = RecurrentInputs::from_array(inputs);
                let (run, saved) = B::recurrent_saving(inputs.clone(), how);
                ([run.output, run.states], (inputs.into_array(), saved, how.clone()))
            },
            |(inputs, saved, how), doutput, dstates, want| {
                let inputs = RecurrentInputs::from_array(inputs);
                B::recurrent_backward(inputs, saved, doutput, dstates, &how, want)
            },
        );
        Unrolled { output, states }
    }
}
