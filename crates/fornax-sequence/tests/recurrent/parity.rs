//! Small models trained by Keras 3.15.1 (`goldens/make_recurrent.py`) and by Fornax, on every CPU backend.

use fornax_core::{Backend, Flex, NdArray};
use fornax_layers::Registry;
use fornax_testkit::parity::check_all;

const GOLDENS: &[u8] = include_bytes!("../goldens/recurrent.safetensors");

fn check<B: Backend>() {
    let mut registry = Registry::<B>::default();
    fornax_sequence::register(&mut registry);
    check_all(GOLDENS, &registry);
}

#[test]
fn flex() {
    check::<Flex>();
}

#[test]
fn ndarray() {
    check::<NdArray>();
}
