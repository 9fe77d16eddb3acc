//! [`Graph`]: which layer is called on what, in an order in which every input is there before it is used.

use std::collections::HashMap;
use std::ops::Range;

use fornax_core::{Autodiff, Backend, DynTensor, Error, Philox, Result, Value};

use crate::layer::WeightSpec;
use crate::layer::{Effects, Fusion, PoolingBehind};
use crate::node::{Entry, Node, snake_case};
use crate::{Context, Shape, WeightSpecs};

/// A tensor of the graph: the inputs come first, then the outputs of each call.
pub(crate) type Slot = usize;

/// The structure of a model; the weights are beside it.
#[derive(Debug)]
pub struct Graph<B: Backend> {
    pub(crate) layers: Vec<Member<B>>,
    pub(crate) calls: Vec<Call>,
    pub(crate) inputs: Vec<Shape>,
    pub(crate) outputs: Vec<Slot>,
}

/// A layer of the graph and where its weights lie.
#[derive(Debug)]
pub(crate) struct Member<B: Backend> {
    pub(crate) name: String,
    pub(crate) node: Box<dyn Node<B>>,
    pub(crate) trainable: bool,
    pub(crate) weights: Range<usize>,
    pub(crate) weight_names: Vec<String>,
}

/// One call of a layer. A shared layer has several.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) layer: usize,
    pub(crate) inputs: Vec<Slot>,
    pub(crate) outputs: Range<Slot>,
    pub(crate) shapes: Vec<Shape>,
    /// The slots that no later call reads.
    last_uses: Vec<Slot>,
    fused: Fused,
}

/// Whether a call is computed together with another one.
#[derive(Clone, Debug)]
enum Fused {
    No,
    /// It also computes the pooling of another call.
    Pools(PoolingBehind),
    /// It is the pooling that a call before has done.
    Done,
}

impl<B: Backend> Graph<B> {
    /// Builds every layer in order. `calls` names the layer (by position in `entries`) and its input slots.
    pub(crate) fn build(
        inputs: Vec<Shape>,
        entries: Vec<Entry<B>>,
        calls: &[(usize, Vec<Slot>)],
        outputs: Vec<Slot>,
    ) -> Result<(Self, Vec<(String, WeightSpec)>)> {
        let names = unique_names(&entries)?;
        let mut layers: Vec<Member<B>> = entries
            .into_iter()
            .zip(names)
            .map(|(entry, name)| Member {
                name,
                node: entry.node,
                trainable: entry.trainable,
                weights: 0..0,
                weight_names: vec![],
            })
            .collect();
        let mut weights: Vec<(String, WeightSpec)> = vec![];
        inputs
            .iter()
            .try_for_each(|shape| shape.check_size().map_err(|error| error.within("model input")))?;
        let mut slots = inputs.clone();
        let mut built = vec![];
        for (layer, from) in calls {
            check_slots(from, slots.len())?;
            let shapes: Vec<Shape> = from.iter().map(|&slot| slots[slot].clone()).collect();
            let member = &mut layers[*layer];
            let mut specs = WeightSpecs::default();
            let shapes = member.node.build(&shapes, &mut specs).and_then(|outputs| {
                outputs.iter().try_for_each(Shape::check_size)?;
                Ok(outputs)
            });
            let shapes = shapes.map_err(|error| error.within(member.place()))?;
            let first_call = built.iter().all(|call: &Call| call.layer != *layer);
            if first_call {
                member.weights = weights.len()..weights.len() + specs.0.len();
                member.weight_names = specs.0.iter().map(|spec| spec.name.clone()).collect();
                weights.extend(specs.0.into_iter().map(|mut spec| {
                    spec.trainable &= member.trainable;
                    (format!("{}/{}", member.name, spec.name), spec)
                }));
            } else {
                let shared = weights[member.weights.clone()].iter().map(|(_, spec)| &spec.shape);
                if !shared.eq(specs.0.iter().map(|spec| &spec.shape)) {
                    return Err(Error::shape(
                        member.place(),
                        format!("an input of shape {}", slots[from[0]]),
                        "the input shape of the layer's first call: its weights are shared",
                    ));
                }
            }
            let start = slots.len();
            slots.extend(shapes.iter().cloned());
            built.push(Call {
                layer: *layer,
                inputs: from.clone(),
                outputs: start..slots.len(),
                shapes,
                last_uses: vec![],
                fused: Fused::No,
            });
        }
        check_slots(&outputs, slots.len())?;
        mark_last_uses(&mut built, &outputs);
        fuse_pooling(&layers, &mut built, &outputs);
        Ok((Self { layers, calls: built, inputs, outputs }, weights))
    }

    /// The shape of each output.
    pub fn output_shapes(&self) -> Vec<Shape> {
        self.outputs.iter().map(|&slot| self.slot_shape(slot).clone()).collect()
    }

