//! Token ids as inputs of whole models, where id 0 is padding.

use fornax_core::{Backend, Error, Indices, Mask, Result, Value};
use fornax_layers::Shape;

/// The time axis of the target, from the shapes of source and target.
pub(super) fn check_sides(inputs: &[Shape]) -> Result<Option<usize>> {
    let [_, target] = inputs else {
        return Err(Error::shape("inputs", format!("{} tensors", inputs.len()), "source ids and target ids"));
    };
    inputs.iter().try_for_each(|input| input.expect_rank(1, "[time]"))?;
    Ok(target.axes()[0])
}

/// Source and target, of as many samples.
pub(super) fn sides<B: Backend>(inputs: Vec<Value<B>>) -> Result<[Value<B>; 2]> {
    let [source, target] = <[Value<B>; 2]>::try_from(inputs).expect("the shapes were checked");
    if source.shape()[0] != target.shape()[0] {
        let wanted = format!("{}, those of the source", source.shape()[0]);
        return Err(Error::shape("target", format!("{} samples", target.shape()[0]), wanted));
    }
    Ok([source, target])
}

/// An error unless ids whose range is known are below `rows`.
pub(super) fn check_ids<B: Backend>(side: &str, ids: &Value<B>, rows: usize) -> Result<()> {
    match ids.index_range() {
        Some((least, most)) if least < 0 || most as usize >= rows => {
            let found = if least < 0 { least } else { most };
            Err(Error::data(format!("{side} id"), found, format!("0 to {}", rows - 1)))
        }
        _ => Ok(()),
    }
}

/// Where an id is not padding.
pub(super) fn padding<B: Backend>(ids: &Indices<B>) -> Mask<B> {
    ids.equal_scalar(0).not()
}
