//! Weights of PyTorch's recurrent layers in the layout of ours.
//!
//! PyTorch keeps `weight_ih [gates * units, features]`, `weight_hh [gates * units, units]` and two biases
//! `[gates * units]`, `bias_ih` and `bias_hh`, a layer and direction (`weight_ih_l0`, `weight_ih_l0_reverse`, ..). Ours
//! are the transposes; the gates of an LSTM are in the same order (i, f, g, o), those of a GRU in another (r, z, n there,
//! z, r, n here); the two biases are added up where nothing stands between them.

use fornax_core::{Array, Error, Result};

/// The four weights of one layer and direction of `torch.nn.RNN`, `LSTM` or `GRU`.
#[derive(Clone, Copy, Debug)]
pub struct TorchWeights<'a> {
    /// `weight_ih_l*`, `[gates * units, features]`.
    pub weight_ih: &'a Array,
    /// `weight_hh_l*`, `[gates * units, units]`.
    pub weight_hh: &'a Array,
    /// `bias_ih_l*`, `[gates * units]`.
    pub bias_ih: &'a Array,
    /// `bias_hh_l*`, `[gates * units]`.
    pub bias_hh: &'a Array,
}

/// The kernel, recurrent kernel and bias of a [`SimpleRNN`](crate::layers::SimpleRNN) from `torch.nn.RNN`.
///
/// # Errors
/// If the shapes are not those of one layer.
pub fn simple_rnn(weights: TorchWeights<'_>) -> Result<[Array; 3]> {
    convert(weights, &[0], false)
}

/// The kernel, recurrent kernel and bias of an [`LSTM`](crate::layers::LSTM) from `torch.nn.LSTM`.
///
/// ```
/// use fornax_core::Array;
/// use fornax_sequence::pytorch::{self, TorchWeights};
///
/// let column = |start: i32| Array::from_vec([4, 1], (start..start + 4).map(|x| x as f32).collect());
/// let bias = Array::from(vec![1.0, 2.0, 3.0, 4.0]);
/// let [kernel, recurrent_kernel, sum] = pytorch::lstm(TorchWeights {
///     weight_ih: &column(0)?,
///     weight_hh: &column(4)?,
///     bias_ih: &bias,
///     bias_hh: &bias,
/// })?;
/// assert_eq!((kernel.shape(), kernel.to_f32()), (&[1, 4][..], vec![0.0, 1.0, 2.0, 3.0]));
/// assert_eq!(recurrent_kernel.to_f32(), [4.0, 5.0, 6.0, 7.0]);
/// assert_eq!(sum.to_f32(), [2.0, 4.0, 6.0, 8.0]);
/// # Ok::<(), fornax_core::Error>(())
/// ```
///
/// # Errors
/// If the shapes are not those of one layer.
pub fn lstm(weights: TorchWeights<'_>) -> Result<[Array; 3]> {
    convert(weights, &[0, 1, 2, 3], false)
}

/// The kernel, recurrent kernel and bias of a [`GRU`](crate::layers::GRU) with `reset_after` from `torch.nn.GRU`.
///
/// # Errors
/// If the shapes are not those of one layer.
pub fn gru(weights: TorchWeights<'_>) -> Result<[Array; 3]> {
    convert(weights, &[1, 0, 2], true)
}

/// `gates[g]` is PyTorch's place of our gate `g`.
fn convert(weights: TorchWeights<'_>, gates: &[usize], two_biases: bool) -> Result<[Array; 3]> {
    let TorchWeights { weight_ih, weight_hh, bias_ih, bias_hh } = weights;
    let &[wide, units] = weight_hh.shape() else {
        return Err(wrong("weight_hh", weight_hh, "[gates * units, units]"));
    };
    if wide != gates.len() * units {
        return Err(wrong("weight_hh", weight_hh, format!("[{}, {units}]", gates.len() * units)));
    }
    let features = match weight_ih.shape() {
        &[rows, features] if rows == wide => features,
        _ => return Err(wrong("weight_ih", weight_ih, format!("[{wide}, features]"))),
    };
    for (name, bias) in [("bias_ih", bias_ih), ("bias_hh", bias_hh)] {
        if bias.shape() != [wide] {
            return Err(wrong(name, bias, format!("[{wide}]")));
        }
    }
    // The row of PyTorch's matrices for our column.
    let row = |column: usize| gates[column / units] * units + column % units;
    let transposed = |matrix: &Array, inputs: usize| {
        let values = matrix.to_f32();
        let element = |at: usize| values[row(at % wide) * inputs + at / wide];
        Array::from_vec([inputs, wide], (0..inputs * wide).map(element).collect())
    };
    let [ih, hh] = [bias_ih, bias_hh].map(Array::to_f32);
    let ordered = |bias: &[f32]| (0..wide).map(|column| bias[row(column)]).collect::<Vec<f32>>();
    let bias = match two_biases {
        true => Array::from_vec([2, wide], [ordered(&ih), ordered(&hh)].concat())?,
        false => ordered(&ih.iter().zip(&hh).map(|(ih, hh)| ih + hh).collect::<Vec<f32>>()).into(),
    };
    Ok([transposed(weight_ih, features)?, transposed(weight_hh, units)?, bias])
}

fn wrong(name: &str, array: &Array, wanted: impl ToString) -> Error {
    Error::shape(name, format!("{:?}", array.shape()), wanted)
}
