//! Domains of hyper-parameters, checked once at the boundary.

use fornax_core::{Error, Result};

/// An error unless `holds`.
pub(crate) fn domain(name: &str, value: f64, holds: bool, wanted: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::argument(name, value, wanted)) }
}

/// An error unless the value is finite and at least 0.
pub(crate) fn not_negative(name: &str, value: f64) -> Result<()> {
    domain(name, value, value.is_finite() && value >= 0.0, "a finite number of at least 0")
}

/// An error unless the value is finite and above 0.
pub(crate) fn positive(name: &str, value: f64) -> Result<()> {
    domain(name, value, value.is_finite() && value > 0.0, "a finite number above 0")
}

/// An error unless the value is in `[0, 1)`.
pub(crate) fn decay(name: &str, value: f64) -> Result<()> {
    domain(name, value, (0.0..1.0).contains(&value), "a number of at least 0 and below 1")
}

/// An error unless the value is in `[0, 1]`.
pub(crate) fn fraction(name: &str, value: f64) -> Result<()> {
    domain(name, value, (0.0..=1.0).contains(&value), "a number from 0 to 1")
}
