//! What a network computes: outputs for predictions and for training steps.

use fornax_core::{Array, Autodiff, Backend, DynTensor, Error, Philox, Result, Value};

use super::Network;
use crate::graph::root_context;
use crate::layer::Effects;

/// What a training step runs with: the weights on the autodiff backend.
pub type Lifted<B> = Vec<DynTensor<Autodiff<B>>>;

impl<B: Backend> Network<B> {
    /// The outputs for a batch, without a graph.
    ///
    /// # Errors
    /// If the inputs are not of the model's shapes.
    pub fn infer(&self, inputs: Vec<Value<B>>) -> Result<Vec<Value<B>>> {
        let mut effects = Effects::default();
        let random = Philox::new(self.seed);
        self.graph.infer(inputs, &mut root_context(&self.weights, false, random, &mut effects))
    }

    /// [`Self::infer`], after which the states that stateful layers leave are those that the next batch begins with.
    ///
    /// # Errors
    /// If the inputs are not of the model's shapes.
    pub fn advance(&mut self, inputs: Vec<Value<B>>) -> Result<Vec<Value<B>>> {
        let mut effects = Effects::default();
        let random = Philox::new(self.seed);
        let outputs =
            self.graph.infer(inputs, &mut root_context(&self.weights, false, random, &mut effects))?;
        for (index, value) in effects.updates {
            self.replace(index, value);
        }
        Ok(outputs)
    }

    /// Puts the states of stateful layers back to 0.
    pub fn reset_states(&mut self) {
        for (variable, weight) in self.variables.iter().zip(&mut self.weights) {
            if variable.state {
                *weight = weight.zeros_like();
            }
        }
    }

    /// The output for each sample of `x`, in batches of 32.
    ///
    /// # Errors
    /// If `x` is not of the model's input shape, or the model has several inputs or outputs (see
    /// [`Self::predict_all`]).
    pub fn predict(&self, x: &Array) -> Result<Array> {
        if self.graph.outputs.len() != 1 {
            return Err(Error::argument(
                "predict",
                format!("a model of {} outputs", self.graph.outputs.len()),
                "predict_all",
            ));
        }
        Ok(self.predict_all(std::slice::from_ref(x), 32)?.swap_remove(0))
    }

    /// The outputs for the inputs, each with as many samples, in batches of `batch_size`.
    ///
    /// # Errors
    /// If the inputs are not of the model's shapes or have different numbers of samples, or `batch_size` is 0.
    pub fn predict_all(&self, inputs: &[Array], batch_size: usize) -> Result<Vec<Array>> {
        if batch_size == 0 {
            return Err(Error::argument("batch_size", 0, "at least 1"));
        }
        let samples = inputs.first().map_or(0, Array::row_count);
        if samples == 0 {
            return Err(Error::data("inputs", "no sample", "at least one"));
        }
        if let Some(other) = inputs.iter().find(|input| input.row_count() != samples) {
            return Err(Error::shape(
                "inputs",
                format!("{} samples", other.row_count()),
                format!("{samples}, as in the first input"),
            ));
        }
        let mut outputs: Vec<(Vec<usize>, Vec<f32>)> = vec![];
        for start in (0..samples).step_by(batch_size) {
            let rows = start..(start + batch_size).min(samples);
            let batch = inputs.iter().map(|input| match rows.len() == samples {
                true => Value::from_array(input, &self.device),
                false => Value::from_array(&input.rows(rows.clone()), &self.device),
            });
            let batch = self.infer(batch.collect())?;
            outputs.resize_with(batch.len(), Default::default);
            for ((shape, values), output) in outputs.iter_mut().zip(batch) {
                *shape = output.shape();
                match values.is_empty() {
                    true => *values = output.float().to_vec(),
                    false => values.extend(output.float().to_vec()),
                }
            }
        }
        outputs
            .into_iter()
            .map(|(mut shape, values)| {
                shape[0] = samples;
                Array::from_vec(shape, values)
            })
            .collect()
    }

    /// The outputs of a training step with the lifted weights; `random` is the step's own generator.
    ///
    /// # Errors
    /// If the inputs are not of the model's shapes.
    pub fn train(
        &self,
        lifted: &Lifted<B>,
        inputs: Vec<Value<B>>,
        random: Philox,
    ) -> Result<(Vec<Value<Autodiff<B>>>, Effects<Autodiff<B>>)> {
        self.train_lifted(lifted, inputs.into_iter().map(Value::lift).collect(), random)
    }

    /// [`Self::train`] with row-sparse gradients: look-ups are in [`Effects::lookups`], and a table's gradient is that of
    /// its other uses alone.
    ///
    /// # Errors
    /// If the inputs are not of the model's shapes.
    pub fn train_lazily(
        &self,
        lifted: &Lifted<B>,
        inputs: Vec<Value<B>>,
        random: Philox,
    ) -> Result<(Vec<Value<Autodiff<B>>>, Effects<Autodiff<B>>)> {
        let effects = Effects { lookups: Some(vec![]), ..Effects::default() };
        self.train_with(lifted, inputs.into_iter().map(Value::lift).collect(), random, effects)
    }

    /// [`Self::train`] for inputs that are on the autodiff backend already.
    ///
    /// # Errors
    /// If the inputs are not of the model's shapes.
    pub fn train_lifted(
        &self,
        lifted: &Lifted<B>,
        inputs: Vec<Value<Autodiff<B>>>,
        random: Philox,
    ) -> Result<(Vec<Value<Autodiff<B>>>, Effects<Autodiff<B>>)> {
        self.train_with(lifted, inputs, random, Effects::default())
    }

    fn train_with(
        &self,
        lifted: &Lifted<B>,
        inputs: Vec<Value<Autodiff<B>>>,
        random: Philox,
        mut effects: Effects<Autodiff<B>>,
    ) -> Result<(Vec<Value<Autodiff<B>>>, Effects<Autodiff<B>>)> {
        let outputs = self.graph.train(inputs, &mut root_context(lifted, true, random, &mut effects))?;
        Ok((outputs, effects))
    }

    /// Takes the weights out of the store and lifts them for a step; [`Self::lower`] puts them back.
    pub fn lift(&mut self) -> Lifted<B> {
        let weights = std::mem::take(&mut self.weights);
        weights
            .into_iter()
            .zip(&self.variables)
            .map(|(weight, variable)| weight.lift(variable.trainable))
            .collect()
    }

    /// Puts lifted weights back, each through `step`, which may move it.
    pub fn lower(&mut self, lifted: Lifted<B>, mut step: impl FnMut(usize, DynTensor<B>) -> DynTensor<B>) {
        self.weights =
            lifted.into_iter().enumerate().map(|(index, weight)| step(index, weight.lower())).collect();
    }

    /// Replaces the value of the weight at `index` (moving statistics).
    pub fn replace(&mut self, index: usize, value: DynTensor<B>) {
        self.weights[index] = value;
    }
}