    fn slot_shape(&self, slot: Slot) -> &Shape {
        match slot.checked_sub(self.inputs.len()) {
            None => &self.inputs[slot],
            Some(_) => {
                let call = self.calls.iter().find(|call| call.outputs.contains(&slot));
                let call = call.expect("every slot behind the inputs is some call's output");
                &call.shapes[slot - call.outputs.start]
            }
        }
    }

    /// The outputs for `inputs`, whose shapes are checked first.
    pub(crate) fn infer(&self, inputs: Vec<Value<B>>, context: &mut Context<'_, B>) -> Result<Vec<Value<B>>> {
        self.run(inputs, context, |node, inputs, context| node.infer(inputs, context))
    }

    pub(crate) fn train(
        &self,
        inputs: Vec<Value<Autodiff<B>>>,
        context: &mut Context<'_, Autodiff<B>>,
    ) -> Result<Vec<Value<Autodiff<B>>>> {
        self.run(inputs, context, |node, inputs, context| node.train(inputs, context))
    }

    fn run<C: Backend>(
        &self,
        inputs: Vec<Value<C>>,
        context: &mut Context<'_, C>,
        call_node: impl Fn(&dyn Node<B>, Vec<Value<C>>, &mut Context<'_, C>) -> Result<Vec<Value<C>>>,
    ) -> Result<Vec<Value<C>>> {
        self.check_inputs(&inputs)?;
        let mut slots: Vec<Option<Value<C>>> = inputs.into_iter().map(Some).collect();
        for (index, call) in self.calls.iter().enumerate() {
            let member = &self.layers[call.layer];
            let arguments = call.inputs.iter().map(|&slot| take(&mut slots, slot, &call.last_uses));
            let arguments: Vec<Value<C>> = arguments.collect();
            let pooling = match &call.fused {
                Fused::No => None,
                Fused::Pools(pooling) => Some(pooling),
                Fused::Done => {
                    slots.extend(arguments.into_iter().map(Some));
                    continue;
                }
            };
            let mut inner = Context {
                names: &member.weight_names,
                weights: &context.weights[member.weights.clone()],
                base: context.base + member.weights.start,
                training: context.training,
                trainable: context.trainable && member.trainable,
                random: context.random.stream(index as u64),
                effects: context.effects,
                pooling,
            };
            let outputs = call_node(&*member.node, arguments, &mut inner);
            slots.extend(outputs.map_err(|error| error.within(member.place()))?.into_iter().map(Some));
        }
        let later = |at: usize, slot: &usize| self.outputs[at + 1..].contains(slot);
        let output = |(at, slot): (usize, &usize)| match later(at, slot) {
            true => slots[*slot].clone().expect("outputs are kept"),
            false => slots[*slot].take().expect("outputs are kept"),
        };
        Ok(self.outputs.iter().enumerate().map(output).collect())
    }

    fn check_inputs<C: Backend>(&self, inputs: &[Value<C>]) -> Result<()> {
        if inputs.len() != self.inputs.len() {
            return Err(Error::shape(
                "model inputs",
                format!("{} tensors", inputs.len()),
                format!("{} tensors", self.inputs.len()),
            ));
        }
        for (index, (value, shape)) in inputs.iter().zip(&self.inputs).enumerate() {
            match self.inputs.len() {
                1 => value.expect_shape("model input", shape.axes())?,
                _ => value.expect_shape(format_args!("model input {index}"), shape.axes())?,
            }
        }
        Ok(())
    }
}

impl<B: Backend> Clone for Graph<B> {
    fn clone(&self) -> Self {
        let layers = self.layers.iter().map(|member| Member {
            name: member.name.clone(),
            node: member.node.boxed(),
            trainable: member.trainable,
            weights: member.weights.clone(),
            weight_names: member.weight_names.clone(),
        });
        Self {
            layers: layers.collect(),
            calls: self.calls.clone(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
        }
    }
}

impl<B: Backend> Member<B> {
    pub(crate) fn place(&self) -> String {
        format!("layer {} ({})", self.name, self.node.class_name())
    }
}

/// A structure from a file may name tensors that are not there.
fn check_slots(slots: &[Slot], len: usize) -> Result<()> {
    match slots.iter().find(|&&slot| slot >= len) {
        Some(slot) => Err(Error::mismatch(
            "model structure",
            format!("tensor {slot}"),
            format!("one of the {len} before it"),
        )),
        None => Ok(()),
    }
}

fn take<C: Backend>(slots: &mut [Option<Value<C>>], slot: Slot, last_uses: &[Slot]) -> Value<C> {
    let value = if last_uses.contains(&slot) { slots[slot].take() } else { slots[slot].clone() };
    value.expect("calls are in an order in which inputs are there before they are used")
}

/// A slot may be taken by value in the last call that reads it, once.
fn mark_last_uses(calls: &mut [Call], outputs: &[Slot]) {
    let mut seen: std::collections::HashSet<Slot> = outputs.iter().copied().collect();
    for call in calls.iter_mut().rev() {
        for &slot in &call.inputs {
            let uses_here = call.inputs.iter().filter(|&&other| other == slot).count();
            if seen.insert(slot) && uses_here == 1 {
                call.last_uses.push(slot);
            }
        }
    }
}

/// Where the only use of a call's output is a max pooling, and the layer can do that, it does.
fn fuse_pooling<B: Backend>(layers: &[Member<B>], calls: &mut [Call], outputs: &[Slot]) {
    let inputs = calls.iter().flat_map(|call| &call.inputs);
    let uses = |slot: Slot| inputs.clone().chain(outputs).filter(|&&other| other == slot).count();
    let fusion = |call: &Call| layers[call.layer].node.fusion();
    let mut pairs = vec![];
    let can_pool = |call: &Call| matches!(fusion(call), Fusion::BeforePooling);
    for (at, call) in calls.iter().enumerate().filter(|(_, call)| can_pool(call)) {
        let slot = call.outputs.start;
        let next = calls.iter().position(|next| next.inputs == [slot]);
        let (Some(next), 1) = (next, uses(slot)) else { continue };
        if let Fusion::MaxPooling(windows) = fusion(&calls[next]) {
            pairs.push((at, next, windows));
        }
    }
    for (at, next, windows) in pairs {
        let place = layers[calls[next].layer].place();
        calls[at].fused = Fused::Pools(PoolingBehind { windows, place });
        calls[next].fused = Fused::Done;
    }
}

/// Given names as they are, others the class's snake case with a count, as Keras numbers them.
fn unique_names<B: Backend>(entries: &[Entry<B>]) -> Result<Vec<String>> {
    let mut taken: HashMap<String, usize> = HashMap::new();
    for name in entries.iter().filter_map(|entry| entry.name.as_ref()) {
        if name.is_empty() || name.contains('/') {
            return Err(Error::argument("layer name", format!("{name:?}"), "a non-empty name without '/'"));
        }
        if taken.insert(name.clone(), 0).is_some() {
            return Err(Error::argument(
                "layer name",
                format!("{name} twice"),
                "names that are unique in a model",
            ));
        }
    }
    let mut counts: HashMap<String, usize> = HashMap::new();
    let names = entries.iter().map(|entry| {
        if let Some(name) = &entry.name {
            return name.clone();
        }
        let stem = snake_case(entry.node.class_name());
        loop {
            let count = counts.entry(stem.clone()).or_default();
            let name = if *count == 0 { stem.clone() } else { format!("{stem}_{count}") };
            *count += 1;
            if !taken.contains_key(&name) {
                return name;
            }
        }
    });
    Ok(names.collect())
}

/// The context of a whole model.
pub(crate) fn root_context<'a, B: Backend>(
    weights: &'a [DynTensor<B>],
    training: bool,
    random: Philox,
    effects: &'a mut Effects<B>,
) -> Context<'a, B> {
    Context { names: &[], weights, base: 0, training, trainable: true, random, effects, pooling: None }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use fornax_core::{Flex, ops::Activation};

