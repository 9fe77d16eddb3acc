//! Masks of sequences that are padded behind their ends.

use fornax_core::ops::Steps;
use fornax_core::{Backend, Mask, Result};

/// The mask `[batch, time]` of sequences of these lengths, for [`Value::with_mask`](fornax_core::Value::with_mask).
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{DynTensor, Flex, Value};
/// use fornax_layers::Sequential;
/// use fornax_sequence::{layers::GRU, lengths_mask};
///
/// let network = Sequential::<Flex>::new([None, Some(3)]).add(GRU::new(4)).build()?;
/// let x = |shape: [usize; 3]| Value::from(DynTensor::full(&shape, 0.5, network.device()));
/// let mask = lengths_mask(&[2, 5], 5, network.device())?;
/// let padded = network.infer(vec![x([2, 5, 3]).with_mask(Some(mask))])?;
/// let alone = network.infer(vec![x([1, 2, 3])])?;
/// assert_eq!(padded[0].to_array().rows(0..1), alone[0].to_array());
///
/// let error = lengths_mask::<Flex>(&[2, 6], 5, network.device()).unwrap_err();
/// assert_eq!(error.to_string(), "length of sequence 1: found 6, wanted 1 to 5");
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
///
/// # Errors
/// If a length is 0 or over `time`.
pub fn lengths_mask<B: Backend>(lengths: &[usize], time: usize, device: &B::Device) -> Result<Mask<B>> {
    let shape = [lengths.len(), time];
    let truth = match Steps::lengths(lengths, time)?.truth() {
        Some(truth) => truth.to_vec(),
        None => vec![true; lengths.len() * time],
    };
    Ok(Mask::from_vec(truth, &shape, device))
}
