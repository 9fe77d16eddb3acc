//! The layers, one file each, under Keras's names; hyper-parameters serialize under Keras's argument names.

use fornax_core::{Backend, DynTensor, Value, ops::Activation};

use crate::Registry;

/// Setters of a layer's hyper-parameters; `Some(T)` marks an optional one.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $kind:tt $(($inner:ty))?,)*) => {
        $(setters!(@one $(#[$doc])* $name: $kind $(($inner))?);)*
    };
    (@one $(#[$doc:meta])* $name:ident: Some($inner:ty)) => {
        $(#[$doc])*
        pub fn $name(mut self, $name: $inner) -> Self {
            self.$name = Some($name);
            self
        }
    };
    (@one $(#[$doc:meta])* $name:ident: $kind:tt) => {
        $(#[$doc])*
        pub fn $name(mut self, $name: $kind) -> Self {
            self.$name = $name;
            self
        }
    };
}

mod dense;

pub use dense::Dense;

/// `f(z)`; behind a softmax or sigmoid the value remembers `z`, so that a cross entropy trains through it.
pub(crate) fn activate<B: Backend>(z: DynTensor<B>, activation: Activation) -> Value<B> {
    match activation {
        Activation::Linear => z.into(),
        Activation::Softmax | Activation::Sigmoid => {
            Value::from(B::activate(z.clone(), activation)).with_logits(z)
        }
        _ => B::activate(z, activation).into(),
    }
}

/// Adds every layer of this crate.
pub(crate) fn register<B: Backend>(registry: &mut Registry<B>) {
    registry.register::<Dense>();
}
