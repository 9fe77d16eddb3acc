//! [`Bidirectional`]: a recurrent layer forward and another one backward in time.

use fornax_core::{Backend, Error, Result, Value};
use fornax_layers::{Context, MultiLayer, Shape, WeightSpecs, setters};
use serde::{Deserialize, Serialize};

use super::{GRU, LSTM, Parts, SequenceArguments, SimpleRNN};

/// A recurrent layer of any class, by Keras's object form.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "class_name", content = "config")]
pub enum RecurrentLayer {
    /// The Elman network.
    SimpleRNN(SimpleRNN),
    /// Long short-term memory.
    LSTM(LSTM),
    /// The gated recurrent unit.
    GRU(GRU),
}

impl RecurrentLayer {
    fn parts(&self) -> Parts<'_> {
        match self {
            Self::SimpleRNN(layer) => layer.parts(),
            Self::LSTM(layer) => layer.parts(),
            Self::GRU(layer) => layer.parts(),
        }
    }
}

macro_rules! from_layer {
    ($($layer:ident),*) => {
        $(impl From<$layer> for RecurrentLayer {
            fn from(layer: $layer) -> Self {
                Self::$layer(layer)
            }
        })*
    };
}
from_layer!(SimpleRNN, LSTM, GRU);

/// What becomes of the outputs of both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeMode {
    /// The sum.
    Sum,
    /// The product, elementwise.
    Mul,
    /// One behind the other, the features of both.
    Concat,
    /// The mean.
    Ave,
}

/// A recurrent layer forward and one backward in time over the same sequence; outputs of both at the same time step are
/// merged.
///
/// The backward layer begins at the last time step that counts, wherever a sequence's padding is. Time steps that the mask
/// leaves out give 0.
///
/// # Shapes
/// - inputs: `[batch, time, features]`; the initial states of the forward layer and then of the backward layer where they
///   are given
/// - outputs: those of the layer, the features of both behind each other under [`MergeMode::Concat`]; without merging both
///   outputs; then the states of both with `return_state`
/// - weights: `forward_layer/..` and `backward_layer/..`, each as the layer's own
///
/// Default: concatenation. Source: Schuster and Paliwal 1997; `keras.layers.Bidirectional`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use fornax_core::{Array, Flex, ops::Activation::Relu};
/// use fornax_layers::Sequential;
/// use fornax_sequence::layers::{Bidirectional, SimpleRNN};
///
/// let layer = SimpleRNN::new(1).activation(Relu).return_sequences(true);
/// let mut network = Sequential::<Flex>::new([3, 1]).add(Bidirectional::new(layer)).build()?;
/// for direction in ["forward_layer", "backward_layer"] {
///     for weight in ["kernel", "recurrent_kernel"] {
///         let name = format!("bidirectional/{direction}/{weight}");
///         network.set_weight(&name, &Array::from_vec([1, 1], vec![1.0])?)?;
///     }
/// }
/// let sums = network.predict(&Array::from_vec([1, 3, 1], vec![1.0, 2.0, 3.0])?)?;
/// assert_eq!(sums.to_f32(), [1.0, 6.0, 3.0, 5.0, 6.0, 3.0]);
/// # }
/// # Ok::<(), fornax_core::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Bidirectional {
    layer: RecurrentLayer,
    #[serde(skip_serializing_if = "Option::is_none")]
    backward_layer: Option<RecurrentLayer>,
    merge_mode: Option<MergeMode>,
}

impl Default for Bidirectional {
    fn default() -> Self {
        Self::new(LSTM::default())
    }
}

const FORWARD: &str = "forward_layer/";
const BACKWARD: &str = "backward_layer/";

impl Bidirectional {
    /// Two layers like this one, one of them backward in time.
    pub fn new(layer: impl Into<RecurrentLayer>) -> Self {
        Self { layer: layer.into(), backward_layer: None, merge_mode: Some(MergeMode::Concat) }
    }

    setters! {
        /// What becomes of both outputs; with `None` both are outputs.
        merge_mode: Into(Option<MergeMode>),
    }

    /// Another layer for the backward direction; it has to go backwards and to return what the forward layer returns.
    pub fn backward_layer(mut self, layer: impl Into<RecurrentLayer>) -> Self {
        self.backward_layer = Some(layer.into());
        self
    }

