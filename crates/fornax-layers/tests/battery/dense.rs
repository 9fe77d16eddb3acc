//! The dense layer.

use fornax_core::ops::Activation;
use fornax_layers::{Regularizer, layers::*};
use fornax_testkit::battery::Battery;

#[test]
fn dense() {
    for activation in Activation::ALL {
        Battery::new(Dense::new(3).activation(activation), [&[5]]).run();
    }
    Battery::new(Dense::new(2).use_bias(false).activity_regularizer(Regularizer::l2(0.1)), [&[3, 4]]).run();
}
