//! What the tests of several crates share: comparisons, exact inputs, gradients against finite differences, and
//! the battery that every layer goes through, models trained by Keras (feature `parity`).
//!
//! The oracle is `NdArray<f64>`: every operation family by Burn's operations in double precision.
#![forbid(unsafe_code)]

pub mod battery;
pub mod gradient;
#[cfg(feature = "parity")]
pub mod parity;

use fornax_core::Philox;
use proptest::test_runner::{Config, RngSeed};

/// Proptest with a seed of its own, so that a run can be repeated; `cargo xtask prop` asks for more cases.
pub fn config(cases: u32) -> Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = asked.unwrap_or(cases);
    Config { cases, rng_seed: RngSeed::Fixed(20), ..Config::default() }
}

/// The backend whose results the others are compared with.
pub type Oracle = fornax_core::NdArray<f64>;

/// Distinct multiples of 1/64, offset by 1/256, in random order: no two are near each other and none near 0, so
/// that finite differences meet no kink of a maximum, a rectifier or an absolute value; all are exact in `f32`.
pub fn distinct_values(len: usize, seed: u64) -> Vec<f32> {
    let order = Philox::new(seed).permutation(len);
    order.into_iter().map(|at| (at as f32 - (len / 2) as f32) / 64.0 + 1.0 / 256.0).collect()
}

/// Panics unless every pair differs by at most `tolerance` times the larger of 1 and the wanted value.
pub fn assert_close(found: &[f32], wanted: &[f32], tolerance: f32, place: &str) {
    assert_eq!(found.len(), wanted.len(), "{place}: number of elements");
    for (at, (&found, &wanted)) in found.iter().zip(wanted).enumerate() {
        let difference = (found - wanted).abs();
        assert!(
            difference <= tolerance * wanted.abs().max(1.0),
            "{place}: element {at} is {found}, wanted {wanted} within {tolerance}"
        );
    }
}
