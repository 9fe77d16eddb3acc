//! [`Variable`]: what is known of a weight besides its value.

use fornax_core::Backend;

use crate::{Constraint, Regularizer};

/// What is known of a weight besides its value.
#[derive(Debug)]
pub struct Variable<B: Backend> {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) trainable: bool,
    pub(super) state: bool,
    pub(super) regularizer: Option<Regularizer>,
    pub(super) constraint: Option<Constraint>,
    pub(super) backend: std::marker::PhantomData<fn() -> B>,
}

impl<B: Backend> Clone for Variable<B> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            shape: self.shape.clone(),
            trainable: self.trainable,
            state: self.state,
            regularizer: self.regularizer,
            constraint: self.constraint,
            backend: self.backend,
        }
    }
}

impl<B: Backend> Variable<B> {
    /// The path `layer/weight`, unique in the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Whether training moves it.
    pub fn trainable(&self) -> bool {
        self.trainable
    }

    /// Whether it is a state that is carried from batch to batch.
    pub fn is_state(&self) -> bool {
        self.state
    }

    /// The penalty on it.
    pub fn regularizer(&self) -> Option<Regularizer> {
        self.regularizer
    }

    /// The projection after each step.
    pub fn constraint(&self) -> Option<Constraint> {
        self.constraint
    }
}
