//! [`Roles`]: which input of an attention layer is what.

use fornax_core::{Error, Result};
use fornax_layers::Shape;

/// The inputs of attention by their roles: `[query, value]`, `[query, value, key]`, `[query, value, key, mask]` or one
/// tensor that is all.
pub(super) struct Roles<T> {
    pub(super) query: T,
    pub(super) value: T,
    pub(super) key: T,
    pub(super) mask: Option<T>,
}

impl<T: Clone> Roles<T> {
    pub(super) fn new(inputs: &[T]) -> Result<Self> {
        let (query, value, key, mask) = match inputs {
            [all] => (all, all, all, None),
            [query, value] => (query, value, value, None),
            [query, value, key] => (query, value, key, None),
            [query, value, key, mask] => (query, value, key, Some(mask)),
            _ => {
                let wanted = "one tensor, or [query, value], [query, value, key], [query, value, key, mask]";
                return Err(Error::shape("inputs", format!("{} tensors", inputs.len()), wanted));
            }
        };
        Ok(Self { query: query.clone(), value: value.clone(), key: key.clone(), mask: mask.cloned() })
    }
}

impl Roles<Shape> {
    /// The widths of query, value and key, whose lengths have to fit.
    pub(super) fn check(&self) -> Result<[usize; 3]> {
        for shape in [&self.query, &self.value, &self.key] {
            shape.expect_rank(2, "[time, features]")?;
        }
        if let (Some(values), Some(keys)) = (self.value.axes()[0], self.key.axes()[0])
            && values != keys
        {
            return Err(Error::shape(
                "key",
                format!("{keys} steps"),
                format!("{values}, those of the value"),
            ));
        }
        if let Some(mask) = &self.mask {
            let axes = mask.axes();
            let wanted = [self.query.axes()[0], self.value.axes()[0]];
            let fits = |(found, wanted): (&Option<usize>, &Option<usize>)| {
                found.is_none() || wanted.is_none() || found == wanted
            };
            let tail = &axes[axes.len().saturating_sub(2)..];
            if !(2..=3).contains(&axes.len()) || !tail.iter().zip(&wanted).all(fits) {
                let wanted = "[queries, keys] or [heads, queries, keys] behind the batch axis";
                return Err(Error::shape("attention mask", format!("shape {mask}"), wanted));
            }
        }
        Ok([self.query.last()?, self.value.last()?, self.key.last()?])
    }
}
