//! What the recurrent layers have in common: their arguments, their weights and how they run.

mod arguments;
mod bidirectional;
mod cells;
mod encoder_decoder;
mod gru;
mod lstm;
mod simple_rnn;

pub use bidirectional::{Bidirectional, MergeMode, RecurrentLayer};
pub use cells::{GRUCell, LSTMCell, SimpleRNNCell};
pub use encoder_decoder::{DecoderAttention, RNNEncoderDecoder};
pub use gru::GRU;
pub use lstm::LSTM;
pub use simple_rnn::SimpleRNN;

use fornax_core::ops::{Activation, Places, Recurrence, RecurrentCell, RecurrentInputs, Steps, Unrolled};
use fornax_core::{Backend, DynTensor, Error, Philox, Result, Value};
use fornax_layers::{Context, Initializer, Shape, WeightSpecs};

use arguments::{CellArguments, SequenceArguments, cell_setters, sequence_setters};

/// Implements [`MultiLayer`](fornax_layers::MultiLayer) for a layer that has [`Parts`].
macro_rules! recurrent_layer {
    ($layer:ident, $name:literal) => {
        impl fornax_layers::MultiLayer for $layer {
            const NAME: &'static str = $name;

            fn build_all(&self, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
                self.parts().build("", inputs, weights)
            }

            fn call_all<B: Backend>(
                &self,
                inputs: Vec<Value<B>>,
                context: &mut Context<'_, B>,
            ) -> Result<Vec<Value<B>>> {
                self.parts().call("", inputs, context)
            }
        }

        impl Default for $layer {
            fn default() -> Self {
                Self::new(1)
            }
        }
    };
}
use recurrent_layer;

/// A recurrent layer without its type.
struct Parts<'a> {
    equations: RecurrentCell,
    recurrent_activation: Activation,
    unit_forget_bias: bool,
    cell: &'a CellArguments,
    sequence: &'a SequenceArguments,
}

/// The names of the states.
const STATES: [&str; 2] = ["state_h", "state_c"];

