//! [`Nested`]: a network as a layer of another.

use fornax_core::{Autodiff, Backend, Error, Result, Value};
use serde_json::Value as Json;

use crate::{Context, Network, Node, Shape, WeightSpecs};

/// The network: its weights become the other's, with their present values.
#[derive(Debug)]
pub(crate) struct Nested<B: Backend>(pub(crate) Network<B>);

impl<B: Backend> Node<B> for Nested<B> {
    fn class_name(&self) -> &str {
        "Network"
    }

    fn config(&self) -> Json {
        self.0.config()
    }

    fn build(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let wanted = self.0.input_shapes();
        let fits = |(found, wanted): (&Shape, &Shape)| {
            found.rank() == wanted.rank()
                && found.axes().iter().zip(wanted.axes()).all(|(a, b)| b.is_none() || a == b)
        };
        if inputs.len() != wanted.len() || !inputs.iter().zip(wanted).all(fits) {
            let list = |shapes: &[Shape]| shapes.iter().map(Shape::to_string).collect::<Vec<_>>().join(", ");
            return Err(Error::shape("model inputs", list(inputs), list(wanted)));
        }
        for (variable, weight) in self.0.variables().iter().zip(self.0.weights()) {
            let spec = weights.add_values(variable.name(), variable.shape(), weight.to_vec());
            spec.regularizer(variable.regularizer()).constraint(variable.constraint());
            if !variable.trainable() {
                spec.not_trainable();
            }
            if variable.is_state() {
                spec.state();
            }
        }
        Ok(self.0.output_shapes())
    }

    fn infer(&self, inputs: Vec<Value<B>>, context: &mut Context<'_, B>) -> Result<Vec<Value<B>>> {
        self.0.graph.infer(inputs, context)
    }

    fn train(
        &self,
        inputs: Vec<Value<Autodiff<B>>>,
        context: &mut Context<'_, Autodiff<B>>,
    ) -> Result<Vec<Value<Autodiff<B>>>> {
        self.0.graph.train(inputs, context)
    }

    fn boxed(&self) -> Box<dyn Node<B>> {
        Box::new(Self(self.0.clone()))
    }
}
