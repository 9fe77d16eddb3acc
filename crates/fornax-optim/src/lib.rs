//! Optimizers and learning-rate schedules for Fornax.
