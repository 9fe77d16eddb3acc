//! Losses, metrics, the training loop, callbacks and checkpoints of Fornax.
