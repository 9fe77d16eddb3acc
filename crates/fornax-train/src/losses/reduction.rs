//! The reduction of losses to one number: `sum(loss * weight) / count`.

use fornax_core::{Backend, DynTensor, Error, Mask, Result};

/// The sum of the weighted losses over the number of losses, `[1]`.
///
/// Weights are one a sample or one a loss; masked losses count neither above nor below the line.
///
/// # Errors
/// If the weights or the mask fit neither the samples nor the losses.
pub fn reduce<B: Backend>(
    losses: DynTensor<B>,
    sample_weight: Option<DynTensor<B>>,
    mask: Option<Mask<B>>,
) -> Result<DynTensor<B>> {
    let mask = mask.map(|mask| {
        let mask = mask.to_float();
        // total / valid, so that the mean below is over the valid ones; 0 where none is.
        let factor = mask.clone().sum().clamp_min(1.0).recip().mul_scalar(mask.len() as f64);
        let ones = vec![1; mask.rank()];
        mask.mul(factor.reshape(&ones))
    });
    let losses = match (mask, sample_weight) {
        (None, None) => losses,
        (mask, weight) => {
            let mut losses = losses;
            for weight in mask.into_iter().chain(weight) {
                losses = weigh(losses, weight)?;
            }
            losses
        }
    };
    Ok(losses.mean())
}

/// `values * weight`, with one weight a sample, a step or a value.
///
/// # Errors
/// If the axes of the weights are not the first of the values.
pub(crate) fn weigh<B: Backend>(values: DynTensor<B>, weight: DynTensor<B>) -> Result<DynTensor<B>> {
    let shape = values.shape();
    let mut found = weight.shape();
    while found.len() > 1 && found.len() > shape.len() && found.last() == Some(&1) {
        found.pop();
    }
    if shape == [1] && found.len() == 1 {
        // One loss for the whole batch, as Dice has it.
        return Ok(values.mul(weight.reshape(&found)));
    }
    let fits = found.len() <= shape.len() && found.iter().zip(&shape).all(|(found, len)| found == len);
    // [n] and [n, 1] for [n, T]: one weight a sample.
    let by_sample =
        found.len() == shape.len() && found[0] == shape[0] && found[1..].iter().all(|&len| len == 1);
    if !fits && !by_sample {
        return Err(Error::shape(
            "sample weights or mask",
            format!("{:?}", weight.shape()),
            format!("[{}] or the first axes of {shape:?}", shape[0]),
        ));
    }
    found.resize(shape.len(), 1);
    Ok(values.mul(weight.reshape(&found)))
}
