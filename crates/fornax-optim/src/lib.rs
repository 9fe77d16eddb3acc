//! Optimizers and learning-rate schedules, by Keras's names, defaults and formulas.
//!
//! An optimizer is a description ([`Adam`], [`SGD`], ...) that becomes one [`Optimizer`]; what it remembers of
//! each weight is in an [`OptimizerState`], which the training loop steps.
//!
//! ```
//! use fornax_optim::{Adam, ExponentialDecay, Optimizer};
//!
//! let optimizer: Optimizer = Adam::new(ExponentialDecay::new(1e-2, 1000, 0.5)).clipnorm(1.0).into();
//! optimizer.validate()?;
//! assert_eq!(optimizer.learning_rate().at(2000), 2.5e-3);
//! # Ok::<(), fornax_core::Error>(())
//! ```
#![forbid(unsafe_code)]

mod check;
mod gradient;
mod optimizer;
mod optimizers;
mod schedule;
mod state;

pub use fornax_core::ops::UpdateRule;
pub use gradient::Gradient;
pub use optimizer::{Optimizer, Options};
pub use optimizers::{Adadelta, Adagrad, Adam, AdamW, Adamax, Lion, Nadam, RMSprop, SGD};
pub use schedule::{
    CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay, Noam, PiecewiseConstantDecay,
    PolynomialDecay, Schedule,
};
pub use state::OptimizerState;