impl Parts<'_> {
    /// States the weights, whose names begin with `prefix`, for inputs `[time, features]` and, where they are given, the
    /// initial states.
    fn build(&self, prefix: &str, inputs: &[Shape], weights: &mut WeightSpecs) -> Result<Vec<Shape>> {
        let sequence = self.sequence;
        let x = inputs.first().ok_or_else(|| Error::shape("inputs", "0 tensors", "at least one"))?;
        x.expect_rank(2, "[time, features]")?;
        let states = self.equations.states();
        self.check_states(&inputs[1..])?;
        self.build_cell(prefix, x.last()?, weights)?;
        if sequence.stateful {
            let batch = sequence.batch_size.filter(|&batch| batch > 0).ok_or_else(|| {
                let found = sequence.batch_size.map_or("none".into(), |size| size.to_string());
                Error::argument("batch_size of a stateful layer", found, "at least 1")
            })?;
            for name in &STATES[..states] {
                let shape = [batch, self.cell.units];
                weights.add(format!("{prefix}{name}"), &shape, Initializer::Zeros).state();
            }
        }
        let unit = Shape::from([self.cell.units]);
        let output = if sequence.return_sequences { x.with_last(self.cell.units) } else { unit.clone() };
        let mut outputs = vec![output];
        if sequence.return_state {
            outputs.extend(std::iter::repeat_n(unit, states));
        }
        Ok(outputs)
    }

    /// An error unless there are no initial states, or as many as the cell has, of its units.
    fn check_states(&self, given: &[Shape]) -> Result<()> {
        let (states, units) = (self.equations.states(), self.cell.units);
        if !given.is_empty() && given.len() != states {
            let wanted = format!("none or {states}");
            return Err(Error::shape("initial states", format!("{} tensors", given.len()), wanted));
        }
        match given.iter().find(|state| state.axes() != [Some(units)]) {
            Some(state) => {
                Err(Error::shape("initial state", format!("shape {state}"), format!("(None, {units})")))
            }
            None => Ok(()),
        }
    }

    /// States the weights of the cell.
    fn build_cell(&self, prefix: &str, features: usize, weights: &mut WeightSpecs) -> Result<()> {
        let cell = self.cell;
        if cell.units == 0 {
            return Err(Error::argument("units", 0, "at least 1"));
        }
        for (name, rate) in [("dropout", cell.dropout), ("recurrent_dropout", cell.recurrent_dropout)] {
            if !(0.0..1.0).contains(&rate) {
                return Err(Error::argument(name, rate, "a number from 0 to below 1"));
            }
        }
        let overflow = || Error::argument("units", cell.units, "as many as memory holds");
        let wide = self.equations.gates().checked_mul(cell.units).ok_or_else(overflow)?;
        weights
            .add(format!("{prefix}kernel"), &[features, wide], cell.kernel_initializer)
            .regularizer(cell.kernel_regularizer)
            .constraint(cell.kernel_constraint);
        weights
            .add(format!("{prefix}recurrent_kernel"), &[cell.units, wide], cell.recurrent_initializer)
            .regularizer(cell.recurrent_regularizer)
            .constraint(cell.recurrent_constraint);
        if cell.use_bias {
            let shape = self.equations.bias_shape(cell.units);
            let bias = weights
                .add(format!("{prefix}bias"), &shape, cell.bias_initializer)
                .regularizer(cell.bias_regularizer)
                .constraint(cell.bias_constraint);
            if self.unit_forget_bias {
                bias.ones(cell.units..2 * cell.units);
            }
        }
        Ok(())
    }

    /// The output and, where they are asked for, the states.
    fn call<B: Backend>(
        &self,
        prefix: &str,
        mut inputs: Vec<Value<B>>,
        context: &mut Context<'_, B>,
    ) -> Result<Vec<Value<B>>> {
        let states = inputs.split_off(1).into_iter().map(Value::float).collect();
        let x = inputs.swap_remove(0);
        let mask = x.mask().cloned();
        let run = self.run(prefix, x, states, self.sequence.go_backwards, context)?;
        let backwards = self.sequence.return_sequences && self.sequence.go_backwards;
        let output = if backwards { run.output.flip(1) } else { run.output };
        context.regularize_activity(self.sequence.activity_regularizer, &output)?;
        let mask = match mask.filter(|_| self.sequence.return_sequences) {
            Some(mask) if backwards => Some(mask.flip(1)),
            mask => mask,
        };
        let mut outputs = vec![Value::from(output).with_mask(mask)];
        if self.sequence.return_state {
            outputs.extend(self.split_states(run.states).into_iter().map(Value::from));
        }
        Ok(outputs)
    }

    fn split_states<B: Backend>(&self, states: DynTensor<B>) -> Vec<DynTensor<B>> {
        let shape = states.shape()[1..].to_vec();
        (0..self.equations.states())
            .map(|at| states.clone().slice(0, at, at + 1, 1).reshape(&shape))
            .collect()
    }

    /// Runs over a sequence from the given states, or those that are carried, or zeros; outputs are at the time of their
    /// inputs.
    fn run<B: Backend>(
        &self,
        prefix: &str,
        x: Value<B>,
        given: Vec<DynTensor<B>>,
        reverse: bool,
        context: &mut Context<'_, B>,
    ) -> Result<Unrolled<B>> {
        let shape = x.shape();
        if shape[1] == 0 {
            return Err(Error::shape("input", format!("{shape:?}"), "at least one time step"));
        }
        let steps = steps(&x)?;
        let (x, places) = self.by_place(x, context)?;
        let how = Recurrence {
            steps,
            places,
            reverse,
            ..self.recurrence(prefix, self.sequence.return_sequences, context)
        };
        let carried = self.sequence.stateful.then(|| {
            STATES[..self.equations.states()].iter().map(|name| context.latest(&format!("{prefix}{name}")))
        });
        let given = match carried {
            Some(carried) if given.is_empty() => carried.collect(),
            _ => given,
        };
        let inputs = self.inputs(prefix, x, shape[0], given, context)?;
        let run = B::recurrent(inputs, &how);
        if self.sequence.stateful {
            for (name, state) in STATES.iter().zip(self.split_states(run.states.clone())) {
                context.update(&format!("{prefix}{name}"), state.detach());
            }
        }
        Ok(run)
    }

    /// The input as rows with a place for each time step, where that is what it is, or as it is.
    fn by_place<B: Backend>(
        &self,
        x: Value<B>,
        context: &Context<'_, B>,
    ) -> Result<(DynTensor<B>, Option<Places>)> {
        let drops = self.cell.dropout > 0.0 && context.training();
        match x.rows_by_place() {
            Some((rows, places)) if !drops => {
                let of_steps = places.to_vec().into_iter().map(|row| row as u32).collect();
                let shape = places.shape();
                Ok((rows.clone(), Some(Places::new(of_steps, shape[0], shape[1])?)))
            }
            _ => Ok((x.float(), None)),
        }
    }

    fn recurrence<B: Backend>(
        &self,
        prefix: &str,
        return_sequences: bool,
        context: &Context<'_, B>,
    ) -> Recurrence {
        let rate = self.cell.recurrent_dropout;
        let random = self.random(prefix, context).named("recurrent");
        Recurrence {
            activation: self.cell.activation,
            recurrent_activation: self.recurrent_activation,
            zero_output_for_mask: self.sequence.zero_output_for_mask,
            recurrent_dropout: (context.training() && rate > 0.0).then_some((rate, random)),
            ..Recurrence::new(self.equations, return_sequences)
        }
    }

    fn random<B: Backend>(&self, prefix: &str, context: &Context<'_, B>) -> Philox {
        let random = match self.cell.seed {
            Some(seed) => context.random().reseeded(seed),
            None => context.random(),
        };
        if prefix.is_empty() { random } else { random.named(prefix) }
    }

    /// The operation's inputs for a batch: `x` with what training drops, the weights, and the states.
    fn inputs<B: Backend>(
        &self,
        prefix: &str,
        x: DynTensor<B>,
        batch: usize,
        states: Vec<DynTensor<B>>,
        context: &Context<'_, B>,
    ) -> Result<RecurrentInputs<B>> {
        let (device, units) = (x.device(), self.cell.units);
        let x = match self.cell.dropout {
            rate if rate > 0.0 && context.training() => {
                let features = x.shape()[2];
                B::dropout(x, rate, &[batch, 1, features], self.random(prefix, context))
            }
            _ => x,
        };
        if let Some(state) = states.iter().find(|state| state.shape() != [batch, units]) {
            let found = format!("{:?}", state.shape());
            return Err(Error::shape("state", found, format!("[{batch}, {units}], a row for each sequence")));
        }
        let states = match states.is_empty() {
            true => DynTensor::zeros(&[self.equations.states(), batch, units], &device),
            false => {
                let rows = states.into_iter().map(|state| state.reshape(&[1, batch, units]));
                DynTensor::concatenate(rows.collect(), 0)
            }
        };
        let bias = context
            .optional(&format!("{prefix}bias"))
            .unwrap_or_else(|| DynTensor::zeros(&self.equations.bias_shape(units), &device));
        Ok(RecurrentInputs {
            x,
            kernel: context.weight(&format!("{prefix}kernel")),
            recurrent_kernel: context.weight(&format!("{prefix}recurrent_kernel")),
            bias,
            states,
        })
    }
}

/// The time steps that count, on the host.
fn steps<B: Backend>(x: &Value<B>) -> Result<Steps> {
    match x.time_mask()? {
        Some(mask) => Steps::mask(mask.to_vec(), mask.shape()[0], mask.shape()[1]),
        None => Ok(Steps::all()),
    }
}