    use super::Fused;
    use crate::layers::{AveragePooling2D, Conv2D, MaxPooling2D};
    use crate::{Apply, Functional, Sequential, Symbolic, input};

    fn conv() -> Conv2D {
        Conv2D::new(2, 3).activation(Activation::Relu)
    }

    #[test]
    fn a_pooling_that_is_the_only_use_of_a_convolution_is_computed_with_it() {
        let pooled = Sequential::<Flex>::new([6, 6, 1]).add(conv()).add(MaxPooling2D::new(2));
        let calls = pooled.build().unwrap().graph.calls;
        assert!(matches!(&calls[0].fused, Fused::Pools(behind) if behind.place.contains("MaxPooling2D")));
        assert!(matches!(calls[1].fused, Fused::Done));

        let mean = Sequential::<Flex>::new([6, 6, 1]).add(conv()).add(AveragePooling2D::new(2));
        let soft = Conv2D::new(2, 3).activation(Activation::Softmax);
        let soft = Sequential::<Flex>::new([6, 6, 1]).add(soft).add(MaxPooling2D::new(2));
        for other in [mean, soft] {
            assert!(other.build().unwrap().graph.calls.iter().all(|call| matches!(call.fused, Fused::No)));
        }
        let x: Symbolic<Flex> = input([6, 6, 1]);
        let y = conv().apply(&x).unwrap();
        let [a, b] = [2, 4].map(|size| MaxPooling2D::new(size).apply(&y).unwrap());
        let twice = Functional::new([&x], [&a, &b]).build().unwrap();
        let output = Functional::new([&x], [&y, &a]).build().unwrap();
        for other in [twice, output] {
            assert!(other.graph.calls.iter().all(|call| matches!(call.fused, Fused::No)));
        }
    }
}