    fn backward(&self) -> &RecurrentLayer {
        self.backward_layer.as_ref().unwrap_or(&self.layer)
    }

    fn check(&self) -> Result<()> {
        let what = |arguments: &SequenceArguments| {
            (arguments.return_sequences, arguments.return_state, arguments.stateful)
        };
        let (forward, backward) = (self.layer.parts().sequence, self.backward().parts().sequence);
        if forward.go_backwards {
            return Err(Error::argument("go_backwards of the forward layer", true, false));
        }
        if self.backward_layer.is_some() && !backward.go_backwards {
            return Err(Error::argument("go_backwards of the backward layer", false, true));
        }
        if what(forward) != what(backward) {
            let shown = |(sequences, state, stateful)| {
                format!("return_sequences {sequences}, return_state {state}, stateful {stateful}")
            };
            return Err(Error::argument("backward_layer", shown(what(backward)), shown(what(forward))));
        }
        Ok(())
    }
}

/// The same shape or another number of features.
fn merged(mode: Option<MergeMode>, forward: Shape, backward: Shape) -> Result<Vec<Shape>> {
    match mode {
        None => Ok(vec![forward, backward]),
        Some(MergeMode::Concat) => Ok(vec![forward.with_last(forward.last()? + backward.last()?)]),
        Some(mode) if forward != backward => {
            let name = format!("outputs to merge by {mode:?}").to_lowercase();
            Err(Error::shape(name, format!("{forward} and {backward}"), "the same shape"))
        }
        Some(_) => Ok(vec![forward]),
    }
}

impl MultiLayer for Bidirectional {
    const NAME: &'static str = "Bidirectional";

    fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        self.check()?;
        let [x, states @ ..] = inputs else {
            return Err(Error::shape("inputs", "0 tensors", "at least one"));
        };
        let of = |states: &[Shape]| [std::slice::from_ref(x), states].concat();
        let (forward, backward) = states.split_at(states.len() / 2);
        let mut forward = self.layer.parts().build(FORWARD, &of(forward), weights)?;
        let mut backward = self.backward().parts().build(BACKWARD, &of(backward), weights)?;
        let mut outputs = merged(self.merge_mode, forward.remove(0), backward.remove(0))?;
        outputs.extend(forward.into_iter().chain(backward));
        Ok(outputs)
    }

    fn call_all<B: Backend>(
        &self,
        mut inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let mut states: Vec<_> = inputs.split_off(1).into_iter().map(Value::float).collect();
        let x = inputs.swap_remove(0);
        let backward_states = states.split_off(states.len() / 2);
        let mut outputs = vec![];
        let mut last = vec![];
        for (layer, prefix, states, reverse) in
            [(&self.layer, FORWARD, states, false), (self.backward(), BACKWARD, backward_states, true)]
        {
            let parts = layer.parts();
            let zero = parts.sequence.return_sequences;
            let sequence = SequenceArguments { zero_output_for_mask: zero, ..parts.sequence.clone() };
            let parts = Parts { sequence: &sequence, ..parts };
            let run = parts.run(prefix, x.clone(), states, reverse, context)?;
            context.regularize_activity(sequence.activity_regularizer, &run.output)?;
            outputs.push(run.output);
            if sequence.return_state {
                last.extend(parts.split_states(run.states));
            }
        }
        let [forward, backward] = <[_; 2]>::try_from(outputs).expect("two directions");
        let merged = match self.merge_mode {
            None => vec![forward, backward],
            Some(MergeMode::Concat) => {
                let axis = forward.rank() - 1;
                vec![fornax_core::DynTensor::concatenate(vec![forward, backward], axis)]
            }
            Some(MergeMode::Sum) => vec![forward.add(backward)],
            Some(MergeMode::Ave) => vec![forward.add(backward).mul_scalar(0.5)],
            Some(MergeMode::Mul) => vec![forward.mul(backward)],
        };
        let mask = x.mask().filter(|_| self.layer.parts().sequence.return_sequences).cloned();
        let merged = merged.into_iter().map(|output| Value::from(output).with_mask(mask.clone()));
        Ok(merged.chain(last.into_iter().map(Value::from)).collect())
    }
}
