//! [`TimeDistributed`]: a layer at each time step.

use fornax_core::{Autodiff, Backend, Error, Result, Value};
use fornax_layers::{Context, Entry, IntoEntry, Node, Registry, Shape, WeightSpecs};
use serde_json::{Value as Json, json};

/// A layer of any class, or a whole network, applied to each time step with the same weights.
///
/// # Shapes
/// - input: `[batch, time, ..]`, where the layer takes `[batch, ..]`
/// - output: `[batch, time, ..]`, where the layer gives `[batch, ..]`
/// - weights: those of the layer
///
/// The mask of the time steps is handed on. Source: `keras.layers.TimeDistributed`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::Flex;
/// use fornax_layers::{Sequential, layers::{Conv2D, Flatten}};
/// use fornax_sequence::layers::TimeDistributed;
///
/// let network = Sequential::<Flex>::new([10, 8, 8, 1])
///     .add(TimeDistributed::new(Conv2D::new(4, 3)))
///     .add(TimeDistributed::new(Flatten::new()))
///     .build()?;
/// assert_eq!(network.output_shapes()[0].to_string(), "(None, 10, 144)");
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Debug)]
pub struct TimeDistributed<B: Backend> {
    layer: Box<dyn Node<B>>,
}

const NAME: &str = "TimeDistributed";

impl<B: Backend> TimeDistributed<B> {
    /// The layer at each time step.
    pub fn new(layer: impl IntoEntry<B>) -> Self {
        Self { layer: layer.into_entry().into_node() }
    }

    pub(super) fn register(registry: &mut Registry<B>) {
        registry.register_wrapper(NAME, |registry, config| {
            let layer = &config["layer"];
            let Some(class_name) = layer["class_name"].as_str() else {
                return Err(Error::mismatch(
                    "configuration of TimeDistributed",
                    config,
                    "a layer and its class_name",
                ));
            };
            Ok(Box::new(Self { layer: registry.layer(class_name, &layer["config"])?.into_node() }))
        });
    }
}

impl<B: Backend> IntoEntry<B> for TimeDistributed<B> {
    fn into_entry(self) -> Entry<B> {
        Entry::new(Box::new(self))
    }
}

/// The layer's outputs for the steps of all sequences as one batch.
fn each_step<C: Backend>(
    mut inputs: Vec<Value<C>>,
    call: impl FnOnce(Vec<Value<C>>) -> Result<Vec<Value<C>>>,
) -> Result<Vec<Value<C>>> {
    let x = inputs.swap_remove(0);
    let (mask, shape) = (x.time_mask()?.cloned(), x.shape());
    let steps = [&[shape[0] * shape[1]], &shape[2..]].concat();
    let outputs = call(vec![x.reshape(&steps)])?;
    let unfold = |shape_of: Vec<usize>| [&shape[..2], &shape_of[1..]].concat();
    let unfolded = outputs.into_iter().map(|output| {
        let shape = unfold(output.shape());
        output.reshape_rows(&shape).with_mask(mask.clone())
    });
    Ok(unfolded.collect())
}

impl<B: Backend> Node<B> for TimeDistributed<B> {
    fn class_name(&self) -> &str {
        NAME
    }

    fn config(&self) -> Json {
        json!({ "layer": { "class_name": self.layer.class_name(), "config": self.layer.config() } })
    }

    fn build(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let [x] = inputs else {
            return Err(Error::shape("inputs", format!("{} tensors", inputs.len()), "one tensor"));
        };
        let Some((&time, step)) = x.axes().split_first() else {
            return Err(Error::shape("input", format!("shape {x}"), "[time, ..] behind the batch axis"));
        };
        let outputs = self.layer.build(&[Shape::from(step.to_vec())], weights)?;
        Ok(outputs.iter().map(|output| [&[time], output.axes()].concat().into()).collect())
    }

    fn infer(&self, inputs: Vec<Value<B>>, context: &mut Context<'_, B>) -> Result<Vec<Value<B>>> {
        each_step(inputs, |steps| self.layer.infer(steps, context))
    }

    fn train(
        &self,
        inputs: Vec<Value<Autodiff<B>>>,
        context: &mut Context<'_, Autodiff<B>>,
    ) -> Result<Vec<Value<Autodiff<B>>>> {
        each_step(inputs, |steps| self.layer.train(steps, context))
    }

    fn boxed(&self) -> Box<dyn Node<B>> {
        Box::new(Self { layer: self.layer.boxed() })
    }
}
