//! Keras-class deep learning for Rust on Burn: describe, train, evaluate and ship a model.
