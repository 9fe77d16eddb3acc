//! Token ids as inputs of whole models, where id 0 is padding.

use fornax_core::{Backend, Error, Indices, Mask, Result, Value};

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
