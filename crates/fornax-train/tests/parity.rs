//! Small models trained by Keras 3.15.1 (`goldens/make_parity.py`) and by Fornax, on every CPU backend.

use fornax_core::{Flex, NdArray};
use fornax_layers::Registry;
use fornax_testkit::parity::check_all;

const GOLDENS: &[u8] = include_bytes!("goldens/parity.safetensors");

#[test]
fn flex() {
    check_all::<Flex>(GOLDENS, &Registry::default());
}

#[test]
fn ndarray() {
    check_all::<NdArray>(GOLDENS, &Registry::default());
}
